#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# runk as a plain user on a host with cgroup v2: in scopes of the user's own systemd, asked from outside and from inside of its
# tree; in a delegated tree by files; and under the user's podman.
# shellcheck source=tests/lib/stack.sh
. "$(dirname "$0")/../lib/stack.sh"

uid=1000
tree=/sys/fs/cgroup/user.slice/user-$uid.slice/user@$uid.service
as_user=(setpriv --reuid "$uid" --regid "$uid" --init-groups env "XDG_RUNTIME_DIR=/run/user/$uid" HOME=/home/user USER=user
	"DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/$uid/bus")
user() { timeout -k 5 120 "${as_user[@]}" "$@"; }
mine() { user /usr/local/bin/runk --root "$work/state" "$@"; }
scoped() { mine --systemd-cgroup "$@"; }
ctl() { user systemctl --user "$@"; }

a_user() {
	useradd --create-home --uid "$uid" user && systemctl start "user@$uid.service" && retry_until ctl is-active default.target && chmod 755 "$work" &&
		cp -a /stack/rootfs "$work/rootfs" && chown -R "$uid:$uid" "$work/rootfs" && mkdir "$work/state" && chown "$uid:$uid" "$work/state" || return
	mkdir "$work/example" && chown "$uid" "$work/example" && mine spec --rootless --bundle "$work/example"
}

# make NAME CGROUPS-PATH FILTER [ARG]...: the user's example with limits and a look at its own cgroup.
make() {
	local name=$1 path=$2 filter=$3
	shift 3
	mkdir -p "$work/$name" && jq '.process.terminal = false | .root = {path: "'"$work/rootfs"'"} | .linux.cgroupsPath = "'"$path"'" | .process.args = $ARGS.positional |
		.mounts |= map(select(.destination | startswith("/sys") | not)) |
		.mounts += [{destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro"]}] |
		.linux.resources = {memory: {limit: 67108864}, pids: {limit: 33}, cpu: {quota: 50000, period: 100000}} | '"$filter" \
		--args -- "$@" <"$work/example/config.json" >"$work/$name/config.json"
}

file_says() {
	local value
	value=$(cat "$cgroup/$1")
	[ "$value" = "$2" ] || { echo "$1 is '$value' instead of '$2'"; return 1; }
}

property() {
	local value
	value=$(ctl show -P "$1" runk-box.scope)
	[ "$value" = "$2" ] || { echo "$1 is '$value' instead of '$2'"; return 1; }
}

gone() { [ ! -e "$cgroup" ] && [ -z "$(ctl list-units --all --no-legend runk-box.scope | grep .)" ]; }

cgroup=$tree/app.slice/runk-box.scope

# Our own cgroup is the system's, so only systemd can move a process from here to there.
scope_of_the_user() {
	make box app.slice:runk:box . sleep 1000 && scoped run -d --bundle "$work/box" box </dev/null >"$work/out" 2>&1 || { cat "$work/out"; return 1; }
	property ActiveState active && property ControlGroup "${cgroup#/sys/fs/cgroup}" && property MemoryMax 67108864 && property TasksMax 33 &&
		file_says memory.max 67108864 && file_says pids.max 33 && file_says cpu.max '50000 100000' &&
		grep -qx "$(scoped state box | jq .pid)" "$cgroup/cgroup.procs"
}

used() {
	expect 0 '0::/' scoped exec box cat /proc/self/cgroup && expect 4 '' scoped exec box sh -c 'exit 4' && expect 0 67108864 scoped exec box cat /sys/fs/cgroup/memory.max &&
		scoped pause box && file_says cgroup.freeze 1 && expect 255 paused scoped exec box true && scoped resume box && file_says cgroup.freeze 0 &&
		scoped events --stats box | jq -e '.data.memory.usage.limit == 67108864 and .data.pids.limit == 33' && scoped ps -f json box | jq -e 'length == 1'
}

updated() {
	scoped update --memory 32M --pids-limit 44 --cpu-period 100000 --cpu-quota 20000 box && property MemoryMax 33554432 && property TasksMax 44 &&
		property CPUQuotaPerSecUSec 200ms && ctl daemon-reload && file_says memory.max 33554432 && file_says pids.max 44 && file_says cpu.max '20000 100000'
}

deleted() {
	scoped kill box KILL && retry_until sh -c "'$work/is' stopped" && scoped delete box && retry_until gone && expect 1 'does not exist' scoped state box &&
		scoped run -d --bundle "$work/box" box </dev/null >/dev/null 2>&1 && scoped delete --force box && retry_until gone
}

# From a scope of the user's the kernel lets us.
from_inside() {
	make box app.slice:runk:box . sh -c 'cat /sys/fs/cgroup/memory.max; exit 7' &&
		expect 7 67108864 user systemd-run --user --scope --quiet /usr/local/bin/runk --root "$work/state" --systemd-cgroup run --bundle "$work/box" box && retry_until gone &&
		make box app.slice:runk:box '.process.args = ["nope"]' && expect 1 'executable file not found' scoped run --bundle "$work/box" box && retry_until gone &&
		make box ::  '.linux.cgroupsPath = ""' true && expect 0 '' scoped run --bundle "$work/box" box
}

no_systemd() {
	make box app.slice:runk:box . true && expect 1 "the user's systemd" timeout 60 setpriv --reuid "$uid" --regid "$uid" --clear-groups env -u DBUS_SESSION_BUS_ADDRESS \
		XDG_RUNTIME_DIR=/nowhere /usr/local/bin/runk --root "$work/state" --systemd-cgroup run --bundle "$work/box" box
}

# What the tree's owner does by hand: he is in a leaf of it, his containers in others.
delegated() {
	cat >"$work/inside" <<-'END'
		#!/bin/bash
		set -e
		own=$(sed 's/^0:://' /proc/self/cgroup) work=$1
		runk="/usr/local/bin/runk --root $work/state"
		mkdir "/sys/fs/cgroup$own/self" && echo $$ >"/sys/fs/cgroup$own/self/cgroup.procs"
		jq --arg path "$own/box" '.linux.cgroupsPath = $path' "$work/box/config.json" >"$work/state/box.json"
		cat "$work/state/box.json" >"$work/mine/config.json"
		cgroup=/sys/fs/cgroup$own/box
		$runk run -d --bundle "$work/mine" box </dev/null >/dev/null
		echo "limits $(cat "$cgroup"/{memory.max,pids.max,cpu.max} | xargs)"
		echo "inside $($runk exec box cat /sys/fs/cgroup/pids.max)"
		$runk exec box sh -c 'i=0; while [ $i -lt 40 ]; do sleep 100 & i=$((i + 1)); done' 2>&1 | grep -o -m 1 "can't fork" || :
		echo "processes $(cat "$cgroup/pids.current")"
		$runk exec box tail /dev/zero || echo "eater $?"
		echo "kills $(sed -n 's/^oom_kill //p' "$cgroup/memory.events")"
		$runk update --memory 32M --pids-limit 44 box && echo "updated $(cat "$cgroup"/{memory.max,pids.max} | xargs)"
		$runk pause box && echo "frozen $(cat "$cgroup/cgroup.freeze")" && $runk resume box
		$runk delete --force box
		[ ! -e "$cgroup" ] && echo "nothing left: $($runk list -q)."
	END
	make box /replaced '.linux.resources.memory.swap = 67108864' sleep 1000 && mkdir -p "$work/mine" && chown "$uid" "$work/mine" &&
		user systemd-run --user --scope --quiet -p Delegate=yes bash "$work/inside" "$work" >"$work/out" 2>&1 || { cat "$work/out"; return 1; }
	diff -u - "$work/out" <<-'END'
		limits 67108864 33 50000 100000
		inside 33
		can't fork
		processes 32
		eater 137
		kills 1
		updated 33554432 44
		frozen 1
		nothing left: .
	END
}

# Where no cgroup can be made there is none; where one can and we may not enter it, that is said.
not_delegated() {
	make box /elsewhere 'del(.linux.resources)' true && expect 0 '' mine run --bundle "$work/box" box &&
		make box "/user.slice/user-$uid.slice/user@$uid.service/app.slice/byhand" . true && expect 1 'is not delegated with it' mine run --bundle "$work/box" box &&
		[ ! -e "$tree/app.slice/byhand" ]
}

podman_of_the_user() {
	local pod=(podman --runtime /usr/local/bin/runk --cgroup-manager systemd --storage-driver vfs)
	tar -C /stack/rootfs -c . | user "${pod[@]}" import - localhost/box && expect 0 67108864 user "${pod[@]}" run --rm --network none --memory 64m localhost/box cat /sys/fs/cgroup/memory.max &&
		user "${pod[@]}" run -d --name box --network none --memory 64m localhost/box sleep 1000 && expect 3 '' user "${pod[@]}" exec box sh -c 'exit 3' &&
		user "${pod[@]}" pause box && user "${pod[@]}" unpause box && expect 0 box user "${pod[@]}" stats --no-stream box && user "${pod[@]}" stop -t 1 box && user "${pod[@]}" rm box
}

nothing_left() {
	local left
	left=$(mine list -q; ctl list-units --all --no-legend 'runk-*.scope' 'libpod-*.scope'; pgrep -a runk; ls -A "$work/state" | grep -v box.json)
	[ -z "$left" ] || { echo "left: $left"; return 1; }
}

printf '#!/bin/sh\n[ "$(/usr/local/bin/runk --root %s/state state box | jq -r .status)" = "$1" ]\n' "$work" >"$work/is"
chmod 755 "$work/is"
check 'a user with a systemd of his own' a_user
check 'a scope of the user' scope_of_the_user
check 'it is used' used
check 'changes outlive a reload' updated
check 'its end leaves no unit' deleted
check 'from inside of the tree' from_inside
check 'without a systemd' no_systemd
check 'a delegated tree, by files' delegated
check 'what is not delegated' not_delegated
check "the user's podman" podman_of_the_user
check 'nothing is left' nothing_left
stack_finish
