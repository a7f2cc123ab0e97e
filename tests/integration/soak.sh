#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SOAK_EXECS (1000) short execs in one container, with and without a terminal and stdin: every exit code and every byte is
# compared, and the agent's memory and file descriptors are where they were after the first hundred.
. "$(dirname "$0")/../lib/integration.sh"
warm_up=100
ids=50            # names are used again and again: an exec that was waited for makes room for the next of its name
records_max=1024  # CONTAINER_EXITED_EXECS_MAX
slack_kb=64       # RssAnon counts pages
execs=1000
if [[ $build == *asan ]]; then
	slack_kb=1000000 # a sanitizer keeps what was freed
	execs=100        # and takes its time
fi
execs=${SOAK_EXECS:-$execs}

begin
exec 3>&1

kata run --detach --id soak --rootfs "$work/rootfs" -- sleep 100000 >/dev/null || {
	echo "not ok soak: the container did not start"
	failures=1
	finish
}

# The four kinds of exec; $1 is the number of the run. They print what the program must have got and given.
pipe_only() {
	kata exec --id "$2" soak -- sh -c "seq 1 $1; echo end $1 >&2; exit $3"
}

pipe_input() {
	seq 1 "$1" | kata exec -i --id "$2" soak -- sh -c "cat; echo end $1 >&2; exit $3"
}

tty_only() {
	kata exec -t --id "$2" soak -- sh -c "seq 1 $1; echo end $1; exit $3" </dev/null
}

tty_input() {
	echo "line $1" | kata exec -i -t --id "$2" soak -- sh -c "read -r a; seq 1 $1; echo \"\$a\"; exit $3"
}

wanted() {
	case $1 in
	pipe_*) seq 1 "$2" ;;
	tty_only) { seq 1 "$2"; echo "end $2"; } | sed 's/$/\r/' ;;
	tty_input) { echo "line $2"; seq 1 "$2"; echo "line $2"; } | sed 's/$/\r/' ;;
	esac
}

kinds=(pipe_only pipe_input tty_only tty_input)

one() {
	local n=$1 kind=${kinds[$1 % 4]} code=$(($1 % 120)) status=0
	"$kind" "$n" "e$((n % ids))" "$code" >"$work/out" 2>"$work/err" || status=$?
	[ "$status" -eq "$code" ] || { echo "run $n ($kind): exit $status instead of $code: $(head -c 300 "$work/err")"; return 1; }
	wanted "$kind" "$n" | cmp -s - "$work/out" || { echo "run $n ($kind): output differs"; return 1; }
	[[ $kind != pipe_* ]] || [ "$(cat "$work/err")" = "end $n" ] || { echo "run $n ($kind): stderr differs"; return 1; }
}

rss_anon() {
	awk '$1 == "RssAnon:" { print $2 }' "/proc/$agent/status"
}

execs_are_right() {
	local n before after rss_before rss_after
	for ((n = 1; n <= warm_up; n++)); do one "$n" || return; done
	before=$(holdings) rss_before=$(rss_anon)
	for ((n = warm_up + 1; n <= warm_up + execs; n++)); do one "$n" || return; done
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
