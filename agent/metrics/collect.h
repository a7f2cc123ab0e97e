/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The figures of the agent and the guest for Prometheus, under upstream's names. Reads /proc and asks file systems, so
 * it runs in a job, whose parent the agent is. Stateless: how often it was asked is the caller's to count.
 */
#pragma once

#include <sys/types.h>

#include "lib/buf.h"
#include "lib/err.h"

#define METRICS_MAX (3 * 1024 * 1024) /* bytes of text: it must fit into a reply */

/* Appends the text; `agent` is the process to tell about, `scrapes` how often it was asked. */
int metrics_collect(pid_t agent, uint64_t scrapes, struct buf *out, struct err *err);
