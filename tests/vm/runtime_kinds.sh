#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kata-runtime's kinds of VM: q35 and microvm, initrd and image, share by virtio-fs or none at all; QEMU in its sandbox, the
# guest's console kept, its entropy the host's. Its bind mounts are in a mount namespace of the test's own.
if [ -z "${KATA_TEST_NAMESPACE:-}" ]; then
	KATA_TEST_NAMESPACE=1 exec unshare -m --propagation private "$0" "$@"
fi
KATA_TIMEOUT=${KATA_TIMEOUT:-200}
# shellcheck source=tests/lib/runtime.sh
. "$(dirname "$0")/../lib/runtime.sh"
PATH=$PATH:/usr/sbin:/sbin

# configure LINE...: what differs from the usual, for [hypervisor.qemu].
configure() {
	printf '[hypervisor.qemu]\nkernel = "%s/vmlinuz"\nvhost_user_vsock_daemon = "%s"\ndefault_memory = 384\ndefault_maxvcpus = 2\n' \
		"$kernel" "$daemon" >"$work/configuration.toml"
	printf '%s\n' "$@" '[agent.kata]' 'dial_timeout = 150' '[runtime]' 'create_container_timeout = 150' >>"$work/configuration.toml"
}

# bundle SCRIPT [JQ-FILTER]
bundle() {
	set_process ".process.args = [\"sh\", \"-c\", $(jq -n --arg script "$1" '$script')] | ${2:-.}"
}

qemu_pid() { jq -r '.processes[] | select(.name == "qemu").pid' "$work/r/cc/state.json"; }
qemu_line() {
	local pid
	pid=$(qemu_pid) && [ -n "$pid" ] && tr '\0' ' ' <"/proc/$pid/cmdline"
}

# says TEXT: what the bundle prints, in a VM that is kept for a look: $1 has to be in it.
up() {
	kr create -b "$work/b" cc >"$work/out" 2>&1 </dev/null && kr start cc || { cat "$work/out"; return 1; }
	retry_until grep -q over "$work/out" || { cat "$work/out"; return 1; }
}

down() {
	kr delete -f cc && nothing_left
}

# Hot-plug, the console's file, QEMU under its own seccomp filter, random numbers of the host.
q35_with_initrd() {
	configure "initrd = \"$initrd\""
	bundle 'cat /sys/class/misc/hw_random/rng_current; echo over; exec sleep 1000'
	up && qemu_line | grep -q -- '-machine q35,' && grep -q virtio_rng "$work/out" || { qemu_line; cat "$work/out"; return 1; }
	grep -q 'Seccomp:.*2' "/proc/$(qemu_pid)/status" && qemu_line | grep -q -- '-sandbox on,' || { echo "no seccomp"; return 1; }
	grep -aq 'kata-agent: boot' "$work/r/cc/console.log" && [ "$(stat -c %a "$work/r/cc/console.log")" = 600 ] || { echo "no console.log"; return 1; }
	down
}

# What every sandbox is given: hooks that the guest runs, which may write where they are allowed to.
mounts_and_hooks_of_every_sandbox() {
	local guest=/run/kata-containers/shared/containers/sandbox-mounts
	mkdir -p "$work/hooks/prestart" "$work/marks" && cp "$work/b/rootfs/bin/busybox" "$work/hooks" || return
	printf '#!%s/hooks/busybox sh\ncat >/dev/null\necho "$1" >%s/marks/ran\necho x >%s/hooks/new || echo refused >>%s/marks/ran\n' \
		"$guest" "$guest" "$guest" "$guest" >"$work/hooks/prestart/10-mark"
	chmod 755 "$work/hooks/prestart/10-mark"
	configure "initrd = \"$initrd\"" "guest_hook_path = \"$guest/hooks\""
	printf 'sandbox_bind_mounts = ["%s", "%s:rw"]\n' "$work/hooks" "$work/marks" >>"$work/configuration.toml"
	bundle 'echo over; exec sleep 1000'
	up && [ "$(cat "$work/marks/ran")" = $'prestart\nrefused' ] && [ ! -e "$work/hooks/new" ] || { cat "$work/marks/ran"; return 1; }
	down && [ -e "$work/marks/ran" ] && [ -x "$work/hooks/busybox" ] || return
	sed -i 's/sandbox_bind_mounts = .*/sandbox_bind_mounts = ["\/no\/such"]/' "$work/configuration.toml"
	expect 1 "share '/no/such': No such file or directory" kr create -b "$work/b" cc </dev/null && nothing_left
}

microvm_with_initrd() {
	configure "initrd = \"$initrd\"" 'machine_type = "microvm"'
	bundle 'ls /sys/bus/pci/devices 2>/dev/null | wc -l; echo over; exec sleep 1000'
	up && qemu_line | grep -q -- '-machine microvm,' && grep -qx 0 "$work/out" || { qemu_line; cat "$work/out"; return 1; }
	down
}

# An image whose init is the agent, from what the initrd has, in a partition as upstream's images.
make_image() {
	mkdir "$work/image" && zstd -dc "$initrd" | (cd "$work/image" && cpio -idm --quiet) || return
	mkdir -p "$work/image"/{sbin,proc,sys,dev,run,tmp}
	ln -sf ../init "$work/image/sbin/init"
	mke2fs -q -t ext4 -F -m 0 -J size=4 -d "$work/image" "$work/fs" 48m || return
	python3 - "$work/kata.img" "$work/fs" <<-'PYTHON'
		import struct, sys
		fs = open(sys.argv[2], 'rb').read()
		entry = struct.pack('<8B2I', 128, 254, 255, 255, 0x83, 254, 255, 255, 6144, len(fs) // 512)
		with open(sys.argv[1], 'wb') as image:
		    image.write(b'\0' * 446 + entry + b'\0' * 48 + b'\x55\xaa')
		    image.seek(3 << 20)
		    image.write(fs)
		    image.truncate((3 << 20) + len(fs) + (5 << 20))
	PYTHON
	"$top/rootfs-builder/boot-initrd" --kernel-dir "$kernel" --output "$work/boot.initrd"
}

image_is_root() {
	bundle 'grep -o "root=/dev/[a-z0-9]*" /proc/cmdline; echo over; exec sleep 1000'
	up && grep -qx "root=/dev/$1" "$work/out" && qemu_line | grep -q -- "$2" || { qemu_line; cat "$work/out"; return 1; }
	down
}

image_as_nvdimm() {
	configure "image = \"$work/kata.img\"" "boot_initrd = \"$work/boot.initrd\""
	image_is_root pmem0p1 'nvdimm,id=nv0'
}

image_as_disk() {
	configure "image = \"$work/kata.img\"" "boot_initrd = \"$work/boot.initrd\"" 'disable_image_nvdimm = true'
	image_is_root vda1 'virtio-blk-pci,drive=image0'
}

microvm_with_image() {
	configure "image = \"$work/kata.img\"" "boot_initrd = \"$work/boot.initrd\"" 'machine_type = "microvm"'
	image_is_root vda1 'virtio-blk-device,drive=image0'
}

# mount_of TARGET SOURCE OPTION
mount_of() { printf '{"destination": "%s", "type": "bind", "source": "%s", "options": ["bind", "%s"]}' "$@"; }

# Without a share: the root is packed into an ext4 image, files are copied, directories that are read only are packed.
without_a_share() {
	configure "initrd = \"$initrd\"" 'shared_fs = "none"' "$@"
	echo copied >"$work/resolv" && mkdir -p "$work/dir"
	mkdir -p "$work/config/..1" && echo secret >"$work/config/..1/key" && chmod 640 "$work/config/..1/key" &&
		chown 12:34 "$work/config/..1/key" && ln -sfn ..1 "$work/config/..data" && ln -sfn ..data/key "$work/config/key" || return
	bundle 'cat /etc/resolv.conf; echo new >/new && cat /new; grep " / " /proc/mounts; ls -ln /tmp-owned; cat /conf/key; ls -lnL /conf/key
		echo x >/conf/x; grep " /again/and " /proc/mounts; echo over; exec sleep 1000' \
		".mounts += [$(mount_of /etc/resolv.conf "$work/resolv" rw), $(mount_of /conf "$work/config" ro), $(mount_of /again/and "$work/dir" ro)]"
	echo data >"$work/b/rootfs/tmp-owned" && chown 12:34 "$work/b/rootfs/tmp-owned" && : >"$work/b/rootfs/etc/resolv.conf" || return
	up && grep -qx copied "$work/out" && grep -qx new "$work/out" && grep -q '^/dev/vd.* / ext4 rw' "$work/out" &&
		grep -q ' 12  *34 ' "$work/out" && [ ! -e "$work/b/rootfs/new" ] || { cat "$work/out"; return 1; }
	grep -qx secret "$work/out" && grep -q '^-rw-r----- .* 12  *34 .* /conf/key' "$work/out" && grep -q 'create /conf/x: Read-only' "$work/out" && grep -q ' /again/and erofs ro,' "$work/out" || { cat "$work/out"; return 1; }
	! qemu_line | grep -q kataShared && ! grep -q virtiofsd "$work/r/cc/state.json" || { echo "a share all the same"; return 1; }
	down
}

q35_without_a_share() {
	without_a_share || return
	bundle 'true' ".mounts += [$(mount_of /d "$work/dir" rw)]"
	expect 1 "mount '/d' of the directory '$work/dir': without a share" kr create -b "$work/b" cc </dev/null && nothing_left || return
	read_only_root /etc/resolv.conf erofs && read_only_root /nowhere/file ext4
}

# read_only_root TARGET KIND: nobody writes to the image, unless a place has to be made for a mount.
read_only_root() {
	bundle 'grep " / " /proc/mounts; echo x >/x' ".root.readonly = true | .mounts += [$(mount_of "$1" "$work/resolv" ro)]"
	kr run -b "$work/b" cc >"$work/out" 2>&1 </dev/null
	grep -q "^/dev/vd.* / $2 ro" "$work/out" && grep -q 'create /x: Read-only' "$work/out" && nothing_left || { cat "$work/out"; return 1; }
}

microvm_without_a_share() { without_a_share 'machine_type = "microvm"'; }

prepare_bundle
check q35_with_initrd q35_with_initrd
check mounts_and_hooks_of_every_sandbox mounts_and_hooks_of_every_sandbox
check microvm_with_initrd microvm_with_initrd
check q35_without_a_share q35_without_a_share
check microvm_without_a_share microvm_without_a_share
check make_image make_image
check image_as_nvdimm image_as_nvdimm
check image_as_disk image_as_disk
check microvm_with_image microvm_with_image
runtime_finish
