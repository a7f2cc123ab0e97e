#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Disks and devices that never come: clear errors in time, others are answered meanwhile, and whoever does not want to
# wait any more removes the container. What does come is for the vm ring (tests/vm/block.sh).
. "$(dirname "$0")/../lib/integration.sh"
. "$top/tests/lib/bundle.sh"
begin KATA_AGENT_LOG_LEVEL=debug

timeout_s=3 # agent.hotplug_timeout, its default
path=1f/1f  # PCI path that no machine has
run_dir=/run/kata-containers
device="[{type: \"blk\", container_path: \"/dev/x\", id: \"$path\"}]"
storage="[{driver: \"blk\", source: \"$path\", mount_point: \"$run_dir/sandbox/storage/x\"}]"

device_never_comes() {
	local before
	before=$(holdings)
	request never ".devices = $device" true >"$work/request"
	fails_while_others_are_served 5 "create container 'never': device '/dev/x' (blk): no virtio disk at PCI path '$path' within ${timeout_s}000 ms (agent.hotplug_timeout); there are: " || return
	[ "$(holdings)" = "$before" ] || { holdings; return 1; }
	# The id is free again.
	create never '.' true && kata rm never
}

storage_never_comes() {
	local before
	before=$(holdings)
	request never ".storages = $storage" true >"$work/request"
	fails_while_others_are_served 5 "storage '$run_dir/sandbox/storage/x' (blk): no virtio disk at PCI path '$path'" || return
	[ "$(holdings)" = "$before" ] || { holdings; return 1; }
}

# A sandbox that waits for its disk is there already for whoever wants another one.
sandbox_in_the_making() {
	local pid
	kata call CreateSandbox "$(jq -nc "{sandbox_id: \"slow\", storages: $storage}")" >"$work/reply" 2>&1 &
	pid=$!
	retry_until is_waiting || return
	expect 1 "create sandbox 'second': one exists already, which is being made" kata call CreateSandbox '{"sandbox_id": "second"}' || return
	! wait "$pid" && grep -F "storage '$run_dir/sandbox/storage/x' (blk): no virtio disk" "$work/reply"
}

is_waiting() {
	[ "$(wc -w <"/proc/$agent/task/$agent/children")" -ge 1 ]
}

# Removed while it waits for its device: both are answered at once, nothing stays.
removed_while_waiting() {
	local before start pid
	before=$(holdings)
	request gone ".devices = $device" true >"$work/request"
	kata call CreateContainer "@$work/request" >"$work/reply" 2>&1 &
	pid=$!
	retry_until is_waiting || return
	start=$SECONDS
	kata rm gone || return
	! wait "$pid" || return 1
	grep -F "create container 'gone': it is being removed" "$work/reply" || { cat "$work/reply"; return 1; }
	[ $((SECONDS - start)) -lt $timeout_s ] || { echo "took $((SECONDS - start)) s"; return 1; }
	[ "$(holdings)" = "$before" ] || { holdings; return 1; }
}

# A client that goes away leaves its request to go on, and to fail.
client_gone() {
	local before pid
	before=$(holdings)
	kata call CreateContainer "@$work/request" >/dev/null 2>&1 &
	pid=$!
	retry_until is_waiting || return
	kill "$pid"
	wait "$pid"
	retry_until eval '! is_waiting' || return
	[ "$(holdings)" = "$before" ] || { holdings; return 1; }
}

# Each in one line: what is wrong, and what is said.
bad_requests() {
	local filter text
	while IFS='|' read -r filter text; do
		expect 1 "$text" create bad ".devices = [$filter]" true || return
	done <<-'EOT'
		{type: "blk", id: "05"}|device '05' has no container_path
		{container_path: "/dev/x", id: "05"}|device '/dev/x' has no type
		{type: "blk", container_path: "/dev/x"}|device '/dev/x' has neither id nor vm_path
		{type: "tape", container_path: "/dev/x", id: "05"}|Failed to find the device handler 'tape'
		{type: "vfio-ap", container_path: "/dev/x", id: "05"}|Failed to find the device handler 'vfio-ap'
		{type: "blk-ccw", container_path: "/dev/x", id: "0.0.1"}|channel devices (blk-ccw) are of s390x
		{type: "blk", container_path: "/dev/x", id: "5/"}|Invalid PCI path '5/'
		{type: "blk", container_path: "/dev/x", id: "/dev/null"}|open '/dev/null': Block device required
		{type: "scsi", container_path: "/dev/x", id: "1"}|invalid SCSI address '1'
		{type: "nvdimm", container_path: "/dev/x", vm_path: "/etc/pmem0"}|invalid path '/etc/pmem0'
		{type: "nvdimm", container_path: "/dev/x", vm_path: "/dev/../etc"}|invalid path '/dev/../etc'
		{type: "vfio-pci", container_path: "/dev/x", id: "a"}|it names no PCI function
		{type: "vfio-pci", container_path: "/dev/x", id: "a", options: ["65:00.0=1f"]}|is not DDDD:BB:SS.F=PATH
	EOT
	expect 1 'more than 256 devices' create bad '.devices = [range(257) | {type: "blk", container_path: "/dev/x", id: "05"}]' true || return
	expect 1 'Failed to find' create bad '.devices = [range(255) | {type: "tape", container_path: "/dev/x", id: "05"}]' true
}

bad_storages() {
	local source='{mount_point: "/run/kata-containers/sandbox/storage/x"}'
	expect 1 "(blk-ccw): disk '0.0.5': channel devices" create bad ".storages = [$source + {driver: \"blk-ccw\", source: \"0.0.5\"}]" true || return
	expect 1 "(scsi): invalid SCSI address ''" create bad ".storages = [$source + {driver: \"scsi\"}]" true || return
	expect 1 "Invalid PCI path ''" create bad ".storages = [$source + {driver: \"blk\"}]" true || return
	expect 1 "open '/dev/zero': Block device required" create bad ".storages = [$source + {driver: \"mmioblk\", source: \"/dev/zero\"}]" true
}

# Outside of a guest nothing is scanned for, bound or swapped to.
# What upstream's agent does and ours does not: by name, and with another code than a mistake has.
not_implemented() {
	local type source='{mount_point: "/run/kata-containers/sandbox/storage/x"}' driver text
	for type in vfio-ap vfio-ap-cold; do
		expect 1 "CreateContainer: UNIMPLEMENTED: create 'bad': device '/dev/x': Failed to find the device handler '$type'" \
			create bad ".devices = [{type: \"$type\", container_path: \"/dev/x\", id: \"05.0004\"}]" true || return
	done
	expect 1 "CreateContainer: UNIMPLEMENTED: create container 'bad': device '/dev/x' (blk-ccw): disk '0.0.1': channel devices" \
		create bad '.devices = [{type: "blk-ccw", container_path: "/dev/x", id: "0.0.1"}]' true || return
	while read -r driver text; do
		expect 1 "CreateContainer: UNIMPLEMENTED: $text" create bad ".storages = [$source + {driver: \"$driver\", source: \"0.0.5\"}]" true || return
		expect 1 "CreateSandbox: UNIMPLEMENTED: $text" kata call CreateSandbox "$(jq -nc "{storages: [$source + {driver: \"$driver\", source: \"0.0.5\"}]}")" || return
	done <<-'EOT'
		blk-ccw storage '/run/kata-containers/sandbox/storage/x' (blk-ccw): disk '0.0.5': channel devices
		image_guest_pull storage '/run/kata-containers/sandbox/storage/x' (image_guest_pull): storage driver 'image_guest_pull' is not implemented
		erofs.multi-layer storage '/run/kata-containers/sandbox/storage/x' (erofs.multi-layer): storage driver 'erofs.multi-layer' is not implemented
	EOT
	# A name that nobody knows is a mistake.
	expect 1 'CreateContainer: INTERNAL: ' create bad ".storages = [$source + {driver: \"tape\"}]" true
}

the_fence_holds() {
	expect 1 "AddSwap: INTERNAL: swap to PCI path '1f/1f': no virtio disk" kata call AddSwap '{"PCIPath": [31, 31]}' || return
	expect 1 "Invalid PCI path '20'" kata call AddSwap '{"PCIPath": [32]}' || return
	expect 1 "Invalid PCI path ''" kata call AddSwap '{}' || return
	compgen -G '/sys/class/scsi_host/*' >/dev/null || return 0
	expect 1 'Operation not permitted' create bad '.devices = [{type: "scsi", container_path: "/dev/x", id: "99:99"}]' true
}

for t in device_never_comes storage_never_comes sandbox_in_the_making removed_while_waiting client_gone bad_requests bad_storages not_implemented the_fence_holds; do
	check "$t" "$t"
done
finish
