#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# docker with kata-runtime: docker makes the container's network in a prestart hook, and finds the namespace by the pid in its
# state. The daemon and its containerd are the test's own; nothing is configured but the runtime's path.
# shellcheck source=tests/lib/stack_kata.sh
. "$(dirname "$0")/../lib/stack_kata.sh"
# shellcheck source=tests/lib/stack_docker.sh
. "$(dirname "$0")/../lib/stack_docker.sh"
dock_timeout=400

drun() { dock run --runtime kata-runtime "$@"; }
status_is() { [ "$(dock inspect -f '{{.State.Status}}' "$2")" = "$1" ]; }

runs() {
	expect 6 Linux drun --rm box sh -c 'cat /proc/version; grep -q console=hvc0 /proc/cmdline && exit 6' &&
		expect 0 in sh -c 'echo in | timeout 400 docker -H "$1" run --runtime kata-runtime --network none --rm -i box cat' sh "unix://$work/docker.sock" &&
		expect 127 'executable file not found in $PATH' drun --rm --network none box nope
}

# The VM's card has the address that docker gave, and its way goes by docker's bridge.
network() {
	local id gateway
	id=$(drun -d --name box --memory 128m --cpus 0.5 -p 8080:80 --health-cmd 'test ! -e /sick' --health-interval 5s --health-retries 1 \
		box sh -c 'mkdir /www; hostname >/www/index.html; echo out; echo err >&2; trap "exit 4" TERM; httpd -f -p 80 -h /www & wait') || return
	retry_until serves "$(dock inspect -f '{{.NetworkSettings.IPAddress}}' box):80" "${id:0:12}" && retry_until serves 127.0.0.1:8080 "${id:0:12}" || return
	gateway=$(dock inspect -f '{{.NetworkSettings.Gateway}}' box)
	echo from the host >"$work/index.html" && busybox httpd -p 8090 -h "$work" >/dev/null 2>&1 &&
		expect 0 'from the host' dock exec box sh -c "$get $gateway 8090"
}

used() {
	expect 0 '134217728 50000 100000' dock exec box sh -c 'echo $(cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max)' && expect 0 2 dock exec box nproc &&
		retry_until expect 0 err dock logs box && expect 0 out dock logs box && expect 3 'in it' dock exec box sh -c 'echo in it; exit 3' &&
		expect 6 /dev/pts/0 script -qec "timeout --foreground 400 docker -H unix://$work/docker.sock exec -it box sh -c 'tty; exit 6'" /dev/null &&
		expect 0 box dock stats --no-stream box
}

managed() {
	local name
	name=$(fetch 127.0.0.1:8080) && dock pause box && status_is paused box && ! serves 127.0.0.1:8080 "$name" && dock unpause box &&
		status_is running box && retry_until serves 127.0.0.1:8080 "$name" && dock update --memory 64m --memory-swap 128m --cpus 0.25 box &&
		expect 0 '67108864 25000 100000' dock exec box sh -c 'echo $(cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max)'
}

healthy_now() { [ "$(dock inspect -f '{{.State.Health.Status}}' box)" = "$1" ]; }

health() { retry_until healthy_now healthy && dock exec box touch /sick && retry_until healthy_now unhealthy; }

nothing_of_docker() {
	local left
	left=$(dock ps -aq; systemctl list-units --no-legend 'docker-*.scope'; pgrep -a 'qemu-system|virtiofsd|kata-runtime'
		grep -F /run/kata /proc/self/mountinfo; find /run/kata-c -name 'sandbox-*'; ip -o link | grep -E 'tap[0-9]|veth')
	[ -z "$left" ] || { echo "left: $left"; return 1; }
}

stopped() {
	dock stop -t 100 box && status_is exited box && [ "$(dock inspect -f '{{.State.ExitCode}}' box)" = 4 ] && ! fetch 127.0.0.1:8080 && dock start box &&
		status_is running box && dock kill -s KILL box && retry_until status_is exited box && [ "$(dock inspect -f '{{.State.ExitCode}}' box)" = 137 ] &&
		dock rm box && { retry_until nothing_of_docker || nothing_of_docker; }
}

volume_and_terminal() {
	mkdir -p "$work/v" && echo from-host >"$work/v/file"
	expect 3 from-host script -qec "timeout --foreground 400 docker -H unix://$work/docker.sock run --runtime kata-runtime --network none --rm -it -v $work/v:/v box \
		sh -c 'cat /v/file; tty >/v/new; exit 3'" /dev/null && grep -qx /dev/pts/0 "$work/v/new" && { retry_until nothing_of_docker || nothing_of_docker; }
}

modprobe overlay
configure
check 'containerd starts' start_containerd
check 'docker starts' start_docker --add-runtime kata-runtime=/usr/local/bin/kata-runtime
check 'an image without a registry' image
check 'runs' runs
check 'a network by a hook, a published port' network
check 'limits, logs, exec, a terminal, stats' used
check 'pause and update' managed
check 'health' health
check 'stop, start, kill, rm' stopped
check 'a volume and a terminal' volume_and_terminal
[ "$failures" -eq 0 ] || tail -n 20 "$work/dockerd.log"
kata_finish
