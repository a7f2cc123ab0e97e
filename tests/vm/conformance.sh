#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The conformance kit against a real guest: all that is compatible with upstream holds, with nothing skipped; every method
# has a positive and a negative case that was tried. CONFORMANCE_REPORT=FILE keeps the report.
# shellcheck source=tests/lib/vm.sh
. "$(dirname "$0")/../lib/vm.sh"

# Slots that the kit is told: one disk named, one by its place.
swap_disk() {
	truncate -s 16M "$work/$1" && mkswap -q "$work/$1"
}

all_cases() {
	KATA_TIMEOUT=800 kata conformance --timeout 60 --strict --share-tag kataShared --swap-path /dev/vda --swap-pci 19 \
		>"$work/report" 2>&1 || { grep -v ^pass "$work/report"; return 1; }
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

# The one fault of tests/seeded that needs a memory controller: an agent that never tells of a kill.
finds_lost_kill() {
	local kernel seeded=$work/seeded
	kernel=$("$top/scripts/fetch-kernel")
	mkdir "$seeded"
	"$top/rootfs-builder/initrd" --agent "$build/tests/seeded/kata-agent" --kernel-dir "$kernel" --output "$seeded/initrd" \
		>/dev/null && "$top/scripts/vm" start --dir "$seeded" --kernel-dir "$kernel" --initrd "$seeded/initrd" \
		--append KATA_SEED=lost-kill >/dev/null || return
	address=$("$top/scripts/vm" address --dir "$seeded")
	"$top/scripts/vm" wait --dir "$seeded" && kata wait-ready --timeout 90 >/dev/null &&
		expect 1 'fail compatible GetOOMEvent/told' kata conformance --keep --timeout 15 --case 'GetOOMEvent/told'
	local status=$?
	"$top/scripts/vm" stop --dir "$seeded" >/dev/null 2>&1
	return "$status"
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
check finds_lost_kill finds_lost_kill
vm_finish
