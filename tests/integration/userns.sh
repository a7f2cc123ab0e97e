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

# A directory of root's becomes the container's own, with its whole tree where asked.
mapped_binds() {
	mkdir -p "$work/own" && touch "$work/own/file" && chown -R 0:0 "$work/own"
	prints '0:0' spec "$mapped | .mounts += [{destination: \"/own\", type: \"bind\", source: \"$work/own\",
		options: [\"rbind\", \"ridmap\"]}]" sh -c 'stat -c %u:%g /own/file; echo >/own/made' || return
	prints '65534:65534' spec "$mapped | .mounts += [{destination: \"/own\", type: \"bind\", source: \"$work/own\",
		options: [\"rbind\"]}]" stat -c %u:%g /own/file || return
	[ "$(stat -c %u:%g "$work/own/made")" = 0:0 ] || return
	expect 125 'to map its ids takes mappings' spec ".mounts += [{destination: \"/own\", type: \"bind\", source: \"$work/own\",
		options: [\"bind\", \"idmap\"]}]" true
}

copied_up() {
	prints 'root 0:0' spec "$mapped | .mounts += [{destination: \"/etc\", type: \"tmpfs\", source: \"tmpfs\",
		options: [\"tmpcopyup\"]}]" sh -c 'echo $(cut -d : -f 1 /etc/passwd | head -n 1) $(stat -c %u:%g /etc/passwd); echo >/etc/passwd' || return
	grep -q root "$work/mapped/etc/passwd"
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
check mapped_binds mapped_binds
check copied_up copied_up
finish
