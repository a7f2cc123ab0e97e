#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The network of kata-runtime's sandboxes: what the namespace of the specification holds appears in the guest, packets go
# both ways, and the link is as it was when the VM has gone. The "host" is a network namespace of the test's own, with one
# end of a veth; the other end is in a second one, which the specification names.
if [ -z "${KATA_TEST_NAMESPACE:-}" ]; then
	KATA_TEST_NAMESPACE=1 exec unshare -mn --propagation private "$0" "$@"
fi
# shellcheck source=tests/lib/runtime.sh
. "$(dirname "$0")/../lib/runtime.sh"

# The container of the test before, if that failed.
fresh() { kr delete -f cc; }

in_ns() { nsenter "--net=$work/ns" "$@"; }

# Both ends have their link-local addresses, which the kernel gives some moments after the link is up.
has_settled() {
	[ "$({
		ip -o -6 address show dev host0 scope link -tentative
		in_ns ip -o -6 address show dev eth0 scope link -tentative
	} | wc -l)" = 2 ]
}

# A namespace without a process, as CNI plugins and podman make them before the container.
prepare_network() {
	touch "$work/ns"
	unshare "--net=$work/ns" true || return
	ip link set lo up
	ip link add host0 type veth peer name eth0 netns "$work/ns" || return
	ip link set host0 mtu 1400 up
	ip address add 10.77.0.1/24 dev host0
	ip -6 address add fd77::1/64 dev host0 nodad
	in_ns ip link set eth0 mtu 1400 address 02:00:00:77:00:02 up
	in_ns ip link add nothing type dummy 2>/dev/null # without an address, it stays out
	in_ns ip address add 10.77.0.2/24 dev eth0
	in_ns ip -6 address add fd77::2/64 dev eth0 nodad
	in_ns ip route add default via 10.77.0.1
	in_ns ip route add 192.0.2.0/24 dev eth0 scope link src 10.77.0.2
	in_ns ip -6 route add default via fd77::1
	in_ns ip neighbour add 10.77.0.9 lladdr 02:00:00:77:00:09 dev eth0 nud permanent
	printf 'nameserver 10.77.0.1\nsearch kata.test\n' >"$work/resolv.conf"
	retry_until has_settled
}

# What may not change: links, addresses, routes and queues of both ends.
picture() {
	local run
	for run in '' in_ns; do
		$run ip -o link | grep -v 'tap'
		$run ip -o address | sed 's/valid_lft.*//'
		$run ip route
		$run ip -6 route
		$run tc qdisc
		$run tc filter show dev "${run:+eth0}${run:-host0}" ingress 2>/dev/null
	done
}

hook() { printf '{"path": "/bin/sh", "args": ["sh", "-c", "cat >%s; readlink /proc/self/ns/net >%s"]}' "$work/$1" "$work/$1.ns"; }

# hook_saw NAME STATUS PID: its state, and that it was in the container's network.
hook_saw() {
	[ "$(jq -c '[.status, .pid]' "$work/$1")" = "[\"$2\",$3]" ] && [ "$(cat "$work/$1.ns")" = "$(in_ns readlink /proc/self/ns/net)" ] ||
		{ cat "$work/$1" "$work/$1.ns"; return 1; }
}

# set_net_process: the container runs the script that is told on stdin, in the namespace.
set_net_process() {
	cat >"$work/b/rootfs/script"
	set_process "(.linux.namespaces[] | select(.type == \"network\")).path = \"$work/ns\" | .process.args = [\"sh\", \"/script\"] |
		.process.capabilities |= map_values(. + [\"CAP_NET_RAW\"] | unique) |
		.hooks = {\"poststart\": [$(hook poststart)], \"poststop\": [{\"path\": \"/bin/false\"}, $(hook poststop)]} |
		.mounts += [{\"destination\": \"/etc/resolv.conf\", \"type\": \"bind\", \"source\": \"$work/resolv.conf\", \"options\": [\"rbind\", \"ro\"]}]"
}

has_line() { grep -qE "$1" "$work/out" || { echo "no '$1' in: $(cat "$work/out")"; return 1; }; }

dialogue() { [ "$(timeout 20 bash -c "exec 3<>'/dev/tcp/$1/6000' && echo hello >&3 && head -n 1 <&3")" = 'guest hello' ]; }

# The guest's own resolv.conf, by a container that the agent makes beside ours, where sources are the guest's.
guest_resolv_conf() {
	mkdir -p "$work/peek" && jq '.process.terminal = false | .root = {path: "/run/kata-containers/shared/containers/cc/rootfs"} |
		.process.args = ["cat", "/peek"] | .mounts += [{destination: "/peek", type: "bind", source: "/etc/resolv.conf", options: ["bind"]}]' \
		"$top/tests/data/bundle.json" >"$work/peek/config.json" || return
	expect 0 "$(cat "$work/resolv.conf")" timeout 60 "$build/kata-agent-ctl" --address "$(jq -r .agent "$work/r/cc/state.json")" run --no-sandbox --id peek --bundle "$work/peek"
}

guest_has_the_network() {
	local before status
	set_net_process <<-'SCRIPT'
		ip -o link; ip address; ip route; ip -6 route; ip neigh show; cat /etc/resolv.conf
		ping -c 1 -w 20 10.77.0.1; ping -6 -c 1 -w 20 fd77::1; ping -c 1 -s 1372 -w 20 10.77.0.1
		nc -w 20 10.77.0.1 5000 </dev/null
		echo ready
		exec nc -ll -p 6000 -e sh -c 'read a; echo guest $a'
	SCRIPT
	fresh
	before=$(picture)
	kr create -b "$work/b" --pid-file "$work/pid" cc >"$work/out" 2>&1 </dev/null || { cat "$work/out"; return 1; }
	[ "$(readlink "/proc/$(cat "$work/pid")/ns/net")" = "$(in_ns readlink /proc/self/ns/net)" ] || { echo "its process is elsewhere"; return 1; }
	kr start cc && retry_until grep -qx ready "$work/out"
	status=$?
	cat "$work/out"
	hook_saw poststart running "$(cat "$work/pid")" || return
	[ "$status" = 0 ] && has_line 'eth0.* mtu 1400 ' && has_line '02:00:00:77:00:02' && has_line 'inet 10.77.0.2/24' &&
		has_line 'inet6 fd77::2/64' && has_line 'default via 10.77.0.1 dev eth0' && has_line '192.0.2.0/24 dev eth0 scope link' &&
		has_line 'default via fd77::1 dev eth0' && has_line '10.77.0.9 dev eth0 lladdr 02:00:00:77:00:09.*PERMANENT' &&
		has_line 'nameserver 10.77.0.1' && has_line 'from the host' && has_line '1380 bytes from 10.77.0.1' &&
		[ "$(grep -c ' 0% packet loss' "$work/out")" = 3 ] || { echo "not all of it"; return 1; }
	guest_resolv_conf && ! grep 'Cannot read' "$work/r/cc/supervisor.log" || return
	retry_until dialogue 10.77.0.2 && retry_until dialogue fd77::2 && busybox ping -c 1 -w 10 fd77::2 || { echo "the guest cannot be reached"; return 1; }
	[ "$(readlink "/proc/$(jq '.processes[] | select(.name == "qemu").pid' "$work/r/cc/state.json")/ns/net")" = \
		"$(in_ns readlink /proc/self/ns/net)" ] || { echo "QEMU is elsewhere"; return 1; }
	expect 1 'does another virtual machine use it?' kr create -b "$work/b" second || return
	kr kill cc KILL && kr delete cc && nothing_left && hook_saw poststop stopped 0 || return
	rm "$work/poststop"
	[ "$(picture)" = "$before" ] || { diff <(echo "$before") <(picture); return 1; }
}

# Whoever deletes undoes what a supervisor that was killed has left.
killed_supervisor() {
	local before pid
	fresh
	before=$(picture)
	set_net_process <<<'exec sleep 1000'
	kr create -b "$work/b" cc >"$work/out" 2>&1 </dev/null || { cat "$work/out"; return 1; }
	in_ns tc qdisc | grep -q ingress || { echo "no queue"; return 1; }
	pid=$(jq .supervisor.pid "$work/r/cc/state.json")
	kill -9 "$pid" && kr delete -f cc && nothing_left && hook_saw poststop stopped 0 || return
	[ "$(picture)" = "$before" ] || { diff <(echo "$before") <(picture); return 1; }
}

host_network_is_refused() {
	set_process '.process.args = ["true"] | .linux.namespaces |= map(select(.type != "network"))'
	expect 1 "asks for the host's network" kr create -b "$work/b" cc || return
	set_process '.process.args = ["true"] | (.linux.namespaces[] | select(.type == "network")).path = "/proc/self/ns/net"'
	expect 1 "asks for the host's network" kr create -b "$work/b" cc || return
	set_process '.process.args = ["true"] | (.linux.namespaces[] | select(.type == "network")).path = "/etc/passwd"'
	expect 1 "open the network namespace '/etc/passwd': it is none" kr create -b "$work/b" cc && nothing_left
}

# QEMU's own network: no tap, no queue; the host is 10.0.2.2, even for a container on "the host's network".
user_mode() {
	local out before
	cp "$work/configuration.toml" "$work/keep"
	printf '[runtime]\ninternetworking_model = "user"\n' >>"$work/configuration.toml"
	set_process '.process.args = ["sh", "-c", "ip address; nc -w 10 10.0.2.2 5000 </dev/null"] | .linux.namespaces |= map(select(.type != "network"))'
	fresh
	before=$(picture)
	out=$(kr run -b "$work/b" cc </dev/null 2>&1)
	mv "$work/keep" "$work/configuration.toml"
	grep -q 'inet 10.0.2.15/24' <<<"$out" && grep -qx 'from the host' <<<"$out" && [ "$(picture)" = "$before" ] && nothing_left || { echo "$out"; return 1; }
}

microvm_too() {
	local status=0
	cp "$work/configuration.toml" "$work/keep"
	sed -i 's/^\[hypervisor.qemu\]$/&\nmachine_type = "microvm"/' "$work/configuration.toml" && grep -q microvm "$work/configuration.toml" || return
	guest_has_the_network || status=$?
	mv "$work/keep" "$work/configuration.toml"
	return "$status"
}

prepare_runtime
timeout 600 socat TCP-LISTEN:5000,reuseaddr,fork SYSTEM:'echo from the host' </dev/null >/dev/null 2>&1 &
check prepare_network prepare_network
check host_network_is_refused host_network_is_refused
check guest_has_the_network guest_has_the_network
check microvm_too microvm_too
check killed_supervisor killed_supervisor
check user_mode user_mode
kill $!
check the_end umount "$work/ns"
runtime_finish
