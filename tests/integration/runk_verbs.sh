#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# runk's verbs on a running container: exec, ps, list, pause and resume, update, events; and spec, features, terminals.
. "$(dirname "$0")/../lib/integration.sh"
. "$top/tests/lib/bundle.sh"
. "$top/tests/lib/runk.sh"

running() {
	oci "$1" . sleep 1000 && runk run -d --bundle "$work/$1" "$1" </dev/null >/dev/null 2>&1
}

exec_joins() {
	local pid
	pid=$(field pid box)
	prints "$(readlink "/proc/$pid/ns/mnt")$(readlink "/proc/$pid/ns/net")$(readlink "/proc/$pid/ns/pid")" \
		runk exec box sh -c 'for n in mnt net pid; do readlink -n /proc/self/ns/$n; done' &&
		prints "$(cut -d: -f2- "/proc/$pid/cgroup" | sort | tr '\n' ' ')" \
			sh -c "'$runk_bin' --root '$work/state' exec -d --pid-file '$work/pf' box sleep 100 </dev/null >/dev/null 2>&1 &&
				cut -d: -f2- /proc/\$(cat '$work/pf')/cgroup | sort | tr '\n' ' '"
}

exec_settings() {
	expect 7 'hello' runk exec box sh -c 'echo hello; exit 7' &&
		prints '1000:1001 /tmp x y' runk exec -u 1000:1001 --cwd /tmp -e A=x --env B=y box \
			sh -c 'echo "$(id -u):$(id -g) $(pwd) $A $B"' &&
		prints 'CapEff: 0000000000002000' runk exec -u 1000 -c CAP_NET_RAW box sh -c 'grep CapEff /proc/self/status | tr "\t" " "' &&
		prints 'NoNewPrivs: 1' runk exec --no-new-privs box sh -c 'grep NoNew /proc/self/status | tr "\t" " "' &&
		expect 0 '5' runk exec -g 5 box id -G || return
	echo '{"args": ["sh", "-c", "echo $X; exit 3"], "env": ["X=from file", "PATH=/bin"], "cwd": "/"}' >"$work/process.json"
	expect 3 'from file' runk exec --process "$work/process.json" box
}

exec_errors() {
	expect 255 'executable file not found in $PATH' runk exec box nope && expect 255 'a command or --process' runk exec box &&
		expect 255 "is not <uid>" runk exec -u root box true && expect 255 "is not <uid>" runk exec -u 4294967295 box true &&
		expect 0 'ignoring unknown or unavailable capabilities: [CAP_X]' runk exec -c CAP_X box true && expect 255 'does not exist' runk exec nobody true &&
		expect 255 '/proc/self/fd/5' runk exec --cwd /proc/self/fd/5 box true 5</ &&
		expect 255 "no cgroup below" runk exec --cgroup ../.. box true && expect 255 'process' runk exec -p /nowhere box
}

# joined_cgroups ARG...: what the process of such an exec is in, below the container's cgroups.
joined_cgroups() {
	local pid
	runk exec -d --pid-file "$work/joined" "$@" box sleep 100 </dev/null >/dev/null 2>"$work/joined.log" || { cat "$work/joined.log"; return 1; }
	pid=$(cat "$work/joined")
	grep -o '[^:]*:/.*/sub$' "/proc/$pid/cgroup" | sed "s|:/.*/\?$group/box||" | sort
	kill -KILL "$pid"
}

# runc's way on v1, where each hierarchy has its own; v2 has one.
exec_cgroups() {
	local dir made=0
	for dir in /sys/fs/cgroup/{memory,pids,freezer}/$group/box; do
		[ ! -d "$dir" ] || { mkdir "$dir/sub" && made=$((made + 1)); } || return
	done
	if [ "$made" = 3 ]; then
		prints $'memory/sub\npids/sub' joined_cgroups --cgroup memory,pids:sub && prints freezer/sub joined_cgroups --cgroup freezer:sub &&
			prints '' joined_cgroups && expect 255 "into cgroup '/$group/box/no'" runk exec --cgroup pids:no box true
	fi
}

paused() {
	runk pause box && status_is paused box && expect 255 'paused container' runk exec box true &&
		expect 1 'paused already' runk pause box && runk resume box && status_is running box && runk exec box true &&
		expect 1 'container not paused' runk resume box
}

ps_and_list() {
	local pid
	pid=$(field pid box)
	runk ps --format json box | jq -e "index($pid) != null" && expect 0 'sleep 1000' runk ps box &&
		expect 0 "$pid" runk ps box -o pid,comm && expect 1 'no PID column' runk ps box -o comm &&
		expect 0 'box' runk list && prints box runk list -q && expect 1 'invalid format' runk list -f xml &&
		runk list -f json | jq -e ".[0].id == \"box\" and .[0].pid == $pid and .[0].status == \"running\""
}

limits() {
	runk update --pids-limit 11 --cpu-share 512 box && expect 1 "invalid value 'x'" runk update --memory x box &&
		expect 1 'Intel RDT' runk update --l3-cache-schema x box && echo '{"pids": {"limit": 12}}' | runk update -r - box &&
		expect 1 'resources' runk update -r /nowhere box && [ "$(runk events --stats box | jq .data.pids.limit)" = 12 ]
}

events() {
	runk events --stats box | jq -e '.type == "stats" and .id == "box" and .data.cpu.usage.total > 0 and .data.pids.current >= 1' &&
		expect 1 'interval must be' runk events --interval 0 box && expect 1 'does not exist' runk events nobody || return
	running brief || return
	(sleep 1; runk kill brief KILL) &
	[ "$(runk events --interval 100ms brief | jq -s 'length > 2 and all(.type == "stats")')" = true ] && wait && runk delete brief
}

kill_all() {
	running all && runk exec -d all sleep 1000 </dev/null >/dev/null 2>&1 && runk kill --all all KILL && retry_until status_is stopped all &&
		prints '[]' runk ps -f json all && runk delete all
}

# Terminals: of run, of exec, and one handed over by a socket to whoever asked for it.
terminals() {
	oci tty '.process.terminal = true' sh -c 'tty; exit 3' &&
		expect 3 /dev/pts/0 script -qec "exec '$runk_bin' --root '$work/state' run --bundle '$work/tty' tty" /dev/null &&
		expect 4 /dev/pts script -qec "exec '$runk_bin' --root '$work/state' exec -t box sh -c 'tty; exit 4'" /dev/null &&
		expect 255 'without setting console socket' runk exec -d -t box true
}

resized() {
	oci size '.process.terminal = true | .process.consoleSize = {height: 11, width: 22}' stty size &&
		expect 0 '33 44' script -qec "stty rows 33 cols 44; '$runk_bin' --root '$work/state' run --bundle '$work/size' size" /dev/null
}

console_socket() {
	cat >"$work/receive.py" <<'END'
import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen(1)
s.settimeout(20)
c = s.accept()[0]
name, fds, _, _ = socket.recv_fds(c, 100, 1)
assert name, "no name with the terminal"
out = b""
try:
    while True:
        data = os.read(fds[0], 1000)
        if not data:
            break
        out += data
except OSError:
    pass
sys.stdout.write(out.decode())
END
	python3 "$work/receive.py" "$work/tty.sock" >"$work/tty.out" &
	retry_until test -S "$work/tty.sock" && runk create --bundle "$work/tty" --console-socket "$work/tty.sock" cons &&
		runk start cons && wait && grep -q /dev/pts/0 "$work/tty.out" && retry_until status_is stopped cons && runk delete cons
}

# datagram.py SOCKET [TEXT]: sends the text, or waits for one and prints it.
datagrams() {
	cat >"$work/datagram.py" <<'END'
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.settimeout(30)
if len(sys.argv) > 2:
    s.connect(sys.argv[1])
    s.send(sys.argv[2].encode())
else:
    s.bind(sys.argv[1])
    sys.stdout.write(s.recv(1000).decode())
END
}

note_by() {
	case $1 in
	start) NOTIFY_SOCKET=$work/note.sock runk create --bundle "$work/note" note && NOTIFY_SOCKET=$work/note.sock runk start note ;;
	detached) NOTIFY_SOCKET=$work/note.sock runk run -d --bundle "$work/note" note ;;
	*) NOTIFY_SOCKET=$work/note.sock runk run --bundle "$work/note" note ;;
	esac </dev/null >/dev/null 2>&1
}

# What a service in the container says reaches who waits for runk, with the pid that he knows.
notified() {
	local how pid
	datagrams
	oci note '.process.user.uid = 1000' sh -c 'test -w $NOTIFY_SOCKET && test -d /run/notify && ! touch /run/notify/x 2>/dev/null && exec sleep 1000; exit 9' || return
	for how in start detached foreground; do
		rm -f "$work/note.sock"
		python3 "$work/datagram.py" "$work/note.sock" >"$work/note.out" &
		retry_until test -S "$work/note.sock" || return
		note_by "$how" &
		retry_until status_is running note && pid=$(field pid note) && retry_until grep -q sleep "/proc/$pid/cmdline" &&
			python3 "$work/datagram.py" "$work/state/note/notify/notify.sock" $'STATUS=soon\nREADY=1' && retry_until grep -q MAINPID "$work/note.out" &&
			prints "READY=1"$'\n'"MAINPID=$pid" cat "$work/note.out" && runk kill note KILL || return
		wait
		[ "$how" = foreground ] || { retry_until status_is stopped note && runk delete note; } || return
	done
}

# An end without a word is no reason to wait.
never_ready() {
	oci mute . true && NOTIFY_SOCKET=$work/nobody runk run -d --bundle "$work/mute" mute </dev/null >/dev/null 2>&1 && retry_until status_is stopped mute && runk delete mute
}

pidfd_socket() {
	cat >"$work/pidfd.py" <<'END'
import re, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen(1)
s.settimeout(30)
fds = socket.recv_fds(s.accept()[0], 100, 1)[1]
sys.stdout.write(re.search(r"^Pid:\s*(\d+)", open("/proc/self/fdinfo/%d" % fds[0]).read(), re.M).group(1))
END
	oci pidfd . sleep 1000 || return
	python3 "$work/pidfd.py" "$work/pidfd.sock" >"$work/pidfd.out" &
	retry_until test -S "$work/pidfd.sock" && runk run -d --pidfd-socket "$work/pidfd.sock" --bundle "$work/pidfd" pidfd </dev/null >/dev/null 2>&1 || return
	wait
	prints "$(cat "$work/pidfd.out")" field pid pidfd && runk delete --force pidfd &&
		expect 1 "send the pidfd to '/nowhere'" runk run -d --pidfd-socket /nowhere --bundle "$work/pidfd" pidfd
}

is_sleeping() {
	grep -q sleep "/proc/$1/cmdline" 2>/dev/null
}

is_gone() {
	! is_sleeping "$1"
}

# Without a pid namespace of its own the others do not end with its init.
shared_pids() {
	local other
	oci pids '.linux.namespaces |= map(select(.type != "pid"))' sleep 1000 && runk run -d --bundle "$work/pids" pids </dev/null >/dev/null 2>&1 &&
		runk exec -d --pid-file "$work/other" pids sleep 1000 </dev/null >/dev/null 2>&1 && other=$(cat "$work/other") || return
	is_sleeping "$other" && runk kill pids KILL && retry_until status_is stopped pids && retry_until is_gone "$other" &&
		expect 1 'container not running' runk kill pids KILL && runk delete pids
}

# Nothing of runk's is open in the container, before and after a exec; nothing of it can be looked into.
closed() {
	expect 0 '' runk exec box sh -c 'for f in /proc/self/fd/*; do case ${f##*/} in 0|1|2) ;; *) readlink $f | grep -v /fd && exit 1; esac; done; exit 0' &&
		prints '3' runk exec box sh -c 'ls /proc/1/fd | wc -w'
}

examples() {
	mkdir -p "$work/spec" "$work/rootless" && runk spec --bundle "$work/spec" && expect 1 'exists. Remove it first' runk spec -b "$work/spec" &&
		runk spec --rootless -b "$work/rootless" && ln -s "$work/rootfs" "$work/spec/rootfs" &&
		jq '.process.terminal = false | .process.args = ["echo", "from the example"] | .linux.cgroupsPath = "/'"$group"'/spec"' \
			"$work/spec/config.json" >"$work/spec/new" && mv "$work/spec/new" "$work/spec/config.json" &&
		prints 'from the example' runk run -b "$work/spec" spec &&
		runk features | jq -e '.ociVersionMax == "1.2.0" and (.hooks | length == 6) and (.linux.namespaces | index("user") != null)'
}

begin_runk
check 'a container runs' running box
check 'exec is in the namespaces and the cgroup' exec_joins
check 'what exec changes' exec_settings
check 'what exec refuses' exec_errors
check 'exec in cgroups below' exec_cgroups
check 'pause and resume' paused
check 'ps and list' ps_and_list
check 'update' limits
check 'events' events
check 'kill --all' kill_all
check 'terminals' terminals
check 'the size of a terminal' resized
check 'a console socket' console_socket
check 'sd_notify' notified
check 'sd_notify, and never a word' never_ready
check 'a pidfd' pidfd_socket
check 'kill without a pid namespace' shared_pids
check 'open fds' closed
check 'spec and features' examples
check 'delete' runk delete --force box
finish_runk
