#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# CPUs and memory that are plugged into a running guest are put to use; swap, the clock and entropy of a real guest.
# shellcheck source=tests/lib/vm.sh
. "$(dirname "$0")/../lib/vm.sh"
# shellcheck source=tests/lib/bundle.sh
. "$(dirname "$0")/../lib/bundle.sh"
work=$(mktemp -d /tmp/kata-vm.XXXXXX)
truncate -s 64M "$work/swap"
mkswap "$work/swap" >/dev/null 2>&1
# Debian 13's kernel allows for no CPU to be plugged when it sees no hypervisor that it knows, as under emulation.
"$top/scripts/kvm-usable" >/dev/null 2>&1 || VM_SUITE=bookworm
vm_begin --qemu-arg -drive --qemu-arg "if=none,id=swap,format=raw,file=$work/swap" --qemu-arg -device --qemu-arg virtio-blk-pci,drive=swap

plug_cpu() {
	local free
	free=$(qmp '{"execute":"query-hotpluggable-cpus"}' | jq -c '[.return[] | select(has("qom-path") | not)][-1]') || return
	qmp "$(jq -nc --argjson free "$free" --arg id "$1" '{execute: "device_add",
		arguments: ({driver: $free.type, id: $id} + $free.props)}')"
}

plug_memory() {
	qmp "{\"execute\":\"object-add\",\"arguments\":{\"qom-type\":\"memory-backend-memfd\",\"id\":\"mem-$1\",\"size\":268435456,
		\"share\":true}}" || return
	qmp "{\"execute\":\"device_add\",\"arguments\":{\"driver\":\"pc-dimm\",\"id\":\"$1\",\"memdev\":\"mem-$1\"}}"
}

guest_cpus() {
	run -- nproc
}

guest_memory() {
	run -- awk '/MemTotal/ { print $2 }' /proc/meminfo
}

is() {
	[ "$1" = "$2" ] || { echo "'$1' instead of '$2'"; return 1; }
}

# A container that may write to the guest's /sys.
in_guest() {
	bundle guest ".root.path = \"$work/share/rootfs\" | .linux.readonlyPaths = [] | .linux.maskedPaths = [] |
		.mounts = [{destination: \"/proc\", type: \"proc\", source: \"proc\"}, {destination: \"/sys\", type: \"sysfs\", source: \"sysfs\"}]" "$@" &&
		kata run --share "$work/share:$guest_share" --bundle "$work/guest"
}

online() {
	kata call OnlineCPUMem "$1"
}

cpu_is_put_online() {
	is "$(guest_cpus)" 2 || return
	online '{"nb_cpus": 2, "cpu_only": true}' || return
	plug_cpu cpu-a && online '{"nb_cpus": 3, "cpu_only": true}' || return
	is "$(guest_cpus)" 3
}

# The call comes first; what it waits for is plugged in while it waits.
cpu_comes_late() {
	local pid
	online '{"nb_cpus": 4, "cpu_only": true}' &
	pid=$!
	plug_cpu cpu-b || return
	wait "$pid" || return
	is "$(guest_cpus)" 4
}

too_many_cpus() {
	expect 1 'OnlineCPUMem: INTERNAL: 4 of 5 CPUs are online after 5000 ms' online '{"nb_cpus": 5, "cpu_only": true}'
}

has_grown() {
	online '{}' && [ "$(guest_memory)" -ge "$1" ]
}

# By itself, from the moment that the kernel sees it: the host may ask too early.
memory_is_used_at_once() {
	local before
	before=$(guest_memory)
	plug_memory dimm-a && retry_until eval "[ \"\$(guest_memory)\" -ge $((before + 250000)) ]"
}

memory_is_put_online() {
	local before auto=/sys/devices/system/memory/auto_online_blocks
	prints online in_guest cat $auto || return
	in_guest sh -c "echo offline >$auto" || return
	before=$(guest_memory)
	plug_memory dimm-b || return
	retry_until in_guest sh -c 'grep -q 0 /sys/devices/system/memory/memory*/online' || return
	is "$(guest_memory)" "$before" || return
	online '{"cpu_only": true}' || return
	is "$(guest_memory)" "$before" || return
	retry_until has_grown $((before + 250000))
}

# Debian's kernel finds memory by itself and cannot be told.
no_probing() {
	kata call MemHotplugByProbe '{}' || return
	expect 1 "'/sys/devices/system/memory/probe': No such file or directory" \
		kata call MemHotplugByProbe '{"memHotplugProbeAddr": [4294967296]}' || return
	# 500 GiB: refused before it is tried, since the guest could not even describe their pages.
	expect 1 'add 4000 blocks of 131072 KiB: to describe their pages takes 8192000 KiB, ' \
		kata call MemHotplugByProbe "{\"memHotplugProbeAddr\": [$(seq -s, 4294967296 134217728 541031661568)]}"
}

time_is_set() {
	local now
	kata call SetGuestDateTime '{"Sec": 1000000000, "Usec": 500000}' || return
	now=$(run -- date +%s)
	[ "$now" -ge 1000000000 ] && [ "$now" -lt 1000000100 ] || { echo "it is $now"; return 1; }
	expect 1 'Invalid argument' kata call SetGuestDateTime '{"Sec": -5}'
}

random_is_reseeded() {
	kata call ReseedRandomDev "{\"data\": \"$(head -c 512 /dev/urandom | base64 -w 0)\"}" || return
	expect 1 'make no sense' kata call ReseedRandomDev '{}'
}

swap_is_used() {
	is "$(run -- awk '/SwapTotal/ { print $2 }' /proc/meminfo)" 0 || return
	kata call AddSwapPath '{"path": "/dev/vda"}' || return
	is "$(run -- awk '/SwapTotal/ { print $2 }' /proc/meminfo)" 65532 || return
	expect 1 "swap to '/dev/vda': Device or resource busy" kata call AddSwapPath '{"path": "/dev/vda"}' || return
	expect 1 "swap to '/dev/none': No such file" kata call AddSwapPath '{"path": "/dev/none"}' || return
	expect 1 "swap to 'vda': the path must be absolute" kata call AddSwapPath '{"path": "vda"}'
}

check cpu_is_put_online cpu_is_put_online
check cpu_comes_late cpu_comes_late
check too_many_cpus too_many_cpus
check memory_is_used_at_once memory_is_used_at_once
check memory_is_put_online memory_is_put_online
check no_probing no_probing
check swap_is_used swap_is_used
check time_is_set time_is_set
check random_is_reseeded random_is_reseeded
vm_finish
