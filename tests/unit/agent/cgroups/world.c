/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/agent/cgroups/world.h"

#include <errno.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cgroupfs.h"
#include "lib/fd.h"
#include "lib/sys.h"

#define WAIT_MS 5000

static const char *find_hierarchy(struct world *w)
{
	static const char *const mounts[] = { "/sys/fs/cgroup/unified", "/sys/fs/cgroup" };
	struct statfs st;

	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		if (statfs(mounts[i], &st) == 0 && st.f_type == CGROUP2_SUPER_MAGIC) {
			(void)snprintf(w->root, sizeof(w->root), "%s/kata-c-unit-%d", mounts[i], (int)getpid());
			return NULL;
		}
	}
	return "no cgroup2 is mounted";
}

int world_setup(void **state)
{
	static struct world world;
	struct err err = ERR_INIT;

	world = (struct world){ 0 };
	*state = &world;
	world.skip = geteuid() == 0 ? find_hierarchy(&world) : "not root";
	if (world.skip)
		return 0;
	if (mkdir(world.root, 0755) < 0) {
		world.skip = "the cgroup2 hierarchy is not writable";
		return 0;
	}
	if (cgroup_host_init(&world.host, world.root, &err) < 0) {
		print_error("%s\n", err.text);
		(void)rmdir(world.root);
		return -1;
	}
	return 0;
}

int world_teardown(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < w->n_children; i++) {
		(void)kill(w->children[i], SIGKILL);
		(void)waitpid(w->children[i], NULL, 0);
	}
	arena_done(&w->arena);
	if (w->skip)
		return 0;
	{
		_autoclose_ int dir = cgroupfs_open_root(w->root);

		(void)cgroupfs_kill(dir);
		(void)cgroupfs_remove(dir, "/x", WAIT_MS);
		(void)cgroupfs_remove(dir, "/y", WAIT_MS);
		(void)cgroupfs_remove(dir, "/kata-agent", WAIT_MS);
	}
	return rmdir(w->root);
}

void world_create(struct world *w, const char *path, const struct oci_linux *lin)
{
	struct cgroup_plan plan;

	OK(cgroup_plan(&w->host, &w->arena, path, lin, &plan, why));
	OK(cgroup_create(&w->host, &plan, why));
}

pid_t world_add_sleeper(struct world *w, const char *path)
{
	struct err err = ERR_INIT;
	_autoclose_ int dir = cgroup_open(&w->host, path, &err);
	struct sys_clone_args args = { .cgroup_fd = dir };
	pid_t pid;

	assert_true(dir >= 0);
	pid = sys_clone3(&args);
	assert_true(pid >= 0);
	if (pid == 0) {
		alarm(60);
		for (;;)
			pause();
	}
	assert_true(w->n_children < WORLD_CHILDREN_MAX);
	w->children[w->n_children++] = pid;
	return pid;
}

bool world_has(const struct world *w, const char *path)
{
	char full[256];
	struct stat st;

	(void)snprintf(full, sizeof(full), "%s%s", w->root, path);
	return stat(full, &st) == 0;
}

bool world_has_controllers(const struct world *w)
{
	_autoclose_ int root = cgroupfs_open_root(w->root);
	_autofree_ char *text = NULL;

	return fd_read_file_at(root, "cgroup.controllers", 4096, &text, NULL) == 0 && strstr(text, "memory") &&
	       strstr(text, "cpu ") && strstr(text, "pids");
}
