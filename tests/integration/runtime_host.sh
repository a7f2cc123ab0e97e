#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What kata-runtime does on the host before any VM boots: its logs, and the hooks of a specification. /dev is the test's own.
if [ -z "${KATA_TEST_NAMESPACE:-}" ] && [ "$(id -u)" = 0 ]; then
	KATA_TEST_NAMESPACE=1 exec unshare -mn --propagation private "$0" "$@"
fi
# shellcheck source=tests/lib/integration.sh
. "$(dirname "$0")/../lib/integration.sh"
if [ "$(id -u)" != 0 ]; then
	echo "skip runtime_host: must be root"
	exit 0
fi
work=$(mktemp -d /tmp/kata-host.XXXXXX)
trap host_finish EXIT

kr() { timeout -k 5 60 "$build/kata-runtime" --root "$work/r" --config "$work/configuration.toml" "$@"; }

host_finish() {
	trap - EXIT
	[ -z "${listener:-}" ] || kill "$listener"
	rm -rf --one-file-system "$work"
	[ "$failures" -eq 0 ] || exit 1
	exit 0
}

# With /dev/log, on which somebody listens.
own_dev() {
	local node
	mkdir "$work/dev"
	mount -t tmpfs -o mode=755 dev "$work/dev" || return
	for node in null zero urandom; do
		touch "$work/dev/$node" && mount --bind "/dev/$node" "$work/dev/$node" || return
	done
	mount --move "$work/dev" /dev
}

# set_bundle HOOKS: it never gets as far as its process.
set_bundle() {
	mkdir -p "$work/b/rootfs"
	jq ".linux.namespaces += [{\"type\": \"network\"}] | .hooks = $1" "$top/tests/data/bundle.json" >"$work/b/config.json"
}

nothing_left() { [ -z "$(find "$work/r" -mindepth 1 ! -name .containers)" ] || { find "$work/r"; return 1; }; }

shell_hook() { printf '[{"path": "/bin/sh", "args": ["sh", "-c", "%s"]%s}]' "$1" "${2:-}"; }

# The one before the failure has run, poststop runs after it, and the error says which it was.
hook_that_fails() {
	set_bundle "{\"prestart\": $(shell_hook "cat >$work/first"), \"createRuntime\": $(shell_hook 'echo no luck >&2; exit 3'),
		\"poststop\": $(shell_hook "cat >$work/last")}"
	expect 1 "createRuntime hook '/bin/sh': exit status 3: no luck" kr create -b "$work/b" cc || return
	[ "$(jq -r .status "$work/first")" = creating ] && [ "$(jq -r .bundle "$work/first")" = "$work/b" ] || { cat "$work/first"; return 1; }
	[ "$(jq -r .status "$work/last")" = stopped ] || { cat "$work/last"; return 1; }
	nothing_left
}

hook_that_hangs() {
	set_bundle "{\"createRuntime\": $(shell_hook 'sleep 1000' ', "timeout": 1')}"
	expect 1 "createRuntime hook '/bin/sh': killed, for it had not ended after 1 s" kr create -b "$work/b" cc && nothing_left
}

# They see the network that the container will have, by their own and by the pid.
hooks_are_in_its_network() {
	set_bundle "{\"createRuntime\": $(shell_hook "readlink /proc/self/ns/net >$work/ns; cat >$work/state; exit 1")}"
	expect 1 'exit status 1' kr create -b "$work/b" cc || return
	[ -s "$work/ns" ] && [ "$(cat "$work/ns")" != "$(readlink /proc/self/ns/net)" ] || { echo "it is the host's"; return 1; }
	[ "$(jq .pid "$work/state")" -gt 1 ]
}

guest_hooks_are_told_apart() {
	set_bundle '{"createContainer": [{"path": "/bin/true"}]}'
	expect 1 "createContainer hook '/bin/true': its namespaces are in the guest" kr create -b "$work/b" cc && nothing_left
}

# A message names the file, the key or the container that is wrong; nothing has been made.
refused_before_anything() {
	set_bundle '{}' && jq 'del(.process)' "$work/b/config.json" >"$work/no" && mv "$work/no" "$work/b/config.json"
	expect 1 "'$work/b/config.json': process and root are needed" kr create -b "$work/b" cc || return
	set_bundle '{}' && printf '[hypervisor.qemu]\nmachine_type = "pc"\n' >"$work/bad.toml"
	expect 1 "configuration '$work/bad.toml': hypervisor.machine_type: 'pc' is none of" kr --config "$work/bad.toml" create -b "$work/b" cc || return
	jq '.annotations = {"io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.sandbox-id": "nopod"}' "$work/b/config.json" >"$work/no" &&
		mv "$work/no" "$work/b/config.json"
	expect 1 "create container 'cc' in sandbox 'nopod': there is none of that name" kr create -b "$work/b" cc &&
		expect 1 "invalid id 'a b': it takes 2 to 128 letters" kr state 'a b' && nothing_left
}

log_file() {
	expect 1 "container 'nobody'" kr --log "$work/log" state nobody || return
	grep -qE "^time=\"20.*Z\" level=error msg=\".*'nobody'.*\" name=kata-runtime pid=[0-9]+ source=runtime$" "$work/log" || { cat "$work/log"; return 1; }
	expect 1 "container 'nobody'" kr --log "$work/json" --log-format json state nobody || return
	[ "$(jq -r '"\(.level) \(.name) \(.source)"' "$work/json")" = 'error kata-runtime runtime' ] || { cat "$work/json"; return 1; }
	expect 1 'unknown log-format' kr --log-format xml state nobody &&
		expect 1 "open the log '$work/none/log'" kr --log "$work/none/log" list
}

syslog_has() { grep -aqE "$1" "$work/syslog"; }

# Always, whether a log file is asked for or not; from the verb and from the supervisor.
system_log() {
	expect 1 "container 'nobody2'" kr state nobody2 || return
	retry_until syslog_has "kata-runtime\[[0-9]+\]: time=.* level=error msg=.*nobody2" || { cat "$work/syslog"; return 1; }
	set_bundle '{}'
	expect 1 'start' kr create -b "$work/b" cc || return
	retry_until syslog_has "kata-runtime\[[0-9]+\]: .*level=info msg=.*Using configuration '$work/configuration.toml'" || { cat "$work/syslog"; return 1; }
	nothing_left
}

own_dev || exit 1
cat >"$work/configuration.toml" <<-TOML
	[hypervisor.qemu]
	path = "/bin/false"
	kernel = "/etc/passwd"
	initrd = "/etc/passwd"
	accel = "tcg"
	vsock_backend = "vhost-user"
	virtio_fs_daemon = "/bin/false"
	vhost_user_vsock_daemon = "/bin/false"
TOML
timeout 300 socat -u UNIX-RECVFROM:/dev/log,fork,reuseaddr OPEN:"$work/syslog",creat,append </dev/null >/dev/null 2>&1 &
listener=$!
retry_until test -S /dev/log || exit 1
check hook_that_fails hook_that_fails
check hook_that_hangs hook_that_hangs
check hooks_are_in_its_network hooks_are_in_its_network
check guest_hooks_are_told_apart guest_hooks_are_told_apart
check refused_before_anything refused_before_anything
check log_file log_file
check system_log system_log
host_finish
