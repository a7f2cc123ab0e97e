#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The host's cgroups of kata-runtime's sandboxes. Every hierarchy that is mounted is replaced, in a mount namespace of the
# test's own, by a cgroup of its own in it, so that nothing is made elsewhere: first v1 as the machine has it, then v2 alone.
if [ -z "${KATA_TEST_NAMESPACE:-}" ]; then
	KATA_TEST_NAMESPACE=1 exec unshare -m --propagation private "$0" "$@"
fi
# shellcheck source=tests/lib/runtime.sh
. "$(dirname "$0")/../lib/runtime.sh"
own=kata-test-$$
hierarchies=()

# confine DIR: a cgroup of our own, below the one that we are in, takes the place of the hierarchy.
confine() {
	local dir=$1 name=${1##*/} path file
	[ "$name" = unified ] && path=$(sed -n 's/^0:://p' /proc/self/cgroup) ||
		path=$(awk -F: -v name="$name" '{ n = split($2, c, ","); for (i = 1; i <= n; i++) if (c[i] == name || c[i] == "name=" name || $2 == name) print $3 }' /proc/self/cgroup | head -n 1)
	[ -d "$dir$path" ] && mkdir "$dir$path/$own" || return
	hierarchies+=("$dir$path/$own")
	for file in cpuset.cpus cpuset.mems; do
		[ ! -e "$dir/cpuset.cpu_exclusive" ] || cat "$dir$path/$file" >"$dir$path/$own/$file" || return
	done
	mount --bind "$dir" "$work/hosts/$name" && mount --bind "$dir$path/$own" "$dir"
}

# The machine's hierarchies can be reached at $work/hosts, to remove ours.
prepare_cgroups() {
	local dir
	mkdir "$work/hosts"
	for dir in /sys/fs/cgroup/*/; do
		dir=${dir%/}
		[ ! -L "$dir" ] && mountpoint -q "$dir" || continue
		mkdir "$work/hosts/${dir##*/}"
		confine "$dir" || { echo "cannot confine '$dir'"; return 1; }
	done
	[ "${#hierarchies[@]}" -gt 0 ]
}

cgroup_finish() {
	local dir
	kr delete -f cc >/dev/null 2>&1
	for dir in "$work"/hosts/*/; do
		find "$dir" -depth -type d -path "*/$own*" -exec rmdir {} + 2>/dev/null
		umount "$dir"
	done
	runtime_finish
}

# in_cgroup DIR FILE ID
in_cgroup() { grep -qx "$3" "$1/$2" || { echo "$3 is not in $1/$2, but: $(grep . "/proc/$3/cgroup" | tr '\n' ' ')"; return 1; }; }

process() { jq ".processes[] | select(.name == \"$1\").pid" "$work/r/cc/state.json"; }

create() {
	set_process '.process.args = ["sleep", "1000"] | .linux.cgroupsPath = "/pod/ctr"'
	kr create -b "$work/b" --pid-file "$work/pid" cc >"$work/out" 2>&1 </dev/null || { cat "$work/out"; return 1; }
}

no_cgroup_left() {
	local left
	left=$(for dir in /sys/fs/cgroup/ /sys/fs/cgroup/*/; do find "$dir" -mindepth 1 -maxdepth 1 -name pod -o -mindepth 1 -maxdepth 1 -name kata_overhead; done 2>/dev/null)
	[ -z "$left" ] || { echo "left: $left"; return 1; }
}

cpu_threads() { for t in /proc/"$1"/task/*; do ! grep -q '^CPU ' "$t/comm" || echo "${t##*/}"; done; }

# Version 1: the threads of the guest's CPUs alone are the sandbox's.
threads_of_v1() {
	local at tid qemu n=0
	create || return
	qemu=$(process qemu)
	for at in cpu memory pids; do
		for tid in $(cpu_threads "$qemu"); do
			n=$((n + 1))
			in_cgroup "/sys/fs/cgroup/$at/pod/ctr" tasks "$tid" || return
		done
		in_cgroup "/sys/fs/cgroup/$at/kata_overhead/cc" tasks "$qemu" && in_cgroup "/sys/fs/cgroup/$at/pod/ctr" cgroup.procs "$(cat "$work/pid")" &&
			in_cgroup "/sys/fs/cgroup/$at/kata_overhead/cc" cgroup.procs "$(process virtiofsd)" &&
			in_cgroup "/sys/fs/cgroup/$at/kata_overhead/cc" cgroup.procs "$(jq .supervisor.pid "$work/r/cc/state.json")" || return
	done
	[ "$n" -ge 3 ] || { echo "$n threads"; return 1; }
	kr delete -f cc && nothing_left && no_cgroup_left
}

# All of it in one, and a delete without the supervisor's help.
sandbox_cgroup_only() {
	printf '[runtime]\nsandbox_cgroup_only = true\n' >>"$work/configuration.toml"
	create || return
	sed -i '/^\[runtime\]/,$d' "$work/configuration.toml"
	in_cgroup /sys/fs/cgroup/cpu/pod/ctr cgroup.procs "$(process qemu)" && [ ! -e /sys/fs/cgroup/cpu/kata_overhead ] || return
	kill -9 "$(jq .supervisor.pid "$work/r/cc/state.json")" && kr delete -f cc && nothing_left && no_cgroup_left
}

# Version 2: the whole process is the sandbox's, its helpers are overhead. A foreground run is in there itself.
process_of_v2() {
	mount --bind "${1:-/sys/fs/cgroup/unified}" /sys/fs/cgroup || return
	create || return
	in_cgroup /sys/fs/cgroup/pod/ctr cgroup.procs "$(process qemu)" && in_cgroup /sys/fs/cgroup/pod/ctr cgroup.procs "$(cat "$work/pid")" &&
		in_cgroup /sys/fs/cgroup/kata_overhead/cc cgroup.procs "$(process virtiofsd)" || return
	kr delete -f cc && nothing_left && no_cgroup_left || return
	set_process '.process.args = ["true"] | .linux.cgroupsPath = "/pod/ctr"'
	kr run -b "$work/b" cc </dev/null && nothing_left && no_cgroup_left
	local status=$?
	umount /sys/fs/cgroup
	return "$status"
}

bad_paths_are_refused() {
	set_process '.process.args = ["true"] | .linux.cgroupsPath = "/pod/../../ctr"'
	expect 1 "cgroup path '/pod/../../ctr'" kr create -b "$work/b" cc || return
	set_process '.process.args = ["true"] | .linux.cgroupsPath = "a:b"'
	expect 1 "is not 'slice:prefix:name'" kr create -b "$work/b" cc && nothing_left && no_cgroup_left
}

prepare_runtime
trap cgroup_finish EXIT
if mountpoint -q /sys/fs/cgroup && [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]; then
	mkdir "$work/hosts" "$work/hosts/unified"
	check prepare_cgroups confine /sys/fs/cgroup
	check process_of_v2 process_of_v2 /sys/fs/cgroup
else
	prepare_cgroups || exit 1
	check bad_paths_are_refused bad_paths_are_refused
	check threads_of_v1 threads_of_v1
	check sandbox_cgroup_only sandbox_cgroup_only
	[ ! -d /sys/fs/cgroup/unified ] || check process_of_v2 process_of_v2
fi
cgroup_finish
