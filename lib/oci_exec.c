/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/oci_exec.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "lib/fd.h"

/* The last one means "do not change" to setresuid(2). */
#define ID_MAX (UINT32_MAX - 1)

#define FILE_MAX_BYTES (16 << 20)

static int parse_id(const char *text, size_t len, uint32_t *ret)
{
	char copy[16];
	int64_t value;

	if (len == 0 || len >= sizeof(copy) || strspn(text, "0123456789") < len)
		return -EINVAL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (flag_parse_number(copy, &value) < 0 || value > ID_MAX)
		return -EINVAL;
	*ret = (uint32_t)value;
	return 0;
}

int oci_exec_parse_user(const char *text, uid_t *ret_uid, gid_t *ret_gid)
{
	size_t len = strcspn(text, ":");
	uint32_t uid, gid = *ret_gid;
	int r = parse_id(text, len, &uid);

	if (r == 0 && text[len] == ':')
		r = parse_id(text + len + 1, strlen(text + len + 1), &gid);
	if (r < 0)
		return r;
	*ret_uid = uid;
	*ret_gid = gid;
	return 0;
}

int oci_exec_add_env(struct arena *arena, struct oci_process *process, const char *const *v, size_t n)
{
	size_t old = process->env.n;
	char **all = arena_array(arena, old + n + 1, sizeof(*all));

	if (!all)
		return -ENOMEM;
	if (old > 0)
		memcpy(all, process->env.v, old * sizeof(*all));
	for (size_t i = 0; i < n; i++) {
		all[old + i] = arena_strdup(arena, v[i]);
		if (!all[old + i])
			return -ENOMEM;
	}
	process->env = (struct oci_strings){ .v = all, .n = old + n };
	return 0;
}

static int set_args(struct arena *arena, struct oci_process *p, int argc, char **argv)
{
	p->args = (struct oci_strings){ .v = arena_array(arena, (size_t)argc + 1, sizeof(char *)), .n = (size_t)argc };
	if (!p->args.v)
		return -ENOMEM;
	memcpy(p->args.v, argv, (size_t)argc * sizeof(char *));
	return 0;
}

static int add_groups(struct arena *arena, struct oci_process *p, const struct flag_list *gids, struct err *err)
{
	size_t old = p->user.n_groups;
	gid_t *all = arena_array(arena, old + gids->n + 1, sizeof(*all));

	if (!all)
		return err_set(err, ENOMEM, "add groups");
	if (old > 0)
		memcpy(all, p->user.groups, old * sizeof(*all));
	for (size_t i = 0; i < gids->n; i++)
		if (parse_id(gids->v[i], strlen(gids->v[i]), &all[old + i]) < 0)
			return err_say(err, EINVAL, "--additional-gids '%s' is no group id", gids->v[i]);
	p->user.groups = all;
	p->user.n_groups = old + gids->n;
	return 0;
}

static int add_capabilities(struct arena *arena, struct oci_process *p, const struct flag_list *caps,
                            struct buf *ignored, struct err *err)
{
	struct oci_capabilities *all = arena_alloc(arena, sizeof(*all));

	if (!all)
		return err_set(err, ENOMEM, "add capabilities");
	if (p->capabilities)
		*all = *p->capabilities;
	for (size_t i = 0; i < caps->n; i++) {
		int cap = oci_capability_parse(caps->v[i]);
		uint64_t bit = cap < 0 ? 0 : UINT64_C(1) << cap;

		if (cap < 0 && !ignored)
			return err_say(err, EINVAL, "--cap '%s' is no capability", caps->v[i]);
		if (cap < 0 && buf_printf(ignored, "%s%s", ignored->len > 0 ? " " : "", caps->v[i]) < 0)
			return err_set(err, ENOMEM, "add capabilities");
		all->bounding |= bit;
		all->effective |= bit;
		all->permitted |= bit;
		/* Kept over the exec of a user who is not root, as runc has it since it can. */
		if (p->user.uid != 0) {
			all->inheritable |= bit;
			all->ambient |= bit;
		}
	}
	p->capabilities = all;
	return 0;
}

static int apply_user(struct oci_process *p, const char *user, struct err *err)
{
	if (oci_exec_parse_user(user, &p->user.uid, &p->user.gid) < 0)
		return err_say(err, EINVAL, "--user '%s' is not <uid>[:<gid>] in numbers", user);
	p->user.n_groups = 0;
	return 0;
}

static int change(struct arena *arena, const struct oci_exec_options *o, struct oci_process *p, struct buf *ignored,
                  struct err *err)
{
	int r = o->user && o->user[0] != '\0' ? apply_user(p, o->user, err) : 0;

	if (r == 0 && o->gids.n > 0)
		r = add_groups(arena, p, &o->gids, err);
	if (r == 0 && o->caps.n > 0)
		r = add_capabilities(arena, p, &o->caps, ignored, err);
	if (r < 0)
		return r;
	p->terminal = o->tty;
	p->no_new_privileges |= o->no_new_privs;
	if (o->cwd)
		p->cwd = arena_strdup(arena, o->cwd);
	if (o->apparmor)
		p->apparmor_profile = arena_strdup(arena, o->apparmor);
	if (o->label)
		p->selinux_label = arena_strdup(arena, o->label);
	r = oci_exec_add_env(arena, p, o->env.v, o->env.n);
	return r < 0 ? err_set(err, r, "add variables") : 0;
}

static int from_file(struct arena *arena, const char *path, struct buf *ignored, struct oci_process **ret,
                     struct err *err)
{
	_autofree_ char *text = NULL;
	size_t len = 0;
	int r = fd_read_file_at(AT_FDCWD, path, FILE_MAX_BYTES, &text, &len);

	if (r < 0)
		return err_set(err, r, "read the process '%s'", path);
	r = oci_process_parse(arena, text, len, ignored, ret, err);
	return r < 0 ? err_wrap(err, "process '%s'", path) : 0;
}

int oci_exec_make(struct arena *arena, const struct oci_spec *spec, const struct oci_exec_options *options, int argc,
                  char **argv, struct buf *ignored, struct oci_process **ret, struct err *err)
{
	struct oci_process *p = arena_alloc(arena, sizeof(*p));
	int r;

	if (!p)
		return err_set(err, ENOMEM, "plan the process");
	if (options->file) {
		r = from_file(arena, options->file, ignored, &p, err);
	} else {
		*p = *spec->process;
		/* Of the container's first terminal, not of this one. */
		p->console_rows = p->console_columns = 0;
		r = argc > 0 ? set_args(arena, p, argc, argv)
		             : err_say(err, EINVAL, "exec: a command or --process is needed");
		if (r == 0)
			r = change(arena, options, p, ignored, err);
	}
	if (r == 0)
		*ret = p;
	return r;
}
