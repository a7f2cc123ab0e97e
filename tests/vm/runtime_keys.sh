#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What keys of kata-runtime's configuration come to, seen in one VM: in the guest, in its programs' command lines, in the logs.
# Those of other kinds of VM, of networks, cgroups and sizes have scripts of their own.
if [ -z "${KATA_TEST_NAMESPACE:-}" ]; then
	KATA_TEST_NAMESPACE=1 exec unshare -m --propagation private "$0" "$@"
fi
# shellcheck source=tests/lib/runtime.sh
. "$(dirname "$0")/../lib/runtime.sh"

configure() {
	cat >"$work/configuration.toml" <<-TOML
		[hypervisor.qemu]
		kernel = "$kernel/vmlinuz"
		initrd = "$initrd"
		vhost_user_vsock_daemon = "$daemon"
		accel = "tcg"
		vsock_backend = "vhost-user"
		cpu_model = "Nehalem"
		kernel_params = "words.of=ours"
		default_vcpus = 1.5
		default_maxvcpus = 2
		default_memory = 300
		default_maxmemory = 1000
		memory_slots = 5
		virtio_fs_extra_args = ["--thread-pool-size=3"]
		virtio_fs_cache = "none"
		entropy_source = "/dev/random"
		enable_debug = true
		[agent.kata]
		dial_timeout = 150
		enable_debug = true
		kernel_modules = ["loop max_loop=3", "squashfs"]
		[runtime]
		enable_debug = true
		disable_guest_seccomp = false
		static_sandbox_resource_mgmt = true
	TOML
}

# Of its own CPUs 1.5 and of the container's half a one make two, for good.
boots() {
	set_process '.process.args = ["sleep", "1000"] | .linux.resources.cpu = {"quota": 50000, "period": 100000} |
		.linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["chroot"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95}]}'
	kr create -b "$work/b" cc >"$work/out" 2>&1 </dev/null && kr start cc || { cat "$work/out"; return 1; }
}

guest() { kr exec cc "$@"; }

cpu_and_kernel() {
	guest grep -qx 'model name.*Nehalem.*' /proc/cpuinfo && [ "$(guest nproc)" = 2 ] || { guest cat /proc/cpuinfo; return 1; }
	guest grep -q ' words.of=ours$' /proc/cmdline && guest grep -q ' debug systemd.show_status=true .*agent.log=debug ' /proc/cmdline || { guest cat /proc/cmdline; return 1; }
	[ "$(guest cat /proc/meminfo | awk '/^MemTotal/ { print ($2 < 300 * 1024 && $2 > 150 * 1024) }')" = 1 ] || { guest head -n 1 /proc/meminfo; return 1; }
}

size_is_final() {
	kr update --cpu-quota 150000 --cpu-period 100000 cc && [ "$(guest nproc)" = 2 ] && [ "$(jq .size.wanted_vcpus "$work/r/cc/state.json")" = 2 ]
}

modules() {
	guest grep -q '^squashfs ' /proc/modules && [ "$(guest cat /sys/module/loop/parameters/max_loop)" = 3 ] || { guest cat /proc/modules; return 1; }
}

# What is refused is said by the error that the profile names.
seccomp_of_the_specification() {
	guest grep -q '^Seccomp:.2$' /proc/self/status && expect 1 'Operation not supported' kr exec cc chroot / true
}

line_of() { tr '\0' ' ' <"/proc/$(jq -r ".processes[] | select(.name == \"$1\").pid" "$work/r/cc/state.json")/cmdline"; }

command_lines() {
	local qemu fs
	qemu=$(line_of qemu) && fs=$(line_of virtiofsd) || return
	[[ $qemu == *' -m 300M,slots=5,maxmem=2024M '* && $qemu == *'rng-random,id=rng0,filename=/dev/random '* && $qemu == *' -cpu Nehalem '* ]] &&
		[[ $qemu == *' -smp 2,'*maxcpus=2* ]] || { echo "$qemu"; return 1; }
	[[ $fs == *' --thread-pool-size=3 '* && $fs == *cache*n[oe][nv]e* ]] || { echo "$fs"; return 1; }
}

# The kernel's, the agent's, ours.
logs_tell_all() {
	grep -aq '\[ .*\] Linux version' "$work/r/cc/console.log" && grep -aq '"level":"DEBG"' "$work/r/cc/console.log" || { head -c 3000 "$work/r/cc/console.log"; return 1; }
	grep -q "Starting 'qemu': .*-machine q35" "$work/r/cc/supervisor.log" && grep -q "Request 'update' for 'cc'" "$work/r/cc/supervisor.log" || { cat "$work/r/cc/supervisor.log"; return 1; }
}

# The same without: nothing of it is there.
defaults() {
	kr delete -f cc && nothing_left || return
	sed -i '/^enable_debug/d; /^disable_guest_seccomp/d; /^kernel_modules/d; /^cpu_model/d' "$work/configuration.toml"
	boots && guest grep -q '^Seccomp:.0$' /proc/self/status && ! guest grep -q '^squashfs ' /proc/modules && ! guest grep -q Nehalem /proc/cpuinfo || return
	! grep -aq 'Linux version' "$work/r/cc/console.log" && ! grep -q 'Starting ' "$work/r/cc/supervisor.log" && kr delete -f cc && nothing_left
}

prepare_bundle
configure
check boots boots
check cpu_and_kernel cpu_and_kernel
check size_is_final size_is_final
check modules modules
check seccomp_of_the_specification seccomp_of_the_specification
check command_lines command_lines
check logs_tell_all logs_tell_all
check defaults defaults
runtime_finish
