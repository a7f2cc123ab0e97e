/* SPDX-License-Identifier: Apache-2.0 */
#include "runk/exec_cgroup.h"

#include <errno.h>
#include <string.h>

#include "agent/cgroups/cgroup.h"
#include "lib/path.h"

static int find_path(struct arena *arena, const struct state *s, const char *given, const char *below, const char **ret,
                     struct err *err)
{
	char *path = s->cgroup ? arena_printf(arena, "%s/%s", s->cgroup, below) : NULL;

	if (!path || !path_is_clean(path))
		return err_say(err, EINVAL, "--cgroup '%s' is no cgroup below that of container '%s'", given, s->id);
	*ret = path;
	return 0;
}

static bool is_used(const struct exec_cgroup *to, uint32_t bit)
{
	for (size_t i = 0; i < to->n; i++)
		if (to->places[i].controllers & bit)
			return true;
	return false;
}

/* One name of the list before the colon. */
static int add_controller(const struct exec_cgroup *to, const char *given, const char *name, uint32_t *mask,
                          struct err *err)
{
	enum cgroup_controller c = strcmp(name, "name=systemd") == 0 ? CGROUP_NAMED : cgroup_controller_find(name);

	if (name[0] == '\0')
		return err_say(err, EINVAL, "invalid --cgroup argument: %s (empty <controller> prefix)", given);
	if (c < 0 || !cgroup_hierarchies_find(&to->host->v1, c))
		return err_say(err, EINVAL, "--cgroup '%s': unknown controller '%s'", given, name);
	if ((*mask & UINT32_C(1) << c) || is_used(to, UINT32_C(1) << c))
		return err_say(err, EINVAL, "invalid --cgroup argument(s): controller %s specified multiple times",
		               name);
	*mask |= UINT32_C(1) << c;
	return 0;
}

static int add_place(struct arena *arena, const struct state *s, const char *given, struct exec_cgroup *to,
                     struct err *err)
{
	struct exec_place *place = &to->places[to->n];
	char *names = arena_strdup(arena, given), *path = names ? strchr(names, ':') : NULL, *name;
	uint32_t mask = 0;
	int r = 0;

	if (!names)
		return err_set(err, ENOMEM, "read --cgroup '%s'", given);
	if (!path)
		return err_say(err, EINVAL, "invalid --cgroup argument: %s (missing <controller>: prefix)", given);
	*path++ = '\0';
	if (strchr(path, ':'))
		return err_say(err, EINVAL, "invalid --cgroup argument: %s", given);
	if (to->host->unified)
		return err_say(err, EINVAL, "--cgroup '%s': cgroup v2 has one hierarchy, without controllers to name",
		               given);
	while (r == 0 && (name = strsep(&names, ",")) != NULL)
		r = add_controller(to, given, name, &mask, err);
	r = r < 0 ? r : find_path(arena, s, given, path, &place->path, err);
	if (r < 0)
		return r;
	place->controllers = mask;
	to->n++;
	return 0;
}

int exec_cgroup_parse(struct arena *arena, const struct state *s, const struct cgroup_host *host,
                      const struct flag_list *given, struct exec_cgroup *ret, struct err *err)
{
	struct exec_cgroup to = { .host = host, .path = s->cgroup };
	int r = 0;

	if (given->n == 1 && !strchr(given->v[0], ':')) {
		r = find_path(arena, s, given->v[0], given->v[0], &to.path, err);
	} else if (given->n > 0) {
		to.places = arena_array(arena, given->n, sizeof(*to.places));
		r = to.places ? 0 : err_set(err, ENOMEM, "read --cgroup '%s'", given->v[0]);
	}
	for (size_t i = 0; to.places && i < given->n && r == 0; i++)
		r = add_place(arena, s, given->v[i], &to, err);
	if (r < 0)
		return r;
	*ret = to;
	return 0;
}

int exec_cgroup_move(pid_t pid, void *arg, struct err *err)
{
	const struct exec_cgroup *to = arg;
	int r = 0;

	for (size_t i = 0; i < to->n && r == 0; i++)
		r = cgroup_attach_controllers(to->host, to->places[i].controllers, to->places[i].path, pid, err);
	return r;
}
