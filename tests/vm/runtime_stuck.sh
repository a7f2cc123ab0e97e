#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Clients that stop, die or never finish a sentence, in the middle of whatever they do: every other request to the sandbox is
# answered all the same, and a client that goes on has lost nothing. And a vsock daemon that has failed without ending is
# an error at once, not a silence.
if [ -z "${KATA_TEST_NAMESPACE:-}" ]; then
	KATA_TEST_NAMESPACE=1 exec unshare -m --propagation private "$0" "$@"
fi
# shellcheck source=tests/lib/runtime.sh
. "$(dirname "$0")/../lib/runtime.sh"

# A process that can be stopped and killed: without the timeout around it.
bare() { exec "$build/kata-runtime" --root "$work/r" --config "$work/configuration.toml" "$@"; }

agent() { timeout -k 5 "$KATA_TIMEOUT" "$build/kata-agent-ctl" --address "hvsock://$work/r/cc/vsock.sock:1024" "$@"; }

# What stays may not hold this script's own stdout.
begin_container() {
	kr create -b "$work/b" cc >"$work/out" 2>&1 </dev/null || { cat "$work/out"; return 1; }
	kr start cc
}

# All roads to the agent: over the supervisor's connection, over one of their own, with streams of their own.
others_are_answered() {
	local out
	kr ps cc >/dev/null && kr events --stats cc >/dev/null && agent check >/dev/null || return
	out=$(echo in | kr exec cc sh -c 'cat; echo out') && [ "$out" = "$(printf 'in\nout')" ] || { echo "exec beside it: $out"; return 1; }
}

# The stdio process of an exec, and who calls the agent, at any moment of their starting.
killed_at_once() {
	local i pid
	for ((i = 0; i < 12; i++)); do
		kr exec -d --pid-file "$work/pid.$i" cc sleep 1000 >/dev/null 2>&1 </dev/null || return
		kill -9 "$(cat "$work/pid.$i")" || return
	done
	for ((i = 0; i < 60; i++)); do
		"$build/kata-agent-ctl" --address "hvsock://$work/r/cc/vsock.sock:1024" check >/dev/null 2>&1 &
		pid=$!
		sleep "0.00$((i % 10))"
		kill -9 "$pid" 2>/dev/null
	done
	others_are_answered && retry_until ps_counts 1
}

ps_counts() { [ "$(kr ps -f json cc | jq length)" = "$1" ]; }

has_some() { [ -s "$1" ]; }

# A client in the middle of much output is stopped, another's program never reads what it is given.
stopped_clients_stop_nobody_else() {
	local pid feeder status=0
	(bare exec cc sh -c 'yes "a line of output" | head -c 6000000; exit 9' >"$work/out" 2>&1 </dev/null) &
	pid=$!
	retry_until has_some "$work/out" && kill -STOP "$pid" || return
	(head -c 4000000 /dev/zero | bare exec cc sleep 1000) >/dev/null 2>&1 &
	feeder=$!
	others_are_answered || { kill -CONT "$pid"; return 1; }
	kill -CONT "$pid" && { wait "$pid" || status=$?; }
	[ "$status" = 9 ] && [ "$(wc -c <"$work/out")" = 6000000 ] || { echo "status $status, $(wc -c <"$work/out") bytes"; return 1; }
	kill -0 "$feeder" && kr exec cc killall -9 sleep || return
	wait "$feeder" && { echo "the sleep was not killed"; return 1; }
	retry_until ps_counts 1 && others_are_answered
}

# Each way at once, several; the first one's reader is stopped for a while, the second one is killed.
through_cat() {
	yes "both ways $1" | head -c 3000000 | timeout -k 5 "$KATA_TIMEOUT" "$build/kata-runtime" --root "$work/r" exec cc cat >"$work/cat.$1"
}

both_ways_at_once() {
	local i pids=() stopped killed
	for i in 1 2 3; do
		through_cat "$i" &
		pids+=($!)
	done
	(yes stopped | head -c 3000000 | { bare exec cc cat >"$work/cat.stopped"; }) &
	pids+=($!)
	retry_until has_some "$work/cat.stopped" || return
	stopped=$(pgrep -f "^$build/kata-runtime --root $work/r --config $work/configuration.toml exec cc cat$") && kill -STOP "$stopped" || return
	(yes killed | { bare exec cc cat >"$work/cat.killed"; }) 2>/dev/null &
	killed=$!
	retry_until has_some "$work/cat.killed" && others_are_answered || return
	pkill -9 -n -f "^$build/kata-runtime --root $work/r --config $work/configuration.toml exec cc cat$" && kill -CONT "$stopped" || return
	for i in "${pids[@]}"; do wait "$i" || { echo "a client failed"; return 1; }; done
	wait "$killed"
	for i in 1 2 3; do cmp "$work/cat.$i" <(yes "both ways $i" | head -c 3000000) || return; done
	cmp "$work/cat.stopped" <(yes stopped | head -c 3000000) && retry_until ps_counts 1 && others_are_answered
}

# says_half SOCKET WORDS [REST]: and then no more. Its pid comes into $work/half.
says_half() {
	{
		echo "$BASHPID" >>"$work/half"
		printf "$2"
		[ -z "${3:-}" ] || { sleep 1; printf "$3"; }
		exec sleep 1000
	} 2>/dev/null | socat - "UNIX-CONNECT:$work/r/cc/$1" >/dev/null 2>&1 &
}

# Half a request to the supervisor, half a frame and half a header to the agent's ports.
half_sentences() {
	local status=0
	says_half supervisor.sock '{"verb":"ps",'
	says_half vsock.sock 'CONNECT 1024\n' '\0\0\0'
	says_half vsock.sock 'CONNECT 1028\n' 'KST'
	sleep 1.5
	others_are_answered && kr pause cc && kr resume cc || status=1
	xargs kill <"$work/half"
	return "$status"
}

# A verb that is killed while the supervisor works for it.
killed_verbs() {
	local verb pid
	for verb in 'ps cc' 'exec cc true' 'events --stats cc' 'update --pids-limit 90 cc'; do
		# shellcheck disable=SC2086
		(bare $verb >/dev/null 2>&1 </dev/null) &
		pid=$!
		sleep 0.03
		kill -9 "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	others_are_answered && retry_until ps_counts 1
}

# As its log tells of a panic, after which the daemon stays and answers nobody.
a_failed_daemon_is_an_error() {
	local log=$work/r/cc/vhost-device-vsock.log said
	if [ ! -e "$log" ]; then
		echo "# no vhost-device-vsock here"
		return 0
	fi
	printf "\nthread 'vring_worker' (7) panicked at src/test.rs:1:1:\nof the test's making\n" >>"$log"
	retry_until status_is cc stopped || return
	said=$(cat "$work/r/cc/supervisor.log")
	expect 1 'stopped' kr ps cc || return
	[[ $said == *"vhost-device-vsock has failed, so the guest cannot be reached any more: thread 'vring_worker'"* ]] || { echo "$said"; return 1; }
	kr delete cc && nothing_left
}

prepare_runtime
set_process '.process.args = ["sleep", "100000"]'
check begin_container begin_container
check killed_at_once killed_at_once
check stopped_clients_stop_nobody_else stopped_clients_stop_nobody_else
check both_ways_at_once both_ways_at_once
check half_sentences half_sentences
check killed_verbs killed_verbs
check a_failed_daemon_is_an_error a_failed_daemon_is_an_error
runtime_finish
