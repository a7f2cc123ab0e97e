#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a guest says while it boots, and when it cannot: stages, readiness beacon, log port, bad options, a failing boot.
# shellcheck source=tests/lib/vm.sh
. "$(dirname "$0")/../lib/vm.sh"

beacon_dir=$(mktemp -d /tmp/kata-vm.XXXXXX)

# The host listens on the beacon's port before the guest exists.
listen_for_beacon() {
	work=$beacon_dir
	timeout 120 socat -u "UNIX-LISTEN:$work/vsock.sock_1050" "OPEN:$work/beacon,creat" &
}

stages_are_told_with_times() {
	local stage
	for stage in 'basic mounts' 'kernel modules' 'initramfs left' 'cgroups, host name, loopback' 'listening on vsock' 'first request'; do
		tr -d '\r' <"$work/console.log" | grep -qE "kata-agent: boot +[0-9.]+ ms \(\+[0-9.]+\) .*$stage" || {
			echo "no stage '$stage' on the console"
			return 1
		}
	done
}

second_console_is_served_too() {
	tr -d '\r' <"$work/hvc0.log" | grep -q 'kata-agent: boot .*listening' || { head -c 2000 "$work/hvc0.log"; return 1; }
}

beacon_arrives() {
	retry_until grep -qxE 'ready [0-9]+' "$work/beacon"
}

bad_options_are_named() {
	tr -d '\r' <"$work/console.log" | grep -q "Bad value in 'agent.hotplug_timeout=soon'" &&
		tr -d '\r' <"$work/console.log" | grep -q "Unknown word 'agent.bogus=1'"
}

# Every line is a JSON object in upstream's shape, and records from before the connection are there.
log_port_gives_json() {
	(printf 'CONNECT 1025\n'; sleep 3) | timeout 20 socat - "UNIX-CONNECT:$work/vsock.sock" >"$work/log" || true
	sed -i 1d "$work/log" # OK <port>
	[ -s "$work/log" ] || { echo "no log"; return 1; }
	jq -es 'all(.msg and .level and .ts and .pid and .name == "kata-agent" and .source == "agent" and .version and .subsystem)' \
		"$work/log" >/dev/null || { head -n 3 "$work/log"; return 1; }
	grep -q '"msg":"Kata agent .* serves on' "$work/log" || { echo "the first record is missing"; return 1; }
	grep -q '"level":"DEBG"' "$work/log"
}

power_off_is_clean() {
	kata call DestroySandbox '{}' || return
	retry_until vm_is_off || retry_until vm_is_off || return
	! grep -aqE 'Kernel panic|BUG:|Oops:' "$work/console.log"
}

# No modules, so no vsock: the agent cannot serve, says why, and powers off instead of hanging.
failing_boot_says_why() {
	local kernel dir
	kernel=$("$top/scripts/fetch-kernel")
	dir=$(mktemp -d /tmp/kata-vm.XXXXXX)
	"$top/rootfs-builder/initrd" --agent "$build/kata-agent" --kernel-dir "$kernel" --no-modules --output "$dir/bare.initrd" \
		>/dev/null || return
	"$top/scripts/vm" start --dir "$dir" --kernel-dir "$kernel" --initrd "$dir/bare.initrd" || return
	local tries
	for ((tries = 0; tries < 300; tries++)); do
		"$top/scripts/vm" status --dir "$dir" >/dev/null 2>&1 || break
		sleep 0.1
	done
	"$top/scripts/vm" stop --dir "$dir" >/dev/null 2>&1
	local console
	console=$(tr -d '\r' <"$dir/console.log")
	rm -rf "$dir"
	[ "$tries" -lt 300 ] || { echo "it did not power off: ${console: -500}"; return 1; }
	grep -q 'kata-agent: boot failed: .*vsock' <<<"$console" || { echo "no reason: ${console: -500}"; return 1; }
	! grep -q 'Kernel panic' <<<"$console"
}

# Interrupted by a terminal's Ctrl-C, or losing its QEMU, the demo leaves no process and no file behind.
demo_leaves_nothing() {
	local how=$1 before after pid tries
	before=$(find /tmp -maxdepth 1 -name 'kata-demo.*' | wc -l)
	# A job of this shell would start with SIGINT ignored.
	env --default-signal=INT setsid "$top/scripts/demo" --build "$build" >"$work/demo.log" 2>&1 &
	pid=$!
	for ((tries = 0; tries < 600; tries++)); do
		grep -q 'Run a container' "$work/demo.log" && break
		sleep 0.1
	done
	local run
	run=$(find /tmp -maxdepth 1 -name 'kata-demo.*' -newer "$work/log" | head -n 1)
	if [ "$how" = qemu ]; then
		kill -KILL "$(awk '$1 == "qemu" { print $2 }' "$run/pids")"
	else
		kill -INT -- "-$pid"
	fi
	wait "$pid" && { echo "the demo says that all is well"; return 1; }
	after=$(find /tmp -maxdepth 1 -name 'kata-demo.*' | wc -l)
	[ "$before" = "$after" ] || { echo "left: $(ls -d /tmp/kata-demo.*)"; return 1; }
	! pgrep -f "$run" >/dev/null || { echo "processes: $(pgrep -af "$run")"; return 1; }
}

listen_for_beacon
vm_begin --append "agent.log=debug agent.log_vport=1025 agent.ready_vport=1050 agent.bogus=1 agent.hotplug_timeout=soon"
check stages_are_told_with_times stages_are_told_with_times
check second_console_is_served_too second_console_is_served_too
check beacon_arrives beacon_arrives
check bad_options_are_named bad_options_are_named
check log_port_gives_json log_port_gives_json
check power_off_is_clean power_off_is_clean
check failing_boot_says_why failing_boot_says_why
check interrupted_demo_leaves_nothing demo_leaves_nothing interrupt
check demo_without_qemu_leaves_nothing demo_leaves_nothing qemu
vm_finish
