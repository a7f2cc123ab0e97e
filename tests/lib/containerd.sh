# shellcheck shell=bash
# shellcheck disable=SC2154
# SPDX-License-Identifier: Apache-2.0
# A containerd of the test's own, in $work/ctd, for scripts that have integration.sh's functions; and its tasks.

containerd_start() {
	mkdir -p "$work/ctd"
	cat >"$work/ctd/config.toml" <<-END
		version = 2
		root = "$work/ctd/root"
		state = "$work/ctd/state"
		disabled_plugins = ["io.containerd.grpc.v1.cri"]
		[grpc]
		address = "$work/ctd/sock"
		[ttrpc]
		address = "$work/ctd/ttrpc"
	END
	containerd --config "$work/ctd/config.toml" >"$work/ctd/log" 2>&1 &
	echo $! >"$work/ctd/pid"
	retry_until engine_ctr version
}

# Up to 10 s; check ran the start in a shell of its own, so it is no child of ours.
containerd_stop() {
	local pid i
	pid=$(cat "$work/ctd/pid" 2>/dev/null) || return 0
	rm "$work/ctd/pid" && kill "$pid" || return
	for ((i = 0; i < 100; i++)); do
		[ -d "/proc/$pid" ] || return 0
		sleep 0.1
	done
	kill -KILL "$pid"
	return 1
}

engine_ctr() { timeout -k 5 "${KATA_TIMEOUT:-120}" ctr --address "$work/ctd/sock" "$@"; }

# containerd_tasks ROOTFS: what a task goes through; `crun_in`, the script's own, runs one by the runtime that is tested.
containerd_tasks() {
	crun_in -d "$1" box sh -c 'echo up; exec sleep 1000' </dev/null >/dev/null 2>&1 && expect 0 RUNNING engine_ctr task ls || return
	expect 4 'in it' engine_ctr task exec --exec-id e box sh -c 'echo in it; exit 4' && engine_ctr task pause box || return
	expect 0 PAUSED engine_ctr task ls && engine_ctr task resume box && expect 0 memory engine_ctr task metrics box || return
	engine_ctr task kill -s KILL box && retry_until expect 0 STOPPED engine_ctr task ls || return
	engine_ctr task delete box # passes the task's status on
	engine_ctr c rm box
}
