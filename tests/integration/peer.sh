#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A ttrpc stack of another make (tests/peer, Go from Debian's packages) against our agent, and our client against it.
# shellcheck source=tests/lib/integration.sh
. "$(dirname "$0")/../lib/integration.sh"

peer=$top/build/peer/peer
if ! command -v go >/dev/null; then
	echo "skip peer: go is missing (scripts/install-deps check)"
	exit 0
fi
"$top/tests/peer/build" "$(dirname "$peer")" || { echo "not ok peer: it does not build"; exit 1; }
begin

client() {
	local output status=0
	output=$(timeout -k 5 120 "$peer" client "unix://$work/agent.sock" "$work/rootfs" 2>&1) || status=$?
	printf '%s\n' "$output" | sed 's/^\(ok\|not ok\) /&client_/'
	failures=$((failures + $(grep -c '^not ok ' <<<"$output")))
	check client_ends expect "$status" "ok health" echo "$output"
}

foreign() {
	timeout -k 5 60 "$build/kata-agent-ctl" --address "unix://$work/peer.sock" "$@"
}

client
timeout 300 "$peer" server "$work/peer.sock" &
server=$!
retry_until test -S "$work/peer.sock"
check server_health expect 0 of-another-make foreign check
kill "$server" 2>/dev/null
finish
