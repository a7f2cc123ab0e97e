/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mount options: the words of a spec or a storage, turned into attributes of a mount, flags of a file system,
 * propagation, and what is left for the file system itself. Pure; knows nothing of targets. All in the caller's arena.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/arena.h"
#include "lib/err.h"
#include "lib/oci.h"

/* MOUNT_ATTR_* to set and to clear, as mount_setattr(2) wants them. */
struct mount_attrs {
	uint64_t set, clear;
};

struct mount_options {
	struct mount_attrs top;  /* of the mount itself */
	struct mount_attrs tree; /* of all mounts below it too ("rro" and friends) */
	uint64_t propagation;    /* MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE; 0 = not said */
	bool propagation_tree;   /* "rslave" and friends */
	bool bind, bind_tree, remount;
	bool idmap, idmap_tree;  /* the mount shows other ids than the file system has */
	bool copy_up;            /* a tmpfs starts with what is in the directory that it covers */
	unsigned long sb_flags;  /* MS_SYNCHRONOUS, MS_DIRSYNC, MS_LAZYTIME */
	struct oci_strings data; /* "key=value" or "flag", for the file system */
};

/* Parses a list of words, each of which may hold several with commas between them; the error names the word. */
int mount_options_parse(struct arena *arena, const struct oci_strings *list, struct mount_options *ret,
                        struct err *err);

/* Parses one of the words shared, slave, private, unbindable, with or without "r" in front, to MS_* (and MS_REC);
 * -EINVAL. */
int mount_propagation_parse(const char *word, uint64_t *ret_flags);

/* The data words with commas between them; NULL when out of memory, "" if there are none. */
char *mount_options_join(struct arena *arena, const struct oci_strings *data);

/* Takes "key=value" out of the data and returns the value of the last one, or NULL. */
const char *mount_options_take(struct mount_options *options, const char *key);

/* The top attributes as MS_* for mount(2), with the file system's flags. */
unsigned long mount_options_classic(const struct mount_options *options);
