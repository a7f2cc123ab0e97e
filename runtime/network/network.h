/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network of a sandbox on the host's side: what its namespace holds is scanned, each link gets a tap that QEMU
 * opens, and the kernel's traffic control sends what comes in on one out on the other. The link itself stays as it is,
 * addresses included. Embedded in its owner; a record of what was changed lets somebody else undo it. What the guest is
 * told is in guest.h.
 */
#pragma once

#include <errno.h>
#include <json-c/json.h>

#include "runtime/config.h"
#include "runtime/network/plan.h"

struct network {
	int netns;          /* where QEMU lives; negative = our own */
	struct netlink nl;  /* a socket there */
	uint64_t inode;     /* of the namespace */
	char *path;         /* of it, for others; NULL = it goes when we do */
	struct arena arena; /* of the plan */
	struct netplan plan;
	struct {
		int tap, vhost;  /* negative = none */
		bool is_changed; /* the link has our ingress queue */
	} ends[VM_NICS_MAX];
};

#define NETWORK_INIT                                                                                                   \
	{                                                                                                              \
		.netns = -EBADF, .nl = NETLINK_INIT                                                                    \
	}

/*
 * Gets everything ready that a VM needs. `netns` names the namespace by a file (NULL = our own, nothing is scanned),
 * `path` is the name that outlives us, or NULL. On failure all is undone; network_close is due in both cases.
 */
int network_open(struct network *n, const struct config *config, const char *sandbox, const char *netns,
                 const char *path, struct err *err);

/* Gives the VM its nics. */
void network_fill(const struct network *n, struct vm_spec *vm);

/* QEMU has its own copies of the fds now. */
void network_release_fds(struct network *n);

/* Takes the redirection away and closes everything; idempotent. */
void network_close(struct network *n);

/* What others need to undo it, or NULL if there is nothing: to be put by the caller. */
struct json_object *network_record(const struct network *n);

/* Undoes what a record tells of, if that namespace is still the same; from outside of the supervisor. */
void network_undo(struct json_object *record);
