#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The debug console: a shell per connection, several at once, nothing left of them however they end.
# shellcheck source=tests/lib/integration.sh
. "$(dirname "$0")/../lib/integration.sh"

prepare() {
	echo 'quiet agent.debug_console agent.debug_console_vport=1026 agent.log=debug' >"$work/cmdline"
}
begin

console() {
	timeout -k 2 20 "$build/kata-agent-ctl" --address "unix://$work/agent.sock" console
}

none() {
	! pgrep --ns "$agent" -x "$1" >/dev/null
}

commands() {
	local output
	# What stands in the command is not what it prints: the terminal echoes.
	output=$(printf 'echo $((6 * 7))-x; exit\n' | console) || return
	[[ $output == *42-x* ]] || { echo "$output"; return 1; }
	# shellcheck disable=SC2016
	output=$(printf 'tty; echo "pid-$$"; cat /proc/self/oom_score_adj\n' | console) || return
	[[ $output == *pid-* && $output == */dev/pts/* ]] || { echo "$output"; return 1; }
}

terminal_is_the_shells() {
	# shellcheck disable=SC2016
	local output
	output=$(printf 'cut -d " " -f 1,6,7 /proc/$$/stat | sed "s/^/i""s /"\n' | console) || return
	[[ $output =~ is\ ([0-9]+)\ ([0-9]+)\ [1-9] ]] && [ "${BASH_REMATCH[1]}" = "${BASH_REMATCH[2]}" ] || { echo "$output"; return 1; }
}

big_output() {
	printf 'stty -echo -onlcr; echo begin; head -c 3000000 /dev/zero | tr "\\0" x; echo; echo the-end; exit\n' | console >"$work/out" || return
	[ "$(tr -dc x <"$work/out" | wc -c)" -ge 3000000 ] || { wc -c "$work/out"; return 1; }
	grep -q the-end "$work/out"
}

several() {
	local i fifo=() pids=() n
	for i in 1 2 3; do
		mkfifo "$work/in$i"
		console <"$work/in$i" >"$work/out$i" 2>&1 &
		pids+=($!)
		exec {n}>"$work/in$i"
		fifo+=("$n")
	done
	for i in 1 2 3; do printf 'echo "<$((%s * 11))>"\n' "$i" >&"${fifo[i - 1]}"; done
	for i in 1 2 3; do retry_until grep -q "<$((i * 11))>" "$work/out$i" || return; done
	for n in "${fifo[@]}"; do exec {n}>&-; done
	wait "${pids[@]}"
}

# A client that is killed takes the shell along, and what the shell has left in the background.
killed_client() {
	local n client
	mkfifo "$work/in"
	"$build/kata-agent-ctl" --address "unix://$work/agent.sock" console <"$work/in" >"$work/out" &
	client=$!
	exec {n}>"$work/in"
	printf 'sleep 4321 & sleep 4322 & trap "" HUP; echo $((1 + 1))up; sleep 4323\n' >&"$n"
	retry_until grep -q 2up "$work/out" || return
	retry_until pgrep --ns "$agent" -f 'sleep 4323' || return
	kill -KILL "$client"
	exec {n}>&-
	retry_until none sleep || return
	wait "$client" 2>/dev/null
	retry_until none bash
}

# The shell ends, something in the background does not: the connection ends, and the session with it.
exit_with_background() {
	printf 'trap "" HUP; sleep 4321 & exit\n' | console >/dev/null || return
	retry_until none sleep
}

too_many() {
	local i n fds=() output
	for ((i = 0; i < 16; i++)); do
		coproc { exec socat - "UNIX-CONNECT:$work/agent.sock_1026"; } 2>/dev/null
		exec {n}>&"${COPROC[1]}"
		fds+=("$n")
		pids+=("$COPROC_PID")
	done 2>/dev/null
	sessions() { [ "$(grep -c 'Session of process [0-9]* begins' "$work/console.log")" -ge "$1" ]; }
	retry_until sessions "$(($(cat "$work/began") + 16))" || return
	output=$(console </dev/null)
	kill "${pids[@]}"
	wait "${pids[@]}" 2>/dev/null
	for n in "${fds[@]}"; do exec {n}>&-; done
	[[ $output == *'no debug console: too many sessions'* ]] || { echo "$output"; return 1; }
	retry_until none bash
}

nothing_is_left() {
	local now
	now=$(holdings)
	[ "$now" = "$before" ] || { printf 'before: %s\nnow: %s\n' "$before" "$now"; return 1; }
	[ "$(grep -c 'Session of process [0-9]* begins' "$work/console.log")" = "$(grep -c 'Session of process [0-9]* ends' "$work/console.log")" ]
}

policy_decides() {
	kata call SetPolicy '{"policy": "{\"version\":1,\"rules\":[{\"allow\":[\"Check\",\"SetPolicy\",\"DestroySandbox\"]}]}"}' || return
	expect 0 "no debug console: blocked by policy: no rule allows 'DebugConsole'" console </dev/null || return
	kata call SetPolicy '{"policy": "{\"version\":1,\"rules\":[{\"allow\":[\"*\"]}]}"}' || return
	[[ $(echo 'echo $((2 + 3))' | console) == *5* ]]
}

before=$(holdings)
check commands commands
check terminal_is_the_shells terminal_is_the_shells
check big_output big_output
check several several
check killed_client killed_client
check exit_with_background exit_with_background
grep -c 'Session of process [0-9]* begins' "$work/console.log" >"$work/began"
check too_many too_many
check nothing_is_left nothing_is_left
check policy_decides policy_decides
check agent_ends kata destroy
finish
