#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The conformance kit against a real guest: all that is compatible with upstream holds, with nothing skipped; every method
# has a positive and a negative case that was tried. CONFORMANCE_REPORT=FILE keeps the report. Then pods under cgroup v1.
# shellcheck source=tests/lib/vm.sh
. "$(dirname "$0")/../lib/vm.sh"

# Slots that the kit is told: one disk named, one by its place.
swap_disk() {
	truncate -s 16M "$work/$1" && mkswap -q "$work/$1"
}

all_cases() {
	KATA_TIMEOUT=800 kata conformance --timeout 60 --strict --share-tag kataShared --swap-path /dev/vda --swap-pci 19 \
		>"$work/report" 2>&1 || { grep -v ^pass "$work/report"; grep ^fail "$work/report"; return 1; }
	[ -z "${CONFORMANCE_REPORT:-}" ] || cp "$work/report" "$CONFORMANCE_REPORT"
	! grep -q ^fail "$work/report" && [ "$(grep -c ^pass "$work/report")" -gt 300 ] || return
	if grep -q ^skip "$work/report"; then grep ^skip "$work/report"; return 1; fi
}

# The table of the report, for whoever reads the log.
coverage() {
	sed -n '/^method /,$p' "$work/report" | sed 's/^/# /' >&3
	! grep -q 'not covered' "$work/report" && grep -qE 'a positive and a negative case: ([0-9]+) of \1$' "$work/report"
}

# The kit has destroyed the sandbox.
powers_off() {
	retry_until vm_is_off || retry_until vm_is_off
}

# A second guest: cgroup v1, and the one fault of tests/seeded that needs a memory controller, an agent that never tells
# of a kill.
second_guest() {
	local kernel
	kernel=$("$top/scripts/fetch-kernel" --suite bookworm) && mkdir "$second" &&
		"$top/rootfs-builder/initrd" --agent "$build/tests/seeded/kata-agent" --kernel-dir "$kernel" --output "$second/initrd" \
			>/dev/null && "$top/scripts/vm" start --dir "$second" --kernel-dir "$kernel" --initrd "$second/initrd" --cgroups v1 \
		--append KATA_SEED=lost-kill >/dev/null || return
	"$top/scripts/vm" wait --dir "$second" && address=$("$top/scripts/vm" address --dir "$second") kata wait-ready --timeout 90
}

# Pods, and what cgroups do; nothing skipped.
cgroup_v1() {
	local glob
	for glob in 'pod/*' 'PauseContainer/*' 'StatsContainer/*' 'UpdateContainer/*'; do
		kata conformance --keep --strict --timeout 60 --case "$glob" >"$work/report" 2>&1 && ! grep ^skip "$work/report" ||
			{ grep -v ^pass "$work/report"; return 1; }
	done
}

finds_lost_kill() {
	expect 1 'fail compatible GetOOMEvent/told' kata conformance --keep --timeout 15 --case 'GetOOMEvent/told'
}

exec 3>&1
work=$(mktemp -d /tmp/kata-vm.XXXXXX)
swap_disk one && swap_disk two || vm_fail "no swap space"
no_sandbox=yes
vm_begin --qemu-arg -nic --qemu-arg user,model=virtio-net-pci \
	--qemu-arg -drive --qemu-arg "file=$work/one,format=raw,if=none,id=one" \
	--qemu-arg -device --qemu-arg virtio-blk-pci,drive=one,addr=0x12 \
	--qemu-arg -drive --qemu-arg "file=$work/two,format=raw,if=none,id=two" \
	--qemu-arg -device --qemu-arg virtio-blk-pci,drive=two,addr=0x13
check all_cases all_cases
check coverage coverage
check powers_off powers_off
second=$work/second
trap '"$top/scripts/vm" stop --dir "$second" >/dev/null 2>&1; vm_finish' EXIT
check second_guest second_guest
address=$("$top/scripts/vm" address --dir "$second")
check cgroup_v1 cgroup_v1
check finds_lost_kill finds_lost_kill
"$top/scripts/vm" stop --dir "$second" >/dev/null 2>&1
vm_finish
