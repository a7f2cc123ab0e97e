#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The image with systemd: the agent as a service of a Debian guest, on a read-only root, in a partition as upstream's images have.
# Then once more where systemd has mounted cgroup v1.
# shellcheck source=tests/lib/vm.sh
. "$(dirname "$0")/../lib/vm.sh"

work=$(mktemp -d /tmp/kata-vm.XXXXXX)
kernel=$("$top/scripts/fetch-kernel") || vm_fail "no kernel"

# make_image KERNEL DIRECTORY. bash comes with Debian, so the debug console has a shell.
make_image() {
	mkdir -p "$2"
	"$top/rootfs-builder/image" --agent "$build/kata-agent" --kernel-dir "$1" --output "$2/kata.img" --partition \
		--boot-initrd "$2/boot.initrd" >"$work/image.log" 2>&1 || vm_fail "no image: $(tail -n 3 "$work/image.log" | tr '\n' ' ')"
}

console_runs() {
	local output
	output=$(printf 'systemctl is-active kata-agent.service kata-containers.target; echo "run""ning $(cat /proc/1/comm)"; echo "cgro""ups $(stat -f -c %%T /sys/fs/cgroup)"; findmnt -no OPTIONS /; exit\n' |
		timeout 60 "$build/kata-agent-ctl" --address "$address" console) || return
	output=${output//$'\r'/}
	[[ $output == *"running systemd"* && $output == *"cgroups $1"* && $output == *active*active* && $output == *"ro,"* ]] || { echo "$output"; return 1; }
}

details() {
	local output
	output=$(kata call GetGuestDetails '{"mem_block_size": true}') || return
	[ "$(jq -r '.agent_details.init_daemon // false' <<<"$output")" = false ] || { echo "$output"; return 1; }
	[ "$(jq -r .mem_block_size_bytes <<<"$output")" -gt 0 ]
}

# systemd's own processes come and go.
mounts_and_cgroups() {
	guest_holdings | cut -d ' ' -f 2,4
}

containers() {
	[ "$(run --id once -- cat /proc/1/comm)" = cat ] || return
	run --detach --id web --memory 64M -- sleep 1000 || return
	[ "$(kata exec web -- hostname)" = guest ] || return
	[ "$(kata exec web -- cat /proc/1/comm)" = sleep ] || return
	expect 3 '' kata exec web -- sh -c 'exit 3' || return
	kata pause web && kata resume web && kata stats web | grep -q '^memory limit  *67108864' || return
	expect 137 '' kata exec web -- sh -c 'kill -9 $$'
}

removed() {
	local before=$1
	kata rm -f web || return
	[ "$(mounts_and_cgroups)" = "$before" ] || { echo "before: $before, now: $(mounts_and_cgroups)"; return 1; }
}

# The lives of the pods of both upstream runtimes, as PID 1 lives them in tests/vm/conformance.sh.
pods() {
	kata conformance --keep --strict --timeout 60 --case 'pod/*' >"$work/report" 2>&1 && ! grep ^skip "$work/report" &&
		[ "$(grep -c ^pass "$work/report")" -ge 4 ] || { cat "$work/report"; return 1; }
}

# An end that nobody asked for must not leave a guest behind that nobody talks to; this one was asked for.
powers_off() {
	kata destroy || return
	retry_until vm_is_off || retry_until vm_is_off || retry_until vm_is_off || return
	! grep -aqE 'Kernel panic|BUG:|Oops:' "$work/console.log"
}

# guest CGROUPS [WORD]...: the image's, and what its console says of its cgroups.
guest() {
	local before cgroups=$1
	shift
	vm_begin --initrd "$image/boot.initrd" --qemu-arg -drive --qemu-arg "file=$image/kata.img,if=virtio,format=raw,readonly=on" \
		--append "root=/dev/vda1 rootflags=data=ordered,errors=remount-ro ro rootfstype=ext4 systemd.unit=kata-containers.target systemd.show_status=false quiet" \
		--append "systemd.mask=systemd-networkd.service systemd.mask=systemd-networkd.socket" \
		--append "agent.debug_console agent.debug_console_vport=1026 $*"
	check "details$suffix" details
	check "console_runs$suffix" console_runs "$cgroups"
	before=$(mounts_and_cgroups)
	check "containers$suffix" containers
	check "removed$suffix" removed "$before"
	check "pods$suffix" pods
	check "powers_off$suffix" powers_off
}

# shellcheck disable=SC2034 # used by vm_begin: an emulated systemd takes its time
KATA_TIMEOUT=180
image=$work/image suffix=''
make_image "$kernel" "$image"
guest cgroup2fs
"$top/scripts/vm" stop --dir "$work" >/dev/null 2>&1
# Debian 12's kernel has all controllers of v1, and newer releases of systemd want to be told twice.
v1_kernel=$("$top/scripts/fetch-kernel" --suite bookworm) || vm_fail "no kernel of Debian 12"
if [ "$v1_kernel" != "$kernel" ]; then
	image=$work/image-v1
	make_image "$v1_kernel" "$image"
fi
suffix=_v1
VM_CGROUPS=v1
guest tmpfs SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1
vm_finish
