/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's figures as the events of runc, whose shape engines read.
 */
#pragma once

#include "lib/buf.h"
#include "lib/cgroup_stats.h"

/* Appends one line of type "stats"; -ENOMEM. */
int figures_format(const char *id, const struct cgroup_stats *stats, struct buf *out);
