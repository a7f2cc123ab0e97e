/* SPDX-License-Identifier: Apache-2.0 */
/* A cgroup of v1: a directory of the same path in every hierarchy, also in the cgroup2 one of a hybrid host. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "agent/cgroups/bpf.h"
#include "agent/cgroups/ops.h"
#include "agent/cgroups/v1_cpuset.h"
#include "agent/cgroups/v1_devices.h"
#include "agent/cgroups/v1_files.h"
#include "agent/cgroups/v1_freezer.h"
#include "agent/cgroups/v1_plan.h"
#include "agent/cgroups/v1_stats.h"
#include "lib/buf.h"
#include "lib/cgroupfs.h"
#include "lib/fd.h"
#include "lib/sys.h"

#define REMOVE_TIMEOUT_MS 5000
#define PID_TEXT_MAX      16
#define DIR_MODE          0755
#define CREATE_TRIES      16

static int probe(int root, struct cgroup_host *host, struct err *err)
{
	int r = cgroup_hierarchies_read(NULL, host->root, &host->v1, err);

	(void)root;
	if (r < 0)
		return r;
	for (size_t i = 0; i < host->v1.n; i++)
		if (host->v1.v[i].controllers != UINT32_C(1) << CGROUP_UNIFIED)
			return 1;
	return 0;
}

static bool has(const struct cgroup_host *host, enum cgroup_controller controller)
{
	return cgroup_hierarchies_find(&host->v1, controller) != NULL;
}

static enum cgroup_filter filter(const struct cgroup_host *host)
{
	if (has(host, CGROUP_DEVICES))
		return CGROUP_FILTER_CONTROLLER;
	return has(host, CGROUP_UNIFIED) ? CGROUP_FILTER_PROGRAM : CGROUP_FILTER_NONE;
}

static int find_missing(const struct cgroup_at *at, char **ret)
{
	static const enum cgroup_controller needed[] = { CGROUP_CPU,     CGROUP_CPUACCT, CGROUP_BLKIO,
		                                         CGROUP_CPUSET,  CGROUP_MEMORY,  CGROUP_PIDS,
		                                         CGROUP_HUGETLB, CGROUP_DEVICES, CGROUP_FREEZER };
	_autobuf_ struct buf list = BUF_INIT;
	int n = 0, r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(needed) && r >= 0; i++)
		if (!has(at->host, needed[i]))
			r = buf_printf(&list, "%s%s", n++ > 0 ? ", " : "", cgroup_controller_name(needed[i]));
	if (r < 0)
		return r;
	*ret = strdup(n > 0 ? buf_str(&list) : "");
	return *ret ? n : -ENOMEM;
}

/* --- making ------------------------------------------------------------------------------------------------------ */

/* How much of the path we made in each hierarchy: the length of the shortest prefix, 0 = nothing. */
struct making {
	const struct cgroup_at *at;
	size_t made[CGROUP_HIERARCHIES_MAX];
};

static void undo_one(const struct cgroup_at *at, const struct cgroup_hierarchy *h, size_t made)
{
	_autofree_ char *path = strdup(at->path);
	char name[PATH_MAX];

	while (path && made > 0 && strlen(path) >= made) {
		if (cgroup_v1_name(h, path, NULL, name) >= 0)
			(void)sys_unlinkat(at->root, name, AT_REMOVEDIR);
		*strrchr(path, '/') = '\0';
	}
}

static void undo(struct making *m)
{
	for (size_t i = 0; i < m->at->host->v1.n; i++)
		undo_one(m->at, &m->at->host->v1.v[i], m->made[i]);
	memset(m->made, 0, sizeof(m->made));
}

/* The container's own: one that is there without processes is made anew, so that no limit of another life stays. */
static int make_leaf(int parent, const char *name)
{
	_autoclose_ int dir = -EBADF;
	int r = sys_mkdirat(parent, name, DIR_MODE);

	if (r != -EEXIST)
		return r;
	dir = cgroupfs_open(parent, name);
	r = dir < 0 ? dir : cgroupfs_count(dir);
	if (r > 0)
		return -EEXIST;
	r = r < 0 ? r : cgroupfs_remove(parent, name, 0);
	if (r == -EBUSY)
		return -EEXIST;
	return r < 0 ? r : sys_mkdirat(parent, name, DIR_MODE);
}

static bool is_cpuset(const struct cgroup_hierarchy *h)
{
	return h->controllers & UINT32_C(1) << CGROUP_CPUSET;
}

/* Steps from *dir into the next level, made if need be. 1 if it was made. */
static int make_level(const struct cgroup_hierarchy *h, int *dir, const char *name, bool is_leaf)
{
	int r = is_leaf ? make_leaf(*dir, name) : sys_mkdirat(*dir, name, DIR_MODE), fd;
	bool made = r >= 0;

	if (r < 0 && (is_leaf || r != -EEXIST))
		return r;
	fd = cgroupfs_open(*dir, name);
	if (fd < 0)
		return fd;
	r = is_cpuset(h) ? cgroup_v1_cpuset_inherit(*dir, fd) : 0;
	(void)fd_close(*dir);
	*dir = fd;
	return r < 0 ? r : made;
}

static int make_levels(const struct cgroup_at *at, const struct cgroup_hierarchy *h, bool adopts, size_t *ret_made)
{
	_autofree_ char *path = strdup(at->path);
	_autoclose_ int dir = cgroupfs_open(at->root, h->dir);
	int r = path ? dir : -ENOMEM;

	for (char *name = path ? path + 1 : NULL, *end; name && r >= 0; name = end ? end + 1 : NULL) {
		end = strchr(name, '/');
		if (end)
			*end = '\0';
		r = make_level(h, &dir, name, end == NULL && !adopts);
		if (r > 0 && *ret_made == 0)
			*ret_made = strlen(path);
		if (end)
			*end = '/';
	}
	return r < 0 ? r : 0;
}

/* Mostly the parents are there, and one call is enough. A cpuset has to be filled in from above. */
static int make_in(const struct cgroup_at *at, const struct cgroup_hierarchy *h, bool adopts, size_t *ret_made)
{
	char name[PATH_MAX];
	int r = cgroup_v1_name(h, at->path, NULL, name);

	if (r < 0)
		return r;
	r = is_cpuset(h) ? -ENOENT : sys_mkdirat(at->root, name, DIR_MODE);
	if (r >= 0)
		*ret_made = strlen(at->path);
	return r >= 0 || cgroup_is_refused(r) ? r : make_levels(at, h, adopts, ret_made);
}

/* Number of hierarchies in which the cgroup is now, or -errno. */
static int make_all(struct making *m, bool adopts)
{
	const struct cgroup_host *host = m->at->host;
	int n = 0;

	for (size_t i = 0; i < host->v1.n; i++) {
		int r = make_in(m->at, &host->v1.v[i], adopts, &m->made[i]);

		if (host->rootless && cgroup_is_refused(r))
			continue;
		if (r < 0)
			return r;
		n++;
	}
	return n;
}

static int filter_devices(const struct cgroup_at *at, const struct cgroup_plan *plan, struct err *err)
{
	_autoclose_ int dir = -EBADF;

	if (cgroup_v1_has(at, CGROUP_DEVICES))
		return cgroup_v1_devices_apply(at, plan->rules, plan->n_rules, err);
	dir = cgroup_v1_open(at, CGROUP_UNIFIED);
	if (dir < 0)
		return err_set(err, dir, "filter the devices of cgroup '%s'", at->path);
	return cgroup_bpf_attach(dir, at->path, plan->rules, plan->n_rules, err);
}

static int apply_plan(const struct cgroup_at *at, const struct cgroup_plan *plan, struct err *err)
{
	struct cgroup_v1_target target = { .at = at };
	int r = step_list_apply(&plan->steps, &target, NULL, err);

	/* Whoever may not make device nodes either needs no filter. */
	if (r < 0 || !plan->filter_devices || at->host->rootless)
		return r;
	return filter_devices(at, plan, err);
}

static int create_once(const struct cgroup_at *at, const struct cgroup_plan *plan, struct err *err)
{
	struct making m = { .at = at };
	int r = make_all(&m, plan->adopts), n = r;

	if (r == -ENOENT || r == -ENODEV)
		r = -ESTALE;
	else if (r == -EEXIST)
		r = err_say(err, EEXIST, "create cgroup '%s': it exists and is in use", plan->path);
	else if (r < 0)
		r = err_set(err, r, "create cgroup '%s'", plan->path);
	else if (n > 0)
		r = apply_plan(at, plan, err);
	if (r < 0)
		undo(&m);
	return r < 0 ? r : n == 0;
}

static int create(const struct cgroup_at *at, const struct cgroup_plan *plan, struct err *err)
{
	int r = -ESTALE;

	/* A parent that somebody's remove found empty may vanish between our steps. */
	for (int i = 0; i < CREATE_TRIES && r == -ESTALE; i++)
		r = create_once(at, plan, err);
	return r == -ESTALE ? err_say(err, EAGAIN, "create cgroup '%s': its parents keep vanishing", plan->path) : r;
}

/* --- the rest ---------------------------------------------------------------------------------------------------- */

/* Nobody is born in a v1 cgroup. */
static int open_for_clone(const struct cgroup_at *at)
{
	(void)at;
	return -EOPNOTSUPP;
}

static int attach(const struct cgroup_at *at, uint32_t controllers, pid_t pid)
{
	const struct cgroup_host *host = at->host;
	char name[PATH_MAX], text[PID_TEXT_MAX];
	int r = 0;

	(void)snprintf(text, sizeof(text), "%d", (int)pid);
	for (size_t i = 0; i < host->v1.n && r >= 0; i++) {
		if (!(host->v1.v[i].controllers & controllers) && controllers != UINT32_MAX)
			continue;
		r = cgroup_v1_name(&host->v1.v[i], at->path, "cgroup.procs", name);
		r = r < 0 ? r : fd_write_file_at(at->root, name, text);
		if (r == -ENOENT && host->rootless)
			r = 0;
	}
	return r;
}

static int plan(struct arena *arena, const struct oci_resources *res, struct step_list *ret, struct err *err)
{
	static const struct cgroup_v1_now nothing = CGROUP_V1_NEW;

	return cgroup_v1_plan(arena, res, &nothing, ret, err);
}

/* The kernel's "none" is the largest multiple of a page that fits. */
static void read_now(const struct cgroup_at *at, struct cgroup_v1_now *ret)
{
	_autofree_ char *text = NULL;

	*ret = (struct cgroup_v1_now)CGROUP_V1_NEW;
	if (cgroup_v1_read(at, CGROUP_MEMORY, "memory.limit_in_bytes", &text) >= 0)
		(void)cgroupfs_parse_value(text, &ret->memory_limit);
	if (ret->memory_limit > INT64_MAX - UINT64_C(0x100000))
		ret->memory_limit = UINT64_MAX;
}

static int update(const struct cgroup_at *at, const struct oci_resources *res, struct err *err)
{
	_autoclose_ int dir = cgroup_v1_open_tracker(at);
	_autoarena_ struct arena arena = { 0 };
	struct cgroup_v1_target target = { .at = at };
	struct step_list steps = { 0 };
	struct cgroup_v1_now now;
	int r;

	if (dir < 0)
		return err_set(err, dir, "update cgroup '%s'", at->path);
	read_now(at, &now);
	r = cgroup_v1_plan(&arena, res, &now, &steps, err);
	if (r < 0)
		return err_wrap(err, "update cgroup '%s'", at->path);
	return step_list_apply(&steps, &target, NULL, err);
}

/* What is gone is fine. */
static int remove_in(const struct cgroup_at *at, const struct cgroup_hierarchy *h)
{
	_autoclose_ int dir = cgroupfs_open(at->root, h->dir);
	int r = dir < 0 ? dir : cgroupfs_remove(dir, at->path, REMOVE_TIMEOUT_MS);

	return r < 0 || at->host->keeps_parents ? r : cgroupfs_remove_parents(dir, at->path);
}

/* The one that processes are looked for in goes last: as long as it is there, the rest can be tried again. */
static int remove_all(const struct cgroup_at *at)
{
	const struct cgroup_host *host = at->host;
	int first = 0;

	for (size_t i = host->v1.n; i > 0; i--) {
		int r = remove_in(at, &host->v1.v[i - 1]);

		if (host->rootless && cgroup_is_refused(r))
			continue;
		first = first < 0 ? first : r;
	}
	return first;
}

struct kills {
	int64_t sum;
	bool any;
};

/* A kill is counted where the victim was, which may be a sub-cgroup that the container made. */
static int add_kills(int parent, const char *name, int dir, void *arg)
{
	struct kills *kills = arg;
	_autofree_ char *text = NULL;
	uint64_t n;

	(void)parent;
	(void)name;
	if (fd_read_file_at(dir, "memory.oom_control", CGROUPFS_FILE_MAX, &text, NULL) >= 0 &&
	    cgroupfs_find(text, "oom_kill", &n)) {
		kills->sum += (int64_t)n;
		kills->any = true;
	}
	return 0;
}

static int64_t oom_kills(const struct cgroup_at *at)
{
	_autoclose_ int dir = cgroup_v1_open(at, CGROUP_MEMORY);
	struct kills kills = { 0 };
	int r = dir < 0 ? dir : cgroupfs_walk(dir, ".", add_kills, &kills);

	if (r < 0)
		return r == -ENXIO ? -ENOENT : r;
	return kills.any ? kills.sum : -ENODATA;
}

static int watch_oom(const struct cgroup_at *at)
{
	_autoclose_ int dir = cgroup_v1_open(at, CGROUP_MEMORY);
	_autoclose_ int control = -EBADF;
	_autoclose_ int event = -EBADF;
	char text[2 * PID_TEXT_MAX];
	int r = dir;

	if (dir < 0)
		return r == -ENXIO ? -ENOENT : r;
	control = sys_openat(dir, "memory.oom_control", O_RDONLY | O_CLOEXEC, 0);
	if (control < 0)
		return control;
	event = sys_eventfd();
	if (event < 0)
		return event;
	(void)snprintf(text, sizeof(text), "%d %d", event, control);
	r = fd_write_file_at(dir, "cgroup.event_control", text);
	return r < 0 ? r : take_fd(&event);
}

/* Nothing to keep: memory.min is v2's, and without limits the root is as good as any other. */
static int protect_self(const struct cgroup_at *at, struct err *err)
{
	(void)at;
	(void)err;
	return 0;
}

const struct cgroup_ops cgroup_v1_ops = {
	.name = "v1",
	.probe = probe,
	.filter = filter,
	.find_missing = find_missing,
	.plan = plan,
	.create = create,
	.open = open_for_clone,
	.attach = attach,
	.update = update,
	.freeze = cgroup_v1_freeze,
	.is_frozen = cgroup_v1_is_frozen,
	.kill = cgroup_v1_kill,
	.remove = remove_all,
	.open_tracker = cgroup_v1_open_tracker,
	.oom_kills = oom_kills,
	.watch_oom = watch_oom,
	.find_own_cpus = cgroup_v1_find_own_cpus,
	.follow_cpus = cgroup_v1_follow_cpus,
	.protect_self = protect_self,
	.stats = cgroup_v1_stats,
};
