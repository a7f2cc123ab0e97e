# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# For the scripts of the stack ring in which podman drives kata-runtime: nothing is configured beyond `make install`.

# shellcheck source=tests/lib/stack.sh
. "$(dirname "${BASH_SOURCE[0]}")/stack.sh"

pod() { timeout --foreground -k 5 400 podman --runtime /usr/local/bin/kata-runtime "$@"; }
prun() { pod run --network none "$@"; }

# configure [LINE]...: keys of [runtime]; without any nothing is configured.
configure() {
	rm -rf /etc/kata-containers
	[ $# -gt 0 ] || return 0
	mkdir -p /etc/kata-containers && printf '%s\n' '[runtime]' "$@" >/etc/kata-containers/configuration.toml
}

status_is() { [ "$(pod inspect -f '{{.State.Status}}' "$1")" = "$2" ]; }
exited_with() { [ "$(pod inspect -f '{{.State.Status}} {{.State.ExitCode}}' "$1")" = "exited $2" ]; }

# busybox's wget looks names up, which a static program cannot do everywhere.
fetch() { timeout 10 bash -c "exec 3<>'/dev/tcp/${1/:/\/}' && printf 'GET /index.html HTTP/1.0\r\n\r\n' >&3 && tail -n 1 <&3"; }
serves() { [ "$(fetch "$1")" = "$2" ]; }
# shellcheck disable=SC2034 # of the scripts
get='printf "GET /index.html HTTP/1.0\r\n\r\n" | nc -w 10'

# The pid of a sandbox's QEMU, and its command line in words.
qemu_of() { pgrep -f "sandbox-$1"; }
qemu_words() { tr '\0' ' ' <"/proc/$(qemu_of "$1")/cmdline"; }

# The machine's own: processes, mounts, state, links, traffic control, units and cgroups.
nothing_left() {
	local left
	left=$(
		pgrep -a 'qemu-system|virtiofsd|vhost-device|kata-runtime'
		grep -F /run/kata-runtime/ /proc/self/mountinfo
		find /run/kata-runtime -mindepth 1 ! -name .containers 2>/dev/null
		pod ps -aq
		ip -o link | grep -E 'tap|veth'
		systemctl list-units --all --no-legend 'libpod-*.scope' 'kata-runtime-*'
		find /sys/fs/cgroup -type d \( -name 'libpod-*' -o -name 'kata-runtime-*' -o -path '*/kata_overhead/*' \)
	)
	[ -z "$left" ] || { echo "left: $left"; return 1; }
}

# start [PODMAN-OPTION]...: a container "box"; sets id and the pids of what there is.
# shellcheck disable=SC2034 # for the scripts
start() {
	pod rm -f -a -t 0 >/dev/null
	id=$(pod "$@" run -d --network none --name box --memory 64m localhost/box sleep 1000) || return
	qemu=$(qemu_of "$id") && supervisor=$(jq .supervisor.pid "/run/kata-runtime/$id/state.json") &&
		daemons=$(jq '.processes[] | select(.name != "qemu").pid' "/run/kata-runtime/$id/state.json") && stdio=$(pod inspect -f '{{.State.Pid}}' box)
}

control_group() { systemctl show -P ControlGroup "$1"; }

gone() { retry_until nothing_left || nothing_left; }

# kata_begin [LINE]...: of configure
kata_begin() {
	configure "$@"
	make_image >/dev/null 2>&1 || echo "not ok image: podman cannot import one"
}

# What the sandboxes and the kernel said, if something failed.
kata_finish() {
	if [ "$failures" -gt 0 ]; then
		journalctl --no-pager -q -t kata-runtime -o cat | tail -n 40
		dmesg | tail -n 10
	fi
	stack_finish
}
