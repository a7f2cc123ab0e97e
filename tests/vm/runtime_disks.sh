#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kata-runtime plugs disks into a VM that runs and takes them out: root file systems of a pod's further containers, packed and on
# block devices of the host, and devices of linux.devices and of bind mounts; on q35 and on microvm, as SCSI's targets and as virtio disks. What fails, or is killed in
# the middle, leaves no disk. Its mounts are in a mount namespace of the test's own; its loop devices are detached at the end.
if [ -z "${KATA_TEST_NAMESPACE:-}" ]; then
	KATA_TEST_NAMESPACE=1 exec unshare -m --propagation private "$0" "$@"
fi
KATA_TIMEOUT=${KATA_TIMEOUT:-200}
# shellcheck source=tests/lib/runtime.sh
. "$(dirname "$0")/../lib/runtime.sh"
PATH=$PATH:/usr/sbin:/sbin
loops=()

disks_finish() {
	mountpoint -q "$work/mnt" && umount "$work/mnt"
	for loop in "${loops[@]}"; do losetup -d "$loop"; done
	runtime_finish
}

# make_loop NAME SIZE [mke2fs-OPTION...]: a loop device of $work/NAME.img. In a /dev that is nobody's its node has to be made.
make_loop() {
	local loop
	truncate -s "$2" "$work/$1.img" && { [ $# = 2 ] || mke2fs -q -t ext4 -F "${@:3}" "$work/$1.img"; } || return
	loop=$(losetup -f) && loop=${loop% (lost)} && { [ -b "$loop" ] || mknod "$loop" b 7 "${loop#/dev/loop}"; } && losetup "$loop" "$work/$1.img" && loops+=("$loop")
}

configure() {
	printf '[hypervisor.qemu]\nkernel = "%s/vmlinuz"\ninitrd = "%s"\nvhost_user_vsock_daemon = "%s"\ndefault_memory = 384\ndefault_maxvcpus = 2\nshared_fs = "none"\n' \
		"$kernel" "$initrd" "$daemon" >"$work/configuration.toml"
	printf '%s\n' "$@" '[agent.kata]' 'dial_timeout = 150' '[runtime]' 'create_container_timeout = 150' >>"$work/configuration.toml"
}

# bundle DIR TYPE SCRIPT [JQ-FILTER]: a container of the pod "pod1".
bundle() {
	mkdir -p "$1" && set_process ".process.args = [\"sh\", \"-c\", $(jq -n --arg script "$3" '$script')] | .annotations =
		{\"io.kubernetes.cri.container-type\": \"$2\", \"io.kubernetes.cri.sandbox-id\": \"pod1\"} | ${4:-.}" &&
		jq ".root.path |= if startswith(\"/\") then . else \"$work/b/rootfs\" end" "$work/b/config.json" >"$1/config.json"
}

# device PATH LOOP: an entry of linux.devices.
device() {
	printf '.linux.devices += [{"path": "%s", "type": "b", "major": %d, "minor": %d, "fileMode": 384}]' "$1" \
		"0x$(stat -c %t "$2")" "0x$(stat -c %T "$2")"
}

bind() { printf '.mounts += [{"destination": "%s", "type": "bind", "source": "%s", "options": ["bind"%s]}]' "$1" "$2" "${3:-}"; }

start_pod() {
	bundle "$work/pause" sandbox 'exec sleep 1000' "${1:-.}"
	kr create -b "$work/pause" pod1 >"$work/out" 2>&1 </dev/null && kr start pod1 || { cat "$work/out"; return 1; }
}

has_disks() { [ "$(kr exec pod1 sh -c 'ls -d /sys/block/sd* 2>/dev/null | wc -l')" = "$1" ]; }

# prints CODE TEXT COMMAND...: the exit status, and all of the output, whose spaces count once.
prints() {
	local want=$1 text=$2 out status=0
	shift 2
	out=$("$@" 2>&1 </dev/null | tr -s ' ' && exit "${PIPESTATUS[0]}") || status=$?
	[ "$status" = "$want" ] && [[ "$out" =~ ^$text$ ]] || { echo "status $status: $out"; return 1; }
}

# The first container's own device can be written to, and what it says arrives.
devices_of_the_first() {
	start_pod "$(device /dev/xvda "$one")" && has_disks 1 && kr exec pod1 sh -c 'echo hello >/dev/xvda && sync' || return
	[ "$(head -c 5 "$one" | tr -d '\0')" = hello ] || { echo "not written"; return 1; }
}

# Its root is packed, a disk of the host is read-only, a file is copied, /dev/null is the guest's; nothing of it stays.
joins_packed() {
	: >"$work/b/rootfs/etc/resolv.conf" && : >"$work/b/rootfs/etc/null" || return
	bundle "$work/app" container 'cat /etc/resolv.conf /etc/null; head -n 1 /data; (echo x >/data) 2>/dev/null || echo protected
		grep " / " /proc/mounts; echo new >/new; exit 9' \
		"$(bind /etc/resolv.conf "$work/resolv") | $(bind /data "$two" ', "ro"') | $(bind /etc/null /dev/null)"
	prints 9 $'copied\ninside\nprotected\n/dev/sd[a-z] / ext4 rw.*' kr run -b "$work/app" app || return
	[ ! -e "$work/b/rootfs/new" ] && has_disks 1
}

# A file system of the host's as the root, and a device that its rule makes read-only.
joins_on_a_device() {
	bundle "$work/app" container 'echo kept >/kept; (echo x >/dev/xvdb) 2>/dev/null || echo protected; head -n 1 /dev/xvdb; exit 8' \
		".root.path = \"$root\" | $(device /dev/xvdb "$two") | .linux.resources.devices += [{\"allow\": true, \"type\": \"b\",
		\"major\": $((0x$(stat -c %t "$two"))), \"minor\": $((0x$(stat -c %T "$two"))), \"access\": \"r\"}]"
	prints 8 $'protected\ninside' kr run -b "$work/app" app && has_disks 1 || return
	[ "$(debugfs -R 'cat /kept' "$work/root.img" 2>/dev/null)" = kept ] || { echo 'the root was not written to'; return 1; }
}

# fails_with TEXT JQ-FILTER: a create that does not succeed leaves no disk.
fails_with() {
	bundle "$work/app" container true "$2"
	expect 1 "$1" kr create -b "$work/app" app </dev/null && expect 1 'does not exist' kr state app && has_disks 1
}

failures_leave_no_disk() {
	local absent='.linux.devices += [{"path": "/dev/xvdc", "type": "b", "major": 4095, "minor": 9}]'
	fails_with "create container 'app': device '/dev/xvdc': the host has no node of a block device 4095:9" "$absent" || return
	mkdir -p "$work/mnt" && mount "$root" "$work/mnt" || return
	fails_with "device '/dev/xvdd': '$root' is in use on the host" "$(device /dev/xvdd "$root")" && umount "$work/mnt" || return
	fails_with "no-such-fs" "$(device /dev/xvdb "$two") | .mounts += [{\"destination\": \"/x\", \"type\": \"no-such-fs\", \"source\": \"x\"}]" || return
	# Its packer's words are its own.
	mkdir -p "$work/dir" && mount --bind /bin/false /usr/bin/mkfs.erofs || return
	fails_with "create container 'app': pack the directory '$work/dir': " "$(bind /x "$work/dir" ', "ro"')" && umount /usr/bin/mkfs.erofs || return
	# Whoever may have everything does without what is not there.
	bundle "$work/app" container 'ls /dev/xvd?' "$absent | $(device /dev/xvdb "$two") | .linux.resources.devices += [{\"allow\": true, \"access\": \"rwm\"}]"
	prints 0 /dev/xvdb kr run -b "$work/app" app && has_disks 1
}

# The verb, QEMU: whoever dies while disks come and go.
killed_in_the_middle() {
	bundle "$work/app" container 'exec sleep 1000' "$(device /dev/xvdb "$two")"
	kr create -b "$work/app" app >"$work/out" 2>&1 </dev/null &
	retry_until has_link app && kill -9 "$(pgrep -f "kata-runtime --root $work/r .*create -b $work/app app" | tail -n 1)"
	wait
	kr delete -f app && has_disks 1 || { echo "after the verb's end"; cat "$work/out"; return 1; }
	kr create -b "$work/app" app >"$work/out" 2>&1 </dev/null &
	retry_until has_link app && kill -9 "$(jq -r '.processes[] | select(.name == "qemu").pid' "$work/r/pod1/state.json")"
	# It may have been faster.
	wait $! || grep -q "'app'\|pod1" "$work/out" || { cat "$work/out"; return 1; }
	kr delete -f app && kr delete -f pod1 && nothing_left
}

has_link() { [ -L "$work/r/.containers/$1" ]; }

microvm_too() {
	configure 'machine_type = "microvm"'
	start_pod && has_disks 0 || return
	bundle "$work/app" container 'grep " / " /proc/mounts; head -n 1 /dev/xvdb; exit 9' "$(device /dev/xvdb "$two")"
	prints 9 $'/dev/sd[a-z] / ext4 rw.*\ninside' kr run -b "$work/app" app && has_disks 0 && kr delete -f pod1 && nothing_left
}

# Behind the bridge there is room for both again, once the guest has let them go.
virtio_too() {
	local turn
	configure 'block_device_driver = "virtio-blk"'
	start_pod "$(device /dev/xvda "$one")" && has_disks 0 || return
	bundle "$work/app" container 'grep " / " /proc/mounts; head -n 1 /dev/xvdb; ls -d /sys/block/vd* | wc -l; exit 9' "$(device /dev/xvdb "$two")"
	for turn in 1 2; do
		prints 9 $'/dev/vd[a-z] / ext4 rw.*\ninside\n4' kr run -b "$work/app" app || { echo "turn $turn"; return 1; }
	done
	[ "$(kr exec pod1 sh -c 'ls -d /sys/block/vd* | wc -l')" = 2 ] && kr delete -f pod1 && nothing_left
}

prepare_bundle
if ! losetup -f >/dev/null 2>&1; then
	rm -rf "$work"
	echo "skip runtime_disks: no loop devices here"
	[ -z "${MUST_RUN:-}" ]
	exit
fi
trap disks_finish EXIT
echo copied >"$work/resolv"
make_loop one 4M && make_loop two 4M && make_loop root 48M -d "$work/b/rootfs" || exit
one=${loops[0]} two=${loops[1]} root=${loops[2]}
echo inside >"$two" && sync
configure
check devices_of_the_first devices_of_the_first
check joins_packed joins_packed
check joins_on_a_device joins_on_a_device
check failures_leave_no_disk failures_leave_no_disk
check killed_in_the_middle killed_in_the_middle
check microvm_too microvm_too
check virtio_too virtio_too
disks_finish
