#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# runk's life cycle on plain bundles: create, start, state, kill, delete, run; what engines read; what goes wrong.
. "$(dirname "$0")/../lib/integration.sh"
. "$top/tests/lib/bundle.sh"
. "$top/tests/lib/runk.sh"

run_in() {
	local name=$1
	shift
	oci "$name" "$@" && runk run --bundle "$work/$name" "$name"
}

lifecycle() {
	oci life . sh -c 'echo started >/tmp/life; sleep 1000' &&
		runk create --bundle "$work/life" --pid-file "$work/pid" life </dev/null >/dev/null &&
		status_is created life && prints "$(cat "$work/pid")" field pid life &&
		test ! -e "$work/rootfs/tmp/life" && kill -0 "$(cat "$work/pid")" &&
		runk start life && status_is running life && retry_until test -e "$work/rootfs/tmp/life" || return
	expect 1 'already running' runk start life && expect 1 'already exists' runk create --bundle "$work/life" life &&
		expect 1 'not stopped: running' runk delete life && runk kill life KILL &&
		retry_until status_is stopped life && prints 0 field pid life &&
		expect 1 'container not running' runk kill life && expect 1 'has stopped' runk start life &&
		runk delete life && expect 1 'container does not exist' runk state life
}

oci_state() {
	oci ostate '.annotations = {"org.test": "a b\"c"}' sleep 1000 &&
		runk create --bundle "$work/ostate" state1 </dev/null >/dev/null || return
	runk state state1 >"$work/json"
	jq -e --arg b "$work/ostate" '.id == "state1" and .ociVersion == "1.1.0" and .status == "created" and .pid > 1 and
		.bundle == $b and .annotations["org.test"] == "a b\"c" and (.created | test("^20.*Z$"))' "$work/json" &&
		jq -e '.startTime > 0 and .status == "created"' "$work/state/state1/state.json" &&
		runk delete state1
}

# A parked process is ended by delete; one that runs only with --force; an unknown one never is an error then.
force() {
	oci force . sleep 1000 && runk run -d --bundle "$work/force" force </dev/null >/dev/null &&
		status_is running force && runk delete --force force && runk delete --force force &&
		expect 1 'container does not exist' runk delete force
}

signals() {
	oci trap . sh -c 'trap "exit 9" USR1; echo ready; while :; do sleep 0.05; done' &&
		runk create --bundle "$work/trap" trap </dev/null >"$work/trap.out" && runk start trap &&
		retry_until grep -q ready "$work/trap.out" && runk kill trap SIGUSR1 && retry_until status_is stopped trap &&
		runk delete trap && expect 1 'unknown signal' runk kill trap FOO
}

forwarded() {
	local pid status=0
	oci fwd . sh -c 'trap "exit 9" TERM; echo ready; while :; do sleep 0.05; done'
	"$runk_bin" --root "$work/state" run --bundle "$work/fwd" fwd </dev/null >"$work/fwd.out" 2>&1 &
	pid=$!
	retry_until grep -q ready "$work/fwd.out" && kill -TERM "$pid"
	wait "$pid" || status=$?
	[ "$status" = 9 ] || { echo "status $status"; return 1; }
}

pid_reuse() {
	oci reuse . sleep 1000 && runk run -d --bundle "$work/reuse" reuse </dev/null >/dev/null || return
	jq ".pid = $$" "$work/state/reuse/state.json" >"$work/forged" && cp "$work/forged" "$work/state/reuse/state.json" &&
		status_is stopped reuse && expect 1 'not running' runk kill reuse KILL && runk delete reuse
}

# A creator that is killed at any moment leaves what delete --force removes.
killed_creator() {
	local i pid
	oci crash . sleep 1000
	for i in 1 2 4 6 8 10 12 15 18 22; do
		timeout -s KILL "0.00$(printf %02d "$i")" "$runk_bin" --root "$work/state" create --bundle "$work/crash" crash \
			</dev/null >/dev/null 2>&1
		if [ -e "$work/state/crash" ]; then
			pid=$(jq .pid "$work/state/crash/state.json" 2>/dev/null)
			runk state crash >/dev/null && runk delete --force crash || return
			retry_until test ! -e "/proc/${pid:-0}/cwd" || { echo "after $i: process $pid lives"; return 1; }
		fi
		[ -z "$(groups_left)" ] || { echo "after $i: $(groups_left)"; return 1; }
	done
}

together() {
	local i
	oci many . true
	for i in 1 2 3 4 5 6 7 8; do
		runk run --bundle "$work/many" same >"$work/many.$i" 2>&1 &
	done
	wait
	[ "$(grep -L 'already exists' "$work"/many.? | wc -l)" -ge 1 ] && ! grep -v 'already exists' "$work"/many.?
}

ids() {
	local id
	for id in '' . .. a/b ../x 'a b' "$(printf 'a%.0s' {1..300})"; do
		expect 1 'invalid container ID' runk create --bundle "$work/true" "$id" || return
	done
}

errors() {
	oci nofile . nothere && expect 1 'executable file not found in $PATH' runk create --bundle "$work/nofile" x &&
		oci nopath . /not/here && expect 1 'stat /not/here: no such file' runk run --bundle "$work/nopath" x &&
		oci noexec . /etc/passwd && expect 1 'permission denied' runk run --bundle "$work/noexec" x &&
		expect 1 'config.json not found' runk create --bundle "$work/rootfs" x &&
		expect 1 "/nowhere" runk create --bundle "$work/nowhere" x &&
		oci noroot '.root.path = "nope"' true && expect 1 "rootfs '$work/noroot/nope'" runk run --bundle "$work/noroot" x &&
		oci nons '.linux.namespaces = []' true && expect 1 "hostname 'kata-test' needs a uts namespace" runk run --bundle "$work/nons" x &&
		oci notty '.process.terminal = true' true && expect 1 'without setting console socket' runk create --bundle "$work/notty" x &&
		echo '{' >"$work/notty/config.json" && expect 1 "config.json': " runk create --bundle "$work/notty" x &&
		expect 1 "is not 'slice:prefix:name'" runk --systemd-cgroup create --bundle "$work/true" x &&
		expect 1 "pid file '/nowhere/pid'" runk create --bundle "$work/true" --pid-file /nowhere/pid x &&
		prints '' ls "$work/state"
}

# The interpreter is missed only when the kernel executes the script.
late_failure() {
	printf '#!/no/such/interpreter\n' >"$work/rootfs/bin/late" && chmod 755 "$work/rootfs/bin/late" &&
		oci late . late && runk create --bundle "$work/late" late </dev/null >/dev/null &&
		expect 1 "execute '/bin/late': its interpreter was not found" runk start late &&
		retry_until status_is stopped late && runk delete late &&
		expect 1 'its interpreter was not found' runk run --bundle "$work/late" late
}

usage() {
	expect 1 "No help topic for 'foo'" runk foo && expect 1 'flag provided but not defined: -foo' runk create --foo &&
		expect 1 'requires exactly 1 argument' runk create && expect 1 'exactly 1 argument' runk start a b &&
		expect 1 'flag needs an argument' runk create --bundle && expect 1 'log-format' runk --log-format xml state x &&
		expect 0 'runk version' runk --version && expect 0 'COMMANDS' runk --help && expect 0 '--pid-file' runk create --help
}

logs() {
	expect 1 'container does not exist' runk --log "$work/log" --log-format json state "no" &&
		jq -e '.level == "error" and (.msg | startswith("container does not exist"))' "$work/log"
}

# Paths of the command line are where the caller is, not where the bundle is.
relative_paths() {
	mkdir -p "$work/here" && cd "$work/here" && oci rel . true && timeout 20 "$runk_bin" --root roots --log log create --bundle ../rel --pid-file pid rel </dev/null >/dev/null 2>&1 &&
		[ "$(cat pid)" = "$("$runk_bin" --root roots state rel | jq .pid)" ] && expect 1 'already exists' "$runk_bin" --root roots --log log create --bundle ../rel rel &&
		grep -q 'already exists' log && "$runk_bin" --root roots start rel && "$runk_bin" --root roots delete --force rel && prints config.json ls ../rel
}

preserved() {
	oci fds . sh -c 'cat <&3; ls /proc/self/fd | wc -w' &&
		prints $'three\n5' runk run --bundle "$work/fds" --preserve-fds 1 fds 3< <(echo three) &&
		expect 1 'fd 5 is not open' runk run --bundle "$work/fds" --preserve-fds 3 fds 3</dev/null 4</dev/null
}

# What a joined namespace makes of its caller must not reach runk itself.
joined() {
	local pid
	oci first . sleep 1000 && runk run -d --bundle "$work/first" first </dev/null >/dev/null || return
	pid=$(field pid first)
	oci second ".linux.namespaces |= map(if .type == \"network\" or .type == \"ipc\" or .type == \"pid\" then .path = \"/proc/$pid/ns/\"
		+ ({network: \"net\", ipc: \"ipc\", pid: \"pid\"}[.type]) else . end)" sh -c 'readlink /proc/self/ns/net; kill -0 1' &&
		prints "$(readlink "/proc/$pid/ns/net")" runk run --bundle "$work/second" second && runk delete -f first
}

# Without a mount namespace the container stays in ours, where nothing may be left; ours is one of the test's own.
in_our_mounts() {
	local bare='.linux.namespaces |= map(select(.type != "mount"))' mine
	oci bare "$bare" sh -c 'readlink /proc/self/ns/mnt; pwd; test -e /bin/busybox; touch /dev/null; ls /proc/1/cmdline; cat /proc/sys/kernel/hostname' || return
	oci bared "$bare" sleep 1000 || return
	cat >"$work/bare.sh" <<-END
		runk="timeout 30 $runk_bin --root $work/state"
		before=\$(wc -l </proc/self/mountinfo)
		[ "\$(\$runk run --bundle $work/bare bare)" = "\$(readlink /proc/self/ns/mnt)
		/
		/proc/1/cmdline
		kata-test" ] || echo "it does not see what it should"
		[ "\$before" = "\$(wc -l </proc/self/mountinfo)" ] || echo "mounts are left after run"
		\$runk run -d --bundle $work/bared bared </dev/null >/dev/null 2>&1
		[ "\$(\$runk exec bared sh -c 'readlink /proc/self/ns/mnt; readlink /proc/1/cwd; test -e $work || echo hidden')" = "\$(readlink /proc/self/ns/mnt)
		/
		hidden" ] || echo "exec is elsewhere"
		\$runk delete --force bared
		[ "\$before" = "\$(wc -l </proc/self/mountinfo)" ] || echo "mounts are left after delete"
		mount --bind $work/rootfs $work/rootfs
		jq '.process.args = ["nope"]' $work/bare/config.json >$work/bare/new && mv $work/bare/new $work/bare/config.json
		\$runk run --bundle $work/bare bare 2>/dev/null && echo "it ran"
		[ "\$((before + 1))" = "\$(wc -l </proc/self/mountinfo)" ] || echo "somebody else's mount is gone, or ours is left"
	END
	prints '' unshare --mount --propagation private sh "$work/bare.sh"
}

userns() {
	chmod -R a+rX "$work/rootfs" &&
		oci user '.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 200000, size: 65536}]
			| .linux.gidMappings = .linux.uidMappings' sh -c 'id -u; cat /proc/self/uid_map | tr -s " "' &&
		prints $'0\n 0 200000 65536' runk run --bundle "$work/user" user
}

# Each kind of hook writes its name, the status it was told, and what it sees.
hooks() {
	local kind filter='.hooks = {}'
	cat >"$work/hook" <<'END'
#!/bin/sh
state=$(cat)
status=${state#*\"status\":\"}; status=${status%%\"*}
echo "$1 $status $(hostname)" >>"$2"
END
	chmod 755 "$work/hook"
	cp "$work/hook" "$work/rootfs/bin/hook"
	for kind in prestart createRuntime createContainer poststart poststop; do
		filter+=" | .hooks.$kind = [{path: \"$work/hook\", args: [\"hook\", \"$kind\", \"$work/hooks.txt\"], env: [\"PATH=/bin:/usr/bin\"]}]"
	done
	filter+=" | .hooks.startContainer = [{path: \"/bin/hook\", args: [\"hook\", \"startContainer\", \"/tmp/hooks\"], env: [\"PATH=/bin\"]}]"
	oci hooks "$filter" true && runk create --bundle "$work/hooks" hooks </dev/null >/dev/null && test ! -e "$work/rootfs/tmp/hooks" &&
		runk start hooks && retry_until status_is stopped hooks && runk delete hooks || return
	prints "prestart creating createRuntime creating createContainer creating poststart running poststop stopped" \
		sh -c "cut -d ' ' -f 1,2 <'$work/hooks.txt' | xargs" &&
		prints 'startContainer created kata-test' cat "$work/rootfs/tmp/hooks" &&
		grep -q 'createContainer creating kata-test' "$work/hooks.txt" && ! grep -q 'poststart running kata-test' "$work/hooks.txt"
}

hook_fails() {
	oci badhook '.hooks = {createRuntime: [{path: "/bin/sh", args: ["sh", "-c", "echo it broke >&2; exit 3"]}],
		poststop: [{path: "/bin/sh", args: ["sh", "-c", "echo stopped >'"$work/badhook.txt"'"]}]}' true &&
		expect 1 'it broke' runk create --bundle "$work/badhook" badhook && test -e "$work/badhook.txt" &&
		expect 1 'does not exist' runk state badhook || return
	oci lateok '.hooks = {poststart: [{path: "/bin/false"}]}' true && expect 0 'poststart' runk run --bundle "$work/lateok" lateok
}

# A user inside of a user namespace, as podman makes one: no devices, no cgroup.
rootless() {
	mkdir -p "$work/user" "$work/userstate" && chown 65534:65534 "$work/userstate" && oci less 'del(.linux.cgroupsPath)
		| .linux.namespaces |= map(select(.type != "network")) | .mounts |= map(select(.destination | startswith("/sys") | not))
		| .mounts |= map(.options -= ["gid=5"])' \
		sleep 1000 && chmod -R a+rX "$work/less" "$work/rootfs" || return
	cp "$runk_bin" "$work/runk"
	cat >"$work/rootless.sh" <<-END
		runk="$work/runk --root $work/userstate"
		\$runk run -d --bundle $work/less less </dev/null >/dev/null 2>&1 && \$runk exec less sh -c 'echo uid \$(id -u)' || exit
		\$runk pause less 2>&1 | grep -o 'has no cgroup'
		\$runk delete --force less && ls $work/userstate
	END
	chmod 755 "$work" "$work/runk" && prints $'uid 0\nhas no cgroup' timeout 30 "${as_user[@]}" unshare --map-root-user --mount sh "$work/rootless.sh"
}

# Root of a user namespace has his states where the user has them, but for who says that he is root.
rootless_states() {
	local list=(timeout 30 "${as_user[@]}" unshare --map-root-user env -u USER "XDG_RUNTIME_DIR=$work/run")
	mkdir -p "$work/run/runk/known" && chown -R 65534:65534 "$work/run" && prints known "${list[@]}" "$work/runk" list -q &&
		prints known "${list[@]}" USER=user "$work/runk" list -q && ! "${list[@]}" USER=root "$work/runk" list -q | grep known
}

# A plain user: runk makes the user namespace, that of the specification or one of its own.
plain_user() {
	local user=(timeout 30 "${as_user[@]}" "$work/runk" --root "$work/userstate") pid
	mkdir -p "$work/plain" && "${user[@]}" spec --rootless --bundle "$work/plain" 2>/dev/null || chown 65534:65534 "$work/plain" &&
		"${user[@]}" spec --rootless --bundle "$work/plain" && cp "$work/plain/config.json" "$work/example" || return
	plain '.process.args = ["sh", "-c", "id -u; tr -s \" \" </proc/self/uid_map; cat /proc/self/setgroups; cat /proc/sys/kernel/hostname; exit 4"]' || return
	expect 4 $'0\n 0 65534 1\ndeny\nrunk' "${user[@]}" run --bundle "$work/plain" plain || return
	plain '.process.args = ["sleep", "1000"]' && "${user[@]}" run -d --bundle "$work/plain" plain </dev/null >/dev/null 2>&1 || return
	pid=$("${user[@]}" state plain | jq .pid) && prints "$(readlink "/proc/$pid/ns/user")$(readlink "/proc/$pid/ns/mnt")" \
		"${user[@]}" exec plain sh -c 'readlink -n /proc/self/ns/user; readlink -n /proc/self/ns/mnt' && expect 3 '' "${user[@]}" exec plain sh -c 'exit 3' &&
		expect 1 'has no cgroup' "${user[@]}" pause plain && prints nobody sh -c '"$@" state plain | jq -r .owner' sh "${user[@]}" || return
	"${user[@]}" kill plain KILL && retry_until sh -c "'$runk_bin' --root '$work/userstate' state plain | grep -q stopped" && "${user[@]}" delete plain &&
		prints '' ls "$work/userstate" || return
	plain 'del(.linux.uidMappings, .linux.gidMappings) | .linux.namespaces |= map(select(.type != "user")) | .process.args = ["id", "-u"]' &&
		expect 0 'has no user namespace, one is made' "${user[@]}" run --bundle "$work/plain" plain
}

# The example of `spec --rootless`, changed.
plain() {
	jq '.process.terminal = false | .root.path = "'"$work/rootfs"'" | '"$1" "$work/example" >"$work/plain/config.json"
}

# More than the caller's own ids: newuidmap, as /etc/subuid lets it. The files are ours, in a mount namespace of our own.
subordinate() {
	for file in uid gid; do echo '65534:300000:1000' >"$work/sub$file"; done
	plain '.linux.uidMappings += [{containerID: 1, hostID: 300000, size: 1000}] | .linux.gidMappings += [{containerID: 1, hostID: 300000, size: 1000}]
		| .process.user = {uid: 7, gid: 8} | .process.args = ["sh", "-c", "id -u; tr -s \" \" </proc/self/uid_map; cat /proc/self/setgroups"]' || return
	prints $'7\n 0 65534 1\n 1 300000 1000\nallow' unshare --mount sh -c 'mount --bind "$1/subuid" /etc/subuid && mount --bind "$1/subgid" /etc/subgid && shift && exec "$@"' \
		sh "$work" timeout 30 "${as_user[@]}" "$work/runk" --root "$work/userstate" run --bundle "$work/plain" plain || return
	: >"$work/subuid"
	expect 1 "'newuidmap' could not map" unshare --mount sh -c 'mount --bind "$1/subuid" /etc/subuid && mount --bind "$1/subgid" /etc/subgid && shift && exec "$@"' \
		sh "$work" timeout 30 "${as_user[@]}" "$work/runk" --root "$work/userstate" run --bundle "$work/plain" plain && prints '' ls "$work/userstate"
}

begin_runk
oci true . true
check 'a container lives from create to delete' lifecycle
check 'the state is OCI state' oci_state
check 'delete --force' force
check 'output and exit status of run' expect 7 'hello 3' run_in out . sh -c 'echo hello $((1 + 2)); exit 7'
check 'signals reach the process' signals
check 'run forwards signals' forwarded
check 'a pid that came again is not signalled' pid_reuse
check 'a killed creator leaves nothing' killed_creator
check 'many of one name at once' together
check 'ids that are none' ids
check 'what is wrong with a bundle' errors
check 'a program that cannot be executed' late_failure
check 'usage' usage
check 'log as JSON' logs
check 'relative paths' relative_paths
check 'fds that are handed on' preserved
check 'namespaces of another container' joined
check 'no mount namespace' in_our_mounts
check 'a user namespace' userns
check 'rootless' rootless
check "where a user's states are" rootless_states
check 'a plain user' plain_user
check 'subordinate ids' subordinate
check 'hooks of all kinds' hooks
check 'hooks that fail' hook_fails
finish_runk
