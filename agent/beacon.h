/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The readiness beacon (agent.ready_vport=N): the guest calls the host instead of being polled.
 */
#pragma once

#include "agent/options.h"
#include "lib/job.h"

/* Starts a job that connects to the host's port and writes "ready <milliseconds since the kernel's start>\n". */
void beacon_send(const struct job_env *env, const struct options *options);
