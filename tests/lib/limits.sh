# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# For tests/vm/limits.sh and tests/vm/cgroup_v1.sh: what limits do, in a guest with real controllers. Those of the tests
# that look into files say for which version they are. Source after vm.sh.

# shellcheck source=tests/lib/vm.sh
. "$(dirname "${BASH_SOURCE[0]}")/vm.sh"
# shellcheck source=tests/lib/bundle.sh
. "$top/tests/lib/bundle.sh"
# shellcheck source=tests/lib/protection.sh
. "$top/tests/lib/protection.sh"

# A container of a bundle: spec_run NAME FILTER [OPTION OF run]... -- [COMMAND]...
spec_run() {
	local name=$1 filter=$2
	local -a options=()
	shift 2
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	bundle "$name" ".root.path = \"$work/share/rootfs\" | $filter" "$@" &&
		kata run --share "$work/share:$guest_share" --id "$name" --bundle "$work/$name" "${options[@]}"
}

stat_of() {
	kata --json stats "$1" | jq -r "$2"
}

# Files of the container's cgroup, as it sees them: files CID NAME...
files() {
	local id=$1
	shift
	# shellcheck disable=SC2016 # the container's shell expands it
	kata exec "$id" -- sh -c 'cd /sys/fs/cgroup; for f; do echo "$f $(cat $f)"; done' sh "$@"
}

gone() {
	kata kill "$1" 9 2>/dev/null
	kata rm "$1" 2>/dev/null
	:
}

# --- limits hold ---------------------------------------------------------------------------------------------------

memory_kills_a_hog() {
	local kills
	expect 137 '' run --id hog --keep -m 32M -- tail /dev/zero || return
	kills=$(stat_of hog '.cgroup_stats.memory_stats.stats.oom_kill')
	kata rm hog || return
	[ "$kills" -ge 1 ] || { echo "oom_kill $kills"; return 1; }
}

# The container's init waits; its children fork until the kernel says no.
pids_stop_a_fork_bomb() {
	local current
	# shellcheck disable=SC2016
	run -d --id bomb --pids 30 -- sh -c 'while :; do sh -c "while :; do sleep 1000 & done"; done' >/dev/null || return
	retry_until bomb_met_its_limit || return
	KATA_TIMEOUT=30 expect 0 alive run -- echo alive || return
	[ "$(stat_of bomb .cgroup_stats.pids_stats.limit)" = 30 ] || { echo "limit in the figures"; return 1; }
	current=$(stat_of bomb .cgroup_stats.pids_stats.current)
	[ "$current" -le 30 ] || { echo "$current processes"; return 1; }
	# No room for one more process: said, not waited for.
	KATA_TIMEOUT=30 kata exec bomb -- true
	[ $? != 124 ] || { echo "exec hangs"; return 1; }
	gone bomb
}

bomb_met_its_limit() {
	[ "$(stat_of bomb .cgroup_stats.pids_stats.current)" -ge 29 ]
}

cpu_is_throttled() {
	run -d --id spin --cpus 0.1 -- sh -c 'while :; do :; done' >/dev/null || return
	throttled=0
	retry_until throttled_more || return
	retry_until throttled_more || return
	gone spin
}

# True when the figure has grown since the last time.
throttled_more() {
	local now
	now=$(stat_of spin .cgroup_stats.cpu_stats.throttling_data.throttled_periods)
	[ "$now" -gt "$throttled" ] && throttled=$now
}

# fuse is in the guest for virtio-fs, and opens for everybody whom the filter lets.
mknod_script='mknod /dev/fuse-copy c 10 229; probe open /dev/fuse-copy; mknod /dev/disk b 254 0; probe open /dev/disk;
	mknod /dev/null-copy c 1 3; probe open /dev/null-copy'
full='["CAP_CHOWN","CAP_DAC_OVERRIDE","CAP_MKNOD","CAP_SYS_ADMIN","CAP_SYS_PTRACE","CAP_SYS_RESOURCE","CAP_BPF","CAP_KILL","CAP_SYS_NICE"]'

devices_need_a_rule() {
	local allow='[{"allow":false,"access":"rwm"},{"allow":true,"type":"c","major":10,"minor":229,"access":"rm"},
		{"allow":true,"type":"b","major":254,"minor":0,"access":"m"},{"allow":true,"type":"c","major":1,"minor":3,"access":"rwm"}]'
	expect 0 $'EPERM\nEPERM\nok' run -- sh -c "$mknod_script" || return
	expect 0 $'ok\nEPERM\nok' spec_run listed ".linux.resources.devices = $allow" -- sh -c "$mknod_script" || return
	expect 0 $'ok\nok\nok' spec_run all '.linux.resources.devices = [{"allow":true,"access":"rwm"}]' -- sh -c "$mknod_script"
}

# --- limits are seen ----------------------------------------------------------------------------------------------

limits_are_seen_inside() {
	local resources='{"memory":{"limit":67108864,"reservation":33554432,"swap":100663296},
		"cpu":{"shares":512,"quota":50000,"period":200000,"cpus":"1","mems":"0"},"pids":{"limit":33},
		"hugepageLimits":[{"pageSize":"2MB","limit":4194304},{"pageSize":"1GB","limit":0}],
		"blockIO":{"weight":500,"throttleReadBpsDevice":[{"major":254,"minor":0,"rate":1048576}],
		"throttleWriteIOPSDevice":[{"major":254,"minor":0,"rate":50}]}}'
	spec_run seen ".linux.resources = $resources" -d -- sleep 1000 >/dev/null || return
	prints "memory.max 67108864
memory.low 33554432
memory.swap.max 33554432
cpu.weight 20
cpu.max 50000 200000
cpuset.cpus.effective 1
cpuset.mems.effective 0
pids.max 33
hugetlb.2MB.max 4194304
hugetlb.2MB.rsvd.max 4194304
hugetlb.1GB.max 0
io.weight default 4950
io.max 254:0 rbps=1048576 wbps=max riops=max wiops=50" \
		files seen memory.max memory.low memory.swap.max cpu.weight cpu.max cpuset.cpus.effective \
		cpuset.mems.effective pids.max hugetlb.2MB.max hugetlb.2MB.rsvd.max hugetlb.1GB.max io.weight io.max || return
	gone seen
}

minus_one_is_no_limit() {
	spec_run endless '.linux.resources = {"memory":{"limit":-1,"reservation":-1,"swap":-1},"cpu":{"quota":-1,"period":50000},
		"pids":{"limit":-1}}' -d -- sleep 1000 >/dev/null || return
	prints "memory.max max
memory.low max
memory.swap.max max
cpu.max max 50000
pids.max max" files endless memory.max memory.low memory.swap.max cpu.max pids.max || return
	gone endless
}

update_changes_a_running_container() {
	run -d --id live -m 64M --pids 20 --cpus 0.5 -- sleep 1000 >/dev/null || return
	prints "memory.max 67108864
cpu.max 50000 100000
pids.max 20" files live memory.max cpu.max pids.max || return
	kata update --memory 96M --memory-swap 128M --pids 40 --cpus 1.5 --cpu-shares 262144 --cpuset-cpus 0 live || return
	prints "memory.max 100663296
memory.swap.max 33554432
cpu.max 150000 100000
cpu.weight 10000
cpuset.cpus.effective 0
pids.max 40" files live memory.max memory.swap.max cpu.max cpu.weight cpuset.cpus.effective pids.max || return
	# What is not named stays.
	kata update --memory-reservation 8M live || return
	kata update --memory -1 --memory-swap -1 --cpus -1 --pids -1 live || return
	prints "memory.max max
memory.low 8388608
memory.swap.max max
cpu.max max 100000
cpu.weight 10000
pids.max max" files live memory.max memory.low memory.swap.max cpu.max cpu.weight pids.max || return
	kata call UpdateContainer '{"container_id":"live","resources":{"HugepageLimits":[{"Pagesize":"2MB","Limit":2097152}],
		"BlockIO":{"Weight":10}}}' || return
	prints "hugetlb.2MB.max 2097152
io.weight default 1" files live hugetlb.2MB.max io.weight || return
	expect 1 "below the memory limit" kata update --memory 64M --memory-swap 32M live || return
	gone live
}

# --- where containers are -----------------------------------------------------------------------------------------

# A container that is shown the guest's own /proc and cgroups; the host may do that, nobody else.
see_the_guest='.process.capabilities = ({bounding: FULL, effective: FULL, permitted: FULL}) | .mounts += [
	{destination: "/guest-proc", type: "bind", source: "/proc", options: ["rbind", "ro"]},
	{destination: "/guest-cgroup", type: "bind", source: "/sys/fs/cgroup", options: ["bind"]}] | .linux.resources.devices = []'
see_the_guest=${see_the_guest//FULL/$full}

own_cgroup_is_the_root() {
	expect 0 '0::/' run --id inside -- cat /proc/self/cgroup || return
	spec_run bare '.linux.namespaces |= map(select(.type != "cgroup"))' -d -- sleep 1000 >/dev/null || return
	prints '0::/' kata exec bare -- cat /proc/self/cgroup || return
	prints '0::/' kata exec bare -- cat /proc/1/cgroup || return
	gone bare
}

# Kernel threads have no command line; they alone sit in the root.
nobody_is_in_the_root() {
	local said
	run -d --id witness -- sleep 1000 >/dev/null || return
	# shellcheck disable=SC2016
	said=$(spec_run watch "$see_the_guest" -- sh -c 'cd /guest-proc; for p in [0-9]*; do
		[ -z "$(tr -d "\0" 2>/dev/null <$p/cmdline)" ] || echo "$(cat $p/cgroup) $(tr "\0" " " <$p/cmdline)"; done') || {
		echo "$said"
		return 1
	}
	gone witness
	grep -q '/kata-agent ' <<<"$said" && grep -q 'sleep 1000' <<<"$said" || { echo "not all are seen: $said"; return 1; }
	! grep -E '^0::(/\.\.)* ' <<<"$said"
}

agent_is_protected() {
	prints "-1000
8388608
1
1
65536" spec_run guard "$see_the_guest" -- sh -c "cat /guest-proc/1/oom_score_adj; cat /guest-cgroup/kata-agent/memory.min
		grep -c '^VmLck:.*[1-9]' /guest-proc/1/status; grep -c ../kata-agent /guest-proc/1/cgroup
		sed -n 's/^Max open files *\\([0-9]*\\) .*/\\1/p' /guest-proc/1/limits"
}

# --- C6 -----------------------------------------------------------------------------------------------------------

init_inherits_nothing() {
	local said
	said=$(run -- probe self) || return
	same_as_unprotected "$said" || return
	diff <(default_limits) <(grep ^limit- <<<"$said" | grep -v sigpending | sort)
}

exec_inherits_nothing() {
	local said
	run -d --id parent -- sleep 1000 >/dev/null || return
	said=$(kata exec parent -- probe self) || return
	same_as_unprotected "$said" || return
	diff <(default_limits) <(grep ^limit- <<<"$said" | grep -v sigpending | sort) || return
	said=$(kata exec -t parent -- probe self | tr -d '\r') || return
	same_as_unprotected "$said" || return
	gone parent
}

spec_decides() {
	local said
	said=$(spec_run odd '.process.oomScoreAdj = 321 | .process.rlimits = [{type: "RLIMIT_NOFILE", soft: 2048, hard: 4096}] |
		.process.user = {uid: 1000, gid: 1000, additionalGids: [5, 6]}' -- probe self) || { echo "$said"; return 1; }
	[ "$(value oom "$said")" = 321 ] || { echo "oom $(value oom "$said")"; return 1; }
	[ "$(value groups "$said")" = '5 6' ] || { echo "groups $(value groups "$said")"; return 1; }
	[ "$(value limit-nofile "$said")" = 2048:4096 ] || { echo "nofile $(value limit-nofile "$said")"; return 1; }
}

# oom_score_adj cannot be lowered to what the agent has: its floor is not inherited either.
protection_cannot_be_taken() {
	# shellcheck disable=SC2016
	run -- sh -c 'echo -1000 >/proc/self/oom_score_adj; cat /proc/self/oom_score_adj' | grep -qx 0
}

# --- under pressure -----------------------------------------------------------------------------------------------

agent_answers() {
	KATA_TIMEOUT=60 kata check >/dev/null || { echo "no answer to check"; return 1; }
	KATA_TIMEOUT=60 expect 0 alive run -- echo alive
}

memory_of_the_guest_is_eaten() {
	expect 137 '' run --id eater -- tail /dev/zero || return
	agent_answers
}

tmpfs_is_filled() {
	spec_run filler '.mounts += [{destination: "/big", type: "tmpfs", source: "tmpfs", options: ["size=48m"]}]' -d -- \
		sh -c 'cat /dev/zero >/big/file; cat /dev/zero >/dev/shm/file; echo full >/tmp/full; sleep 1000' >/dev/null || return
	retry_until kata exec filler -- grep -q full /tmp/full || return
	agent_answers || return
	gone filler
}

# More than the kernel would give a guest of this size.
all_files_are_open() {
	local filter='.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 1024, hard: 100000}]'
	spec_run opener "$filter" -- probe fds >"$work/opened" 2>&1 &
	retry_until grep -q 'EMFILE after many: 1' "$work/opened" || { cat "$work/opened"; return 1; }
	agent_answers || return
	gone opener
	wait $!
	:
}

nobody_reads_a_flood() {
	run -d --id flood -- sh -c 'yes & yes >&2' >/dev/null || return
	agent_answers || return
	gone flood
}

# --- the unit tests that need controllers ---------------------------------------------------------------------------

# put_program FILE: into the rootfs, with its libraries, under the names that it has here.
put_program() {
	local file
	ldd "$1" | grep -o '/[^ ]*' | while read -r file; do cp -L --parents "$file" "$work/share/rootfs" || return; done
	cp -L --parents "$1" "$work/share/rootfs"
}

# They want the whole hierarchy, as nobody but the agent has it: a container is lent it, and the agent's cgroup namespace.
unit_tests_pass() {
	local program=$build/tests/unit/agent/cgroups/run said group
	local filter="$see_the_guest | .mounts |= map(if .destination == \"/sys/fs/cgroup\" then
		{destination: .destination, type: \"bind\", source: .destination, options: [\"bind\"]} else . end)"
	make -s -C "$top" "${program#"$top/"}" >/dev/null && put_program "$program" && put_program "$(command -v nsenter)" || return
	# A group at a time: the others of the program want more than a busybox rootfs has.
	said=$(for group in test_v1 test_v2 test_v2_limits; do
		spec_run "unit-${group//_/-}" "$filter" -- "$(command -v nsenter)" --cgroup=/guest-proc/1/ns/cgroup "$program" "$group" 2>&1 || exit
	done) || {
		echo "$said"
		return 1
	}
	grep -q 'OK.*limits_reach_the_kernel' <<<"$said" && grep -q 'OK.*device_filter_holds' <<<"$said" && return
	echo "$said"
	return 1
}

# A guest with a disk to throttle and to keep out of reach (null-co stores nothing): limits_begin [OPTION OF vm_begin]...
limits_begin() {
	vm_begin --qemu-arg -blockdev --qemu-arg driver=null-co,node-name=n0,size=1048576 --qemu-arg -device \
		--qemu-arg virtio-blk-pci,drive=n0 "$@"
	make_probe "$work/share/rootfs" || vm_fail "the probe was not built"
}
