#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Nothing of one process is kept by another: while a created container is not started, the end of input, an exit and a
# disconnect are seen at once. A parked child that had kept a copy of an fd would delay each of them for ever. (That jobs
# keep nothing is tests/unit/lib/test_job.c's.)
. "$(dirname "$0")/../lib/integration.sh"
. "$top/tests/lib/bundle.sh"
begin

read_input() {
	local status=0
	kata run -i --no-streams --id reader --rootfs "$work/rootfs" -- sh -c 'cat; echo end' <"$work/input" \
		>"$work/output" 2>&1 || status=$?
	echo "$status" >"$work/status"
}

end_of_input_is_seen() {
	retry_until grep -q end "$work/output"
}

exit_is_seen() {
	retry_until test -s "$work/status" || return
	[ "$(cat "$work/status")" = 0 ] || { echo "status $(cat "$work/status"): $(cat "$work/output")"; return 1; }
}

agent_sockets() {
	find "/proc/$agent/fd" -lname 'socket:*' | wc -l
}

# The agent's side of a connection goes when its client goes, not when the parked child does.
disconnect_is_seen() {
	local before client
	create gone . sh -c 'cat; sleep 1000' && rpc StartContainer gone || return
	before=$(agent_sockets)
	"$build/kata-agent-ctl" --address "unix://$work/agent.sock" call WaitProcess '{"container_id": "gone"}' &
	client=$!
	retry_until eval '[ "$(agent_sockets)" -gt "$before" ]' || return
	kill -KILL "$client"
	retry_until eval '[ "$(agent_sockets)" -le "$before" ]'
}

kata call CreateSandbox '{"sandbox_id": "apart"}' >/dev/null
mkfifo "$work/input"
read_input &
exec 8>"$work/input"
echo first >&8
retry_until grep -q first "$work/output" >/dev/null
# Forked while the reader's ends are open.
check parked create parked . sleep 1000 8>&-
exec 8>&-
check end_of_input_is_seen end_of_input_is_seen
check exit_is_seen exit_is_seen
check disconnect_is_seen disconnect_is_seen
kata rm --force gone >/dev/null
kata rm --force parked >/dev/null
finish
