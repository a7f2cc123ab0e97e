#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a process finds in its container: ids, rights, limits, environment, working directory, names, kernel settings.
. "$(dirname "$0")/../lib/integration.sh"
. "$top/tests/lib/bundle.sh"
begin

status_field() {
	spec "$1" sh -c "awk '\$1 == \"$2:\" { print \$2 }' /proc/self/status"
}

# KILL is bit 5, CHOWN bit 0, SETUID bit 7.
capabilities() {
	local caps='.process.capabilities = {bounding: ["CAP_KILL", "CAP_CHOWN", "CAP_SETUID"],
		effective: ["CAP_KILL"], permitted: ["CAP_KILL", "CAP_CHOWN"], inheritable: ["CAP_KILL"], ambient: ["CAP_KILL"]}'
	prints '0000000000000020 00000000000000a1 00000000000000a1 00000000000000a1 0000000000000020' \
		spec "$caps" sh -c "echo \$(awk '/^Cap/ { print \$2 }' /proc/self/status)" || return
	prints '0000000000000020 0000000000000020 0000000000000020 00000000000000a1 0000000000000020' \
		spec "$caps | .process.user = {uid: 1000, gid: 1000}" \
		sh -c "echo \$(awk '/^Cap/ { print \$2 }' /proc/self/status)" || return
	prints 0000000000000000 status_field 'del(.process.capabilities)' CapBnd || return
	expect 125 capabilities spec '.process.capabilities.permitted = []' true &&
		expect 2 "unknown capability 'CAP_FROB'" spec '.process.capabilities.bounding += ["CAP_FROB"]' true
}

limits() {
	local rlimits='.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 64, hard: 128},
		{type: "RLIMIT_FSIZE", soft: 4096, hard: 8192}]'
	prints '64 128 8 16' spec "$rlimits" sh -c 'echo $(ulimit -n) $(ulimit -Hn) $(ulimit -f) $(ulimit -Hf)' || return
	# Meant for the program: building the container takes more than that.
	prints fine spec '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 0, hard: 0}]' echo fine || return
	expect 125 'rlimits[0]: soft limit 9 is above' spec \
		'.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 9, hard: 8}]' true || return
	expect 125 'listed twice' spec \
		'.process.rlimits = [{type: "RLIMIT_CORE", soft: 0, hard: 8}, {type: "RLIMIT_CORE", soft: 0, hard: 8}]' true
}

no_new_privs() {
	prints 1 status_field '.process.noNewPrivileges = true' NoNewPrivs && prints 0 status_field . NoNewPrivs
}

user() {
	prints '1000 1001 1001 5 6' spec '.process.user = {uid: 1000, gid: 1001, additionalGids: [5, 6]}' \
		sh -c 'echo $(id -u) $(id -g) $(id -G); echo -n >/dev/stdout; echo -n >/dev/stderr' || return
	prints '0 0 0' spec . sh -c 'echo $(id -u) $(id -g) $(id -G)' && prints 0022 spec . sh -c umask
}

environment() {
	prints 'A=2 C= PATH=/nowhere:/bin' spec '.process.env = ["A=1", "A=2", "B", "C=", "=x", "PATH=/nowhere:/bin"]' \
		sh -c 'echo $(env | grep -E "^[ABC=]|PATH" | sort)' || return
	prints /home/user spec '.process.user.uid = 1000' sh -c 'echo $HOME' &&
		prints / spec '.process.user.uid = 4711' sh -c 'echo $HOME' &&
		prints /here spec '.process.env += ["HOME=/here"]' sh -c 'echo $HOME' &&
		prints /root spec '.process.env += ["HOME="]' sh -c 'echo $HOME'
}

cwd() {
	prints /made/up spec '.process.cwd = "/made/up"' pwd || return
	prints /proc/self spec '.process.cwd = "/proc"' sh -c 'cd self; pwd' || return
	expect 125 "working directory '/etc/passwd': Not a directory" spec '.process.cwd = "/etc/passwd"' pwd &&
		expect 125 "process.cwd 'tmp' is not absolute" spec '.process.cwd = "tmp"' pwd &&
		expect 125 "process.cwd '' is not absolute" spec '.process.cwd = ""' pwd || return
	# Whatever fd of ours it may be, the directory is not to be left through it.
	local fd
	for fd in 3 4 5 6 7 8 9 10 11 12; do
		spec ".process.cwd = \"/proc/self/fd/$fd\"" sh -c 'cat ../../../../../srv/agent.sock || ls ../../../../work' &&
			return 1
	done
	:
}

oom_score() {
	prints 777 spec '.process.oomScoreAdj = 777' cat /proc/self/oom_score_adj &&
		prints 0 spec . cat /proc/self/oom_score_adj &&
		expect 125 "oomScoreAdj '2000' is not between" spec '.process.oomScoreAdj = 2000' true
}

sysctls() {
	prints '5555 99 20' spec '.linux.sysctl = {"kernel.msgmax": "5555",
		"net.ipv4.ip_unprivileged_port_start": "99", "fs.mqueue.msg_max": "20"}' sh -c \
		'cd /proc/sys; echo $(cat kernel/msgmax net/ipv4/ip_unprivileged_port_start fs/mqueue/msg_max)' || return
	local key
	for key in kernel.hostname kernel.panic vm.swappiness kernel.core_pattern; do
		expect 125 "sysctl '$key' belongs to no namespace" spec ".linux.sysctl = {\"$key\": \"1\"}" true || return
	done
	expect 125 "is no name of a sysctl" spec '.linux.sysctl = {"net/../kernel/panic": "1"}' true &&
		expect 125 "set sysctl 'kernel.msgmax' to 'many'" spec '.linux.sysctl = {"kernel.msgmax": "many"}' true
}

# A filter by itself, and one that comes before the rights are gone.
seccomp() {
	local filter='.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls:
		[{names: ["mkdir", "mkdirat", "no_such_call"], action: "SCMP_ACT_ERRNO", errnoRet: 99}]}' nnp
	for nnp in false true; do
		prints "mkdir: can't create directory '/tmp/x': Cannot assign requested address" \
			spec "$filter | .process.noNewPrivileges = $nnp" sh -c 'mkdir /tmp/x || true' || return
		prints 2 status_field "$filter | .process.noNewPrivileges = $nnp" Seccomp || return
	done
	prints 0 status_field . Seccomp || return
	bundle filtered "$filter" sleep 100
	kata run --bundle "$work/filtered" --id filtered -d >/dev/null || return
	expect 1 'Cannot assign requested address' kata exec filtered -- mkdir /tmp/x || return
	kata rm -f filtered || return
	expect 159 '' spec '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls:
		[{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_KILL_PROCESS"}]}' mkdir /tmp/x || return
	prints 'killed by 15' spec '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["kill"],
		action: "SCMP_ACT_ERRNO", args: [{index: 1, value: 9, op: "SCMP_CMP_EQ"}]}]}' \
		sh -c 'exec 3>&1 2>/dev/null; sleep 100 & kill -9 $!; kill -15 $!; wait $!; echo killed by $(($? - 128)) >&3' || return
	expect 2 "unknown seccomp action 'SCMP_ACT_NOPE'" spec '.linux.seccomp = {defaultAction: "SCMP_ACT_NOPE"}' true
}

# The host takes "cgroup" out of the list of namespaces; the container must not see the others of its pod.
cgroup_namespace() {
	prints 0::/ spec . sh -c 'tail -n 1 /proc/self/cgroup' || return
	prints 1 spec . sh -c 'grep -c . /sys/fs/cgroup/cgroup.procs'
}

programs() {
	printf '#!/no/such/interpreter\n' >"$work/rootfs/bin/orphan"
	printf 'no script\n' >"$work/rootfs/bin/text"
	chmod +x "$work/rootfs/bin/orphan" "$work/rootfs/bin/text"
	printf '#!/bin/sh\n' >"$work/rootfs/bin/plain"
	expect 127 'the file nothing was not found' spec . nothing &&
		expect 127 'the file /no/thing was not found' spec . /no/thing &&
		expect 126 'the file /bin cannot be executed' spec . /bin &&
		expect 126 'the file plain cannot be executed' spec . plain &&
		expect 127 "execute '/bin/orphan': its interpreter was not found" spec . orphan &&
		expect 126 "execute '/bin/text'" spec . text &&
		expect 125 'process.args is empty' spec '.process.args = []' &&
		expect 125 'process.args is empty' spec . '' &&
		expect 125 "open the rootfs '/no/rootfs'" spec '.root.path = "/no/rootfs"' true
}

nothing_inherited() {
	prints $'0\n1\n2' spec . sh -c 'ls /proc/1/fd; :' || return
	prints $'0000000000000000\n0000000000000000' spec . awk '/^Sig(Blk|Ign):/ { print $2 }' /proc/self/status
}

for t in capabilities limits no_new_privs user environment cwd oom_score sysctls seccomp cgroup_namespace programs \
	nothing_inherited; do
	check $t $t
done
finish
