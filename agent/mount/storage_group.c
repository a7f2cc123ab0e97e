/* SPDX-License-Identifier: Apache-2.0 */
/* The group that owns a volume: fsgid= of the volume's root, and Kubernetes' fsGroup for everything in it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mount/storage_common.h"
#include "lib/fd.h"
#include "lib/path.h"
#include "lib/sys.h"

#define MODE_RW_FILE 0660
#define MODE_RO_FILE 0440
#define MODE_DIR     (0110 | S_ISGID)

static int add(struct arena *arena, struct step_list *list, const struct step *step, struct err *err)
{
	int r = step_add(arena, list, step);

	return r < 0 ? err_set(err, r, "plan a storage") : 0;
}

/* The mode comes last: a change of the owner takes setgid away. */
static int set_group(const struct storage_run *run, int fd, gid_t gid, mode_t mode)
{
	int r = sys_fchownat(fd, "", (uid_t)-1, gid, AT_EMPTY_PATH);

	return r < 0 ? r : storage_chmod(run, fd, mode & 07777);
}

static int apply_group(const struct step *step, void *context, struct err *err)
{
	const struct storage_run *run = context;
	_autoclose_ int fd = path_open_in(run->root, step->target, O_DIRECTORY);
	struct stat st;
	int r = fd < 0 ? fd : sys_fstatat(fd, "", &st, AT_EMPTY_PATH);

	r = r < 0 ? r : set_group(run, fd, (gid_t)strtoul(step->data, NULL, 10), st.st_mode | S_ISGID);
	return r < 0 ? err_set(err, r, "give '%s' to group %s", step->target, step->data) : 0;
}

static const struct step_kind step_group = { "group", apply_group };

int storage_plan_group(struct arena *arena, struct step_list *list, const char *path, const char *gid, struct err *err)
{
	const struct step step = { .kind = &step_group, .target = path, .data = gid };
	char *end;
	unsigned long value = strtoul(gid, &end, 10);

	if (gid[0] < '0' || gid[0] > '9' || *end || value >= UINT32_MAX)
		return err_say(err, EINVAL, "storage on '%s': 'fsgid=%s' is no group", path, gid);
	return add(arena, list, &step, err);
}

/* --- fsGroup ---------------------------------------------------------------------------------------------------- */

struct walk {
	const struct storage_run *run;
	const struct storage_config *config;
	mode_t file_mode;
	struct err *err;
};

static int walk_dir(const struct walk *w, int path_fd, unsigned depth);

static int fail(const struct walk *w, int r, const char *name)
{
	return err_set(w->err, r, "give '%s' of the volume on '%s' to group %u", name, w->config->mount_point,
	               w->config->fs_group);
}

static int visit(const struct walk *w, int dir, const char *name, unsigned depth)
{
	_autoclose_ int fd = sys_openat2(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0,
	                                 RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS);
	struct stat st;
	int r;

	/* Gone meanwhile, or another file system, which is not the volume. */
	if (fd == -ENOENT || fd == -EXDEV)
		return 0;
	r = fd < 0 ? fd : sys_fstatat(fd, "", &st, AT_EMPTY_PATH);
	if (r < 0)
		return fail(w, r, name);
	if (S_ISLNK(st.st_mode))
		r = sys_fchownat(fd, "", (uid_t)-1, w->config->fs_group, AT_EMPTY_PATH);
	else
		r = set_group(w->run, fd, w->config->fs_group,
		              st.st_mode | w->file_mode | (S_ISDIR(st.st_mode) ? MODE_DIR : 0));
	if (r < 0)
		return fail(w, r, name);
	return S_ISDIR(st.st_mode) ? walk_dir(w, fd, depth) : 0;
}

static int walk_dir(const struct walk *w, int path_fd, unsigned depth)
{
	_autodir_ DIR *dir = NULL;
	struct dirent *entry;
	int r = fd_opendir(path_fd, ".", 0, &dir);

	if (r < 0)
		return fail(w, r, ".");
	if (depth == PATH_DEPTH_MAX)
		return err_say(w->err, ELOOP, "the volume on '%s' is more than %d directories deep",
		               w->config->mount_point, PATH_DEPTH_MAX);
	while ((r = sys_readdir(dir, &entry)) > 0) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		r = visit(w, path_fd, entry->d_name, depth + 1);
		if (r < 0)
			return r;
	}
	return r < 0 ? fail(w, r, ".") : 0;
}

static bool matches(const struct walk *w, const struct stat *st)
{
	return st->st_gid == w->config->fs_group && (st->st_mode & w->file_mode) == w->file_mode &&
	       (st->st_mode & S_ISGID);
}

static int apply_fs_group(const struct step *step, void *context, struct err *err)
{
	const struct storage_config *config = step->object;
	struct walk w = { .run = context, .config = config, .file_mode = (mode_t)step->number, .err = err };
	_autoclose_ int fd = path_open_in(w.run->root, step->target, O_DIRECTORY);
	struct stat st;
	int r = fd < 0 ? fd : sys_fstatat(fd, "", &st, AT_EMPTY_PATH);

	if (r < 0)
		return fail(&w, r, "/");
	if (config->fs_group_on_root_mismatch && matches(&w, &st))
		return 0;
	/* The root comes last: an interrupted walk is seen by the next one as a mismatch. */
	r = walk_dir(&w, fd, 0);
	if (r < 0)
		return r;
	r = set_group(w.run, fd, config->fs_group, st.st_mode | w.file_mode | MODE_DIR);
	return r < 0 ? fail(&w, r, "/") : 0;
}

static const struct step_kind step_fs_group = { "fs-group", apply_fs_group };

static bool is_readonly(const struct storage_config *config)
{
	for (size_t i = 0; i < config->options.n; i++)
		if (strcmp(config->options.v[i], "ro") == 0)
			return true;
	return false;
}

int storage_plan_fs_group(struct arena *arena, struct step_list *list, const struct storage_config *config,
                          struct err *err)
{
	struct step step = { .kind = &step_fs_group, .target = config->mount_point, .object = config };

	if (!config->has_fs_group)
		return 0;
	/* To chown it means "as it is". */
	if (config->fs_group == (gid_t)-1)
		return err_say(err, EINVAL, "storage on '%s': fs_group '%u' is no group", config->mount_point,
		               config->fs_group);
	step.number = is_readonly(config) ? MODE_RO_FILE : MODE_RW_FILE;
	step.data = arena_printf(arena, "%u%s", config->fs_group,
	                         config->fs_group_on_root_mismatch ? " on root mismatch" : "");
	return step.data ? add(arena, list, &step, err) : err_set(err, ENOMEM, "plan a storage");
}
