#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The syscall filter that runk makes of a profile beside crun's, both in force, per syscall and argument (tests/probe/filter.c):
# podman's profile for several sets of capabilities, and random ones. SEED=n (default: the same ones always), PROFILES=n.
. "$(dirname "$0")/../lib/integration.sh"
. "$top/tests/lib/bundle.sh"
. "$top/tests/lib/runk.sh"

podmans=/usr/share/containers/seccomp.json

# What podman does with its file, but for the ENOSYS of the default, which filter.c takes for a pass: who is included by architecture and capabilities, who is excluded.
podman_profile() {
	jq --argjson caps "$1" '{defaultAction, defaultErrnoRet: 77, architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
		syscalls: [.syscalls[] | select(((.includes.arches // ["amd64"]) | index("amd64")) and
			((.includes.caps // []) | all(. as $c | $caps | index($c))) and
			((.excludes.caps // []) | any(. as $c | $caps | index($c)) | not)) | {names, action, args, errnoRet} | del(..|nulls)]}' <"$podmans"
}

# What the program inside needs is let pass by all; the rest is random, arguments too.
random_profile() {
	python3 - "$1" <<-'PYTHON'
		import json, random, sys
		r = random.Random(int(sys.argv[1]))
		safe = """read write close poll ioctl exit exit_group clone fork wait4 mmap munmap mprotect brk rt_sigaction rt_sigprocmask
		rt_sigreturn seccomp prctl arch_prctl set_tid_address set_robust_list rseq prlimit64 readlink readlinkat getrandom execve execveat
		newfstatat fstat stat openat uname close_range fcntl futex madvise mremap tgkill gettid getpid faccessat2 chdir fchdir
		setresuid setresgid setgroups capset capget lseek sendmsg access""".split()
		calls = """accept acct alarm bind chmod chown clock_settime connect creat dup dup2 dup3 epoll_create1 eventfd2 fallocate flock
		fsync getcwd getdents64 getpriority getuid ioprio_set kcmp keyctl kill link listen listxattr lookup_dcookie mbind mkdir
		mknod mlock mount msgget name_to_handle_at nanosleep open openat2 pause personality pidfd_open pipe2 pivot_root ptrace
		quotactl reboot recvfrom rename sched_yield semget sethostname setns settimeofday setuid shmat socket splice swapon
		symlink sync sysinfo syslog tee time timer_create truncate umask umount2 unlink unshare ustat utime vhangup vmsplice
		no_such_call""".split()
		ops = ["NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"]
		values = [0, 1, 2, 8, 9, 16, 40, 0x20000, 0x20008, 0x10000000, 0x7e020000, 0xffffffff, 0x100000000, 0x7fffffffffffffff]
		def action(of, sort):
		    of[sort] = "SCMP_ACT_" + r.choice(8 * ["ALLOW", "ERRNO", "ERRNO", "TRAP", "LOG"] + ["KILL_PROCESS"])
		    if of[sort] == "SCMP_ACT_ERRNO" and r.random() < 0.8:
		        of["errnoRet" if sort == "action" else "defaultErrnoRet"] = r.choice([1, 13, 95, 4000])
		    return of
		profile = action({}, "defaultAction") # and faccessat2 is the newest call, 439
		if profile["defaultAction"] in ("SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP"):
		    profile = {"defaultAction": "SCMP_ACT_ERRNO"}
		if r.random() < 0.4:
		    profile["architectures"] = r.sample(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"], r.randint(1, 3))
		    if "SCMP_ARCH_X86_64" not in profile["architectures"]:
		        profile["architectures"].append("SCMP_ARCH_X86_64")
		rules = [{"names": safe, "action": "SCMP_ACT_ALLOW"}]
		r.shuffle(calls)
		while calls:
		    n = r.randint(1, 6)
		    rule = action({"names": calls[:n]}, "action")
		    calls = calls[n:]
		    if r.random() < 0.6:
		        rule["args"] = []
		        for i in sorted(r.sample(range(5), r.randint(1, 2))):
		            arg = {"index": i, "value": r.choice(values), "op": "SCMP_CMP_" + r.choice(ops)}
		            if arg["op"] == "SCMP_CMP_MASKED_EQ":
		                arg["valueTwo"] = arg["value"] & r.choice(values)
		            rule["args"].append(arg)
		    rules.append(rule)
		profile["syscalls"] = rules
		print(json.dumps(profile))
	PYTHON
}

# verdicts RUNTIME COMMAND...: what the filter does; the kernel's own answers are the same under both.
verdicts() {
	local name=$1
	shift
	timeout -k 5 60 "$@" run --bundle "$work/filter" filter >"$work/$name" 2>"$work/$name.err" </dev/null ||
		{ echo "$name: $(tail -n 1 "$work/$name.err")"; return 1; }
	[ "$(wc -l <"$work/$name")" = 22560 ] || { echo "$name: $(wc -l <"$work/$name") verdicts: $(head -n 1 "$work/$name.err")"; return 1; }
}

# What is newer than all that a profile names is ENOSYS here, as with runc, if it is not allowed; crun takes the default.
known() {
	awk -v newest="$1" '$1 % 1073741824 <= newest' "$work/$2"
}

newer_ones_are_unknown() {
	case $1 in
	*'"defaultAction": "SCMP_ACT_ALLOW"'* | *'"defaultAction": "SCMP_ACT_LOG"'*) return ;;
	esac
	[ "$(awk -v newest="$2" '$1 > newest && $1 < 1073741824 { print $3, $4 }' "$work/runk" | sort -u)" = 'error 38' ]
}

# same PROFILE NEWEST: both make the same of it, and something is refused.
same() {
	oci filter ".linux.seccomp = $1 | $no_group" /bin/filter || return
	verdicts runk "$runk_bin" --root "$work/state" && verdicts crun crun --root "$work/crun-state" --cgroup-manager=disabled || return
	diff <(known "$2" crun) <(known "$2" runk) | sed -n '1,8p' | tr '\n' ' ' | tee "$work/differences"
	[ ! -s "$work/differences" ] && [ "$(cut -d ' ' -f 3- "$work/runk" | sort -u | wc -l)" -gt 1 ]
}

# crun gets no group, so there is none to be mounted.
no_group='.mounts |= map(select(.type != "cgroup")) | .linux.namespaces |= map(select(.type != "cgroup"))'

podman_is_the_same() {
	local caps
	for caps in '[]' '["CAP_SYS_ADMIN"]' '["CAP_SYS_PTRACE", "CAP_SYS_CHROOT", "CAP_AUDIT_WRITE", "CAP_SYS_TIME"]'; do
		same "$(podman_profile "$caps")" 439 || return
	done
}

random_ones_are_the_same() {
	local i profile
	for ((i = ${SEED:-1}; i < ${SEED:-1} + ${PROFILES:-5}; i++)); do
		profile=$(random_profile "$i")
		same "$profile" 439 && newer_ones_are_unknown "$profile" 439 || { echo "profile $i"; return 1; }
	done
}

[ "$(uname -m)" = x86_64 ] || { echo "skip seccomp: the profiles name x86_64's calls"; exit 0; }
command -v crun >/dev/null && [ -e "$podmans" ] || { echo "skip seccomp: no crun, or no profile of podman's"; exit 0; }
# crun does not start where v1 and v2 are mixed.
if [ -z "${KATA_SECCOMP:-}" ] && [ "$(id -u)" = 0 ]; then
	KATA_SECCOMP=1 exec unshare --mount --propagation private "$0"
fi
umount -R /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup || exit 1
begin_runk
gcc -D_GNU_SOURCE -std=gnu11 -O1 -static -o "$work/rootfs/bin/filter" "$top/tests/probe/filter.c" || exit 1
check "podman's profile" podman_is_the_same
check 'random profiles' random_ones_are_the_same
finish_runk
