/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a container's process is and what it may: ids, groups, capabilities, resource limits, and the resets of what a
 * PID 1 hands down. Each function does one thing to the calling process, or to a child that waits; their order is
 * child.c's. Owns nothing.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "lib/err.h"
#include "lib/oci.h"

/*
 * Raises hard limits of a child that waits as far as credentials_limit will need it; done by its creator, whose
 * privileges a user namespace does not take away. What the process asks for must work.
 */
int credentials_raise_limits(pid_t pid, const struct oci_process *process, struct err *err);

/*
 * Sets our limits to what the process asks for. The rest gets these figures, soft:hard, capped to the hard limit that
 * is there (the kernel's own SIGPENDING, from the size of memory, stays):
 *   CPU FSIZE DATA RSS NPROC AS LOCKS RTTIME unlimited, STACK 8 MiB:unlimited, CORE 0:unlimited,
 *   NOFILE 1024:1048576, MEMLOCK 8 MiB:8 MiB, MSGQUEUE 819200:819200, NICE 0:0, RTPRIO 0:0
 */
int credentials_limit(const struct oci_process *process, struct err *err);

/* oom_score_adj of a child that waits: the process', else the container's, else 0. Only what was asked for must work.
 */
int credentials_set_oom_score(pid_t pid, const struct oci_process *process, const struct oci_process *container,
                              struct err *err);

/* Ourselves back to an ordinary process: nice 0, SCHED_OTHER, personality, umask 022, and a session keyring of our own
 * if wanted. */
int credentials_reset(bool new_keyring, struct err *err);

/* Becomes uid and gid 0 of the user namespace that we have just got. */
int credentials_become_root(struct err *err);

/* Drops what is not in `keep` from the bounding set, and looks whether the kernel did it. */
int credentials_drop_bounding(uint64_t keep, struct err *err);

/* Sets groups (also none at all), gid and uid; permitted capabilities stay. */
int credentials_become(const struct oci_user *user, struct err *err);

/* Makes every permitted capability effective, as needed by what comes between credentials_become and ..._apply. */
int credentials_raise(struct err *err);

/*
 * The final sets. Capabilities that this kernel does not have are left out, as are ambient ones that are not both
 * permitted and inheritable (the kernel refuses them; engines send such lists). Anything else that fails is an error.
 */
int credentials_apply(const struct oci_capabilities *caps, struct err *err);
