#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kata-runtime with guests that panic: because they find no init, because their initrd is broken, because their agent exits,
# and long after the boot, while a container runs. Each says why, at once, and leaves nothing.
if [ -z "${KATA_TEST_NAMESPACE:-}" ]; then
	KATA_TEST_NAMESPACE=1 exec unshare -m --propagation private "$0" "$@"
fi
# shellcheck source=tests/lib/runtime.sh
. "$(dirname "$0")/../lib/runtime.sh"

# fails SED-SCRIPT TEXT...: with that change of the configuration a run ends, long before dial_timeout, and says all of this.
fails() {
	local out status=0
	sed "$1" "$work/configuration.toml" >"$work/other.toml"
	shift
	out=$(timeout -k 5 100 "$build/kata-runtime" --root "$work/r" --config "$work/other.toml" run -b "$work/b" cc 2>&1 </dev/null) || status=$?
	[ "$status" = 1 ] || { echo "status $status: $out"; return 1; }
	for text; do [[ $out == *"$text"* ]] || { echo "no '$text' in: $out"; return 1; }; done
	nothing_left
}

# Before its console has a driver.
no_init() {
	fails 's|^default_memory.*|&\nkernel_params = "rdinit=/nonexistent"|' 'as after a panic' 'Unable to mount root fs' "the guest's kernel runs" &&
		fails 's|^default_memory.*|&\nmachine_type = "microvm"\nkernel_params = "rdinit=/nonexistent"|' 'Unable to mount root fs'
}

broken_initrd() {
	fails 's|^initrd = .*|initrd = "/etc/passwd"|' 'likely cause: Initramfs unpacking failed' || return
	head -c 1500000 "$initrd" >"$work/cut" && fails "s|^initrd = .*|initrd = \"$work/cut\"|" 'likely cause: Initramfs unpacking failed'
}

agent_that_exits() {
	echo 'int main(void) { return 7; }' >"$work/exits.c" && gcc -static -o "$work/exits" "$work/exits.c" &&
		"$top/rootfs-builder/initrd" --agent "$work/exits" --kernel-dir "$kernel" --output "$work/exits.initrd" >"$work/manifest" || return
	fails "s|^initrd = .*|initrd = \"$work/exits.initrd\"|" 'likely cause: Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000700'
}

# What a container does that may: its VM goes, and whoever waits is told.
panics='.process.args = ["sh", "-c", "echo up; read x; echo c >/proc/sysrq-trigger; sleep 1000"] | .linux.maskedPaths = [] | .linux.readonlyPaths = []'

while_it_runs() {
	local status=0
	set_process "$panics"
	: >"$work/out"
	# What it has said must have left the guest.
	{ retry_until grep -qx up "$work/out" >&2; echo go; } | kr --log "$work/log" run -b "$work/b" cc >"$work/out" 2>&1 || status=$?
	[ "$status" = 137 ] && grep -qx up "$work/out" && grep -q "^kata-runtime: container 'cc': its VM has gone: Kernel panic - not syncing: sysrq" "$work/out" &&
		grep -q 'level=error.*sysrq' "$work/log" || { echo "status $status"; cat "$work/out" "$work/log"; return 1; }
	nothing_left
}

# Written when the sandbox has ended as well, which is after its processes.
says_why() {
	jq -e '.ended | startswith("Kernel panic - not syncing: sysrq")' "$work/r/cc/state.json" && grep -q "has gone: Kernel panic" "$work/r/cc/supervisor.log"
}

is_gone() { ! kill -0 "$1" 2>/dev/null; }

# An engine's container, and another process in it.
while_others_wait() {
	local exec_status=0 exec_pid
	mkfifo "$work/in" && exec 7<>"$work/in" || return
	kr create -b "$work/b" --pid-file "$work/pid" cc <"$work/in" >"$work/out" 2>&1 7>&- && kr start cc 7>&- || { cat "$work/out"; return 1; }
	kr exec cc sh -c 'echo in; exec sleep 1000' >"$work/eout" 2>&1 </dev/null 7>&- &
	exec_pid=$!
	retry_until grep -qx in "$work/eout" && echo go >&7 && exec 7>&- || return
	wait "$exec_pid" || exec_status=$?
	[ "$exec_status" = 137 ] && retry_until is_gone "$(cat "$work/pid")" && retry_until status_is cc stopped || { echo "exec: $exec_status"; kr state cc; return 1; }
	retry_until says_why || { cat "$work/r/cc/state.json" "$work/r/cc/supervisor.log"; return 1; }
	expect 1 'not running' kr kill cc KILL && expect 255 'stopped' kr exec cc true && kr delete cc && nothing_left
}

prepare_runtime
set_process '.process.args = ["true"]'
check no_init no_init
check broken_initrd broken_initrd
check agent_that_exits agent_that_exits
check while_it_runs while_it_runs
check while_others_wait while_others_wait
runtime_finish
