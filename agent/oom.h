/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kills for lack of memory: one inotify instance watches memory.events of every container (cgroup v1: an eventfd for
 * each), each rise of oom_kill becomes as many events, and events go to those who wait, oldest first. Events nobody
 * asks for are kept, the newest OOM_QUEUE_MAX. Owned by the sandbox.
 */
#pragma once

#include "lib/err.h"
#include "lib/list.h"
#include "lib/loop.h"

#define OOM_QUEUE_MAX 100

struct cgroup_host;
struct container;
struct oom;
struct oom_waiter;

/* Called once, from a later turn or oom_wait's: the container's id, valid for the call; NULL = the sandbox is
 * destroyed. */
typedef void (*oom_told)(struct oom_waiter *waiter, const char *container_id);

/* Embedded in its owner. */
struct oom_waiter {
	struct list link;
	oom_told told;
};

/* Makes the watcher; freed with oom_free. 0 or -errno. */
int oom_new(struct loop *loop, const struct cgroup_host *host, struct oom **ret);

/* Ends it; waiters are told NULL. Returns NULL. */
struct oom *oom_free(struct oom *oom);

/* Watches a container's cgroup until oom_unwatch; without a memory controller there is nothing to watch: 0. */
int oom_watch(struct oom *oom, const char *id, const char *cgroup_path, struct err *err);

/* Looks a last time and forgets the container. Idempotent. */
void oom_unwatch(struct oom *oom, const char *id);

/* Waits for the next event. */
void oom_wait(struct oom *oom, struct oom_waiter *waiter);

/* Takes a waiter out; idempotent for an initialised one. */
void oom_wait_cancel(struct oom_waiter *waiter);

/* Puts an event back that could not be delivered: the next one who waits gets it. */
void oom_give_back(struct oom *oom, const char *container_id);
