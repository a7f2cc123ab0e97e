/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control groups of containers, by path below the hierarchies' root. One ops struct per version: v2, and v1, which is
 * also what drives a hybrid host. Values are the OCI specification's, converted here. Paths start with '/', never
 * contain "..".
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/arena.h"
#include "lib/cgroup_hierarchies.h"
#include "lib/err.h"
#include "lib/oci.h"
#include "lib/step.h"

#define CGROUP_ROOT "/sys/fs/cgroup"

#define CGROUP_SELF "/kata-agent" /* the agent's own cgroup; no container gets it */

struct cgroup_ops;

struct cgroup_disk {
	unsigned major, minor;
};

/* Disks that no container may read or write, whatever its rules say. */
struct cgroup_disks {
	struct cgroup_disk *v;
	size_t n;
};

/* Which hierarchy is mounted at root; found once. */
struct cgroup_host {
	char *root;                    /* mount point; borrowed from cgroup_host_init's caller */
	bool unified;                  /* cgroup2 alone */
	bool keeps_parents;            /* the cgroups above are systemd's: not removed when they are empty */
	bool rootless;                 /* the caller's: where we may not make a cgroup, there is none */
	bool can_filter_devices;       /* the kernel takes device programs; if not, containers run without a filter */
	bool no_kill_file;             /* tests: act as a kernel before 5.14, without cgroup.kill */
	struct cgroup_hierarchies v1;  /* where each controller is; empty on v2 */
	struct cgroup_disks own_disks; /* cgroup_find_own_disks, before each plan; none on a runk host */
	const struct cgroup_ops *ops;
};

/* What a container's cgroup gets: the files to write in order, and the device program. */
struct cgroup_plan {
	const char *path;
	struct step_list steps;
	const struct oci_device_rule *rules; /* device filter, last match wins; n_rules 0 = deny all */
	size_t n_rules;
	bool filter_devices;
	bool adopts; /* systemd has made it: it may be there already, and hold systemd's keeper */
};

/* Finds out what is mounted at root, and what the kernel can do; an error names what is missing. */
int cgroup_host_init(struct cgroup_host *host, char *root, struct err *err);

/*
 * The same for who asks at each start: whether the kernel takes device programs is not tried, and comes out when one is
 * attached.
 */
int cgroup_host_find(struct cgroup_host *host, char *root, struct err *err);

/* Number of the controllers that limits may need and the kernel does not offer, their names as "io, hugetlb"; -errno.
 */
int cgroup_find_missing(const struct cgroup_host *host, char **ret);

/* CgroupsPath of the spec (":" becomes "/"; absent: "/<cid>") as a clean path in the arena; -EINVAL if it has "..". */
int cgroup_path(struct arena *arena, const char *cgroups_path, const char *cid, char **ret, struct err *err);

/* Plans limits and the device filter (D5: default list, then Linux.Devices, then Resources.Devices); pure. */
int cgroup_plan(const struct cgroup_host *host, struct arena *arena, const char *path, const struct oci_linux *lin,
                struct cgroup_plan *ret, struct err *err);

/*
 * Makes the cgroup with its parents, enables controllers, applies the plan; undone on failure. One that is there and
 * empty is made anew, one in use is -EEXIST. Rootless: 1 if no cgroup could be made, then nothing else works for it.
 */
int cgroup_create(const struct cgroup_host *host, const struct cgroup_plan *plan, struct err *err);

/*
 * Directory fd for CLONE_INTO_CGROUP, or -errno (-EOPNOTSUPP on v1: use cgroup_attach). If the container has divided
 * its cgroup (systemd in it) and only the leaves may hold processes: its "init" or "init.scope".
 */
int cgroup_open(const struct cgroup_host *host, const char *path, struct err *err);

/* Moves a process to where cgroup_open would have it born (the fallback for CLONE_INTO_CGROUP). */
int cgroup_attach(const struct cgroup_host *host, const char *path, pid_t pid, struct err *err);

/* The same in the hierarchies of v1 with one of these controllers, as bits of enum cgroup_controller. */
int cgroup_attach_controllers(const struct cgroup_host *host, uint32_t controllers, const char *path, pid_t pid,
                              struct err *err);

/* Changes limits of a running container; what is absent or 0 is left alone, devices too. May block: for a job. */
int cgroup_update(const struct cgroup_host *host, const char *path, const struct oci_resources *res, struct err *err);

/* Freezes or thaws and waits, bounded, until the kernel says that it is so. For a job. */
int cgroup_freeze(const struct cgroup_host *host, const char *path, bool frozen, struct err *err);

/* 1 if the kernel says that it is frozen, 0 if not, or -errno. */
int cgroup_is_frozen(const struct cgroup_host *host, const char *path);

/* SIGKILL for everything below; does not wait. A cgroup that is gone is fine. */
int cgroup_kill(const struct cgroup_host *host, const char *path, struct err *err);

/*
 * Removes it and what the container made below it, bounded retries on EBUSY; gone is fine. Parents that are empty then
 * go as well. For a job.
 */
int cgroup_remove(const struct cgroup_host *host, const char *path, struct err *err);

/* Number of processes below, or -errno. */
int cgroup_count(const struct cgroup_host *host, const char *path);

/* Numbers of the processes below, the caller's to free; 0 stands for one that our pid namespace does not show. */
int cgroup_pids(const struct cgroup_host *host, const char *path, pid_t **ret, size_t *ret_n);

/* How many processes below were ever killed for lack of memory (the watcher compares), or -errno. */
int64_t cgroup_oom_kills(const struct cgroup_host *host, const char *path);

/*
 * An eventfd that becomes readable when the cgroup is out of memory, before the kernel kills, and when it is removed
 * (v1). -EOPNOTSUPP on v2: watch memory.events by inotify. -ENOENT without a memory controller.
 */
int cgroup_watch_oom(const struct cgroup_host *host, const char *path);

/*
 * Which lists of the cgroup are its own and not its parent's: bits for cgroup_follow_cpus. It has to be asked for all
 * cgroups before the first one follows, since they share parents.
 */
unsigned cgroup_find_own_cpus(const struct cgroup_host *host, const char *path);

/*
 * After CPUs or memory nodes came: on v1 the parents take the root's, and so does the cgroup unless `cpu` (may be NULL)
 * names some or they are its `own`. For a guest, where nobody else has a say.
 */
int cgroup_follow_cpus(const struct cgroup_host *host, const char *path, const struct oci_cpu *cpu, unsigned own,
                       struct err *err);

/* Puts the calling process into CGROUP_SELF, with a little memory that the kernel keeps for it. At boot. */
int cgroup_protect_self(const struct cgroup_host *host, struct err *err);

/* Root disk and every other block device that is mounted, with the disks they are parts of; lists live in the arena. */
int cgroup_find_own_disks(struct arena *arena, const char *mountinfo, const char *sys_dev_block,
                          struct cgroup_disks *ret, struct err *err);
