#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The policy: nothing but what it allows, on calls and on the stream port, from a file and by SetPolicy.
# shellcheck source=tests/lib/integration.sh
. "$(dirname "$0")/../lib/integration.sh"

# What the tools need to run and end a container; execs of one program only.
prepare() {
	cat >"$work/policy.json" <<-'POLICY'
		{"version": 1, "rules": [
		 {"name": "life", "allow": ["Check", "Version", "CreateSandbox", "DestroySandbox", "StartContainer", "RemoveContainer", "WaitProcess",
		  "SignalProcess", "GetGuestDetails", "GetDiagnosticData", "ReadStdout", "WriteStdin", "CloseStdin", "SetPolicy"]},
		 {"name": "programs", "allow": ["CreateContainer"],
		  "where": {"OCI.Process.Args[0]": ["sleep", {"glob": "/bin/*"}], "OCI.Root.Path": [{"prefix": "/tmp/"}], "devices[#]": [0]}},
		 {"name": "execs", "allow": ["ExecProcess"], "where": {"process.Args[*]": ["echo", "hello", "cat"]}}]}
	POLICY
}
begin KATA_AGENT_POLICY_FILE=/srv/policy.json

run() {
	kata run --rootfs "$work/rootfs" "$@"
}

# A list of methods as the member "allow".
only() {
	local names
	names=$(printf '"%s",' "$@")
	kata call SetPolicy "$(jq -n --arg p "{\"version\":1,\"rules\":[{\"name\":\"only\",\"allow\":[${names%,}]}]}" '{policy: $p}')"
}

announced() {
	kata call GetGuestDetails | grep -q '"agent-policy"'
}

containers() {
	run --detach --id web -- sleep 1000 || return
	[ "$(run --id once -- /bin/echo fine)" = fine ] || return
	expect 1 "PERMISSION_DENIED: CreateContainerRequest is blocked by policy: rule 'programs' does not allow 'OCI.Process.Args[0]' to be 'sh'" \
		kata call CreateContainer '{"container_id": "evil", "OCI": {"Process": {"Args": ["sh"]}, "Root": {"Path": "/tmp/x"}}}' || return
	expect 1 "to be '/tmp/../etc'" \
		kata call CreateContainer '{"container_id": "evil", "OCI": {"Process": {"Args": ["sleep"]}, "Root": {"Path": "/tmp/../etc"}}}'
}

execs() {
	[ "$(kata exec web -- echo hello)" = hello ] || return
	[ "$(echo text | kata exec -i web -- cat)" = text ] || return
	expect 126 "rule 'execs' does not allow 'process.Args[*]' to be 'id'" kata exec web -- id
}

# stderr is not allowed, neither by calls nor on the port; stdout is.
streams() {
	local status=0
	expect 1 "PERMISSION_DENIED: ReadStreamRequest is blocked by policy: no rule allows 'ReadStderr'" \
		kata call ReadStderr '{"container_id": "web", "len": 10}' || return
	printf 'KSTR\1\2\0\0\0\0\0\0\0\0\0\3web\0\0' | timeout 10 socat -t 5 - "UNIX-CONNECT:$work/agent.sock_1028" >"$work/answer" || status=$?
	[ "$(od -An -tx1 "$work/answer" | tr -d ' \n')" = 000000070000000000000000 ] || { od -tx1 "$work/answer"; return 1; }
	grep -q "Stream refused with status 7: no rule allows 'ReadStderr'" "$work/console.log"
}

# Each method of the table, one after the other: denied by name, then allowed alone (and then wrong for other reasons).
every_method() {
	local method output
	kata methods | sed -nE 's|^[a-z]+\.[A-Za-z]+/([A-Za-z]+).*|\1|p' >"$work/methods"
	[ "$(wc -l <"$work/methods")" -ge 44 ] || return
	only SetPolicy || return
	while read -r method; do
		[ "$method" != SetPolicy ] || continue
		output=$(kata call "$method" '{}' 2>&1)
		case $output in
		*"PERMISSION_DENIED"*"no rule allows '$method'"* | *"UNIMPLEMENTED: Method is not implemented"*) ;;
		*)
			echo "$method: $output"
			return 1
			;;
		esac
	done <"$work/methods"
	while read -r method; do
		case $method in
		SetPolicy | DestroySandbox | GetOOMEvent) continue ;; # the next steps need it; ends the agent; waits for ever
		esac
		only SetPolicy "$method" || return
		output=$(kata call "$method" '{}' 2>&1)
		[[ $output != *PERMISSION_DENIED* ]] || { echo "$method: $output"; return 1; }
	done <"$work/methods"
}

bad_policies_change_nothing() {
	only SetPolicy Check || return
	expect 1 'SetPolicy: INVALID_ARGUMENT: policy: this is Rego' kata call SetPolicy '{"policy": "package agent_policy\ndefault X := true\n"}' || return
	expect 1 "rules[0].allow[0]: 'Chek' names no method" kata call SetPolicy '{"policy": "{\"version\":1,\"rules\":[{\"allow\":[\"Chek\"]}]}"}' || return
	expect 1 'SetPolicy: INVALID_ARGUMENT' kata call SetPolicy '{}' || return
	kata call Check '{}' || return
	expect 1 PERMISSION_DENIED kata call ListRoutes '{}'
}

# The last word: a policy without SetPolicy cannot be replaced.
locked() {
	only '*' || return
	kata rm -f web || return
	only Check DestroySandbox || return
	expect 1 "SetPolicyRequest is blocked by policy: no rule allows 'SetPolicy'" only '*' || return
	kata destroy && retry_until agent_is_gone
}

# A file that is not there, or is Rego, allows nothing; the agent stays up and says why.
broken_file() {
	local dir=$work/broken text
	mkdir "$dir"
	printf 'package agent_policy\n' >"$dir/policy.rego"
	for text in "read the policy '/srv/none': No such file" "'/srv/policy.rego': policy: this is Rego"; do
		"$fence" start "$dir" "$build/kata-agent" KATA_AGENT_POLICY_FILE="$(sed -E "s|^[^']*'([^']*)'.*|\1|" <<<"$text")" || return
		grep -q 'All calls are denied: ' "$dir/console.log" || return
		expect 1 "$text" timeout 20 "$build/kata-agent-ctl" --address "unix://$dir/agent.sock" call Check '{}' || return
		"$fence" stop "$dir" || return
	done
}

check announced announced
check containers containers
check execs execs
check streams streams
check every_method every_method
check bad_policies_change_nothing bad_policies_change_nothing
check broken_file broken_file
check locked locked
finish
