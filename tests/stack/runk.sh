#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# runk under podman on a host with systemd as PID 1 and cgroup v2: cgroups made by systemd, health checks by its timers.
# shellcheck source=tests/lib/stack.sh
. "$(dirname "$0")/../lib/stack.sh"

pod() { timeout -k 5 120 podman --runtime /usr/local/bin/runk "$@"; }
prun() { pod run --network none "$@"; }

runs() {
	expect 0 'hello' prun --rm localhost/box echo hello && expect 6 '' prun --rm localhost/box sh -c 'exit 6' &&
		expect 127 'executable file not found' prun --rm localhost/box nope
}

in_systemds_cgroup() {
	local id cgroup
	id=$(prun -d --name box --memory 64m --cpus 0.5 --pids-limit 50 localhost/box sleep 1000) || return
	systemctl is-active "libpod-$id.scope" || return
	cgroup=/sys/fs/cgroup$(systemctl show -P ControlGroup "libpod-$id.scope")
	[ "$(cat "$cgroup"/memory.max "$cgroup"/container/memory.max 2>/dev/null | grep -v max | head -n 1)" = 67108864 ] &&
		grep -qs '^50000 ' "$cgroup/cpu.max" "$cgroup/container/cpu.max" && expect 0 67108864 pod exec box cat /sys/fs/cgroup/memory.max
}

managed() {
	expect 3 'in it' pod exec box sh -c 'echo in it; exit 3' && pod pause box && expect 0 Paused pod ps -a --format '{{.Status}}' &&
		pod unpause box && expect 0 box pod stats --no-stream box && pod update --cpus 0.25 box &&
		expect 0 '25000 100000' pod exec box cat /sys/fs/cgroup/cpu.max && pod stop -t 1 box && pod rm box
}

healthy_now() { [ "$(pod inspect -f '{{.State.Health.Status}}' sick)" = "$1" ]; }

health() {
	prun -d --name sick --health-cmd 'test ! -e /sick' --health-interval 2s --health-retries 1 localhost/box sleep 1000 &&
		retry_until healthy_now healthy && pod exec sick touch /sick && retry_until healthy_now unhealthy && pod rm -f -t 0 sick
}

nothing_left() {
	local left
	left=$(pod ps -aq; systemctl list-units --no-legend 'libpod-*')
	[ -z "$left" ] || { echo "left: $left"; return 1; }
}

make_image >/dev/null 2>&1 || echo "not ok image: podman cannot import one"
check runs runs
check in_systemds_cgroup in_systemds_cgroup
check managed managed
check health health
check nothing_left nothing_left
stack_finish
