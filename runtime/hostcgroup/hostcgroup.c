/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hostcgroup/hostcgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cgroupfs.h"
#include "lib/fd.h"
#include "lib/jsontext.h"
#include "lib/sys.h"

#define REMOVE_MS   2000
#define VALUE_MAX   4096
#define THREADS_MAX 1024

/* --- hierarchies ------------------------------------------------------------------------------------------------- */

static int find_hierarchies(bool *ret_unified, struct cgroup_hierarchies *ret, struct err *err)
{
	_autoclose_ int root = sys_openat(AT_FDCWD, HOSTCGROUP_ROOT, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	struct statfs fs = { 0 };
	int r = root < 0 ? root : sys_fstatfs(root, &fs);

	if (r < 0)
		return err_set(err, -r, "open '%s'", HOSTCGROUP_ROOT);
	*ret_unified = fs.f_type == CGROUP2_SUPER_MAGIC;
	return *ret_unified ? 0 : cgroup_hierarchies_read(NULL, HOSTCGROUP_ROOT, ret, err);
}

typedef int (*visit)(int root, bool is_cpuset, const char *path, void *arg);

/* Once for each hierarchy, with its root; the first failure ends it. */
static int each(bool unified, const struct cgroup_hierarchies *v1, const char *path, visit fn, void *arg)
{
	const struct cgroup_hierarchy *cpuset = cgroup_hierarchies_find(v1, CGROUP_CPUSET);
	size_t n = unified ? 1 : v1->n;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < n; i++) {
		_autofree_ char *top = NULL;
		_autoclose_ int root = -EBADF;

		if (asprintf(&top, HOSTCGROUP_ROOT "/%s", unified ? "" : v1->v[i].dir) < 0)
			return -ENOMEM;
		root = cgroupfs_open_root(top);
		r = root < 0 ? root : fn(root, !unified && &v1->v[i] == cpuset, path, arg);
	}
	return r < 0 ? r : 0;
}

/* --- making ------------------------------------------------------------------------------------------------------ */

/* A cpuset of v1 takes no process before it has CPUs and memory: those of the one above. */
static int inherit(int parent, int dir)
{
	static const char *const files[] = { "cpuset.cpus", "cpuset.mems" };
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(files); i++) {
		_autofree_ char *own = NULL, *above = NULL;
		size_t n;

		r = fd_read_file_at(dir, files[i], VALUE_MAX, &own, &n);
		if (r == 0 && own[strspn(own, "\n")] != '\0')
			continue;
		if (r == 0)
			r = fd_read_file_at(parent, files[i], VALUE_MAX, &above, &n);
		if (r == 0)
			r = fd_write_file_at(dir, files[i], above);
	}
	return r;
}

static int make_one(int root, bool is_cpuset, const char *path, void *arg)
{
	_autoclose_ int at = sys_fcntl(root, F_DUPFD_CLOEXEC, 3);
	size_t *ret_kept = arg, done = 0;

	while (at >= 0 && path[done]) {
		size_t len = strcspn(path + done + 1, "/");
		_autofree_ char *name = strndup(path + done + 1, len);
		int r = name ? sys_mkdirat(at, name, 0755) : -ENOMEM, next;

		if (r < 0 && r != -EEXIST)
			return r;
		if (r == 0 && done < *ret_kept)
			*ret_kept = done;
		next = sys_openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
		r = next < 0 ? next : is_cpuset ? inherit(at, next) : 0;
		(void)fd_close(at);
		at = next;
		if (r < 0)
			return r;
		done += len + 1;
	}
	return at < 0 ? at : 0;
}

static int make(const struct hostcgroup *h, const char *path, size_t *ret_kept, struct err *err)
{
	int r;

	*ret_kept = strlen(path);
	r = each(h->unified, &h->v1, path, make_one, ret_kept);
	return r < 0 ? err_set(err, -r, "make the cgroup '%s'", path) : 0;
}

/* --- putting in -------------------------------------------------------------------------------------------------- */

struct entrance {
	const char *file;
	pid_t id;
};

static int enter_one(int root, bool is_cpuset, const char *path, void *arg)
{
	const struct entrance *e = arg;
	_autoclose_ int dir = cgroupfs_open(root, path);
	char text[16];

	(void)is_cpuset;
	(void)snprintf(text, sizeof(text), "%d", (int)e->id);
	return dir < 0 ? dir : fd_write_file_at(dir, e->file, text);
}

static int enter(const struct hostcgroup *h, const char *path, pid_t pid, struct err *err)
{
	struct entrance e = { .file = "cgroup.procs", .id = pid };
	int r = each(h->unified, &h->v1, path, enter_one, &e);

	return r < 0 ? err_set(err, -r, "put process %d into the cgroup '%s'", (int)pid, path) : 0;
}

/* A thread has no place of its own in cgroup2 and in what goes with processes: there it stays. */
static int enter_thread(const struct hostcgroup *h, pid_t tid)
{
	struct entrance e = { .file = "tasks", .id = tid };
	int r = 0;

	for (size_t i = 0; r >= 0 && i < h->v1.n; i++) {
		struct cgroup_hierarchies one = { .v = { h->v1.v[i] }, .n = 1 };

		if (!(one.v[0].controllers & 1u << CGROUP_UNIFIED))
			r = each(false, &one, h->plan.sandbox, enter_one, &e);
	}
	return r;
}

int hostcgroup_add(const struct hostcgroup *h, pid_t pid, struct err *err)
{
	return h->plan.manager == HOSTCGROUP_NONE ? 0 : enter(h, h->plan.sandbox, pid, err);
}

/* QEMU names the threads of its CPUs "CPU 0/TCG" or "CPU 0/KVM". */
static bool is_vcpu(int task, const char *tid)
{
	_autofree_ char *path = NULL, *name = NULL;
	size_t n;

	return asprintf(&path, "%s/comm", tid) >= 0 && fd_read_file_at(task, path, 64, &name, &n) == 0 &&
	       strncmp(name, "CPU ", 4) == 0;
}

static int add_threads(const struct hostcgroup *h, pid_t pid, struct err *err)
{
	_autofree_ char *path = NULL;
	_autodir_ DIR *dir = NULL;
	struct dirent *entry;
	int r = 0;

	if (asprintf(&path, "/proc/%d/task", (int)pid) < 0)
		return err_set(err, ENOMEM, "list the threads of process %d", (int)pid);
	dir = opendir(path);
	if (!dir)
		return err_set(err, errno, "list the threads of process %d", (int)pid);
	while (r >= 0 && (entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.' && is_vcpu(dirfd(dir), entry->d_name))
			r = enter_thread(h, (pid_t)strtol(entry->d_name, NULL, 10));
	return r < 0 ? err_set(err, -r, "put the guest's CPUs into the cgroup '%s'", h->plan.sandbox) : 0;
}

int hostcgroup_add_vmm(struct hostcgroup *h, pid_t pid, struct err *err)
{
	int r = h->plan.part == HOSTCGROUP_THREADS ? add_threads(h, pid, err) : hostcgroup_add(h, pid, err);

	cgroup_scope_release(&h->keeper);
	return r;
}

/* --- opening and closing ----------------------------------------------------------------------------------------- */

static int start_scope(const struct hostcgroup *h, const struct cgroup_scope *scope, struct cgroup_scope_keeper *keeper,
                       struct err *err)
{
	return cgroup_scope_start(CGROUP_SYSTEMD_RUN, scope, NULL, h->unified, false, keeper, err);
}

/* On v1 systemd makes a scope's directory for the controllers that it uses itself; the others are ours to make. */
static int complete_scopes(const struct hostcgroup *h, struct err *err)
{
	size_t unused;
	int r = h->unified ? 0 : make(h, h->plan.sandbox, &unused, err);

	return r == 0 && !h->unified && h->plan.overhead ? make(h, h->plan.overhead, &unused, err) : r;
}

/* A scope lives as long as a process is in it: the keeper, until there is another. */
static int open_systemd(struct hostcgroup *h, struct err *err)
{
	_cleanup_(cgroup_scope_release) struct cgroup_scope_keeper keeper = CGROUP_SCOPE_KEEPER_INIT;
	int r = start_scope(h, &h->plan.sandbox_scope, &h->keeper, err);

	if (r == 0 && h->plan.overhead)
		r = start_scope(h, &h->plan.overhead_scope, &keeper, err);
	if (r == 0)
		r = complete_scopes(h, err);
	return r < 0 ? r : enter(h, h->plan.overhead ? h->plan.overhead : h->plan.sandbox, getpid(), err);
}

static int open_fs(struct hostcgroup *h, struct err *err)
{
	size_t kept, unused;
	int r = make(h, h->plan.sandbox, &kept, err);

	if (r == 0 && h->plan.overhead)
		r = make(h, h->plan.overhead, &unused, err);
	if (r < 0)
		return r;
	h->kept = strndup(h->plan.sandbox, kept);
	if (!h->kept)
		return err_set(err, ENOMEM, "make the cgroup '%s'", h->plan.sandbox);
	return enter(h, h->plan.overhead ? h->plan.overhead : h->plan.sandbox, getpid(), err);
}

int hostcgroup_open(struct hostcgroup *h, const struct oci_linux *lin, const char *sandbox, bool only, struct err *err)
{
	int r;

	*h = (struct hostcgroup)HOSTCGROUP_INIT;
	if (!lin->cgroups_path || !*lin->cgroups_path)
		return 0;
	r = find_hierarchies(&h->unified, &h->v1, err);
	if (r == 0)
		r = hostcgroup_plan_of(&h->arena, lin->cgroups_path, sandbox, only, h->unified, &h->plan, err);
	if (r < 0 || h->plan.manager == HOSTCGROUP_NONE)
		return r;
	return h->plan.manager == HOSTCGROUP_SYSTEMD ? open_systemd(h, err) : open_fs(h, err);
}

void hostcgroup_close(struct hostcgroup *h)
{
	cgroup_scope_release(&h->keeper);
	free(h->kept);
	h->kept = NULL;
	h->plan.manager = HOSTCGROUP_NONE;
	arena_done(&h->arena);
}

/* --- for others -------------------------------------------------------------------------------------------------- */

struct json_object *hostcgroup_record(const struct hostcgroup *h)
{
	const char *overhead = h->plan.overhead ? h->plan.overhead : "";
	bool is_scope = h->plan.manager == HOSTCGROUP_SYSTEMD;
	struct json_object *o;

	/* A scope goes when it is empty, but for what systemd knows nothing of. */
	if (h->plan.manager == HOSTCGROUP_NONE || (is_scope && h->unified))
		return NULL;
	o = json_object_new_object();
	(void)jsontext_add(o, "sandbox", json_object_new_string(h->plan.sandbox));
	(void)jsontext_add(o, "overhead", json_object_new_string(overhead));
	(void)jsontext_add(o, "kept", json_object_new_string(h->kept ? h->kept : h->plan.sandbox));
	(void)jsontext_add(o, "overhead_kept", json_object_new_string(is_scope ? overhead : ""));
	return o;
}

/* The deleting verb may be in there itself: who runs in the foreground is the container's process. */
static void move_up(int root, const char *path)
{
	_autofree_ char *above = strdup(path);
	_autofree_ pid_t *pids = NULL;
	_autoclose_ int dir = cgroupfs_open(root, path), up = -EBADF;
	size_t n = 0;

	if (!above || dir < 0 || cgroupfs_pids(dir, &pids, &n) < 0)
		return;
	*strrchr(above, '/') = '\0';
	up = cgroupfs_open(root, *above ? above : "/");
	for (size_t i = 0; up >= 0 && i < n; i++) {
		char text[16];

		(void)snprintf(text, sizeof(text), "%d", (int)pids[i]);
		(void)fd_write_file_at(up, "cgroup.procs", text);
	}
}

static int remove_one(int root, bool is_cpuset, const char *path, void *arg)
{
	_autofree_ char *at = strdup(path);
	size_t kept = strlen(arg);

	(void)is_cpuset;
	if (!at)
		return 0;
	move_up(root, path);
	(void)cgroupfs_remove(root, path, REMOVE_MS);
	/* What we made above it, as long as nobody else uses it. */
	for (char *slash = strrchr(at, '/'); slash && slash > at; slash = strrchr(at, '/')) {
		*slash = '\0';
		if (strlen(at) <= kept || sys_unlinkat(root, at + 1, AT_REMOVEDIR) < 0)
			break;
	}
	return 0;
}

void hostcgroup_remove(struct json_object *record)
{
	const char *sandbox = jsontext_text(record, "sandbox"), *overhead = jsontext_text(record, "overhead");
	struct cgroup_hierarchies v1 = { .n = 0 };
	bool unified = false;

	if (*sandbox != '/' || find_hierarchies(&unified, &v1, NULL) < 0)
		return;
	(void)each(unified, &v1, sandbox, remove_one, (void *)jsontext_text(record, "kept"));
	if (*overhead == '/')
		(void)each(unified, &v1, overhead, remove_one, (void *)jsontext_text(record, "overhead_kept"));
}
