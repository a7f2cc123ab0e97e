#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The same guest with cgroup v1: limits hold, are seen from inside and change, kills are told, pause stands still, nothing
# is left over. Boots Debian 12's kernel, the last one of Debian that has every v1 controller.
# shellcheck source=tests/lib/limits.sh
. "$(dirname "$0")/../lib/limits.sh"

v1_was_mounted() {
	local said
	said=$(spec_run mounted "$see_the_guest" -- sh -c 'grep " /guest-cgroup" /proc/self/mountinfo; ls /guest-cgroup') || {
		echo "$said"
		return 1
	}
	grep -q ' - tmpfs ' <<<"$said" || { echo "no tmpfs: $said"; return 1; }
	[ "$(grep -cxE 'cpu|cpuacct|cpuset|memory|devices|freezer|pids|blkio|hugetlb|net_cls|net_prio|perf_event' <<<"$said")" = 12 ] ||
		{ echo "hierarchies: $said"; return 1; }
	! grep -i 'cgroup' "$work/console.log" | grep -E 'kata-agent: (Cannot|The kernel)'
}

v1_limits_are_seen_inside() {
	local resources='{"memory":{"limit":67108864,"reservation":33554432,"swap":100663296,"swappiness":10,"disableOOMKiller":true},
		"cpu":{"shares":512,"quota":50000,"period":200000,"cpus":"1","mems":"0"},"pids":{"limit":33},
		"hugepageLimits":[{"pageSize":"2MB","limit":4194304},{"pageSize":"1GB","limit":0}],
		"network":{"classID":1048577,"priorities":[{"name":"lo","priority":7}]},
		"blockIO":{"throttleReadBpsDevice":[{"major":254,"minor":0,"rate":1048576}],
		"throttleWriteIOPSDevice":[{"major":254,"minor":0,"rate":50}]}}'
	spec_run seen ".linux.resources = $resources" -d -- sleep 1000 >/dev/null || return
	prints "memory/memory.limit_in_bytes 67108864
memory/memory.soft_limit_in_bytes 33554432
memory/memory.memsw.limit_in_bytes 100663296
memory/memory.swappiness 10
cpu/cpu.shares 512
cpu/cpu.cfs_quota_us 50000
cpu/cpu.cfs_period_us 200000
cpuset/cpuset.cpus 1
cpuset/cpuset.mems 0
pids/pids.max 33
hugetlb/hugetlb.2MB.limit_in_bytes 4194304
hugetlb/hugetlb.1GB.limit_in_bytes 0
net_cls/net_cls.classid 1048577
blkio/blkio.throttle.read_bps_device 254:0 1048576
blkio/blkio.throttle.write_iops_device 254:0 50" \
		files seen memory/memory.limit_in_bytes memory/memory.soft_limit_in_bytes memory/memory.memsw.limit_in_bytes \
		memory/memory.swappiness cpu/cpu.shares cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us \
		cpuset/cpuset.cpus cpuset/cpuset.mems pids/pids.max hugetlb/hugetlb.2MB.limit_in_bytes \
		hugetlb/hugetlb.1GB.limit_in_bytes net_cls/net_cls.classid \
		blkio/blkio.throttle.read_bps_device blkio/blkio.throttle.write_iops_device || return
	files seen memory/memory.oom_control | grep -q 'oom_kill_disable 1' || { echo "the OOM killer is on"; return 1; }
	files seen net_prio/net_prio.ifpriomap | grep -q 'lo 7' || { echo "no priority"; return 1; }
	kata exec seen -- nproc | grep -qx 1 || { echo "more than one CPU"; return 1; }
	gone seen
}

v1_minus_one_is_no_limit() {
	spec_run endless '.linux.resources = {"memory":{"limit":-1,"reservation":-1,"swap":-1},"cpu":{"quota":-1,"period":50000},
		"pids":{"limit":-1}}' -d -- sleep 1000 >/dev/null || return
	prints "memory/memory.limit_in_bytes 9223372036854771712
memory/memory.memsw.limit_in_bytes 9223372036854771712
cpu/cpu.cfs_quota_us -1
cpu/cpu.cfs_period_us 50000
pids/pids.max max" files endless memory/memory.limit_in_bytes memory/memory.memsw.limit_in_bytes cpu/cpu.cfs_quota_us \
		cpu/cpu.cfs_period_us pids/pids.max || return
	gone endless
}

v1_update_changes_a_running_container() {
	run -d --id live -m 64M --pids 20 --cpus 0.5 -- sleep 1000 >/dev/null || return
	prints "memory/memory.limit_in_bytes 67108864
cpu/cpu.cfs_quota_us 50000
pids/pids.max 20" files live memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us pids/pids.max || return
	kata update --memory 96M --memory-swap 128M --pids 40 --cpus 1.5 --cpu-shares 2048 --cpuset-cpus 0 live || return
	prints "memory/memory.limit_in_bytes 100663296
memory/memory.memsw.limit_in_bytes 134217728
cpu/cpu.cfs_quota_us 150000
cpu/cpu.shares 2048
cpuset/cpuset.cpus 0
pids/pids.max 40" files live memory/memory.limit_in_bytes memory/memory.memsw.limit_in_bytes cpu/cpu.cfs_quota_us \
		cpu/cpu.shares cpuset/cpuset.cpus pids/pids.max || return
	# What is not named stays; more and less, memory and the sum with swap in the order that the kernel takes.
	kata update --memory 256M --memory-swap 512M live && kata update --memory 32M --memory-swap 64M live || return
	prints "memory/memory.limit_in_bytes 33554432
memory/memory.memsw.limit_in_bytes 67108864
pids/pids.max 40" files live memory/memory.limit_in_bytes memory/memory.memsw.limit_in_bytes pids/pids.max || return
	kata update --memory -1 --memory-swap -1 --cpus -1 --pids -1 live || return
	prints "memory/memory.limit_in_bytes 9223372036854771712
cpu/cpu.cfs_quota_us -1
pids/pids.max max" files live memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us pids/pids.max || return
	expect 1 "below the memory limit" kata update --memory 64M --memory-swap 32M live || return
	gone live
}

# As a container of its own cgroup namespace sees it, and one that shares the guest's: its own part, read-only, and the
# link that a co-mounted controller would have is not needed.
v1_hierarchies_inside() {
	local said
	run -d --id inside -- sleep 1000 >/dev/null || return
	said=$(kata exec inside -- cat /proc/self/cgroup) || return
	! grep -v ':/$' <<<"$said" || { echo "not the root: $said"; return 1; }
	grep -q ':memory:/$' <<<"$said" || { echo "no memory: $said"; return 1; }
	expect 1 'Read-only file system' kata exec inside -- mkdir /sys/fs/cgroup/memory/mine || return
	kata exec inside -- grep -q . /sys/fs/cgroup/pids/cgroup.procs || return
	spec_run bare '.linux.namespaces |= map(select(.type != "cgroup"))' -d -- sleep 1000 >/dev/null || return
	kata exec bare -- grep -q ':memory:/bare$' /proc/self/cgroup || { kata exec bare -- cat /proc/self/cgroup; return 1; }
	kata exec bare -- grep -qx 1 /sys/fs/cgroup/pids/cgroup.procs || { echo "the cgroup mount is not its own"; return 1; }
	gone inside && gone bare
}

v1_figures_are_complete() {
	local missing
	run -d --id figures -m 64M --pids 9 -- sh -c 'i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done; sleep 1000' >/dev/null || return
	retry_until cpu_was_used || return
	missing=$(kata --json stats figures | jq -r '.cgroup_stats | {
		percpu: (.cpu_stats.cpu_usage.percpu_usage | length > 0),
		user: ((.cpu_stats.cpu_usage.usage_in_usermode | tonumber) + (.cpu_stats.cpu_usage.usage_in_kernelmode | tonumber) > 0),
		usage: (.memory_stats.usage.usage | tonumber > 0), max: (.memory_stats.usage.max_usage | tonumber > 0),
		limit: (.memory_stats.usage.limit | tonumber == 67108864), stat: (.memory_stats.stats | has("total_rss")),
		pids: (.pids_stats.current | tonumber > 0), pids_limit: (.pids_stats.limit | tonumber == 9),
		hugetlb: (.hugetlb_stats | has("2MB"))} | to_entries[] | select(.value != true) | .key')
	[ -z "$missing" ] || { echo "missing: $missing"; kata --json stats figures; return 1; }
	gone figures
}

cpu_was_used() {
	[ "$(stat_of figures .cgroup_stats.cpu_stats.cpu_usage.total_usage)" -gt 1000000 ]
}

# A counter in a tmpfs: two looks at it while it stands still, then it goes on.
pause_stands_still() {
	local before after
	run -d --id still -- sh -c 'i=0; while :; do i=$((i + 1)); echo $i >/tmp/n.new; mv /tmp/n.new /tmp/n; done' >/dev/null || return
	retry_until kata exec still -- test -s /tmp/n || return
	kata pause still || return
	before=$(stat_of still .cgroup_stats.cpu_stats.cpu_usage.total_usage)
	sleep 1
	after=$(stat_of still .cgroup_stats.cpu_stats.cpu_usage.total_usage)
	[ "$before" = "$after" ] || { echo "CPU time went from $before to $after"; return 1; }
	kata resume still || return
	before=$after
	retry_until still_goes_on "$before" || return
	# A paused one can be killed and removed.
	kata pause still && kata rm --force still
}

still_goes_on() {
	[ "$(stat_of still .cgroup_stats.cpu_stats.cpu_usage.total_usage)" -gt "$1" ]
}

# The hog is killed, the shell that waits for it lives on; each kill is one event, for who waits or who comes later.
every_kill_is_told() {
	local told
	run -d --id eater -m 8M -- sleep 300 >/dev/null || return
	KATA_TIMEOUT=60 kata call GetOOMEvent >"$work/event" &
	eat && wait $! || return
	told=$(jq -r .container_id "$work/event")
	[ "$told" = eater ] || { echo "told '$told'"; return 1; }
	eat && eat || return
	told="$(KATA_TIMEOUT=60 kata call GetOOMEvent | jq -r .container_id) $(KATA_TIMEOUT=60 kata call GetOOMEvent | jq -r .container_id)"
	[ "$told" = 'eater eater' ] || { echo "told '$told'"; return 1; }
	eat && kata rm --force eater || return
	told=$(KATA_TIMEOUT=60 kata call GetOOMEvent | jq -r .container_id)
	[ "$told" = eater ] || { echo "told '$told' after it was removed"; return 1; }
}

eat() {
	kata exec eater -- sh -c 'tail /dev/zero' && { echo "nothing was killed"; return 1; }
	return 0
}

# Kill reaches what has left the session and the process tree.
kill_reaches_all() {
	run -d --id many -- sh -c 'for i in 1 2 3 4 5; do setsid sh -c "sleep 1000 & sleep 1000" & done; wait' >/dev/null || return
	retry_until many_are_there || return
	kata kill many 9 || return
	kata rm many || return
}

many_are_there() {
	[ "$(stat_of many .cgroup_stats.pids_stats.current)" -ge 11 ]
}

nothing_is_left_over() {
	retry_until holds_as_before
}

holds_as_before() {
	[ "$(guest_holdings)" = "$holdings" ] || { echo "$(guest_holdings), before: $holdings"; return 1; }
}

export VM_CGROUPS=v1
limits_begin
holdings=$(guest_holdings)
all='v1_was_mounted every_kill_is_told memory_kills_a_hog pids_stop_a_fork_bomb cpu_is_throttled devices_need_a_rule v1_limits_are_seen_inside
	v1_minus_one_is_no_limit v1_update_changes_a_running_container v1_hierarchies_inside v1_figures_are_complete
	pause_stands_still kill_reaches_all nothing_is_left_over'
for test in ${ONLY:-$all}; do check "$test" "$test"; done
vm_finish
