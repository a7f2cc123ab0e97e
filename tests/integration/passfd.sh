#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Passfd streams: a host connects first and names its ports later. Every byte, the exit behind the output, hosts that are
# slow, stopped or killed, terminals, ports that are wrong, nothing left.
# shellcheck source=tests/lib/integration.sh
. "$(dirname "$0")/../lib/integration.sh"

prepare() {
	echo 'quiet agent.passfd_listener_port=1027 agent.log=debug' >"$work/cmdline"
}
begin

has_called() { grep -q "Connection from port $1\"" "$work/console.log"; }

# host PORT FROM TO: a connection from this port, which socat copies; its pid is in $host.
host() {
	local port=$1
	socat -u "$2" "$3" >>"$work/socat.log" 2>&1 8>&- & # nothing that the caller waits for
	host=$!
	retry_until has_called "$port"
}

# writes PORT FILE, reads PORT FILE
writes() { host "$1" "OPEN:$2,rdonly" "UNIX-CONNECT:$work/agent.sock_1027,bind=$work/host_$1"; }
reads() { host "$1" "UNIX-CONNECT:$work/agent.sock_1027,bind=$work/host_$1" "OPEN:$2,creat,trunc"; }

# request ID SCRIPT FIELDS: ExecProcess of a shell, with more fields of the request.
request() {
	jq -c -n --arg id "$1" --arg script "$2" \
		'{container_id: "web", exec_id: $id, process: {Args: ["sh", "-c", $script], Cwd: "/", Env: ["PATH=/bin"], User: {}}} + {'"${3:-}"'}'
}

# execs ID SCRIPT FIELDS
execs() { kata call ExecProcess "$(request "$@")" >/dev/null; }

# exits ID CODE
exits() {
	local answer
	answer=$(kata call WaitProcess "{\"container_id\":\"web\",\"exec_id\":\"$1\"}") || return
	[ "$(jq -r '.status // 0' <<<"$answer")" = "$2" ] || { echo "exit of $1: $answer"; return 1; }
}

# counted ID FIELD VALUE: what the agent says of the process.
counted() {
	local got
	got=$(kata call GetDiagnosticData '{"log_type":"containers","container_id":"web"}' | jq -r .data |
		jq -r ".containers[0].processes[] | select(.id == \"$1\") | .$2")
	[ "$got" = "$3" ] || { echo "$2 of $1: $got instead of $3"; return 1; }
}

same() { retry_until cmp -s "$1" "$2" || { ls -l "$1" "$2"; return 1; }; }

text_is() { [ "$(cat "$1")" = "$2" ]; }

init_streams() {
	reads 101 "$work/init.out" || return
	kata call CreateContainer "$(jq -c -n --arg root "$work/rootfs" '{container_id: "web", exec_id: "web", stdout_port: 101,
		OCI: {Version: "1.0.2", Root: {Path: $root}, Process: {Args: ["sh", "-c", "echo from init; read line; exec sleep 1000"],
		Cwd: "/", Env: ["PATH=/bin"], User: {}}, Mounts: [{destination: "/proc", type: "proc", source: "proc"},
		{destination: "/dev", type: "tmpfs", source: "tmpfs"},
		{destination: "/dev/pts", type: "devpts", source: "devpts", options: ["newinstance", "ptmxmode=0666"]}],
		Linux: {CgroupsPath: "/passfd/web", Namespaces: [{Type: "mount"}, {Type: "ipc"}]}}}')" >/dev/null || return
	kata call StartContainer '{"container_id":"web"}' >/dev/null || return
	retry_until text_is "$work/init.out" 'from init' # and its stdin is empty: it reads no line, and goes on
}

three_streams() {
	writes 201 "$work/data" && reads 202 "$work/out" && reads 203 "$work/err" || return
	execs three 'echo to err >&2; cat; exit 7' 'stdin_port: 201, stdout_port: 202, stderr_port: 203' || return
	exits three 7 && same "$work/data" "$work/out" && retry_until text_is "$work/err" 'to err' || return
	counted three stdin_in "$size" && counted three stdout_in "$size" && counted three stdout_out "$size" && counted three stderr_out 7
}

# What no port is named for is /dev/null.
one_stream() {
	reads 211 "$work/out" || return
	execs one 'cat; echo nobody >&2; readlink /proc/$$/fd/0; readlink /proc/$$/fd/2' 'stdout_port: 211' || return
	exits one 0 && retry_until text_is "$work/out" $'/dev/null\n/dev/null'
}

# A process that ends at once has said everything when its exit is told: what socat has not read lies in its socket.
exit_after_output() {
	local i
	for i in {1..12}; do
		reads "$((300 + i))" "$work/out$i" || return
		execs "short$i" "echo line $i; exit $i" "stdout_port: $((300 + i))" || return
		exits "short$i" "$i" && counted "short$i" stdout_out "$(wc -c <<<"line $i")" || return
		retry_until text_is "$work/out$i" "line $i" || return
	done
}

# A host that takes nothing holds the exit up for ten seconds, not for ever, and gets the rest when it goes on. What it is
# about is more than its socket holds, and less than the pipe and the window do besides.
stopped_host() {
	local waiter
	reads 221 "$work/out" && kill -STOP "$host" || return
	execs stopped 'head -c 400000 /data; exit 3' 'stdout_port: 221' || return
	exits stopped 3 &
	waiter=$!
	sleep 2
	kill -0 "$waiter" || { echo 'the exit was told before the output was taken'; return 1; }
	wait "$waiter" || return
	kill -CONT "$host"
	head -c 400000 "$work/data" >"$work/part"
	same "$work/part" "$work/out" && counted stopped stdout_out 400000
}

slow_host() {
	local waiter
	reads 223 "$work/out" && kill -STOP "$host" || return
	execs slow 'cat /data; exit 3' 'stdout_port: 223' || return
	exits slow 3 &
	waiter=$!
	sleep 1
	kill -0 "$waiter" || return
	kill -CONT "$host"
	wait "$waiter" && counted slow stdout_out "$size" && same "$work/data" "$work/out"
}

# What a killed host did not take is there for the calls, and the process does not wait.
killed_host() {
	local taken rest
	reads 231 "$work/out" && kill -STOP "$host" || return
	execs killed 'cat /data; exit 4' 'stdout_port: 231' || return
	kill -KILL "$host"
	timeout -k 2 60 "$build/kata-agent-ctl" --address "unix://$work/agent.sock" attach web killed >"$work/rest" </dev/null || [ $? = 4 ] || return
	exits killed 4 || return
	rest=$(stat -c %s "$work/rest")
	taken=$((size - rest))
	[ "$taken" -ge 0 ] && [ "$taken" -lt "$size" ] && cmp "$work/rest" <(tail -c "$rest" "$work/data")
}

# The stream port may not take them over.
attached() {
	reads 241 "$work/out" && execs attached 'read line' 'stdin_port: 0, stdout_port: 241' && exits attached 1 || return
	reads 242 "$work/out" && execs held 'sleep 1000' 'stdout_port: 242' || return
	expect 125 FAILED_PRECONDITION kata attach --take-over web held </dev/null || return
	kata call SignalProcess '{"container_id":"web","exec_id":"held","signal":9}' && exits held 137
}

input_ends() {
	printf 'one\ntwo\n' >"$work/in"
	writes 251 "$work/in" && reads 252 "$work/out" || return
	execs input 'cat; echo end' 'stdin_port: 251, stdout_port: 252' && exits input 0 && retry_until text_is "$work/out" $'one\ntwo\nend' || return
	# By the call too; then the host sees its connection end.
	mkfifo "$work/fifo"
	socat -u - "UNIX-CONNECT:$work/agent.sock_1027,bind=$work/host_253" <"$work/fifo" >>"$work/socat.log" 2>&1 &
	host=$!
	exec 8>"$work/fifo"
	retry_until has_called 253 && reads 254 "$work/out" || return
	execs closed 'cat; echo end' 'stdin_port: 253, stdout_port: 254' || return
	echo three >&8
	retry_until text_is "$work/out" three || return
	kata call CloseStdin '{"container_id":"web","exec_id":"closed"}' && exits closed 0 && retry_until text_is "$work/out" $'three\nend' || return
	echo four >&8
	exec 8>&-
}

# shellcheck disable=SC2016 # for the shell inside
terminal() {
	mkfifo "$work/tty"
	socat -u - "UNIX-CONNECT:$work/agent.sock_1027,bind=$work/host_261" <"$work/tty" >>"$work/socat.log" 2>&1 &
	exec 8>"$work/tty"
	retry_until has_called 261 && reads 262 "$work/out" && reads 263 "$work/err" || return
	kata call ExecProcess "$(request tty 'stty -echo size; read a; echo "<$a>"; read b; exit 9' \
		'stdin_port: 261, stdout_port: 262, stderr_port: 263' | jq -c '.process.Terminal = true | .process.ConsoleSize = {Height: 33, Width: 77}')" || return
	retry_until grep -q '33 77' "$work/out" || return
	[ ! -s "$work/err" ] || return
	echo hello >&8
	retry_until grep -q '<hello>' "$work/out" || return
	# Whoever goes away from a terminal does not end it.
	exec 8>&-
	retry_until grep -q "stdin of 'tty' (port 261) ends" "$work/console.log" && counted tty state running || return
	kata call WriteStdin "{\"container_id\":\"web\",\"exec_id\":\"tty\",\"data\":\"$(printf 'x\n' | base64)\"}" && exits tty 9
}

wrong_ports() {
	expect 1 "exec 'bad' in 'web': stderr_port '77': no connection has come from there" execs bad true 'stderr_port: 77' || return
	expect 1 "stdout_port '77': it is named as stdin_port too" execs bad true 'stdin_port: 77, stdout_port: 77' || return
	reads 271 "$work/out" && execs good 'sleep 1000' 'stdout_port: 271' || return
	expect 1 "stdout_port '271': its connection is another stream's already" execs bad true 'stdout_port: 271' || return
	kata call SignalProcess '{"container_id":"web","exec_id":"good","signal":9}' && exits good 137 || return
	# All or none: the one that is there stays there.
	reads 272 "$work/out" || return
	expect 1 "stdin_port '78'" execs bad true 'stdin_port: 78, stdout_port: 272' || return
	execs good2 'echo good' 'stdout_port: 272' && exits good2 0 && retry_until text_is "$work/out" good || return
	# A call that fails for another reason has taken it: the host sees the end.
	reads 273 "$work/out" || return
	expect 1 'no-such-program' kata call ExecProcess "$(request bad '' 'stdout_port: 273' | jq -c '.process.Args = ["no-such-program"]')" || return
	wait "$host"
}

others_are_served() {
	request late true 'stdout_port: 79' | jq -c '{container_id: "late", exec_id: "late", stdout_port, OCI: {}}' >"$work/request"
	fails_while_others_are_served 1 "create container 'late': stdout_port '79': no connection"
}

# Without ports all is as without the option.
plain_calls() {
	[ "$(kata exec web -- echo plain)" = plain ]
}

policy_decides() {
	reads 281 "$work/out" || return
	kata call SetPolicy '{"policy": "{\"version\":1,\"rules\":[{\"allow\":[\"Check\",\"SetPolicy\",\"ExecProcess\"]}]}"}' || return
	expect 1 "stdout_port '281': blocked by policy: no rule allows 'ReadStdout'" execs denied true 'stdout_port: 281' || return
	kata call SetPolicy '{"policy": "{\"version\":1,\"rules\":[{\"allow\":[\"*\"]}]}"}' || return
	execs allowed 'echo allowed' 'stdout_port: 281' && exits allowed 0 && retry_until text_is "$work/out" allowed
}

# The names of hosts without a number, and hosts that nobody names until the end.
unnamed() {
	socat -u "UNIX-CONNECT:$work/agent.sock_1027" - </dev/null || return # closed at once
	grep -q "does not end in '_PORT'" "$work/console.log"
}

destroy_closes() {
	reads 291 "$work/out" || return
	kata destroy || return
	wait "$host"
}

size=6000000
head -c "$size" /dev/urandom >"$work/data"
cp "$work/data" "$work/rootfs/data"
before=$(holdings)
check init_streams init_streams
check three_streams three_streams
check one_stream one_stream
check exit_after_output exit_after_output
check slow_host slow_host
check stopped_host stopped_host
check killed_host killed_host
check attached attached
check input_ends input_ends
check terminal terminal
check wrong_ports wrong_ports
check others_are_served others_are_served
check plain_calls plain_calls
check policy_decides policy_decides
check unnamed unnamed
check removed kata call RemoveContainer '{"container_id":"web"}'
check nothing_is_left holds_again "$before"
check destroy_closes destroy_closes
finish
