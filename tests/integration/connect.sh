#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `kata-agent-ctl connect` as scripts for upstream's tool use it: every command, all argument forms, a hybrid socket, a prompt.
# shellcheck source=tests/lib/integration.sh
. "$(dirname "$0")/../lib/integration.sh"
# shellcheck source=tests/lib/bundle.sh
. "$(dirname "$0")/../lib/bundle.sh"
begin

ctl=$build/kata-agent-ctl
share=/run/kata-containers/shared/containers

connect() {
	timeout -k 5 60 "$ctl" connect --server-address "unix://$work/agent.sock" "$@"
}

# says STATUS TEXT LINE: one command, what it ends with and a text in its output; remembers the name as tried.
says() {
	local name=${3%% *}
	echo "${name,,}" >>"$work/tried"
	expect "$1" "$2" connect --bundle-dir "$work/b" -c "$3" || { echo "  by '$3'"; return 1; }
}

# A container's life in the spelling of upstream's README: many -c, and words behind one.
life_of_a_container() {
	bundle b . sh -c 'read -r line; echo "got $line"; echo error >&2; exit 3'
	connect --bundle-dir "$work/b" -c CreateSandbox -c CreateContainer -c StartContainer -c 'WriteStdin data=hex:68690a' CloseStdin \
		WaitProcess -c 'ReadStdout len=100' ReadStderr -c RemoveContainer >"$work/out" 2>"$work/log" || { cat "$work/log"; return 1; }
	prints '{} {} {} {"len":3} {} {"status":3} got hi error {}' \
		jq -rsj 'map(if has("data") then .data | @base64d | rtrimstr("\n") else tojson end) | join(" ")' "$work/out" || return
	# The logs are JSON too, and tell the names that were made.
	jq -rs 'map(select(.level == "INFO") | .msg) | join(" ")' "$work/log" | grep -qE '^Made sid=[0-9a-f]{64} Made cid=[0-9a-f]{64}$' ||
		{ cat "$work/log"; return 1; }
}

names_are_given() {
	local cid
	bundle b . sleep 100
	cid=$("$ctl" generate-cid) || return
	connect -c "CreateContainer cid=$cid spec=file://$work/b/config.json" StartContainer 'SignalProcess signal=sigkill' WaitProcess RemoveContainer \
		>"$work/out" 2>&1 || { cat "$work/out"; return 1; }
	grep -qx '{"status":137}' "$work/out" && ! grep -q Made "$work/out" || { cat "$work/out"; return 1; }
	echo "{\"container_id\":\"$cid\"}" >"$work/request.json"
	expect 1 'WaitProcess: INVALID_ARGUMENT' connect -c "WaitProcess file://$work/request.json"
}

json_goes_before_automatic_values() {
	connect --bundle-dir "$work/b" -c 'CreateContainer json://{"id":"j1","sandbox_pidns":false}' 'StartContainer json://{"container_id":"j1"}' \
		'SignalProcess json://{"container_id":"j1","signal":9}' 'WaitProcess' 'RemoveContainer json://{"container_id":"j1"}' >"$work/out" 2>&1 ||
		{ cat "$work/out"; return 1; }
	grep -qx '{"status":137}' "$work/out"
}

# An exec is a process of its own, and what follows is about it.
exec_follows() {
	bundle e . sh -c 'echo inside; exit 4'
	connect --bundle-dir "$work/b" -c 'CreateContainer cid=x1' StartContainer >/dev/null || return
	connect --bundle-dir "$work/e" -c 'ExecProcess cid=x1' WaitProcess ReadStdout >"$work/out" 2>&1 || { cat "$work/out"; return 1; }
	grep -qx '{"status":4}' "$work/out" && grep -qx '{"data":"aW5zaWRlCg=="}' "$work/out" || { cat "$work/out"; return 1; }
	expect 0 cgroup_stats connect -c 'StatsContainer cid=x1' || return
	connect -c 'RemoveContainer cid=x1' >/dev/null
}

# Every name of the list, with what it does behind the fence.
every_command() {
	bundle b . sleep 100
	says 0 'a  b' 'echo a  b' && says 0 Built-in help && says 0 CreateContainer list && says 0 '' quit && says 0 '' 'repeat 3' &&
		says 0 '' 'sleep 10ms' && says 0 SERVING Check && says 0 agent_version Version && says 0 mem_block_size_bytes GetGuestDetails || return
	says 0 '{}' 'CreateContainer cid=e1' && says 0 '{}' 'StartContainer cid=e1' && says 0 '{}' 'ExecProcess cid=e1 exec_id=e2' &&
		says 0 '{}' 'SignalProcess cid=e1 exec_id=e2 signal=SIGTERM' && says 0 '{"status":143}' 'WaitProcess cid=e1 exec_id=e2' || return
	says 0 '{}' 'PauseContainer cid=e1' && says 0 '{}' 'ResumeContainer cid=e1' && says 0 cgroup_stats 'StatsContainer cid=e1' &&
		says 0 '{"len":2}' 'WriteStdin cid=e1 data=ab' && says 0 '{}' 'CloseStdin cid=e1' && says 1 'no tty' 'TtyWinResize cid=e1 row=3 column=4' &&
		says 0 '{}' 'UpdateContainer json://{"container_id":"e1","resources":{}}' || return
	says 0 '{}' 'SignalProcess cid=e1' && says 0 '{"data":""}' 'ReadStdout cid=e1 len=9' && says 0 '{"data":""}' 'ReadStderr cid=e1 exec_id=e1' &&
		says 0 '{}' 'RemoveContainer cid=e1' || return
	says 0 '"name":"lo"' ListInterfaces && says 0 Routes ListRoutes && says 0 kata_agent_ GetMetrics &&
		says 0 '"usage":[{' 'GetVolumeStats volume_guest_path=/' && says 0 '{}' "CopyFile src=/etc/hostname dest=$share/name" || return
	says 0 '{}' 'AddARPNeighbors json://{"neighbors":{"ARPNeighbors":[]}}' && says 0 '{"Routes":[' 'UpdateRoutes json://{"routes":{"Routes":[]}}' &&
		says 1 'UpdateInterface: ' 'UpdateInterface json://{"interface":{"name":"x","device":"x","hwAddr":"02:00:00:00:00:99"}}' || return
	says 1 'MemHotplugByProbe: ' 'MemHotplugByProbe memHotplugProbeAddr=100000000' && says 1 'SetGuestDateTime: ' SetGuestDateTime &&
		says 1 'ReseedRandomDev: ' ReseedRandomDev && says 1 'AddSwap: ' 'AddSwap PCIPath=1,2' && says 1 'AddSwapPath: ' 'AddSwapPath path=/nowhere' || return
	says 1 'OnlineCPUMem: ' 'OnlineCPUMem nb_cpus=0 cpu_only=yes' && says 1 'ResizeVolume: UNIMPLEMENTED' 'ResizeVolume volume_guest_path=/ size=1' &&
		says 1 'GetDiagnosticData: ' 'GetDiagnosticData log_type=nonsense' && says 2 'read ' 'SetPolicy policy_file=/nowhere' || return
	# These change with what the guest has; that they are asked for is what counts here.
	local line
	for line in GetIptables 'SetIptables data=x' MemAgentCompactSet MemAgentMemcgSet RemoveStaleVirtiofsShareMounts UpdateEphemeralMounts; do
		echo "${line,,}" | cut -d' ' -f1 >>"$work/tried"
		connect -c "$line" >"$work/out" 2>&1 || grep -qi "^${line%% *}: [A-Z_]*: " "$work/out" || { echo "$line: $(cat "$work/out")"; return 1; }
	done
	expect 1 'DEADLINE_EXCEEDED' connect --timeout 50ms -c GetOOMEvent || return
	printf '%s\n' getoomevent createsandbox destroysandbox >>"$work/tried" # the others are where they have to be
	prints '' comm -13 <(sort -u "$work/tried") <(connect -c list | sed -n 's/^  \([A-Za-z]*\) .*/\L\1/p' | sort -u)
}

errors_and_repeats() {
	expect 1 'WaitProcess: INVALID_ARGUMENT' connect -c 'WaitProcess cid=nobody' 'echo not reached' || return
	prints 3,3 bash -c "'$ctl' connect --server-address 'unix://$work/agent.sock' --ignore-errors -c 'repeat 3' 'WaitProcess cid=nobody' \
		-c 'repeat 3' Check 2>'$work/err' | grep -c SERVING | tr '\n' ,; grep -c INVALID '$work/err'" || return
	# As a release of upstream's wants its flags.
	expect 0 SERVING connect --ignore-errors true -n true -c 'WaitProcess cid=nobody' Check || return
	expect 2 "unknown command 'Chek', is it Check" connect -c Chek || return
	# Without an end, until nobody reads the results.
	prints 5 bash -c "timeout 20 '$ctl' connect --server-address 'unix://$work/agent.sock' -c 'repeat -1' Check 2>/dev/null | head -n 5 | wc -l"
}

large_files() {
	head -c 3000000 /dev/urandom >"$work/large"
	mkdir -p "$work/dir" && ln -s large "$work/link"
	connect -c "CopyFile json://{\"src\":\"$work/large\",\"dest\":\"$share/copy/large\"}" "CopyFile src=$work/link dest=$share/copy/link" \
		"CopyFile src=$work/dir dest=$share/copy/dir" >"$work/out" 2>&1 || { cat "$work/out"; return 1; }
	cmp "$work/large" "/proc/$agent/root$share/copy/large" && [ -d "/proc/$agent/root$share/copy/dir" ] &&
		prints large readlink "/proc/$agent/root$share/copy/link" || return
	expect 1 'CopyFile: INTERNAL' connect -c "CopyFile src=$work/large dest=/etc/large"
}

# The socket of a hypervisor that wants to hear CONNECT first.
hybrid_vsock() {
	cat >"$work/hybrid" <<-HYBRID
		read -r line
		[ "\$line" = "CONNECT \$1" ] || exit 1
		echo OK 7
		exec socat - "UNIX-CONNECT:$work/agent.sock"
	HYBRID
	socat "UNIX-LISTEN:$work/hybrid.sock,fork" "EXEC:bash $work/hybrid 1024" &
	local first=$! status=0
	socat "UNIX-LISTEN:$work/hybrid77.sock,fork" "EXEC:bash $work/hybrid 77" &
	local second=$!
	retry_until test -S "$work/hybrid.sock" && retry_until test -S "$work/hybrid77.sock" || status=1
	expect 0 SERVING timeout 30 "$ctl" connect --server-address "unix://$work/hybrid.sock" --hybrid-vsock -c Check || status=1
	expect 0 SERVING timeout 30 "$ctl" connect --hybrid-vsock --hybrid-vsock-port 77 --server-address "unix://$work/hybrid77.sock" -c Check || status=1
	expect 0 SERVING timeout 30 "$ctl" connect --hybrid-vsock true --server-address "unix://$work/hybrid.sock" -c Check Version || status=1
	expect 3 "connect to 'hvsock://$work/hybrid.sock:5'" timeout 30 "$ctl" connect --hybrid-vsock --hybrid-vsock-port 5 \
		--server-address "unix://$work/hybrid.sock" -c Check || status=1
	expect 3 '' timeout 30 "$ctl" connect --server-address "unix://$work/hybrid.sock" --timeout 2s -c Check || status=1
	kill "$first" "$second"
	return "$status"
}

has_prompts() {
	[ "$(grep -ac 'Enter command: ' "$work/tty.log")" -ge "$1" ]
}

# type N KEYS...: waits for the Nth prompt, then types.
type_at() {
	retry_until has_prompts "$1" || return
	shift
	printf '%b' "$@" >&7
}

terminal() {
	: >"$work/tty.log"
	HOME=$work TERM=vt100 timeout -k 5 60 script -qefc "exec $ctl connect --server-address unix://$work/agent.sock -i" "$work/tty.log" \
		<"$work/keys" >/dev/null &
	session=$!
	exec 7>"$work/keys"
}

prompt_has_history_and_completion() {
	local status=0
	mkfifo "$work/keys"
	terminal
	type_at 1 'Vers\t\r' && retry_until grep -aq agent_version "$work/tty.log" &&
		type_at 2 'Nonsense\r' && retry_until grep -aq "unknown command 'Nonsense'" "$work/tty.log" &&
		type_at 3 'echo tpyo\033[D\033[D\033[D\010t\0338y\r' && type_at 4 'not to be run' &&
		retry_until grep -aq 'not to be run' "$work/tty.log" && printf '\003' >&7 || status=1
	# The line is dropped by Ctrl-C, the session goes on.
	type_at 5 'echo again\r' && retry_until grep -aq '^again' "$work/tty.log" && type_at 6 '\004' || status=1
	exec 7>&-
	wait "$session" || status=$?
	[ "$status" = 0 ] || { echo "first session, status $status: $(tail -n 20 "$work/tty.log")"; return 1; }
	# The next session knows what was typed.
	terminal
	type_at 1 '\033[A\r' && retry_until grep -aq '^again' "$work/tty.log" && type_at 2 'quit\r' || status=1
	exec 7>&-
	wait "$session" || status=$?
	[ "$status" = 0 ] || { echo "second session, status $status: $(tail -n 20 "$work/tty.log")"; return 1; }
	grep -q Nonsense "$work/.kata-agent-ctl_history" && prints 600 stat -c %a "$work/.kata-agent-ctl_history"
}

examples_are_true() {
	local line
	"$ctl" examples >"$work/examples" || return
	# Every option and command that the text shows is one.
	while read -r line; do
		"$ctl" connect --help | grep -q -e "$line" || { echo "no option '$line'"; return 1; }
	done < <(grep -oE ' --?[a-z][a-z-]*' "$work/examples" | grep -v ' -1' | tr -d ' ' | sort -u)
	while read -r line; do
		connect -c list | grep -q "^  $line " || { echo "no command '$line'"; return 1; }
	done < <(grep -oE "\b[A-Z][a-z]+[A-Z][A-Za-z]+" "$work/examples" | sort -u)
}

ends_with_the_sandbox() {
	expect 0 '{}' connect -c DestroySandbox Check || return
	retry_until agent_is_gone || return
	expect 3 'connect to ' connect --ignore-errors -c Check
}

check life_of_a_container life_of_a_container
check names_are_given names_are_given
check json_goes_before_automatic_values json_goes_before_automatic_values
check exec_follows exec_follows
check every_command every_command
check errors_and_repeats errors_and_repeats
check large_files large_files
check hybrid_vsock hybrid_vsock
check prompt_has_history_and_completion prompt_has_history_and_completion
check examples_are_true examples_are_true
check ends_with_the_sandbox ends_with_the_sandbox
finish
