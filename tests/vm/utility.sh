#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The utility's verbs of kata-runtime: check, env, metrics, a shell in the guest; and configurations that are wrong.
if [ -z "${KATA_TEST_NAMESPACE:-}" ]; then
	KATA_TEST_NAMESPACE=1 exec unshare -m --propagation private "$0" "$@"
fi
# shellcheck source=tests/lib/runtime.sh
. "$(dirname "$0")/../lib/runtime.sh"

prepare_utility() {
	prepare_runtime
	kernel=$(sed -n 's/^kernel = "\(.*\)\/vmlinuz"$/\1/p' "$work/configuration.toml")
	"$top/rootfs-builder/initrd" --agent "$build/kata-agent" --kernel-dir "$kernel" --add "$(command -v busybox):/bin/sh" \
		--output "$work/kata.initrd" >"$work/manifest" || vm_fail "no initrd with a shell"
	sed -i "s|^initrd = .*|initrd = \"$work/kata.initrd\"|; s|^dial_timeout.*|&\ndebug_console_enabled = true|" "$work/configuration.toml"
	cp "$work/configuration.toml" "$work/good.toml"
}

# with SED-SCRIPT COMMAND...: with a changed configuration.
with() {
	local status=0
	sed "$1" "$work/good.toml" >"$work/configuration.toml"
	shift
	"$@" || status=$?
	cp "$work/good.toml" "$work/configuration.toml"
	return "$status"
}

env_tells_all() {
	mkdir "$work/config.d" && printf '[hypervisor.qemu]\ndefault_memory = 600\nrootless = true\nnonsense = 1\n' >"$work/config.d/10-x"
	kr env >"$work/env.toml" && kr kata-env --json >"$work/env.json" || return
	rm -r "$work/config.d"
	"$build/kata-toml" "$work/env.toml" >/dev/null || return
	[ "$(jq -r '.Hypervisor.DefaultMemory, .Runtime.Config.UnusedKeys[0], .Runtime.Config.UnknownKeys[0], .Runtime.Config.DropIns[0]' "$work/env.json" | tr '\n' ' ')" = \
		"600 hypervisor.rootless hypervisor.nonsense $work/config.d/10-x " ] || { cat "$work/env.json"; return 1; }
	jq -e '.Hypervisor | .Accel == "auto" and (.AccelUsed | IN("kvm", "tcg")) and (.AccelReason | test("KVM|/dev/kvm")) and .VsockBackend == "auto" and
		(.VsockBackendUsed | IN("vhost", "vhost-user")) and (.VsockBackendReason | startswith("/dev/vhost-vsock "))' "$work/env.json" || return
	with 's|^path.*|&\naccel = "tcg"\nvsock_backend = "vhost"|' kr env --json | jq -e '.Hypervisor | .AccelUsed == "tcg" and
		.VsockBackendUsed == "vhost" and .AccelReason == "it is configured" and .VsockBackendReason == "it is configured"' || return
	grep -qx 'MachineType = "q35"' "$work/env.toml" && grep -qx '\[Hypervisor\]' "$work/env.toml"
}

check_tells_what_to_do() {
	expect 0 'System can currently create Kata Containers' kr check && expect 0 'ok: configuration' kr kata-check --verbose --no-network-checks || return
	with 's|^vhost_user.*|vhost_user_vsock_daemon = "/nonexistent"\nvsock_backend = "vhost-user"|' expect 1 'load the module vhost_vsock, or install' kr check || return
	with 's|^path.*|path = "/bin/false"|' expect 1 'install qemu-system-x86' kr check &&
		with 's|^kernel.*|kernel = "/nonexistent"|' expect 1 "hypervisor.kernel: '/nonexistent'" kr check
}

figures_of_a_sandbox() {
	set_process '.process.args = ["sleep", "1000"]'
	kr create -b "$work/b" one >"$work/out" 2>&1 </dev/null && kr start one || { cat "$work/out"; return 1; }
	kr metrics one >"$work/metrics" || return
	for family in kata_supervisor_resident_memory_bytes kata_hypervisor_threads kata_sandbox_vcpus kata_agent_threads kata_guest_meminfo; do
		grep -qE "^${family}(_[a-z_]*)?(\{.*\})? [1-9]" "$work/metrics" || { echo "no $family"; grep -c . "$work/metrics"; return 1; }
	done
	expect 1 'does not exist' kr metrics two
}

shell_in_the_guest() {
	local out
	out=$(printf 'echo pid 1 is $(cat /proc/1/comm)\n' | kr exec one) || { echo "$out"; return 1; }
	[[ $out == *'pid 1 is kata-agent'* || $out == *'pid 1 is init'* ]] || { echo "$out"; return 1; }
	kr delete -f one && expect 1 'does not exist' kr exec one && nothing_left
}

# bad TEXT SED-SCRIPT: such a configuration is refused with that text, and nothing is left.
bad() { with "$2" expect 1 "$1" kr create -b "$work/b" cc && nothing_left; }

wrong_configurations() {
	set_process '.process.args = ["true"]'
	bad 'configuration.toml:2:8' 's|^path = .*|path = = 3|' &&
		bad "hypervisor.default_memory: expected integer, not 'string'" 's|^default_memory.*|default_memory = "much"|' &&
		bad 'hypervisor.accel: ' 's|^default_memory.*|accel = "xen"|' &&
		bad 'agent.dial_timeout: -1 is not between' 's|^dial_timeout.*|dial_timeout = -1|' &&
		bad "hypervisor.initrd: '/nonexistent'" 's|^initrd.*|initrd = "/nonexistent"|' &&
		bad 'only one of them' 's|^initrd.*|&\nimage = "/etc/passwd"|' &&
		bad 'this runtime drives qemu only' 's|^\[agent.kata\]|[hypervisor.clh]\n&|'
}

# hostile TEXT KEY VALUE: an annotation that is refused.
hostile() {
	set_process ".process.args = [\"true\"] | .annotations = {\"io.katacontainers.config.$2\": \"$3\"}"
	expect 1 "$1" kr create -b "$work/b" cc && nothing_left
}

hostile_annotations() {
	hostile "not in the configuration's enable_annotations" hypervisor.path /tmp/evil &&
		hostile 'cannot be changed' runtime.sandbox_bind_mounts /etc &&
		hostile 'there is no such key' agent.policy cGFja2FnZQ== || return
	sed -i 's|^path = .*|&\nenable_annotations = [".*"]|' "$work/good.toml" && cp "$work/good.toml" "$work/configuration.toml"
	hostile 'matches none of' hypervisor.path /tmp/evil && hostile 'matches none of' hypervisor.entropy_source /dev/zero,id=x &&
		hostile 'cannot be changed' hypervisor.valid_hypervisor_paths '/*' && hostile 'expected a number' hypervisor.default_vcpus '1; rm'
}

prepare_utility
check env_tells_all env_tells_all
check check_tells_what_to_do check_tells_what_to_do
check figures_of_a_sandbox figures_of_a_sandbox
check shell_in_the_guest shell_in_the_guest
check wrong_configurations wrong_configurations
check hostile_annotations hostile_annotations
runtime_finish
