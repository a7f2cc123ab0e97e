#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Images and specifications that try to get out, or to make the agent work outside of the rootfs. /outside stands for the guest.
. "$(dirname "$0")/../lib/integration.sh"
. "$top/tests/lib/bundle.sh"
begin

outside=$work/outside
image=$work/image
no_dev='.mounts |= map(select(.destination | startswith("/dev") | not))'

# A fresh image whose files CHANGE (a shell command inside of it) has changed.
image() {
	rm -rf "$image" "$outside"
	cp -a "$work/rootfs" "$image"
	mkdir "$outside"
	(cd "$image" && eval "$1")
}

trick() {
	spec ".root.path = \"$image\" | $1" "${@:2}"
}

untouched() {
	[ -z "$(ls -A "$outside")" ] || { echo "made outside: $(ls -A "$outside")"; return 1; }
	! grep " $outside" "/proc/$agent/mountinfo"
}

# refused TEXT CHANGE FILTER: the container is not created.
refused() {
	image "$2" && expect 125 "$1" trick "$3" true && untouched
}

# CVE-2019-19921, CVE-2026-41579, CVE-2026-47766.
system_dirs() {
	local dir
	for dir in proc sys dev; do
		refused "'/$dir' of the rootfs is not an ordinary directory" "rmdir $dir && ln -s $outside $dir" . || return
		refused "'/$dir' of the rootfs is not an ordinary directory" "rmdir $dir && ln -s tmp $dir" . || return
	done
	refused "'/dev' of the rootfs is not an ordinary directory" "rmdir dev && ln -s ../../../../../..$outside dev" "$no_dev"
}

# CVE-2021-30465 and its like: what a symlink means inside of the rootfs is what it means.
mount_targets() {
	local link
	for link in "$outside" "../../../../../../..$outside" /proc/self/root/tmp; do
		image "ln -s $link volume" && expect 125 '' trick \
			'.mounts += [{destination: "/volume/below", type: "tmpfs", source: "t"}]' true && untouched || return
	done
	image "mkdir -p .$outside && ln -s $outside volume" && prints below trick \
		'.mounts += [{destination: "/volume/below", type: "tmpfs", source: "t"}]' ls "$outside" && untouched || return
	image "mkdir -p .$outside && ln -s ../../../../../../..$outside volume" && prints below trick \
		'.mounts += [{destination: "/volume/below", type: "bind", source: "/etc/passwd", options: ["bind"]}]' ls "$outside" && untouched || return
	refused 'is a dangling symlink' "ln -s $outside/file target" \
		'.mounts += [{destination: "/target", type: "bind", source: "/etc/passwd", options: ["bind"]}]'
}

# CVE-2021-30465: a container that swaps a directory of a shared volume for a symlink while others are mounted into it.
races() {
	local volume=$work/volume i won=0
	image : && mkdir -p "$volume" || return
	bundle racer ".root.path = \"$image\" | .mounts += [{destination: \"/v\", type: \"bind\", source: \"$volume\",
		options: [\"bind\"]}]" sh -c "cd /v; while :; do mkdir x; rm -rf x; ln -s ../../../../../..$outside x; rm x; done" || return
	kata run --bundle "$work/racer" --id racer -d || return
	for ((i = 0; i < 15; i++)); do
		trick ".mounts += [{destination: \"/v\", type: \"bind\", source: \"$volume\", options: [\"bind\"]},
			{destination: \"/v/x/below\", type: \"tmpfs\", source: \"t\"}]" true >"$work/said" 2>&1 && won=$((won + 1))
		untouched || return
		grep -q -E '^$|/v/x' "$work/said" || [ ! -s "$work/said" ] || { cat "$work/said"; return 1; }
	done
	kata rm -f racer
	echo "$won of 15 found a directory"
}

# CVE-2019-16884, CVE-2025-52881: writes meant for /proc/self must not end somewhere else.
covered_proc() {
	refused "'/alias/sys' of the rootfs leads into a procfs" 'ln -s proc alias' \
		'.mounts += [{destination: "/alias/sys", type: "tmpfs", source: "t"}]' &&
		refused "'/alias' of the rootfs leads into a procfs" 'ln -s /proc alias' \
			'.mounts += [{destination: "/alias", type: "bind", source: "/etc", options: ["bind"]}]' &&
		refused '' 'ln -s /proc/self/attr alias' '.mounts += [{destination: "/alias/x", type: "tmpfs", source: "t"}]'
}

# CVE-2025-31133: the mask is the guest's /dev/null, whatever the image has there.
masks() {
	image 'ln -s ../etc/passwd dev/null && mkdir hidden && echo secret >hidden/x && ln -s hidden shown' || return
	expect 125 "device '/dev/null'" trick "$no_dev | .linux.maskedPaths = [\"/etc/passwd\"]" cat /etc/passwd || return
	prints 0 trick '.linux.maskedPaths = ["/shown"]' sh -c 'ls /hidden /shown/ | grep -c x || true'
}

# CVE-2025-52565.
terminals() {
	local terminal='.process.terminal = true'
	refused "'/dev/console' is neither a file nor a device" 'ln -s pts/0 dev/console' "$no_dev | $terminal" &&
		refused "is a dangling symlink" "ln -s $outside dev/pts" '.mounts |= map(select(.destination != "/dev")) | .process.terminal = true' || return
	image 'mkdir dev/pts && mkfifo dev/pts/ptmx' && prints $'/dev/console\r' trick "$no_dev | $terminal" tty && untouched
}

device_nodes() {
	refused 'is a dangling symlink' "ln -s $outside dev/below" \
		"$no_dev | .linux.devices = [{path: \"/dev/below/x\", type: \"c\", major: 1, minor: 3}]" &&
		refused "the path must be absolute and without '..'" : \
			'.linux.devices = [{path: "/dev/../etc/x", type: "c", major: 1, minor: 3}]'
}

passwd() {
	local change
	for change in 'ln -s passwd etc/passwd' 'mkfifo etc/passwd' 'ln -s /dev/zero etc/passwd' 'mkdir etc/passwd' \
		'truncate -s 3G etc/passwd' 'ln -s /proc/self/mem etc/passwd' 'ln -s /proc/kmsg etc/passwd'; do
		image "rm etc/passwd && $change" && KATA_TIMEOUT=10 prints / trick '.process.user.uid = 7' sh -c 'echo $HOME' || return
	done
}

# CVE-2024-21626.
working_directory() {
	local fd
	image : || return
	mkdir -p "$image/proc"
	for fd in {3..12}; do
		trick ".process.cwd = \"/proc/self/fd/$fd\"" sh -c "cat ../../../../../..$work/cgroup" >"$work/got" 2>&1 && return 1
		grep kata-test "$work/got" && return 1
	done
	image 'ln -s /proc/self/fd/7/../../../../../../.. up' || return
	trick '.process.cwd = "/up"' ls "$outside" >/dev/null 2>&1 && return 1
	:
}

# CVE-2016-9962, CVE-2019-5736: nothing of ours is to be had through a process of ours.
our_program() {
	image : || return
	expect 127 '' trick . /proc/self/exe && bundle life . sleep 1000 && kata run --bundle "$work/life" --id life -d || return
	local fd
	for fd in {3..12}; do
		kata exec life -- "/proc/self/fd/$fd" >/dev/null 2>&1 && return 1
	done
	prints $'0\n1\n2' kata exec life -- sh -c 'ls /proc/$$/fd; :' || return
	kata rm -f life
}

for t in system_dirs mount_targets races covered_proc masks terminals device_nodes passwd working_directory our_program; do
	check $t $t
done
finish
