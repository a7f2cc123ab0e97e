/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The resources that `update` changes: from a file, or from options spelled as runc spells them. What is not given
 * stays 0, "leave alone". Lives in the caller's arena.
 */
#pragma once

#include <stddef.h>

#include "lib/arena.h"
#include "lib/err.h"
#include "lib/flags.h"
#include "lib/oci.h"

struct oci_update_options {
	const char *resources, *cpus, *mems, *l3, *bandwidth;
	const char *memory, *reservation, *swap, *kernel, *kernel_tcp;
	struct flag_number weight, period, quota, burst, share, rt_period, rt_runtime, pids, idle;
};

/* The table of the options; they fill a struct oci_update_options. */
extern const struct flag oci_update_flags[];

/* Makes the resources; -EINVAL names the option or the file. */
int oci_update_make(struct arena *arena, const struct oci_update_options *o, struct oci_resources **ret,
                    struct err *err);
