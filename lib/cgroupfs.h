/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files and directories of a cgroup hierarchy, for the guest's containers and the host's sandboxes alike: parse what
 * the kernel prints, walk, kill, wait, remove. No policy: which limits a cgroup gets is its owner's business.
 * Everything starts from a directory fd; paths start with '/' and are below it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CGROUPFS_DEPTH_MAX 256       /* levels below a cgroup that a walk descends, -ELOOP beyond */
#define CGROUPFS_FILE_MAX  (4 << 20) /* largest file that is read: cgroup.procs of a fork bomb */

/* One "key value" pair of a text; the key is not NUL-terminated. */
struct cgroupfs_pair {
	const char *key;
	size_t key_len;
	uint64_t value;
};

/* Opens the hierarchy that is mounted at `root`; directory fd or -errno. */
int cgroupfs_open_root(const char *root);

/* Opens the cgroup at path ("/a/b", "/" = the root itself) without following symlinks; directory fd or -errno. */
int cgroupfs_open(int root, const char *path);

/* CPU shares of cgroup v1 as the kernel takes them: 2 to 262144. */
uint64_t cgroupfs_clamp_shares(uint64_t shares);

/* The weight of cgroup v2, 1 to 10000, for any number of CPU shares: linearly, as runc and crun always did. */
uint64_t cgroupfs_weight_of_shares(uint64_t shares);

/* A decimal number or "max" (UINT64_MAX), up to the end or a newline; -EINVAL otherwise. */
int cgroupfs_parse_value(const char *text, uint64_t *ret);

/* The next "key value" line of a flat-keyed text; lines of another form are skipped. False at the end. */
bool cgroupfs_next_line(const char **cursor, struct cgroupfs_pair *ret);

/* The next "key=value" word of one line of a nested-keyed text, other words are skipped. False at the end of the line.
 */
bool cgroupfs_next_word(const char **cursor, struct cgroupfs_pair *ret);

/* The value of a key in a flat-keyed text ("frozen 1"); false if it is not there. */
bool cgroupfs_find(const char *text, const char *key, uint64_t *ret);

/* The value of a file that holds just one; 0 or -errno. */
int cgroupfs_read_value(int dir, const char *file, uint64_t *ret);

/* Waits until `key` in cgroup.events has this value; 0, -ETIMEDOUT or -errno. */
int cgroupfs_wait_event(int dir, const char *key, uint64_t value, int timeout_ms);

/* Called for a cgroup after its sub-cgroups; a value other than 0 ends the walk. */
typedef int (*cgroupfs_visit)(int parent, const char *name, int dir, void *arg);

/* Visits everything below parent/name and then the thing itself; sub-cgroups that vanish meanwhile are fine. */
int cgroupfs_walk(int parent, const char *name, cgroupfs_visit visit, void *arg);

/* Number of processes in a cgroup and below it, or -errno. */
int cgroupfs_count(int dir);

/* The pids of cgroupfs_count's processes, the caller's to free; 0 for one that our pid namespace does not show. */
int cgroupfs_pids(int dir, pid_t **ret, size_t *ret_n);

/* Sends SIGKILL to what is in a cgroup and below it by one write to cgroup.kill; -ENOENT on kernels before 5.14. */
int cgroupfs_kill(int dir);

/* The same without cgroup.kill: freezes, signals each process, thaws. Does not wait for the freezer. */
int cgroupfs_kill_each(int dir);

/* SIGKILL for each process, again and again while there are some, a bounded number of times. */
int cgroupfs_kill_listed(int dir);

/* Removes the empty ones of the cgroups above path, upwards, never the root; 0 also where one is in use, or -errno. */
int cgroupfs_remove_parents(int root, const char *path);

/* Removes an empty cgroup and its empty sub-cgroups; waits for their last processes at most timeout_ms, then -EBUSY. */
int cgroupfs_remove(int root, const char *path, int timeout_ms);
