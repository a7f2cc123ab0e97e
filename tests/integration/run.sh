#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A container's life behind the fence: create, start, output, exit codes, stdin, exec, removal, nothing left.
. "$(dirname "$0")/../lib/integration.sh"
begin

run() {
	kata run --rootfs "$work/rootfs" "$@"
}

exit_codes() {
	expect 0 hello run -- echo hello &&
		expect 3 '' run -- sh -c 'exit 3' &&
		expect 137 '' run -- sh -c 'sh -c "kill -9 \$\$"; exit $?' &&
		expect 127 'the file no-such-program was not found' run -- no-such-program
}

big_output() {
	local want
	want=$(head -c 10485760 /dev/zero | tr '\0' x | md5sum)
	run -- sh -c 'head -c 10485760 /dev/zero | tr "\0" x; head -c 1048576 /dev/zero | tr "\0" y >&2' \
		>"$work/out" 2>"$work/err" || return
	[ "$(md5sum <"$work/out")" = "$want" ] || { echo "stdout differs: $(wc -c <"$work/out") bytes"; return 1; }
	want=$(head -c 1048576 /dev/zero | tr '\0' y | md5sum)
	[ "$(md5sum <"$work/err")" = "$want" ] || { echo "stderr differs: $(wc -c <"$work/err") bytes"; return 1; }
}

big_input() {
	head -c 5242880 /dev/urandom >"$work/in"
	run -i -- cat <"$work/in" >"$work/out" || return
	cmp "$work/in" "$work/out"
}

exec_works() {
	run --id sleeper -- sleep 100 &
	local sleeper=$!
	retry_until kata exec sleeper -- true || return
	expect 0 inside kata exec sleeper -- echo inside || return
	expect 5 '' kata exec sleeper -- sh -c 'exit 5' || return
	expect 127 'nothing-here was not found' kata exec sleeper -- nothing-here || return
	kata kill sleeper 9 || return
	wait "$sleeper"
	[ $? = 137 ] || { echo "the sleeper did not end with 137"; return 1; }
}

grandchild_does_not_hold_exec() {
	run --id parent -- sleep 100 &
	local parent=$!
	retry_until kata exec parent -- true || return
	KATA_TIMEOUT=20 expect 0 own kata exec parent -- sh -c 'sleep 60 & echo own' || return
	KATA_TIMEOUT=20 expect 0 own kata exec -t parent -- sh -c 'sleep 60 & echo own' || return
	kata kill parent 9
	wait "$parent"
	:
}

nothing_left() {
	run -- true >/dev/null 2>&1
	local before after
	before=$(holdings)
	for _ in 1 2 3; do run -- true || return; done
	after=$(holdings)
	[ "$before" = "$after" ] || { echo "before: $before after: $after"; return 1; }
}

check exit_codes exit_codes
check big_output big_output
check big_input big_input
check exec_works exec_works
check grandchild_does_not_hold_exec grandchild_does_not_hold_exec
check nothing_left nothing_left
finish
