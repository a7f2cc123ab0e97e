/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the agent is told of a network plan: its requests, made in the caller's arena.
 */
#pragma once

#include "proto/agent.pb-c.h"
#include "runtime/network/plan.h"

/* The n-th nic as UpdateInterface wants it; has_pci: the machine has a bus by which it can be found. */
int netguest_interface(struct arena *arena, const struct netplan *plan, size_t n, bool has_pci,
                       Grpc__UpdateInterfaceRequest *ret);

/* All routes, those without a gateway first. */
int netguest_routes(struct arena *arena, const struct netplan *plan, Grpc__UpdateRoutesRequest *ret);

/* All neighbours. */
int netguest_neighbours(struct arena *arena, const struct netplan *plan, Grpc__AddARPNeighborsRequest *ret);

/* The lines of the text of a resolv.conf, as CreateSandbox wants them. */
int netguest_dns(struct arena *arena, const char *text, char ***ret, size_t *ret_n);
