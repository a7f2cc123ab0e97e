#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Storages of a real guest: a source on the share that the host changes, many layers, huge pages, modules on demand.
# shellcheck source=tests/lib/vm.sh
. "$(dirname "$0")/../lib/vm.sh"
. "$top/tests/lib/bundle.sh"

run_dir=/run/kata-containers

sandbox_request() {
	printf '{"hostname":"guest","sandbox_id":"test","kernel_modules":[{"name":"loop","parameters":["max_loop=3"]},{"name":"overlay"}],'
	printf '"storages":[{"driver":"virtio-fs","source":"kataShared","fstype":"virtiofs","mount_point":"%s/"}]}' "$guest_share"
}

work=$(mktemp -d /tmp/kata-vm.XXXXXX)
mkdir -p "$work/share/watchable" "$work/share/map" "$work/share/layers" "$work/share/both"
echo first >"$work/share/map/key"
for i in $(seq 70); do
	mkdir -p "$work/share/layers/a-directory-with-a-name-that-is-long-enough-for-a-page-$i" && echo "$i" >"$_/layer-$i"
done
vm_begin

# create ID FILTER [ARG]...: as in bundle.sh, with the share's rootfs.
guest() {
	local id=$1 filter=$2
	shift 2
	create "$id" ".OCI.Root.Path = \"$guest_share/rootfs\" | $filter" "$@" && kata call StartContainer "{\"container_id\":\"$id\"}"
}

says() {
	[ "$(kata exec "$1" -- cat "$2" 2>&1)" = "$3" ]
}


# The kernel asks, the agent's modprobe answers.
modules_on_demand() {
	guest mods '.OCI.Process.Capabilities = ({} | .Bounding = ["CAP_NET_ADMIN"] | .Effective = .Bounding | .Permitted = .Bounding) | .OCI.Mounts += [{destination: "/sys", source: "sysfs", type: "sysfs"}]' sleep 100 || return
	prints 3 kata exec mods -- cat /sys/module/loop/parameters/max_loop || return
	kata exec mods -- grep -w xfs /proc/filesystems && return 1
	expect 1 "mount 'xfs' on '$run_dir/x'" create xfs '.storages = [{driver: "overlayfs", fstype: "xfs", source: "/dev/none",
		mount_point: "/run/kata-containers/x"}]' true || return
	kata exec mods -- grep -w xfs /proc/filesystems || return
	expect 1 "the kernel has no such file system, and the guest no module for it" create none '.storages = [{driver: "overlayfs",
		fstype: "frobfs", source: "none", mount_point: "/run/kata-containers/x"}]' true || return
	kata exec mods -- grep -w bridge /proc/modules && return 1
	kata exec mods -- ip link add name kbr0 type bridge && kata exec mods -- ip link del kbr0 || return
	kata exec mods -- grep -w bridge /proc/modules && kata rm mods
}

follows_the_host() {
	guest map ".storages = [{driver: \"watchable-bind\", source: \"$guest_share/map\", fstype: \"bind\",
		mount_point: \"$guest_share/watchable/map\"}] | .OCI.Mounts += [{destination: \"/vol\", type: \"bind\",
		source: \"$guest_share/watchable/map\", options: [\"rbind\", \"ro\"]}]" sleep 100 || return
	prints first kata exec map -- cat /vol/key || return
	prints tmpfs kata exec map -- stat -f -c %T /vol || return
	echo second >"$work/share/map/key"
	retry_until says map /vol/key second || return
	touch "$work/share/map/"{1..20}
	retry_until kata exec map -- test -e /vol/20 && kata rm map
}

huge_pages() {
	guest huge '.storages = [{driver: "ephemeral", source: "nodev", fstype: "hugetlbfs", options: ["pagesize=2097152,size=4194304"],
		mount_point: "/run/kata-containers/sandbox/ephemeral/huge"}] | .OCI.Mounts += [{destination: "/huge", type: "bind",
		source: "/run/kata-containers/sandbox/ephemeral/huge", options: ["rbind"]}]' sleep 100 || return
	kata exec huge -- grep '^HugePages_Total: *2$' /proc/meminfo && kata exec huge -- grep ' /huge hugetlbfs .*size=4' /proc/mounts &&
		kata rm huge || return
	expect 1 'hugepages of size 1073741824' create huge '.storages = [{driver: "ephemeral", source: "nodev", fstype: "hugetlbfs",
		options: ["pagesize=1073741824,size=107374182400"], mount_point: "/run/kata-containers/sandbox/ephemeral/h1"}]' true
}

# 70 layers: more than a page of names.
many_layers() {
	local lower='' i
	for i in $(seq 70); do lower+=${lower:+:}$guest_share/layers/a-directory-with-a-name-that-is-long-enough-for-a-page-$i; done
	guest layers ".storages = [{driver: \"overlayfs\", source: \"none\", fstype: \"overlay\", options: [\"lowerdir=$lower\"],
		mount_point: \"$run_dir/layered\"}] | .OCI.Mounts += [{destination: \"/layered\", type: \"bind\",
		source: \"$run_dir/layered\", options: [\"rbind\"]}]" sleep 100 || return
	prints '70 1 70' kata exec layers -- sh -c 'echo $(ls /layered | wc -l) $(cat /layered/layer-1 /layered/layer-70)' || return
	kata rm layers
}

shared_mount() {
	guest src '.OCI.Annotations = {"io.kubernetes.cri.container-name": "source"} | .OCI.Mounts += [{destination: "/from",
		type: "tmpfs", source: "tmpfs"}]' sh -c 'echo shared >/from/file; sleep 100' || return
	retry_until kata exec src -- test -e /from/file || return
	guest dst '.shared_mounts = [{name: "m", src_ctr: "source", src_path: "/from", dst_ctr: "dst", dst_path: "/made/here"}]' sleep 100 || return
	prints shared kata exec dst -- cat /made/here/file && kata rm src && kata rm dst
}

# The image has no mkfs; a tag that nobody has is the kernel's word.
errors_say_why() {
	expect 1 'the guest has no mkfs.ext4' create mkfs '.storages = [{driver: "blk", source: "/dev/loop0", fstype: "ext4",
		driver_options: ["create_filesystem"], mount_point: "/run/kata-containers/x"}]' true &&
		expect 1 "mount '9p' on '$run_dir/x'" create nine '.storages = [{driver: "9p", source: "nobody",
			options: ["trans=virtio", "version=9p2000.L"], mount_point: "/run/kata-containers/x"}]' true
}

ends() {
	prints '{}' kata call DestroySandbox
}

check modules_on_demand modules_on_demand
check follows_the_host follows_the_host
check huge_pages huge_pages
check many_layers many_layers
check shared_mount shared_mount
check errors_say_why errors_say_why
check ends ends
vm_finish
