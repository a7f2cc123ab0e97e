#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A ttrpc stack of another make (tests/peer, Go from Debian's packages) against the agent in a real guest.
# shellcheck source=tests/lib/vm.sh
. "$(dirname "$0")/../lib/vm.sh"
# shellcheck source=tests/lib/peer.sh
. "$top/tests/lib/peer.sh"
need_peer
vm_begin

PEER_TIMEOUT=300 peer_client "$address" "$guest_share/rootfs"
vm_finish
