#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The pods of tests/vm/stock.sh where a stock installation lives: a host with systemd and cgroup v2, KVM, vhost-vsock, virtio-fs.
# shellcheck source=tests/lib/stack.sh
. "$(dirname "$0")/../lib/stack.sh"

exec /stack/tests/vm/stock.sh "$@"
