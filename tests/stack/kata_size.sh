#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A VM's size follows its containers: half a CPU and half a CPU are one more, seen inside the guest, by KVM; and memory.
# shellcheck source=tests/lib/stack_kata.sh
. "$(dirname "$0")/../lib/stack_kata.sh"

in_guest() { pod exec look sh -c "$1"; }
cpus_are() { [ "$(in_guest 'cat /sys/devices/system/cpu/online')" = "$1" ]; }
memory_kb() { in_guest 'sed -n "s/^MemTotal: *\([0-9]*\) kB/\1/p" /proc/meminfo'; }
size_is() { [ "$(jq -r '.size | "\(.vcpus) \(.memory_mib)"' "/run/kata-runtime/$infra/state.json")" = "$1" ] || { jq -c .size "/run/kata-runtime/$infra/state.json"; return 1; }; }

# has CPUS ONLINE MEMORY-MIB: the VM has that, and the guest sees it, memory as what has come since the beginning.
has() {
	local more
	retry_until size_is "$1 $3" && retry_until cpus_are "$2" || { size_is "$1 $3"; in_guest 'cat /sys/devices/system/cpu/online'; return 1; }
	more=$(($(memory_kb) - $(cat "$work/base")))
	[ $((more / 1024)) -ge $(($3 - 2048 - 8)) ] && [ $((more / 1024)) -le $(($3 - 2048 + 8)) ] || { echo "the guest has $more kB more in $3 MiB"; return 1; }
}

member() { pod run -d --pod size --name "$@" localhost/box sleep 1000; }

begins_small() {
	pod pod create --name size --infra-image localhost/box --infra-command 'sleep 1000' && member look || return
	infra=$(pod pod inspect size | jq -r '.InfraContainerID')
	printf '%s\n' "$infra" >"$work/infra"
	memory_kb >"$work/base" && has 1 0 2048
}

# Inside each the limit is its own; the VM has both of them.
grows() {
	infra=$(cat "$work/infra")
	member a --cpus 0.5 --memory 128m && has 2 0-1 2176 && member b --cpus 0.5 --memory 256m && has 2 0-1 2432 || return
	expect 0 '50000 100000' pod exec a cat /sys/fs/cgroup/cpu.max && expect 0 268435456 pod exec b cat /sys/fs/cgroup/memory.max
}

# Half a CPU still takes a whole one.
shrinks() {
	infra=$(cat "$work/infra")
	pod rm -f -t 0 a && has 2 0-1 2304 && pod rm -f -t 0 b && has 1 0 2048
}

removed() { pod pod rm -f -t 0 size && gone; }

kata_begin
check 'one CPU to begin with' begins_small
check 'half a CPU and half a CPU are one more' grows
check 'shrinks as they go' shrinks
check removed removed
kata_finish
