#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kata-runtime with agents that are not like ours: one that does not say on the console that it listens and has no stream port
# (so that all stdio goes by calls), one that says so and is not there, and one that says nothing for ever.
if [ -z "${KATA_TEST_NAMESPACE:-}" ]; then
	KATA_TEST_NAMESPACE=1 exec unshare -m --propagation private "$0" "$@"
fi
# shellcheck source=tests/lib/runtime.sh
. "$(dirname "$0")/../lib/runtime.sh"

# initrd_of NAME PROGRAM
initrd_of() {
	"$top/rootfs-builder/initrd" --agent "$2" --kernel-dir "$kernel" --output "$work/$1.initrd" >"$work/manifest"
}

# use INITRD DIAL-TIMEOUT KERNEL-PARAMETERS
use() {
	sed -i "/^kernel_params/d; s|^initrd = .*|initrd = \"$1\"\nkernel_params = \"$3\"|; s|^dial_timeout.*|dial_timeout = $2|" "$work/configuration.toml"
}

# Its boot lines have another word in them, which is all that the runtime could know them by.
make_silent() {
	sed 's/boot %8.1f ms/step %8.1f ms/' "$build/kata-agent" >"$work/silent" && chmod 755 "$work/silent" &&
		! cmp -s "$work/silent" "$build/kata-agent" && initrd_of silent "$work/silent"
}

silent_without_a_stream_port() {
	local out
	use "$work/silent.initrd" 150 'loglevel=0 agent.stream_vport=0'
	set_process '.process.args = ["sh", "-c", "cat; echo err >&2; exec sleep 1000"]'
	mkfifo "$work/in" && exec 7<>"$work/in" || return
	kr create -b "$work/b" cc <"$work/in" >"$work/out" 2>&1 7>&- && kr start cc 7>&- || { cat "$work/out"; return 1; }
	! grep -aq 'kata-agent: boot' "$work/r/cc/console.log" || { echo 'it did say something'; return 1; }
	echo typed >&7 && retry_until grep -qx typed "$work/out" && exec 7>&- && retry_until grep -qx err "$work/out" || return
	out=$(kr exec cc sh -c 'head -c 300000 /dev/zero; echo end; exit 5' | tr -d '\0') || [ $? = 5 ] && [ "$out" = end ] || { echo "output: $out"; return 1; }
	out=$(head -c 200000 /dev/zero | kr exec cc wc -c) && [ "$out" = 200000 ] || { echo "input: $out"; return 1; }
	expect 7 /dev/pts/0 script -qec "timeout --foreground 100 $build/kata-runtime --root $work/r exec -t cc sh -c 'tty; exit 7'" /dev/null || return
	kr kill cc KILL && status_is cc stopped && kr delete cc && nothing_left
}

# fails WITHIN TEXT...: a create ends in that many seconds, says all of this, and leaves nothing.
fails() {
	local within=$1 out begin=$SECONDS status=0
	shift
	out=$(kr create -b "$work/b" cc 2>&1 </dev/null) || status=$?
	[ "$status" = 1 ] && [ $((SECONDS - begin)) -le "$within" ] || { echo "status $status after $((SECONDS - begin)) s: $out"; return 1; }
	for text; do [[ $out == *"$text"* ]] || { echo "no '$text' in: $out"; return 1; }; done
	nothing_left
}

says_it_listens_and_is_not_there() {
	use "$initrd" 40 'agent.server_addr=vsock://-1:1030'
	set_process '.process.args = ["true"]'
	fails 100 'stage reached' 'listening on' 'the agent does not answer on vsock'
}

# busybox's init, which knows no agents and waits for nothing: given up soon though no time is configured.
says_nothing_for_ever() {
	initrd_of never "$(command -v busybox)" || return
	use "$work/never.initrd" 0 'loglevel=0'
	set_process '.process.args = ["true"]'
	fails 120 'boot the guest: the agent does not listen after' 'stage reached: the guest' 'said nothing' 'likely cause'
}

prepare_runtime
check make_silent make_silent
check silent_without_a_stream_port silent_without_a_stream_port
check says_it_listens_and_is_not_there says_it_listens_and_is_not_there
check says_nothing_for_ever says_nothing_for_ever
runtime_finish
