# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# For the scripts of the vm ring that run kata-runtime: a configuration, a bundle with a busybox rootfs in $work/b, and how to
# see that nothing is left. The script is in a mount namespace of its own before it sources this.

# shellcheck source=tests/lib/vm.sh
. "$(dirname "${BASH_SOURCE[0]}")/vm.sh"
KATA_TIMEOUT=${KATA_TIMEOUT:-150}

kr() { timeout -k 5 "$KATA_TIMEOUT" "$build/kata-runtime" --root "$work/r" --config "$work/configuration.toml" "$@"; }

# set_process JQ-FILTER: what the bundle's container runs. Its network is new and empty.
set_process() {
	jq ".process.terminal = false | .root.path = \"rootfs\" | .linux.namespaces += [{\"type\": \"network\"}] | $1" \
		"$top/tests/data/bundle.json" >"$work/b/config.json"
}

# Without the configuration, for which it sets $kernel, $initrd and $daemon.
prepare_bundle() {
	work=$(mktemp -d /tmp/kata-rt.XXXXXX)
	trap runtime_finish EXIT
	make_rootfs "$work/b/rootfs"
	find_images
	daemon=$("$top/scripts/fetch-vhost-vsock") || exit 1
}

prepare_runtime() {
	prepare_bundle
	cat >"$work/configuration.toml" <<-TOML
		[hypervisor.qemu]
		path = "$(command -v qemu-system-x86_64)"
		kernel = "$kernel/vmlinuz"
		initrd = "$initrd"
		default_memory = 512
		default_maxvcpus = 2
		vhost_user_vsock_daemon = "$daemon"
		[agent.kata]
		dial_timeout = 120
	TOML
}

runtime_finish() {
	trap - EXIT
	[ "$failures" -eq 0 ] || tail -n 20 "$work"/r/*/supervisor.log 2>/dev/null
	kr list -q 2>/dev/null | while read -r id; do kr delete -f "$id"; done
	if [ -n "${KEEP:-}" ]; then echo "# kept $work"; else rm -rf --one-file-system "$work"; fi
	[ "$failures" -eq 0 ] || exit 1
	exit 0
}

status_is() { [ "$(kr state "$1" | jq -r .status)" = "$2" ]; }

# No process, no mount, no socket, no state.
nothing_left() {
	local left
	left=$(
		for cmdline in /proc/[0-9]*/cmdline; do
			{ tr '\0' ' ' <"$cmdline"; } 2>/dev/null | grep -F "$work/r" | grep -v -e ^timeout -e ^grep
		done
		grep -F "$work/r" /proc/self/mountinfo | grep -vF " $work/r " # the test's own
		find "$work/r" -mindepth 1 ! -name .containers
	)
	[ -z "$left" ] || { echo "left: $left"; return 1; }
}
