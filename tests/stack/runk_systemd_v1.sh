#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# runk with --systemd-cgroup on a host with a real systemd and cgroup v1: the scope, the directories that systemd does not make,
# limits and their changes in both, and that all of it goes.
stack_cgroups=v1
# shellcheck source=tests/lib/stack.sh
. "$(dirname "$0")/../lib/stack.sh"
# shellcheck source=tests/lib/bundle.sh
. "$top/tests/lib/bundle.sh"

path=/test.slice/test-a.slice/test-a-b.slice/runk-box.scope

scoped() { timeout -k 5 60 /usr/local/bin/runk --root "$work/state" --systemd-cgroup "$@"; }

limits='{memory: {limit: 67108864, swap: 134217728}, pids: {limit: 33}, cpu: {shares: 512, quota: 50000, period: 100000, cpus: "0"}}'

make() {
	bundle box '.root.path = "'"$work/rootfs"'" | .linux.cgroupsPath = "test-a-b.slice:runk:box" | .linux.namespaces += [{type: "pid"}, {type: "cgroup"}]
		| .linux.resources = '"$limits" sleep 1000
}

# property NAME VALUE: of the scope
property() {
	local value
	value=$(systemctl show -P "$1" runk-box.scope)
	[ "$value" = "$2" ] || { echo "$1 is '$value' instead of '$2'"; return 1; }
}

# file_says HIERARCHY FILE VALUE
file_says() {
	local value
	value=$(cat "/sys/fs/cgroup/$1$path/$2")
	[ "$value" = "$3" ] || { echo "$1's $2 is '$value' instead of '$3'"; return 1; }
}

# In every hierarchy but cgroup2's, which has no controllers here.
is_everywhere() {
	! grep -v "^0::" "/proc/$1/cgroup" | grep -v ":$path\$"
}

created() {
	[ "$(stat -fc %T /sys/fs/cgroup)" = tmpfs ] || { echo 'this host has no v1'; return 1; }
	make && scoped create --bundle "$work/box" box </dev/null >/dev/null 2>&1 && systemctl is-active runk-box.scope &&
		property ControlGroup "$path" && property Delegate yes && is_everywhere "$(scoped state box | jq .pid)"
}

limited() {
	property MemoryLimit 67108864 && property TasksMax 33 && property CPUQuotaPerSecUSec 500ms && property CPUShares 512 &&
		file_says memory memory.limit_in_bytes 67108864 && file_says pids pids.max 33 && file_says cpu cpu.cfs_quota_us 50000 &&
		file_says cpu cpu.shares 512 && file_says cpuset cpuset.cpus 0
}

runs() {
	scoped start box && expect 0 ':/' scoped exec box cat /proc/self/cgroup && expect 4 '' scoped exec box sh -c 'exit 4' &&
		scoped pause box && file_says freezer freezer.state FROZEN && scoped resume box && file_says freezer freezer.state THAWED &&
		scoped events --stats box | jq -e '.data.memory.usage.limit == 67108864 and .data.pids.limit == 33'
}

# What systemd was not told it would take back at its next reload.
updated() {
	scoped update --memory 32M --memory-swap 64M --pids-limit 44 --cpu-period 100000 --cpu-quota 20000 box && systemctl daemon-reload &&
		file_says memory memory.limit_in_bytes 33554432 && file_says pids pids.max 44 && file_says cpu cpu.cfs_quota_us 20000
}

nothing_left() {
	[ -z "$(systemctl list-units --all --no-legend runk-box.scope | grep .)" ] && [ -z "$(find /sys/fs/cgroup -name runk-box.scope)" ]
}

deleted() {
	scoped kill box KILL && retry_until scoped delete box && retry_until nothing_left || { find /sys/fs/cgroup -name runk-box.scope; return 1; }
	make && scoped run -d --bundle "$work/box" box </dev/null >/dev/null 2>&1 && scoped delete --force box && retry_until nothing_left
}

cp -a /stack/rootfs "$work/rootfs"
for t in created limited runs updated deleted; do check "$t" "$t"; done
stack_finish
