#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kata-runtime where it belongs: a host with KVM, /dev/vhost-vsock, systemd and cgroup v2, driven by podman, with no
# configuration beyond `make install`.
# shellcheck source=tests/lib/stack_kata.sh
. "$(dirname "$0")/../lib/stack_kata.sh"

runs() {
	local kernel
	expect 6 '' prun --rm localhost/box sh -c 'exit 6' && expect 0 in sh -c 'echo in | timeout 400 podman \
		--runtime /usr/local/bin/kata-runtime run --network none --rm -i localhost/box cat' || return
	kernel=$(prun --rm localhost/box cat /proc/cmdline) && [[ $kernel == *console=hvc0* ]] || { echo "cmdline: $kernel"; return 1; }
	gone
}

# Both are what it chose by itself: nobody said kvm, and there is a daemon that it could have used.
chosen_by_itself() {
	local id
	kata-runtime env --json | jq -e '.Hypervisor.Accel == "auto" and .Hypervisor.VsockBackend == "auto" and .Host.KVMOpens and .Host.VhostVsockOpens' || return
	id=$(prun -d --name box localhost/box sleep 1000) || return
	qemu_words "$id" >"$work/words" && grep -q 'accel=kvm' "$work/words" && grep -q 'vhost-vsock-pci,vhostfd=' "$work/words" || { cat "$work/words"; return 1; }
	grep -q '^yes ' /run/kata-c/kvm-usable && jq -e '.agent | test("^vsock://[0-9]+:1024$")' "/run/kata-runtime/$id/state.json" && ! pgrep vhost-device
}

talked() { pod logs talk 2>&1 | grep -q two; }

logs_stop_rm() {
	expect 0 '' pod stop -t 5 box && expect 0 Exited pod ps -a --format '{{.Status}}' && pod rm box && nothing_left || return
	prun -d --name talk localhost/box sh -c 'echo one; echo two >&2; exec sleep 1000' || return
	retry_until talked || return
	expect 0 one pod logs talk && expect 0 two pod logs talk && pod kill talk && retry_until exited_with talk 137 && pod rm talk && nothing_left
}

volume() {
	mkdir -p "$work/v" && echo from-host >"$work/v/file"
	expect 0 from-host prun --rm -v "$work/v:/v" localhost/box sh -c 'cat /v/file; echo from-guest >/v/new' &&
		grep -q from-guest "$work/v/new"
}

# A root that is a block device goes as it is: the guest writes, the host reads it afterwards.
block_device_as_root() {
	local loop
	cp -a /stack/rootfs "$work/root" && mke2fs -q -t ext4 -F -d "$work/root" "$work/disk" 64m && loop=$(losetup -f --show "$work/disk") &&
		mkdir -p "$work/b" || return
	jq --arg loop "$loop" '.process.terminal = false | .root = {path: $loop} | .linux.namespaces += [{type: "network"}] |
		.process.args = ["sh", "-c", "echo written >/from-guest; sync; grep \" / \" /proc/mounts"]' \
		/stack/tests/data/bundle.json >"$work/b/config.json"
	timeout 400 kata-runtime run -b "$work/b" blk >"$work/out" 2>&1 </dev/null || { cat "$work/out"; return 1; }
	grep -q '^/dev/vd.* / ext4 rw' "$work/out" || { cat "$work/out"; return 1; }
	losetup -d "$loop" && [ "$(debugfs -R 'cat /from-guest' "$work/disk" 2>/dev/null)" = written ]
}

kata_begin
check runs runs
check chosen_by_itself chosen_by_itself
check logs_stop_rm logs_stop_rm
check volume volume
check block_device_as_root block_device_as_root
check nothing_left nothing_left
kata_finish
