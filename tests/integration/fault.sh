#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A container's life, an exec with passfd streams and a session of the debug console with the k-th kernel call failing, for
# k = 1, 2, ... (tests/tools/faultdrive.c). Needs the fault build:
# make check-fault. K=all tries every k with every error; else every fifth or so, to save time. Once on cgroup v1 as well,
# where the machine has it.
. "$(dirname "$0")/../lib/integration.sh"

build=${KATA_FAULT_BUILD:-$top/build/fault}
drive=$build/tests/tools/faultdrive
if [ ! -x "$drive" ]; then
	echo "skip fault: there is no fault build, make check-fault makes it"
	exit 0
fi

# The file that the countdown lives in; the agent sees its directory as /srv.
prepare() {
	truncate -s 4096 "$work/fault.state"
	mkdir "$work/bundle"
	cp "$top/tests/data/fault-bundle.json" "$work/bundle/config.json"
	echo 'quiet agent.passfd_listener_port=1027 agent.debug_console agent.debug_console_vport=1026' >"$work/cmdline"
}

sweep() {
	local status=0 limit=${FAULT_TIMEOUT:-600}
	[ "${K:-}" != all ] || limit=${FAULT_TIMEOUT:-3000}
	timeout -k 5 "$limit" "$drive" -a "unix://$work/agent.sock" -p "$agent" -c "$(cat "$work/cgroup")" \
		-f "$work/fault.state" -r "$work/rootfs" "$@" || status=$?
	[ "$status" -le 1 ] || echo "not ok fault $*: the driver ended with status $status"
	[ "$status" -eq 0 ] || failures=$((failures + 1))
}

# notify ERRNO FIRST STRIDE: a container of runk whose seccomp filter has a listener; it has no agent, and a fence of its own.
notify() {
	local dir status=0
	dir=$(mktemp -d /tmp/kata-test.XXXXXX)
	mkdir "$dir/bundle"
	truncate -s 4096 "$dir/fault.state"
	cp "$build/bin/runk" "$drive" "${drive%drive}run" "$dir"
	jq --arg dir "$dir" --arg root "$work/rootfs" '.root.path = ($dir + "/rootfs") | del(.hooks) | .process.args = ["true"]
		| .process.terminal = false | .linux.cgroupsPath = "/notify"
		| .linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", listenerPath: ($dir + "/listener"),
			syscalls: [{names: ["acct"], action: "SCMP_ACT_NOTIFY"}]}' "$work/bundle/config.json" >"$dir/bundle/config.json"
	cp -a "$work/rootfs" "$dir/rootfs"
	"$fence" run "$dir" "$build/kata-agent" env ASAN_OPTIONS=detect_leaks=0:handle_abort=1:disable_coredump=0 "$dir/faultrun" "$dir/fault.state" "$dir/listener" "$1" "$2" "$3" \
		"KATA_SYS_FAULT=$dir/fault.state $dir/runk --root $dir/state run --bundle $dir/bundle one </dev/null >/dev/null" \
		"$dir/runk --root $dir/state delete --force one" || status=$?
	[ "$status" -eq 0 ] || failures=$((failures + 1))
	rm -rf "$dir"
}

begin KATA_SYS_FAULT=/srv/fault.state
if [ -n "${NOTIFY:-}" ]; then
	# shellcheck disable=SC2086 # options
	notify $NOTIFY
	finish
fi
if [ -n "${SWEEP:-}" ]; then
	# shellcheck disable=SC2086 # options
	sweep ${SWEEP//BUNDLE/-b $work/bundle}
else
	stride=5
	[[ $build != *asan ]] || stride=19
	[ "${K:-}" != all ] || stride=1
	sweep -e EIO -s "$stride"
	sweep -e EIO -b "$work/bundle" -s "$stride"
	sweep -e ENOMEM -t -s "$stride" -k "$((1 + stride / 2))"
	sweep -e EMFILE -s "$((2 * stride - 1))"
	sweep -e EINTR -s "$((2 * stride - 1))"
	sweep -e EINTR -t -s "$((2 * stride - 1))"
	# These are short.
	for errno in EIO EMFILE EINTR; do
		sweep -x console -e "$errno" -s "$((stride / 2 + 1))"
		sweep -x passfd -e "$errno" -s "$((2 * stride - 1))" -k "$((stride / 2 + ${#errno}))"
	done
	# The fence ends after a minute.
	notify EIO 2 "$((2 * stride + 3))"
	notify EMFILE 4 "$((4 * stride + 3))"
	if findmnt -n -t cgroup >/dev/null; then
		echo "# cgroup v1"
		FENCE_CGROUPS=v1 SWEEP="-e EIO -s $((2 * stride - 1))" "$0" || failures=$((failures + 1))
	fi
fi
finish
