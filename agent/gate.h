/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy's word about what does not come as a call but stands for one: a connection of the stream port, a debug
 * console. The core asks, who has the policy answers. Owned by the server.
 */
#pragma once

#include <stdbool.h>

#include "lib/err.h"
#include "lib/kstr.h"

struct gate {
	/* 0, or -EPERM and why; cid and eid may be NULL. */
	int (*check)(struct gate *gate, const char *method, const char *cid, const char *eid, struct err *err);
};

/* True if there is a gate and it does not let this pass; err says why. */
static inline bool gate_denies(struct gate *gate, const char *method, const char *cid, const char *eid, struct err *err)
{
	return gate && gate->check(gate, method, cid, eid, err) < 0;
}

/* The same for one stream of a process, however it is carried: as the call that it stands for. */
static inline bool gate_denies_stream(struct gate *gate, enum kstr_kind kind, const char *cid, const char *eid,
                                      struct err *err)
{
	static const char *const methods[KSTR_KIND_MAX] = {
		[KSTR_STDIN] = "WriteStdin",
		[KSTR_STDOUT] = "ReadStdout",
		[KSTR_STDERR] = "ReadStderr",
	};

	return gate_denies(gate, methods[kind], cid, eid, err);
}
