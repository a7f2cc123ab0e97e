#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# podman and conmon drive kata-runtime: run, exec with a terminal, logs, health check, pause, stats, stop, kill, rm, and a pod
# of two containers in one VM. The image is made here, no registry is asked. podman 4 calls `delete` without the flags that
# it gives to other verbs, so the runtime it gets is a script that adds ours.
if [ -z "${KATA_TEST_NAMESPACE:-}" ]; then
	KATA_TEST_NAMESPACE=1 exec unshare -m --propagation private "$0" "$@"
fi
# shellcheck source=tests/lib/runtime.sh
. "$(dirname "$0")/../lib/runtime.sh"
image=localhost/kata-test-box

# Its own limits are the machine's: higher ones may not be given.
prepare_podman() {
	group=kata-test-${work##*.}
	printf '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]\n' >"$work/containers.conf"
	printf '#!/bin/sh\nexec "%s" --root "%s" --config "%s" "$@"\n' "$build/kata-runtime" "$work/r" "$work/configuration.toml" >"$work/runtime"
	chmod 755 "$work/runtime" "$work"
}

pod() {
	CONTAINERS_CONF=$work/containers.conf timeout --foreground -k 5 "$KATA_TIMEOUT" podman --root "$work/podman" --runroot "$work/podman.run" \
		--tmpdir "$work/podman.tmp" --storage-driver vfs --cgroup-manager cgroupfs --events-backend file --runtime "${podman_runtime:-$work/runtime}" "$@"
}

prun() { pod run --cgroup-parent "/$group" --network none "$@"; }

runs() {
	mkdir -p "$work/volume" && echo from the host >"$work/volume/in" && tar -C "$work/b/rootfs" -c . | pod import - "$image" || return
	expect 9 'from the host' prun --rm --init -v "$work/volume:/volume" "$image" \
		sh -c 'cat /volume/in; tr "\0" " " </proc/1/cmdline >/volume/out; exit 9' && grep -q podman-init "$work/volume/out" &&
		retry_until nothing_left
}

status_of() { [[ $(pod ps -a --filter "name=$1" --format '{{.Status}}') == $2* ]]; }
has_logged() { [ "$(pod logs box 2>&1)" = "$1" ]; }

manages() {
	prun -d --name box --health-cmd 'test ! -e /sick' --health-interval disable "$image" \
		sh -c 'echo up; echo down >&2; trap "exit 4" TERM; while :; do sleep 0.2; done' || return
	retry_until has_logged $'up\ndown' && expect 3 'in it' pod exec box sh -c 'echo in it; exit 3' && expect 0 typed pod exec -i box cat <<<typed || return
	expect 127 'executable file not found' pod exec box nope || return
	# podman wants a terminal on both sides, which script(1) gives it.
	declare -f pod >"$work/pod.sh"
	expect 6 /dev/pts/0 script -qec "bash -c 'work=$work KATA_TIMEOUT=$KATA_TIMEOUT; . $work/pod.sh; pod exec -it box sh -c \"tty; exit 6\"'" /dev/null || return
	pod healthcheck run box && pod exec box touch /sick && expect 1 unhealthy pod healthcheck run box || return
	expect 0 box pod stats --no-stream box && expect 0 'sh -c echo up' pod exec box ps || return
	pod pause box && status_of box Paused && pod unpause box && status_of box Up || return
	pod stop -t 60 box && status_of box 'Exited (4)' && retry_until nothing_left || return
	pod start box && status_of box Up && pod kill box && retry_until status_of box 'Exited (137)' && pod rm box && retry_until nothing_left
}

pod_of_two() {
	pod pod create --name two --network none --cgroup-parent "/$group" --infra-image "$image" --infra-command 'sleep 1000' &&
		pod run -d --pod two --name a "$image" sh -c 'echo shared >/dev/shm/file; sleep 1000' && pod run -d --pod two --name b "$image" sleep 1000 || return
	[ "$(pgrep -fc "sandbox-[0-9a-f]*,debug-threads.*$work/r")" = 1 ] || { echo 'not one VM'; return 1; }
	retry_until expect 0 shared pod exec b cat /dev/shm/file && expect 127 'executable file not found' pod run --rm --pod two "$image" nope || return
	pod rm -f -t 0 a && status_of b Up && pod pod rm -f -t 0 two && retry_until nothing_left
}

usual_root_is_empty() { [ -z "$(find /run/kata-runtime -mindepth 1 ! -name .containers)" ]; }

# Nothing but `make install`: no option, no configuration, the usual root; those of the machine are not for this test.
installed() {
	local dir podman_runtime=$work/usr/bin/kata-runtime
	for dir in /etc/kata-containers /usr/share/defaults/kata-containers; do
		[ ! -d "$dir" ] || mount -t tmpfs none "$dir" || return
	done
	mkdir -p /run/kata-runtime && mount -t tmpfs none /run/kata-runtime || return
	(cd "$top" && env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u T make -s install PREFIX="$work/usr") >"$work/make.log" 2>&1 || { cat "$work/make.log"; return 1; }
	expect 9 'in a VM' prun --rm "$image" sh -c 'grep -q console=hvc0 /proc/cmdline && echo in a VM; exit 9' || return
	retry_until usual_root_is_empty
}

if [ "$(id -u)" != 0 ] || ! command -v podman >/dev/null; then
	echo 'skip podman: no podman, or not root (scripts/install-deps check)'
	exit 0
fi
prepare_runtime
prepare_podman
check 'podman runs' runs
check 'podman manages' manages
check 'podman has a pod of two in one VM' pod_of_two
check 'podman needs no more than make install' installed
pod pod rm -f -a -t 0 >/dev/null 2>&1
pod rm -f -a -t 0 >/dev/null 2>&1
for left in /sys/fs/cgroup/*/"$group" /sys/fs/cgroup/*/libpod_parent; do
	[ ! -d "$left" ] || find "$left" -depth -type d -exec rmdir {} + 2>/dev/null
done
runtime_finish
