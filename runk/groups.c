/* SPDX-License-Identifier: Apache-2.0 */
#include "runk/groups.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cgroupfs.h"
#include "lib/fd.h"
#include "lib/sys.h"

#define HYBRID_ROOT CGROUP_ROOT "/unified"

int groups_init(const struct runk *runk, struct groups *ret, struct err *err)
{
	struct groups g = { 0 };
	struct err why = ERR_INIT;
	int r = cgroup_host_init(&g.host, CGROUP_ROOT, &why);

	if (r == -EOPNOTSUPP)
		r = cgroup_host_init(&g.host, HYBRID_ROOT, &why);
	if (r < 0 && !runk->is_rootless)
		return err_copy(err, &why);
	g.usable = r == 0;
	*ret = g;
	return 0;
}

bool groups_may_create(const struct groups *g, const char *path)
{
	_autofree_ char *full = NULL;
	int r = asprintf(&full, "%s%s", g->host.root, path) < 0 ? -ENOMEM : -ENOENT;

	while (r == -ENOENT && strlen(full) > strlen(g->host.root)) {
		*strrchr(full, '/') = '\0';
		r = sys_faccessat(AT_FDCWD, full, W_OK);
	}
	return r == 0;
}

int groups_check(const struct groups *g, const struct state *s, const char *what, struct err *err)
{
	if (!g->usable || !s->cgroup)
		return err_say(err, ENOTSUP, "cannot %s container '%s': it has no cgroup", what, s->id);
	return 0;
}

struct walk {
	groups_visit visit;
	void *arg;
};

static int visit_dir(int parent, const char *name, int dir, void *arg)
{
	const struct walk *w = arg;
	_autofree_ char *text = NULL;
	int r = fd_read_file_at(dir, "cgroup.procs", CGROUPFS_FILE_MAX, &text, NULL);

	(void)parent;
	(void)name;
	if (r < 0)
		return r == -ENOENT || r == -ENODEV || r == -EOPNOTSUPP ? 0 : r;
	for (char *p = text; *p != '\0' && r == 0;) {
		pid_t pid = (pid_t)strtol(p, &p, 10);

		if (*p++ != '\n')
			break;
		/* 0 = a process of another pid namespace */
		r = pid > 0 ? w->visit(pid, w->arg) : 0;
	}
	return r;
}

int groups_each(const struct groups *g, const struct state *s, groups_visit visit, void *arg, struct err *err)
{
	struct walk w = { visit, arg };
	_autoclose_ int root = cgroupfs_open_root(g->host.root), parent = -EBADF;
	_autofree_ char *path = strdup(s->cgroup);
	char *slash = path ? strrchr(path, '/') : NULL;
	int r;

	if (root < 0 || !slash)
		return err_set(err, root < 0 ? root : -ENOMEM, "list the processes of '%s'", s->id);
	*slash = '\0';
	parent = cgroupfs_open(root, *path ? path : "/");
	r = parent < 0 ? parent : cgroupfs_walk(parent, slash + 1, visit_dir, &w);
	if (r == -ENOENT || r == -ENODEV)
		return 0;
	return r < 0 ? err_set(err, r, "list the processes of cgroup '%s'", s->cgroup) : r;
}
