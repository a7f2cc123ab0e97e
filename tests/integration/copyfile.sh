#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# CopyFile, as a host without a shared file system fills a volume: what a container then sees, and what it cannot do.
# shellcheck source=tests/lib/integration.sh
. "$(dirname "$0")/../lib/integration.sh"
# shellcheck source=tests/lib/bundle.sh
. "$(dirname "$0")/../lib/bundle.sh"
begin

share=/run/kata-containers/shared/containers
inside=/proc/$agent/root
directory=$((8#040755)) regular=$((8#100640)) link=$((8#120777))

# copy PATH MODE OWNER SIZE OFFSET DATA
copy() {
	kata call CopyFile "$(jq -nc --arg path "$1" --argjson mode "$2" --argjson owner "$3" --argjson size "$4" --argjson offset "$5" \
		--arg data "$(printf %s "$6" | base64 -w 0)" '{path: $path, file_mode: $mode, dir_mode: 493, uid: $owner, gid: $owner,
		file_size: $size, offset: $offset, data: $data}')"
}

is() {
	[ "$1" = "$2" ] || { echo "'$1' instead of '$2'"; return 1; }
}

# As kubelet's atomic writer lays a ConfigMap out.
volume() {
	copy $share/cm/..2024 $directory 1000 0 0 '' &&
		copy $share/cm/..2024/key $regular 1000 5 0 'val' && copy $share/cm/..2024/key $regular 1000 5 3 'ue' &&
		copy $share/cm/..data $link -1 0 0 '..2024' && copy $share/cm/key $link -1 0 0 '..data/key' || return
	create cm ".OCI.Mounts += [{destination: \"/cm\", type: \"bind\", options: [\"rbind\"], source: \"$share/cm\"}]" sleep 100 || return
	prints value kata exec -u 1000:1000 cm -- cat /cm/key && prints '1000 640' kata exec -u 1000:1000 cm -- stat -Lc '%u %a' /cm/key || return
	copy $share/cm/..2025/key $regular 1000 3 0 'new' && copy $share/cm/..data $link -1 0 0 '..2025' || return
	prints new kata exec -u 1000:1000 cm -- cat /cm/key
}

large() {
	local i
	head -c 3145728 /dev/urandom >"$work/large"
	for i in 0 1 2; do
		dd if="$work/large" bs=1048576 skip=$i count=1 status=none | base64 -w 0 >"$work/chunk"
		jq -nc --rawfile data "$work/chunk" --arg path "$share/cm/large" --argjson offset $((i * 1048576)) '{path: $path,
			file_mode: 33188, dir_mode: 493, uid: -1, gid: -1, file_size: 3145728, offset: $offset, data: $data}' >"$work/request"
		kata call CopyFile "@$work/request" || return
		[ "$i" = 2 ] || [ ! -e "$inside$share/cm/large" ] || { echo "half a file is seen"; return 1; }
	done
	cmp "$work/large" "$inside$share/cm/large"
}

# The container waits with symlinks for the host's next file.
symlinks_of_a_container() {
	kata exec -u 1000:1000 cm -- sh -c 'cd /cm && ln -s /run/kata-containers run && ln -s / slash && ln -s /proc/self/root magic &&
		ln -s ../../../../../etc etc && ln -s ../../../../sandbox up && ln -s /tmp/victim file' || return
	copy $share/cm/slash/made $regular -1 4 0 here || return
	is "$(cat "$inside$share/made")" here && [ ! -e "$inside/made" ] || return
	expect 1 "INTERNAL: copy '$share/cm/etc/x': " copy $share/cm/etc/x $regular -1 1 0 x || return
	expect 1 "copy '$share/cm/magic/tmp/x': " copy $share/cm/magic/tmp/x $regular -1 1 0 x || return
	expect 1 "copy '$share/cm/run/x': " copy $share/cm/run/x $regular -1 1 0 x || return
	expect 1 "copy '$share/cm/up/x': " copy $share/cm/up/x $regular -1 1 0 x || return
	copy $share/cm/file $regular -1 1 0 x || return
	is "$(stat -c %F "$inside$share/cm/file")" 'regular file' && [ ! -e "$inside/tmp/victim" ] && [ ! -e "$inside/tmp/x" ]
}

# What is mounted below the share is not emptied to make room.
mounts_stay() {
	nsenter -t "$agent" -m sh -c "mkdir -p $share/web/rootfs && mount -t tmpfs web $share/web/rootfs && echo here >$share/web/rootfs/file" || return
	expect 1 "copy '$share/web': " copy $share/web $regular -1 1 0 x || return
	is "$(nsenter -t "$agent" -m cat $share/web/rootfs/file)" here && nsenter -t "$agent" -m umount $share/web/rootfs
}

refused() {
	local path
	for path in /etc/passwd "$share" "$share/" "$share/../x" "$share-not/x" relative ''; do
		expect 1 "CopyFile: INTERNAL: copy '$path'" copy "$path" $regular -1 1 0 x || return
	done
	expect 1 'files of type 010000 are not copied' copy $share/fifo $((8#010644)) -1 0 0 ''
}

nothing_is_left() {
	local before after i
	before=$(holdings)
	for i in 1 2 3 4 5; do copy $share/again $regular -1 1 0 x || return; done
	copy /etc/x $regular -1 1 0 x >/dev/null 2>&1 && return 1
	after=$(holdings)
	is "$after" "$before"
}

container_goes() {
	kata rm --force cm
}

check sandbox kata call CreateSandbox '{"sandbox_id": "s"}'
for t in volume large symlinks_of_a_container mounts_stay refused nothing_is_left container_goes; do check $t $t; done
finish
