/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking a container down: kill its cgroup first, wait until its processes are reaped, then a job removes cgroup and
 * bundle, then its storages are released. Steps are idempotent; one that fails is reported and the container stays, so
 * that it can be tried again. Owned by its container, gone with it.
 */
#pragma once

#include "agent/completion.h"

struct container;
struct teardown;

#define TEARDOWN_KILL_MS    10000 /* how long killed processes may take to be reaped */
#define TEARDOWN_JOINED_MAX 8

/* Starts; on success the container is freed right before `done` completes. timeout_s as in container_remove. */
int teardown_start(struct container *c, unsigned timeout_s, struct completion *done, struct err *err);

/* Completes as the one under way does, that is without its timeout. -EBUSY when too many wait already. */
int teardown_join(struct teardown *t, struct completion *done, struct err *err);

/* A process of the container was reaped: perhaps it was the last one. NULL is fine. */
void teardown_process_exited(struct teardown *t);

/* Stops what runs; nobody is told. Returns NULL. */
struct teardown *teardown_free(struct teardown *t);
