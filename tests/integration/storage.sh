#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Storages of the guest's own: volumes in memory, local directories, layers as a rootfs; what is left when they fail.
. "$(dirname "$0")/../lib/integration.sh"
. "$top/tests/lib/bundle.sh"
begin

run_dir=/run/kata-containers
inside=/proc/$agent/root$run_dir

# volume ID STORAGES [ARG]...: the first storage's directory is /vol of the container.
volume() {
	local id=$1 storages=$2
	shift 2
	create "$id" ".storages = $storages | .OCI.Mounts += [{destination: \"/vol\", type: \"bind\", options: [\"rbind\"],
		source: .storages[0].mount_point}]" "$@"
}

mounts() {
	grep -c " $run_dir/" "/proc/$agent/mountinfo" || true
}

memory='[{driver: "ephemeral", source: "tmpfs", fstype: "tmpfs", options: ["size=65536", "fsgid=2000"],
	mount_point: "/run/kata-containers/sandbox/ephemeral/vol/"}]'

sandbox_shm() {
	kata call CreateSandbox '{"sandbox_id": "s", "storages": [{"driver": "ephemeral", "source": "shm", "fstype": "tmpfs",
		"mount_point": "/run/kata-containers/sandbox/shm", "options": ["noexec", "nosuid", "nodev", "mode=1777", "size=1048576"]}]}' || return
	create shm '.OCI.Mounts += [{destination: "/dev/shm", type: "bind", options: ["rbind"],
		source: "/run/kata-containers/sandbox/shm"}]' sleep 100 || return
	prints '1024 1777' kata exec shm -- sh -c 'echo $(df -k /dev/shm | awk "END { print \$2 }") $(stat -c %a /dev/shm)' || return
	kata rm shm
}

# It outlives its containers and goes with the sandbox.
memory_volume() {
	volume mem1 "$memory" sleep 100 || return
	expect 1 'No space left on device' kata exec mem1 -- dd if=/dev/zero of=/vol/big bs=1k count=100 || return
	prints '2000 65536' kata exec mem1 -- sh -c 'echo $(stat -c %g /vol) $(stat -c %s /vol/big)' || return
	volume mem2 "$memory" sleep 100 && prints 65536 kata exec mem2 -- stat -c %s /vol/big || return
	kata rm mem1 && kata rm mem2 && volume mem3 "$memory" sleep 100 || return
	prints 65536 kata exec mem3 -- stat -c %s /vol/big && kata rm mem3
}

local_volume() {
	local storage='[{driver: "local", source: "local", fstype: "local", options: ["mode=0771", "fsgid=33"],
		mount_point: "/run/kata-containers/shared/local"}]'
	volume local1 "$storage" sleep 100 || return
	prints '33 2771' kata exec local1 -- stat -c '%g %a' /vol && kata exec local1 -- touch /vol/kept || return
	kata rm local1 && volume local2 "$storage" sleep 100 && kata exec local2 -- ls /vol/kept && kata rm local2
}

layers() {
	mkdir -p "$work/lower/proc" "$work/lower/dev"
	cp -a "$work/rootfs/bin" "$work/lower/"
	local i before after
	before=$(holdings)
	for i in 1 2; do
		create layered ".OCI.Root.Path = \"$run_dir/layered/rootfs\" | .storages = [{driver: \"overlayfs\", source: \"none\",
			fstype: \"overlay\", mount_point: \"$run_dir/layered/rootfs\",
			options: [\"lowerdir=$work/lower\", \"io.katacontainers.fs-opt.overlay-rw\"]}]" sleep 100 || return
		kata exec layered -- sh -c 'test ! -e /new && touch /new && grep " / / .* - overlay " /proc/self/mountinfo' || return
		kata rm layered || return
		[ ! -e "$inside/layered" ] && [ ! -e "$work/lower/new" ] || return
	done
	after=$(holdings)
	[ "$before" = "$after" ] || { echo "before: $before after: $after"; return 1; }
}

# The one that mounts, or cleans, is waited for.
at_the_same_time() {
	local i id storage='[{driver: "overlayfs", source: "none", fstype: "tmpfs", mount_point: "/run/kata-containers/same"}]'
	local round pids=()
	for id in a1 a2 a3 a4; do
		request "$id" ".storages = $storage" true >"$work/$id"
	done
	for round in {1..5}; do
		pids=()
		for id in a1 a2 a3 a4; do
			{ kata call CreateContainer "@$work/$id" && kata rm "$id"; } >"$work/$id.out" 2>&1 &
			pids+=($!)
		done
		for i in "${!pids[@]}"; do
			wait "${pids[i]}" || { echo "round $round: $(cat "$work/a$((i + 1)).out")"; return 1; }
		done
	done
	[ ! -e "$inside/same" ]
}

# What this request has mounted goes, what an earlier container has left stays.
fails_half_way() {
	local before after bad='{driver: "ephemeral", source: "tmpfs", fstype: "tmpfs", options: ["bogus=1"],
		mount_point: "/run/kata-containers/half/bad"}'
	before=$(mounts)
	expect 1 "storage '$run_dir/half/bad' (ephemeral): mount 'tmpfs' on '$run_dir/half/bad': Unknown parameter 'bogus'" \
		create half ".storages = [{driver: \"ephemeral\", source: \"tmpfs\", fstype: \"tmpfs\",
			mount_point: \"/run/kata-containers/half/good\"}, {driver: \"overlayfs\", source: \"none\", fstype: \"tmpfs\",
			mount_point: \"/run/kata-containers/half/other\"}, $bad]" true || return
	after=$(mounts)
	[ "$before" = "$after" ] || { grep " $run_dir/" "/proc/$agent/mountinfo"; return 1; }
	expect 1 "Unknown parameter 'bogus'" create half ".storages = $memory + [$bad]" true || return
	volume mem4 "$memory" sleep 100 && prints 65536 kata exec mem4 -- stat -c %s /vol/big && kata rm mem4
}

# The rest of the request can fail as well.
container_fails() {
	local before after
	before=$(mounts)
	expect 1 'no-such-program was not found' create late '.storages = [{driver: "overlayfs", source: "none", fstype: "tmpfs",
		mount_point: "/run/kata-containers/late/volume"}]' no-such-program || return
	after=$(mounts)
	[ "$before" = "$after" ] && [ ! -e "$inside/late/volume" ] || { ls -l "$inside/late"; return 1; }
}

refused() {
	local where
	for where in '' / // relative /run/../etc/x; do
		expect 1 "must be absolute, without '..', and not '/'" create refused \
			".storages = [{driver: \"ephemeral\", fstype: \"tmpfs\", mount_point: \"$where\"}]" true || return
	done
	expect 1 "no storage driver 'nope'" create refused '.storages = [{driver: "nope", mount_point: "/x/y"}]' true &&
		expect 1 "'fsgid=x' is no group" create refused \
			'.storages = [{driver: "ephemeral", fstype: "tmpfs", mount_point: "/run/x", options: ["fsgid=x"]}]' true &&
		expect 1 "'mode=999' is no octal mode" create refused \
			'.storages = [{driver: "local", mount_point: "/run/x", options: ["mode=999"]}]' true &&
		expect 1 'no such file system' create refused \
			'.storages = [{driver: "ephemeral", fstype: "frob", mount_point: "/run/x"}]' true
}

volume_group() {
	volume group '[{driver: "overlayfs", source: "none", fstype: "tmpfs", mount_point: "/run/kata-containers/group",
		fs_group: {group_id: 77}}]' sleep 100 || return
	prints 77 kata exec group -- stat -c %g /vol && kata rm group && [ ! -e "$inside/group" ]
}

end_of_sandbox() {
	prints '{}' kata call DestroySandbox
}

for t in sandbox_shm memory_volume local_volume layers at_the_same_time fails_half_way container_fails refused volume_group end_of_sandbox; do
	check $t $t
done
finish
