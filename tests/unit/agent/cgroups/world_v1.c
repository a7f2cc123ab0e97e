/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/agent/cgroups/world_v1.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/cgroups/ops.h"
#include "agent/cgroups/v1_cpuset.h"
#include "agent/cgroups/v1_files.h"
#include "lib/cgroupfs.h"
#include "lib/fd.h"

#define ROOT    "/sys/fs/cgroup"
#define WAIT_MS 5000

static const char *own_name(void)
{
	static char name[64];

	(void)snprintf(name, sizeof(name), "/kata-test-unit-%d", (int)getpid());
	return name;
}

static void remove_own(const struct cgroup_hierarchies *list, int root)
{
	for (size_t i = 0; i < list->n; i++) {
		_autoclose_ int dir = cgroupfs_open(root, list->v[i].dir);

		(void)cgroupfs_remove(dir, own_name(), WAIT_MS);
	}
}

/* From here on a hierarchy's directory is the test's own below it. */
static bool move_in(struct cgroup_hierarchies *list, int root)
{
	for (size_t i = 0; i < list->n; i++) {
		struct cgroup_hierarchy *h = &list->v[i];
		_autoclose_ int parent = cgroupfs_open(root, h->dir);
		_autoclose_ int own = -EBADF;

		if (mkdirat(parent, own_name() + 1, 0755) < 0)
			return false;
		own = cgroupfs_open(parent, own_name());
		if ((h->controllers & 1U << CGROUP_CPUSET) && cgroup_v1_cpuset_inherit(parent, own) < 0)
			return false;
	}
	for (size_t i = 0; i < list->n; i++)
		strcat(list->v[i].dir, own_name());
	return true;
}

int world_v1_setup(void **state)
{
	static struct world world;
	struct err err = ERR_INIT;
	struct cgroup_hierarchies outer;
	_autoclose_ int root = -EBADF;

	world = (struct world){ 0 };
	*state = &world;
	strcpy(world.root, ROOT);
	if (geteuid() != 0)
		world.skip = "not root";
	else if (cgroup_host_init(&world.host, world.root, &err) < 0 || world.host.unified)
		world.skip = "no cgroup v1 is mounted";
	if (world.skip)
		return 0;
	root = cgroupfs_open_root(world.root);
	outer = world.host.v1;
	if (!move_in(&world.host.v1, root)) {
		remove_own(&outer, root);
		world.skip = "the cgroup hierarchies are not writable";
	}
	return 0;
}

int world_v1_teardown(void **state)
{
	struct world *w = *state;
	_autoclose_ int root = cgroupfs_open_root(w->root);

	for (size_t i = 0; i < w->n_children; i++) {
		(void)kill(w->children[i], SIGKILL);
		(void)waitpid(w->children[i], NULL, 0);
	}
	arena_done(&w->arena);
	if (w->skip)
		return 0;
	(void)cgroup_kill(&w->host, "/x", NULL);
	/* A test may have left some out of its list. */
	if (cgroup_host_init(&w->host, w->root, NULL) < 0)
		return -1;
	remove_own(&w->host.v1, root);
	return 0;
}

pid_t world_v1_add(struct world *w, const char *path, void (*body)(void *arg), void *arg)
{
	struct err err = ERR_INIT;
	int barrier[2];
	char byte = 0;
	pid_t pid;

	assert_int_equal(pipe(barrier), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		alarm(60);
		(void)close(barrier[1]);
		if (read(barrier[0], &byte, 1) != 1)
			_exit(99);
		if (body)
			body(arg);
		for (;;)
			pause();
	}
	assert_true(w->n_children < WORLD_CHILDREN_MAX);
	w->children[w->n_children++] = pid;
	if (cgroup_attach(&w->host, path, pid, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(write(barrier[1], &byte, 1), 1);
	(void)close(barrier[0]);
	(void)close(barrier[1]);
	return pid;
}

bool world_v1_has(const struct world *w, enum cgroup_controller controller, const char *path)
{
	_autoclose_ int root = cgroupfs_open_root(w->root);
	struct cgroup_at at = { .host = &w->host, .root = root, .path = path };
	_autoclose_ int dir = cgroup_v1_open(&at, controller);

	return dir >= 0;
}
