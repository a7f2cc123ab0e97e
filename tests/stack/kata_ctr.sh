#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# containerd with kata-runtime, without a shim of ours: by ctr --runc-binary, and as a runtime class of its CRI by BinaryName in
# its own configuration, whose pod is one VM with a network of CNI. kata-runtime itself is not configured.
# shellcheck source=tests/lib/stack_kata.sh
. "$(dirname "$0")/../lib/stack_kata.sh"
# shellcheck source=tests/lib/stack_docker.sh
. "$(dirname "$0")/../lib/stack_docker.sh"
# shellcheck source=tests/lib/containerd.sh
. "$(dirname "$0")/../lib/containerd.sh"
dock_timeout=400
engine_ctr() { timeout -k 5 400 ctr --address "$work/containerd.sock" "$@"; }

starts() {
	mkdir -p "$work/cni" && jq -n '{cniVersion: "0.4.0", name: "pods", plugins: [{type: "bridge", bridge: "cni9", isGateway: true, ipMasq: false,
		ipam: {type: "host-local", ranges: [[{subnet: "10.99.0.0/24"}]], routes: [{dst: "0.0.0.0/0"}]}}]}' >"$work/cni/10-pods.conflist"
	start_containerd '[plugins."io.containerd.grpc.v1.cri"]' 'sandbox_image = "localhost/box:latest"' \
		'[plugins."io.containerd.grpc.v1.cri".cni]' 'bin_dir = "/usr/lib/cni"' "conf_dir = \"$work/cni\"" \
		'[plugins."io.containerd.grpc.v1.cri".containerd]' 'default_runtime_name = "kata"' \
		'[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.kata]' 'runtime_type = "io.containerd.runc.v2"' \
		'[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.kata.options]' 'BinaryName = "/usr/local/bin/kata-runtime"' 'SystemdCgroup = true'
}

# The pod's own container runs what its image says.
has_image() {
	tar -C /stack/rootfs -c . | podman import --change 'CMD ["sleep", "1000000"]' - localhost/box && podman save -o "$work/box.tar" localhost/box &&
		engine_ctr -n k8s.io images import "$work/box.tar"
}

crun_in() { engine_ctr run --rootfs --runc-binary /usr/local/bin/kata-runtime "$@"; }
nothing_of_ctr() {
	local left
	left=$(pgrep -a 'qemu-system|virtiofsd|kata-runtime'; grep -F /kata-runtime/ /proc/self/mountinfo; ip -o link | grep -E 'tap[0-9]|veth'
		engine_ctr c ls -q; engine_ctr -n k8s.io c ls -q; systemctl list-units --all --no-legend 'cri-containerd-*.scope' 'kata-runtime-*')
	[ -z "$left" ] || { echo "left: $left"; return 1; }
}
nothing_stays() { retry_until nothing_of_ctr || nothing_of_ctr; }

by_ctr() {
	cp -a /stack/rootfs "$work/root" || return
	expect 6 hello crun_in --rm "$work/root" c1 sh -c 'echo hello; cat /proc/cmdline >/cmdline; exit 6' </dev/null && grep -q console=hvc0 "$work/root/cmdline" &&
		expect 1 'executable file not found in $PATH' crun_in --rm "$work/root" c2 nope </dev/null && containerd_tasks "$work/root" && nothing_stays
}

cri() { timeout 600 "$(dirname "$0")/../lib/cri" "$work/containerd.sock" "$@"; }

# NAME MEMORY QUOTA WORD...: created and started; its id.
container() {
	local id
	id=$(cri create "$(cat "$work/pod")" "$1" localhost/box:latest "$2" "$3" "${@:4}") && cri start "$id" && printf '%s\n' "$id"
}

pod_by_cri() {
	cri pod web kata >"$work/pod" && container a 134217728 50000 sh -c 'mkdir -p /www; hostname >/www/index.html; exec httpd -f -p 80 -h /www' >"$work/a" &&
		container b 67108864 0 sleep 1000 >"$work/b" || return
	[ "$(pgrep -c qemu-system)" = 1 ] || { echo 'not one VM'; return 1; }
	expect 0 '134217728 50000 100000' cri exec "$(cat "$work/a")" sh -c 'echo $(cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max)' &&
		expect 0 67108864 cri exec "$(cat "$work/b")" cat /sys/fs/cgroup/memory.max && expect 0 console=hvc0 cri exec "$(cat "$work/b")" cat /proc/cmdline
}

# From the host by CNI's bridge, and from the neighbour by the pod's loopback.
its_network() {
	local address
	address=$(cri exec "$(cat "$work/b")" ip -o -4 addr show dev eth0 | grep -o '10\.99\.0\.[0-9]*' | head -n 1)
	[ -n "$address" ] && retry_until serves "$address:80" web && expect 0 web cri exec "$(cat "$work/b")" sh -c "$get 127.0.0.1 80"
}

ends() {
	local a b pod
	a=$(cat "$work/a") b=$(cat "$work/b") pod=$(cat "$work/pod")
	expect 3 'in it' cri exec "$a" sh -c 'echo in it; exit 3' && cri stop "$b" && expect 0 'exited 137' cri status "$b" && cri rm "$b" &&
		expect 0 'running 0' cri status "$a" && cri stop-pod "$pod" && expect 0 exited cri status "$a" && cri rm-pod "$pod" && nothing_stays
}

modprobe overlay
configure
check 'containerd starts' starts
check 'an image without a registry' has_image
check 'ctr by --runc-binary' by_ctr
check 'a pod of CRI by BinaryName' pod_by_cri
check 'its network by CNI' its_network
check 'stop and removal' ends
[ "$failures" -eq 0 ] || grep -E 'level=(error|warning)' "$work/containerd.log" | tail -n 15
kata_finish
