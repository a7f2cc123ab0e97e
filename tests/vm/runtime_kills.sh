#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Outsiders kill what a sandbox of kata-runtime consists of, two of it, in one order and the other, while its container is
# created, running or paused: then state, kill and delete work, and nothing is left. A sample; SOAK=full: all of the table.
if [ -z "${KATA_TEST_NAMESPACE:-}" ]; then
	KATA_TEST_NAMESPACE=1 exec unshare -m --propagation private "$0" "$@"
fi
# shellcheck source=tests/lib/runtime.sh
. "$(dirname "$0")/../lib/runtime.sh"

parts=(qemu virtiofsd vhost-device-vsock supervisor stdio)

pid_of() {
	jq -r "if \"$1\" == \"supervisor\" then .supervisor.pid elif \"$1\" == \"stdio\" then .containers[0].pid
		else .processes[] | select(.name == \"$1\").pid end" "$work/state.json"
}

reach() {
	kr create -b "$work/b" cc >"$work/out" 2>&1 </dev/null || { cat "$work/out"; return 1; }
	case $1 in
	created) ;;
	running) kr start cc ;;
	paused) kr start cc && kr pause cc ;;
	esac
}

# kills STATE FIRST SECOND
kills() {
	local first second
	reach "$1" && cp "$work/r/cc/state.json" "$work/state.json" && first=$(pid_of "$2") && second=$(pid_of "$3") || return
	kill -9 "$first" || return
	kill -9 "$second" 2>/dev/null # which may have died of the first
	kr state cc >/dev/null && kr kill -a cc KILL && retry_until status_is cc stopped && kr delete cc && nothing_left
}

# Of every state, each part once as the first and once as the second.
sample() {
	cat <<-'TABLE'
		created qemu supervisor
		running supervisor stdio
		running stdio vhost-device-vsock
		paused virtiofsd qemu
		paused vhost-device-vsock virtiofsd
	TABLE
}

all() {
	local state first second
	for state in created running paused; do
		for first in "${parts[@]}"; do
			for second in "${parts[@]}"; do
				[ "$first" = "$second" ] || echo "$state $first $second"
			done
		done
	done
}

prepare_runtime
set_process '.process.args = ["sleep", "1000"]'
table=$(if [ "${SOAK:-}" = full ]; then all; else sample; fi)
while read -r state first second; do
	check "$state: $first, $second" kills "$state" "$first" "$second"
done <<<"$table"
runtime_finish
