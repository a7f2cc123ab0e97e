/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lower directories of an overlay, when they are more than one option can hold. New kernels (6.8) take them one by
 * one; for older ones they are opened, and named by the numbers of their fds, of which a page holds them all. Knows the
 * syntax of "lowerdir=": colons between layers, two before a layer of data only, backslashes before either.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/arena.h"
#include "lib/err.h"
#include "lib/oci.h"

#define OVERLAY_LAYERS_MAX 500 /* OVL_MAX_STACK of the kernel */

/* The value of the word if it is "lowerdir=", else NULL. */
const char *overlay_layers(const char *word);

/* Number of layers of a "lowerdir=" value. */
size_t overlay_count(const char *layers);

/* True if the kernel takes layers one by one, and each of these fits. */
bool overlay_takes_layers(const char *layers);

/* Adds the layers one by one to a file system context; -errno. */
int overlay_add_layers(int context, const char *layers);

/* The fds that overlay_name_layers has opened. */
struct overlay_fds {
	int *fds;
	size_t n;
};

/* Closes them; what is mounted stays. */
void overlay_fds_done(struct overlay_fds *fds);

/*
 * The same options with the layers named by fd numbers, for a mount(2) from within "self/fd" of a procfs. E2BIG with
 * the number if the kernel does not take so many.
 */
int overlay_name_layers(struct arena *arena, const struct oci_strings *data, struct overlay_fds *ret_fds,
                        struct oci_strings *ret_data, struct err *err);
