#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The stream port: every byte of stdio, killed clients, resumed streams, orphans, terminals, nothing left.
. "$(dirname "$0")/../lib/integration.sh"
begin

kata_in_place() {
	exec "$build/kata-agent-ctl" --address "unix://$work/agent.sock" "$@"
}

run() {
	kata run --rootfs "$work/rootfs" "$@"
}

# A container that does nothing, for execs.
start_sleeper() {
	run --detach --id sleeper -- sleep 1000 >/dev/null
}

mib() {
	head -c "$((1048576 * $1))" /dev/urandom
}

delivered() {
	grep -q "$1: delivered $2 of $2 bytes" "$work/log" || { echo "log: $(cat "$work/log")"; return 1; }
}

announced() {
	kata call GetGuestDetails | grep -q '"streams=1028"'
}

big_output() {
	kata exec -v sleeper -- cat /tmp/data >"$work/out" 2>"$work/log" || { cat "$work/log"; return 1; }
	cmp "$work/data" "$work/out" && delivered stdout 104857600
}

big_input() {
	KATA_TIMEOUT=100 kata exec -v -i sleeper -- sh -c 'cat >/tmp/copy; echo done' <"$work/data" >"$work/out" 2>"$work/log" || return
	[ "$(cat "$work/out")" = 'done' ] && cmp "$work/data" "$work/rootfs/tmp/copy" && delivered stdin 104857600
}

both_ways_through_pipes() {
	kata exec -i sleeper -- cat <"$work/data" | cmp - "$work/data"
}

calls_still_work() {
	kata exec --no-streams -i -v sleeper -- sh -c 'head -c 3000000; echo e >&2' <"$work/data" >"$work/out" 2>"$work/log" || return
	cmp <(head -c 3000000 "$work/data") "$work/out" && delivered stdout 3000000 && delivered stderr 2
}

short_execs() {
	local i
	for ((i = 0; i < 200; i++)); do
		kata exec sleeper -- sh -c 'echo "out '$i'"; echo "err '$i'" >&2' >>"$work/short.out" 2>>"$work/short.err" || return
	done
	cmp <(for ((i = 0; i < 200; i++)); do echo "out $i"; done) "$work/short.out" &&
		cmp <(for ((i = 0; i < 200; i++)); do echo "err $i"; done) "$work/short.err"
}

grew() {
	[ "$(stat -c %s "$1")" -gt "$2" ]
}

# As quick as can be, to kill in full flow: a bounded loop without pauses.
until_grown() {
	local i
	for ((i = 0; i < 5000; i++)); do
		grew "$1" "$2" && return 0
	done
	echo "$1 does not grow beyond $2"
	return 1
}

# Killed in the middle, twice; each client goes on behind what the one before has written. stdout is a file, so that what
# was written can be told. The process waits after 60 MB, so that none of the first two can be too late.
killed_output_resumes() {
	local pid have
	"$build/kata-agent-ctl" --address "unix://$work/agent.sock" exec --id victim sleeper -- sh -c '
		head -c 60000000 /tmp/data; until [ -e /tmp/go ]; do sleep 0.1; done; tail -c +60000001 /tmp/data' >"$work/out" &
	pid=$!
	until_grown "$work/out" 5000000 || return
	kill -KILL "$pid"
	wait "$pid"
	have=$(stat -c %s "$work/out")
	"$build/kata-agent-ctl" --address "unix://$work/agent.sock" attach --have-stdout "$have" sleeper victim >>"$work/out" &
	pid=$!
	until_grown "$work/out" $((have + 1000)) >/dev/null # or the first one took all there is
	kill -KILL "$pid"
	wait "$pid"
	have=$(stat -c %s "$work/out")
	echo "killed at $have"
	touch "$work/rootfs/tmp/go"
	kata attach -v --have-stdout "$have" sleeper victim >>"$work/out" 2>"$work/log" || { cat "$work/log"; return 1; }
	cmp "$work/data" "$work/out" && delivered stdout 104857600
}

killed_input_resumes() {
	local pid
	mkfifo "$work/fifo"
	"$build/kata-agent-ctl" --address "unix://$work/agent.sock" exec -i --id taker sleeper -- sh -c 'cat >/tmp/copy' <"$work/fifo" &
	pid=$!
	exec 7>"$work/fifo"
	head -c 30000000 "$work/data" >&7
	retry_until grew "$work/rootfs/tmp/copy" 20000000 || return
	kill -KILL "$pid"
	wait "$pid"
	exec 7>&-
	kata attach -v -i --whole-stdin sleeper taker <"$work/data" 2>"$work/log" || { cat "$work/log"; return 1; }
	cmp "$work/data" "$work/rootfs/tmp/copy" && delivered stdin 104857600
}

has_exited() {
	kata ps | grep -q "^$1 .* exited "
}

late_attach_after_exit() {
	"$build/kata-agent-ctl" --address "unix://$work/agent.sock" run --detach --id brief --rootfs "$work/rootfs" -- \
		sh -c 'echo rest; exit 9' >/dev/null || return
	retry_until has_exited brief || return
	expect 9 rest kata attach brief && expect 9 '' kata attach brief && kata rm brief
}

one_client_at_a_time() {
	local pid
	: >"$work/out" # the one before may have said "up" as well
	kata exec -i --id single sleeper -- sh -c 'echo up; cat' < <(sleep 20) >"$work/out" &
	pid=$!
	retry_until grep -q up "$work/out" || return
	expect 125 FAILED_PRECONDITION kata attach sleeper single || return
	kill "$pid" # the signal goes to the process
	wait "$pid"
	expect 5 '' kata exec sleeper -- sh -c 'exit 5' && expect 125 NOT_FOUND kata attach sleeper nobody &&
		expect 125 INVALID_ARGUMENT kata attach nowhere
}

# The first client lives but has stopped, as one that nobody has told to be dead: its successor asks to take over.
living_client_is_let_go() {
	local pid have
	kata_in_place exec --id stuck sleeper -- cat /tmp/data >"$work/out" &
	pid=$!
	until_grown "$work/out" 1000000 && kill -STOP "$pid" || return
	have=$(stat -c %s "$work/out")
	expect 125 FAILED_PRECONDITION kata attach --have-stdout "$have" sleeper stuck || return
	kata attach --take-over -v --have-stdout "$have" sleeper stuck >"$work/rest" 2>"$work/log" || { cat "$work/log"; return 1; }
	kill -KILL "$pid"
	wait "$pid"
	cat "$work/rest" >>"$work/out"
	cmp "$work/data" "$work/out" && delivered stdout 104857600
}

living_writer_is_let_go() {
	local pid
	rm -f "$work/fifo" && mkfifo "$work/fifo"
	kata_in_place exec -i --id slow sleeper -- sh -c 'until [ -e /tmp/go2 ]; do sleep 0.1; done; cat >/tmp/copy' <"$work/fifo" &
	pid=$!
	exec 7>"$work/fifo"
	timeout 2 head -c 6000000 "$work/data" >&7 # more than fits on the way
	kill -STOP "$pid"
	touch "$work/rootfs/tmp/go2"
	expect 125 FAILED_PRECONDITION kata attach -i --whole-stdin sleeper slow <"$work/data" || return
	kata attach --take-over -v -i --whole-stdin sleeper slow <"$work/data" 2>"$work/log" || { cat "$work/log"; return 1; }
	exec 7>&-
	kill -KILL "$pid"
	wait "$pid"
	cmp "$work/data" "$work/rootfs/tmp/copy" && delivered stdin 104857600
}

orphan_does_not_hold_the_end() {
	KATA_TIMEOUT=20 expect 0 own kata exec -v sleeper -- sh -c 'sleep 60 & echo own'
}

orphan_may_finish() {
	kata exec sleeper -- sh -c '(sleep 0.2; echo tee) & echo own' >"$work/out" && [ "$(cat "$work/out")" = $'own\ntee' ]
}

terminal() {
	KATA_TIMEOUT=20 expect 4 '/dev/pts/' kata exec -t -v sleeper -- sh -c 'tty; seq 20000; exit 4' || return
	kata exec -t sleeper -- seq 20000 | tr -d '\r' | cmp - <(seq 20000) || return
	[ "$(echo typed | kata exec -t -i sleeper -- sh -c 'read x; echo "got $x"; cat' | tr -d '\r' | grep -c 'got typed')" = 1 ]
}

broken_pipe_kills() {
	kata exec sleeper -- sh -c 'while :; do echo yes; done' | head -n 1 >/dev/null
	[ "${PIPESTATUS[0]}" = 137 ]
}

nothing_left() {
	kata exec sleeper -- true || return
	local before after i pid
	before=$(holdings)
	for ((i = 0; i < 5; i++)); do
		kata exec -i sleeper -- cat <"$work/rootfs/etc/passwd" >/dev/null || return
		kata exec -i --id "gone$i" sleeper -- sleep 100 < <(sleep 1) &
		pid=$!
		retry_until kata kill --exec "gone$i" sleeper KILL || return
		wait "$pid"
	done
	settled() {
		after=$(holdings)
		[ "$before" = "$after" ]
	}
	retry_until settled || { echo "before: $before after: $after"; return 1; }
}

mib 100 >"$work/data"
ln "$work/data" "$work/rootfs/tmp/data"
start_sleeper
check announced announced
check big_output big_output
check big_input big_input
check both_ways_through_pipes both_ways_through_pipes
check calls_still_work calls_still_work
check short_execs short_execs
check killed_output_resumes killed_output_resumes
check killed_input_resumes killed_input_resumes
check late_attach_after_exit late_attach_after_exit
check one_client_at_a_time one_client_at_a_time
check living_client_is_let_go living_client_is_let_go
check living_writer_is_let_go living_writer_is_let_go
check orphan_does_not_hold_the_end orphan_does_not_hold_the_end
check orphan_may_finish orphan_may_finish
check terminal terminal
check broken_pipe_kills broken_pipe_kills
check nothing_left nothing_left
kata kill sleeper KILL >/dev/null
retry_until kata rm sleeper >/dev/null
finish
