#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What people do with podman, on a host with systemd: a terminal, limits, a published port, figures, pause, a health check by
# systemd's timer, and a pod. One VM does the first part, one the second.
# shellcheck source=tests/lib/stack_kata.sh
. "$(dirname "$0")/../lib/stack_kata.sh"

# Served by the container itself: what comes has gone by the bridge, the tap and the guest's card.
published() {
	local id
	pod run -d --name box --memory 128m --cpus 0.5 --pids-limit 77 -p 8080:80 --health-cmd 'test ! -e /sick' --health-interval 5s --health-retries 1 \
		localhost/box sh -c 'mkdir /www; hostname >/www/index.html; trap "exit 4" TERM; httpd -f -p 80 -h /www & wait' || return
	id=$(pod inspect -f '{{.Id}}' box)
	retry_until serves 127.0.0.1:8080 "${id:0:12}" && serves "$(pod inspect -f '{{.NetworkSettings.IPAddress}}' box):80" "${id:0:12}" || return
	# The other way, by the bridge to the host.
	echo from the host >"$work/index.html" && busybox httpd -p 8090 -h "$work" >/dev/null 2>&1 &&
		expect 0 'from the host' pod exec box sh -c "$get $(pod inspect -f '{{.NetworkSettings.Gateway}}' box) 8090"
}

# What the container may use, as its own cgroup says, and a VM that has it.
limits() {
	expect 0 '134217728 50000 100000 77' pod exec box sh -c 'echo $(cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max /sys/fs/cgroup/pids.max)' &&
		expect 0 2 pod exec box nproc || return
	[ "$(jq -r '.size | "\(.vcpus) \(.memory_mib)"' "/run/kata-runtime/$(pod inspect -f '{{.Id}}' box)/state.json")" = '2 2176' ]
}

# podman wants a terminal on both sides, which script(1) gives it.
terminal() {
	declare -f pod >"$work/pod.sh"
	expect 6 '/dev/pts/0' script -qec "bash -c '. $work/pod.sh; pod exec -it box sh -c \"tty; stty size; exit 6\"'" /dev/null &&
		expect 3 'in it' pod exec box sh -c 'echo in it; exit 3' && expect 0 typed pod exec -i box cat <<<typed &&
		expect 127 'executable file not found' pod exec box nope && expect 0 'user' pod exec -u user box id -un
}

figures() {
	expect 0 box pod stats --no-stream box && kata-runtime events --stats "$(pod inspect -f '{{.Id}}' box)" >"$work/stats" &&
		jq -e '.data.memory.usage.limit == 134217728 and .data.memory.usage.usage > 0 and .data.cpu.usage.total > 0' "$work/stats" &&
		expect 0 httpd pod exec box ps
}

# What is frozen answers nobody.
paused() {
	local name
	name=$(fetch 127.0.0.1:8080) && [ -n "$name" ] && pod pause box && status_is box paused && ! serves 127.0.0.1:8080 "$name" &&
		pod unpause box && status_is box running && retry_until serves 127.0.0.1:8080 "$name"
}

healthy_now() { [ "$(pod inspect -f '{{.State.Health.Status}}' box)" = "$1" ]; }

health() {
	systemctl list-timers --all --no-legend | grep -q "$(pod inspect -f '{{.Id}}' box)" && retry_until healthy_now healthy &&
		pod exec box touch /sick && retry_until healthy_now unhealthy
}

# Its own handler ends it, before podman's patience does.
stopped() {
	pod stop -t 100 box && exited_with box 4 && ! fetch 127.0.0.1:8080 && pod start box && status_is box running && pod kill -s KILL box &&
		retry_until exited_with box 137 && pod rm box && gone
}

pod_of_two() {
	pod rm -f -a -t 0 >/dev/null
	pod pod create --name two -p 8081:80 --infra-image localhost/box --infra-command 'sleep 1000' &&
		pod run -d --pod two --name a localhost/box sh -c 'echo shared >/dev/shm/index.html; exec httpd -f -p 80 -h /dev/shm' &&
		pod run -d --pod two --name b localhost/box sleep 1000 || return
	[ "$(pgrep -c qemu-system)" = 1 ] || { echo 'not one VM'; return 1; }
	retry_until serves 127.0.0.1:8081 shared && expect 0 shared pod exec b sh -c "$get 127.0.0.1 80" &&
		expect 0 shared pod exec b cat /dev/shm/index.html || return
	expect 127 'executable file not found' pod run --rm --pod two localhost/box nope && pod rm -f -t 0 a && status_is b running || return
	pod pod stop -t 0 two && pod pod rm -f two && gone
}

kata_begin
check 'a published port' published
check 'limits seen in the guest' limits
check 'exec and a terminal' terminal
check 'stats' figures
check 'pause and unpause' paused
check 'health by a timer of systemd' health
check 'stop, start, kill, rm' stopped
check 'a pod of two in one VM' pod_of_two
kata_finish
