#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Endurance of stdio in a real guest: VM_EXECS (300) short execs of all kinds (tests/lib/execs.sh), some with a client that is killed, four at a time, and
# STREAM_MIB (64; SOAK=full: 1024) through stdout and through stdin of one process. Every byte and every exit code is
# compared; fds, processes and mounts of the guest and the agent's memory are where they were.
# shellcheck source=tests/lib/vm.sh
. "$(dirname "$0")/../lib/vm.sh"
# shellcheck source=tests/lib/execs.sh
. "$top/tests/lib/execs.sh"
execs=${VM_EXECS:-300}
lanes=4
mib=${STREAM_MIB:-64}
[ "${SOAK:-}" != full ] || mib=${STREAM_MIB:-1024}
slack_kb=128

kata_in_place() {
	exec "$build/kata-agent-ctl" --address "$address" "$@"
}

anonymous_kb() {
	kata call GetDiagnosticData '{"log_type":"guest"}' | jq -r '.data | fromjson | .anonymous_kb'
}

# A killed client's connection may still have been there before, so fds may be fewer.
no_more_than_before() {
	local was now
	after=$(guest_holdings)
	read -ra was <<<"$before"
	read -ra now <<<"$after"
	[ "${now[0]}" -le "${was[0]}" ] && [ "${now[*]:1}" = "${was[*]:1}" ]
}

# As steady COMMAND...: it leaves nothing behind.
steady() {
	local before kb_before after kb_after
	before=$(settled_holdings) kb_before=$(anonymous_kb)
	"$@" || return
	retry_until no_more_than_before || { echo "fds mounts processes cgroups before: $before after: $after"; return 1; }
	kb_after=$(anonymous_kb)
	echo "# agent's anonymous memory $kb_before kB, afterwards $kb_after kB" >&3
	[ "$kb_after" -le $((kb_before + slack_kb)) ]
}

# A lane runs every so manieth, under names that no other lane uses.
lane() {
	local n
	for ((n = $1; n <= $2; n += lanes)); do
		exec_one "$n" "e$1-$((n / lanes % 5))" || return
	done
}

lanes_from_to() {
	local i pids=() bad=0
	for ((i = 0; i < lanes; i++)); do
		lane $(($1 + i)) "$2" >"$work/lane.$i" 2>&1 &
		pids+=($!)
	done
	for i in "${!pids[@]}"; do
		wait "${pids[i]}" || { cat "$work/lane.$i"; bad=1; }
	done
	return "$bad"
}

short_execs() {
	lanes_from_to 1 40 && steady lanes_from_to 41 $((execs + 40))
}

# The same bytes on both sides, made anew each time: nothing of that size has to lie anywhere.
bytes() {
	yes 'every byte of this line is compared with itself' | head -c $((mib << 20))
}

big_output() {
	kata exec -v soak -- sh -c "yes 'every byte of this line is compared with itself' | head -c $((mib << 20))" 2>"$work/log" |
		cmp - <(bytes) && grep -q "stdout: delivered $((mib << 20)) of $((mib << 20)) bytes" "$work/log" ||
		{ cat "$work/log"; return 1; }
}

# cmp in the guest: it makes the same bytes itself.
big_input() {
	bytes | kata exec -v -i soak -- sh -c "rm -f /tmp/same; mkfifo /tmp/same || exit
		yes 'every byte of this line is compared with itself' | head -c $((mib << 20)) >/tmp/same &
		cmp - /tmp/same && echo equal" \
		>"$work/out" 2>"$work/log" || { cat "$work/log"; return 1; }
	[ "$(cat "$work/out")" = equal ] && grep -q "stdin: delivered $((mib << 20)) of $((mib << 20)) bytes" "$work/log" ||
		{ cat "$work/log"; return 1; }
}

exec 3>&1
KATA_TIMEOUT=1500
vm_begin
run --detach --id soak -- sleep 1000000 >/dev/null || vm_fail "the container did not start"
check short_execs short_execs
check big_output steady big_output
check big_input steady big_input
check removal kata rm -f soak
vm_finish
