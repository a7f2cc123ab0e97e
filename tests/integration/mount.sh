#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The file system of a container: mounts with their options and propagation, devices, terminals, masked and read-only paths.
. "$(dirname "$0")/../lib/integration.sh"
. "$top/tests/lib/bundle.sh"
begin

mkdir -p "$work/volume/sub"
echo content >"$work/volume/file"

# mounted OPTIONS-OF-THE-MOUNT-ENTRY DESTINATION: its line of mountinfo without the numbers.
mounted() {
	spec ".mounts += [{destination: \"$2\"} + $1]" \
		awk -v d="$2" '$5 == d { $1 = $2 = $3 = $4 = ""; print $0 }' /proc/self/mountinfo | tr -s ' ' | sed 's/^ //'
}

tmpfs() {
	prints '/mnt/t ro,nosuid,nodev,noexec,noatime - tmpfs src rw,size=1024k,mode=711,uid=5,gid=6' mounted \
		'{type: "tmpfs", source: "src", options: ["ro", "nosuid", "nodev", "noexec", "noatime", "size=1m", "mode=711", "uid=5", "gid=6"]}' \
		/mnt/t || return
	# Over a directory of the image without an own mode: as that one.
	prints 1777 spec '.mounts += [{destination: "/tmp", type: "tmpfs", source: "t"}]' stat -c %a /tmp || return
	expect 125 "mount 'tmpfs' on '/mnt/t': Unknown parameter 'frobnicate'" spec \
		'.mounts += [{destination: "/mnt/t", type: "tmpfs", source: "t", options: ["frobnicate"]}]' true
}

binds() {
	local volume="type: \"bind\", source: \"$work/volume\"" line
	line=$(mounted "{$volume, options: [\"rbind\", \"ro\", \"nosuid\", \"nodev\", \"noexec\", \"nodiratime\"]}" /mnt/b)
	[[ $line == '/mnt/b ro,nosuid,nodev,noexec,nodiratime,relatime - '* ]] || { echo "$line"; return 1; }
	prints content spec ".mounts += [{destination: \"/a/new/file\", type: \"bind\", source: \"$work/volume/file\", options: [\"bind\"]}]" \
		cat /a/new/file || return
	expect 1 'Read-only file system' spec ".mounts += [{destination: \"/v\", $volume, options: [\"bind\", \"ro\"]}]" touch /v/x || return
	spec ".mounts += [{destination: \"/v\", $volume, options: [\"bind\"]}]" touch /v/sub/made || return
	[ -e "$work/volume/sub/made" ] || return
	expect 125 "bind '/no/such' on '/v'" spec '.mounts += [{destination: "/v", type: "bind", source: "/no/such", options: ["bind"]}]' true &&
		expect 125 "'/etc/passwd' of the rootfs: Not a directory" spec \
			".mounts += [{destination: \"/etc/passwd\", $volume, options: [\"bind\"]}]" true &&
		expect 125 "mount on '/a/../b': the path must be absolute" spec ".mounts += [{destination: \"/a/../b\", $volume}]" true &&
		expect 125 "mount on 'rel': the path must be absolute" spec ".mounts += [{destination: \"rel\", $volume}]" true &&
		expect 125 "that is the rootfs" spec ".mounts += [{destination: \"/\", $volume, options: [\"bind\"]}]" true
}

root_propagation() {
	spec ".linux.rootfsPropagation = \"$1\"" awk '$5 == "/" { print $7 }' /proc/self/mountinfo
}

propagation() {
	local word
	for word in slave rslave private rprivate; do
		prints - root_propagation "$word" || return
	done
	prints unbindable root_propagation unbindable || return
	[[ $(root_propagation shared) == shared:* && $(root_propagation rshared) == shared:* ]] || return
	expect 125 "unknown rootfs propagation 'junk'" spec '.linux.rootfsPropagation = "junk"' true
}

inside_proc() {
	local where
	prints content spec ".mounts += [{destination: \"/proc/uptime\", type: \"bind\", source: \"$work/volume/file\", options: [\"bind\"]}]" \
		cat /proc/uptime || return
	for where in /proc/sys //proc/./sys /proc/self/attr /proc/1/root/tmp; do
		expect 125 'nothing may be mounted there, it is inside /proc' spec \
			".mounts += [{destination: \"$where\", type: \"tmpfs\", source: \"t\"}]" true || return
	done
	expect 125 'the source is not a procfs' spec \
		".mounts += [{destination: \"/proc\", type: \"bind\", source: \"$work/volume\", options: [\"bind\"]}]" true
}

devices() {
	prints 'null 1:3 666 zero 1:5 666 full 1:7 666 tty 5:0 666 urandom 1:9 666 random 1:8 666' spec . \
		sh -c 'cd /dev; for d in null zero full tty urandom random; do echo $d $(stat -c %t:%T $d) $(stat -c %a $d); done | tr "\n" " " | sed "s/ $//"' ||
		return
	prints '/proc/self/fd /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 pts/ptmx' spec . \
		sh -c 'cd /dev; echo $(for l in fd stdin stdout stderr ptmx; do readlink $l; done)' || return
	prints '5 6 620 0 0 666' spec '.linux.devices = [{path: "/dev/mine", type: "c", major: 1, minor: 3, fileMode: 400, uid: 5, gid: 6},
		{path: "/dev/below/fifo", type: "p"}]' sh -c 'echo $(stat -c "%u %g %a" /dev/mine /dev/below/fifo)' || return
	expect 125 "device '/proc/x': there cannot be one" spec '.linux.devices = [{path: "/proc/x", type: "c", major: 1, minor: 3}]' true || return
	# A node can be made of anything; to open one of the guest's own is another matter.
	expect 1 'Operation not permitted' spec . sh -c 'mknod /tmp/control c 10 237 && head -c 1 /tmp/control'
}

shm() {
	prints '64 1777' spec . sh -c 'echo $(df -k /dev/shm | awk "END { print \$2 }") $(stat -c %a /dev/shm)'
}

masks() {
	mkdir -p "$work/rootfs/secret"
	echo key | tee "$work/rootfs/secret/key" >"$work/rootfs/keyfile"
	ln -sfn secret "$work/rootfs/alias"
	prints '0 0 0' spec '.linux.maskedPaths = ["/secret", "/keyfile", "/no/such", "/etc/passwd/x"]' \
		sh -c 'echo $(ls /secret | wc -l) $(wc -c </keyfile) $(touch /secret/x 2>/dev/null; ls /secret | wc -l)' || return
	prints 0 spec '.linux.maskedPaths = ["/alias"]' sh -c 'ls /secret | wc -l' || return
	expect 125 "is not absolute or has '..'" spec '.linux.maskedPaths = ["/proc/../secret"]' true || return
	expect 1 'Read-only file system' spec '.linux.readonlyPaths = ["/secret", "/no/such"]' touch /secret/x &&
		expect 1 'Read-only file system' spec '.linux.readonlyPaths = ["/keyfile"]' sh -c 'echo >/keyfile'
}

readonly_root() {
	expect 1 'Read-only file system' spec '.root.readonly = true' touch /x || return
	prints ok spec '.root.readonly = true | .process.cwd = "/made/before"' sh -c 'touch /dev/shm/x /dev/x && echo ok' || return
	expect 1 'Read-only file system' kata run --rootfs "$work/rootfs" --readonly -- touch /x
}

terminal() {
	prints $'/dev/pts/0 0:5:620 136\r' spec '.process.terminal = true' \
		sh -c 'echo $(tty) $(stat -c %u:%g:%a /dev/console) $((0x$(stat -c %t /dev/console)))' || return
	prints $'1000\r' spec '.process.terminal = true | .process.user = {uid: 1000, gid: 1000}' sh -c 'stat -c %u $(tty); : </dev/tty' || return
	bundle life '.process.cwd = "/tmp"' sleep 1000
	kata run --bundle "$work/life" --id life -d || return
	kata exec --tty --id resized life -- sh -c 'trap "stty size; exit" WINCH; echo ready; for i in $(seq 100); do sleep 0.1; done' >"$work/size" &
	local resized=$!
	retry_until grep -q ready "$work/size" || return
	kata call TtyWinResize '{"container_id": "life", "exec_id": "resized", "row": 12, "column": 34}' || return
	wait "$resized"
	grep -q '12 34' "$work/size" || return
	expect 1 'no tty' kata call TtyWinResize '{"container_id": "life", "exec_id": "life", "row": 1, "column": 1}' || return
	prints '1000 5 /etc b' kata exec -u 1000:5 --cwd /etc -e A=b life -- sh -c 'echo $(id -u) $(id -g) $PWD $A' || return
	prints 0000000000000000 kata exec -u 1 life -- sh -c "awk '\$1 == \"CapEff:\" { print \$2 }' /proc/self/status" || return
	expect 125 "go to the working directory '/no/such'" kata exec --cwd /no/such life -- true &&
		expect 2 "user 'root' is no UID" kata exec -u root life -- true || return
	kata rm -f life
}

# What the tools of others write runs as it is.
foreign_bundles() {
	local tool
	for tool in runc crun; do
		command -v "$tool" >/dev/null || { echo "$tool is not installed"; return 1; }
		mkdir -p "$work/$tool"
		(cd "$work/$tool" && rm -f config.json && "$tool" spec) || return
		[ -d "$work/$tool/rootfs" ] || cp -a "$work/rootfs" "$work/$tool/rootfs"
		prints $'/dev/pts/0\r' kata run --bundle "$work/$tool" -- tty || return
		expect 1 'Read-only file system' kata run --bundle "$work/$tool" -- touch /x || return
		prints $'1024\r' kata run --bundle "$work/$tool" -- sh -c 'ulimit -n' || return
	done
}

for t in tmpfs binds propagation inside_proc devices shm masks readonly_root terminal foreign_bundles; do
	check $t $t
done
finish
