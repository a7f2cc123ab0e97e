/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host may ask of the agent (docs/POLICY.md): rules that allow methods, where the fields of their requests
 * have allowed values; everything else is denied. Reads the rules and judges messages; it answers nobody and reads no
 * files. Pure. Owned by the server.
 */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

#include "lib/err.h"

#define POLICY_TEXT_MAX  (1u << 20) /* bytes */
#define POLICY_RULES_MAX 1024

/* What is asked besides the methods of the services. */
#define POLICY_DEBUG_CONSOLE "DebugConsole"

struct policy;

/* Reads a policy; *ret is freed with policy_free. -EINVAL names the rule and what is wrong with it. */
int policy_parse(const char *text, size_t len, struct policy **ret, struct err *err);

/* A policy that denies everything, because of `why`; *ret is freed with policy_free. 0 or -ENOMEM. */
int policy_deny_all(const char *why, struct policy **ret);

/* Frees it. Returns NULL. */
struct policy *policy_free(struct policy *policy);

/* Number of its rules. */
size_t policy_n_rules(const struct policy *policy);

/*
 * 0 if a rule allows the method with this request (NULL for one without), else -EPERM and why: the rules that name the
 * method, each with the field and the value that it does not allow.
 */
int policy_check(const struct policy *policy, const char *method, const ProtobufCMessage *request, struct err *err);
