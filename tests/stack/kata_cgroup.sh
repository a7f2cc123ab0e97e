#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The host's cgroups of a sandbox under a real systemd and cgroup v2: scopes asked for over D-Bus, directories, the overhead's
# place, and that all of it goes.
# shellcheck source=tests/lib/stack_kata.sh
. "$(dirname "$0")/../lib/stack_kata.sh"

# in_cgroup PATH PID...: each is in there, and its file says so too.
in_cgroup() {
	local path=$1 pid
	shift
	for pid; do
		grep -qx "$pid" "/sys/fs/cgroup$path/cgroup.procs" && [ "$(cat "/proc/$pid/cgroup")" = "0::$path" ] ||
			{ echo "$pid ($(cat "/proc/$pid/comm")) is in $(cat "/proc/$pid/cgroup"), not in $path"; return 1; }
	done
}

is_gone() { [ -z "$(systemctl list-units --all --no-legend "$1")" ]; }

removed() { pod rm -f -t 0 box && gone; }

scopes() {
	local scope overhead
	start || return
	scope=libpod-$id.scope overhead=kata-runtime-$id.scope
	systemctl is-active "$scope" "$overhead" && [ "$(systemctl show -P Slice "$scope")" = machine.slice ] &&
		[ "$(systemctl show -P Slice "$overhead")" = kata-overhead.slice ] || { systemctl list-units --all '*.scope'; return 1; }
	in_cgroup "$(control_group "$scope")" "$qemu" "$stdio" && in_cgroup "$(control_group "$overhead")" "$supervisor" $daemons &&
		removed && is_gone "$scope" && is_gone "$overhead"
}

# All of it in the sandbox's own; after the supervisor was killed the scope goes as well.
one_scope() {
	configure 'sandbox_cgroup_only = true' && start && configure || return
	in_cgroup "$(control_group "libpod-$id.scope")" "$qemu" "$stdio" "$supervisor" $daemons && is_gone "kata-runtime-$id.scope" || return
	kill -9 "$supervisor" && removed && is_gone "libpod-$id.scope"
}

directories() {
	start --cgroup-manager cgroupfs || return
	in_cgroup "/libpod_parent/libpod-$id" "$qemu" "$stdio" && in_cgroup "/kata_overhead/$id" "$supervisor" $daemons || return
	pod --cgroup-manager cgroupfs rm -f -t 0 box && gone || return
	[ ! -e /sys/fs/cgroup/kata_overhead ] || { echo 'the overhead directory stays'; return 1; }
}

one_directory() {
	configure 'sandbox_cgroup_only = true' && start --cgroup-manager cgroupfs && configure || return
	in_cgroup "/libpod_parent/libpod-$id" "$qemu" "$stdio" "$supervisor" $daemons && [ ! -e /sys/fs/cgroup/kata_overhead ] || return
	pod --cgroup-manager cgroupfs rm -f -t 0 box && gone
}

kata_begin
check 'scopes of systemd' scopes
check 'sandbox_cgroup_only in a scope' one_scope
check 'directories' directories
check 'sandbox_cgroup_only in a directory' one_directory
kata_finish
