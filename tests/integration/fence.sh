#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The fence itself: an agent that is PID 1 of its own namespaces changes nothing on the machine.
# shellcheck source=tests/lib/integration.sh
. "$(dirname "$0")/../lib/integration.sh"

canary=/run/kata-fence-canary-$$
mkdir "$canary"
echo here >"$canary/file"
name_before=$(uname -n)
dev_before=$(ls -l /dev | grep -v tty)
mounts_before=$(wc -l </proc/self/mountinfo)
begin

host_name_is_unchanged() {
	[ "$(uname -n)" = "$name_before" ] &&
		[ "$(readlink "/proc/$agent/ns/uts")" != "$(readlink /proc/self/ns/uts)" ]
}

dev_of_the_machine_is_unchanged() {
	[ "$(ls -l /dev | grep -v tty)" = "$dev_before" ]
}

machine_mounts_are_unchanged() {
	[ "$(wc -l </proc/self/mountinfo)" = "$mounts_before" ]
}

# CreateSandbox clears /run/kata-containers, which on a Kata host is the live share.
run_of_the_machine_is_not_seen() {
	kata call CreateSandbox '{"sandbox_id":"fenced","hostname":"h"}' || return
	[ -f "$canary/file" ] && ! nsenter -t "$agent" -m test -e "$canary"
}

root_is_read_only() {
	! nsenter -t "$agent" -m touch /etc/kata-fence-probe && [ ! -e /etc/kata-fence-probe ]
}

sysfs_is_read_only() {
	! nsenter -t "$agent" -m sh -c 'echo 1 >/sys/kernel/uevent_seqnum' && grep -q ' /sys ro' "/proc/$agent/mountinfo"
}

dev_holds_six_nodes_and_no_disk() {
	local nodes
	nodes=$(nsenter -t "$agent" -m ls -l /dev | sed -n 's/^[bc].* //p' | tr '\n' ' ')
	[ "$nodes" = 'full null random tty urandom zero ' ] || { echo "nodes: $nodes"; return 1; }
}

network_is_its_own() {
	[ "$(nsenter -t "$agent" -n ls /proc/self/net/dev >/dev/null && nsenter -t "$agent" -n cat /proc/net/dev | grep -c :)" = 1 ]
}

# Without an address an agent that does not own a machine must not listen on the machine's vsock.
no_vsock_outside_of_a_guest() {
	local out
	out=$(env -u KATA_AGENT_SERVER_ADDR timeout 10 "$build/kata-agent" 2>&1 </dev/null) && { echo "it ran: $out"; return 1; }
	grep -qi 'vsock' <<<"$out" || { echo "it did not say why: $out"; return 1; }
}

powering_off_ends_the_namespace_only() {
	kata call DestroySandbox '{}' || return
	retry_until eval '! kill -0 "$agent"'
}

check host_name_is_unchanged host_name_is_unchanged
check dev_of_the_machine_is_unchanged dev_of_the_machine_is_unchanged
check machine_mounts_are_unchanged machine_mounts_are_unchanged
check run_of_the_machine_is_not_seen run_of_the_machine_is_not_seen
check root_is_read_only root_is_read_only
check sysfs_is_read_only sysfs_is_read_only
check dev_holds_six_nodes_and_no_disk dev_holds_six_nodes_and_no_disk
check network_is_its_own network_is_its_own
check no_vsock_outside_of_a_guest no_vsock_outside_of_a_guest
check powering_off_ends_the_namespace_only powering_off_ends_the_namespace_only
rm -r "$canary"
finish
