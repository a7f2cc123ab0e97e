# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What a container's process must find whatever the agent has (style C6), for the rings that can look at one.

# shellcheck disable=SC2154 # top is integration.sh's

# make_probe ROOTFS: puts the static probe into a rootfs, as /bin/probe.
make_probe() {
	${CC:-cc} -D_GNU_SOURCE -std=gnu11 -O1 -static -o "$1/bin/probe" "$top/tests/probe/probe.c"
}

# What `probe self` says of a process that got nothing from its specification. Without CAP_SYS_RESOURCE hard limits may be
# lower, a container's share of the machine's; they are compared elsewhere.
unprotected() {
	cat <<-'WANT'
		fds 0 1 2
		ShdPnd 0000000000000000
		SigBlk 0000000000000000
		SigIgn 0000000000000000
		SigCgt 0000000000000000
		VmLck 0 kB
		NoNewPrivs 0
		oom 0
		groups
		umask 022
		nice 0
		policy 0
		leads-session 1
		dumpable 1
		personality 0
		death-signal 0
		subreaper 0
		timer-slack 50000
	WANT
}

# same_as_unprotected TEXT: prints what differs.
same_as_unprotected() {
	diff <(unprotected | sort) <(grep -v -e '^limit-' -e '^keyring' <<<"$1" | sort)
}

# value NAME TEXT
value() {
	sed -n "s/^$1 //p" <<<"$2"
}

# Where we may raise hard limits: the defaults that a specification without rlimits gives.
default_limits() {
	sort <<-'WANT'
		limit-as -1:-1
		limit-core 0:-1
		limit-cpu -1:-1
		limit-data -1:-1
		limit-fsize -1:-1
		limit-locks -1:-1
		limit-memlock 8388608:8388608
		limit-msgqueue 819200:819200
		limit-nice 0:0
		limit-nofile 1024:1048576
		limit-nproc -1:-1
		limit-rss -1:-1
		limit-rtprio 0:0
		limit-rttime -1:-1
		limit-stack 8388608:-1
	WANT
}
