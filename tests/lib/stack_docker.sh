# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# A containerd and a dockerd of the test's own, below $work, for scripts of the stack ring.

dock() { timeout -k 5 "${dock_timeout:-120}" docker -H "unix://$work/docker.sock" "$@"; }
answers() { dock version; }
engine_ctr() { timeout -k 5 "${dock_timeout:-120}" ctr --address "$work/containerd.sock" "$@"; }

# start_containerd [LINE]...: more of its configuration; without any it has no CRI. Not by dockerd, which gives it 15 s: a machine
# that is emulated is slower.
start_containerd() {
	printf 'version = 2\nroot = "%s/ctd"\nstate = "%s/ctd-run"\n' "$work" "$work" >"$work/containerd.toml"
	[ $# -gt 0 ] || printf 'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n' >>"$work/containerd.toml"
	printf '[grpc]\naddress = "%s/containerd.sock"\n' "$work" >>"$work/containerd.toml"
	[ $# = 0 ] || printf '%s\n' "$@" >>"$work/containerd.toml"
	containerd --config "$work/containerd.toml" >"$work/containerd.log" 2>&1 </dev/null &
	echo $! >"$work/containerd.pid"
	retry_until engine_ctr version || { tail -n 5 "$work/containerd.log"; return 1; }
}

# start_docker OPTION...
start_docker() {
	dockerd --containerd "$work/containerd.sock" --host "unix://$work/docker.sock" --data-root "$work/data" --exec-root "$work/exec" --pidfile "$work/docker.pid" \
		"$@" >>"$work/dockerd.log" 2>&1 </dev/null &
	retry_until answers || { tail -n 5 "$work/dockerd.log"; return 1; }
}

stop_docker() {
	kill "$(cat "$work/docker.pid")" && retry_until test ! -e "$work/docker.pid"
}

# An image "box" without a registry.
image() {
	tar -C /stack/rootfs -c . | dock import - box && dock save -o "$work/box.tar" box && dock rmi box && dock load -i "$work/box.tar" &&
		expect 0 box dock images
}
