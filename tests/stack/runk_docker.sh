#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# runk under Debian's docker on a host with systemd as PID 1 and cgroup v2: what dockerd, containerd's shim and the client make of
# it, row by row beside runc; first as --add-runtime with cgroups by systemd, then from daemon.json with cgroups by files.
# shellcheck source=tests/lib/stack.sh
. "$(dirname "$0")/../lib/stack.sh"
# shellcheck source=tests/lib/stack_docker.sh
. "$(dirname "$0")/../lib/stack_docker.sh"

runtime=runk
drun() { dock run --runtime "$runtime" --network none "$@"; }
without_network=(--bridge none --iptables=false --ip6tables=false --ip-forward=false)

# One command by runk and by runc, which says all on one stream, for docker does not keep the order of two: statuses and words, but for what is theirs alone.
beside() {
	local by
	for by in runk runc; do
		runtime=$by "$@" >"$work/$by.out" 2>&1
		echo "status $?" >>"$work/$by.out"
		sed -i -E 's/[0-9a-f]{12,64}/ID/g; s/\b(runk|runc)\b/runtime/g' "$work/$by.out"
	done </dev/null
	diff -u "$work/runc.out" "$work/runk.out"
}

# says CODE TEXT COMMAND...: both answer so, in the same words.
says() {
	local code=$1 text=$2
	shift 2
	beside "$@" || return
	grep -q "^status $code$" "$work/runk.out" && grep -qF -- "$text" "$work/runk.out" || { cat "$work/runk.out"; return 1; }
}

runs() {
	expect 0 hello drun --rm box echo hello && expect 6 '' drun --rm box sh -c 'exit 6' &&
		expect 0 in sh -c 'echo in | timeout 120 docker -H "$1" run --runtime runk --network none --rm -i box cat' sh "unix://$work/docker.sock"
}

# Statuses 127 and 126 hang on words of ours.
failures_are_told() {
	expect 127 'exec: "nope": executable file not found in $PATH' drun --rm box nope &&
		expect 127 'exec: "/no/pe": stat /no/pe: no such file or directory' drun --rm box /no/pe &&
		expect 126 'exec: "/etc/passwd": permission denied' drun --rm box /etc/passwd
}

settings() {
	mkdir -p "$work/v" && echo from-host >"$work/v/file"
	says 0 '1000:1001 /tmp x' drun --rm -u 1000:1001 -w /tmp -e A=x --security-opt no-new-privileges --cap-drop ALL --cap-add NET_RAW --read-only \
		-v "$work/v:/v:ro" box sh -c 'exec 2>&1; echo "$(id -u):$(id -g) $(pwd) $A"; grep -E "Cap|NoNewPrivs|Seccomp:" /proc/self/status; cat /proc/self/attr/current
			touch /x; cat /v/file; touch /v/new; echo' &&
		says 0 name drun --rm --hostname name --tmpfs /t:size=1m --ulimit nofile=77:88 --sysctl net.ipv4.ip_forward=1 --device /dev/ttyS0:/dev/other box \
			sh -c 'hostname; df -m /t | tail -n 1 | tr -s " "; ulimit -Sn; ulimit -Hn; cat /proc/sys/net/ipv4/ip_forward; ls -l /dev | tr -s " " | cut -d " " -f 1,3-6,10-
				grep -E "Cap|NoNewPrivs|Seccomp:" /proc/self/status; cat /proc/self/attr/current; echo' &&
		says 0 Cap drun --rm --privileged --pid host --ipc host --uts host --cgroupns host box \
			sh -c 'grep -E "Cap|Seccomp:" /proc/self/status; ls /dev | wc -l; hostname; test -e /proc/2/stat; echo $?; cat /proc/self/attr/current; echo'
}

terminals() {
	expect 3 /dev/pts/0 script -qec "timeout --foreground 120 docker -H unix://$work/docker.sock run --runtime runk --network none --rm -it box sh -c 'tty; exit 3'" /dev/null
	script -qec "stty rows 33 cols 44; timeout --foreground 120 docker -H unix://$work/docker.sock run --runtime runk --network none --rm -it box sh -c 'sleep 2; stty size'" /dev/null >"$work/tty" 2>&1
	grep -q '33 44' "$work/tty" || { cat "$work/tty"; return 1; }
}

status_is() { [ "$(dock inspect -f '{{.State.Status}}' "$2")" = "$1" ]; }

lives() {
	drun -d --name box --memory 64m --cpus 0.5 --pids-limit 50 box sh -c 'echo out; echo err >&2; exec sleep 1000' && retry_until expect 0 err dock logs box &&
		expect 0 out dock logs box && expect 3 'in it' dock exec box sh -c 'echo in it; exit 3' &&
		expect 0 '1000 /tmp y' dock exec -u 1000 -w /tmp -e X=y box sh -c 'echo "$(id -u) $(pwd) $X"' &&
		expect 0 /dev/pts script -qec "timeout --foreground 120 docker -H unix://$work/docker.sock exec -it box tty" /dev/null &&
		expect 0 'sleep 1000' dock top box && expect 0 '64MiB' dock stats --no-stream box &&
		expect 0 $'67108864\n50000 100000\n50' dock exec box sh -c 'cd /sys/fs/cgroup; cat memory.max cpu.max pids.max'
}

# As with runc: docker 20.10 answers 126 for both, later ones 127 for a program that is missing.
exec_failures() {
	local code
	for program in nope /etc/passwd; do
		dock exec box "$program" >"$work/out" 2>&1
		code=$?
		[ "$code" = 126 ] || { [ "$code" = 127 ] && [ "$program" = nope ]; } || { echo "status $code: $(cat "$work/out")"; return 1; }
		grep -q "exec: \"$program\": " "$work/out" || { cat "$work/out"; return 1; }
	done
}

managed() {
	dock pause box && status_is paused box && expect 1 paused dock exec box true && dock unpause box && status_is running box &&
		dock update --memory 32m --memory-swap 64m --cpus 0.25 --pids-limit 44 box &&
		expect 0 $'33554432\n25000 100000\n44' dock exec box sh -c 'cd /sys/fs/cgroup; cat memory.max cpu.max pids.max' &&
		dock restart -t 1 box && expect 0 33554432 dock exec box cat /sys/fs/cgroup/memory.max && dock stop -t 1 box && status_is exited box &&
		[ "$(dock inspect -f '{{.State.ExitCode}}' box)" = 137 ] && dock start box && dock kill -s KILL box && retry_until status_is exited box && dock rm box
}

signalled() {
	drun -d --name trap box sh -c 'trap "exit 9" USR1; trap "exit 0" TERM; echo ready; while :; do sleep 0.1; done' && retry_until expect 0 ready dock logs trap &&
		dock kill -s USR1 trap && expect 0 9 dock wait trap && dock start trap && retry_until sh -c "timeout 20 docker -H unix://$work/docker.sock logs trap | grep -c ready | grep -qx 2" &&
		dock stop -t 30 trap && [ "$(dock inspect -f '{{.State.ExitCode}}' trap)" = 0 ] && dock rm trap
}

inits() {
	expect 0 init drun --rm --init box sh -c 'cat /proc/1/comm; exec true'
}

memory_runs_out() {
	drun --name oom --memory 16m --memory-swap 16m box tail /dev/zero >/dev/null 2>&1
	expect 0 'true 137' dock inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' oom && dock rm oom
}

healthy_now() { [ "$(dock inspect -f '{{.State.Health.Status}}' sick)" = "$1" ]; }

health() {
	drun -d --name sick --health-cmd 'test ! -e /sick' --health-interval 2s --health-retries 1 box sleep 1000 && retry_until healthy_now healthy &&
		dock exec sick touch /sick && retry_until healthy_now unhealthy && dock rm -f sick
}

restarts() {
	drun -d --name again --restart on-failure:2 box false &&
		retry_until sh -c "timeout 20 docker -H unix://$work/docker.sock inspect -f '{{.RestartCount}} {{.State.Status}}' again | grep -qx '2 exited'" && dock rm again
}

in_systemds_cgroup() {
	local id
	id=$(drun -d --name scoped --memory 64m box sleep 1000) && systemctl is-active "docker-$id.scope" &&
		[ "$(systemctl show -P MemoryMax "docker-$id.scope")" = 67108864 ] && dock update --memory 32m --memory-swap 64m scoped &&
		[ "$(systemctl show -P MemoryMax "docker-$id.scope")" = 33554432 ] && dock rm -f scoped
}

# A container goes on without its daemon, and is the next one's.
daemon_restarts() {
	drun -d --name stays box sleep 1000 && kill -KILL "$(cat "$work/docker.pid")" && rm -f "$work/docker.pid" && start_docker --live-restore "${without_network[@]}" "$@" &&
		status_is running stays && expect 4 '' dock exec stays sh -c 'exit 4' && dock rm -f stays
}

nothing_left() {
	local left
	left=$(dock ps -aq; systemctl list-units --no-legend 'docker-*.scope'; pgrep -a runk; find /sys/fs/cgroup -type d -path '*docker*' -name '[0-9a-f]*' ! -name '*.slice')
	[ -z "$left" ] || { echo "left: $left"; return 1; }
}

from_daemon_json() {
	stop_docker || return
	jq -n '{runtimes: {runk: {path: "/usr/local/bin/runk"}}, "default-runtime": "runk", "exec-opts": ["native.cgroupdriver=cgroupfs"]}' >"$work/daemon.json"
	start_docker "${without_network[@]}" --config-file "$work/daemon.json" && expect 0 'Default Runtime: runk' dock info && expect 0 'Cgroup Driver: cgroupfs' dock info
}

by_default() {
	expect 5 '' dock run --rm --network none box sh -c 'exit 5' && dock run -d --network none --name files --memory 64m box sleep 1000 &&
		[ "$(dock inspect -f '{{.HostConfig.Runtime}}' files)" = runk ] && expect 0 67108864 dock exec files cat /sys/fs/cgroup/memory.max &&
		dock update --memory 32m --memory-swap 64m files && expect 0 33554432 dock exec files cat /sys/fs/cgroup/memory.max && dock pause files &&
		dock unpause files && dock rm -f files
}

modprobe overlay
first=(--add-runtime runk=/usr/local/bin/runk)
check 'containerd starts' start_containerd
check 'docker starts' start_docker --live-restore "${without_network[@]}" "${first[@]}"
check 'an image without a registry' image
check 'runs' runs
check 'failures are told' failures_are_told
check 'settings' settings
check 'terminals' terminals
check 'a container lives' lives
check 'failures of exec' exec_failures
check 'it is managed' managed
check 'signals' signalled
check 'an init' inits
check 'memory runs out' memory_runs_out
check 'health' health
check 'restarts' restarts
check 'in a cgroup of systemd' in_systemds_cgroup
check 'the daemon restarts' daemon_restarts "${first[@]}"
check 'nothing is left' nothing_left
check 'from daemon.json' from_daemon_json
check 'by default, with cgroups by files' by_default
check 'nothing is left of that' nothing_left
check 'docker stops' stop_docker
stack_finish
