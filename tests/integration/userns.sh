#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A container with a user namespace of its own, in a sandbox whose other namespaces belong to the guest.
. "$(dirname "$0")/../lib/integration.sh"
. "$top/tests/lib/bundle.sh"
begin

mapped=".root.path = \"$work/mapped\" | .linux.namespaces += [{type: \"user\"}] |
	.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] |
	.linux.gidMappings = [{containerID: 0, hostID: 200000, size: 65536}]"
make_rootfs "$work/mapped"
chown -Rh 100000:200000 "$work/mapped"

root_inside_is_nobody_outside() {
	prints '0 0' spec "$mapped" sh -c 'echo $(id -u) $(id -g); echo >/made' || return
	[ "$(stat -c %u:%g "$work/mapped/made")" = 100000:200000 ]
}

all_mounts_work() {
	prints 'mqueue devpts tmpfs proc sysfs cgroup2' spec "$mapped" sh -c \
		'for d in dev/mqueue dev/pts dev/shm proc sys sys/fs/cgroup; do
			awk -v d=/$d "\$5 == d { for (i = 7; \$i != \"-\"; i++); t = \$(i + 1) } END { print t }" /proc/self/mountinfo
		done | tr "\n" " " | sed "s/ $//"; touch /dev/mqueue/queue && rm /dev/mqueue/queue; echo >/dev/null'
}

user_in_it() {
	prints '1000 1000 1000 7' spec "$mapped | .process.user = {uid: 1000, gid: 1000, additionalGids: [7]}" \
		sh -c 'echo $(id -u) $(id -g) $(id -G) >/dev/stdout'
}

terminal() {
	prints "$(printf '0:5\r')" spec "$mapped | .process.terminal = true" stat -c %u:%g /dev/console
}

limits_of_the_map() {
	expect 125 "set uid '70000'" spec "$mapped | .process.user.uid = 70000" true &&
		expect 125 'uidMappings is missing' spec '.linux.namespaces += [{type: "user"}]' true &&
		expect 125 'uidMappings needs a user namespace' spec \
			'.linux.uidMappings = [{containerID: 0, hostID: 1, size: 1}]' true
}

exec_is_in_it() {
	bundle life "$mapped" sleep 100
	kata run --bundle "$work/life" --id life -d >/dev/null || return
	prints '0 100000' kata exec life -- sh -c "echo \$(id -u) \$(awk '{ print \$2 }' /proc/self/uid_map)" || return
	kata rm -f life
}

check root_inside_is_nobody_outside root_inside_is_nobody_outside
check all_mounts_work all_mounts_work
check user_in_it user_in_it
check terminal terminal
check limits_of_the_map limits_of_the_map
check exec_is_in_it exec_is_in_it
finish
