#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The machine, the kernel's words and the calls of a stock Kata installation: a pod of containerd's CRI with the Go runtime,
# then one with runtime-rs, in their order and with the shapes of their requests, on cgroup v2; the first once more on v1.
# shellcheck source=tests/lib/vm.sh
. "$(dirname "$0")/../lib/vm.sh"
# shellcheck source=tests/lib/bundle.sh
. "$(dirname "$0")/../lib/bundle.sh"

no_sandbox=yes
pod=7b0c1f2d3e4a
mac=02:42:ac:11:00:02

is() {
	[ "$1" = "$2" ] || { echo "'$1' instead of '$2'"; return 1; }
}

# The host's side of a container's files, as the runtime shares them: share ID
share() {
	local name file=$work/share/$1-0123456789abcdef-
	mkdir -p "$work/share/$1" "${file}config" "$work/share/watchable"
	cp -a "$work/share/rootfs" "$work/share/$1/rootfs"
	mkdir -p "$work/share/$1/rootfs"/{memory,scratch,config}
	for name in resolv.conf hosts hostname termination-log; do echo "host's $name" >"$file$name"; done
	echo first >"${file}config/key"
	printf '#!/bin/sh\ntrap "exit 0" TERM\nwhile :; do sleep 0.1; done\n' >"$work/share/$1/rootfs/pause"
	chmod 755 "$work/share/$1/rootfs/pause"
}

# stock ID FUNCTION-OF-stock.jq [ARG]...: CreateContainer.
stock() {
	local id=$1 filter=$2
	shift 2
	jq -nc --arg share "$guest_share" --arg pod "$pod" --arg id "$id" "$(cat "$top/tests/data/stock.jq") $filter" --args -- "$@" >"$work/$id.json" &&
		kata call CreateContainer "@$work/$id.json"
}

# ID EXEC-ID CALL MORE: one of the calls on a process.
on() {
	kata call "$3" "{\"container_id\":\"$1\",\"exec_id\":\"$2\"${4:+,$4}}"
}

# All of an output, by calls of 32 KiB: drain ID EXEC-ID CALL
drain() {
	local data
	while data=$(on "$1" "$2" "$3" '"len":32768' | jq -r '.data // ""') && [ -n "$data" ]; do base64 -d <<<"$data"; done
}

status_of() {
	on "$1" "$2" WaitProcess | jq -r '.status // 0'
}

# 4.2: the network comes before the sandbox.
network_first() {
	prints '{"status":"SERVING"}' kata call Health.Check '{}' || return
	kata call UpdateInterface "{\"interface\": {\"device\": \"eth0\", \"name\": \"eth0\", \"hwAddr\": \"$mac\", \"mtu\": 1450, \"type\": \"veth\",
		\"IPAddresses\": [{\"family\": \"v4\", \"address\": \"10.0.2.15\", \"mask\": \"24\"}, {\"family\": \"v6\", \"address\": \"fd00::15\", \"mask\": \"64\"}]}}" || return
	kata call UpdateRoutes '{"routes": {"Routes": [{"dest": "10.0.2.0/24", "device": "eth0", "source": "10.0.2.15", "scope": 253},
		{"dest": "", "gateway": "10.0.2.2", "device": "eth0"}]}}' || return
	kata call AddARPNeighbors '{"neighbors": {"ARPNeighbors": [{"toIPAddress": {"address": "10.0.2.3"}, "device": "eth0",
		"lladdr": "02:42:00:00:00:03", "state": 128}]}}' || return
	kata call ListInterfaces '{}' | jq -e --arg mac "$mac" '.Interfaces[] | select(.name == "eth0") | (.hwAddr | ascii_downcase) == $mac and (.mtu | tonumber) == 1450'
}

create_sandbox() {
	kata call CreateSandbox "{\"hostname\": \"stock-pod\", \"sandbox_id\": \"$pod\", \"sandbox_pidns\": false, \"guest_hook_path\": \"\",
		\"dns\": [\"search default.svc.cluster.local\", \"nameserver 10.0.2.3\", \"options ndots:5\"], \"kernel_modules\": [], \"storages\": [
		{\"driver\": \"virtio-fs\", \"source\": \"kataShared\", \"fstype\": \"virtiofs\", \"mount_point\": \"$guest_share/\", \"options\": []},
		{\"driver\": \"ephemeral\", \"source\": \"shm\", \"fstype\": \"tmpfs\", \"mount_point\": \"/run/kata-containers/sandbox/shm\",
		 \"options\": [\"noexec\", \"nosuid\", \"nodev\", \"mode=1777\", \"size=67108864\"]}]}" || return
	kata call GetGuestDetails '{"mem_block_size": true, "mem_hotplug_probe": true}' |
		jq -e '(.mem_block_size_bytes | tonumber) == 134217728 and .agent_details.supports_seccomp and .agent_details.init_daemon'
}

# Sizes follow what was plugged in; nothing else is asked for when nothing was.
sync_resources() {
	[ -z "${1:-}" ] || kata call OnlineCPUMem "{\"nb_cpus\": $1, \"cpu_only\": true}" || return
	kata call OnlineCPUMem '{}' && kata call UpdateEphemeralMounts '{}'
}

start_pause() {
	stock "$pod" pause && sync_resources && rpc StartContainer "$pod" || return
	kata call Health.Check '{}' || return
	timeout 600 "$build/kata-agent-ctl" --address "$address" call GetOOMEvent '{}' >"$work/oom" 2>&1 &
	timeout 600 "$build/kata-agent-ctl" --address "$address" call WaitProcess "{\"container_id\":\"$pod\",\"exec_id\":\"$pod\"}" >"$work/pause-exit" 2>&1 &
	retry_until kata exec "$pod" -- true || return
	is "$(kata exec "$pod" -- sh -c 'cat /proc/sys/net/ipv4/ip_unprivileged_port_start; hostname; grep ^Uid /proc/1/status; cat /proc/1/oom_score_adj' | tr -s '\t\n' ' ')" \
		'0 stock-pod Uid: 65535 65535 65535 65535 -998 '
}

# The nearest slot: under emulation Debian 12's kernel does not get over a gap in the numbers.
plug_cpu() {
	local free
	free=$(qmp '{"execute":"query-hotpluggable-cpus"}' | jq -c '[.return[] | select(has("qom-path") | not)][-1]') || return
	qmp "$(jq -nc --argjson free "$free" '{execute: "device_add", arguments: ({driver: $free.type, id: "cpu-1"} + $free.props)}')"
}

plug_memory() {
	qmp '{"execute":"object-add","arguments":{"qom-type":"memory-backend-memfd","id":"dimmmem1","size":134217728,"share":true}}' &&
		qmp '{"execute":"device_add","arguments":{"driver":"pc-dimm","id":"dimmmem1-dev","memdev":"dimmmem1"}}'
}

app_script='echo "$(hostname) $(id -u) $(cat /config/key) $(stat -c %g /memory /scratch | tr "\n" " ")$(stat -f -c %T /dev/shm /memory /config | tr "\n" " ")"
cat /etc/resolv.conf; cat /proc/1/oom_score_adj; nproc; cat; echo done >&2; exit 5'
app_says="stock-pod 0 first 2000 2000 tmpfs tmpfs tmpfs 
host's resolv.conf
1000
2
hello"

app_container() {
	plug_cpu && plug_memory || return
	stock app 'app($ARGS.positional)' sh -c "$app_script" || return
	sync_resources 2 && rpc StartContainer app && sync_resources || return
	on app app WriteStdin "\"data\":\"$(echo hello | base64)\"" && on app app CloseStdin || return
	is "$(drain app app ReadStdout)" "$app_says" && is "$(drain app app ReadStderr)" "done" || return
	is "$(status_of app app)" 5
}

exec_with_terminal() {
	stock web 'app($ARGS.positional) | .OCI.Mounts += [{destination: "/guest-resolv.conf", type: "bind", source: "/etc/resolv.conf", options: ["rbind", "ro"]}]' sleep 10000 && sync_resources && rpc StartContainer web || return
	kata call ExecProcess '{"container_id":"web","exec_id":"1f5a6c40","string_user":{},"process":{"Terminal":true,"User":{},"Cwd":"/","Env":["PATH=/bin","TERM=xterm"],
		"Args":["sh","-c","stty -echo; read x; stty size; exit 4"]}}' || return
	on web 1f5a6c40 TtyWinResize '"row":33,"column":111' && on web 1f5a6c40 WriteStdin "\"data\":\"$(echo go | base64)\"" || return
	[[ "$(drain web 1f5a6c40 ReadStdout)" == *'33 111'* ]] || return
	is "$(status_of web 1f5a6c40)" 4
}

# The guest's own name servers are the pod's.
guest_dns() {
	is "$(kata exec web -- cat /guest-resolv.conf)" $'search default.svc.cluster.local\nnameserver 10.0.2.3\noptions ndots:5'
}

# A probe, figures, limits that change, a pause; no capability or limit comes with an exec.
daily_calls() {
	kata call ExecProcess '{"container_id":"web","exec_id":"probe","process":{"User":{},"Cwd":"/","Args":["sh","-c","grep CapEff /proc/self/status; ping -c 1 -W 5 10.0.2.2 >/dev/null && exit 3"]}}' || return
	is "$(drain web probe ReadStdout | tr -d '\t')" CapEff:00000000a80425fb && is "$(status_of web probe)" 3 || return
	kata call StatsContainer '{"container_id":"web"}' | jq -e '.cgroup_stats.memory_stats.usage.limit | tonumber == 67108864' || return
	kata call UpdateContainer '{"container_id":"web","resources":{"Memory":{"Limit":33554432},"CPU":{"Shares":256}}}' || return
	kata call StatsContainer '{"container_id":"web"}' | jq -e '.cgroup_stats.memory_stats.usage.limit | tonumber == 33554432' || return
	rpc PauseContainer web && rpc ResumeContainer web || return
	kata call GetMetrics '{}' | grep -q kata_guest_cpu_time
}

# The disk is searched for, since the kernel was told not to (scsi_mod.scan=none); then virtio-blk behind the bridge.
block_volumes() {
	local d
	mkdir -p "$work/content" && echo volume >"$work/content/name"
	for d in scsi blk; do truncate -s 16M "$work/$d.img" && mke2fs -q -t ext4 -d "$work/content" "$work/$d.img" || return; done
	for d in scsi blk; do
		qmp "{\"execute\":\"blockdev-add\",\"arguments\":{\"driver\":\"raw\",\"node-name\":\"drive-$d\",\"file\":{\"driver\":\"file\",\"filename\":\"$work/$d.img\"}}}" || return
	done
	qmp '{"execute":"device_add","arguments":{"driver":"scsi-hd","id":"scsi","drive":"drive-scsi","bus":"scsi0.0","scsi-id":0,"lun":0,"share-rw":true}}' || return
	qmp '{"execute":"device_add","arguments":{"driver":"virtio-blk-pci","id":"blk","drive":"drive-blk","bus":"pci-bridge-0","addr":"01","share-rw":true}}' || return
	stock vols 'app($ARGS.positional) | .storages += [
			{driver: "scsi", source: "0:0", fstype: "ext4", options: [], mount_point: "/run/kata-containers/sandbox/storage/c2NzaQ", fs_group: {group_id: 3000}},
			{driver: "blk", source: "02/01", fstype: "ext4", options: ["ro"], mount_point: "/run/kata-containers/sandbox/storage/Ymxr"}] |
		.OCI.Mounts += [{destination: "/scsi", type: "bind", source: .storages[3].mount_point, options: ["rbind", "rprivate", "rw"]},
			{destination: "/blk", type: "bind", source: .storages[4].mount_point, options: ["rbind", "rprivate", "ro"]}]' \
		sh -c 'cat /scsi/name /blk/name; stat -c %g /scsi/name' || return
	rpc StartContainer vols || return
	is "$(drain vols vols ReadStdout)" $'volume\nvolume\n3000' && is "$(status_of vols vols)" 0
}

stop_containers() {
	local id
	for id in app web vols; do
		kata call SignalProcess "{\"container_id\":\"$id\",\"exec_id\":\"\",\"signal\":9}"
		on "$id" "$id" WaitProcess >/dev/null
		kata call GetDiagnosticData "{\"log_type\":\"termination_log\",\"container_id\":\"$id\"}" || return
		kata call RemoveContainer "{\"container_id\":\"$id\",\"timeout\":0}" && kata call RemoveStaleVirtiofsShareMounts '{}' || return
	done
	for id in scsi blk; do qmp "{\"execute\":\"device_del\",\"arguments\":{\"id\":\"$id\"}}" || return; done
}

# The pod's end is that of its pause container; then the host kills the machine, which has powered off by then.
end_of_pod() {
	[ ! -s "$work/pause-exit" ] && [ ! -s "$work/oom" ] || { cat "$work/pause-exit" "$work/oom"; return 1; }
	kata call SignalProcess "{\"container_id\":\"$pod\",\"exec_id\":\"\",\"signal\":15}" || return
	retry_until test -s "$work/pause-exit" && is "$(jq -r '.status // 0' "$work/pause-exit")" 0 || return
	kata call RemoveContainer "{\"container_id\":\"$pod\"}" && kata call DestroySandbox '{}' || return
	retry_until vm_is_off || retry_until vm_is_off || return
	! grep -aqE 'Kernel panic|BUG:|Oops:|Cannot |Unknown word' "$work/hvc0.log" || { grep -aE 'panic|BUG|Oops|Cannot |Unknown' "$work/hvc0.log"; return 1; }
}

# runtime-rs: no exec ids, empty writes for the end, log port, no pause in a pod of one container.
rs_connects() {
	(printf 'CONNECT 1025\n'; sleep 300) 2>/dev/null | timeout 300 socat - "${log_port:-UNIX-CONNECT:$work/vsock.sock}" >"$work/log" 2>/dev/null &
	network_first && create_sandbox || return
	kata call Health.Version '{}' | jq -e .grpc_version
}

rs_container() {
	stock rs 'app($ARGS.positional) | .exec_id = "" | .OCI.Process.ApparmorProfile = ""' sh -c 'cat; exit 6' && rpc StartContainer rs || return
	kata call ExecProcess '{"container_id":"rs","exec_id":"e1","process":{"User":{},"Cwd":"/","Env":["PATH=/bin"],"Args":["cat"],"NoNewPrivileges":true,
		"Capabilities":{"Bounding":["CAP_KILL"],"Effective":["CAP_KILL"],"Permitted":["CAP_KILL"]}}}' || return
	on rs e1 WriteStdin "\"data\":\"$(printf exec | base64)\"" && on rs e1 WriteStdin || return
	is "$(drain rs e1 ReadStdout)" exec && is "$(status_of rs e1)" 0 || return
	on rs '' WriteStdin "\"data\":\"$(printf main | base64)\"" && on rs '' WriteStdin || return
	is "$(drain rs '' ReadStdout)" main && is "$(status_of rs '')" 6 || return
	kata call SignalProcess '{"container_id":"rs","signal":9}'
	kata call RemoveContainer '{"container_id":"rs"}'
}

rs_end() {
	grep -q '"msg":"Kata agent' "$work/log" || { head -c 300 "$work/log"; return 1; }
	kata call DestroySandbox '{}' && retry_until vm_is_off || retry_until vm_is_off
}

stock_guest() {
	vm_begin --stock yes --cpus 1 --qemu-arg -netdev --qemu-arg user,id=network-0 \
		--qemu-arg -device --qemu-arg "driver=virtio-net-pci,netdev=network-0,mac=$mac,disable-modern=false,mq=on,vectors=4,romfile=" "$@"
}

go_runtime() {
	local t
	for t in network_first create_sandbox start_pause app_container exec_with_terminal guest_dns daily_calls block_volumes stop_containers end_of_pod; do
		check "$1 $t" "$t"
	done
	"$top/scripts/vm" stop --dir "$work" >/dev/null 2>&1
}

work=$(mktemp -d /tmp/kata-vm.XXXXXX)
trap vm_finish EXIT
real=()
[ -z "${KATA_STACK:-}" ] || { real=(--accel kvm --vsock-cid 42); log_port=VSOCK-CONNECT:42:1025; }
VM_SUITE=bookworm # the kernel that has v1, and takes CPUs under emulation
make_rootfs "$work/share/rootfs"
for id in "$pod" app web vols rs; do share "$id"; done
[ "${1:-all}" = rs ] || { stock_guest "${real[@]}" && go_runtime go-v2; }
stock_guest --append agent.log_vport=1025 "${real[@]}"
check rs_connects rs_connects
check rs_container rs_container
check rs_end rs_end
"$top/scripts/vm" stop --dir "$work" >/dev/null 2>&1
[ "${#real[@]}" = 0 ] || vm_finish
VM_CGROUPS=v1
stock_guest && go_runtime go-v1
vm_finish
