/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/shared_mounts.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent/container.h"
#include "agent/mount/fsmount.h"
#include "agent/mount/target.h"
#include "agent/sandbox.h"
#include "lib/fd.h"
#include "lib/mountinfo.h"
#include "lib/path.h"
#include "lib/sys.h"

#define ANNOTATION "io.kubernetes.cri.container-name"

int shared_mounts_check(const struct shared_mount *mounts, size_t n, struct err *err)
{
	if (n > SHARED_MOUNTS_MAX)
		return err_say(err, E2BIG, "%zu shared mounts, the most is %d", n, SHARED_MOUNTS_MAX);
	for (size_t i = 0; i < n; i++) {
		const struct shared_mount *m = &mounts[i];

		if (!path_is_clean(m->src_path) || !path_is_clean(m->dst_path) || strcmp(m->dst_path, "/") == 0)
			return err_say(
				err, EINVAL,
				"shared mount '%s' from '%s' to '%s': the paths must be absolute and without '..'",
				m->name, m->src_path, m->dst_path);
	}
	return 0;
}

static bool has_name(const struct container *c, const char *name)
{
	const struct oci_pairs *annotations = &c->config->spec->annotations;

	for (size_t i = 0; i < annotations->n; i++)
		if (strcmp(annotations->v[i].key, ANNOTATION) == 0)
			return strcmp(annotations->v[i].value, name) == 0;
	return false;
}

static const struct container *find_source(const struct container *c, const struct shared_mount *m)
{
	list_foreach(other, &c->sandbox->containers, struct container, link)
		if (other != c && other->init && other->init->pidfd >= 0 && other->state != CONTAINER_CREATING &&
		    has_name(other, m->src_ctr))
			return other;
	return NULL;
}

/* --- in the job -------------------------------------------------------------------------------------------------- */

static int compare(const struct mountinfo_entry *entry, void *arg)
{
	return strcmp(entry->target, arg) == 0;
}

/* Sleeps until it is mounted: the kernel tells of every change of a mount namespace. 1, 0 too late, -errno. */
static int wait_for_mount(const struct container *source, const char *path, uint64_t until)
{
	char mountinfo[64];
	_autoclose_ int fd = -EBADF;

	(void)snprintf(mountinfo, sizeof(mountinfo), "/proc/%d/mountinfo", (int)source->init->pid);
	fd = sys_openat(AT_FDCWD, mountinfo, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return fd;
	for (;;) {
		struct pollfd changed = { .fd = fd, .events = POLLPRI };
		struct err err = ERR_INIT;
		uint64_t now;
		int r = mountinfo_walk(mountinfo, compare, (void *)(uintptr_t)path, &err);

		if (r != 0)
			return r;
		now = sys_now(CLOCK_MONOTONIC);
		if (now >= until)
			return 0;
		r = sys_poll(&changed, 1, (int)((until - now) / 1000000) + 1);
		if (r < 0 && r != -EINTR)
			return r;
	}
}

static int skip(struct job_reply *reply, const struct shared_mount *m, const char *why, struct err *err)
{
	int r = buf_printf(&reply->data, "%s shared mount '%s' from '%s' of '%s': %s", reply->data.len ? ";" : "",
	                   m->name, m->src_path, m->src_ctr, why);

	return r < 0 ? err_set(err, r, "report") : 0;
}

/* Enters a mount namespace for good, and opens its root. */
static int enter(const struct container *c, struct err *err)
{
	int r = sys_setns(c->init->pidfd, CLONE_NEWNS);
	int root = r < 0 ? r : sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);

	if (r == -ESRCH)
		return err_say(err, ESRCH, "join the mount namespace of '%s': its init is gone", c->id);
	return root < 0 ? err_set(err, root, "join the mount namespace of '%s'", c->id) : root;
}

/* A detached tree of what is mounted there: the only thing that travels between mount namespaces. */
static int clone_source(const struct container *source, const struct shared_mount *m, struct err *err)
{
	_autoclose_ int root = enter(source, err), fd = -EBADF, tree = -EBADF;
	int r;

	if (root < 0)
		return root;
	fd = path_open_in(root, m->src_path, 0);
	tree = fd < 0 ? fd : mount_clone(fd, true);
	/* Nothing that happens in one of the two is to be heard in the other. */
	r = tree < 0 ? tree : mount_set_propagation(tree, MS_PRIVATE, true);
	return r < 0 ? err_set(err, r, "clone '%s' of '%s'", m->src_path, source->id) : take_fd(&tree);
}

static int attach(int root, int tree, const struct shared_mount *m, struct err *err)
{
	struct target_want want = { .path = m->dst_path };
	_autoclose_ int target = -EBADF;
	struct stat st;
	int r = sys_fstatat(tree, "", &st, AT_EMPTY_PATH);

	if (r < 0)
		return err_set(err, r, "look at the source");
	want.is_dir = S_ISDIR(st.st_mode);
	target = target_open(root, &want, err);
	if (target < 0)
		return target;
	r = target_check_procfs(target, m->dst_path, err);
	if (r < 0)
		return r;
	r = mount_attach(tree, target);
	return r < 0 ? err_set(err, r, "mount on '%s'", m->dst_path) : 0;
}

struct trees {
	int fds[SHARED_MOUNTS_MAX];
};

static void close_trees(struct trees *t)
{
	for (size_t i = 0; i < ARRAY_SIZE(t->fds); i++)
		(void)fd_close(t->fds[i]);
}

/* Who is there and mounted; the others become NULL, with a word of why. */
static int find_all(const struct container *c, const struct container **sources, struct job_reply *reply,
                    struct err *err)
{
	const struct container_config *config = c->config;
	uint64_t until = sys_now(CLOCK_MONOTONIC) + SHARED_MOUNTS_WAIT_MS * (uint64_t)1000000;
	int r = 0;

	for (size_t i = 0; i < config->n_shared_mounts && r >= 0; i++) {
		const struct shared_mount *m = &config->shared_mounts[i];

		sources[i] = find_source(c, m);
		if (!sources[i]) {
			r = skip(reply, m, "no such container runs", err);
			continue;
		}
		r = wait_for_mount(sources[i], m->src_path, until);
		if (r < 0)
			(void)err_set(err, r, "wait for '%s' of '%s'", m->src_path, sources[i]->id);
		if (r == 0) {
			sources[i] = NULL;
			r = skip(reply, m, "nothing is mounted there", err);
		}
	}
	return r < 0 ? r : 0;
}

static int share_all(const struct container *c, const struct container *const *sources, struct trees *trees,
                     struct err *err)
{
	const struct container_config *config = c->config;
	_autoclose_ int root = -EBADF;
	int r = 0;

	for (size_t i = 0; i < config->n_shared_mounts && r >= 0; i++)
		if (sources[i])
			r = trees->fds[i] = clone_source(sources[i], &config->shared_mounts[i], err);
	r = r < 0 ? r : (root = enter(c, err));
	for (size_t i = 0; i < config->n_shared_mounts && r >= 0; i++) {
		if (!sources[i])
			continue;
		r = attach(root, trees->fds[i], &config->shared_mounts[i], err);
		if (r < 0)
			(void)err_wrap(err, "shared mount '%s'", config->shared_mounts[i].name);
	}
	return r < 0 ? r : 0;
}

static int run(void *arg, struct job_reply *reply, struct err *err)
{
	const struct container *c = arg, *sources[SHARED_MOUNTS_MAX];
	_cleanup_(close_trees) struct trees trees;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(trees.fds); i++)
		trees.fds[i] = -EBADF;
	(void)sys_umask(0);
	r = find_all(c, sources, reply, err);
	r = r < 0 ? r : share_all(c, sources, &trees, err);
	return r < 0 ? err_wrap(err, "create container '%s'", c->id) : 0;
}

int shared_mounts_start(struct container *c, struct job *job, job_done done, struct err *err)
{
	struct container_config *config = c->config;
	int *keep = arena_array(&config->arena, config->n_shared_mounts + 1, sizeof(*keep));
	size_t n = 0;

	if (!keep)
		return err_set(err, ENOMEM, "create container '%s'", c->id);
	for (size_t i = 0; i < config->n_shared_mounts; i++) {
		const struct container *source = find_source(c, &config->shared_mounts[i]);

		if (source)
			keep[n++] = source->init->pidfd;
	}
	keep[n++] = c->init->pidfd;
	*job = (struct job){ .name = "shared mounts", .run = run, .arg = c, .done = done, .keep = keep, .n_keep = n };
	return job_start(&c->sandbox->env, job, err);
}
