#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a guest says while it boots, and when it cannot: stages, readiness beacon, log port, bad options, a shell on the console,
# passfd streams, a failing boot.
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

# shell_says TEXT: what the console has shown so far; what is typed before the shell reads waits in the terminal.
shell_says() {
	tr -d '\r' <"$work/shell" | grep -q "$1"
}

shell_has_ended() {
	read_log
	grep -q '"msg":"Shell [0-9]* has ended with 7"' "$work/log"
}

# Without a port the debug console is one shell on /dev/console.
console_has_a_shell() {
	local shell status=0
	mkfifo "$work/shell.in"
	timeout 120 socat - "UNIX-CONNECT:$work/hvc0.sock" <"$work/shell.in" >"$work/shell" 2>&1 &
	shell=$!
	exec 9>"$work/shell.in"
	printf 'echo "$((4320 + 1))-x pid $$ of $PPID"\n' >&9
	retry_until shell_says '^4321-x pid [0-9]* of 1$' && printf 'exit 7\n' >&9 && retry_until shell_has_ended || status=1
	exec 9>&-
	kill "$shell" 2>/dev/null
	[ "$status" = 0 ] || { cat "$work/shell"; tail -n 5 "$work/log"; return 1; }
}

# What was logged since the last look is added to $work/log.
read_log() {
	(printf 'CONNECT 1025\n'; sleep 1) | timeout 20 socat - "UNIX-CONNECT:$work/vsock.sock" 2>/dev/null | sed 1d >>"$work/log"
}

called() {
	read_log
	ports=$(grep -oP '"Connection from port \K[0-9]+' "$work/log")
	[ "$(wc -l <<<"$ports")" = "$1" ] && [ -n "$ports" ]
}

# host NTH FD: a connection to the passfd port, with what it is told in $work/host.NTH, and the other end of FD for what it
# tells; its port in $port. The daemon chooses it, so the agent's log has to say which.
host() {
	mkfifo "$work/host.$1.in"
	socat -t 60 - "UNIX-CONNECT:$work/vsock.sock" <"$work/host.$1.in" >"$work/host.$1" 2>/dev/null 7>&- 8>&- &
	eval "exec $2>\"\$work/host.$1.in\""
	printf 'CONNECT 1027\n' >&"$2"
	retry_until grep -q '^OK' "$work/host.$1" || return
	local ports tries
	for ((tries = 0; tries < 20; tries++)); do
		called "$1" && break
	done
	port=$(tail -n 1 <<<"$ports")
	echo "# passfd connection $1 comes from port $port: $(head -n 1 "$work/host.$1")"
	[ "$(wc -l <<<"$ports")" = "$1" ] && [ -n "$port" ]
}

has_all() {
	sed 1d "$work/host.2" | cmp - "$work/data"
}

# Over real vsock: the port that a call names is the one that the guest's kernel says the host has called from.
passfd_streams() {
	local port in out exec
	head -c 300000 /dev/urandom >"$work/data"
	run --detach --id box -- sleep 1000 >/dev/null || return
	expect 1 "no connection has come from there" kata call ExecProcess '{"container_id":"box","exec_id":"none","stdout_port":99999,
		"process":{"Args":["true"],"Cwd":"/","Env":["PATH=/bin"],"User":{}}}' || return
	host 1 7 && in=$port && host 2 8 && out=$port || return
	exec='{"container_id":"box","exec_id":"cat","process":{"Args":["sh","-c","cat; exit 5"],"Cwd":"/","Env":["PATH=/bin"],"User":{}}'
	kata call ExecProcess "$exec,\"stdin_port\":$in,\"stdout_port\":$out}" || return
	cat "$work/data" >&7
	exec 7>&-
	expect 0 '"status":5' kata call WaitProcess '{"container_id":"box","exec_id":"cat"}' || return
	retry_until has_all || { ls -l "$work"; return 1; }
	exec 8>&-
	kata rm -f box
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
kernel=$("$top/scripts/fetch-kernel") || vm_fail "no kernel"
"$top/rootfs-builder/initrd" --agent "$build/kata-agent" --kernel-dir "$kernel" --add "$(command -v busybox):/bin/sh" \
	--output "$beacon_dir/kata.initrd" >"$beacon_dir/manifest" || vm_fail "no initrd with a shell"
vm_begin --initrd "$beacon_dir/kata.initrd" --console yes --append "agent.debug_console agent.log=debug agent.log_vport=1025 agent.ready_vport=1050" \
	--append "agent.passfd_listener_port=1027 agent.bogus=1 agent.hotplug_timeout=soon"
check stages_are_told_with_times stages_are_told_with_times
check second_console_is_served_too second_console_is_served_too
check beacon_arrives beacon_arrives
check bad_options_are_named bad_options_are_named
check log_port_gives_json log_port_gives_json
check console_has_a_shell console_has_a_shell
check passfd_streams passfd_streams
check power_off_is_clean power_off_is_clean
check failing_boot_says_why failing_boot_says_why
check interrupted_demo_leaves_nothing demo_leaves_nothing interrupt
check demo_without_qemu_leaves_nothing demo_leaves_nothing qemu
vm_finish
