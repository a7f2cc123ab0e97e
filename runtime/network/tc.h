/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's traffic control, as much as joins two links: what comes in on one goes out on the other. By rtnetlink,
 * in the namespace of the socket.
 */
#pragma once

#include "lib/netlink.h"

/* Gives the link an ingress queue; -EEXIST if it has one, which is then somebody else's. */
int tc_add_ingress(struct netlink *nl, int index, struct err *err);

/* Sends everything that comes in on `from`, which has an ingress queue, out on `to`. */
int tc_redirect(struct netlink *nl, int from, int to, struct err *err);

/* Removes the link's ingress queue with all its filters. */
int tc_remove_ingress(struct netlink *nl, int index, struct err *err);

/* The requests behind these. */
struct nlmsghdr *tc_build_ingress(struct netlink_request *request, uint16_t type, uint16_t flags, int index);
struct nlmsghdr *tc_build_redirect(struct netlink_request *request, int from, int to);
