#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The host's cgroups of a sandbox under a real systemd and cgroup v1: a scope has a directory in the hierarchies of the controllers
# that systemd keeps for it, and directories are made in all of them, where threads can be apart from their process.
stack_cgroups=v1
# shellcheck source=tests/lib/stack_kata.sh
. "$(dirname "$0")/../lib/stack_kata.sh"

# in_cgroup PATH PID...: each is there in systemd's own hierarchy.
in_cgroup() {
	local path=$1 pid
	shift
	for pid; do
		grep -qx "1:name=systemd:$path" "/proc/$pid/cgroup" || { echo "$pid ($(cat "/proc/$pid/comm")) is not in $path: $(tr '\n' ' ' <"/proc/$pid/cgroup")"; return 1; }
	done
}

is_gone() { [ -z "$(systemctl list-units --all --no-legend "$1")" ] && [ -z "$(find /sys/fs/cgroup -type d -name "$1")" ]; }
removed() { pod rm -f -t 0 box && gone; }

scopes() {
	local scope overhead
	[ "$(stat -fc %T /sys/fs/cgroup)" = tmpfs ] || { echo 'this host has no v1'; return 1; }
	start || return
	scope=libpod-$id.scope overhead=kata-runtime-$id.scope
	systemctl is-active "$scope" "$overhead" || { systemctl list-units --all '*.scope'; return 1; }
	in_cgroup "$(control_group "$scope")" "$qemu" "$stdio" && in_cgroup "$(control_group "$overhead")" "$supervisor" $daemons &&
		removed && is_gone "$scope" && is_gone "$overhead"
}

one_scope() {
	configure 'sandbox_cgroup_only = true' && start && configure || return
	in_cgroup "$(control_group "libpod-$id.scope")" "$qemu" "$stdio" "$supervisor" $daemons && is_gone "kata-runtime-$id.scope" || return
	kill -9 "$supervisor" && removed && is_gone "libpod-$id.scope"
}

# The guest's CPUs are in the sandbox's directory, the rest of QEMU in the overhead's.
directories() {
	local cpu=/sys/fs/cgroup/cpu threads
	start --cgroup-manager cgroupfs || return
	threads=$(grep -l '^CPU' "/proc/$qemu"/task/*/comm | cut -d / -f 5) && [ -n "$threads" ] || { cat "/proc/$qemu"/task/*/comm; return 1; }
	for thread in $threads; do
		grep -qx "$thread" "$cpu/libpod_parent/libpod-$id/tasks" || { echo "$thread: $(cat "/proc/$thread/cgroup")"; return 1; }
	done
	grep -qx "$qemu" "$cpu/kata_overhead/$id/tasks" && grep -qx "$supervisor" "$cpu/kata_overhead/$id/tasks" || return
	pod --cgroup-manager cgroupfs rm -f -t 0 box && gone || return
	[ -z "$(find /sys/fs/cgroup -name kata_overhead)" ] || { find /sys/fs/cgroup -name kata_overhead; return 1; }
}

kata_begin
check 'scopes of systemd' scopes
check 'sandbox_cgroup_only in a scope' one_scope
check 'directories, and threads apart' directories
kata_finish
