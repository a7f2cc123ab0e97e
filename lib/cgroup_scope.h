/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cgroups that systemd makes: a container gets a scope of its own, delegated, below a slice. No D-Bus here: systemd-run
 * asks for the scope and stays in it until the container's first process is there, because systemd removes a scope
 * that is empty. What is written to the cgroup's files is also told as properties, so that a reload keeps it.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <sys/types.h>

#include "lib/arena.h"
#include "lib/err.h"
#include "lib/oci.h"

#define CGROUP_SYSTEMD_RUN "/usr/bin/systemd-run"
#define CGROUP_SYSTEMCTL   "/usr/bin/systemctl"
#define CGROUP_BUSCTL      "/usr/bin/busctl"

struct cgroup_scope {
	const char *unit;  /* "libpod-<id>.scope" */
	const char *slice; /* "machine.slice" */
	const char *path;  /* below the root of the hierarchies: "/machine.slice/libpod-<id>.scope" */
};

/* A process that keeps a scope alive. */
struct cgroup_scope_keeper {
	int pidfd, in; /* negative = none */
};

#define CGROUP_SCOPE_KEEPER_INIT                                                                                       \
	{                                                                                                              \
		.pidfd = -EBADF, .in = -EBADF                                                                          \
	}

/*
 * What cgroupsPath "slice:prefix:name" stands for; absent, or with an empty slice: system.slice (user.slice for a
 * user's systemd). -EINVAL names what is wrong with it.
 */
int cgroup_scope_parse(struct arena *arena, const char *cgroups_path, const char *cid, bool user,
                       struct cgroup_scope *ret, struct err *err);

/* Appends properties for these resources ("MemoryMax=1048576") to list, which has room for CGROUP_SCOPE_PROPERTIES. */
int cgroup_scope_properties(struct arena *arena, const struct oci_resources *res, bool unified, const char **list,
                            size_t *n, struct err *err);

#define CGROUP_SCOPE_PROPERTIES 16

/*
 * Has systemd make the scope, and waits for it; `program` is CGROUP_SYSTEMD_RUN but in tests. The keeper is to be
 * released once a process of the container's is in the scope, or when there will be none.
 */
int cgroup_scope_start(const char *program, const struct cgroup_scope *scope, const struct oci_resources *res,
                       bool unified, bool user, struct cgroup_scope_keeper *ret, struct err *err);

/* Ends the keeper. Idempotent. */
void cgroup_scope_release(struct cgroup_scope_keeper *keeper);

/*
 * Tells systemd of changed limits of the scope at this path below the hierarchies, until the machine's next start;
 * `program` is CGROUP_SYSTEMCTL but in tests. The cgroup's files are the caller's to write.
 */
int cgroup_scope_update(const char *program, const char *path, const struct oci_resources *res, bool unified, bool user,
                        struct err *err);

/*
 * Has systemd forget the scope, whose processes are gone: it may not have noticed, and does not if we remove the cgroup
 * before it looks. A unit that is gone is fine.
 */
void cgroup_scope_stop(const char *program, const char *path, bool user);

/*
 * The scope will be made by the systemd of the user that we are, whose cgroup is not the root: moves its path below
 * that. `program` is CGROUP_SYSTEMCTL but in tests. Without such a systemd an error that names XDG_RUNTIME_DIR.
 */
int cgroup_scope_place(const char *program, struct arena *arena, struct cgroup_scope *scope, struct err *err);

/*
 * Has systemd move a process into the scope, for a user who may not: the kernel wants him to own what lies above both
 * cgroups. `program` is CGROUP_BUSCTL but in tests.
 */
int cgroup_scope_attach(const char *program, const char *path, pid_t pid, bool user, struct err *err);
