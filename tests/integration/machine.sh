#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Calls about the guest itself: volumes, memory-backed mounts, time, entropy. What is the whole machine's answers EPERM here.
# shellcheck source=tests/lib/integration.sh
. "$(dirname "$0")/../lib/integration.sh"
# shellcheck source=tests/lib/bundle.sh
. "$(dirname "$0")/../lib/bundle.sh"
begin

run_dir=/run/kata-containers
share=$run_dir/shared/containers
inside=/proc/$agent/root
volume=$run_dir/sandbox/ephemeral/vol

create_sandbox() {
	kata call CreateSandbox "{\"sandbox_id\": \"s\", \"storages\": [{\"driver\": \"ephemeral\", \"source\": \"tmpfs\",
		\"fstype\": \"tmpfs\", \"mount_point\": \"$volume\", \"options\": [\"size=65536\"]}]}"
}

# update OPTIONS [MOUNT_POINT [DRIVER]]
update() {
	kata call UpdateEphemeralMounts "{\"storages\": [{\"driver\": \"${3:-ephemeral}\", \"source\": \"tmpfs\", \"fstype\": \"tmpfs\",
		\"mount_point\": \"${2:-$volume}\", \"options\": [$1]}]}"
}

# stats FILTER PATH
stats() {
	kata call GetVolumeStats "{\"volume_guest_path\": \"$2\"}" | jq -r "$1"
}

is() {
	[ "$1" = "$2" ] || { echo "'$1' instead of '$2'"; return 1; }
}

volume_stats() {
	local total='.usage | map(select(.unit == "BYTES"))[0].total'
	is "$(stats "$total" "$volume")" 65536 || return
	dd if=/dev/zero of="$inside$volume/file" bs=4096 count=3 status=none || return
	is "$(stats '.usage | map(select(.unit == "BYTES"))[0].used' "$volume")" 12288 || return
	is "$(stats '.usage | map(.unit) | sort | join(" ")' "$volume")" 'BYTES INODES' || return
	expect 1 "GetVolumeStats: INTERNAL: volume '/no/such': No such file or directory" \
		kata call GetVolumeStats '{"volume_guest_path": "/no/such"}' || return
	expect 1 'absolute' kata call GetVolumeStats '{}'
}

# What is in it stays; the group is not for this call.
ephemeral_grows() {
	update '"remount", "size=131072", "fsgid=5"' || return
	is "$(stats '.usage[0].total' "$volume")" 131072 || return
	is "$(stat -c '%s %g' "$inside$volume/file")" '12288 0'
}

ephemeral_without_options() {
	kata call UpdateEphemeralMounts '{}' || return
	update '' "$run_dir/sandbox/ephemeral/dir" || return
	[ -d "$inside$run_dir/sandbox/ephemeral/dir" ] || return
	! grep -q ephemeral/dir "/proc/$agent/mountinfo"
}

ephemeral_is_mounted() {
	update '"size=4096"' "$run_dir/sandbox/ephemeral/new" || return
	is "$(stats '.usage[0].total' "$run_dir/sandbox/ephemeral/new")" 4096 || return
	nsenter -t "$agent" -m umount "$run_dir/sandbox/ephemeral/new"
}

ephemeral_refused() {
	expect 1 'INTERNAL: Unsupported storage type for syncing mounts local' update '"remount"' "$volume" local || return
	expect 1 "mount 'tmpfs' on '$run_dir/sandbox/ephemeral/dir'" update '"remount", "size=1m"' "$run_dir/sandbox/ephemeral/dir" || return
	expect 1 "must be absolute" update '"remount"' /run/../etc
}

# One of them cannot be stat'ed: that is no failure, and nothing is unmounted.
stale_mounts() {
	nsenter -t "$agent" -m sh -c "mkdir -p $share/web && mount -t tmpfs web $share/web" || return
	kata call RemoveStaleVirtiofsShareMounts '{}' || return
	grep -q " $share/web " "/proc/$agent/mountinfo" || return
	nsenter -t "$agent" -m umount "$share/web"
}

machine_is_fenced() {
	local method request
	while read -r method request; do
		expect 1 "$method: INTERNAL: " kata call "$method" "$request" || return
		expect 1 "Operation not permitted" kata call "$method" "$request" || return
	done <<-'TABLE'
		SetGuestDateTime {"Sec": 1000000000, "Usec": 5}
		ReseedRandomDev {"data": "c2VlZA=="}
		OnlineCPUMem {"nb_cpus": 1, "cpu_only": true}
		OnlineCPUMem {}
		AddSwapPath {"path": "/dev/null"}
		MemHotplugByProbe {"memHotplugProbeAddr": [4294967296]}
	TABLE
	[ "$(date +%s)" -gt 1700000000 ] || return
	expect 1 'INTERNAL: reseed' kata call ReseedRandomDev '{}' || return
	kata call MemHotplugByProbe '{}'
}

no_mem_agent() {
	expect 1 'MemAgentMemcgSet: INTERNAL: mem-agent is disabled' kata call MemAgentMemcgSet '{}' &&
		expect 1 'MemAgentCompactSet: INTERNAL: mem-agent is disabled' kata call MemAgentCompactSet '{"disabled": false}'
}

log_of() {
	rpc GetDiagnosticData "$1" '"log_type": "termination_log"' | jq -r '.data // ""'
}

# Kubernetes mounts a file for it; another container's, or none, is no failure.
termination_log() {
	nsenter -t "$agent" -m sh -c "mkdir -p $share && : >$share/log && ln -s /etc/passwd $share/trick" || return
	create ended ".OCI.Mounts += [{destination: \"/dev/termination-log\", type: \"bind\", options: [\"bind\"],
		source: \"$share/log\"}] | .OCI.Annotations = {\"io.kubernetes.container.terminationMessagePath\": \"/dev/termination-log\"}" \
		sh -c 'echo the disk is full >/dev/termination-log' || return
	is "$(log_of ended)" '' || return
	rpc StartContainer ended && rpc WaitProcess ended || return
	is "$(log_of ended)" 'the disk is full' || return
	nsenter -t "$agent" -m mv -f $share/trick $share/log || return
	is "$(log_of ended)" '' || return
	kata rm ended || return
	create silent . true && is "$(log_of silent)" '' && kata rm silent || return
	expect 1 'INVALID_ARGUMENT: Invalid container id' rpc GetDiagnosticData nobody '"log_type": "termination_log"'
}

# Every line is of the format, every sample belongs to the family above it, no series comes twice; promtool agrees if it
# is there (it ends with 3 when it does not like upstream's names).
metrics() {
	local status=0
	kata call GetMetrics | jq -j .metrics >"$work/metrics" || return
	awk '
		/^# HELP kata_(agent|guest)_[a-z_]+ .+$/ { help = $3; next }
		/^# TYPE kata_(agent|guest)_[a-z_]+ (gauge|counter)$/ { family = $3; if (family != help || known[family]++) { print; bad = 1 } next }
		!/^kata_(agent|guest)_[a-z_]+({[a-z]+="([^"\\]|\\["\\n])*"(,[a-z]+="([^"\\]|\\["\\n])*")*})? [0-9]+(\.[0-9]+)?$/ { print; bad = 1 }
		{ name = $1; sub(/{.*/, "", name); series = $0; sub(/ [^ ]*$/, "", series)
			if (name != family || seen[series]++) { print; bad = 1 } }
		END { exit bad || length(known) < 16 }' "$work/metrics" || return
	grep -qE '^kata_agent_proc_status\{item="vmrss"\} [1-9]' "$work/metrics" || return
	grep -qE '^kata_guest_cpu_time\{cpu="0",item="user"\} [0-9]' "$work/metrics" || return
	if command -v promtool >/dev/null; then
		promtool check metrics <"$work/metrics" || status=$?
		[ "$status" = 0 ] || [ "$status" = 3 ]
	fi
}

nothing_is_left() {
	local before after i
	before=$(holdings)
	for i in 1 2 3 4 5; do
		stats . "$volume" >/dev/null && kata call GetMetrics >/dev/null && kata call RemoveStaleVirtiofsShareMounts '{}' && update '"remount"' || return
		kata call ReseedRandomDev '{"data": "c2VlZA=="}' && return 1
	done
	after=$(holdings)
	is "$after" "$before"
}

check create_sandbox create_sandbox
for t in volume_stats ephemeral_grows ephemeral_without_options ephemeral_is_mounted ephemeral_refused stale_mounts metrics \
	machine_is_fenced no_mem_agent termination_log nothing_is_left; do
	check $t $t
done
finish
