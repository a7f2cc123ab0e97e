/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Namespaces: which ones a process joins and which it creates, id maps, and the pins of the sandbox. Joining always
 * happens in a process of its own, never in the agent. A namespace is named by an fd, never by a path of the host's;
 * only nspace_plan_paths, for callers whose spec is their own (runk), opens paths.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/err.h"
#include "lib/oci.h"

#define NSPACE_KINDS 8

/* What one process does about namespaces. */
struct nspace_plan {
	uint64_t create;        /* CLONE_NEW* for clone3, without CLONE_NEWCGROUP */
	bool create_cgroup;     /* unshared by the child once it is in its cgroup */
	int join[NSPACE_KINDS]; /* fds joined before clone3, -EBADF = none; borrowed */
	uint64_t join_flag[NSPACE_KINDS];
	size_t n_join;
};

/* Pins of the sandbox that containers share. */
struct nspace_pins {
	int ipc, uts; /* fds, -EBADF = not shared */
	int pid;      /* pid namespace of the first container, -EBADF = none yet */
};

/*
 * Plans for a container's init: ipc and uts entries join the pins if there are any; pid joins pins->pid when the
 * request asks for the sandbox's and a pin exists; mount, cgroup and user are new; net is new only if the spec lists
 * it. Host paths in the spec are ignored, as the protocol says. A pid namespace is part of the plan even without an
 * entry.
 */
int nspace_plan_init(const struct oci_spec *spec, const struct nspace_pins *pins, bool sandbox_pidns,
                     struct nspace_plan *ret, struct err *err);

/* Plans as the OCI specification says: an entry with a path is opened and joined, one without is new. Closed with
 * nspace_plan_close. */
int nspace_plan_paths(const struct oci_linux *lin, struct nspace_plan *ret, struct err *err);

/* Closes the fds that nspace_plan_paths opened. */
void nspace_plan_close(struct nspace_plan *plan);

/* True if the plan joins the namespace of this CLONE_NEW* flag. */
bool nspace_plan_joins(const struct nspace_plan *plan, uint64_t flag);

/* Joins everything in plan->join; for the process that will clone. */
int nspace_join(const struct nspace_plan *plan, struct err *err);

/* Writes uid_map, gid_map and setgroups of a child through its /proc directory. */
int nspace_write_maps(pid_t pid, const struct oci_linux *lin, struct err *err);

/* Takes the loopback device of our (new) network namespace up. */
int nspace_loopback_up(struct err *err);

/* Body of the job that makes the sandbox's ipc and uts namespaces; its reply holds their two fds, ipc first. */
struct job_reply;
int nspace_make_pins(const char *hostname, struct job_reply *reply, struct err *err);
