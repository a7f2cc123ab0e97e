#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What no host sends, or should not: empty requests, unknown names, names twice, broken frames, clients that vanish.
# SEED=N repeats the noise of a run.
# shellcheck source=tests/lib/integration.sh
. "$(dirname "$0")/../lib/integration.sh"
begin "$@"
raw=$build/tests/tools/rawttrpc
make -s -C "$top" VARIANT="$(basename "$build")" "build/$(basename "$build")/tests/tools/rawttrpc" ||
	{ echo "not ok rawttrpc: it does not build"; exit 1; }

# Codes and texts that hosts know (the protocol), or that tell what is wrong.
table() {
	cat <<-'TABLE'
		CreateContainer {} INTERNAL: create container ''
		CreateContainer {"container_id":"no-spec"} INTERNAL: create container 'no-spec': the request has no OCI spec
		CreateContainer {"container_id":"empty","OCI":{}} INTERNAL: create 'empty': process is missing
		StartContainer {} INTERNAL: Invalid container id
		StartContainer {"container_id":"raw"} INTERNAL: start container 'raw': it is running
		RemoveContainer {} INTERNAL: Invalid container id
		ExecProcess {} INVALID_ARGUMENT: exec in '': the exec id is empty
		ExecProcess {"container_id":"raw","exec_id":"e"} INTERNAL: exec 'e' in 'raw'
		ExecProcess {"container_id":"raw","exec_id":"raw","process":{"Args":["true"],"Cwd":"/"}} INTERNAL: exec id 'raw' of container 'raw' is in use
		SignalProcess {} INVALID_ARGUMENT: Invalid container id
		SignalProcess {"signal":9} INTERNAL: Invalid container id
		SignalProcess {"container_id":"raw","signal":65} INVALID_ARGUMENT: signal 65 does not exist
		WaitProcess {} INVALID_ARGUMENT: Invalid container id
		WaitProcess {"container_id":"raw","exec_id":"none"} NOT_FOUND: Process not found: invalid exec id
		UpdateContainer {} INVALID_ARGUMENT: invalid container id
		StatsContainer {} INVALID_ARGUMENT: invalid container id
		PauseContainer {} INVALID_ARGUMENT: invalid container id
		ResumeContainer {} INVALID_ARGUMENT: invalid container id
		GetDiagnosticData {} INVALID_ARGUMENT: log type '' does not exist
		GetDiagnosticData {"log_type":"containers","container_id":"none"} INVALID_ARGUMENT: Invalid container id
		WriteStdin {} INTERNAL: Invalid container id
		WriteStdin {"container_id":"raw","exec_id":"none"} INTERNAL: Process not found
		ReadStdout {} INVALID_ARGUMENT: Invalid container id
		ReadStdout {"container_id":"raw","exec_id":"none"} NOT_FOUND: Process not found: invalid exec id
		ReadStderr {} INVALID_ARGUMENT: Invalid container id
		CloseStdin {} INVALID_ARGUMENT: Invalid container id
		UpdateInterface {} INVALID_ARGUMENT: empty update interface request
		UpdateRoutes {} INVALID_ARGUMENT: empty update routes request
		AddARPNeighbors {} INVALID_ARGUMENT: empty add arp neighbours request
		TtyWinResize {} INVALID_ARGUMENT: Invalid container id
		TtyWinResize {"container_id":"raw","row":1,"column":1} UNAVAILABLE: no tty
		TtyWinResize {"container_id":"raw","row":65536} INVALID_ARGUMENT: a terminal cannot have 65536 rows
	TABLE
}

refused() {
	local method json answer failed=0
	while read -r method json answer; do
		# The answer begins with the code; no JSON of the table has a blank in it.
		expect 1 "$method: $answer" kata call "$method" "$json" || failed=1
	done < <(table)
	return "$failed"
}

methods() {
	kata methods | sed -n 's|^grpc.AgentService/\([A-Za-z]*\) .*|\1|p'
}

is_implemented() {
	! grep -q "{ \"$1\", NULL }" "$top/agent/rpc/methods.c"
}

# Whatever it does with nothing at all, it answers, and an error has a text. DestroySandbox ends the agent, GetOOMEvent waits.
empty_requests() {
	local method output status n=0
	for method in $(methods); do
		case $method in DestroySandbox | GetOOMEvent) continue ;; esac
		is_implemented "$method" || continue
		status=0
		output=$(kata --timeout 5 call "$method" '{}' 2>&1) || status=$?
		if [ "$status" -gt 1 ] || [[ "$output" == *DEADLINE* ]] ||
			{ [ "$status" = 1 ] && ! grep -qE "^$method: [A-Z_]+: .+" <<<"$output"; }; then
			echo "$method: status $status: $output"
			return 1
		fi
		n=$((n + 1))
	done
	[ "$n" -ge 18 ] || { echo "only $n methods are implemented"; return 1; }
}

not_implemented() {
	local method n=0
	for method in $(methods); do
		is_implemented "$method" && continue
		expect 1 "$method: UNIMPLEMENTED: Method is not implemented: grpc.AgentService/$method" \
			kata call "$method" '{}' || return
		n=$((n + 1))
	done
	echo "# $n methods are not implemented"
}

create_request() {
	printf '{"container_id":"%s","exec_id":"%s","OCI":{"Version":"1.0.2","Root":{"Path":"%s/rootfs"},' "$1" "$1" "$work"
	printf '"Process":{"Args":["sh","-c","read line; echo hello; exit 3"],"Cwd":"/","Env":["PATH=/bin"],"User":{}},'
	printf '"Mounts":[{"destination":"/proc","type":"proc","source":"proc"}],'
	printf '"Linux":{"CgroupsPath":"/raw/%s","Namespaces":[{"Type":"mount"},{"Type":"ipc"},{"Type":"uts"}]}}}' "$1"
}

twice() {
	expect 1 "'raw'" kata call CreateContainer "$(create_request raw)" || return
	expect 1 'exist' kata call CreateContainer "$(create_request raw)"
}

# What is wrong with a request: a jq filter that makes it so, and what the answer says besides the name.
bad_requests() {
	cat <<-'TABLE'
		.container_id=""|invalid container id
		.container_id="x"|invalid container id
		.container_id="../bad"|invalid container id
		.container_id=".."|invalid container id
		.container_id="bad/er"|invalid container id
		.container_id="bad er"|invalid container id
		.container_id="bad\nbad"|invalid container id
		.container_id=("bad"*100)|invalid container id
		del(.OCI.Root)|root.path is missing
		.OCI.Root.Path="rootfs"|root.path 'rootfs' is not absolute
		.OCI.Root.Path="/no/such/place"|/no/such/place
		.OCI.Root.Path="/proc/version"|/proc/version
		del(.OCI.Process)|process is missing
		.OCI.Process.Args=[]|process.args is empty
		.OCI.Process.Args=[""]|process.args is empty
		.OCI.Process.Cwd=""|process.cwd '' is not absolute
		.OCI.Process.Cwd="tmp"|process.cwd 'tmp' is not absolute
		.OCI.Process.Capabilities={"Bounding":["CAP_NO_SUCH"]}|CAP_NO_SUCH
		.OCI.Process.Rlimits=[{"Type":"RLIMIT_NONE","Hard":1,"Soft":1}]|RLIMIT_NONE
		.OCI.Process.Rlimits=[{"Type":"RLIMIT_NOFILE","Hard":1,"Soft":2}]|process.rlimits[0]: soft limit 2
		.OCI.Process.OOMScoreAdj=5000|5000
		.OCI.Process.User={"UID":4294967295}|process.user.uid '4294967295' is nobody's
		.OCI.Process.User={"GID":4294967295}|process.user.gid '4294967295' is nobody's
		del(.OCI.Linux)|mount namespace
		.OCI.Linux.Namespaces+=[{"Type":"mount"}]|listed twice
		.OCI.Linux.Namespaces+=[{"Type":"nonsense"}]|nonsense
		.OCI.Linux.Sysctl={"kernel.panic":"1"}|kernel.panic
		.OCI.Linux.CgroupsPath="/raw/../../up"|/raw/../../up
		.OCI.Linux.Seccomp={"DefaultAction":"SCMP_ACT_NONSENSE"}|SCMP_ACT_NONSENSE
		.OCI.Linux.Devices=[{"Path":"/dev/x","Type":"z","Major":1,"Minor":3}]|unknown device type 'z'
		.OCI.Mounts+=[{"destination":"/x","type":"no-such-fs","source":"y"}]|no-such-fs
		.OCI.Mounts+=[{"destination":"/x","type":"bind","source":"/no/such/source","options":["bind"]}]|/no/such/source
		.OCI.Mounts+=[{"destination":"","type":"tmpfs","source":"y"}]|destination
		.storages=[{"driver":"nonsense","mount_point":"/run/x"}]|nonsense
		.storages=[{"driver":"local","mount_point":"relative"}]|relative
		.storages=[{"driver":"virtio-fs","mount_point":"/run/x","fs_group":{"group_id":4294967295}}]|fs_group '4294967295' is no group
		.stdout_port=77|UNIMPLEMENTED: create container 'bad': stdout_port '77': passfd streams are off
		.devices=[{"type":"nonsense","container_path":"/dev/x"}]|/dev/x
	TABLE
}

# Each fails, says why and for whom (a storage has a name of its own), and leaves nothing.
specs() {
	local filter text request id failed=0
	request=$(create_request bad)
	while IFS='|' read -r filter text; do
		id=$(jq -r "$filter | .container_id" <<<"$request")
		[[ "$filter" = .storages* ]] && id=$(jq -r "$filter | .storages[0].mount_point" <<<"$request")
		expect 1 "$text" kata call CreateContainer "$(jq -c "$filter" <<<"$request")" &&
			expect 1 "'${id:0:100}" kata call CreateContainer "$(jq -c "$filter" <<<"$request")" && continue
		echo "  for $filter"
		failed=1
		kata call RemoveContainer "{\"container_id\":\"bad\"}" >/dev/null 2>&1
	done < <(bad_requests)
	return "$failed"
}

two_at_once() {
	local i pids=()
	for i in 1 2 3 4; do
		kata run --rootfs "$work/rootfs" -- sh -c "head -c 1048576 /dev/zero | tr '\0' $i; exit $i" >"$work/out.$i" 2>&1 &
		pids[i]=$!
	done
	for i in 1 2 3 4; do
		local status=0
		wait "${pids[i]}" || status=$?
		[ "$status" = "$i" ] || { echo "run $i ended with $status: $(head -c 200 "$work/out.$i")"; return 1; }
		cmp "$work/out.$i" <(head -c 1048576 /dev/zero | tr '\0' "$i") || return
	done
}

broken_frames() {
	local output
	output=$(timeout -k 5 300 "$raw" "$work/agent.sock" "$agent" raw "${SEED:-$RANDOM$RANDOM}" 2>&1)
	printf '%s\n' "$output"
	failures=$((failures + $(grep -c '^not ok ' <<<"$output")))
	check raw_ends grep -q '^ok raw_neighbour' <<<"$output"
}

same_agent() {
	[ "$("$fence" pid "$work")" = "$agent" ] && kata check
}

check empty_requests empty_requests
kata call CreateSandbox '{"hostname":"bad","sandbox_id":"bad"}' >/dev/null 2>&1
kata run --rootfs "$work/rootfs" -- true
before=$(holdings)
check container_is_made kata call CreateContainer "$(create_request raw)"
check container_starts kata call StartContainer '{"container_id":"raw"}'
check refused refused
check specs specs
check twice twice
check not_implemented not_implemented
check two_at_once two_at_once
broken_frames
check container_is_gone kata call RemoveContainer '{"container_id":"raw"}'
check same_agent same_agent
check nothing_left holds_again "$before"
finish
