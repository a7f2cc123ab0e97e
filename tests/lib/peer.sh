# shellcheck shell=bash
# shellcheck disable=SC2154
# SPDX-License-Identifier: Apache-2.0
# The foreign peer (tests/peer) for scripts that have sourced integration.sh or vm.sh: where it is, and its tests.

peer=$top/build/peer/peer

# Ends the script with a skip where the peer cannot be built.
need_peer() {
	if ! command -v go >/dev/null || [ ! -d /usr/share/gocode/src/github.com/containerd/ttrpc ]; then
		echo "skip peer: no Go or no ttrpc for it (scripts/install-deps check)"
		exit 0
	fi
	"$top/tests/peer/build" "$(dirname "$peer")" || {
		echo "not ok peer: it does not build"
		exit 1
	}
}

# peer_client ADDRESS ROOTFS: its own lines, and one that tells whether it came to its end.
peer_client() {
	local output status=0
	output=$(timeout -k 5 "${PEER_TIMEOUT:-120}" "$peer" client "$1" "$2" 2>&1) || status=$?
	sed 's/^\(ok\|not ok\) /&client_/' <<<"$output"
	failures=$((failures + $(grep -c '^not ok ' <<<"$output")))
	check client_ends expect 0 "ok still_healthy" peer_said "$status" "$output"
}

peer_said() {
	echo "$2"
	return "$1"
}
