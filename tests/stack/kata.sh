#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kata-runtime where it belongs: a host with KVM, /dev/vhost-vsock, systemd and cgroup v2, driven by podman, with no
# configuration beyond `make install` but time.
# shellcheck source=tests/lib/stack.sh
. "$(dirname "$0")/../lib/stack.sh"

pod() { timeout -k 5 400 podman --runtime /usr/local/bin/kata-runtime "$@"; }
prun() { pod run --network none "$@"; }

# The machine's own: processes, mounts, state, claimed context ids.
nothing_left() {
	local left
	left=$(
		pgrep -a 'qemu-system|virtiofsd|vhost-device|kata-runtime'
		grep -F /run/kata-runtime/ /proc/self/mountinfo
		find /run/kata-runtime -mindepth 1 ! -name .containers 2>/dev/null
		pod ps -aq
	)
	[ -z "$left" ] || { echo "left: $left"; return 1; }
}

runs() {
	local kernel
	expect 6 '' prun --rm localhost/box sh -c 'exit 6' && expect 0 in sh -c 'echo in | timeout 400 podman \
		--runtime /usr/local/bin/kata-runtime run --network none --rm -i localhost/box cat' || return
	kernel=$(prun --rm localhost/box cat /proc/cmdline) && [[ $kernel == *console=hvc0* ]] || { echo "cmdline: $kernel"; return 1; }
	nothing_left
}

# vhost-vsock is what it chose by itself.
by_kvm_and_vhost_vsock() {
	local pid id
	id=$(prun -d --name box localhost/box sleep 1000) || return
	pid=$(pgrep -f "sandbox-$id") && tr '\0' ' ' <"/proc/$pid/cmdline" >"$work/cmdline" || return
	grep -q 'accel=kvm' "$work/cmdline" && grep -q 'vhost-vsock-pci,vhostfd=' "$work/cmdline" || { cat "$work/cmdline"; return 1; }
	jq -e '.agent | test("^vsock://[0-9]+:1024$")' "/run/kata-runtime/$id/state.json" && ! pgrep vhost-device
}

talked() { pod logs talk 2>&1 | grep -q two; }

logs_stop_rm() {
	expect 0 '' pod stop -t 5 box && expect 0 Exited pod ps -a --format '{{.Status}}' && pod rm box && nothing_left || return
	prun -d --name talk localhost/box sh -c 'echo one; echo two >&2; exec sleep 1000' || return
	retry_until talked || return
	expect 0 one pod logs talk && expect 0 two pod logs talk && pod kill talk && retry_until status_is talk exited && pod rm talk && nothing_left
}

status_is() { [ "$(pod inspect -f '{{.State.Status}}' "$1")" = "$2" ]; }

volume() {
	mkdir -p "$work/v" && echo from-host >"$work/v/file"
	expect 0 from-host prun --rm -v "$work/v:/v" localhost/box sh -c 'cat /v/file; echo from-guest >/v/new' &&
		grep -q from-guest "$work/v/new"
}

# The host is emulated, and so slow that a guest may take longer than it does anywhere else, and a look whether KVM boots one as well.
mkdir -p /etc/kata-containers
printf '[hypervisor.qemu]\naccel = "kvm"\n[agent.kata]\ndial_timeout = 300\n[runtime]\ncreate_container_timeout = 300\n' >/etc/kata-containers/configuration.toml
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

make_image >/dev/null 2>&1 || echo "not ok image: podman cannot import one"
check runs runs
check by_kvm_and_vhost_vsock by_kvm_and_vhost_vsock
check logs_stop_rm logs_stop_rm
check volume volume
check block_device_as_root block_device_as_root
check nothing_left nothing_left
stack_finish
