# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The gauntlet's rows: hostile images, bundles and requests, one function an advisory. A row returns 0 if the attack came
# to nothing, 1 with a line "BREACH: what" if it worked; anything else is a row that does not work. $outside stands for
# the host; it is in the caller's work directory, so that a build without the defence does no harm.

# shellcheck disable=SC2154 # work, group and runk_bin are the libraries'

outside=$work/outside
image=$work/image
no_dev='.mounts |= map(select(.destination | startswith("/dev") | not))'
all_caps='["CAP_CHOWN","CAP_DAC_OVERRIDE","CAP_FOWNER","CAP_KILL","CAP_MKNOD","CAP_SETGID","CAP_SETUID","CAP_SYS_ADMIN","CAP_SYS_PTRACE","CAP_NET_ADMIN","CAP_SYS_CHROOT"]'
powerful=".process.capabilities |= map_values($all_caps)"

breach() {
	echo "BREACH: $*"
	return 1
}

# A fresh image whose files CHANGE (a shell command inside of it) has changed; what is outside has one file.
image() {
	rm -rf "$image" "$outside"
	cp -a "$work/rootfs" "$image"
	mkdir "$outside"
	echo secret >"$outside/secret"
	(cd "$image" && eval "$1")
}

# hostile FILTER ARG...: runs a container of the image; what it says is in $said, its status in $status.
hostile() {
	local filter=".root.path = \"$image\" | $1"
	shift
	status=0
	if [ "$via" = agent ]; then
		bundle hostile "$filter" "$@" || return 2
		said=$(kata run --id hostile --bundle "$work/hostile" 2>&1 </dev/null) || status=$?
		return 0
	fi
	oci hostile "$filter" "$@" || return 2
	# A file: what hangs in there would hold a pipe open.
	runk run --bundle "$work/hostile" hostile >"$work/said" 2>&1 </dev/null || status=$?
	said=$(<"$work/said")
	[ ! -e "$work/state/hostile" ] || "$runk_bin" --root "$work/state" delete --force hostile >/dev/null 2>&1
}

# The container that others of a row meet: lives FILTER ARG...
lives() {
	local filter=$1
	shift
	oci lives ".root.path = \"$image\" | $filter" "$@" || return 2
	runk run -d --bundle "$work/lives" lives </dev/null >"$work/lives.out" 2>&1 || { cat "$work/lives.out"; return 2; }
}

gone() {
	"$runk_bin" --root "$work/state" delete --force lives >/dev/null 2>&1
}

untouched() {
	[ "$(find "$outside" -mindepth 1 | sort)" = "$outside/secret" ] || breach "made outside: $(ls -A "$outside")" || return
	[ "$(cat "$outside/secret")" = secret ] || breach 'written outside'
}

# refused CHANGE FILTER: the container does not run, and nothing is made outside.
refused() {
	image "$1" || return 2
	hostile "$2" echo ran || return
	untouched || return
	[[ $said != *ran* ]] || breach "it ran: $1"
}

# --- paths of the image ----------------------------------------------------------------------------------------------

proc_symlink() {
	refused 'rmdir proc && mkdir fake && ln -s fake proc' .
}

proc_symlink_volume() {
	mkdir -p "$work/volume/proc"
	refused 'rmdir proc && mkdir -p v/proc && ln -s v/proc proc' \
		".mounts = [{destination: \"/v\", type: \"bind\", source: \"$work/volume\", options: [\"bind\"]}] + .mounts"
}

dev_symlink() {
	refused "rmdir dev && ln -s tmp dev" . && refused "rmdir dev && ln -s $outside dev" "$no_dev" &&
		refused "rmdir dev && ln -s ../../../../../..$outside dev" "$no_dev"
}

sys_symlink() {
	refused 'rmdir sys && mkdir fake && ln -s fake sys' .
}

mount_target() {
	local link
	for link in "$outside" "../../../../../../..$outside"; do
		image "ln -s $link volume" || return 2
		hostile '.mounts += [{destination: "/volume/below", type: "tmpfs", source: "t"}]' true
		untouched || return
	done
}

mount_target_file() {
	image "ln -s $outside volume" || return 2
	hostile '.mounts += [{destination: "/volume/file", type: "bind", source: "/etc/passwd", options: ["bind"]}]' true
	untouched
}

# A process that swaps a directory of a shared volume for a symlink while others are mounted into it.
mount_race() {
	local volume=$work/volume i racer
	image : && rm -rf "$volume" && mkdir -p "$volume" || return 2
	(cd "$volume" && while [ -d "$image" ] && [ ! -e "$work/stop" ]; do mkdir x; rmdir x; ln -s "$outside" x; rm -rf x; done) 2>/dev/null &
	racer=$!
	for ((i = 0; i < 20; i++)); do
		hostile ".mounts += [{destination: \"/v\", type: \"bind\", source: \"$volume\", options: [\"bind\"]},
			{destination: \"/v/x/below\", type: \"tmpfs\", source: \"t\"}]" true
		untouched >"$work/raced" || break
	done
	kill "$racer"
	wait "$racer" 2>/dev/null
	rm -rf "$volume"
	if [ -s "$work/raced" ]; then cat "$work/raced"; return 1; fi
}

device_node() {
	refused "mkdir -p dev && ln -s $outside dev/below" "$no_dev | .linux.devices = [{path: \"/dev/below/x\", type: \"c\", major: 1, minor: 3}]" || return
	refused : '.linux.devices = [{path: "/dev/../etc/x", type: "c", major: 1, minor: 3}]'
}

procfs_alias() {
	image 'ln -s proc alias' || return 2
	hostile '.mounts += [{destination: "/alias/sys", type: "tmpfs", source: "t"}]' sh -c 'ls /proc/sys | wc -l'
	[ "$status" != 0 ] || breach "a mount inside /proc: $said"
}

procfs_volume() {
	refused : '.mounts += [{destination: "/proc/self/attr", type: "tmpfs", source: "t"}]' &&
		refused : '.mounts += [{destination: "/proc/sys", type: "tmpfs", source: "t"}]'
}

# A volume poses as /proc; what is written to a key of /proc/sys must not end there.
fake_procfs() {
	local fake=$work/fake
	rm -rf "$fake" && mkdir -p "$fake/sys/net/ipv4" && echo 7 >"$fake/sys/net/ipv4/ip_forward" && image : || return 2
	hostile ".mounts |= map(if .destination == \"/proc\" then {destination: \"/proc\", type: \"bind\", source: \"$fake\", options: [\"bind\"]}
		else . end) | .linux.maskedPaths = [] | .linux.readonlyPaths = [] | .linux.sysctl = {\"net.ipv4.ip_forward\": \"1\"}" true
	[ "$(cat "$fake/sys/net/ipv4/ip_forward")" = 7 ] || breach 'a forged file got what was meant for the kernel'
}

passwd_file() {
	local change
	for change in 'ln -s passwd etc/passwd' 'mkfifo etc/passwd' 'ln -s /dev/zero etc/passwd' 'truncate -s 3G etc/passwd' \
		"ln -s $outside/passwd etc/passwd"; do
		image "rm etc/passwd && $change" || return 2
		echo 'own:x:7:7::/owned:/bin/sh' >"$outside/passwd"
		KATA_TIMEOUT=10 hostile '.process.user.uid = 7' sh -c 'echo HOME=$HOME' || return
		# Who waits for the pipe is let go, and taken away.
		[ "$status" != 124 ] || timeout 5 sh -c ": >'$image/etc/passwd'"
		[ "$status" != 124 ] || [ "$via" = runk ] || retry_until kata rm -f hostile
		[ "$said" = HOME=/ ] || breach "$change: $said" || return
	done
}

# --- masks and read-only paths ---------------------------------------------------------------------------------------

forged_null() {
	image 'echo hidden >etc/shadow && ln -s ../etc/passwd dev/null' || return 2
	hostile "$no_dev | .linux.maskedPaths = [\"/etc/shadow\"]" sh -c 'cat /etc/shadow; echo owned >>/etc/shadow; cat /etc/passwd'
	[[ $said != *owned* && $said != *root:* ]] || breach 'the mask shows what the image wants'
}

masked_directory() {
	image 'mkdir -p hidden && echo secret >hidden/x' || return 2
	hostile '.linux.maskedPaths = ["/hidden", "/proc/acpi", "/sys/firmware"]' sh -c 'cat /hidden/x; ls /proc/acpi /sys/firmware; touch /hidden/y && echo written'
	[[ $said != *secret* && $said != *written* && $said != *acpi/* ]] || breach "a masked directory shows: $said"
}

masked_proc() {
	image : || return 2
	hostile '.linux.maskedPaths = ["/proc/keys", "/proc/kcore", "/proc/timer_list", "/proc/version"]' cat /proc/version /proc/keys
	[ "$status$said" = 0 ] || breach "a masked file shows: $said"
}

readonly_proc() {
	image : || return 2
	hostile "$powerful | .linux.sysctl = {}" sh -c \
		'echo kata-test-owned >/proc/sys/kernel/domainname; mount -o remount,rw /proc/sys 2>/dev/null && echo kept; cat /proc/sys/kernel/domainname'
	[[ $said != *$'\nkata-test-owned'* && $said != kata-test-owned* ]] || breach "a read-only path was written: $said"
}

readonly_volume() {
	image 'mkdir v' || return 2
	hostile ".mounts += [{destination: \"/v\", type: \"bind\", source: \"$outside\", options: [\"rbind\", \"ro\"]}]" \
		sh -c 'echo owned >/v/secret; touch /v/new'
	untouched
}

readonly_root() {
	image : || return 2
	hostile '.root.readonly = true' sh -c 'touch /owned && echo owned'
	[[ $said != *owned$'\n'* && ! -e $image/owned ]] || breach 'the rootfs was written'
}

# Who may unmount his root, or enters his mount namespace anew, comes to what is there without it: nothing, or what was
# there before.
namespace_bottom() {
	image : || return 2
	hostile "$powerful" sh -c "nsenter -m/proc/self/ns/mnt cat $outside/secret; cd /proc/self; umount -l / && echo gone
		nsenter -mns/mnt cat $outside/secret; echo end"
	[[ $said == *gone*end* ]] || { echo "the attack did not run: $said"; return 2; }
	! grep -qx secret <<<"$said" || breach 'the creator'"'"'s root is still there'
}

console_symlink() {
	image "mkdir -p dev && ln -s ../etc/passwd dev/console" || return 2
	oci hostile ".root.path = \"$image\" | $no_dev | .process.terminal = true" sh -c 'test -c /etc/passwd && echo taken; echo ran' || return 2
	said=$(script -qec "exec '$runk_bin' --root '$work/state' run --bundle '$work/hostile' hostile" /dev/null 2>&1 </dev/null)
	"$runk_bin" --root "$work/state" delete --force hostile >/dev/null 2>&1
	[[ $said == *neither* || $said == *ran* ]] || { echo "$said"; return 2; }
	[[ $said != *taken* ]] || breach "the terminal was mounted where the image wants: $said"
}

# --- devices ---------------------------------------------------------------------------------------------------------

# The disk of the machine (in a guest: its own root) by a node that the container makes.
disk_node() {
	local disk
	disk=$(awk 'NR > 2 && $4 ~ /^(vd|sd|nvme|xvd|loop)/ { print $1, $2; exit }' /proc/partitions)
	image : || return 2
	hostile "$powerful" sh -c "mknod /disk b ${disk:-7 0} && probe open /disk; mknod /kvm c 10 232 && probe open /kvm; mknod /mem c 1 1 && probe open /mem"
	[ "$(grep -c -x EPERM <<<"$said")" = 3 ] || breach "a node of the host's was opened: $said"
}

# --- the process -----------------------------------------------------------------------------------------------------

leaked_cwd() {
	local fd
	image 'mkdir -p proc' || return 2
	for fd in {3..12}; do
		hostile ".process.cwd = \"/proc/self/fd/$fd\"" sh -c 'cat secret ./secret ../outside/secret' 9<"$outside"
		[[ $said != *$'secret\n'* && $said != secret ]] || breach "the working directory is the host's fd $fd" || return
	done
}

leaked_cwd_exec() {
	local fd got
	image : && lives . sleep 60 || return 2
	for fd in {3..12}; do
		got=$(runk exec --cwd "/proc/self/fd/$fd" lives sh -c 'cat secret' 2>/dev/null 9<"$outside")
		[ "$got" != secret ] || break
	done
	gone
	[ "$got" != secret ] || breach "the working directory is the host's fd $fd"
}

leaked_fds() {
	image : || return 2
	hostile . sh -c 'ls /proc/self/fd | wc -l' 9<"$outside" 11</etc/passwd
	[ "$said" = 4 ] || breach "$said fds instead of 4"
}

# A library of the image's runs inside of the program that makes containers, and keeps that program open for writing.
own_program() {
	local copy=$work/runk-copy lib
	cp "$runk_bin" "$copy" && image : || return 2
	while read -r lib; do install -D "$lib" "$image/$lib"; done < <(ldd "$copy" | grep -o '/[^ ]*')
	cp "$work/evil.so" "$image/evil.so"
	oci hostile ".root.path = \"$image\" | .process.env += [\"LD_PRELOAD=/evil.so\"]" /proc/self/exe || return 2
	timeout 30 "$copy" --root "$work/state" run -d --bundle "$work/hostile" hostile >"$work/said" 2>&1 </dev/null
	# The file is busy until its last user is gone, so the attack takes some moments.
	retry_until grep -q over "$work/said"
	"$runk_bin" --root "$work/state" delete --force hostile >/dev/null 2>&1
	grep -q loaded "$work/said" || { echo "the attack did not run: $(cat "$work/said")"; return 2; }
	cmp -s "$runk_bin" "$copy" || breach "runk was overwritten"
}

# A process that is being started into a pid namespace where a hostile one waits for it.
parked_process() {
	local pid r=0
	image : && lives '.process.capabilities |= map_values(. - ["CAP_SYS_PTRACE"])' \
		sh -c 'while :; do for p in /proc/[0-9]*; do [ $p = /proc/1 ] || [ $p = /proc/$$ ] || readlink $p/exe; done; done' || return 2
	pid=$(field pid lives)
	oci parked ".root.path = \"$image\" | .linux.namespaces |= map(if .type == \"pid\" then .path = \"/proc/$pid/ns/pid\" else . end)" true || return 2
	runk create --bundle "$work/parked" parked </dev/null >/dev/null || r=2
	sleep 0.5
	"$runk_bin" --root "$work/state" delete --force parked >/dev/null 2>&1
	gone
	[ "$r" = 0 ] || return "$r"
	[ ! -s "$work/lives.out" ] || breach "a process was looked into: $(head -n 1 "$work/lives.out")"
}

capability_list() {
	local said
	image 'echo 3 >three' && lives "$powerful" sh -c 'mount -o remount,rw /proc/sys; mount --bind /three /proc/sys/kernel/cap_last_cap && echo forged; sleep 60' || return 2
	retry_until grep -q forged "$work/lives.out" || { gone; return 2; }
	jq '{user: {uid: 0, gid: 0}, args: ["sh", "-c", "grep CapBnd /proc/self/status"], env: ["PATH=/bin"], cwd: "/",
		capabilities: {bounding: ["CAP_CHOWN"], effective: ["CAP_CHOWN"], permitted: ["CAP_CHOWN"]}}' -n >"$work/process.json"
	said=$(runk exec --process "$work/process.json" lives 2>&1)
	gone
	[[ $said == CapBnd:*0000000000000001 ]] || breach "more capabilities than asked for: $said"
}

inheritable_capabilities() {
	local got
	image : || return 2
	hostile . grep CapInh /proc/self/status
	[[ $said == CapInh:*0000000000000000 ]] || breach "inheritable: $said" || return
	lives . sleep 60 || return 2
	got=$(runk exec --cap CAP_KILL lives grep CapInh /proc/self/status 2>&1)
	gone
	[[ $got == CapInh:*0000000000000000 ]] || breach "inheritable by exec: $got"
}

capability_sets() {
	image : || return 2
	hostile '.process.capabilities = {bounding: ["CAP_KILL"], effective: ["CAP_KILL"], permitted: ["CAP_KILL"]}' \
		sh -c 'grep -E "^Cap(Prm|Eff|Bnd|Amb)" /proc/self/status | tr -d "\t\n"'
	[ "$said" = CapPrm:0000000000000020CapEff:0000000000000020CapBnd:0000000000000020CapAmb:0000000000000000 ] || breach "$said"
}

exec_user() {
	local got
	image : && lives . sleep 60 || return 2
	got=$(runk exec --user 1 lives sh -c 'id -u' 2>&1)
	gone
	[ "$got" = 1 ] || breach "exec --user 1 is uid $got"
}

keyring() {
	local one two
	image : || return 2
	hostile . probe self
	one=$(grep ^keyring <<<"$said")
	hostile . probe self
	two=$(grep ^keyring <<<"$said")
	[ -n "$one" ] && [ -n "$two" ] || return 2
	[ "$one" != "$two" ] || breach "two containers have one $one"
}

# --- what a container tries by itself --------------------------------------------------------------------------------

tries() {
	image : || return 2
	hostile '.linux.maskedPaths = ["/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
		"/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap"] |
		.linux.readonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]' probe try || return
	[[ $said == *'done'* ]] || { echo "the probe did not run: $said"; return 2; }
	! grep '^got' <<<"$said" || breach "$(grep '^got' <<<"$said" | tr '\n' ' ')"
}

# All of it in a pid namespace of the row's own: that is what stands for the host, and nothing else can be hit.
kill_all() {
	image : && oci hostile ".root.path = \"$image\" | $powerful" sh -c 'echo ran >/ran; kill -9 -1; kill -9 -- -1; echo alive >/ran' || return 2
	cat >"$work/kill_all" <<-'END'
		sleep 60 &
		timeout -k 5 30 "$@" run --bundle "$work/hostile" hostile </dev/null >/dev/null 2>&1
		grep -q sleep "/proc/$!/cmdline" && echo alive
		"$@" delete --force hostile >/dev/null 2>&1
	END
	said=$(env "work=$work" timeout -k 5 60 unshare --pid --fork --kill-child --mount-proc sh "$work/kill_all" "$runk_bin" --root "$work/state")
	[ -s "$image/ran" ] || return 2
	[ "$said" = alive ] || breach 'kill -1 reached the host'
}

cgroup_escape() {
	image : || return 2
	hostile "$powerful" sh -c 'for f in $(find /sys/fs/cgroup -name cgroup.procs -o -name release_agent -o -name notify_on_release); do
		echo 0 2>/dev/null >$f && echo "written $f"; done; cat /proc/self/cgroup'
	[[ $said != *written* && $said != *"$group"* ]] || breach "$said"
}

# --- what only an agent has ------------------------------------------------------------------------------------------

# copy PATH MODE DATA: a CopyFile request.
copy() {
	kata call CopyFile "$(jq -nc --arg path "$1" --argjson mode "$2" --arg data "$(printf %s "$3" | base64 -w 0)" '{path: $path,
		file_mode: $mode, dir_mode: 493, uid: -1, gid: -1, file_size: ($data | @base64d | length), data: $data}')"
}

copyfile_symlink() {
	local share=/run/kata-containers/shared/containers inside=/proc/$agent/root target
	copy $share/cm/known $((8#100644)) here || return 2
	for target in /tmp ../../../../../../tmp; do
		copy $share/cm/link $((8#120777)) "$target" || return 2
		copy $share/cm/link/owned $((8#100644)) owned
		[ ! -e "$inside/tmp/owned" ] || breach "CopyFile writes to '$target' of the guest" || return
	done
}

foreign_peer() {
	chmod 755 "$work" && chmod 666 "$work/agent.sock" || return 2
	kata call Check >/dev/null || return 2
	! timeout 10 setpriv --reuid 65534 --regid 65534 --clear-groups \
		"$build/kata-agent-ctl" --address "unix://$work/agent.sock" call Check || breach 'the agent serves any user'
}

exec_id_twice() {
	local r=0
	bundle lives ".root.path = \"$work/rootfs\"" sleep 60 && kata run --bundle "$work/lives" --id lives -d >/dev/null || return 2
	local request='{"container_id": "lives", "exec_id": "same", "process": {"Args": ["sleep", "60"], "Cwd": "/", "Env": ["PATH=/bin"], "User": {}}}'
	kata call ExecProcess "$request" || r=2
	if [ "$r" = 0 ] && kata call ExecProcess "$request"; then r=1; fi
	kata rm -f lives
	[ "$r" != 1 ] || breach 'two processes of one exec id'
	return "$r"
}
