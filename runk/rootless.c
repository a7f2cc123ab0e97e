/* SPDX-License-Identifier: Apache-2.0 */
#include "runk/rootless.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/credentials.h"
#include "lib/buf.h"
#include "lib/fd.h"
#include "lib/spawn.h"
#include "lib/sys.h"

#define MAP_TIMEOUT_MS 10000
#define ARGV_FIXED     6 /* sh -c SCRIPT sh PROGRAM PID */

bool rootless_is_needed(void)
{
	return sys_geteuid() != 0;
}

static void take_out_namespace(struct oci_linux *lin)
{
	size_t n = 0;

	for (size_t i = 0; i < lin->n_namespaces; i++)
		if (lin->namespaces[i].flag != CLONE_NEWUSER)
			lin->namespaces[n++] = lin->namespaces[i];
	lin->n_namespaces = n;
	lin->uid_maps.n = lin->gid_maps.n = 0;
}

static bool is_own(const struct oci_id_maps *maps, uint32_t id)
{
	return maps->n == 1 && maps->v[0].size == 1 && maps->v[0].host_id == id;
}

/* The kernel lets everybody map himself; whom else he may map is written in /etc/subuid, which newuidmap(1) reads. */
static int map_own(const char *file, const struct oci_id_map *map, struct err *err)
{
	char text[64];
	int r;

	(void)snprintf(text, sizeof(text), "%" PRIu32 " %" PRIu32 " 1\n", map->container_id, map->host_id);
	r = fd_write_file_at(AT_FDCWD, file, text);
	return r < 0 ? err_set(err, r, "write '%s'", file) : 0;
}

/* A process outside of the namespace that waits until there is one, and then maps its ids. */
struct mapper {
	const char *program;
	int pidfd, go;
};

#define MAPPER_INIT(name)                                                                                              \
	{                                                                                                              \
		.program = name, .pidfd = -EBADF, .go = -EBADF                                                         \
	}

/* One that was never told to go sees the end of its input, and ends. */
static void mapper_done(struct mapper *m)
{
	fd_closep(&m->go);
	if (m->pidfd >= 0)
		(void)spawn_wait_or_kill(m->pidfd, MAP_TIMEOUT_MS);
	fd_closep(&m->pidfd);
}
#define _automapper_ _cleanup_(mapper_done)

static int fill_argv(struct arena *arena, const char *program, const struct oci_id_maps *maps, char **argv)
{
	size_t n = 0;

	argv[n++] = (char *)(uintptr_t) "sh";
	argv[n++] = (char *)(uintptr_t) "-c";
	argv[n++] = (char *)(uintptr_t) "read -r go && exec \"$@\"";
	argv[n++] = (char *)(uintptr_t) "sh";
	argv[n++] = (char *)(uintptr_t)program;
	argv[n++] = arena_printf(arena, "%d", (int)sys_getpid());
	for (size_t i = 0; i < maps->n; i++) {
		argv[n++] = arena_printf(arena, "%" PRIu32, maps->v[i].container_id);
		argv[n++] = arena_printf(arena, "%" PRIu32, maps->v[i].host_id);
		argv[n++] = arena_printf(arena, "%" PRIu32, maps->v[i].size);
	}
	argv[n] = NULL;
	for (size_t i = 0; i < n; i++)
		if (!argv[i])
			return -ENOMEM;
	return 0;
}

static int mapper_start(struct mapper *m, const struct oci_id_maps *maps, struct err *err)
{
	_autoarena_ struct arena arena = { 0 };
	char **argv = arena_array(&arena, ARGV_FIXED + 3 * maps->n + 1, sizeof(*argv));
	struct spawn_spec spec = { .path = "/bin/sh", .argv = argv, .env = environ, .stdio = { -EBADF, 2, 2 } };
	_autoclose_ int theirs = -EBADF;
	int pipe[2], r = argv ? fill_argv(&arena, m->program, maps, argv) : -ENOMEM;

	r = r < 0 ? r : sys_pipe2(pipe, O_CLOEXEC);
	if (r < 0)
		return err_set(err, r, "run '%s'", m->program);
	theirs = spec.stdio[0] = pipe[0];
	m->go = pipe[1];
	r = spawn_run(&spec, &m->pidfd, err);
	return r < 0 ? err_wrap(err, "run '%s'", m->program) : 0;
}

static int mapper_run(struct mapper *m, struct err *err)
{
	ssize_t n = sys_write(m->go, "\n", 1);
	int status;

	if (n < 0)
		return err_set(err, (int)n, "run '%s'", m->program);
	status = spawn_wait(m->pidfd, MAP_TIMEOUT_MS);
	if (status == 0)
		return 0;
	return err_say(err, EPERM,
	               "'%s' could not map the ids of the user namespace (status %d): is it there, and are they the "
	               "caller's by /etc/sub%cid?",
	               m->program, status, m->program[3]);
}

static int map_ids(const struct oci_linux *lin, struct mapper *uids, struct mapper *gids, struct err *err)
{
	int r = 0;

	/* Who may set his groups to what he likes could lose those that keep him out of somewhere. */
	if (gids->pidfd < 0)
		r = fd_write_file_at(AT_FDCWD, "/proc/self/setgroups", "deny");
	if (r < 0)
		return err_set(err, r, "write '/proc/self/setgroups'");
	r = gids->pidfd >= 0 ? mapper_run(gids, err) : map_own("/proc/self/gid_map", &lin->gid_maps.v[0], err);
	if (r < 0)
		return r;
	return uids->pidfd >= 0 ? mapper_run(uids, err) : map_own("/proc/self/uid_map", &lin->uid_maps.v[0], err);
}

static int enter(const struct oci_linux *lin, struct err *err)
{
	_automapper_ struct mapper uids = MAPPER_INIT("newuidmap"), gids = MAPPER_INIT("newgidmap");
	int r = 0;

	if (!is_own(&lin->uid_maps, sys_geteuid()))
		r = mapper_start(&uids, &lin->uid_maps, err);
	if (r == 0 && !is_own(&lin->gid_maps, getegid()))
		r = mapper_start(&gids, &lin->gid_maps, err);
	if (r < 0)
		return r;
	r = sys_unshare(CLONE_NEWUSER | CLONE_NEWNS);
	if (r < 0)
		return err_set(err, r, "make a user namespace");
	r = map_ids(lin, &uids, &gids, err);
	return r < 0 ? r : credentials_become_root(err);
}

int rootless_enter(const struct runk *runk, struct oci_spec *spec, struct err *err)
{
	struct oci_linux *lin = spec->linux;
	const struct oci_namespace *user = oci_find_namespace(lin, CLONE_NEWUSER);
	struct oci_id_map uid = { .host_id = sys_geteuid(), .size = 1 }, gid = { .host_id = getegid(), .size = 1 };
	int r;

	if (user && user->path && user->path[0] != '\0')
		return err_say(err, ENOTSUP, "join user namespace '%s': that takes privilege", user->path);
	if (!user)
		runk_log_warning(runk,
		                 "the caller is not root and linux.namespaces has no user namespace, one is made");
	if (lin->uid_maps.n == 0)
		lin->uid_maps = (struct oci_id_maps){ .v = &uid, .n = 1 };
	if (lin->gid_maps.n == 0)
		lin->gid_maps = (struct oci_id_maps){ .v = &gid, .n = 1 };
	r = enter(lin, err);
	take_out_namespace(lin);
	return r < 0 ? err_wrap(err, "create a container as uid %u", (unsigned)uid.host_id) : 0;
}

int rootless_join(int pidfd, struct oci_spec *spec, struct err *err)
{
	int r = sys_setns(pidfd, CLONE_NEWUSER);

	if (r < 0)
		return err_set(err, r, "join the container's user namespace");
	take_out_namespace(spec->linux);
	r = credentials_become_root(err);
	if (r < 0)
		return r;
	/* In the machine's own we may mount nothing, and a procfs is needed. */
	r = sys_unshare(CLONE_NEWNS);
	return r < 0 ? err_set(err, r, "make a mount namespace") : 0;
}
