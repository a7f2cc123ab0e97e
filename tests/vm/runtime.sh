#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kata-runtime with a VM for each sandbox: run, create, start, kill, delete; whoever is killed, in whatever order, a delete
# leaves nothing. Its bind mounts are in a mount namespace of the test's own.
if [ -z "${KATA_TEST_NAMESPACE:-}" ]; then
	KATA_TEST_NAMESPACE=1 exec unshare -m --propagation private "$0" "$@"
fi
# shellcheck source=tests/lib/runtime.sh
. "$(dirname "$0")/../lib/runtime.sh"

run_prints_and_exits() {
	local out status=0
	set_process '.process.args = ["sh", "-c", "cat; echo err >&2; exit 7"]'
	out=$(echo in | kr run -b "$work/b" one 2>"$work/err") || status=$?
	[ "$status" = 7 ] && [ "$out" = in ] && grep -qx err "$work/err" || { echo "status $status: $out $(cat "$work/err")"; return 1; }
	nothing_left
}

# create cc: its output in $work/out, its pid in $work/pid.
create() { kr create -b "$work/b" --pid-file "$work/pid" cc >"$work/out" 2>&1 </dev/null || { cat "$work/out"; return 1; }; }

life_of_one() {
	set_process '.process.args = ["sh", "-c", "trap \"exit 3\" TERM; echo up; while :; do sleep 0.1; done"]'
	create && status_is cc created && expect 1 'exists already' kr create -b "$work/b" cc || return
	[ "$(kr state cc | jq .pid)" = "$(cat "$work/pid")" ] || { echo "pid file: $(cat "$work/pid")"; return 1; }
	kr start cc && retry_until grep -qx up "$work/out" && status_is cc running || return
	expect 1 "not 'created'" kr start cc && expect 1 'should be stopped' kr delete cc || return
	kr list | grep -q '^cc .* running' || { kr list; return 1; }
	kr kill cc TERM || return
	status_is cc stopped || { echo "not stopped after kill"; return 1; }
	! pgrep -f "sandbox-cc,debug-threads.*$work/r" >/dev/null || { echo "QEMU runs after kill"; return 1; }
	expect 1 'not running' kr kill cc KILL && kr kill -a cc KILL && kr delete cc && nothing_left || return
	expect 1 'does not exist' kr state cc && kr delete -f cc
}

execs() {
	local out pid
	kr start cc && expect 5 'typed' kr exec cc sh -c 'cat; exit 5' <<<typed || return
	out=$(kr exec -u 1000:1000 -e A=b --cwd /tmp cc sh -c 'echo $(id -u) $(pwd) $A') && [ "$out" = '1000 /tmp b' ] || { echo "$out"; return 1; }
	expect 255 'no-such-program was not found' kr exec cc no-such-program && expect 255 'does not exist' kr exec dd true || return
	jq '.process | .args = ["sh", "-c", "echo by file; exit 6"]' "$work/b/config.json" >"$work/process.json"
	expect 6 'by file' kr exec -p "$work/process.json" cc && expect 255 'fds do not reach' kr exec --preserve-fds 1 cc true || return
	out=$(kr exec cc sh -c 'head -c 3000000 /dev/zero; echo end' | tr -d '\0' | tail -c 4) && [ "$out" = end ] || { echo "output: $out"; return 1; }
	expect 7 /dev/pts/0 script -qec "timeout --foreground 100 $build/kata-runtime --root $work/r exec -t cc sh -c 'tty; exit 7'" /dev/null || return
	kr exec -d --pid-file "$work/epid" cc sh -c 'trap "echo got >/tmp/got" USR1; touch /tmp/ready; while :; do sleep 0.1; done' || return
	pid=$(cat "$work/epid") && retry_until kr exec cc test -e /tmp/ready && kill -USR1 "$pid" && retry_until kr exec cc test -e /tmp/got || return
	[ "$(kr ps -f json cc | jq length)" -ge 2 ] && kill -KILL "$pid" && retry_until ps_counts 1
}

ps_counts() { [ "$(kr ps -f json cc | jq length)" = "$1" ]; }

controls() {
	expect 0 'sleep 1000' kr ps cc && expect 1 'only the columns' kr ps cc aux || return
	kr pause cc && status_is cc paused && expect 255 'paused container' kr exec cc true && expect 1 'paused already' kr pause cc || return
	kr resume cc && status_is cc running && expect 1 'is not paused' kr resume cc || return
	kr update --memory 64M --pids-limit 33 cc && [ "$(kr exec cc cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max | tr '\n' ' ')" = '67108864 33 ' ] || return
	echo '{"pids": {"limit": 44}}' | kr update -r - cc && expect 0 44 kr exec cc cat /sys/fs/cgroup/pids.max || return
	expect 1 "'lots' for --memory" kr update --memory lots cc || return
	kr events --stats cc | jq -e '.type == "stats" and .id == "cc" and .data.memory.usage.limit == 67108864 and .data.pids.limit == 44' || return
	[ "$(timeout 6 "$build/kata-runtime" --root "$work/r" events --interval 100ms cc | grep -c '^{"type":"stats"')" -ge 2 ] || { echo "too few events"; return 1; }
	kr features | jq -e '.linux.cgroup.v2' && mkdir -p "$work/spec" && kr spec -b "$work/spec" && expect 1 'Remove it first' kr spec -b "$work/spec"
}

# One container, into which others start processes, and whose limits they change.
beside_the_first() {
	set_process '.process.args = ["sleep", "1000"] | .linux.resources.pids.limit = 50'
	create && execs && controls && kr delete -f cc && expect 255 'does not exist' kr exec cc true && nothing_left
}

# killed WHAT PIDS...: after SIGKILL of these a delete works, and nothing is left.
killed() {
	local what=$1
	shift
	kill -9 "$@" || return
	kr delete -f cc || { echo "delete after SIGKILL of $what"; return 1; }
	nothing_left || { echo "after SIGKILL of $what"; return 1; }
}

pid_of() { jq -r "if \"$1\" == \"supervisor\" then .supervisor.pid else .processes[] | select(.name == \"$1\").pid end" "$work/r/cc/state.json"; }

killed_in_any_order() {
	set_process '.process.args = ["sleep", "1000"]'
	create && kr start cc && kill -9 "$(pid_of qemu)" && retry_until status_is cc stopped && kr delete cc && nothing_left ||
		{ echo "after SIGKILL of QEMU"; return 1; }
	create && killed supervisor "$(pid_of supervisor)" || return
	create && kr start cc && killed 'stdio process' "$(cat "$work/pid")" || return
	create && kr start cc && killed all "$(pid_of supervisor)" "$(pid_of qemu)" "$(pid_of virtiofsd)" "$(cat "$work/pid")"
}

# pod_bundle DIR TYPE FILTER: a container of the pod "pod1", as containerd's CRI tells it.
pod_bundle() {
	mkdir -p "$1"
	set_process "$3 | .annotations = {\"io.kubernetes.cri.container-type\": \"$2\", \"io.kubernetes.cri.sandbox-id\": \"pod1\"}"
	jq ".root.path = \"$work/b/rootfs\"" "$work/b/config.json" >"$1/config.json"
}

# A container joins its pod's VM, with a bind of the host that appears in the share of a guest that runs.
pod_of_two() {
	local out status=0
	mkdir -p "$work/data" && echo shared >"$work/data/file"
	pod_bundle "$work/pause" sandbox '.process.args = ["sleep", "1000"]'
	pod_bundle "$work/app" container \
		".process.args = [\"sh\", \"-c\", \"cat /data/file; exit 9\"] | .mounts += [{\"destination\": \"/data\", \"type\": \"bind\",
		\"source\": \"$work/data\", \"options\": [\"rbind\", \"ro\"]}]"
	expect 1 "in sandbox 'pod1'" kr create -b "$work/app" app || return
	kr create -b "$work/pause" pod1 >"$work/out" 2>&1 </dev/null && kr start pod1 || { cat "$work/out"; return 1; }
	out=$(kr run -b "$work/app" app </dev/null 2>&1) || status=$?
	[ "$status" = 9 ] && [ "$out" = shared ] || { echo "status $status: $out"; return 1; }
	[ "$(pgrep -fc "sandbox-pod1,debug-threads.*$work/r")" = 1 ] && [ "$(kr list -q)" = pod1 ] || { kr list; return 1; }
	kr create -b "$work/app" app >"$work/out" 2>&1 </dev/null && kr delete -f pod1 && nothing_left
}

# The engine's terminal: its master comes over a socket, its user types into it.
terminal() {
	set_process '.process.args = ["sh", "-c", "tty; read line; echo got $line; exit 4"]'
	jq '.process.terminal = true' "$work/b/config.json" >"$work/b/new" && mv "$work/b/new" "$work/b/config.json"
	expect 1 'needs --console-socket' kr create -b "$work/b" cc </dev/null || return
	python3 - "$work/console" >"$work/out" <<-'PYTHON' &
		import array, os, select, socket, sys
		s = socket.socket(socket.AF_UNIX)
		s.bind(sys.argv[1])
		s.listen(1)
		s.settimeout(100)
		c, _ = s.accept()
		_, control, _, _ = c.recvmsg(100, socket.CMSG_SPACE(4))
		fd, said = array.array('i', control[0][2])[0], b''
		while select.select([fd], [], [], 60)[0]:
		    try:
		        said += os.read(fd, 4096)
		    except OSError:
		        break
		    if said.endswith(b'/dev/pts/0\r\n'):
		        os.write(fd, b'typed\n')
		print(said)
	PYTHON
	local reader=$!
	retry_until test -S "$work/console" && kr create -b "$work/b" --console-socket "$work/console" cc </dev/null && kr start cc || return
	wait "$reader"
	grep -q 'got typed' "$work/out" && kr delete -f cc && nothing_left || { cat "$work/out"; return 1; }
}

# fails TEXT SED-SCRIPT: a configuration with that change gives this error and leaves nothing.
fails() {
	cp "$work/configuration.toml" "$work/keep"
	sed -i "$2" "$work/configuration.toml"
	expect 1 "$1" kr create -b "$work/b" cc
	local status=$?
	mv "$work/keep" "$work/configuration.toml"
	[ "$status" = 0 ] && nothing_left
}

errors_are_clear() {
	set_process '.process.args = ["true"]'
	fails "hypervisor.kernel: '/nonexistent'" 's|^kernel.*|kernel = "/nonexistent"|' &&
		fails 'start QEMU: it ended' 's|^kernel.*|kernel = "/etc/passwd"|' &&
		fails 'Initramfs unpacking failed' 's|^initrd.*|initrd = "/etc/passwd"|' &&
		fails 'stage reached' 's|^dial_timeout.*|dial_timeout = 1|' &&
		fails "start 'vhost-device-vsock'" 's|^vhost_user.*|vhost_user_vsock_daemon = "/bin/false"|' &&
		expect 1 'not done yet' kr checkpoint cc || return
	set_process '.process.args = ["no-such-program"]'
	expect 1 'no-such-program was not found' kr run -b "$work/b" cc && nothing_left
}

boots_qemu() { [ -S "$work/r/cc/qmp.sock" ]; }

# Whoever runs it need not wait for its guest to come.
interrupted() {
	local runner status=0
	set_process '.process.args = ["true"]'
	"$build/kata-runtime" --root "$work/r" --config "$work/configuration.toml" run -b "$work/b" cc >"$work/out" 2>&1 </dev/null &
	runner=$!
	retry_until boots_qemu && kill -TERM "$runner" || return
	wait "$runner" || status=$?
	[ "$status" = 1 ] && grep -qx "kata-runtime: create container 'cc': interrupted" "$work/out" || { echo "status $status"; cat "$work/out"; return 1; }
	nothing_left
}

prepare_runtime
check run_prints_and_exits run_prints_and_exits
check life_of_one life_of_one
check beside_the_first beside_the_first
check killed_in_any_order killed_in_any_order
check pod_of_two pod_of_two
check terminal terminal
check errors_are_clear errors_are_clear
check interrupted interrupted
runtime_finish
