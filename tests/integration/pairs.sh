#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Two requests for one container at the same moment, each kind with each, in a container that was only created and in one
# that runs, now and then with a client that is killed: whatever the answers are, they come, the container can be removed,
# and the agent holds what it held before.
# shellcheck source=tests/lib/integration.sh
. "$(dirname "$0")/../lib/integration.sh"
# shellcheck source=tests/lib/bundle.sh
. "$top/tests/lib/bundle.sh"
kinds=(start kill remove exec wait stats pause resume update close read write attach)

# ask KIND: becomes the client.
ask() {
	local method='' more=''
	case $1 in
	start) method=StartContainer ;;
	kill) method=SignalProcess more=',"signal":9' ;;
	remove) method=RemoveContainer ;;
	wait) method=WaitProcess ;;
	stats) method=StatsContainer ;;
	pause) method=PauseContainer ;;
	resume) method=ResumeContainer ;;
	update) method=UpdateContainer more=',"resources":{"Pids":{"Limit":50}}' ;;
	close) method=CloseStdin ;;
	read) method=ReadStdout more=',"len":100' ;;
	write) method=WriteStdin more=',"data":"eA=="' ;;
	exec) exec "$build/kata-agent-ctl" --address "unix://$work/agent.sock" exec pair -- true ;;
	attach) exec "$build/kata-agent-ctl" --address "unix://$work/agent.sock" attach pair ;;
	esac
	exec "$build/kata-agent-ctl" --address "unix://$work/agent.sock" --timeout 60 call "$method" "{\"container_id\":\"pair\"$more}"
}

is_gone() { ! kill -0 "$1" 2>/dev/null; }

# pair FIRST SECOND STATE KILL
pair() {
	local first second
	kata call CreateContainer "@$work/pair.json" >/dev/null || return
	[ "$3" = created ] || rpc StartContainer pair >/dev/null || return
	(ask "$1") >/dev/null 2>&1 </dev/null &
	first=$!
	(ask "$2") >/dev/null 2>&1 </dev/null &
	second=$!
	[ "$4" = no ] || kill -9 "$first"
	kata check >/dev/null || { echo "no answer beside $1 and $2"; return 1; }
	# One that is being removed already cannot be removed again; it goes all the same.
	kata rm -f pair >/dev/null 2>&1
	retry_until is_gone "$first" && retry_until is_gone "$second" || { echo "$3: $1 and $2 have no answer"; return 1; }
	retry_until unknown || { echo "$3: $1 and $2 leave the container"; return 1; }
}

unknown() {
	kata rm -f pair >/dev/null 2>&1
	[ "$(kata call GetDiagnosticData '{"log_type":"containers"}' | jq -r '.data | fromjson | .containers | length')" = 0 ]
}

# Every second pair's container only was created, every third pair's first client is killed.
all_pairs() {
	local i j n=0 state kill before
	before=$(holdings)
	for ((i = 0; i < ${#kinds[@]}; i++)); do
		for ((j = i; j < ${#kinds[@]}; j++)); do
			n=$((n + 1)) state=running kill=no
			((n % 2)) || state=created
			((n % 3)) || kill=yes
			pair "${kinds[i]}" "${kinds[j]}" "$state" "$kill" || return
		done
	done
	holds_again "$before"
}

begin
request pair . cat >"$work/pair.json"
check all_pairs all_pairs
finish
