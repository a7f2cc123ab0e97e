/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A conversation with the kernel's rtnetlink: one request and its acknowledgement, a dump, or the events of multicast
 * groups. libmnl builds and cuts the messages, the socket calls are ours. The kernel answers while it takes the
 * request, so nothing here waits. Knows nothing of links and routes. The caller owns the struct.
 */
#pragma once

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define NETLINK_REQUEST_MAX 1024 /* bytes of a request: a few attributes of known size */
#define NETLINK_ANSWER_MAX  65536

struct netlink {
	int fd;
	uint32_t seq;
	uint8_t *answer; /* room for one datagram */
};

/* Room for one request. */
struct netlink_request {
	_Alignas(8) uint8_t space[NETLINK_REQUEST_MAX];
};

#define NETLINK_INIT                                                                                                   \
	{                                                                                                              \
		.fd = -EBADF                                                                                           \
	}
#define _autonetlink_ _cleanup_(netlink_close)

/* Is told each message of a dump; 0, or -errno which ends the dump. */
typedef int (*netlink_each)(const struct nlmsghdr *message, void *arg);

/* Opens a socket, joined to the RTMGRP_* groups (0 = none); close it with netlink_close. */
int netlink_open(struct netlink *ret, uint32_t groups, struct err *err);

/* Closes it; idempotent, also for NETLINK_INIT. */
void netlink_close(struct netlink *nl);

/* Starts a request with `size` zeroed bytes of family header (mnl_nlmsg_get_payload); attributes are put behind. */
struct nlmsghdr *netlink_begin(struct netlink_request *request, uint16_t type, uint16_t flags, size_t size);

/* Sends a request and takes its acknowledgement: the kernel's -errno, and its own words in err if it has some. */
int netlink_call(struct netlink *nl, struct nlmsghdr *message, struct err *err);

/* Sends a request for a dump and tells `each` every message; a dump that changed under way is told again from
 * `restart`. */
int netlink_dump(struct netlink *nl, struct nlmsghdr *message, netlink_each each, void (*restart)(void *arg), void *arg,
                 struct err *err);

/* Throws the events away that are there: that something happened is all they say. 0, or -errno of a broken socket. */
int netlink_drain(struct netlink *nl);

/* Indexes a message's attributes by type into table[n]; what is unknown or repeated is left out. */
void netlink_attributes(const struct nlmsghdr *message, size_t header_size, const struct nlattr **table, size_t n);
