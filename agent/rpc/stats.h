/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cgroup's figures as the protocol's message. Pure.
 */
#pragma once

#include "agent/cgroups/stats.h"
#include "lib/arena.h"
#include "proto/agent.pb-c.h"

/* The message, in the arena, pointing into the figures; NULL = out of memory. */
Grpc__StatsContainerResponse *rpc_stats_message(struct arena *arena, const struct cgroup_stats *stats);
