/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>

#include "agent/mount/fsmount.h"
#include "agent/mount/storage_common.h"
#include "agent/mount/treesync.h"
#include "agent/mount/watchable.h"
#include "lib/fd.h"
#include "lib/mountinfo.h"
#include "lib/path.h"
#include "lib/sys.h"

#define DRIVER   "watchable-bind"
#define SHARE    "/run/kata-containers/shared/containers"
#define ROOTLESS "/run/user/"
#define CHANGES  (IN_ATTRIB | IN_CREATE | IN_DELETE | IN_DELETE_SELF | IN_MODIFY | IN_MOVE | IN_MOVE_SELF)

#ifndef EROFS_SUPER_MAGIC_V1
#define EROFS_SUPER_MAGIC_V1 0xE0F5E1E2
#endif
#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif

/* Where all changes are made by this kernel, so that inotify knows of them. */
static const uint32_t local_magics[] = {
	BTRFS_SUPER_MAGIC, EROFS_SUPER_MAGIC_V1, EXT4_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC,
	RAMFS_MAGIC,       SQUASHFS_MAGIC,       TMPFS_MAGIC,      XFS_SUPER_MAGIC,
};

/* One copy at work. */
struct copy {
	struct storage_run run;
	const struct storage_config *config;
	int source, parent, lock; /* `parent` is the root of the tmpfs */
	const char *name;         /* of the copy in there */
	bool is_dir;
};

bool watchable_is(const struct storage_config *config)
{
	return config->driver && strcmp(config->driver, DRIVER) == 0;
}

static size_t root_length(const char *mount_point)
{
	const char *slash = strrchr(mount_point, '/');

	return slash ? (size_t)(slash - mount_point) : 0;
}

bool watchable_shares_root(const struct storage_config *a, const struct storage_config *b)
{
	size_t n;

	if (!watchable_is(a) || !watchable_is(b) || !a->mount_point || !b->mount_point)
		return true;
	n = root_length(a->mount_point);
	return n == root_length(b->mount_point) && strncmp(a->mount_point, b->mount_point, n) == 0;
}

/* "/run/user/1000" in front is a rootless host's. */
static const char *skip_rootless(const char *path)
{
	const char *p = path + strlen(ROOTLESS);

	if (strncmp(path, ROOTLESS, strlen(ROOTLESS)) != 0 || !isdigit((unsigned char)*p))
		return path;
	while (isdigit((unsigned char)*p))
		p++;
	return p;
}

static bool is_good_place(const char *mount_point)
{
	static const char *const roots[] = { SHARE "/watchable", SHARE "/passthrough/watchable" };
	const char *path = skip_rootless(mount_point);
	size_t n = root_length(path);

	for (size_t i = 0; i < ARRAY_SIZE(roots); i++)
		if (n == strlen(roots[i]) && strncmp(path, roots[i], n) == 0)
			return path[n + 1] && strcmp(path + n, "/.") != 0;
	return false;
}

/* --- the copy's place -------------------------------------------------------------------------------------------- */

/* One lock for the tmpfs of all copies: nobody unmounts it while another is about to use it. It ends with its process.
 */
static int take_lock(struct err *err)
{
	_autoclose_ int fd = sys_openat(AT_FDCWD, "/run", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	int r = fd < 0 ? fd : sys_flock(fd, LOCK_EX);

	return r < 0 ? err_set(err, r, "lock '/run'") : take_fd(&fd);
}

static int is_tmpfs(const struct copy *c, int dir)
{
	char path[PATH_MAX];
	int r = storage_real_path(&c->run, dir, path);

	return r < 0 ? r : mountinfo_is_mounted(path, "tmpfs");
}

/* Shared, so that a container that has bound a copy sees what is mounted over it later. */
static int mount_tmpfs(int dir, const char *path, struct err *err)
{
	char *mode[] = { (char *)"mode=0755", NULL };
	const struct mount_options options = { .top.set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
		                               .propagation = MS_SHARED,
		                               .data = { mode, 1 } };
	const struct mount_what what = { "tmpfs", "watchable", path, &options };
	_autoclose_ int mount = mount_fs_new(&what, err);
	int r;

	if (mount < 0)
		return mount;
	r = mount_attach(mount, dir);
	return r < 0 ? err_set(err, r, "mount 'tmpfs' on '%s'", path) : 0;
}

/* Opens the root of the tmpfs; *ret is 1 if it is one. The directory has to be there, it is the host's. */
static int open_parent(struct copy *c, char path[PATH_MAX], int *ret, struct err *err)
{
	const char *mount_point = c->config->mount_point;
	size_t n = root_length(mount_point);

	if (n >= PATH_MAX)
		return err_set(err, ENAMETOOLONG, "open the directory of '%s'", mount_point);
	memcpy(path, mount_point, n);
	path[n] = '\0';
	c->name = mount_point + n + 1;
	fd_closep(&c->parent);
	c->parent = path_open_in(c->run.root, path, O_DIRECTORY);
	if (c->parent < 0)
		return err_set(err, c->parent, "open '%s', which the host has to make", path);
	*ret = is_tmpfs(c, c->parent);
	return *ret < 0 ? err_set(err, *ret, "find out whether '%s' is mounted", path) : 0;
}

static int enter_tmpfs(struct copy *c, struct err *err)
{
	char path[PATH_MAX];
	int there, r = open_parent(c, path, &there, err);

	if (r < 0 || there)
		return r;
	r = mount_tmpfs(c->parent, path, err);
	r = r < 0 ? r : open_parent(c, path, &there, err);
	return r < 0 || there ? r : err_say(err, EIO, "mount 'tmpfs' on '%s': it is not there", path);
}

static int make_copy(struct copy *c, struct err *err)
{
	int fd = c->is_dir ? sys_mkdirat(c->parent, c->name, 0755)
	                   : sys_openat(c->parent, c->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (!c->is_dir)
		(void)fd_close(fd);
	return fd < 0 && fd != -EEXIST ? err_set(err, fd, "make '%s'", c->config->mount_point) : 0;
}

static int open_copy(struct copy *c, struct err *err)
{
	int fd = sys_openat2(c->parent, c->name, (c->is_dir ? O_RDONLY | O_DIRECTORY : O_RDWR) | O_NOFOLLOW | O_CLOEXEC,
	                     0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);

	return fd < 0 ? err_set(err, fd, "open '%s'", c->config->mount_point) : fd;
}

static int open_source(struct copy *c, struct err *err)
{
	const char *path = c->config->source ? c->config->source : "";
	struct stat st;
	int r;

	c->source = sys_openat2(c->run.root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0,
	                        RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
	r = c->source < 0 ? c->source : sys_fstatat(c->source, "", &st, AT_EMPTY_PATH);
	if (r < 0)
		return err_set(err, r, "open '%s'", path);
	c->is_dir = S_ISDIR(st.st_mode);
	return c->is_dir || S_ISREG(st.st_mode) ? 0
	                                        : err_say(err, EINVAL, "'%s' is neither a directory nor a file", path);
}

static void copy_done(struct copy *c)
{
	(void)fd_close(c->source);
	(void)fd_close(c->parent);
	(void)fd_close(c->lock);
	storage_run_done(&c->run);
}

static int copy_init(struct copy *c, const struct storage_config *config, struct err *err)
{
	*c = (struct copy){ .config = config, .source = -EBADF, .parent = -EBADF, .lock = -EBADF };
	c->run.root = c->run.proc = -EBADF;
	return storage_run_init(&c->run, err);
}

/* --- following --------------------------------------------------------------------------------------------------- */

static bool is_local(int fd)
{
	struct statfs st;

	if (sys_fstatfs(fd, &st) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(local_magics); i++)
		if ((uint32_t)st.f_type == local_magics[i])
			return true;
	return false;
}

static int watch_fd(const struct copy *c, int notify, int fd)
{
	char path[32];
	int r = sys_fchdir(c->run.proc);

	(void)snprintf(path, sizeof(path), "self/fd/%d", fd);
	return r < 0 ? r : sys_inotify_add_watch(notify, path, CHANGES);
}

/* A tree that is too deep or too big is bound in the end. */
static int watch_dir(const struct copy *c, int notify, int fd, unsigned *n)
{
	_autodir_ DIR *dir = NULL;
	struct dirent *entry;
	int r = watch_fd(c, notify, fd);

	r = r < 0 ? r : fd_opendir(fd, ".", 0, &dir);
	while (r >= 0 && (r = sys_readdir(dir, &entry)) > 0) {
		_autoclose_ int below = -EBADF;

		if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (++*n > WATCHABLE_ENTRIES_MAX)
			return 0;
		below = sys_openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
		r = below < 0 ? 0 : watch_dir(c, notify, below, n);
	}
	return r;
}

/* Before the copying, so that nothing that changes meanwhile is missed. -EBADF: no news from there. */
static int start_watching(const struct copy *c)
{
	_autoclose_ int notify = is_local(c->source) ? sys_inotify_init() : -EBADF;
	unsigned n = 0;
	int r;

	if (notify < 0)
		return -EBADF;
	r = c->is_dir ? watch_dir(c, notify, c->source, &n) : watch_fd(c, notify, c->source);
	return r < 0 ? -EBADF : take_fd(&notify);
}

/* The copies stay underneath. */
static int bind_source(struct copy *c, int target, struct err *err)
{
	_autoclose_ int tree = mount_clone(c->source, true);
	int r = tree < 0 ? tree : mount_set_propagation(tree, MS_SLAVE, true);

	r = r < 0 ? r : mount_attach(tree, target);
	return r < 0 ? err_set(err, r, "bind '%s' on '%s'", c->config->source, c->config->mount_point) : 0;
}

static int sync_copy(struct copy *c, int target, struct watchable_state *ret, struct err *err)
{
	struct treesync sync = { WATCHABLE_ENTRIES_MAX, WATCHABLE_BYTES_MAX, .mirror = true };
	struct err why = ERR_INIT;
	int r = sys_flock(target, LOCK_EX);

	if (r < 0)
		return err_set(err, r, "lock '%s'", c->config->mount_point);
	r = c->is_dir ? treesync_dir(c->source, target, &sync, &why) : treesync_file(c->source, target, &sync, &why);
	if (r == -E2BIG || r == -EFBIG) {
		r = bind_source(c, target, err);
		ret->is_bound = r >= 0;
		return r;
	}
	ret->changes = sync.changes;
	return r < 0 ? err_say(err, -r, "copy '%s' to '%s': %s", c->config->source, c->config->mount_point,
	                       err_text(&why))
	             : 0;
}

static int is_bound(const struct copy *c)
{
	_autoclose_ int fd = path_open_in(c->run.root, c->config->mount_point, 0);
	char path[PATH_MAX];
	int r = fd < 0 ? fd : storage_real_path(&c->run, fd, path);

	return r < 0 ? 0 : mountinfo_is_mounted(path, NULL);
}

static int update(struct copy *c, struct watchable_state *ret, struct err *err)
{
	struct watchable_state state = { .notify = -EBADF };
	_autoclose_ int target = -EBADF, notify = -EBADF;
	int r = is_bound(c);

	if (r != 0) {
		state.is_bound = true;
		*ret = state;
		return r < 0 ? err_set(err, r, "look at '%s'", c->config->mount_point) : 0;
	}
	target = open_copy(c, err);
	if (target < 0)
		return target;
	notify = start_watching(c);
	r = sync_copy(c, target, &state, err);
	if (r < 0)
		return r;
	state.notify = state.is_bound ? -EBADF : take_fd(&notify);
	*ret = state;
	return 0;
}

int watchable_sync(const struct storage_config *config, struct watchable_state *ret, struct err *err)
{
	_cleanup_(copy_done) struct copy c;
	char path[PATH_MAX];
	int there, r = copy_init(&c, config, err);

	r = r < 0 ? r : open_source(&c, err);
	r = r < 0 ? r : open_parent(&c, path, &there, err);
	return r < 0 ? r : update(&c, ret, err);
}

/* --- the driver -------------------------------------------------------------------------------------------------- */

static int start(struct copy *c, struct err *err)
{
	struct watchable_state state = { .notify = -EBADF };
	int r = open_source(c, err);

	c->lock = r < 0 ? r : take_lock(err);
	if (c->lock < 0)
		return c->lock;
	r = enter_tmpfs(c, err);
	r = r < 0 ? r : make_copy(c, err);
	fd_closep(&c->lock);
	r = r < 0 ? r : update(c, &state, err);
	(void)fd_close(state.notify);
	return r;
}

static int clean(const struct storage_config *config, struct err *err);

static int apply_watch(const struct step *step, void *context, struct err *err)
{
	struct storage_run *run = context;
	const struct storage_config *config = step->object;
	struct copy c;
	int r = copy_init(&c, config, err);

	r = r < 0 ? r : start(&c, err);
	copy_done(&c);
	if (r < 0)
		(void)clean(config, NULL);
	else
		run->has_made = true;
	return r;
}

static const struct step_kind step_watch = { "watch", apply_watch };

static int plan(struct arena *arena, const struct storage_config *config, const char *cid, struct step_list *ret,
                struct err *err)
{
	const struct step step = {
		.kind = &step_watch, .source = config->source, .target = config->mount_point, .object = config
	};
	struct mount_options o;
	int r = storage_parse(arena, config, &o, err);

	(void)cid;
	if (r < 0)
		return r;
	if (!is_good_place(config->mount_point))
		return err_say(err, EINVAL, "storage '" DRIVER "': '%s' is not in '" SHARE "/watchable'",
		               config->mount_point);
	if (!path_is_clean(config->source))
		return err_say(err, EINVAL, "storage '" DRIVER "' on '%s': source '%s' must be absolute, without '..'",
		               config->mount_point, config->source ? config->source : "");
	r = step_add(arena, ret, &step);
	return r < 0 ? err_set(err, r, "plan a storage") : 0;
}

/* When the last copy is gone the tmpfs goes too: the share below it may be unmounted next. */
static void leave_tmpfs(struct copy *c)
{
	char path[PATH_MAX];
	const char *name = NULL;
	_autoclose_ int above = -EBADF;
	int there;

	if (storage_is_empty_dir(c->parent) <= 0 || open_parent(c, path, &there, NULL) < 0 || !there)
		return;
	above = path_open_parent_in(c->run.root, path, 0755, &name, NULL);
	if (above < 0 || sys_fchdir(above) < 0)
		return;
	/* Busy is fine: somebody is about to put the next copy there. */
	fd_closep(&c->parent);
	(void)sys_umount2(name, UMOUNT_NOFOLLOW);
}

/* Waits for the one that copies just now, if it has not died of being cancelled. */
static void wait_for_copier(struct copy *c)
{
	_autoclose_ int fd = sys_openat2(c->parent, c->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0,
	                                 RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);

	if (fd >= 0)
		(void)sys_flock(fd, LOCK_EX);
}

static int remove_copy(struct copy *c, struct err *err)
{
	const char *path = c->config->mount_point;
	int bound = is_bound(c), r = bound < 0 ? bound : sys_fchdir(c->parent);

	if (r >= 0 && bound > 0)
		r = sys_umount2(c->name, UMOUNT_NOFOLLOW | MNT_DETACH);
	if (r < 0)
		return err_set(err, r, "unmount '%s'", path);
	wait_for_copier(c);
	r = path_remove_tree(c->parent, c->name, err);
	if (r >= 0)
		leave_tmpfs(c);
	return r;
}

static int clean(const struct storage_config *config, struct err *err)
{
	_cleanup_(copy_done) struct copy c;
	struct err why = ERR_INIT;
	char path[PATH_MAX];
	int there = 0, r = copy_init(&c, config, err);

	if (r < 0)
		return r;
	c.lock = take_lock(err);
	if (c.lock < 0)
		return c.lock;
	r = open_parent(&c, path, &there, &why);
	/* The share is gone, and the copies with it. */
	if (r == -ENOENT || r == -ENOTDIR || (r >= 0 && !there))
		return 0;
	return r < 0 ? err_say(err, -r, "%s", err_text(&why)) : remove_copy(&c, err);
}

const struct storage_ops storage_watchable = { .driver = "watchable-bind", .plan = plan, .clean = clean };
