/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's network namespace that a sandbox has: which one its specification means, and how to be in it. A verb
 * enters it for good, since hooks and the stdio process belong there; a supervisor only for moments.
 */
#pragma once

#include "lib/err.h"
#include "lib/oci.h"
#include "runtime/config.h"

enum netns_kind {
	NETNS_OWN, /* the caller's: no namespace is asked for */
	NETNS_PATH,
	NETNS_NEW,
};

struct netns_wish {
	enum netns_kind kind;
	const char *path; /* of NETNS_PATH; the specification's */
};

/*
 * What the specification asks for. The host's network, asked for by no namespace or by the path of the caller's own, is
 * refused with -EOPNOTSUPP, unless the configuration's model does not touch it.
 */
int netns_wish_of(const struct oci_spec *spec, const struct config_runtime *config, const char *id,
                  struct netns_wish *ret, struct err *err);

/* Moves the caller there for good. */
int netns_enter(const struct netns_wish *wish, struct err *err);

/* Moves the caller to the namespace of an fd; an fd of the one before is in *ret_back, for netns_return. */
int netns_visit(int fd, int *ret_back, struct err *err);

/* Moves it back and closes the fd; nothing for a negative one. A caller that cannot come home has to end. */
void netns_return(int back);

/* The inode of a namespace's fd, by which it is known again; 0 if it cannot be told. */
uint64_t netns_inode(int fd);
