#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The agent on the machine's own cgroup v1 hierarchies, alone and with cgroup2 beside them: containers live there with
# their limits, are frozen, killed and removed. tests/vm/cgroup_v1.sh sees a whole guest.
# shellcheck source=tests/lib/integration.sh
. "$(dirname "$0")/../lib/integration.sh"

if ! findmnt -n -t cgroup >/dev/null; then
	echo "skip cgroup_v1: no hierarchy of cgroup v1 is mounted on this machine"
	exit 0
fi

run() {
	kata run --rootfs "$work/rootfs" "$@"
}

# file CONTROLLER/NAME of the container 'box', as it sees it.
file() {
	kata exec box -- cat "/sys/fs/cgroup/$1"
}

has() {
	findmnt -n -t cgroup -O "$1" >/dev/null
}

start_with_limits() {
	local -a limits=()
	! has pids || limits+=(--pids 30)
	! has memory || limits+=(-m 64M)
	! has cpu || limits+=(--cpus 0.5)
	run -d --id box "${limits[@]}" -- sleep 1000 >/dev/null || return
	! has pids || [ "$(file pids/pids.max)" = 30 ] || { echo "pids.max $(file pids/pids.max)"; return 1; }
	! has memory || [ "$(file memory/memory.limit_in_bytes)" = 67108864 ] || { echo "no memory limit"; return 1; }
	! has cpu || [ "$(file cpu/cpu.cfs_quota_us)" = 50000 ] || { echo "no quota"; return 1; }
	# An exec is where the container is, in each hierarchy.
	! kata exec box -- cat /proc/self/cgroup | grep -v ':/$'
}

update_and_figures() {
	if has memory; then
		kata update --memory 96M box || return
		[ "$(file memory/memory.limit_in_bytes)" = 100663296 ] || return
	fi
	has pids || return 0
	[ "$(kata --json stats box | jq -r .cgroup_stats.pids_stats.limit)" = 30 ] || { kata --json stats box; return 1; }
}

devices_are_filtered() {
	has devices || return 0
	kata exec box -- sh -c 'echo >/dev/null' || return
	expect 1 'head: /tmp/kmsg: Operation not permitted' kata exec box -- sh -c 'mknod /tmp/kmsg c 1 11 && head -c 1 /tmp/kmsg'
}

freeze_and_thaw() {
	kata pause box || return
	KATA_TIMEOUT=2 kata exec box -- true && { echo "a frozen container runs"; return 1; }
	kata resume box || return
	expect 0 on kata exec box -- echo on
}

a_kill_is_told() {
	has memory || return 0
	kata exec box -- sh -c 'tail /dev/zero' && { echo "nothing was killed"; return 1; }
	[ "$(kata call GetOOMEvent | jq -r .container_id)" = box ]
}

frozen_is_removed() {
	kata pause box && kata rm --force box
}

whole_life() {
	expect 3 hello run -- sh -c 'echo hello; exit 3' || return
	run -d --id many -- sh -c 'setsid sleep 1000 & setsid sleep 1000 & wait' >/dev/null || return
	kata kill many 9 && kata rm --force many
}

for FENCE_CGROUPS in v1 hybrid; do
	if [ "$FENCE_CGROUPS" = hybrid ] && ! findmnt -n -t cgroup2 >/dev/null; then continue; fi
	export FENCE_CGROUPS
	begin
	for t in start_with_limits update_and_figures devices_are_filtered freeze_and_thaw a_kill_is_told frozen_is_removed \
		whole_life; do check "$FENCE_CGROUPS: $t" "$t"; done
	(finish) || failures=$((failures + 1))
	work=''
done
[ "$failures" -eq 0 ]
