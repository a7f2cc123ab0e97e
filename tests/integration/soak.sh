#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SOAK_EXECS (1000; SOAK=full: 10000) short execs of all kinds (tests/lib/execs.sh) in one container: every exit code and
# every byte is compared, and the agent's memory and file descriptors are where they were after the first hundred.
. "$(dirname "$0")/../lib/integration.sh"
. "$top/tests/lib/execs.sh"
warm_up=100
records_max=1024  # CONTAINER_EXITED_EXECS_MAX
slack_kb=64       # RssAnon counts pages
execs=1000
if [[ $build == *asan ]]; then
	slack_kb=1000000 # a sanitizer keeps what was freed
	execs=100        # and takes its time
fi
[ "${SOAK:-}" != full ] || execs=10000
execs=${SOAK_EXECS:-$execs}

kata_in_place() {
	exec "$build/kata-agent-ctl" --address "unix://$work/agent.sock" "$@"
}

begin
exec 3>&1

kata run --detach --id soak --rootfs "$work/rootfs" -- sleep 100000 >/dev/null || {
	echo "not ok soak: the container did not start"
	failures=1
	finish
}

rss_anon() {
	awk '$1 == "RssAnon:" { print $2 }' "/proc/$agent/status"
}

execs_are_right() {
	local n before after rss_before rss_after
	for ((n = 1; n <= warm_up; n++)); do exec_one "$n" || return; done
	before=$(holdings) rss_before=$(rss_anon)
	for ((n = warm_up + 1; n <= warm_up + execs; n++)); do exec_one "$n" || return; done
	after=$(holdings) rss_after=$(rss_anon)
	[ "$before" = "$after" ] || { echo "before: $before after: $after"; return 1; }
	echo "# RssAnon $rss_before kB, after $execs execs $rss_after kB" >&3
	[ "$rss_after" -le $((rss_before + slack_kb)) ]
}

wait_for() {
	kata call WaitProcess "{\"container_id\": \"soak\", \"exec_id\": \"$1\"}"
}

# An exit that nobody has asked for yet outlives those that were told.
records_are_limited() {
	local n
	kata call ExecProcess '{"container_id": "soak", "exec_id": "unasked", "process":
		{"Args": ["sh", "-c", "exit 9"], "Cwd": "/", "Env": ["PATH=/bin"], "User": {}}}' || return
	for ((n = 1; n <= records_max + 20; n++)); do
		kata exec --id "r$n" soak -- true || return
	done
	expect 1 '' wait_for r1 || return
	expect 0 '' wait_for "r$((records_max + 20))" || return
	expect 0 9 wait_for unasked
}

check execs_are_right execs_are_right
[[ $build == *asan ]] || check records_are_limited records_are_limited
check removal kata rm soak
finish
