/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/cgroups/bpf.h"
#include "agent/cgroups/ops.h"
#include "agent/cgroups/v2_plan.h"
#include "agent/cgroups/v2_stats.h"
#include "lib/cgroupfs.h"
#include "lib/fd.h"
#include "lib/sys.h"

#define CONTROLLERS_MAX   1024
#define FREEZE_TIMEOUT_MS 10000
#define REMOVE_TIMEOUT_MS 5000
#define SELF_MEMORY_MIN   "8388608"
#define PID_TEXT_MAX      16
#define DIR_MODE          0755
#define CREATE_TRIES      16

static const char *const controllers[] = { "cpu", "io", "cpuset", "memory", "pids", "hugetlb", "rdma", "misc" };
#define NEEDED 6 /* the first ones; without the others nothing that Kata asks for is missing */

static int probe(int root, struct cgroup_host *host, struct err *err)
{
	struct statfs st;

	(void)host;
	(void)err;
	return sys_fstatfs(root, &st) == 0 && st.f_type == CGROUP2_SUPER_MAGIC;
}

static enum cgroup_filter filter(const struct cgroup_host *host)
{
	(void)host;
	return CGROUP_FILTER_PROGRAM;
}

static bool is_gone(int r)
{
	return r == -ENOENT || r == -ENODEV;
}

static bool has_word(const char *text, const char *word)
{
	size_t len = strlen(word);

	for (text += strspn(text, " \n"); *text; text += strspn(text, " \n")) {
		size_t n = strcspn(text, " \n");

		if (n == len && memcmp(text, word, n) == 0)
			return true;
		text += n;
	}
	return false;
}

static int find_missing(const struct cgroup_at *at, char **ret)
{
	_autofree_ char *available = NULL;
	_autofree_ char *list = strdup("");
	int n = 0, r = fd_read_file_at(at->root, "cgroup.controllers", CONTROLLERS_MAX, &available, NULL);

	for (size_t i = 0; i < NEEDED && r >= 0 && list; i++) {
		char *longer = NULL;

		if (has_word(available, controllers[i]))
			continue;
		if (asprintf(&longer, "%s%s%s", list, n++ > 0 ? ", " : "", controllers[i]) < 0)
			longer = NULL;
		free(list);
		list = longer;
	}
	if (r < 0 || !list)
		return r < 0 ? r : -ENOMEM;
	*ret = take_ptr(&list);
	return n;
}

/* The real root, alone in having no type, may have processes and controllers for its sub-cgroups both. */
static bool has_processes_in_the_way(int dir)
{
	_autofree_ char *pids = NULL;
	struct stat st;

	if (sys_fstatat(dir, "cgroup.type", &st, 0) < 0)
		return false;
	return fd_read_file_at(dir, "cgroup.procs", CGROUPFS_FILE_MAX, &pids, NULL) >= 0 && *pids;
}

/*
 * Hands each controller that `dir` has on to its sub-cgroups. What can't be enabled shows when a limit needs it. False
 * if processes are in the way: then nothing is tried, since the kernel would take "+cpu" even so, make it a threaded
 * cgroup and refuse every process in the sub-cgroups.
 */
static bool enable_controllers(int dir)
{
	_autofree_ char *available = NULL;
	_autofree_ char *enabled = NULL;
	char words[ARRAY_SIZE(controllers)][16];
	size_t n = 0;

	if (fd_read_file_at(dir, "cgroup.controllers", CONTROLLERS_MAX, &available, NULL) < 0 ||
	    fd_read_file_at(dir, "cgroup.subtree_control", CONTROLLERS_MAX, &enabled, NULL) < 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(controllers); i++)
		if (has_word(available, controllers[i]) && !has_word(enabled, controllers[i]))
			(void)snprintf(words[n++], sizeof(words[0]), "+%s", controllers[i]);
	if (n > 0 && has_processes_in_the_way(dir))
		return false;
	for (size_t i = 0; i < n; i++)
		(void)fd_write_file_at(dir, "cgroup.subtree_control", words[i]);
	return true;
}

/* A cgroup on its way into being; `made` is how much of path to remove if that fails. */
struct making {
	int root, dir;
	char *path;        /* a copy of the plan's, cut at a component and mended while we go */
	size_t first_made; /* length of the shortest prefix that we made, 0 = none */
	bool adopts;       /* the last level may be there, and in use */
	char *busy;        /* the cgroup whose processes kept controllers off, or NULL */
};

static void making_done(struct making *m)
{
	(void)fd_close(m->dir);
	free(m->path);
	free(m->busy);
}

/* Removes what was made, the deepest first. Others may use it by now: then it stays. */
static void undo(struct making *m)
{
	while (m->first_made > 0 && strlen(m->path) >= m->first_made) {
		(void)sys_unlinkat(m->root, m->path + 1, AT_REMOVEDIR);
		*strrchr(m->path, '/') = '\0';
	}
}

/* The container's own cgroup: one that is there and empty is made anew, so that it has no limits of another life. */
static int make_leaf(int parent, const char *name)
{
	int r = sys_mkdirat(parent, name, DIR_MODE);

	if (r != -EEXIST)
		return r;
	r = sys_unlinkat(parent, name, AT_REMOVEDIR);
	if (r == -EBUSY || r == -ENOTEMPTY)
		return -EEXIST;
	return r < 0 ? r : sys_mkdirat(parent, name, DIR_MODE);
}

/* Makes one level, m->path being cut behind it, and steps into it. */
static int make_level(struct making *m, const char *name, bool is_leaf)
{
	int r, fd;

	if (!enable_controllers(m->dir) && !m->busy) {
		m->busy = strndup(m->path, name - 1 == m->path ? 1 : (size_t)(name - 1 - m->path));
		if (!m->busy)
			return -ENOMEM;
	}
	is_leaf = is_leaf && !m->adopts;
	r = is_leaf ? make_leaf(m->dir, name) : sys_mkdirat(m->dir, name, DIR_MODE);
	if (r < 0 && (is_leaf || r != -EEXIST))
		return r;
	if (r >= 0 && m->first_made == 0)
		m->first_made = strlen(m->path);
	fd = cgroupfs_open(m->dir, name);
	if (fd < 0)
		return fd;
	(void)fd_close(m->dir);
	m->dir = fd;
	return 0;
}

static int make_levels(struct making *m)
{
	char *end, *name = m->path + 1;
	int r = 0;

	for (; name && r >= 0; name = end ? end + 1 : NULL) {
		end = strchr(name, '/');
		if (end)
			*end = '\0';
		r = make_level(m, name, end == NULL);
		if (r < 0)
			return r;
		if (end)
			*end = '/';
	}
	return r;
}

static int apply_limits(struct making *m, const struct cgroup_plan *plan, struct err *err)
{
	struct cgroup_v2_target target = { .dir = m->dir, .path = plan->path, .busy = m->busy };
	int r = step_list_apply(&plan->steps, &target, NULL, err);

	if (r < 0 || !plan->filter_devices)
		return r;
	return cgroup_bpf_attach(m->dir, plan->path, plan->rules, plan->n_rules, err);
}

static int create_once(const struct cgroup_at *at, const struct cgroup_plan *plan, struct err *err)
{
	_cleanup_(making_done) struct making m = { .root = at->root,
		                                   .dir = cgroupfs_open(at->root, "/"),
		                                   .adopts = plan->adopts };
	int r;

	if (m.dir < 0)
		return err_set(err, m.dir, "create cgroup '%s'", plan->path);
	m.path = strdup(plan->path);
	if (!m.path)
		return err_set(err, ENOMEM, "create cgroup '%s'", plan->path);
	r = make_levels(&m);
	if (at->host->rootless && cgroup_is_refused(r)) {
		undo(&m);
		return 1;
	}
	if (is_gone(r))
		r = -ESTALE;
	else if (r == -EEXIST)
		r = err_say(err, EEXIST, "create cgroup '%s': it exists and is in use", plan->path);
	else if (r < 0)
		r = err_set(err, r, "create cgroup '%s'", plan->path);
	else
		r = apply_limits(&m, plan, err);
	if (r < 0)
		undo(&m);
	return r;
}

static int create(const struct cgroup_at *at, const struct cgroup_plan *plan, struct err *err)
{
	int r = -ESTALE;

	/* A parent that somebody's remove found empty may vanish between our steps. */
	for (int i = 0; i < CREATE_TRIES && r == -ESTALE; i++)
		r = create_once(at, plan, err);
	return r == -ESTALE ? err_say(err, EAGAIN, "create cgroup '%s': its parents keep vanishing", plan->path) : r;
}

/* Only leaves hold processes: where the container has divided its cgroup, these are the usual names of the leaf. */
static int open_leaf(const struct cgroup_at *at)
{
	static const char *const leaves[] = { "init", "init.scope" };
	_autofree_ char *enabled = NULL;
	_autoclose_ int dir = cgroupfs_open(at->root, at->path);
	int r;

	if (dir < 0)
		return dir;
	r = fd_read_file_at(dir, "cgroup.subtree_control", CONTROLLERS_MAX, &enabled, NULL);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(leaves) && *enabled && *enabled != '\n'; i++) {
		int leaf = cgroupfs_open(dir, leaves[i]);

		if (leaf >= 0)
			return leaf;
	}
	return take_fd(&dir);
}

static int attach(const struct cgroup_at *at, uint32_t mask, pid_t pid)
{
	_autoclose_ int dir = open_leaf(at);
	char text[PID_TEXT_MAX];

	(void)mask; /* there is one hierarchy */
	if (dir < 0)
		return dir;
	(void)snprintf(text, sizeof(text), "%d", (int)pid);
	return fd_write_file_at(dir, "cgroup.procs", text);
}

static int plan(struct arena *arena, const struct oci_resources *res, struct step_list *ret, struct err *err)
{
	static const struct cgroup_v2_now nothing = CGROUP_V2_NEW;

	return cgroup_v2_plan(arena, res, &nothing, ret, err);
}

static int update(const struct cgroup_at *at, const struct oci_resources *res, struct err *err)
{
	_autoclose_ int dir = cgroupfs_open(at->root, at->path);
	_autoarena_ struct arena arena = { 0 };
	struct cgroup_v2_target target = { .dir = dir, .path = at->path };
	struct step_list steps = { 0 };
	struct cgroup_v2_now now;
	int r;

	if (dir < 0)
		return err_set(err, dir, "update cgroup '%s'", at->path);
	cgroup_v2_read_now(dir, &now);
	r = cgroup_v2_plan(&arena, res, &now, &steps, err);
	if (r < 0)
		return err_wrap(err, "update cgroup '%s'", at->path);
	return step_list_apply(&steps, &target, NULL, err);
}

static int freeze(const struct cgroup_at *at, bool frozen)
{
	_autoclose_ int dir = cgroupfs_open(at->root, at->path);
	int r = dir < 0 ? dir : fd_write_file_at(dir, "cgroup.freeze", frozen ? "1" : "0");

	r = r < 0 ? r : cgroupfs_wait_event(dir, "frozen", frozen, FREEZE_TIMEOUT_MS);
	/* Half frozen is worse than running: the host will be told that nothing has changed. */
	if (r < 0 && frozen && dir >= 0)
		(void)fd_write_file_at(dir, "cgroup.freeze", "0");
	return r;
}

static int is_frozen(const struct cgroup_at *at)
{
	_autoclose_ int dir = cgroupfs_open(at->root, at->path);
	_autofree_ char *text = NULL;
	uint64_t frozen = 0;
	int r = dir < 0 ? dir : fd_read_file_at(dir, "cgroup.events", CGROUPFS_FILE_MAX, &text, NULL);

	if (r < 0)
		return r;
	return cgroupfs_find(text, "frozen", &frozen) ? frozen == 1 : -ENODATA;
}

static int kill_all(const struct cgroup_at *at)
{
	_autoclose_ int dir = cgroupfs_open(at->root, at->path);
	int r = dir;

	if (dir < 0)
		return dir;
	if (!at->host->no_kill_file)
		r = cgroupfs_kill(dir);
	/* No such file before 5.14; a container with rights enough can make its cgroup a threaded one, without the
	 * write. */
	if (at->host->no_kill_file || r == -ENOENT || r == -EOPNOTSUPP)
		r = cgroupfs_kill_each(dir);
	return r;
}

static int remove_all(const struct cgroup_at *at)
{
	int r = cgroupfs_remove(at->root, at->path, REMOVE_TIMEOUT_MS);

	return (r < 0 && !is_gone(r)) || at->host->keeps_parents ? r : cgroupfs_remove_parents(at->root, at->path);
}

static int open_dir(const struct cgroup_at *at)
{
	return cgroupfs_open(at->root, at->path);
}

static int64_t oom_kills(const struct cgroup_at *at)
{
	_autoclose_ int dir = cgroupfs_open(at->root, at->path);
	_autofree_ char *text = NULL;
	uint64_t kills = 0;
	int r = dir < 0 ? dir : fd_read_file_at(dir, "memory.events", CGROUPFS_FILE_MAX, &text, NULL);

	if (r < 0)
		return r;
	return cgroupfs_find(text, "oom_kill", &kills) ? (int64_t)kills : -ENODATA;
}

/* inotify says when memory.events changes; no eventfd. */
static int watch_oom(const struct cgroup_at *at)
{
	(void)at;
	return -EOPNOTSUPP;
}

static unsigned find_own_cpus(const struct cgroup_at *at)
{
	(void)at;
	return 0;
}

/* The kernel gives new CPUs to whoever has no list, and to a list that names them. */
static int follow_cpus(const struct cgroup_at *at, const struct oci_cpu *cpu, unsigned own, struct err *err)
{
	(void)at;
	(void)cpu;
	(void)own;
	(void)err;
	return 0;
}

/*
 * First out of the root, then the controllers: the root of a cgroup namespace may not have both processes and
 * controllers for its children. Without a memory controller there is no memory to keep: that is fine.
 */
static int protect_self(const struct cgroup_at *at, struct err *err)
{
	const int root = at->root;
	_autoclose_ int dir = -EBADF;
	int r = sys_mkdirat(root, &CGROUP_SELF[1], DIR_MODE);

	if (r < 0 && r != -EEXIST)
		return err_set(err, r, "create cgroup '%s'", CGROUP_SELF);
	dir = cgroupfs_open(root, CGROUP_SELF);
	r = dir < 0 ? dir : fd_write_file_at(dir, "cgroup.procs", "0");
	if (r < 0)
		return err_set(err, r, "move the agent into cgroup '%s'", CGROUP_SELF);
	(void)enable_controllers(root);
	r = fd_write_file_at(dir, "memory.min", SELF_MEMORY_MIN);
	return r < 0 && r != -ENOENT ? err_set(err, r, "set memory.min of cgroup '%s'", CGROUP_SELF) : 0;
}

const struct cgroup_ops cgroup_v2_ops = {
	.name = "v2",
	.unified = true,
	.probe = probe,
	.filter = filter,
	.find_missing = find_missing,
	.plan = plan,
	.create = create,
	.open = open_leaf,
	.attach = attach,
	.update = update,
	.freeze = freeze,
	.is_frozen = is_frozen,
	.kill = kill_all,
	.remove = remove_all,
	.open_tracker = open_dir,
	.oom_kills = oom_kills,
	.watch_oom = watch_oom,
	.find_own_cpus = find_own_cpus,
	.follow_cpus = follow_cpus,
	.protect_self = protect_self,
	.stats = cgroup_v2_stats,
};
