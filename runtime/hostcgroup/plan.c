/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hostcgroup/plan.h"

#include <errno.h>
#include <string.h>

#define OVERHEAD_DIRECTORY "kata_overhead"
#define OVERHEAD_SLICE     "kata-overhead.slice"

static int plan_systemd(struct arena *arena, const char *path, const char *sandbox, bool only,
                        struct hostcgroup_plan *plan, struct err *err)
{
	char *overhead = arena_printf(arena, OVERHEAD_SLICE ":kata-runtime:%s", sandbox);
	int r = cgroup_scope_parse(arena, path, sandbox, false, &plan->sandbox_scope, err);

	if (r < 0)
		return r;
	plan->sandbox = plan->sandbox_scope.path;
	if (only)
		return 0;
	if (!overhead)
		return err_set(err, ENOMEM, "plan the cgroups of '%s'", sandbox);
	r = cgroup_scope_parse(arena, overhead, sandbox, false, &plan->overhead_scope, err);
	if (r == 0)
		plan->overhead = plan->overhead_scope.path;
	return r;
}

/* One slash in front and between, none at the end; no name that leads elsewhere. */
static int clean(struct arena *arena, const char *path, const char **ret, struct err *err)
{
	char *out = arena_alloc(arena, strlen(path) + 2);
	size_t n = 0;

	if (!out)
		return err_set(err, ENOMEM, "plan the cgroup '%s'", path);
	for (const char *p = path; *p;) {
		size_t len = strcspn(p, "/");

		if ((len == 2 && memcmp(p, "..", 2) == 0) || (len == 1 && *p == '.'))
			return err_say(err, EINVAL, "cgroup path '%s': '.' and '..' are not allowed", path);
		if (len > 0) {
			out[n++] = '/';
			memcpy(out + n, p, len);
			n += len;
		}
		p += len + (p[len] == '/');
	}
	out[n] = '\0';
	if (n == 0)
		return err_say(err, EINVAL, "cgroup path '%s': a sandbox cannot have the root", path);
	*ret = out;
	return 0;
}

static int plan_fs(struct arena *arena, const char *path, const char *sandbox, bool only, struct hostcgroup_plan *plan,
                   struct err *err)
{
	int r = clean(arena, path, &plan->sandbox, err);

	if (r < 0 || only)
		return r;
	plan->overhead = arena_printf(arena, "/" OVERHEAD_DIRECTORY "/%s", sandbox);
	return plan->overhead ? 0 : err_set(err, ENOMEM, "plan the cgroups of '%s'", sandbox);
}

int hostcgroup_plan_of(struct arena *arena, const char *cgroups_path, const char *sandbox, bool only, bool unified,
                       struct hostcgroup_plan *ret, struct err *err)
{
	struct hostcgroup_plan plan = { .manager = HOSTCGROUP_NONE, .part = HOSTCGROUP_PROCESS };
	int r;

	if (!cgroups_path || !*cgroups_path) {
		*ret = plan;
		return 0;
	}
	if (strchr(cgroups_path, ':')) {
		/* A thread of a process in one scope cannot be in another: systemd knows processes. */
		plan.manager = HOSTCGROUP_SYSTEMD;
		r = plan_systemd(arena, cgroups_path, sandbox, only, &plan, err);
	} else {
		/* On v2 a thread could move only if every cgroup above were threaded, which others' are not. */
		plan.manager = HOSTCGROUP_FS;
		plan.part = unified || only ? HOSTCGROUP_PROCESS : HOSTCGROUP_THREADS;
		r = plan_fs(arena, cgroups_path, sandbox, only, &plan, err);
	}
	if (r == 0)
		*ret = plan;
	return r;
}
