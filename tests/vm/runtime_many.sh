#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sandboxes of kata-runtime, one after the other (four; SOAK=full: twenty), each ended in one of four ways: what the
# machine holds (processes, mounts, cgroups, sockets, state) is the same before and after.
if [ -z "${KATA_TEST_NAMESPACE:-}" ]; then
	KATA_TEST_NAMESPACE=1 exec unshare -m --propagation private "$0" "$@"
fi
# shellcheck source=tests/lib/runtime.sh
. "$(dirname "$0")/../lib/runtime.sh"

# What `nothing_left` does not see.
no_trace() {
	! grep -F "$work/r" /proc/net/unix && ! find /sys/fs/cgroup -type d -name '*many-[0-9]*' 2>/dev/null | grep .
}

# one NUMBER: a sandbox that ends by itself, is killed, is deleted while it runs, or loses its VM.
one() {
	local id=many-$1 qemu
	case $(($1 % 4)) in
	0)
		local status=0
		kr run -b "$work/b" "$id" </dev/null >"$work/out" 2>&1 || status=$?
		[ "$status" = 3 ] || { echo "run $id: status $status: $(cat "$work/out")"; return 1; }
		return 0
		;;
	1) set -- kill "$id" KILL ;;
	2) set -- delete -f "$id" ;;
	3) set -- state "$id" ;;
	esac
	kr create -b "$work/b" "$id" </dev/null >"$work/out" 2>&1 || { cat "$work/out"; return 1; }
	qemu=$(jq -r '.processes[] | select(.name == "qemu").pid' "$work/r/$id/state.json")
	[ "$1" != state ] || kill -9 "$qemu" || return
	kr "$@" >/dev/null && kr delete -f "$id"
}

in_a_row() {
	local i many=4
	[ "${SOAK:-}" != full ] || many=20
	set_process '.process.args = ["sh", "-c", "exit 3"]'
	no_trace || return
	for ((i = 0; i < many; i++)); do
		one "$i" || { echo "sandbox $i"; return 1; }
	done
	nothing_left && no_trace
}

prepare_runtime
check in_a_row in_a_row
runtime_finish
