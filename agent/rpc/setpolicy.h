/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the policy comes from and where it is asked: a file of the image or SetPolicy; the dispatcher for every call,
 * and the gate for what stands for one. The rules themselves are policy.h's. Before any policy is set all is allowed.
 */
#pragma once

#include <stdbool.h>

#include "lib/err.h"

#define POLICY_FILE      "/etc/kata-opa/default-policy.json"
#define POLICY_FILE_REGO "/etc/kata-opa/default-policy.rego" /* where upstream's images have theirs */

struct rpc_call;
struct rpc_server;

/*
 * Before the first call: reads the file that was asked for, or that of the image; with neither there is no policy. One
 * that cannot be read or understood denies everything, with the reason: returns -errno and that reason, and the agent
 * goes on. After -ENOMEM it must not: there is no policy then.
 */
int rpc_policy_load(struct rpc_server *server, const char *file, struct err *err);

/* True if the policy does not allow the call: then it was answered PERMISSION_DENIED. For the dispatcher. */
bool rpc_policy_denies(struct rpc_call *call);
