#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The gauntlet's part for a throw-away guest, where devices, controllers, rights and vsock are real: a host that asks for
# what it must not get, and containers with every right who want the guest.
# shellcheck source=tests/lib/vm.sh
. "$(dirname "$0")/../lib/vm.sh"
# shellcheck source=tests/lib/bundle.sh
. "$top/tests/lib/bundle.sh"
# shellcheck source=tests/lib/protection.sh
. "$top/tests/lib/protection.sh"

every_right='["CAP_CHOWN","CAP_DAC_OVERRIDE","CAP_DAC_READ_SEARCH","CAP_FOWNER","CAP_KILL","CAP_MKNOD","CAP_SETGID","CAP_SETUID","CAP_SETPCAP",
	"CAP_SYS_ADMIN","CAP_SYS_PTRACE","CAP_SYS_RESOURCE","CAP_SYS_BOOT","CAP_SYS_MODULE","CAP_SYS_RAWIO","CAP_NET_ADMIN","CAP_SYS_CHROOT"]'
powerful=".process.capabilities |= map_values($every_right) | .linux.namespaces += [{type: \"cgroup\"}]"
masked='.linux.maskedPaths = ["/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/scsi",
	"/sys/firmware"] | .linux.readonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]'

# inside FILTER COMMAND...: what the container says is in $said.
inside() {
	bundle hostile ".root.path = \"$work/share/rootfs\" | $1" "${@:2}" || return
	said=$(kata run --share "$work/share:$guest_share" --bundle "$work/hostile" 2>&1 </dev/null)
	kata check >/dev/null || { echo "the agent does not answer: $said"; return 1; }
}

# --- containers -------------------------------------------------------------------------------------------------------

takes_nothing() {
	inside "$masked" probe try
	[[ $said == *'done'* ]] && ! grep '^got' <<<"$said" || { echo "$said" | tail -n 5; return 1; }
}

# Nodes of everything that the guest has: its memory, its kernel's log, its disks.
no_device_is_opened() {
	# shellcheck disable=SC2016 # the container's shell expands it
	inside "$powerful" sh -c 'n=0; while read -r major minor _ name; do case $major in [0-9]*) mknod /tmp/$name b $major $minor
		n=$((n + 1)); probe open /tmp/$name;; esac; done </proc/partitions; mknod /tmp/mem c 1 1; mknod /tmp/port c 1 4; mknod /tmp/kmsg c 1 11
		mknod /tmp/vport c 10 63; for f in mem port kmsg; do probe open /tmp/$f; done; mount -t devtmpfs d /mnt 2>/dev/null || mkdir /mnt &&
		mount -t devtmpfs d /mnt; probe open /mnt/mem; probe open /mnt/kmsg; rm -f /tmp/*; echo asked $n'
	[[ $said == *asked* ]] && ! grep -x ok <<<"$said" || { echo "$said"; return 1; }
}

nobody_is_killed() {
	inside "$powerful" sh -c 'kill -9 -1; echo alive'
	[[ $said == *alive* ]] || { echo "$said"; return 1; }
}

# Its own group is the root of all that it can mount; the agent's is not to be seen.
no_group_of_others() {
	inside "$powerful" sh -c 'mkdir -p /tmp/c && mount -t cgroup2 c /tmp/c && ls /tmp/c; cat /proc/self/cgroup; umount /tmp/c; rmdir /tmp/c; echo looked'
	[[ $said == *looked* && $said == *cgroup.procs* && $said != *kata-agent* ]] || { echo "$said"; return 1; }
}

# The initramfs was left: below the rootfs of a container nothing is.
the_bottom_is_empty() {
	inside "$powerful" sh -c 'cd /proc/self; umount -l / && echo gone; nsenter -mns/mnt /bin/ls /; nsenter -mns/mnt /usr/bin/kata-agent; echo end'
	[[ $said == *gone*end* && $said != *sbin* && $said != *init* ]] || { echo "$said"; return 1; }
}

# The agent's port is the host's: a peer of the guest's is sent away without a byte, or finds no way at all.
no_way_to_the_agent() {
	local cid
	for cid in 1 3; do
		inside "$powerful" probe vsock "$cid" 1024
		[ -z "${V:-}" ] || echo "$cid: $said" >&3
		[[ $said == closed* || $said == no* ]] || { echo "$cid: $said"; return 1; }
	done
}

# --- a host -----------------------------------------------------------------------------------------------------------

# refused METHOD JSON: an error, said by an agent that still answers.
refused() {
	local said
	if said=$(KATA_TIMEOUT=60 kata call "$1" "$2" 2>&1); then echo "$1 $2: $said"; return 1; fi
	[[ $said == *:* ]] || { echo "$1 $2: no reason"; return 1; }
	[ -z "${V:-}" ] || echo "${said:0:200}" >&3
}

copy() {
	refused CopyFile "{\"path\": \"$1\", \"file_mode\": ${2:-33188}, \"dir_mode\": 493, \"uid\": -1, \"gid\": -1, \"file_size\": ${3:-1}, \"offset\": ${4:-0}, \"data\": \"eA==\"}"
}

files_stay_where_they_belong() {
	local path
	for path in /etc/passwd /init /proc/sysrq-trigger /dev/mem "$guest_share" "$guest_share/../../x" "$guest_share/a/../../../../x" \
		"$guest_share-not/x" relative '' /; do
		copy "$path" || return
	done
	copy "$guest_share/fifo" 4516 && copy "$guest_share/node" 8630 && copy "$guest_share/big" 33188 -1 && copy "$guest_share/big" 33188 1 -1 &&
		copy "$guest_share/big" 33188 1 9223372036854775807
}

# spec_is_refused ID FILTER: a CreateContainer request, otherwise good, with one thing wrong.
spec_is_refused() {
	request "$1" ".OCI.Root.Path = \"$guest_share/rootfs\" | $2" true >"$work/request" || return
	refused CreateContainer "@$work/request"
}

the_request_is_good() {
	! spec_is_refused good . && kata rm -f good
}

containers_are_not_made() {
	local id filter
	the_request_is_good || return
	for id in '' . .. ../x a/b "$(printf 'x%.0s' {1..400})" $'a\nb'; do spec_is_refused "$id" . || return; done
	while IFS= read -r filter; do
		spec_is_refused hostile "$filter" || { echo "$filter"; return 1; }
	done <<-'FILTERS'
		.OCI.Root.Path = "/no/such"
		.OCI.Process.Args = []
		.OCI.Mounts += [{destination: "/proc/self/attr", source: "t", type: "tmpfs"}]
		.OCI.Mounts += [{destination: "", source: "t", type: "tmpfs"}]
		.OCI.Mounts += [{destination: "/x", source: "t", type: "nonsense"}]
		.OCI.Linux.CgroupsPath = "/../../kata-agent"
		.OCI.Linux.Sysctl = {"kernel.core_pattern": "|/bin/x"}
		.OCI.Linux.Sysctl = {"net/../kernel/panic": "1"}
		.OCI.Linux.MaskedPaths = ["../etc"]
		.OCI.Linux.Devices = [{Path: "/dev/../x", Type: "c", Major: 1, Minor: 1}]
		.OCI.Linux.Devices = [{Path: "/dev/x", Type: "odd", Major: 1, Minor: 1}]
		.storages = [{driver: "nonsense", source: "x", mount_point: "/run/x"}]
		.storages = [{driver: "ephemeral", source: "x", fstype: "nonsense", mount_point: "/run/kata-containers/x"}]
		.storages = [{driver: "blk", source: "../../etc", fstype: "ext4", mount_point: "/run/kata-containers/x"}]
		.storages = [{driver: "scsi", source: "99999999999:1", fstype: "ext4", mount_point: "/run/kata-containers/x"}]
		.devices = [{type: "nonsense", container_path: "/dev/x"}]
	FILTERS
}

odd_numbers_are_refused() {
	refused SignalProcess '{"container_id": "none", "signal": 4294967295}' && refused ReadStdout '{"container_id": "none", "len": 4294967295}' &&
		refused WriteStdin '{"container_id": "none", "data": "eA=="}' && refused TtyWinResize '{"container_id": "none", "row": 4294967295}' &&
		refused MemHotplugByProbe '{"memHotplugProbeAddr": [18446744073709551615]}' && refused UpdateContainer '{"container_id": "none"}' &&
		refused UpdateInterface '{"interface": {"name": "../../x", "hwAddr": "zz:zz"}}' && refused AddSwap '{"PCIPath": [4294967295]}' &&
		refused ResizeVolume '{"volume_guest_path": "../..", "size": 18446744073709551615}'
}

everything_is_as_it_was() {
	local now
	now=$(settled_holdings)
	[ "$now" = "$before" ] || { echo "held $before, now $now"; return 1; }
}

exec 3>&2
vm_begin
make_probe "$work/share/rootfs" || vm_fail 'no probe'
inside . true || vm_fail "no container: $said"
before=$(settled_holdings)
for t in takes_nothing no_device_is_opened nobody_is_killed no_group_of_others the_bottom_is_empty no_way_to_the_agent \
	files_stay_where_they_belong containers_are_not_made odd_numbers_are_refused everything_is_as_it_was; do
	check "$t" "$t"
done
vm_finish
