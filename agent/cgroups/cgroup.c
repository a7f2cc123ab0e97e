/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cgroups/cgroup.h"

#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>

#include "agent/cgroups/bpf.h"
#include "agent/cgroups/devices.h"
#include "agent/cgroups/ops.h"
#include "lib/cgroupfs.h"
#include "lib/fd.h"
#include "lib/path.h"
#include "lib/sys.h"

static const struct cgroup_ops *const versions[] = {
	&cgroup_v2_ops,
	&cgroup_v1_ops,
};

/* Says which hierarchy it was that none of `versions` wanted. */
static int refuse(int root_fd, const char *root, struct err *err)
{
	struct statfs st;
	int r = sys_fstatfs(root_fd, &st);

	if (r < 0)
		return err_set(err, r, "look at '%s'", root);
	if (st.f_type == CGROUP_SUPER_MAGIC)
		return err_say(err, EOPNOTSUPP,
		               "'%s' is one hierarchy of cgroup v1: it should hold a directory for each", root);
	return err_say(err, ENOENT, "no cgroup hierarchy on '%s': mount cgroup2 there, or cgroup v1 below", root);
}

int cgroup_host_find(struct cgroup_host *host, char *root, struct err *err)
{
	_autoclose_ int fd = cgroupfs_open_root(root);
	struct cgroup_host found = { .root = root };
	int r;

	if (fd < 0)
		return err_set(err, fd, "open the cgroup hierarchy '%s'", root);
	for (size_t i = 0; i < ARRAY_SIZE(versions) && !found.ops; i++) {
		r = versions[i]->probe(fd, &found, err);
		if (r < 0)
			return r;
		if (r > 0)
			found.ops = versions[i];
	}
	if (!found.ops)
		return refuse(fd, root, err);
	found.unified = found.ops->unified;
	found.can_filter_devices = found.ops->filter(&found) != CGROUP_FILTER_NONE;
	*host = found;
	return 0;
}

int cgroup_host_init(struct cgroup_host *host, char *root, struct err *err)
{
	struct cgroup_host found;
	int r = cgroup_host_find(&found, root, err);

	if (r < 0)
		return r;
	if (found.ops->filter(&found) == CGROUP_FILTER_PROGRAM) {
		r = cgroup_bpf_probe();
		if (r < 0)
			return err_set(err, r, "find out whether the kernel can filter devices");
		found.can_filter_devices = r > 0;
	}
	*host = found;
	return 0;
}

int cgroup_find_missing(const struct cgroup_host *host, char **ret)
{
	_autoclose_ int root = cgroupfs_open_root(host->root);

	return root < 0 ? root : host->ops->find_missing(&(struct cgroup_at){ .host = host, .root = root }, ret);
}

bool cgroup_is_refused(int r)
{
	return r == -EACCES || r == -EPERM || r == -EROFS;
}

static const char *rdma_number(struct arena *arena, bool given, uint32_t n)
{
	return given ? arena_printf(arena, "%u", n) : "max";
}

char *cgroup_rdma_line(struct arena *arena, const struct oci_rdma_limit *limit)
{
	const char *handles = rdma_number(arena, limit->has_handles, limit->handles);
	const char *objects = rdma_number(arena, limit->has_objects, limit->objects);

	return handles && objects
	               ? arena_printf(arena, "%s hca_handle=%s hca_object=%s", limit->device, handles, objects)
	               : NULL;
}

static bool is_self(const char *path)
{
	size_t len = strlen(CGROUP_SELF);

	return strncmp(path, CGROUP_SELF, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

/* Copies the components of `from` behind `to`, without empty ones and "."; -EINVAL at "..". */
static int clean(const char *from, char *to)
{
	while (*from) {
		size_t len;

		from += strspn(from, "/:");
		len = strcspn(from, "/:");
		if (len == 2 && memcmp(from, "..", 2) == 0)
			return -EINVAL;
		if (len > NAME_MAX)
			return -ENAMETOOLONG;
		if (len > 0 && !(len == 1 && *from == '.')) {
			*to++ = '/';
			to = mempcpy(to, from, len);
		}
		from += len;
	}
	*to = '\0';
	return 0;
}

int cgroup_path(struct arena *arena, const char *cgroups_path, const char *cid, char **ret, struct err *err)
{
	const char *given = cgroups_path && *cgroups_path ? cgroups_path : cid;
	size_t len = strlen(given);
	char *path;
	int r;

	if (len >= PATH_MAX)
		return err_say(err, ENAMETOOLONG, "cgroup path of container '%s' is too long", cid);
	path = arena_alloc(arena, len + 2);
	if (!path)
		return err_say(err, ENOMEM, "plan the cgroup path of container '%s': out of memory", cid);
	r = clean(given, path);
	if (r < 0)
		return err_set(err, r, "cgroup path '%s' of container '%s'", given, cid);
	if (!*path)
		return err_say(err, EINVAL, "cgroup path '%s' of container '%s' is the root", given, cid);
	if (is_self(path))
		return err_say(err, EINVAL, "cgroup path '%s' of container '%s' is the agent's own", given, cid);
	*ret = path;
	return 0;
}

int cgroup_plan(const struct cgroup_host *host, struct arena *arena, const char *path, const struct oci_linux *lin,
                struct cgroup_plan *ret, struct err *err)
{
	struct cgroup_plan plan = { .path = path, .filter_devices = host->can_filter_devices };
	int r = host->ops->plan(arena, lin->resources, &plan.steps, err);

	r = r < 0 ? r : cgroup_device_rules(arena, lin, &host->own_disks, &plan.rules, &plan.n_rules, err);
	if (r < 0)
		return err_wrap(err, "plan cgroup '%s'", path);
	*ret = plan;
	return 0;
}

struct opened {
	struct cgroup_at at;
	int r; /* 0 or why it did not open */
};

static void opened_done(struct opened *o)
{
	o->at.root = fd_close(o->at.root);
}
#define _opened_ _cleanup_(opened_done) struct opened

/* The mount point if `path` may be worked on; the root and the agent's own cgroup never. */
static struct opened open_at(const struct cgroup_host *host, const char *path)
{
	struct opened o = { .at = { .host = host, .root = -EBADF, .path = path } };

	if (!path_is_clean(path) || path[strspn(path, "/")] == '\0' || is_self(path))
		o.r = -EINVAL;
	else
		o.at.root = o.r = cgroupfs_open_root(host->root);
	o.r = o.r < 0 ? o.r : 0;
	return o;
}

int cgroup_create(const struct cgroup_host *host, const struct cgroup_plan *plan, struct err *err)
{
	_opened_ o = open_at(host, plan->path);

	if (o.r < 0)
		return err_set(err, o.r, "create cgroup '%s'", plan->path);
	return host->ops->create(&o.at, plan, err);
}

int cgroup_open(const struct cgroup_host *host, const char *path, struct err *err)
{
	_opened_ o = open_at(host, path);
	int r = o.r < 0 ? o.r : host->ops->open(&o.at);

	return r < 0 ? err_set(err, r, "open cgroup '%s'", path) : r;
}

int cgroup_attach(const struct cgroup_host *host, const char *path, pid_t pid, struct err *err)
{
	_opened_ o = open_at(host, path);
	int r = o.r < 0 ? o.r : host->ops->attach(&o.at, UINT32_MAX, pid);

	return r < 0 ? err_set(err, r, "move process %d into cgroup '%s'", (int)pid, path) : 0;
}

int cgroup_attach_controllers(const struct cgroup_host *host, uint32_t controllers, const char *path, pid_t pid,
                              struct err *err)
{
	_opened_ o = open_at(host, path);
	int r = o.r < 0 ? o.r : host->ops->attach(&o.at, controllers, pid);

	return r < 0 ? err_set(err, r, "move process %d into cgroup '%s'", (int)pid, path) : 0;
}

int cgroup_update(const struct cgroup_host *host, const char *path, const struct oci_resources *res, struct err *err)
{
	_opened_ o = open_at(host, path);

	if (o.r < 0)
		return err_set(err, o.r, "update cgroup '%s'", path);
	return host->ops->update(&o.at, res, err);
}

int cgroup_freeze(const struct cgroup_host *host, const char *path, bool frozen, struct err *err)
{
	_opened_ o = open_at(host, path);
	int r = o.r < 0 ? o.r : host->ops->freeze(&o.at, frozen);

	return r < 0 ? err_set(err, r, "%s cgroup '%s'", frozen ? "freeze" : "thaw", path) : 0;
}

int cgroup_is_frozen(const struct cgroup_host *host, const char *path)
{
	_opened_ o = open_at(host, path);

	return o.r < 0 ? o.r : host->ops->is_frozen(&o.at);
}

static bool is_gone(int r)
{
	return r == -ENOENT || r == -ENODEV;
}

int cgroup_kill(const struct cgroup_host *host, const char *path, struct err *err)
{
	_opened_ o = open_at(host, path);
	int r = o.r < 0 ? o.r : host->ops->kill(&o.at);

	return r < 0 && !is_gone(r) ? err_set(err, r, "kill the processes of cgroup '%s'", path) : 0;
}

int cgroup_remove(const struct cgroup_host *host, const char *path, struct err *err)
{
	_opened_ o = open_at(host, path);
	int r = o.r < 0 ? o.r : host->ops->remove(&o.at);

	return r < 0 && !is_gone(r) ? err_set(err, r, "remove cgroup '%s'", path) : 0;
}

static int open_tracker(const struct cgroup_host *host, const char *path)
{
	_opened_ o = open_at(host, path);

	return o.r < 0 ? o.r : host->ops->open_tracker(&o.at);
}

int cgroup_count(const struct cgroup_host *host, const char *path)
{
	_autoclose_ int dir = open_tracker(host, path);

	return dir < 0 ? dir : cgroupfs_count(dir);
}

int cgroup_pids(const struct cgroup_host *host, const char *path, pid_t **ret, size_t *ret_n)
{
	_autoclose_ int dir = open_tracker(host, path);

	return dir < 0 ? dir : cgroupfs_pids(dir, ret, ret_n);
}

int64_t cgroup_oom_kills(const struct cgroup_host *host, const char *path)
{
	_opened_ o = open_at(host, path);

	return o.r < 0 ? o.r : host->ops->oom_kills(&o.at);
}

int cgroup_watch_oom(const struct cgroup_host *host, const char *path)
{
	_opened_ o = open_at(host, path);

	return o.r < 0 ? o.r : host->ops->watch_oom(&o.at);
}

unsigned cgroup_find_own_cpus(const struct cgroup_host *host, const char *path)
{
	_opened_ o = open_at(host, path);

	return o.r < 0 ? 0 : host->ops->find_own_cpus(&o.at);
}

int cgroup_follow_cpus(const struct cgroup_host *host, const char *path, const struct oci_cpu *cpu, unsigned own,
                       struct err *err)
{
	_opened_ o = open_at(host, path);

	if (o.r < 0)
		return err_set(err, o.r, "give new CPUs to cgroup '%s'", path);
	return host->ops->follow_cpus(&o.at, cpu, own, err);
}

int cgroup_protect_self(const struct cgroup_host *host, struct err *err)
{
	_autoclose_ int root = cgroupfs_open_root(host->root);

	if (root < 0)
		return err_set(err, root, "open the cgroup hierarchy '%s'", host->root);
	return host->ops->protect_self(&(struct cgroup_at){ .host = host, .root = root }, err);
}

int cgroup_stats_read(const struct cgroup_host *host, const char *path, struct arena *arena, struct cgroup_stats *ret,
                      struct err *err)
{
	_opened_ o = open_at(host, path);
	struct cgroup_stats stats = { 0 };
	int r = o.r < 0 ? o.r : host->ops->stats(&o.at, arena, &stats);

	if (r < 0)
		return err_set(err, is_gone(r) ? ENOENT : r, "read the figures of cgroup '%s'", path);
	*ret = stats;
	return 0;
}
