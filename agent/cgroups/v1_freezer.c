/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cgroups/v1_freezer.h"

#include <errno.h>
#include <string.h>

#include "agent/cgroups/v1_files.h"
#include "lib/cgroupfs.h"
#include "lib/fd.h"
#include "lib/sys.h"

#define STATE          "freezer.state"
#define STATE_MAX      32
#define TIMEOUT_MS     10000
#define THAW_EVERY     50 /* tries after which everything may move for a moment */
#define SHORT_TRIES    10
#define LONG_WAIT_MS   10
#define NS_PER_MS      UINT64_C(1000000)
#define UNIFIED_FREEZE "cgroup.freeze"

static int state_is(int dir, const char *state)
{
	_autofree_ char *text = NULL;
	int r = fd_read_file_at(dir, STATE, STATE_MAX, &text, NULL);

	if (r < 0)
		return r;
	text[strcspn(text, "\n")] = '\0';
	return strcmp(text, state) == 0;
}

/*
 * Reading is what makes the kernel look whether all stand still. A process that waits for another one in the kernel (a
 * parent in vfork) cannot be frozen while that one is: so now and then all are let go for a moment.
 */
static int wait_for(int dir, const char *state, uint64_t deadline)
{
	for (int tries = 1;; tries++) {
		int r = tries % THAW_EVERY == 0 ? fd_write_file_at(dir, STATE, "THAWED") : 0;

		r = r < 0 ? r : fd_write_file_at(dir, STATE, state);
		r = r < 0 ? r : state_is(dir, state);
		if (r != 0)
			return r < 0 ? r : 0;
		if (sys_now(CLOCK_MONOTONIC) >= deadline)
			return -ETIMEDOUT;
		(void)sys_poll(NULL, 0, tries < SHORT_TRIES ? 1 : LONG_WAIT_MS);
	}
}

static int freeze_unified(const struct cgroup_at *at, bool frozen)
{
	_autoclose_ int dir = cgroup_v1_open(at, CGROUP_UNIFIED);
	int r = dir < 0 ? dir : fd_write_file_at(dir, UNIFIED_FREEZE, frozen ? "1" : "0");

	r = r < 0 ? r : cgroupfs_wait_event(dir, "frozen", frozen, TIMEOUT_MS);
	if (r < 0 && frozen && dir >= 0)
		(void)fd_write_file_at(dir, UNIFIED_FREEZE, "0");
	return r;
}

int cgroup_v1_freeze(const struct cgroup_at *at, bool frozen)
{
	_autoclose_ int dir = cgroup_v1_open(at, CGROUP_FREEZER);
	uint64_t deadline = sys_now(CLOCK_MONOTONIC) + TIMEOUT_MS * NS_PER_MS;
	int r;

	if (dir == -ENXIO)
		r = freeze_unified(at, frozen);
	else
		r = dir < 0 ? dir : wait_for(dir, frozen ? "FROZEN" : "THAWED", deadline);
	/* Half frozen is worse than running: the host will be told that nothing has changed. */
	if (r < 0 && frozen && dir >= 0)
		(void)fd_write_file_at(dir, STATE, "THAWED");
	return r == -ENXIO ? -EOPNOTSUPP : r;
}

int cgroup_v1_is_frozen(const struct cgroup_at *at)
{
	_autoclose_ int dir = cgroup_v1_open(at, CGROUP_FREEZER);
	_autoclose_ int unified = -EBADF;
	_autofree_ char *text = NULL;
	uint64_t frozen = 0;
	int r;

	if (dir != -ENXIO)
		return dir < 0 ? dir : state_is(dir, "FROZEN");
	unified = cgroup_v1_open(at, CGROUP_UNIFIED);
	r = unified < 0 ? unified : fd_read_file_at(unified, "cgroup.events", CGROUPFS_FILE_MAX, &text, NULL);
	if (r < 0)
		return r == -ENXIO ? 0 : r;
	return cgroupfs_find(text, "frozen", &frozen) && frozen == 1;
}

int cgroup_v1_open_tracker(const struct cgroup_at *at)
{
	static const enum cgroup_controller order[] = { CGROUP_UNIFIED, CGROUP_FREEZER, CGROUP_PIDS,  CGROUP_DEVICES,
		                                        CGROUP_NAMED,   CGROUP_CPU,     CGROUP_MEMORY };

	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		if (cgroup_v1_has(at, order[i]))
			return cgroup_v1_open(at, order[i]);
	return at->host->v1.n > 0 ? cgroupfs_open(at->root, at->host->v1.v[0].dir) : -ENXIO;
}

static int thaw_here(int parent, const char *name, int dir, void *arg)
{
	int r = fd_write_file_at(dir, STATE, "THAWED");

	(void)parent;
	(void)name;
	(void)arg;
	return r == -ENOENT || r == -ENODEV ? 0 : r;
}

/* Kills by number what stands still meanwhile, if there is a freezer: what is frozen cannot fork or be reused. */
static int kill_listed(const struct cgroup_at *at, int freezer)
{
	_autoclose_ int dir = cgroup_v1_open_tracker(at);

	if (dir < 0)
		return dir;
	if (freezer >= 0)
		(void)fd_write_file_at(freezer, STATE, "FROZEN");
	return cgroupfs_kill_listed(dir);
}

int cgroup_v1_kill(const struct cgroup_at *at)
{
	_autoclose_ int freezer = cgroup_v1_open(at, CGROUP_FREEZER);
	_autoclose_ int unified = cgroup_v1_open(at, CGROUP_UNIFIED);
	int r = unified, thawed = 0, walked = 0;

	if (unified >= 0 && !at->host->no_kill_file)
		r = cgroupfs_kill(unified);
	if (r < 0 || at->host->no_kill_file)
		r = kill_listed(at, freezer);
	/* The signal waits for the thaw, also in a sub-cgroup that was frozen by itself. First what needs no walk. */
	if (freezer >= 0) {
		thawed = thaw_here(freezer, ".", freezer, NULL);
		walked = cgroupfs_walk(freezer, ".", thaw_here, NULL);
	}
	return r < 0 ? r : thawed < 0 ? thawed : walked;
}
