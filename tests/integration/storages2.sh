#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Storages that follow their source, many layers, shared mounts; mounts of a specification with copies and id maps.
. "$(dirname "$0")/../lib/integration.sh"
. "$top/tests/lib/bundle.sh"
begin

run_dir=/run/kata-containers
share=$run_dir/shared/containers
inside=/proc/$agent/root

# A ConfigMap as kubelet writes it: files in a directory with a time for a name, `..data` points to it.
config_map() {
	local dir=$1 value=$2 old
	mkdir -p "$dir/..$value" && chmod 0755 "$dir" "$dir/..$value"
	echo "$value" >"$dir/..$value/key"
	chmod 0444 "$dir/..$value/key" && chown 7:8 "$dir/..$value/key"
	[ -e "$dir/key" ] || ln -s ..data/key "$dir/key"
	old=$(readlink "$dir/..data") || true
	ln -s "..$value" "$dir/..data_tmp"
	mv -T "$dir/..data_tmp" "$dir/..data"
	[ -z "$old" ] || rm -r "${dir:?}/$old"
}

# watching ID SOURCE [NAME] [FILTER]: a container with the copy at /vol.
watching() {
	local id=$1 source=$2 name=${3:-vol} filter=${4:-.}
	create "$id" ".storages = [{driver: \"watchable-bind\", source: \"$source\", fstype: \"bind\", options: [\"bind\"],
		mount_point: \"$share/watchable/$name\"}] | .OCI.Mounts += [{destination: \"/vol\", type: \"bind\",
		source: \"$share/watchable/$name\", options: [\"rbind\", \"ro\"]}] | $filter" sleep 100
}

says() {
	[ "$(kata exec "$1" -- cat "$2" 2>&1)" = "$3" ]
}

follows() {
	local before after
	mkdir -p "$inside$share/watchable"
	before=$(holdings)
	config_map "$work/map" first
	watching map "$work/map" || return
	prints first kata exec map -- cat /vol/key || return
	prints '7 8 444' kata exec map -- sh -c 'stat -c "%u %g %a" /vol/..data/key' || return
	prints ..first kata exec map -- readlink /vol/..data || return
	config_map "$work/map" second
	retry_until says map /vol/key second || return
	retry_until kata exec map -- test ! -e /vol/..first || return
	prints '.. ..data ..second key' kata exec map -- sh -c 'cd /vol && echo $(ls -a | grep -vx .)' || return
	chmod 0555 "$work/map/..second/key"
	retry_until kata exec map -- sh -c '[ "$(stat -c %a /vol/..data/key)" = 555 ]' || return
	rm "$work/map/key"
	retry_until kata exec map -- test ! -L /vol/key || return
	kata rm map || return
	[ ! -e "$inside$share/watchable/vol" ] && ! grep -q watchable "/proc/$agent/mountinfo" || return
	after=$(holdings)
	[ "$before" = "$after" ] || { echo "before: $before after: $after"; return 1; }
}

# A file is bound by itself, so it stays the same file.
single_file() {
	echo one >"$work/file"
	watching file "$work/file" file '.OCI.Mounts[-1].destination = "/file"' || return
	prints one kata exec file -- cat /file || return
	echo two >"$work/file"
	retry_until says file /file two && kata rm file
}

shared_by_two() {
	config_map "$work/both" one
	watching both1 "$work/both" && watching both2 "$work/both" || return
	config_map "$work/both" two
	retry_until says both1 /vol/key two && retry_until says both2 /vol/key two || return
	kata rm both1 && config_map "$work/both" three && retry_until says both2 /vol/key three || return
	kata rm both2 && ! grep -q watchable "/proc/$agent/mountinfo"
}

# 16 entries are copied, the 17th makes it a bind, which a running container sees as well.
too_many() {
	mkdir "$work/many" && touch "$work/many/"{1..16} || return
	watching many "$work/many" || return
	grep -c " $share/watchable/vol " "/proc/$agent/mountinfo" && return 1
	touch "$work/many/17"
	retry_until kata exec many -- test -e /vol/17 || return
	grep -q " $share/watchable/vol " "/proc/$agent/mountinfo" || return
	touch "$work/many/18" && kata exec many -- test -e /vol/18 && kata rm many || return
	! grep -q watchable "/proc/$agent/mountinfo"
}

too_big() {
	mkdir "$work/big" && truncate -s 1048577 "$work/big/file" || return
	watching big "$work/big" || return
	grep -q " $share/watchable/vol " "/proc/$agent/mountinfo" && prints 1048577 kata exec big -- stat -c %s /vol/file && kata rm big
}

# Neither the source nor a container that may write leads the copier elsewhere.
symlinks_lead_nowhere() {
	mkdir "$work/evil" "$work/precious" && echo keep >"$work/precious/file" || return
	ln -s "$work/precious" "$work/evil/dir" && mkfifo "$work/evil/fifo" && echo x >"$work/evil/real" || return
	watching evil "$work/evil" vol '.OCI.Mounts[-1].options = ["rbind"]' || return
	kata exec evil -- sh -c 'rm /vol/real && ln -s /precious/file /vol/real && test -L /vol/dir && test ! -e /vol/fifo' || return
	mkdir "$work/rootfs/precious" && echo keep >"$work/rootfs/precious/file"
	echo new >"$work/evil/real"
	retry_until says evil /vol/real new || return
	[ "$(cat "$work/precious/file" "$work/rootfs/precious/file" | tr '\n' ' ')" = 'keep keep ' ] && kata rm evil
}

# A timer would show in every window that is longer than its interval; what the machine does late shows in the first ones.
idle_sleeps() {
	local before after i
	config_map "$work/idle" one
	watching idle "$work/idle" || return
	retry_until says idle /vol/key one || return
	for ((i = 0; i < 6; i++)); do
		before=$(awk '/ctxt_switches/ { n += $2 } END { print n }' "/proc/$agent/status")
		sleep 2.5
		after=$(awk '/ctxt_switches/ { n += $2 } END { print n }' "/proc/$agent/status")
		[ "$before" != "$after" ] || break
	done
	[ "$before" = "$after" ] || { echo "woken up: $before $after"; return 1; }
	kata rm idle
}

watchable_refused() {
	local where='.storages = [{driver: "watchable-bind", source: "/x", mount_point: '
	expect 1 "is not in '$share/watchable'" create refused "$where \"/run/elsewhere/x\"}]" true &&
		expect 1 "is not in '$share/watchable'" create refused "$where \"$share/watchable/a/b\"}]" true &&
		expect 1 "open '/no-such-dir': No such file" watching refused /no-such-dir &&
		expect 1 "which the host has to make" watching refused "$work/map" ../passthrough/watchable/x ".storages[0].mount_point = \"$share/passthrough/watchable/x\"" &&
		expect 1 'are in different watchable directories' watching refused "$work/map" vol ".storages += [.storages[0] |
			.mount_point = \"$share/passthrough/watchable/x\"]" || return
	! grep -q watchable "/proc/$agent/mountinfo" && [ ! -e "$inside$share/watchable/vol" ]
}

# Behind the fence nothing is loaded; what the request says is looked at all the same.
modules() {
	expect 1 "create sandbox 's': load module 'no-such-module': the guest has no such module" kata call CreateSandbox \
		'{"sandbox_id": "s", "kernel_modules": [{"name": "no-such-module", "parameters": ["a=1"]}]}' &&
		expect 1 "'../evil' is no name of a module" kata call CreateSandbox '{"kernel_modules": [{"name": "../evil"}]}' &&
		expect 1 "'' is no name of a module" kata call CreateSandbox '{"kernel_modules": [{}]}' &&
		prints '{}' kata call CreateSandbox '{"sandbox_id": "s"}'
}

named() {
	echo ".OCI.Annotations = {\"io.kubernetes.cri.container-name\": \"$1\"}"
}

# What is mounted in one container appears in the next, and nothing of it outside.
shared_mount() {
	local before after
	before=$(holdings)
	mkdir -p "$work/rootfs/target"
	create src "$(named source) | .OCI.Mounts += [{destination: \"/from\", type: \"tmpfs\", source: \"tmpfs\"}]" \
		sh -c 'echo shared >/from/file; mkdir /from/dir; sleep 100' || return
	rpc StartContainer src || return
	retry_until kata exec src -- test -e /from/dir || return
	create dst "$(named dest) | .shared_mounts = [{name: \"m\", src_ctr: \"source\", src_path: \"/from\", dst_ctr: \"dest\",
		dst_path: \"/made/target\"}, {name: \"n\", src_ctr: \"nobody\", src_path: \"/x\", dst_ctr: \"dest\", dst_path: \"/y\"}]" sleep 100 || return
	rpc StartContainer dst || return
	prints shared kata exec dst -- cat /made/target/file || return
	kata exec src -- touch /from/dir/later && kata exec dst -- test -e /made/target/dir/later || return
	grep -q "goes without shared mount 'n' from '/x' of 'nobody': no such container runs" "$work/console.log" || return
	kata rm src && prints shared kata exec dst -- cat /made/target/file && kata rm dst || return
	after=$(holdings)
	[ "$before" = "$after" ] || { echo "before: $before after: $after"; return 1; }
}

is_known() {
	kata --json ps | jq -e --arg id "$1" '.containers[] | select(.id == $id)'
}

# One that is mounted late is waited for, and a removal does not wait for it.
shared_mount_waits() {
	create src "$(named source)" sleep 100 && rpc StartContainer src || return
	request late "$(named late) | .shared_mounts = [{name: \"m\", src_ctr: \"source\", src_path: \"/late\", dst_path: \"/late\"}]" sleep 100 >"$work/late"
	kata call CreateContainer "@$work/late" >"$work/late.out" 2>&1 &
	retry_until is_known late || return
	kata rm late || return
	wait $!
	grep -q 'it is being removed' "$work/late.out" || { cat "$work/late.out"; return 1; }
	kata rm src
}

# Neither container leads the agent elsewhere; what cannot be mounted fails the call, and leaves nothing.
shared_mount_refused() {
	local before after
	create src "$(named source) | .OCI.Mounts += [{destination: \"/from\", type: \"tmpfs\", source: \"tmpfs\"}]" sleep 100 || return
	before=$(holdings)
	ln -s /proc/self "$work/rootfs/evil"
	local m='.shared_mounts = [{name: "m", src_ctr: "source", src_path: "/from", dst_path: '
	expect 1 "shared mount 'm'" create refused "$m \"/evil/attr\"}]" true &&
		expect 1 "must be absolute and without '..'" create refused "$m \"x\"}]" true &&
		expect 1 "must be absolute and without '..'" create refused "$m \"/\"}]" true &&
		expect 1 "must be absolute and without '..'" create refused "$m \"/a/../b\"}]" true &&
		expect 1 "65 shared mounts, the most is 64" create refused ".shared_mounts = [range(65) | {name: \"m\"}]" true || return
	after=$(holdings)
	rm "$work/rootfs/evil"
	[ "$before" = "$after" ] || { echo "before: $before after: $after"; return 1; }
	kata rm src
}

# Two containers hold this and that, one thing is shared with the sandbox; the table is empty at the end, or it would say so.
end_of_sandbox() {
	local what='.storages = [
		{driver: "local", mount_point: "/run/kata-containers/end/local"},
		{driver: "overlayfs", fstype: "tmpfs", source: "none", shared: true, mount_point: "/run/kata-containers/end/shared"},
		{driver: "overlayfs", fstype: "tmpfs", source: "none", mount_point: "/run/kata-containers/end/own"}]'
	watching end1 "$work/idle" vol "$what + .storages" && watching end2 "$work/idle" vol "$what + .storages" || return
	kata rm end1 && grep -q 'kata-containers/end/own ' "/proc/$agent/mountinfo" && grep -q 'watchable tmpfs\|/watchable ' "/proc/$agent/mountinfo" || return
	prints '{}' kata call DestroySandbox
}

for t in modules follows single_file shared_by_two too_many too_big symlinks_lead_nowhere idle_sleeps watchable_refused shared_mount shared_mount_waits shared_mount_refused end_of_sandbox; do
	check $t $t
done
finish
