#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A ttrpc stack of another make (tests/peer, Go from Debian's packages) against our agent, and our client against it.
# shellcheck source=tests/lib/integration.sh
. "$(dirname "$0")/../lib/integration.sh"
# shellcheck source=tests/lib/peer.sh
. "$top/tests/lib/peer.sh"
need_peer
begin "$@"

foreign() {
	timeout -k 5 60 "$build/kata-agent-ctl" --address "unix://$work/peer.sock" "$@"
}

answers_late() {
	expect 0 '"status":-7' foreign call WaitProcess '{}' &&
		expect 1 'WaitProcess: DEADLINE_EXCEEDED' foreign --timeout 0.2 call WaitProcess '{}'
}

# A digit, a letter and a sign of three bytes come through whole.
errors() {
	expect 1 'RemoveContainer: NOT_FOUND: no container "ü" here – timeout 7' \
		foreign call RemoveContainer '{"container_id":"ü","timeout":7}' &&
		expect 1 'PauseContainer: UNIMPLEMENTED' foreign call PauseContainer '{}'
}

# The longest answer that fits, and one that does not.
long_answers() {
	local n
	n=$(foreign call ReadStdout '{"len":4194280}' | jq -r .data | base64 -d | tr -dc '\377' | wc -c) || return
	[ "$n" = 4194280 ] || { echo "$n bytes came"; return 1; }
	expect 1 'ReadStdout: RESOURCE_EXHAUSTED' foreign call ReadStdout '{"len":5000000}'
}

every_kind_of_field() {
	local interface stats
	interface='{"device":"a","name":"ü","IPAddresses":[{"family":"v6","address":"::1","mask":"64"}],'
	interface+='"mtu":"18446744073709551615","hwAddr":"","devicePath":"","type":"","raw_flags":4294967295}'
	expect 0 "$interface" foreign call UpdateInterface "{\"interface\":$interface}" || return
	stats=$(foreign call StatsContainer '{}' | jq -c '.cgroup_stats |
		[.cpu_stats.cpu_usage.percpu_usage, .memory_stats.stats.anon, .hugetlb_stats["2MB"].usage, .cpu_stats.cpu_usage.total_usage]')
	[ "$stats" = '[["1","0","300"],"5","6","9223372036854775808"]' ] || { echo "told $stats"; return 1; }
	expect 0 '{}' foreign call StartContainer '{}'
}

peer_client "unix://$work/agent.sock" "$work/rootfs"
before=$(holdings)
peer_client "unix://$work/agent.sock" "$work/rootfs" >"$work/second" # the ids are free again, and nothing grows
grep '^not ok' "$work/second"
check nothing_left holds_again "$before"

timeout 300 "$peer" server "$work/peer.sock" 2>/dev/null &
server=$!
retry_until test -S "$work/peer.sock"
check server_health expect 0 'serving, agent of-another-make, protocol 0.0.1' foreign check
check server_answers_late answers_late
check server_errors errors
check server_long_answers long_answers
check server_every_kind_of_field every_kind_of_field
kill "$server" 2>/dev/null
finish
