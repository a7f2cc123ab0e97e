#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A VM is as large as its containers need: it grows when one is created, shrinks when one stops, seen in the guest; and so do
# the volumes in its memory, as large as the host's allows.
if [ -z "${KATA_TEST_NAMESPACE:-}" ]; then
	KATA_TEST_NAMESPACE=1 exec unshare -m --propagation private "$0" "$@"
fi
# shellcheck source=tests/lib/runtime.sh
. "$(dirname "$0")/../lib/runtime.sh"
# Debian 13's kernel allows for no CPU to be plugged when it sees no hypervisor that it knows, as under emulation.
"$top/scripts/kvm-usable" >/dev/null 2>&1 || VM_SUITE=bookworm

# configuration KEYS...: of the hypervisor's section.
configuration() {
	printf '%s\n' '[hypervisor.qemu]' "kernel = \"$kernel/vmlinuz\"" "initrd = \"$initrd\"" \
		"vhost_user_vsock_daemon = \"$daemon\"" 'default_memory = 512' 'default_maxmemory = 2048' "$@" \
		'[agent.kata]' 'dial_timeout = 120' >"$work/configuration.toml"
}

# start ID TYPE RESOURCES: a container of the pod; the first one tells each second what the guest has.
start() {
	local script='sleep 1000'
	[ "$2" = container ] || script='while :; do
		echo "$(nproc) $(awk "/MemTotal/ { print \$2 }" /proc/meminfo) $(df -k /cache | awk "END { print \$2 }")" >/seen/new; mv /seen/new /seen/size; sleep 0.3; done'
	mkdir -p "$work/$1" "$work/seen" "$cache"
	mountpoint -q "$cache" || mount -t tmpfs -o size=8g cache "$cache" || return
	jq --arg script "$script" --arg root "$work/b/rootfs" --arg seen "$work/seen" --arg type "$2" "
		.process.terminal = false | .root.path = \$root | .linux.namespaces += [{type: \"network\"}] | .process.args = [\"sh\", \"-c\", \$script] | .linux.resources = $3 |
		.mounts += [{destination: \"/seen\", type: \"bind\", source: \$seen, options: [\"rbind\", \"rw\"]},
			{destination: \"/cache\", type: \"bind\", source: \"$cache\", options: [\"rbind\", \"rw\"]}] |
		.annotations = {\"io.kubernetes.cri.container-type\": \$type, \"io.kubernetes.cri.sandbox-id\": \"pod\"}" \
		"$top/tests/data/bundle.json" >"$work/$1/config.json"
	kr create -b "$work/$1" "$1" >"$work/$1/out" 2>&1 </dev/null && kr start "$1" || { cat "$work/$1/out"; return 1; }
}

# What the runtime thinks: CPUs and MiB, had and wanted.
size() { jq -r '.size | "\(.vcpus) \(.memory_mib) \(.wanted_vcpus) \(.wanted_memory_mib)"' "$work/r/pod/state.json"; }

# The guest has that many CPUs, a memory between these MiB, and a volume in memory of that many.
guest_has() {
	local cpus kib volume
	read -r cpus kib volume <"$work/seen/size" && [ "$cpus" = "$1" ] && [ "$kib" -gt $(($2 * 1024)) ] && [ "$kib" -lt $(($3 * 1024)) ] &&
		[ "$volume" = $(($4 * 1024)) ]
}

# is CPUS MIB LOW HIGH
is() {
	retry_until eval "[ \"\$(size)\" = '$1 $2 $1 $2' ]" && retry_until guest_has "$1" "$3" "$4" "$2" && return
	echo "size: $(size), in the guest: $(cat "$work/seen/size"), wanted $1 CPUs, $2 MiB"
	tail -n 5 "$work/r/pod/supervisor.log"
	return 1
}

half='{cpu: {quota: 50000, period: 100000}}'

# Half a CPU and half a CPU are one more, in the guest too.
halves_are_added() {
	start c1 container "$half" && is 2 512 300 512 || return
	start c2 container "$half" && is 2 512 300 512 || return
	kr kill c1 KILL && is 2 512 300 512 && kr kill c2 KILL && is 1 512 300 512 || return
	kr delete c1 && kr delete c2
}

memory_comes_and_goes() {
	start pod sandbox '{}' && is 1 512 300 512 || return
	start c1 container '{memory: {limit: 134217728}}' && is 1 640 430 640 || return
	start c2 container '{memory: {limit: 200000000}}' && is 1 896 680 896 || return
	kr delete -f c2 && is 1 640 430 640 && kr delete -f c1 && is 1 512 300 512
}

# An update asks for what it names and leaves the rest; what the guest refuses changes nothing; nothing is larger than configured.
updates() {
	kr delete -f pod && start pod sandbox '{}' && is 1 512 300 512 || return
	start c1 container '{memory: {limit: 134217728}}' && is 1 640 430 640 || return
	kr update --cpu-quota 50000 --cpu-period 100000 c1 && is 2 640 430 640 || return
	kr update --memory 300m c1 && is 2 896 680 896 || return
	[ "$(kr events --stats c1 | jq .data.memory.usage.limit)" = 314572800 ] || { kr events --stats c1; return 1; }
	expect 1 'update container' kr update --memory 4096 --memory-swap 100 c1 && is 2 896 680 896 || return
	start c2 container '{cpu: {quota: 9900000, period: 100000}, memory: {limit: 99000000000}}' && is 2 2048 1700 2048 || return
	kr delete -f c2 && is 2 896 680 896 || return
	kr update --memory 128m c1 && is 2 640 430 640 && kr update --cpu-quota -1 c1 && is 1 640 430 640
}

virtio_mem() {
	kr delete -f pod && configuration 'default_maxvcpus = 2' 'enable_virtio_mem = true' || return
	start pod sandbox '{}' && is 1 512 300 512 || return
	start c1 container '{memory: {limit: 134217728}}' && is 1 640 430 640 || return
	start c2 container "{memory: {limit: 200000000}} + $half" && is 2 896 680 896 || return
	kr delete -f c2 && is 1 640 430 640 && kr delete -f c1 && is 1 512 300 512
}

# The threads of the guest's CPUs are each on a CPU of the cpuset's.
pinned() {
	local task number
	for task in "/proc/$(jq -r '.processes[] | select(.name == "qemu").pid' "$work/r/pod/state.json")"/task/*; do
		[[ $(cat "$task/comm") == CPU\ * ]] || continue
		number=$(sed 's/CPU \([0-9]*\).*/\1/' "$task/comm")
		number=$((number + 1))
		grep -qx "Cpus_allowed_list:	${!number}" "$task/status" || { cat "$task/comm"; grep Cpus_allowed_list "$task/status"; return 1; }
	done
}

# A VM that has its size for good has that of its annotations.
static_size() {
	kr delete -f pod && configuration 'default_maxvcpus = 2' && printf '[runtime]\nstatic_sandbox_resource_mgmt = true\n' >>"$work/configuration.toml"
	echo 'enable_vcpus_pinning = true' >>"$work/configuration.toml"
	start pod sandbox "({memory: {limit: 134217728}} + $half | .cpu.cpus = \"0-1\")" && is 2 640 430 640 && pinned 0 1 || return
	start c1 container "$half" && is 2 640 430 640
}

resize_finish() {
	kr list -q 2>/dev/null | while read -r id; do kr delete -f "$id"; done
	umount "$cache" 2>/dev/null
	runtime_finish
}

prepare_bundle
trap resize_finish EXIT
cache=$work/pods/1/volumes/kubernetes.io~empty-dir/cache
configuration 'default_maxvcpus = 2'
check memory_comes_and_goes memory_comes_and_goes
check halves_are_added halves_are_added
check updates updates
check virtio_mem virtio_mem
check static_size static_size
resize_finish
