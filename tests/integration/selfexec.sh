#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The program that makes containers cannot be written by them through /proc/self/exe (CVE-2019-5736): the library
# function by itself, and the agent attacked by a library that its dynamic loader takes from a container.
. "$(dirname "$0")/../lib/integration.sh"
. "$top/tests/lib/bundle.sh"

prepare() {
	cp "$build/kata-agent" "$work/agent-copy"
	chmod 711 "$work"
}

# The fence makes what is outside of $work read-only, which would do already.
start_copy() {
	"$fence" stop "$work" >/dev/null
	"$fence" start "$work" "$work/agent-copy"
}

# Prints what came out; the tool is a copy that may be destroyed.
attack() {
	local tool=$work/tool
	rm -f "$tool" # an old one may still run
	cp "$build/tests/tools/selfexec" "$tool"
	timeout 30 unshare --mount --propagation private "${@:2}" "$tool" "$1" | cat
	cmp -s "$build/tests/tools/selfexec" "$tool" && echo intact || echo destroyed
}

# Without the defence the attack works, so that it is known to be one.
attack_works() {
	diff <(attack plain) - <<-END
		sealed: no
		open: ETXTBSY
		mount: EINVAL
		write: allowed
		destroyed
	END
}

mount_holds() {
	diff <(attack mount) - <<-END
		sealed: yes
		open: ETXTBSY
		mount: EINVAL
		write: refused
		intact
	END
}

memory_holds() {
	attack memory >"$work/said" || return
	grep -q 'sealed: yes' "$work/said" && grep -q 'write: refused' "$work/said" && grep -q intact "$work/said" ||
		{ cat "$work/said"; return 1; }
}

# Without the right to mount it has to be the copy.
rootless_holds() {
	attack any setpriv --bounding-set=-all --inh-caps=-all --reuid 65534 --clear-groups >"$work/said" || return
	grep -q 'sealed: yes' "$work/said" && grep -q intact "$work/said" || { cat "$work/said"; return 1; }
	attack mount setpriv --bounding-set=-all --inh-caps=-all --reuid 65534 --clear-groups |
		grep -q "seal: protect '/proc/self/exe' from being written: Operation not permitted"
}

# What the container executes is the agent, with a library of the image's in it.
evil_rootfs() {
	local lib
	while read -r lib; do
		install -D "$lib" "$work/rootfs/$lib"
	done < <(ldd "$work/agent-copy" | grep -o '/[^ ]*')
	cat >"$work/evil.c" <<-'END'
		#define _GNU_SOURCE
		#include <fcntl.h>
		#include <stdio.h>
		#include <unistd.h>
		__attribute__((constructor)) static void evil(void)
		{
			char script[128];
			int fd = open("/proc/self/exe", O_PATH);
			snprintf(script, sizeof(script), "echo loaded; echo owned >/proc/self/fd/%d", fd);
			execl("/bin/sh", "sh", "-c", script, (char *)0);
		}
	END
	gcc -shared -fPIC -o "$work/rootfs/evil.so" "$work/evil.c"
}

agent_holds() {
	bundle evil '.process.env += ["LD_PRELOAD=/evil.so"]' /proc/self/exe || return
	kata run --bundle "$work/evil" >"$work/said" 2>&1
	grep -q loaded "$work/said" && grep -q 'Read-only file system' "$work/said" || { cat "$work/said"; return 1; }
	cmp "$build/kata-agent" "$work/agent-copy" && prints fine spec . echo fine
}

begin
check 'an unsealed program can be overwritten' attack_works
check 'a program on its own mount cannot' mount_holds
check 'a program in memory cannot' memory_holds
check 'a program without privileges is sealed too' rootless_holds
check 'an agent that could be written starts' start_copy
agent=$("$fence" pid "$work")
check 'it is sealed and keeps its name' prints kata-agent cat "/proc/$agent/comm"
check 'an image that attacks it' evil_rootfs
check 'a container cannot overwrite the agent' agent_holds
finish
