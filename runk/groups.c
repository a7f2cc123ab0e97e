/* SPDX-License-Identifier: Apache-2.0 */
#include "runk/groups.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/cgroup_scope.h"
#include "lib/sys.h"

int groups_init(const struct runk *runk, struct groups *ret, struct err *err)
{
	struct groups g = { 0 };
	struct err why = ERR_INIT;
	int r = cgroup_host_find(&g.host, CGROUP_ROOT, &why);

	if (r < 0 && !runk->is_rootless)
		return err_copy(err, &why);
	g.usable = r == 0 && !runk->no_cgroups;
	g.host.rootless = runk->is_rootless;
	*ret = g;
	return 0;
}

int groups_open(const struct runk *runk, const struct state *s, const char *what, struct groups *ret, struct err *err)
{
	int r = groups_init(runk, ret, err);

	if (r < 0)
		return r;
	if (!ret->usable || !s->cgroup)
		return err_say(err, ENOTSUP, "cannot %s container '%s': it has no cgroup", what, s->id);
	return 0;
}

static int move_by_systemd(pid_t pid, void *arg, struct err *err)
{
	const struct state *s = arg;

	return cgroup_scope_attach(CGROUP_BUSCTL, s->cgroup, pid, true, err);
}

int (*groups_mover(const struct runk *runk, const struct state *s))(pid_t pid, void *arg, struct err *err)
{
	return s->systemd && runk->is_rootless ? move_by_systemd : NULL;
}

int groups_each(const struct groups *g, const struct state *s, groups_visit visit, void *arg, struct err *err)
{
	_autofree_ pid_t *pids = NULL;
	size_t n = 0;
	int r = cgroup_pids(&g->host, s->cgroup, &pids, &n);

	if (r == -ENOENT || r == -ENODEV)
		return 0;
	if (r < 0)
		return err_set(err, r, "list the processes of cgroup '%s'", s->cgroup);
	for (size_t i = 0; i < n && r == 0; i++)
		r = pids[i] > 0 ? visit(pids[i], arg) : 0;
	return r < 0 ? err_set(err, r, "visit the processes of cgroup '%s'", s->cgroup) : r;
}
