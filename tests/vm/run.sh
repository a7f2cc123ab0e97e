#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Containers in a real guest: bytes, exit codes, terminals, pause, many at once, nothing left, power-off.
# shellcheck source=tests/lib/vm.sh
. "$(dirname "$0")/../lib/vm.sh"
vm_begin

big_output() {
	run -- sh -c 'head -c 10485760 /dev/zero | tr "\0" x; head -c 1048576 /dev/zero | tr "\0" y >&2' \
		>"$work/out" 2>"$work/err" || return
	cmp "$work/out" <(head -c 10485760 /dev/zero | tr '\0' x) && cmp "$work/err" <(head -c 1048576 /dev/zero | tr '\0' y)
}

big_input() {
	head -c 5242880 /dev/urandom >"$work/in"
	run -i -- cat <"$work/in" >"$work/out" || return
	cmp "$work/in" "$work/out"
}

# Every byte over the stream port of a guest, in both directions; through hvsock the end of the input is a call.
streams_deliver() {
	head -c 3000000 /dev/urandom >"$work/in"
	run -v -i -- cat <"$work/in" >"$work/out" 2>"$work/log" || { cat "$work/log"; return 1; }
	cmp "$work/in" "$work/out" && grep -q 'stdin: delivered 3000000 of 3000000' "$work/log" &&
		grep -q 'stdout: delivered 3000000 of 3000000' "$work/log" || { cat "$work/log"; return 1; }
	kata call GetGuestDetails | grep -q streams=1028
}

exit_codes() {
	expect 0 hello run -- echo hello &&
		expect 3 '' run -- sh -c 'exit 3' &&
		expect 127 'the file no-such-program was not found' run -- no-such-program
}

# A script for upstream's tool, through a hypervisor's socket; the guest sees the bundle's root file system in the share.
connect_as_upstream() {
	local socket=${address#hvsock://}
	jq --arg root "$guest_share/rootfs" '.root.path = $root | .process.args = ["sh", "-c", "hostname; exit 6"]' \
		<"$top/tests/data/bundle.json" >"$work/config.json"
	timeout 60 "$build/kata-agent-ctl" connect --server-address "unix://${socket%:*}" --hybrid-vsock -c Check GetGuestDetails \
		-c "CreateContainer cid=up spec=file://$work/config.json" StartContainer WaitProcess ReadStdout RemoveContainer >"$work/out" 2>&1 &&
		grep -qx '{"status":6}' "$work/out" && grep -q '"data":"..*"' "$work/out" || { cat "$work/out"; return 1; }
}

killed_is_137() {
	run --id victim -- sleep 100 &
	local pid=$! status=0
	retry_until kata exec victim -- true || return
	kata kill victim KILL || return
	wait "$pid" || status=$?
	[ "$status" = 137 ] || { echo "status $status"; return 1; }
}

# A terminal of 30x100 that becomes 40x120 while the container runs; `script` is the user's terminal.
terminal_resizes() {
	local size
	cat >"$work/session" <<SESSION
stty rows 30 cols 100
(
	for i in \$(seq 300); do grep -q ready $work/tty.log && break; sleep 0.1; done
	stty rows 40 cols 120 </dev/tty
) &
exec $build/kata-agent-ctl --address $address run -t -i --id tty --share $work/share:$guest_share \
	--rootfs $work/share/rootfs -- sh -c 'stty size; trap "stty size; exit 7" WINCH; echo ready; while :; do sleep 0.1; done'
SESSION
	local status=0
	timeout 60 script -qefc "bash $work/session" "$work/tty.log" >/dev/null </dev/null || status=$?
	[ "$status" = 7 ] || { echo "status $status: $(cat "$work/tty.log")"; return 1; }
	size=$(grep -aoE '(30 100|40 120)' "$work/tty.log" | tr '\n' ,)
	[ "$size" = '30 100,40 120,' ] || { echo "sizes $size: $(cat "$work/tty.log")"; return 1; }
}

pause_and_exec() {
	run --id paused -- sleep 100 &
	local pid=$!
	retry_until kata exec paused -- true || return
	kata pause paused || return
	expect 125 "it is paused" kata exec paused -- true || return
	kata resume paused || return
	expect 0 back kata exec paused -- echo back || return
	kata kill paused 9
	wait "$pid"
	:
}

grandchild_does_not_hold_exec() {
	run --id parent -- sleep 300 &
	local pid=$!
	retry_until kata exec parent -- true || return
	KATA_TIMEOUT=30 expect 0 own kata exec parent -- sh -c 'sleep 200 & seq 20000; echo own' || return
	KATA_TIMEOUT=30 expect 0 own kata exec -t parent -- sh -c 'sleep 200 & seq 2000; echo own' || return
	kata kill parent 9
	wait "$pid"
	:
}

start_many() {
	local i
	for i in $(seq 50); do
		run --id "many-$i" -- sh -c "echo $i; sleep 300" >"$work/many-$i" 2>&1 &
	done
}

all_have_spoken() {
	local i
	for i in $(seq 50); do
		grep -qx "$i" "$work/many-$i" || return 1
	done
}

# 50 at once in one sandbox, then gone without a trace.
fifty_at_once() {
	local before after i running
	run -- true || return
	before=$(settled_holdings)
	start_many
	for i in 1 2 3 4 5 6; do retry_until all_have_spoken >/dev/null && break; done
	running=$(kata --json ps | jq '[.containers[] | select(.state == "running")] | length')
	[ "$running" = 50 ] || { echo "$running of 50 run: $(grep -hv '^[0-9]*$' "$work"/many-* | head -n 3)"; return 1; }
	for i in $(seq 50); do kata kill "many-$i" 9 || return; done
	wait
	after=$(settled_holdings)
	[ "$before" = "$after" ] || { echo "fds mounts processes cgroups before: $before after: $after"; return 1; }
}

powers_off() {
	kata call DestroySandbox '{}' || return
	retry_until vm_is_off || retry_until vm_is_off
}

check exit_codes exit_codes
check streams_deliver streams_deliver
check big_output big_output
check big_input big_input
check killed_is_137 killed_is_137
check connect_as_upstream connect_as_upstream
check terminal_resizes terminal_resizes
check pause_and_exec pause_and_exec
check grandchild_does_not_hold_exec grandchild_does_not_hold_exec
check fifty_at_once fifty_at_once
check powers_off powers_off
vm_finish
