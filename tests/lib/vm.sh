# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# For the scripts of the vm ring: a guest with our initrd, a share with a busybox rootfs, a sandbox. A script sources this,
# calls vm_begin, runs tests by `check NAME COMMAND...`, and calls vm_finish. Builds on integration.sh.

# shellcheck source=tests/lib/integration.sh
. "$(dirname "${BASH_SOURCE[0]}")/integration.sh"

guest_share=/run/kata-containers/shared/containers
address=''

kata() {
	timeout -k 5 "${KATA_TIMEOUT:-120}" "$build/kata-agent-ctl" --address "$address" "$@"
}

# A container of the busybox rootfs: run [OPTION]... -- CMD...
run() {
	kata run --share "$work/share:$guest_share" --rootfs "$work/share/rootfs" "$@"
}

# Sets $kernel and $initrd. VM_SUITE=bookworm, and VM_CGROUPS=v1: of Debian 12, whose kernel has every v1 controller. In a
# host of the stack ring: what is installed.
find_images() {
	if [ -n "${KATA_STACK:-}" ]; then
		kernel=$(dirname "$build")/share/kata-c
		initrd=$kernel/kata.initrd
		return
	fi
	initrd=$build/kata.initrd
	kernel=$("$top/scripts/fetch-kernel") || vm_fail "no kernel"
	[ "${VM_CGROUPS:-v2}" = v1 ] || [ -n "${VM_SUITE:-}" ] || return 0
	kernel=$("$top/scripts/fetch-kernel" --suite bookworm) || vm_fail "no kernel of Debian 12"
	[ "$kernel" = "$(cat "$build/kernel-dir")" ] && return
	initrd=$work/kata.initrd
	"$top/rootfs-builder/initrd" --agent "$build/kata-agent" --kernel-dir "$kernel" --output "$initrd" >"$work/manifest" ||
		vm_fail "no initrd for Debian 12's kernel"
}

# vm_begin [OPTION OF scripts/vm]...
vm_begin() {
	local kernel initrd
	[ -n "$work" ] || work=$(mktemp -d /tmp/kata-vm.XXXXXX)
	trap 'vm_finish' EXIT
	make_rootfs "$work/share/rootfs"
	find_images
	"$top/scripts/vm" start --dir "$work" --kernel-dir "$kernel" --initrd "$initrd" --share "$work/share" \
		--cgroups "${VM_CGROUPS:-v2}" \
		"$@" || vm_fail "the VM did not start"
	address=$("$top/scripts/vm" address --dir "$work")
	"$top/scripts/vm" wait --dir "$work" || vm_fail "the agent does not listen: $(vm_last_words)"
	kata wait-ready --timeout 90 || vm_fail "the agent is not ready: $(vm_last_words)"
	[ -n "${no_sandbox:-}" ] || kata call CreateSandbox "$(sandbox_request)" >/dev/null || vm_fail "no sandbox"
}

sandbox_request() {
	printf '{"hostname":"guest","sandbox_id":"test","storages":[{"driver":"virtio-fs","source":"kataShared",'
	printf '"fstype":"virtiofs","mount_point":"%s/"},{"driver":"ephemeral","source":"shm","fstype":"tmpfs",' "$guest_share"
	printf '"mount_point":"/run/kata-containers/sandbox/shm","options":["noexec","nosuid","nodev","mode=1777","size=16m"]}]}'
}

# Of whichever console the guest has.
vm_last_words() {
	tail -q -n 5 "$work/console.log" "$work/hvc0.log" 2>/dev/null | tr '\r\n' '  '
}

vm_fail() {
	echo "not ok vm: $*"
	failures=$((failures + 1))
	vm_finish
}

vm_is_off() {
	! "$top/scripts/vm" status --dir "$work" >/dev/null 2>&1
}

vm_finish() {
	trap - EXIT
	"$top/scripts/vm" stop --dir "$work" >/dev/null 2>&1
	if [ -n "${KEEP:-}" ]; then echo "# kept $work"; else rm -rf "$work"; fi
	[ "$failures" -eq 0 ] || exit 1
	exit 0
}

# What the guest holds, without sizes: fds of the agent, mounts, processes, cgroups.
guest_holdings() {
	kata call GetDiagnosticData '{"log_type":"guest"}' | jq -r '.data | fromjson | "\(.fds) \(.mounts) \(.processes) \(.cgroups)"'
}

answered() {
	[ "$(grep -cE '^\{"(return|error)"' "$work/answers")" = 2 ]
}

# qmp COMMAND: its answer; 1 if that is an error. The monitor is kept open until it has answered.
qmp() {
	: >"$work/answers"
	{
		printf '{"execute":"qmp_capabilities"}\n%s\n' "$1"
		retry_until answered >&2
	} | socat - "UNIX-CONNECT:$work/qmp.sock" >"$work/answers"
	grep -E '^\{"(return|error)"' "$work/answers" | sed -n 2p
	! grep '^{"error"' "$work/answers"
}

# The same once two looks agree: the connection of the client before may still be on its way to its end.
settled_holdings() {
	local last='' now i
	for ((i = 0; i < 50; i++)); do
		now=$(guest_holdings)
		[ "$now" != "$last" ] || break
		last=$now
	done
	echo "$now"
}
