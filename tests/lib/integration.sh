# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# For the scripts of the integration ring: the real agent behind the fence, a busybox rootfs, and how to say what came out.
# A script sources this, calls begin, runs tests by `check NAME COMMAND...`, and calls finish.

top=$(dirname "$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")")
build=${KATA_BUILD:-$top/build/gcc}
fence=$top/tests/lib/fence
failures=0
work=''

# A name that is unknown to the agent is tried often; nobody waits for ever.
kata() {
	timeout -k 5 "${KATA_TIMEOUT:-60}" "$build/kata-agent-ctl" --address "unix://$work/agent.sock" "$@"
}

check() {
	local name=$1 output
	shift
	if output=$("$@" 2>&1); then
		echo "ok $name"
	else
		failures=$((failures + 1))
		echo "not ok $name: $(tail -n 5 <<<"$output" | tr '\n' ' ')"
		[ -z "${V:-}" ] || printf '%s\n' "$output"
	fi
}

# expect CODE TEXT COMMAND...: the exit status and a fixed text somewhere in the output.
expect() {
	local want=$1 text=$2 output status=0
	shift 2
	output=$("$@" 2>&1) || status=$?
	if [ "$status" != "$want" ]; then
		echo "status $status instead of $want: $output"
		return 1
	fi
	if [[ "$output" != *"$text"* ]]; then
		echo "no '$text' in: $output"
		return 1
	fi
}

# Up to a minute: the machine may be busy.
retry_until() {
	local until=$((SECONDS + 60))
	while [ "$SECONDS" -lt "$until" ]; do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.1
	done
	echo "gave up waiting for: $*"
	return 1
}

holds() { [ "$(holdings)" = "$1" ]; }

# The agent holds again what it held, in a moment: what a lost client leaves behind is seen to when the loss is.
holds_again() {
	retry_until holds "$1" || { echo "before: $1 after: $(holdings)"; return 1; }
}

make_rootfs() {
	local rootfs=$1 applet
	mkdir -p "$rootfs"/{bin,dev,etc,proc,sys,tmp,root}
	cp "$(command -v busybox)" "$rootfs/bin/busybox"
	for applet in $(busybox --list); do
		[ "$applet" = busybox ] || ln -sf busybox "$rootfs/bin/$applet"
	done
	printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n' >"$rootfs/etc/passwd"
	chmod 1777 "$rootfs/tmp"
}

begin() {
	if [ "$(id -u)" != 0 ]; then
		echo "skip $(basename "$0" .sh): must be root"
		exit 0
	fi
	work=$(mktemp -d /tmp/kata-test.XXXXXX)
	trap 'finish_now' EXIT
	make_rootfs "$work/rootfs"
	if declare -F prepare >/dev/null; then prepare; fi # of the script: what has to be there before the agent is
	[[ $build != *asan ]] || set -- "ASAN_OPTIONS=detect_leaks=1:handle_abort=1:disable_coredump=0" UBSAN_OPTIONS=print_stacktrace=1 "$@"
	"$fence" start "$work" "$build/kata-agent" "$@" || {
		echo "not ok start: the agent did not start"
		exit 1
	}
	agent=$("$fence" pid "$work")
}

agent_is_gone() {
	[ -z "$("$fence" pid "$work")" ]
}

# The sanitized agent looks for leaks when it powers off, so it has to be asked to.
check_sanitizers() {
	# It may be on its way out already.
	if ! agent_is_gone; then
		kata destroy >/dev/null 2>&1
		retry_until agent_is_gone || return
	fi
	if grep -q -E 'ERROR: (Address|Leak)Sanitizer|runtime error:|LeakSanitizer has encountered' "$work/console.log"; then
		[ -z "${V:-}" ] || cat "$work/console.log" >&2
		grep -m 1 -A 8 -E 'ERROR: (Address|Leak)Sanitizer|runtime error:|LeakSanitizer has' "$work/console.log"
		return 1
	fi
}

finish_now() {
	trap - EXIT
	local left
	[[ $build != *asan ]] || check sanitizers check_sanitizers
	left=$("$fence" stop "$work") || left="the fence did not stop: $left"
	if [ -n "$left" ]; then
		echo "not ok nothing left over: $left"
		failures=$((failures + 1))
	fi
	if [ -n "${KEEP:-}" ]; then echo "# kept $work"; else rm -rf "$work"; fi
	[ "$failures" -eq 0 ] || exit 1
	exit 0
}

finish() {
	finish_now
}

# CreateContainer with $work/request has to fail with this text; another client must be answered so often meanwhile.
fails_while_others_are_served() {
	local least=$1 text=$2 pid n=0
	kata call CreateContainer "@$work/request" >"$work/reply" 2>&1 &
	pid=$!
	while [ "$(jobs -rp)" ]; do
		kata check >/dev/null || return
		n=$((n + 1))
	done
	! wait "$pid" || return 1
	[ "$n" -ge "$least" ] || { echo "only $n answers meanwhile"; return 1; }
	grep -F "$text" "$work/reply" || { cat "$work/reply"; return 1; }
}

# What the agent holds, to be compared before and after: fds, mounts, children, cgroups.
holdings_now() {
	local cgroup
	cgroup=$(cat "$work/cgroup")
	echo "fds $(find "/proc/$agent/fd" -mindepth 1 | wc -l)"
	echo "mounts $(wc -l <"/proc/$agent/mountinfo")"
	echo "children $(wc -w <"/proc/$agent/task/$agent/children")"
	echo "cgroups $(find "$cgroup" -mindepth 1 -type d | wc -l)"
}

# The same once it rests: the agent sees a client go, or a job end, some moments later than we do. Up to 5 s.
holdings() {
	local now last='' i
	for ((i = 0; i < 25; i++)); do
		now=$(holdings_now)
		[ "$now" != "$last" ] || break
		last=$now
		sleep 0.2
	done
	echo "$now"
}
