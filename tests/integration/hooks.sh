#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# OCI hooks: when each kind runs, in which namespaces, what it is told, what its failure does; and the hooks that the
# guest's image brings.
. "$(dirname "$0")/../lib/integration.sh"
. "$top/tests/lib/bundle.sh"

# The agent sees $work as /srv, and its own paths where they are. A hook is a script that notes what it sees in $log.
prepare() {
	log=$work/log
	mkdir -p "$log" "$work/guest"/{prestart,poststart,poststop} "$work/fail"
	cat >"$work/note" <<-'END'
		#!/bin/sh
		# note KIND DIR: the order, the state, where it is
		kind=$1 dir=$2
		cat >"$dir/$kind.state"
		echo "$kind" >>"$dir/order"
		for ns in mnt pid uts ipc; do readlink /proc/self/ns/$ns; done >"$dir/$kind.ns"
		env | sort >"$dir/$kind.env"
		ls / >"$dir/$kind.root"
		ls /proc/self/fd | tr '\n' ' ' >"$dir/$kind.fds"
		pid=$(sed 's/.*"pid":\([0-9]*\).*/\1/' "$dir/$kind.state")
		readlink "/proc/$pid/ns/mnt" >"$dir/$kind.pid" 2>&1
		exit 0
	END
	chmod +x "$work/note"
	mkdir -p "$work/rootfs/log"
	cp "$work/note" "$work/rootfs/bin/note"
	for kind in prestart poststart poststop; do
		printf '#!/bin/sh\ncat >/dev/null\necho "guest $0 $1" >>%s/order.guest\n' "$work" >"$work/guest/$kind/10-own"
		printf '#!/bin/sh\necho broken guest hook >&2\nexit 9\n' >"$work/guest/$kind/20-broken"
		chmod +x "$work/guest/$kind"/*
		echo "no program" >"$work/guest/$kind/readme"
	done
}
begin

# hook PATH [ARG]...: as the protocol has it.
hook() {
	local path=$1
	shift
	jq -nc --arg path "$path" '{Path: $path, Args: $ARGS.positional, Env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]}' --args -- "$@"
}

noting() {
	hook "$work/note" note "$1" "$log"
}

hooks_filter() {
	cat <<-END
		.OCI.Annotations = {"org.example.key": "va\"lue"} |
		.OCI.Hooks = {Prestart: [$(noting prestart)], CreateRuntime: [$(noting createRuntime)],
			CreateContainer: [$(noting createContainer)], StartContainer: [$(hook /bin/note note startContainer /log)],
			Poststart: [$(noting poststart)], Poststop: [$(noting poststop)]} |
		.OCI.Hooks[][].Env += ["HOOK=mine"]
	END
}

order() {
	tr '\n' ' ' <"$log/order"
}

# create and start by hand, to look between.
all_kinds() {
	local marks="prestart createRuntime createContainer "
	rm -rf "${log:?}"/* "$work/rootfs/log"/*
	create hooked "$(hooks_filter)" sleep 1000 || return
	[ "$(order)" = "$marks" ] || { echo "after create: $(order)"; return 1; }
	[ ! -e "$work/rootfs/log/order" ] || return
	rpc StartContainer hooked || return
	[ "$(order)" = "${marks}poststart " ] || { echo "after start: $(order)"; return 1; }
	[ "$(cat "$work/rootfs/log/order")" = startContainer ] || return
	kata rm -f hooked || return
	[ "$(order)" = "${marks}poststart poststop " ] || { echo "after rm: $(order)"; return 1; }
}

state_is() {
	local file=$1 status=$2
	jq -e --arg status "$status" '.ociVersion and .id == "hooked" and .status == $status and
		.bundle == "/run/kata-containers/hooked" and .annotations["org.example.key"] == "va\"lue"' "$file" >/dev/null ||
		{ cat "$file"; return 1; }
}

states_told() {
	state_is "$log/prestart.state" creating && state_is "$log/createRuntime.state" creating &&
		state_is "$log/createContainer.state" creating && state_is "$work/rootfs/log/startContainer.state" created &&
		state_is "$log/poststart.state" running && state_is "$log/poststop.state" stopped || return
	[ "$(jq .pid "$log/poststop.state")" = 0 ] && [ "$(jq .pid "$log/createContainer.state")" = 1 ] &&
		[ "$(jq .pid "$work/rootfs/log/startContainer.state")" = 1 ] || return
	# The pid of the others is the container's: its mount namespace is the one that createContainer hooks ran in.
	cmp "$log/prestart.pid" <(head -n 1 "$log/createContainer.ns") &&
		cmp "$log/poststart.pid" <(head -n 1 "$log/createContainer.ns")
}

namespaces_entered() {
	cmp "$log/prestart.ns" "$log/createRuntime.ns" && cmp "$log/prestart.ns" "$log/poststart.ns" &&
		cmp "$log/prestart.ns" "$log/poststop.ns" || return
	# All but the ipc namespace and such, which the test's bundle may share, differ from the agent's.
	! cmp -s "$log/prestart.ns" "$log/createContainer.ns" &&
		cmp "$log/createContainer.ns" "$work/rootfs/log/startContainer.ns" || return
	# Before the pivot "/" is the agent's, after it the container's.
	cmp "$log/prestart.root" "$log/createContainer.root" &&
		cmp "$work/rootfs/log/startContainer.root" <(ls "$work/rootfs")
}

nothing_inherited() {
	local kind
	for kind in prestart createRuntime createContainer poststart poststop; do
		[ "$(cat "$log/$kind.fds")" = '0 1 2 3 ' ] || { echo "$kind: fds $(cat "$log/$kind.fds")"; return 1; }
		grep -v -E '^(PATH=/usr/sbin:.*|HOOK=mine|_=.*|PWD=.*|OLDPWD=.*|SHLVL=.*)$' "$log/$kind.env" && return 1
	done
	return 0
}

# A hook of the runtime looks for the container's mounts at the rootfs's path in the mount namespace of the pid.
mounts_can_be_reached() {
	cat >"$work/reach-hook" <<-END
		#!/bin/sh
		pid=\$(sed 's/.*"pid":\\([0-9]*\\).*/\\1/')
		root=\$(sed -n 's/.*"path": "\\([^"]*rootfs\\)".*/\\1/p' /run/kata-containers/reach/config.json | head -n 1)
		[ -d "\$root" ] || { echo "no root '\$root'" >&2; exit 1; }
		nsenter -t "\$pid" -m sh -c "mkdir -p \$root/dev/added && mount -t tmpfs tmpfs \$root/dev/added &&
			touch \$root/dev/added/by-hook" >&2
	END
	chmod +x "$work/reach-hook"
	create reach ".OCI.Hooks = {CreateRuntime: [$(hook "$work/reach-hook")]}" sh -c 'ls /dev/added >/log/reached' || return
	rpc StartContainer reach && prints '{"status":0}' rpc WaitProcess reach && kata rm reach &&
		[ "$(cat "$work/rootfs/log/reached")" = by-hook ]
}

# failing KIND TEXT SCRIPT [FILTER]: the creation fails with these words, and nothing is left.
failing() {
	local kind=$1 text=$2
	printf '#!/bin/sh\n%s\n' "$3" >"$work/fail/hook"
	chmod +x "$work/fail/hook"
	rm -f "$log/order"
	expect 1 "$text" create failing ".OCI.Hooks = {$kind: [$(hook "$work/fail/hook")], Poststop: [$(noting poststop)]} |
		${4:-.}" true || return
	[ "$(order)" = 'poststop ' ] || { echo "poststop hooks: $(order)"; return 1; }
	expect 1 'nvalid container id' kata rm failing
}

failures_destroy() {
	local kind name
	for kind in Prestart CreateRuntime CreateContainer; do
		name=${kind,}
		failing $kind "create 'failing': $name hook '$work/fail/hook': exit status 3: first the last words" \
			'echo first >&2; echo the last words >&2; exit 3' || return
		failing $kind "$name hook '$work/fail/hook': exit status 143" 'kill $$' || return
	done
	failing CreateRuntime "createRuntime hook '/no/such': run '/no/such': No such file" 'exit 0' \
		'.OCI.Hooks.CreateRuntime[0].Path = "/no/such"'
}

timeouts_kill() {
	local kind
	for kind in Prestart CreateContainer; do
		failing $kind "${kind,} hook '$work/fail/hook': killed, for it had not ended after 1 s: slow" \
			"echo slow >&2; sleep 3000$$ & sleep 3001$$" ".OCI.Hooks.${kind}[0].Timeout = 1" || return
	done
	! pgrep -f "^sleep 300[01]$$\$"
}

start_container_fails() {
	printf '#!/bin/sh\necho not today >&2; exit 4\n' >"$work/rootfs/bin/nay"
	chmod +x "$work/rootfs/bin/nay"
	create nay ".OCI.Hooks = {StartContainer: [$(hook /bin/nay)]}" sleep 1000 || return
	expect 1 "start 'nay': startContainer hook '/bin/nay': exit status 4: not today" rpc StartContainer nay || return
	retry_until expect 1 'it is stopped' rpc StartContainer nay && kata rm nay
}

poststart_fails() {
	rm -f "$log/order"
	create post ".OCI.Hooks = {Poststart: [$(hook /bin/false), $(noting second)], Poststop: [$(hook /bin/false)]}" \
		sleep 1000 && rpc StartContainer post || return
	[ "$(order)" = 'second ' ] || return
	kata rm -f post || return
	grep -q "poststart hook '/bin/false': exit status 1" "$work/console.log" &&
		grep -q "poststop hook '/bin/false': exit status 1" "$work/console.log"
}

# A hook that takes its time stops nobody else, and a container whose hook runs can be removed.
nothing_blocks() {
	local creator time=1$$ # nobody else sleeps that long
	create slow ".OCI.Hooks = {CreateRuntime: [$(hook /bin/sleep sleep "$time")]} |
		.OCI.Hooks.CreateRuntime[0].Timeout = 500" true >"$work/slow.out" 2>&1 &
	creator=$!
	retry_until pgrep -f "^sleep $time\$" || return
	KATA_TIMEOUT=20 kata check && KATA_TIMEOUT=20 spec . true || return
	# Not by ctl's rm, whose signal already ends the creation.
	rpc RemoveContainer slow || { cat "$work/slow.out"; return 1; }
	! wait "$creator" && ! pgrep -f "^sleep $time\$" && grep -q 'is being removed' "$work/slow.out"
}

refused() {
	expect 1 "hooks.prestart[0].path 'bin/x' is not absolute" create bad ".OCI.Hooks = {Prestart: [$(hook bin/x)]}" true &&
		expect 1 "hooks.poststop[0].timeout '-1' is negative" create bad \
			".OCI.Hooks = {Poststop: [$(hook /bin/x)]} | .OCI.Hooks.Poststop[0].Timeout = -1" true
}

# They have been there all the time; one that fails is no failure of the container.
guest_hooks() {
	local kind
	: >"$work/order.guest"
	create mine . sleep 1000 && rpc StartContainer mine && kata rm -f mine || return
	for kind in prestart poststart poststop; do
		echo "guest $work/guest/$kind/10-own $kind"
	done | diff - "$work/order.guest" || return
	grep -q "Container 'mine': prestart hook '$work/guest/prestart/20-broken': exit status 9: broken guest hook, ignoring" \
		"$work/console.log"
}

check 'a sandbox with guest hooks' kata call CreateSandbox "{\"sandbox_id\": \"box\", \"guest_hook_path\": \"$work/guest\"}"
before=$(holdings)
check 'every kind of hook runs when it is due' all_kinds
check 'hooks are told the state' states_told
check 'hooks run in their namespaces' namespaces_entered
check 'hooks inherit nothing' nothing_inherited
check 'a hook reaches the mounts of the container' mounts_can_be_reached
check 'a failing hook of the creation destroys the container' failures_destroy
check 'a hook that is too slow is killed with its children' timeouts_kill
check 'a failing startContainer hook fails the start' start_container_fails
check 'failing poststart and poststop hooks are logged' poststart_fails
check 'a hook that runs stops nobody' nothing_blocks
check 'impossible hooks are refused' refused
check 'hooks of the guest image' guest_hooks
check 'the agent holds what it held' [ "$(holdings)" = "$before" ]
finish
