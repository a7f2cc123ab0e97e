#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The agent as a service: not PID 1, on a host that is no guest. Runs inside the fence; see main at the end.
. "$(dirname "$0")/../lib/integration.sh"

agent_ctl() {
	timeout -k 5 20 "$build/kata-agent-ctl" --address unix://@service "$@"
}

# serve [NAME=VALUE]...: as a unit would start it.
serve() {
	env KATA_AGENT_SERVER_ADDR=unix://@service "$@" "$work/kata-agent" >"$work/service.log" 2>&1 &
	service=$!
	retry_until agent_ctl check
}

says_why_and_ends() {
	expect 1 'outside of a guest KATA_AGENT_SERVER_ADDR has to name a unix socket' timeout 10 "$work/kata-agent" || return
	local address
	for address in vsock://-1:1024 vsock://2:1024; do
		expect 1 "has to name a unix socket, not '$address'" \
			timeout 10 env KATA_AGENT_SERVER_ADDR="$address" "$work/kata-agent" || return
	done
	for address in nonsense unix://relative vsock://abc; do
		expect 1 "Bad value '$address' of KATA_AGENT_SERVER_ADDR" \
			timeout 10 env KATA_AGENT_SERVER_ADDR="$address" "$work/kata-agent" || return
	done
	expect 1 "bind 'unix:///no/such/directory/s'" \
		timeout 10 env KATA_AGENT_SERVER_ADDR=unix:///no/such/directory/s "$work/kata-agent"
}

arguments() {
	expect 0 'kata-agent ' timeout 10 "$work/kata-agent" --version &&
		expect 0 'Usage: kata-agent' timeout 10 "$work/kata-agent" --help &&
		expect 2 "unknown argument '--frob'" timeout 10 env KATA_AGENT_SERVER_ADDR=unix://@x "$work/kata-agent" --frob
}

bad_options() {
	serve KATA_AGENT_LOG_LEVEL=loud || return
	grep -q "Bad value 'loud' of KATA_AGENT_LOG_LEVEL" "$work/service.log" || return
	kill "$service" && wait "$service"
}

# The environment wins over the file, a line that is no good is told.
config_file() {
	printf 'server_addr = "unix://@elsewhere"\nlog_level = "debug"\ntracing = true\nbad line\n[endpoints]\nallowed = []\n' >"$work/agent.toml"
	env KATA_AGENT_SERVER_ADDR=unix://@service "$work/kata-agent" -c "$work/agent.toml" >"$work/service.log" 2>&1 &
	service=$!
	retry_until agent_ctl check && kill "$service" && wait "$service" || return
	grep -q "Bad line 4 in the configuration file: 'bad line'" "$work/service.log" && grep -q 'Tracing was asked for' "$work/service.log" &&
		grep -q '"level":"DEBG"' "$work/service.log" || { cat "$work/service.log"; return 1; }
	expect 1 "read the configuration file: read '/no/such.toml': No such file" timeout 10 "$work/kata-agent" --config /no/such.toml
}

# With its containers, and nobody else's business is touched.
ends_on_sigterm() {
	local before
	before=$(hostname; cat /proc/self/mountinfo)
	serve && agent_ctl run -d --id left --rootfs "$work/rootfs" -- sleep 1000 || return
	agent_ctl exec left -- true || return
	kill "$service" && wait "$service" || return
	[ "$(hostname; cat /proc/self/mountinfo)" = "$before" ] || { echo "mounts or host name changed"; return 1; }
	[ ! -e /sys/fs/cgroup/kata ] || { echo "its cgroup is left"; return 1; }
	serve && agent_ctl run --id left --rootfs "$work/rootfs" -- true && agent_ctl destroy && wait "$service"
}

# Even if a container is told to use its cgroup.
others_live() {
	mkdir /sys/fs/cgroup/other
	sh -c 'echo $$ >/sys/fs/cgroup/other/cgroup.procs; exec sleep 1000' &
	local other=$!
	retry_until grep -q . /sys/fs/cgroup/other/cgroup.procs || return
	serve || return
	. "$top/tests/lib/bundle.sh"
	bundle other '.linux.cgroupsPath = "/other"' true
	expect 125 "create cgroup '/other': it exists and is in use" agent_ctl run --bundle "$work/other" || return
	kill -0 "$other" || { echo "the other process was killed"; return 1; }
	kill "$service" && wait "$service"
	kill "$other"
	wait "$other"
	rmdir /sys/fs/cgroup/other
}

main() {
	local t
	work=$1
	for t in says_why_and_ends arguments bad_options config_file ends_on_sigterm others_live; do
		check $t $t
	done
	exit "$failures"
}

if [ "${1:-}" = inside ]; then
	main "$2"
fi
if [ "$(id -u)" != 0 ]; then
	echo "skip service: must be root"
	exit 0
fi
work=$(mktemp -d /tmp/kata-test.XXXXXX)
trap 'rm -rf "$work"' EXIT
make_rootfs "$work/rootfs"
"$fence" run "$work" "$build/kata-agent" env KATA_BUILD="$build" "$(realpath "$0")" inside "$work"
