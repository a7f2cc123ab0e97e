/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands in for the kernel's end of a netlink socket: requests are written down as text, dumps are answered with what a
 * real kernel said once (tests/data/rtnetlink: a veth eth0 with routes, Linux 6.18). For programs that wrap sys_sendmsg
 * and sys_recvmsg; calls on other fds go through.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/netlink.h"

#define FAKE_RTNETLINK_FD 1000 /* of no open file */

struct fake_rtnetlink {
	char log[8192];                     /* the changes that were asked for, one a line */
	unsigned n_changes;                 /* so far */
	unsigned fail_at;                   /* the which change is refused, 0 = none */
	int fail_with;                      /* errno */
	unsigned n_interrupted, n_dumps;    /* dumps that are said to have been interrupted, still; dumps so far */
	int send_result, receive_result;    /* < 0: -errno of every such call */
	bool is_foreign, is_cut, is_silent; /* answers of another process; too long; none at all */
};

extern struct fake_rtnetlink fake_rtnetlink;

/* cmocka setup and teardown: a fresh one, and *state a struct netlink that talks to it. */
int fake_rtnetlink_setup(void **state);
int fake_rtnetlink_teardown(void **state);

/* The n-th recorded message of that kind ("link", "addr", "r4", "r6", "err"), to be freed; NULL if there are fewer. */
struct nlmsghdr *fake_rtnetlink_recorded(const char *kind, unsigned n);

/* A message as hexadecimal text, its length, type and flags included; a static buffer. */
const char *fake_rtnetlink_hex(const struct nlmsghdr *message);
