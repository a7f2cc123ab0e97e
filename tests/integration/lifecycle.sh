#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The edges of a container's life: calls at the wrong time, twice, too early, in parallel; and what a sandbox shares.
. "$(dirname "$0")/../lib/integration.sh"
. "$top/tests/lib/bundle.sh"
begin

before_the_sandbox() {
	create early . sleep 100 && rpc StartContainer early && kata rm -f early
}

sandbox_once() {
	kata call CreateSandbox '{"sandbox_id": "first", "hostname": "pod"}' || return
	expect 1 "sandbox 'first' exists already" kata call CreateSandbox '{"sandbox_id": "second"}'
}

killed_before_start() {
	create unstarted . sleep 100 && rpc SignalProcess unstarted '"signal": 9' || return
	prints '{"status":137}' rpc WaitProcess unstarted || return
	expect 1 "start container 'unstarted': it is stopped" rpc StartContainer unstarted || return
	kata rm unstarted
}

start_twice() {
	create twice . sleep 100 && rpc StartContainer twice || return
	expect 1 "start container 'twice': it is running" rpc StartContainer twice || return
	expect 1 "container 'twice' exists already" create twice . true || return
	kata rm -f twice
	create twice . true && kata rm twice
}

exec_in_created() {
	create created . sleep 100 || return
	prints 'pod 2' kata exec created -- sh -c 'echo $(hostname) $$' || return
	rpc StartContainer created || return
	kata rm -f created
}

after_the_end() {
	create ended . sh -c 'exit 7' && rpc StartContainer ended || return
	prints '{"status":7}' rpc WaitProcess ended && prints '{"status":7}' rpc WaitProcess ended &&
		prints '{}' rpc SignalProcess ended '"signal": 15' && prints '{}' rpc SignalProcess ended '"signal": 9' &&
		prints '{}' rpc CloseStdin ended && prints '{"data":""}' rpc ReadStdout ended '"len": 9' &&
		expect 1 "write stdin of 'ended' in 'ended' (EPIPE)" rpc WriteStdin ended '"data": "aGk="' || return
	expect 125 "exec in container 'ended': it is stopped" kata exec ended -- true &&
		expect 1 "pause container 'ended': it is stopped" kata pause ended &&
		expect 1 "resume container 'ended': it is stopped" kata resume ended &&
		expect 1 "update container 'ended': it is stopped" kata update ended --memory 1G || return
	kata rm ended || return
	expect 1 'nvalid container id' kata rm ended
}

two_wait() {
	create waited . sh -c 'sleep 0.5; exit 3' && rpc StartContainer waited || return
	rpc WaitProcess waited >"$work/one" &
	local one=$!
	prints '{"status":3}' rpc WaitProcess waited || return
	wait "$one"
	grep -q '"status":3' "$work/one" && kata rm waited
}

exec_ids() {
	create ids . sleep 100 && rpc StartContainer ids || return
	kata exec --id one ids -- sleep 100 >"$work/one" 2>&1 &
	local one=$!
	retry_until rpc SignalProcess ids '"exec_id": "one"' || return
	expect 125 "exec id 'one' of container 'ids' is in use" kata exec --id one ids -- true || return
	expect 125 "exec id 'ids' of container 'ids' is in use" kata exec --id ids ids -- true || return
	kata kill --exec one ids KILL || return
	wait "$one"
	[ $? = 137 ] || return
	# Its end has been waited for.
	prints again kata exec --id one ids -- echo again || return
	expect 1 'NOT_FOUND' rpc WaitProcess ids '"exec_id": "never"' || return
	# One that never ran leaves its name.
	expect 127 'was not found' kata exec --id two ids -- no-such-program &&
		prints two kata exec --id two ids -- echo two && kata rm -f ids
}

paused() {
	create frozen . sleep 100 && rpc StartContainer frozen && kata pause frozen || return
	expect 1 "pause container 'frozen': it is paused" kata pause frozen &&
		expect 125 "exec in container 'frozen': it is paused" kata exec frozen -- true &&
		kata stats frozen && kata resume frozen && kata exec frozen -- true || return
	kata pause frozen && kata rm frozen || return
	create frozen . sleep 100 && kata pause frozen || return
	expect 1 "start container 'frozen': it is paused" rpc StartContainer frozen &&
		kata resume frozen && rpc StartContainer frozen && kata rm frozen
}

# One whose creation takes a while.
create_slow() {
	local i
	request slow '.OCI.Mounts += [range(4000) | {destination: "/dev/m\(.)", source: "t", type: "tmpfs"}]' sleep 100 \
		>"$work/slow"
	kata call CreateContainer "@$work/slow" >"$work/created" 2>&1 &
	creator=$!
	for ((i = 0; i < 1000; i++)); do
		kata ps | grep -q 'slow.*building' && return 0
	done
	echo "not seen while it was being created: $(cat "$work/created")"
	return 1
}

removed_while_created() {
	create_slow || return
	expect 1 "start container 'slow': it is creating" rpc StartContainer slow || return
	rpc RemoveContainer slow || return
	wait "$creator" && return 1
	grep -q "create container 'slow': it is being removed" "$work/created" || { cat "$work/created"; return 1; }
	create slow . true && kata rm slow
}

removed_while_execs() {
	create busy . sleep 100 && rpc StartContainer busy || return
	local i
	for i in {1..20}; do
		kata exec busy -- sleep 100 >/dev/null 2>&1 &
	done
	retry_until kata exec busy -- true || return
	kata rm busy || return
	for i in $(jobs -p); do wait "$i"; done
	expect 1 'nvalid container id' kata rm busy
}

removed_twice_at_once() {
	create gone . sleep 100 || return
	kata rm gone >"$work/first" 2>&1 &
	local first=$!
	kata rm gone >"$work/second" 2>&1 || grep -q 'nvalid container id' "$work/second" || return
	wait "$first" || grep -q 'nvalid container id' "$work/first"
}

many_execs() {
	create many . sleep 1000 && rpc StartContainer many || return
	local i pids=()
	for i in {1..200}; do
		kata exec many -- echo "number $i" >"$work/many.$i" 2>&1 &
		pids+=($!)
	done
	wait "${pids[@]}"
	for i in {1..200}; do
		[ "$(cat "$work/many.$i")" = "number $i" ] || { echo "$i: $(cat "$work/many.$i")"; return 1; }
	done
	kata rm -f many
}

shared_names() {
	create one . sleep 100 && rpc StartContainer one && create two . sleep 100 && rpc StartContainer two || return
	local one two
	one=$(kata exec one -- readlink /proc/self/ns/ipc /proc/self/ns/uts)
	two=$(kata exec two -- readlink /proc/self/ns/ipc /proc/self/ns/uts)
	[ "$one" = "$two" ] || return
	prints pod kata exec two -- hostname || return
	[ "$(kata exec one -- readlink /proc/self/ns/pid)" != "$(kata exec two -- readlink /proc/self/ns/pid)" ] || return
	kata rm -f one && kata rm -f two
}

# The first container of those that live owns the pid namespace; when it is gone the next one does.
shared_pids() {
	local i
	for i in 1 2; do
		create pause .sandbox_pidns=true sleep 100 && rpc StartContainer pause || return
		create app .sandbox_pidns=true sleep 200 && rpc StartContainer app || return
		prints $'1 sleep 100\n2 sleep 200' kata exec app -- \
			sh -c 'for p in 1 2; do echo $p $(tr "\0" " " </proc/$p/cmdline); done' || return
		kata rm -f pause || return
		prints '{"status":137}' rpc WaitProcess app || return
		kata rm app || return
	done
}

own_cgroup() {
	create outer '.OCI.Linux.CgroupsPath = "/pod/c"' sleep 100 || return
	local path
	for path in /pod/c /pod/c/inner /pod; do
		expect 1 "cgroup '$path' and '/pod/c' of container 'outer' overlap" \
			create inner ".OCI.Linux.CgroupsPath = \"$path\"" sleep 100 || return
	done
	create inner '.OCI.Linux.CgroupsPath = "/pod/cc"' sleep 100 && kata rm inner && kata rm outer
}

big_requests() {
	prints 1500156 spec '.process.env = [range(15) | "V\(.)=" + "a" * 100000]' \
		sh -c 'env | wc -c' || return
	expect 126 'Argument list too long' spec '.process.env += [range(30) | "V\(.)=" + "a" * 100000]' true &&
		expect 125 'RESOURCE_EXHAUSTED' spec '.process.env += [range(50) | "V\(.)=" + "a" * 100000]' true
}

nobody_reads() {
	create noisy . sh -c 'yes | head -c 5000000' && rpc StartContainer noisy || return
	prints here kata exec noisy -- echo here && kata rm -f noisy
}

stdin_closed() {
	head -c 3000000 /dev/zero | prints ok kata run --rootfs "$work/rootfs" -i -- sh -c 'exec <&-; sleep 0.2; echo ok'
}

destroyed_with_all_kinds() {
	create running . sleep 100 && rpc StartContainer running && create unstarted . sleep 100 &&
		create paused . sleep 100 && kata pause paused && create_slow || return
	prints '{}' kata call DestroySandbox || return
	wait "$creator"
	grep -q 'it is being removed' "$work/created" || { cat "$work/created"; return 1; }
}

for t in before_the_sandbox sandbox_once killed_before_start start_twice exec_in_created after_the_end two_wait exec_ids \
	paused removed_while_created removed_while_execs removed_twice_at_once many_execs shared_names shared_pids \
	own_cgroup big_requests nobody_reads stdin_closed destroyed_with_all_kinds; do
	check $t $t
done
finish
