# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# For scripts of the integration ring that drive runk: no agent, no fence, but containers with all namespaces and cgroups
# of a name of our own. Sourced after integration.sh and bundle.sh.

runk_bin=$build/bin/runk
as_user=(setpriv --reuid 65534 --regid 65534 --clear-groups)
sanitizing=handle_abort=1:disable_coredump=0
# A runk that has made a container is not dumpable, and LeakSanitizer's tracer, which has the caller's rights, may look into that as
# root only: for users addresses and behaviour are watched, leaks are not.
[[ $build != *asan ]] || as_user=(env "ASAN_OPTIONS=$sanitizing:detect_leaks=0" "${as_user[@]}")

# Never hangs; its state is in our directory.
runk() {
	timeout -k 5 "${KATA_TIMEOUT:-60}" "$runk_bin" --root "$work/state" "$@"
}

begin_runk() {
	if [ "$(id -u)" != 0 ]; then
		echo "skip $(basename "$0" .sh): must be root"
		exit 0
	fi
	work=$(mktemp -d /tmp/kata-test.XXXXXX)
	trap 'finish_runk' EXIT
	group=kata-test-${work##*.}
	make_rootfs "$work/rootfs"
	chmod 755 "$work"
	# In files, since a test may look at neither output nor status.
	[[ $build != *asan ]] || export ASAN_OPTIONS=$sanitizing:detect_leaks=1:log_path=$work/sanitizer
}

# oci NAME FILTER [ARG]...: a bundle with all namespaces, a host name, and a cgroup of its own.
oci() {
	local name=$1 filter=$2
	shift 2
	bundle "$name" '.linux.namespaces += [{type: "pid"}, {type: "network"}, {type: "cgroup"}]
		| .linux.cgroupsPath = "/'"$group/$name"'" | .hostname = "kata-test" | '"$filter" "$@"
}

# The names of what is in state.json or any JSON: field STATE-MEMBER ID
field() {
	runk state "$2" | jq -r ".$1"
}

status_is() {
	prints "$1" field status "$2"
}

groups_left() {
	find /sys/fs/cgroup -maxdepth 3 -type d -name "$group" 2>/dev/null
}

sanitizers_are_silent() {
	! cat "$work"/sanitizer.* 2>/dev/null
}

finish_runk() {
	trap - EXIT
	local id left
	[[ $build != *asan ]] || check sanitizers sanitizers_are_silent
	for id in "$work"/state/*; do
		[ -d "$id" ] || continue
		echo "# left over: container ${id##*/}"
		"$runk_bin" --root "$work/state" delete --force "${id##*/}" || true
	done
	left=$(groups_left)
	if [ -n "$left" ]; then
		echo "not ok nothing left over: $left"
		failures=$((failures + 1))
		# shellcheck disable=SC2086 # one word a path
		find $left -depth -type d -exec rmdir {} + 2>/dev/null
	else
		echo "ok nothing left over"
	fi
	if [ -n "${KEEP:-}" ]; then echo "# kept $work"; else rm -rf "$work"; fi
	[ "$failures" -eq 0 ] || exit 1
	exit 0
}
