#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# runk with --systemd-cgroup on a host with a real systemd and cgroup v2: the scope of a container, its properties, their
# changes and its end; and runk beside crun and runc where they see what a host's controllers are.
# shellcheck source=tests/lib/stack.sh
. "$(dirname "$0")/../lib/stack.sh"
# shellcheck source=tests/lib/bundle.sh
. "$top/tests/lib/bundle.sh"

scoped() { timeout -k 5 60 /usr/local/bin/runk --root "$work/state" --systemd-cgroup "$@"; }

limits='{memory: {limit: 67108864, reservation: 33554432, swap: 134217728}, pids: {limit: 33},
	cpu: {shares: 512, quota: 50000, period: 100000, cpus: "0"}}'

# make NAME CGROUPS-PATH FILTER [ARG]...
make() {
	local name=$1 path=$2 filter=$3
	shift 3
	bundle "$name" '.root.path = "'"$work/rootfs"'" | .linux.cgroupsPath = "'"$path"'" | .linux.namespaces += [{type: "pid"}, {type: "cgroup"}]
		| .linux.resources = '"$limits"' | '"$filter" "$@"
}

# property NAME VALUE...: of the scope
property() {
	local value
	value=$(systemctl show -P "$1" runk-box.scope)
	[ "$value" = "$2" ] || { echo "$1 is '$value' instead of '$2'"; return 1; }
}

file_says() {
	local value
	value=$(cat "$cgroup/$1")
	[ "$value" = "$2" ] || { echo "$1 is '$value' instead of '$2'"; return 1; }
}

cgroup=/sys/fs/cgroup/test.slice/test-a.slice/test-a-b.slice/runk-box.scope

created() {
	make box test-a-b.slice:runk:box . sleep 1000 && scoped create --bundle "$work/box" box </dev/null >/dev/null 2>&1 || return
	systemctl is-active runk-box.scope && property ControlGroup "${cgroup#/sys/fs/cgroup}" && property Slice test-a-b.slice &&
		property Delegate yes && [ "$(cat "$cgroup/cgroup.procs")" = "$(scoped state box | jq .pid)" ] && [ "$(scoped state box | jq -r .status)" = created ]
}

properties() {
	property MemoryMax 67108864 && property MemoryLow 33554432 && property MemorySwapMax 67108864 && property TasksMax 33 &&
		property CPUQuotaPerSecUSec 500ms && property CPUQuotaPeriodUSec 100ms && property CPUWeight 20 && property AllowedCPUs 0 &&
		file_says memory.max 67108864 && file_says pids.max 33 && file_says cpu.max '50000 100000' && file_says cpuset.cpus 0
}

runs() {
	scoped start box && expect 0 '0::/' scoped exec box cat /proc/self/cgroup && expect 4 '' scoped exec box sh -c 'exit 4' &&
		scoped pause box && file_says cgroup.freeze 1 && scoped resume box && file_says cgroup.freeze 0 &&
		scoped events --stats box | jq -e '.data.memory.usage.limit == 67108864 and .data.pids.limit == 33'
}

# What systemd was not told it would take back at its next reload.
updated() {
	scoped update --memory 32M --memory-swap 64M --pids-limit 44 --cpu-period 100000 --cpu-quota 20000 box && property MemoryMax 33554432 &&
		property TasksMax 44 && property CPUQuotaPerSecUSec 200ms && systemctl daemon-reload && file_says memory.max 33554432 &&
		file_says pids.max 44 && file_says cpu.max '20000 100000' && scoped update --pids-limit -1 --cpu-quota -1 box &&
		property TasksMax infinity && property CPUQuotaPerSecUSec infinity && systemctl daemon-reload && file_says pids.max max &&
		file_says cpu.max 'max 100000'
}

no_unit() {
	[ -z "$(systemctl list-units --all --no-legend "$1" | grep .)" ]
}

deleted() {
	scoped kill box KILL && retry_until no_unit runk-box.scope && [ "$(scoped state box | jq -r .status)" = stopped ] && scoped delete box &&
		[ ! -e "$cgroup" ] && expect 1 'does not exist' scoped state box || return
	make box test-a-b.slice:runk:box . sleep 1000 && scoped run -d --bundle "$work/box" box </dev/null >/dev/null 2>&1 && scoped delete --force box &&
		retry_until no_unit runk-box.scope && [ ! -e "$cgroup" ]
}

refused() {
	make bad a--b.slice:runk:bad . true && expect 1 "slice 'a--b.slice'" scoped run --bundle "$work/bad" bad &&
		make bad /some/path . true && expect 1 "is not 'slice:prefix:name'" scoped run --bundle "$work/bad" bad &&
		make bad :runk:bad '.process.args = ["nope"]' && expect 1 'executable file not found' scoped run --bundle "$work/bad" bad && retry_until no_unit runk-bad.scope &&
		make bad :runk:bad . true && scoped run --bundle "$work/bad" bad && retry_until no_unit runk-bad.scope
}

# A unit of that name that is there already is somebody's.
taken() {
	systemd-run --quiet --unit=runk-mine.scope --scope sleep 1000 >/dev/null 2>&1 &
	retry_until systemctl is-active runk-mine.scope && make mine :runk:mine . true && expect 1 runk-mine.scope scoped run --bundle "$work/mine" mine &&
		systemctl is-active runk-mine.scope && systemctl stop runk-mine.scope
}

# One answer of a runtime, with cgroups by systemd: what the container's cgroup has in it.
beside() {
	local name
	for name in runk crun runc; do
		make "by$name" "system.slice:by:$name" "$@" || return
		timeout -k 5 60 "$name" --root "$work/by.$name" --systemd-cgroup run --bundle "$work/by$name" "by$name" >"$work/$name.out" 2>/dev/null
		echo "status $?" >>"$work/$name.out"
	done </dev/null
	diff -u "$work/crun.out" "$work/runk.out" || diff -u "$work/runc.out" "$work/runk.out"
}

compared() {
	local files='cd /sys/fs/cgroup; for f in memory.max memory.low memory.swap.max cpu.max cpu.weight cpuset.cpus; do echo "$f $(cat $f)"; done'
	beside . sh -c "$files; cat pids.max" && beside 'del(.linux.resources)' sh -c "$files" && beside '.linux.resources = {pids: {limit: -1}, memory: {limit: -1}}' sh -c "$files; cat pids.max" &&
		beside '.linux.resources = {cpu: {shares: 2}, memory: {limit: 33554432, swap: 33554432}}' sh -c "$files" &&
		beside '.linux.resources = {unified: {"memory.high": "16777216", "cpu.weight": "77"}}' sh -c "$files; cat memory.high" &&
		beside '.linux.resources = {unified: {"frob.max": "1"}}' true
}

mkdir -p "$work/rootfs" && cp -a /stack/rootfs/. "$work/rootfs/"
check 'a scope is made' created
check 'limits are properties and files' properties
check 'it runs in its scope' runs
check 'changes outlive a reload' updated
check 'its end leaves no unit' deleted
check 'what systemd cannot make' refused
check 'a unit of somebody else' taken
check 'beside crun and runc' compared
stack_finish
