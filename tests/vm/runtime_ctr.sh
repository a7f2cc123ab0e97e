#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# containerd's runc shim drives kata-runtime: `ctr run --runc-binary`, its output and exit status, tasks with exec, pause,
# metrics, kill and delete, and a terminal. The containerd is the test's own; no registry is asked. The shim gives no
# configuration, so the binary it gets is a script that adds ours.
if [ -z "${KATA_TEST_NAMESPACE:-}" ]; then
	KATA_TEST_NAMESPACE=1 exec unshare -m --propagation private "$0" "$@"
fi
# shellcheck source=tests/lib/runtime.sh
. "$(dirname "$0")/../lib/runtime.sh"
# shellcheck source=tests/lib/containerd.sh
. "$top/tests/lib/containerd.sh"

ctr_finish() {
	containerd_stop
	runtime_finish
}

containerd_starts() {
	containerd_start || return
	printf '#!/bin/sh\nexec "%s" --config "%s" "$@"\n' "$build/kata-runtime" "$work/configuration.toml" >"$work/runtime" && chmod 755 "$work/runtime"
}

crun_in() { engine_ctr run --rootfs --runc-binary "$work/runtime" --runc-root "$work/r" --cgroup "/$group/ctr" "$@"; }

nothing_of_ctr() { [ -z "$(engine_ctr c ls -q)" ] && rmdir "$work/r/default/.containers" "$work/r/default" 2>/dev/null; nothing_left; }

runs() {
	expect 6 hello crun_in --rm "$work/b/rootfs" c1 sh -c 'echo hello; uname -r >/kernel; exit 6' </dev/null || return
	[ "$(cat "$work/b/rootfs/kernel")" != "$(uname -r)" ] || { echo 'it is our kernel'; return 1; }
	expect 1 'executable file not found in $PATH' crun_in --rm "$work/b/rootfs" c2 nope </dev/null && retry_until nothing_of_ctr
}

manages() { containerd_tasks "$work/b/rootfs" && retry_until nothing_of_ctr; }

# In the foreground, else ctr is stopped when it touches the terminal.
terminal() {
	expect 0 /dev/pts/0 script -qec "exec timeout --foreground $KATA_TIMEOUT ctr --address '$work/ctd/sock' run -t --rm --rootfs \
		--runc-binary '$work/runtime' --runc-root '$work/r' --cgroup '/$group/tty' '$work/b/rootfs' tty tty" /dev/null && retry_until nothing_of_ctr
}

containerd_ends() {
	containerd_stop || return
	! find /sys/fs/cgroup -type d -name "$group" 2>/dev/null | grep .
}

prepare_runtime
group=kata-test-${work##*.}
trap ctr_finish EXIT
for program in containerd ctr containerd-shim-runc-v2; do
	command -v "$program" >/dev/null && continue
	echo "skip runtime_ctr: no $program (scripts/install-deps check)"
	rm -rf "$work"
	[ -z "${MUST_RUN:-}" ]
	exit
done
check containerd_starts containerd_starts
check runs runs
check manages manages
check terminal terminal
check containerd_ends containerd_ends
ctr_finish
