#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Disks and a network card that are plugged into a running guest: as storages, as devices of containers, as swap, and as
# an interface that is pinged through; and one that never comes.
# shellcheck source=tests/lib/vm.sh
. "$(dirname "$0")/../lib/vm.sh"
# shellcheck source=tests/lib/bundle.sh
. "$(dirname "$0")/../lib/bundle.sh"
work=$(mktemp -d /tmp/kata-vm.XXXXXX)
wait_s=6 # agent.hotplug_timeout: what comes late has to come before, and what never comes costs as much
storages=/run/kata-containers/sandbox/storage

# disk NAME [SIZE]: an image; with a file system that holds a file "name" if it is not raw*.
disk() {
	truncate -s "${2:-16M}" "$work/$1.img"
	case $1 in
	raw*) ;;
	*)
		mkdir -p "$work/content" && echo "$1" >"$work/content/name" || return
		[ "$1" != root ] || make_rootfs "$work/content/rootfs"
		mke2fs -q -t ext4 -d "$work/content" "$work/$1.img"
		;;
	esac
}

for d in pci scsi again late raw-pci raw-scsi raw-late; do disk "$d"; done
disk pmem 128M
disk root 32M
truncate -s 16M "$work/swap.img" && mkswap "$work/swap.img" >/dev/null 2>&1
vm_begin --append "agent.hotplug_timeout=$wait_s intel_iommu=on" --qemu-arg -device --qemu-arg intel-iommu --qemu-arg -M --qemu-arg nvdimm=on \
	--qemu-arg -device --qemu-arg pci-bridge,bus=pci-bridge-0,id=pci-bridge-1,chassis_nr=2,shpc=off,addr=2,io-reserve=4k,mem-reserve=1m,pref64-reserve=1m

# plug_pci DISK BUS SLOT: a virtio-blk disk.
plug_pci() {
	back "$1" && qmp "{\"execute\":\"device_add\",\"arguments\":{\"driver\":\"virtio-blk-pci\",\"id\":\"$1\",\"drive\":\"$1\",
		\"bus\":\"$2\",\"addr\":\"$3\"}}"
}

# plug_scsi DISK ID LUN
plug_scsi() {
	back "$1" && qmp "{\"execute\":\"device_add\",\"arguments\":{\"driver\":\"scsi-hd\",\"id\":\"$1\",\"drive\":\"$1\",
		\"bus\":\"scsi0.0\",\"scsi-id\":$2,\"lun\":$3}}"
}

back() {
	qmp "{\"execute\":\"blockdev-add\",\"arguments\":{\"driver\":\"raw\",\"node-name\":\"$1\",
		\"file\":{\"driver\":\"file\",\"filename\":\"$work/$1.img\"}}}"
}

is() {
	[ "$1" = "$2" ] || { echo "'$1' instead of '$2'"; return 1; }
}

# A container that runs until it is killed: pod ID FILTER
pod() {
	request "$1" ".OCI.Root.Path = \"$guest_share/rootfs\" | $2" sleep 10000 >"$work/request-$1" &&
		kata call CreateContainer "@$work/request-$1" && rpc StartContainer "$1"
}

# with_storage ID DRIVER SOURCE MORE: the storage's content is at /vol.
with_storage() {
	pod "$1" ".storages = [{driver: \"$2\", source: \"$3\", mount_point: \"$storages/$1\"} + $4] |
		.OCI.Mounts += [{destination: \"/vol\", type: \"bind\", options: [\"rbind\"], source: .storages[0].mount_point}]"
}

# with_device ID TYPE PLACE-MEMBERS: a device that the host calls 8:99, seen as /dev/xvda.
with_device() {
	pod "$1" ".devices = [{type: \"$2\", container_path: \"/dev/xvda\"} + $3] | .OCI.Linux.Devices =
		[{Path: \"/dev/xvda\", Type: \"b\", Major: 8, Minor: 99}] | .OCI.Linux.Resources = {Devices:
		[{Allow: false, Access: \"rwm\"}, {Allow: true, Type: \"b\", Major: 8, Minor: 99, Access: \"rwm\"}]} |
		.OCI.Process.Capabilities = {Bounding: [\"CAP_MKNOD\"], Effective: [\"CAP_MKNOD\"], Permitted: [\"CAP_MKNOD\"]}"
}

# What the guest holds: held mounts|processes|fds
held() {
	kata call GetDiagnosticData '{"log_type":"guest"}' | jq -r ".data | fromjson | .$1"
}

pci_storage() {
	local before
	before=$(held mounts)
	plug_pci pci pci-bridge-0 5 || return
	with_storage pci blk 1e/05 '{fs_group: {group_id: 77}}' || return
	prints 'pci 77 ext4' kata exec pci -- sh -c 'echo $(cat /vol/name) $(stat -c %g /vol/name) $(awk "\$2 == \"/vol\" { print \$3 }" /proc/mounts)' || return
	# A second one holds the same mount; it goes with the last.
	pod pci2 ".storages = [{driver: \"blk\", source: \"1e/05\", mount_point: \"$storages/pci\"}] |
		.OCI.Mounts += [{destination: \"/vol\", type: \"bind\", options: [\"rbind\"], source: \"$storages/pci\"}]" || return
	kata rm pci && prints pci kata exec pci2 -- cat /vol/name && kata rm pci2 || return
	is "$(held mounts)" "$before"
}

# Read-only and by its name in the guest, the type given.
named_storage() {
	with_storage named blk /dev/vda '{fstype: "ext4", options: ["ro"]}' || return
	prints pci kata exec named -- cat /vol/name || return
	expect 1 'Read-only file system' kata exec named -- touch /vol/new || return
	kata rm named || return
	expect 1 "open '/dev/null': Block device required" with_storage null blk /dev/null '{}'
}

# What is written comes out on the host; what is not the container's stays shut.
pci_device() {
	plug_pci raw-pci pci-bridge-1 3 || return
	with_device dev blk '{id: "1e/02/03"}' || return
	kata exec dev -- sh -c 'echo written by a container | dd of=/dev/xvda conv=fsync 2>&1' || return
	grep -q 'written by a container' <(head -c 64 "$work/raw-pci.img") || return
	kata exec dev -- mknod /dev/other b 254 0 || return
	expect 1 'Operation not permitted' kata exec dev -- head -c 1 /dev/other || return
	# What it reads is in its figures, under the disk's number in the guest.
	kata exec dev -- dd if=/dev/xvda of=/dev/null bs=65536 skip=128 count=16 || return
	kata call StatsContainer '{"container_id":"dev"}' >"$work/stats" && jq -e '[.cgroup_stats.blkio_stats.io_service_bytes_recursive[] |
		select(.op | ascii_downcase == "read") | .value | tonumber] | add >= 1048576' "$work/stats" || { cat "$work/stats"; return 1; }
	kata rm dev
}

# Another disk in a slot that had one before: QEMU takes it as soon as the guest has let go of the old one.
in_place_of_another() {
	qmp '{"execute":"device_del","arguments":{"id":"pci"}}' && back again || return
	retry_until qmp '{"execute":"device_add","arguments":{"driver":"virtio-blk-pci","id":"again","drive":"again","bus":"pci-bridge-0","addr":"5"}}' || return
	with_storage again blk 1e/05 '{}' || return
	prints again kata exec again -- cat /vol/name && kata rm again
}

# The root file system of a container on a disk, mounted where hosts want it: in the share.
root_disk() {
	plug_pci root pci-bridge-1 4 || return
	pod root ".storages = [{driver: \"blk\", source: \"1e/02/04\", mount_point: \"$guest_share/root\", fstype: \"ext4\"}] |
		.OCI.Root.Path = \"$guest_share/root/rootfs\"" || return
	prints '/ ext4' kata exec root -- awk '$2 == "/" { print $2, $3 }' /proc/mounts || return
	kata exec root -- sh -c 'echo stays >/kept' && kata rm root
}

scsi_storage() {
	plug_scsi scsi 1 0 || return
	with_storage scsi scsi 1:0 '{options: ["noatime"]}' || return
	prints 'scsi 1' kata exec scsi -- sh -c 'echo $(cat /vol/name) $(grep -c " /vol .*noatime" /proc/mounts)' || return
	kata rm scsi
}

# The kernel has forgotten the disk, as it never knows one with scsi_mod.scan=none: only a search finds it.
scsi_is_searched() {
	in_guest sh -c 'for d in /sys/bus/scsi/devices/*:0:1:0; do echo 1 >$d/delete; done; ! ls -d /sys/bus/scsi/devices/*:0:1:0' || return
	with_storage scsi2 scsi 1:0 '{}' || return
	prints scsi kata exec scsi2 -- cat /vol/name && kata rm scsi2
}

scsi_device() {
	plug_scsi raw-scsi 2 1 || return
	with_device dev2 scsi '{id: "2:1"}' || return
	prints 16777216 kata exec dev2 -- sh -c 'cat /dev/xvda | wc -c' && kata rm dev2
}

# A container that may write to the guest's /sys.
in_guest() {
	bundle guest ".root.path = \"$work/share/rootfs\" | .linux.readonlyPaths = [] | .linux.maskedPaths = [] |
		.mounts = [{destination: \"/proc\", type: \"proc\", source: \"proc\"}, {destination: \"/sys\", type: \"sysfs\", source: \"sysfs\"}]" "$@" &&
		kata run --share "$work/share:$guest_share" --bundle "$work/guest"
}

persistent_memory() {
	qmp "{\"execute\":\"object-add\",\"arguments\":{\"qom-type\":\"memory-backend-file\",\"id\":\"mem-pmem\",\"size\":134217728,
		\"share\":true,\"mem-path\":\"$work/pmem.img\"}}" || return
	qmp '{"execute":"device_add","arguments":{"driver":"nvdimm","id":"nv0","memdev":"mem-pmem"}}' || return
	with_storage pmem nvdimm /dev/pmem0 '{fstype: "ext4", options: ["ro"]}' || return
	prints pmem kata exec pmem -- cat /vol/name && kata rm pmem
}

# The calls come first; what they wait for is plugged in while they wait.
late_disks() {
	local storage device before
	before=$(held processes)
	with_storage late mmioblk /dev/vdd '{}' >"$work/late-storage" 2>&1 &
	storage=$!
	with_device late-dev blk '{id: "1e/09"}' >"$work/late-device" 2>&1 &
	device=$!
	# Both wait, each in a process of the agent.
	retry_until eval "[ \"\$(held processes)\" -ge $((before + 2)) ]" || return
	plug_pci late pci-bridge-0 8 && plug_pci raw-late pci-bridge-0 9 || return
	wait "$storage" || { cat "$work/late-storage"; return 1; }
	wait "$device" || { cat "$work/late-device"; return 1; }
	prints late kata exec late -- cat /vol/name && kata rm late && kata rm late-dev
}

# It fails in time and says what there is; meanwhile the agent serves others, as often as they ask.
never() {
	fails_while_others_are_served 3 "$1 within ${wait_s}000 ms (agent.hotplug_timeout); there are: " &&
		grep -F ' (pci0000:00/0000:00:1e.0/' "$work/reply"
}

never_comes() {
	local before
	before=$(held mounts)
	request none ".devices = [{type: \"blk\", container_path: \"/dev/x\", id: \"1e/1f\"}]" true >"$work/request"
	never "create container 'none': device '/dev/x' (blk): no virtio disk at PCI path '1e/1f'" || return
	request none ".storages = [{driver: \"scsi\", source: \"7:0\", mount_point: \"$storages/none\"}]" true >"$work/request"
	never "storage '$storages/none' (scsi): no SCSI disk at '7:0'" || return
	expect 1 'unknown' kata rm none || :
	is "$(held mounts)" "$before"
}

refused() {
	expect 1 "Missing devices in OCI spec: '/dev/y'" create bad '.devices = [{type: "blk", container_path: "/dev/y", id: "1e/05"}]' true || return
	expect 1 "Conflicting device updates for '/dev/xvda'" create bad '.devices = [{type: "blk", container_path: "/dev/xvda", id: "1e/05"},
		{type: "scsi", container_path: "/dev/xvda", id: "1:0"}] | .OCI.Linux.Devices = [{Path: "/dev/xvda", Type: "b", Major: 8, Minor: 99}]' true || return
	expect 1 "Failed to find the device handler 'tape'" create bad '.devices = [{type: "tape", container_path: "/dev/y", id: "1"}]' true || return
	expect 1 "UNIMPLEMENTED: create container 'bad': device '/dev/y' (blk-ccw): disk '0.0.0001': channel devices" create bad '.devices = [{type: "blk-ccw", container_path: "/dev/y", id: "0.0.0001"}]' true || return
	expect 1 'there is no file system' with_storage bad blk /dev/vdb '{}' || return
	expect 1 "UNIMPLEMENTED: storage '$storages/bad' (blk): storage 'blk' on '$storages/bad': 'encryption_key=ephemeral' needs" \
		with_storage bad blk /dev/vdb '{fstype: "ext4", driver_options: ["create_filesystem", "encryption_key=ephemeral"]}' || return
	expect 1 "Invalid PCI path '1e/'" with_storage bad blk 1e/ '{}'
}

swap_disk() {
	plug_pci swap pci-bridge-0 b || return
	kata call AddSwap '{"PCIPath": [30, 11]}' || return
	prints 16380 run -- awk '/SwapTotal/ { print $2 }' /proc/meminfo
}

mac=52:54:00:12:34:56

# The call comes before the card. The user network's router answers pings by itself.
network_card() {
	local pid
	kata call UpdateInterface "{\"interface\": {\"device\": \"eth0\", \"name\": \"eth0\", \"hwAddr\": \"$mac\", \"mtu\": 1400,
		\"devicePath\": \"1e/07\", \"IPAddresses\": [{\"address\": \"10.0.2.15\", \"mask\": \"24\"}]}}" >"$work/nic" 2>&1 &
	pid=$!
	qmp '{"execute":"netdev_add","arguments":{"type":"user","id":"net0"}}' || return
	qmp '{"execute":"device_add","arguments":{"driver":"virtio-net-pci","id":"nic0","netdev":"net0","bus":"pci-bridge-0",
		"addr":"7","mac":"52:54:00:00:00:01"}}' || return
	wait "$pid" || { cat "$work/nic"; return 1; }
	kata call UpdateRoutes '{"routes": {"Routes": [{"dest": "", "gateway": "10.0.2.2", "device": "eth0"}]}}' || return
	kata call ListInterfaces '{}' | jq -e ".Interfaces[] | select(.name == \"eth0\") | (.hwAddr | ascii_downcase) == \"$mac\" and (.mtu | tonumber) == 1400" || return
	bundle ping ".root.path = \"$work/share/rootfs\" | .linux.namespaces |= map(select(.type != \"network\")) |
		.process.capabilities |= with_entries(.value = [\"CAP_NET_RAW\"])" ping -c 2 -W 5 10.0.2.2 || return
	kata run --share "$work/share:$guest_share" --bundle "$work/ping"
}

never_a_card() {
	expect 1 "interface not available: no network device at PCI path '1e/10' within $wait_s s" kata call UpdateInterface \
		"{\"interface\": {\"device\": \"eth1\", \"name\": \"eth1\", \"hwAddr\": \"$mac\", \"devicePath\": \"1e/10\"}}"
}

# The environment of a container's first process: nic_of ID
nic_of() {
	# shellcheck disable=SC2016 # the container's shell expands it
	kata exec "$1" -- sh -c 'tr "\0" "\n" </proc/$(pidof sleep)/environ | grep ^PCIDEVICE | tr "\n" " "'
}

# A card that the guest's kernel keeps: only the addresses in the environment change.
assigned_function() {
	pod vf '.devices = [{type: "vfio-pci-gk", container_path: "/dev/vfio/1", id: "nic", options: ["0000:65:00.3=1e/07"]}] |
		.OCI.Process.Env += ["PCIDEVICE_NIC=0000:65:00.3", "PCIDEVICE_NIC_INFO={\"0000:65:00.3\": {}}"]' || return
	prints 'PCIDEVICE_NIC=0000:01:07.0 PCIDEVICE_NIC_INFO={"0000:01:07.0": {}} ' nic_of vf || return
	prints 0000:01:07.0 kata exec -e PCIDEVICE_A=0000:65:00.3 vf -- sh -c 'echo "$PCIDEVICE_A"' || return
	expect 125 "the PCI device '0000:65:00.4' of the host was not given" kata exec -e PCIDEVICE_A=0000:65:00.4 vf -- true || return
	kata rm vf
	expect 1 "no PCI device at path '1e/06' within" pod vf2 '.devices = [{type: "vfio-pci-gk", container_path: "/dev/vfio/1", id: "nic",
		options: ["0000:65:00.3=1e/06"]}]'
}

# The same card, taken from the guest's kernel: the container sees its group instead.
given_function() {
	local node
	pod vfio '.devices = [{type: "vfio-pci", container_path: "/dev/vfio/77", id: "nic", options: ["0000:65:00.3=1e/07"]}] |
		.OCI.Linux.Devices = [{Path: "/dev/vfio/77", Type: "c", Major: 240, Minor: 7}] | .OCI.Process.Env += ["PCIDEVICE_NIC=0000:65:00.3"]' || return
	prints 'PCIDEVICE_NIC=0000:01:07.0 ' nic_of vfio || return
	node=$(kata exec vfio -- sh -c 'ls /dev/vfio/*') || return
	[[ $node =~ ^/dev/vfio/[0-9]+$ ]] && [ "$node" != /dev/vfio/77 ] || { echo "$node"; return 1; }
	is "$(kata exec vfio -- stat -c '%F %t' "$node")" "character special file $(in_guest sh -c 'printf %x $(cut -d : -f 1 /sys/class/vfio/*/dev)')" || return
	prints vfio-pci in_guest sh -c 'basename $(readlink /sys/bus/pci/devices/0000:01:07.0/driver)' || return
	kata rm vfio
}

# Nothing is held any more, which is what DestroySandbox asks.
the_end() {
	kata call DestroySandbox '{}' && retry_until vm_is_off || return
	[ "$(debugfs -R 'cat rootfs/kept' "$work/root.img" 2>/dev/null)" = stays ]
}

for t in pci_storage named_storage pci_device in_place_of_another root_disk scsi_storage scsi_is_searched scsi_device persistent_memory late_disks refused never_comes \
	swap_disk network_card never_a_card assigned_function given_function the_end; do
	check "$t" "$t"
done
vm_finish
