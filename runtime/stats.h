/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an agent says that a container uses, in the shape of the events of runc (lib/figures.h). Pure.
 */
#pragma once

#include "lib/buf.h"
#include "proto/agent.pb-c.h"

/* Appends one line of type "stats"; what the agent did not say is 0. -ENOMEM. */
int stats_format(const char *id, const Grpc__StatsContainerResponse *reply, struct buf *out);
