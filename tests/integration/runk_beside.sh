#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# runk beside runc on the same bundles and command lines: exit status and output have to be the same. What runc answers is
# asked of it here and now, so that no row knows more than what it asks.
. "$(dirname "$0")/../lib/integration.sh"
. "$top/tests/lib/bundle.sh"
. "$top/tests/lib/runk.sh"

runc_bin=$(PATH=$PATH:/usr/sbin:/sbin command -v runc || true)

by() {
	local which=$1 bin=$runk_bin
	shift
	[ "$which" = runk ] || bin=$runc_bin
	timeout -k 5 60 "$bin" --root "$work/state.$which" "$@"
}

# One runtime's answer: the output, and the exit status behind it. Numbers of processes are nobody's fault.
answer() {
	local status=0
	by "$@" </dev/null 2>"$work/stderr.$1" || status=$?
	echo "status $status"
}

same() {
	local runk runc
	runk=$(answer runk "$@")
	runc=$(answer runc "$@")
	[ "$runk" = "$runc" ] || {
		echo "runc: $runc $(tail -n 1 "$work/stderr.runc")"
		echo "runk: $runk $(tail -n 1 "$work/stderr.runk")"
		return 1
	}
}

# runc prints its help behind a mistake, to standard output; of that only the status counts.
mistaken() {
	local runk runc
	runk=$(answer runk "$@" | tail -n 1)
	runc=$(answer runc "$@" | tail -n 1)
	[ "$runk" = "$runc" ] || { echo "$*: runc $runc, runk $runk"; return 1; }
}

# row FILTER [ARG]...: runs the bundle under both.
row() {
	oci row "$@" && same run --bundle "$work/row" row
}

processes() {
	row . sh -c 'echo "$(id -u):$(id -g) $(id -G) $(pwd) $(umask)"; env | sort; exit 7' &&
		row '.process.user = {uid: 1000, gid: 1001, additionalGids: [5, 7]}' sh -c 'id; echo $HOME; touch /f' &&
		row '.process.cwd = "/made/here"' pwd && row '.process.cwd = "/etc/passwd"' true && row '.process.cwd = "a"' true &&
		row . nope && row . /nope && row . /etc/passwd && row . /etc && row '.process.args = []' && row . ./bin/true &&
		row . sh -c 'kill -9 $$' && row '.process.oomScoreAdj = 300' cat /proc/self/oom_score_adj &&
		row '.process.rlimits = [{type: "RLIMIT_NOFILE", hard: 100, soft: 50}]' grep files /proc/self/limits &&
		row '.process.rlimits = [{type: "RLIMIT_FOO", hard: 1, soft: 1}]' true && row '.process.noNewPrivileges = true' grep NoNew /proc/self/status
}

caps() {
	local sets='{bounding: $c, effective: $c, permitted: $c}'
	row "[\"CAP_KILL\"] as \$c | .process.capabilities = $sets" grep Cap /proc/self/status &&
		row "[\"CAP_KILL\", \"CAP_FLY\"] as \$c | .process.capabilities = $sets" grep Cap /proc/self/status &&
		grep -q 'ignoring unknown or unavailable capabilities: \[CAP_FLY\]' "$work/stderr.runk" &&
		row '.process.capabilities = {ambient: ["CAP_KILL"]}' grep Cap /proc/self/status &&
		row '.process.capabilities = {effective: ["CAP_KILL"]}' true
}

mounts() {
	local look="grep ' /m' /proc/self/mountinfo | cut -d ' ' -f 5,6; ls /m; touch /m/new && rm /m/new" o
	mkdir -p "$work/source/below" && touch "$work/source/file" || return
	for o in '"bind"' '"rbind","ro"' '"bind","nosuid","nodev","noexec"' '"rbind","rro"' '"rbind","rslave"' '"bind","frob"'; do
		row ".mounts += [{destination: \"/m\", type: \"bind\", source: \"$work/source\", options: [$o]}]" sh -c "$look" || return
	done
	for o in m tmp/../m /../../m //m/./; do
		row ".mounts += [{destination: \"$o\", type: \"bind\", source: \"$work/source\", options: [\"bind\"]}]" sh -c "$look" || return
	done
	row '.mounts += [{destination: "/m", type: "tmpfs", source: "t", options: ["size=1m", "mode=1777", "uid=5"]}]' sh -c "$look; ls -ldn /m | cut -c 1-24" &&
		row '.mounts += [{destination: "/m", type: "frob", source: "t"}]' true && row ".mounts += [{destination: \"/m\", source: \"/nowhere\", options: [\"bind\"]}]" true &&
		row ".mounts += [{destination: \"/etc/passwd\", type: \"bind\", source: \"$work/source/file\", options: [\"bind\"]}]" wc -c /etc/passwd &&
		row '.mounts += [{destination: "/proc/self", type: "tmpfs", source: "t"}]' true && row '.root.readonly = true' touch /x &&
		row '.linux.maskedPaths = ["/etc/passwd", "/home"] | .linux.readonlyPaths = ["/tmp"]' sh -c 'wc -c </etc/passwd; touch /tmp/x'
	rmdir "$work/rootfs/m"
}

# A node gives no right; a rule does. Devices lie where they are asked for.
devices() {
	local d='.linux.devices = [{path: "/dev/f", type: "c", major: 10, minor: 229, fileMode: 438}]' open='exec 3</dev/f && echo read; exec 4>/dev/f'
	row "$d"' | .linux.resources.devices = [{allow: false, access: "rwm"}, {allow: true, type: "c", major: 10, minor: 229, access: "r"}]' sh -c "$open" &&
		row "$d"' | .linux.resources.devices = [{allow: false, access: "rwm"}]' sh -c "$open" &&
		row '.linux.devices = [{path: "/out/side", type: "c", major: 1, minor: 3, fileMode: 384, uid: 3, gid: 4}]' sh -c 'ls -ln /out/side | cut -c 1-36; echo x >/out/side' &&
		row '.linux.devices = [{path: "/dev/f", type: "z", major: 1, minor: 3}]' true && rm -r "$work/rootfs/out"
}

refusals() {
	row '.linux.namespaces += [{type: "frob"}]' true && row '.linux.namespaces += [{type: "pid"}]' true &&
		row '.linux.namespaces |= map(select(.type != "uts"))' true && row '.linux.sysctl = {"kernel.frob": "1"}' true &&
		row '.linux.sysctl = {"net.ipv4.ip_forward": "1"}' cat /proc/sys/net/ipv4/ip_forward && row '.linux.rootfsPropagation = "frob"' true &&
		row '.process.apparmorProfile = "frob"' true && row '.process.selinuxLabel = "a:b:c"' true && row '.root.path = "/nowhere"' true &&
		row 'del(.process)' true && row 'del(.root)' true && row '.process.user.uid = "a"' true && row '.process.user.uid = -1' true &&
		row '.linux.uidMappings = [{containerID: 0, hostID: 1, size: 0}] | .linux.namespaces += [{type: "user"}]' true
}

# Without a container, or with the wrong words.
words() {
	local verb
	for verb in state start delete pause resume ps kill update events exec; do
		same "$verb" nobody && same "$verb" "" && same "$verb" ../x || return
	done
	same delete --force nobody && same kill nobody FROB && same list && same list -q && same list -f frob && mistaken create a b &&
		mistaken spec extra && same --log-format frob list && same --log /nowhere/log list
}

statuses() {
	local which
	for which in runk runc; do
		by "$which" state "$1" | jq -r .status
	done | uniq
}

both() {
	by runk "$@" </dev/null >/dev/null 2>&1 && by runc "$@" </dev/null >/dev/null 2>&1
}

# Each has a container of this name, since each has its own directory of states; the cgroup is not the same.
life() {
	local which
	for which in runk runc; do
		oci "life.$which" . sleep 1000 && by "$which" create --bundle "$work/life.$which" life </dev/null >/dev/null 2>&1 || return
	done
	prints created statuses life && same kill life 0 && same delete nobody && both pause life && prints paused statuses life &&
		both resume life && prints created statuses life && both start life && prints running statuses life && same start life &&
		same delete life && same kill life FROB && same kill life 99 && same kill life 0 && both pause life && prints paused statuses life &&
		same pause life && same start life && same exec life true && same delete life || return
	both kill life KILL && retry_until prints stopped statuses life && for which in start pause resume; do
		same "$which" life || return
	done && same kill life && same exec life true && both delete life && same delete life
}

execs() {
	local which
	for which in runk runc; do
		oci "box.$which" '.process.cwd = "/tmp" | .process.user.additionalGids = [7]' sleep 1000 &&
			by "$which" run -d --bundle "$work/box.$which" box </dev/null >/dev/null 2>&1 || return
	done
	same exec box sh -c 'echo "$(id) $(pwd)"; env | sort; exit 3' && same exec box nope && same exec box /nope && same exec box /etc/passwd && same exec box &&
		same exec -u 1000:5 --cwd /etc -e A=1 -e B=2 box sh -c 'echo "$(id -u):$(id -g) $(pwd) $A $B"' && same exec -u root box true &&
		same exec -u '' box id -u && same exec --cwd rel box true && same exec --cap CAP_FLY box grep CapEff /proc/self/status &&
		same exec --no-new-privs box grep NoNew /proc/self/status && same exec --apparmor frob box true && same exec -d -t box true &&
		same exec -- box echo x && same exec box echo -u x && same exec --process /nowhere box && mistaken exec --frob box true &&
		same exec box sh -c 'kill -9 $$' && same ps -f frob box && same update --memory frob box && mistaken update --pids-limit frob box && same update --pids-limit 20 box &&
		same update --cpuset-cpus frob box && same update -r /nowhere box && same events --interval 0s box || return
	both delete --force box
}

cleanup_runc() {
	local id
	for id in "$work"/state.*/*; do
		[ ! -d "$id" ] || { "$runk_bin" --root "$work/state.runk" delete --force "${id##*/}"; "$runc_bin" --root "$work/state.runc" delete --force "${id##*/}"; } 2>/dev/null
	done
	# It leaves the cgroup above its containers' where it made one.
	find /sys/fs/cgroup -maxdepth 2 -type d -name "$group" -exec rmdir {} + 2>/dev/null
	return 0
}

begin_runk
if [ -z "$runc_bin" ]; then
	echo "skip runk_beside: no runc to compare with"
	finish_runk
fi
check 'processes' processes
check 'capabilities' caps
check 'mounts' mounts
check 'devices' devices
check 'refusals' refusals
check 'words on the command line' words
check 'life cycle' life
check 'exec, ps, update, events' execs
cleanup_runc
finish_runk
