/* SPDX-License-Identifier: Apache-2.0 */
#include "runk/state.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "lib/fd.h"
#include "lib/path.h"
#include "lib/procstart.h"
#include "lib/sys.h"
#include "runk/statefile.h"

#define STATE_FILE "state.json"
#define SPEC_FILE  "config.json"

void state_done(struct state *s)
{
	fd_closep(&s->dir);
	fd_closep(&s->root);
	arena_done(&s->arena);
}

int state_check_id(const char *id, struct err *err)
{
	size_t len = strlen(id);

	if (len == 0)
		return err_say(err, EINVAL, "container id cannot be empty: invalid container ID format: ''");
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)id[i]) && !strchr("_+-.,", id[i]))
			return err_say(err, EINVAL, "invalid container ID format: '%s'", id);
	if (len > NAME_MAX || strcmp(id, ".") == 0 || strcmp(id, "..") == 0)
		return err_say(err, EINVAL, "invalid container ID format: '%s'", id);
	return 0;
}

/* mkdir -p; the last directory is for its owner alone. */
static int make_root(const char *path)
{
	_autofree_ char *copy = strdup(path);
	int r = copy ? 0 : -ENOMEM;

	for (char *slash = copy ? strchr(copy + 1, '/') : NULL; slash && r >= 0; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		r = sys_mkdirat(AT_FDCWD, copy, 0755);
		r = r == -EEXIST || r == -EROFS || r == -EACCES ? 0 : r;
		*slash = '/';
	}
	r = r < 0 ? r : sys_mkdirat(AT_FDCWD, path, 0711);
	return r == -EEXIST ? 0 : r;
}

static int open_dir(int at, const char *name)
{
	return sys_openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
}

static int open_root(const struct runk *runk)
{
	return sys_openat(AT_FDCWD, runk->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
}

static int lock(int dir, bool wait)
{
	int r;

	do {
		r = flock(dir, wait ? LOCK_EX : LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
	} while (r == -EINTR);
	return r;
}

/* The directory may have been removed, or replaced, while we waited for its lock. */
static bool is_still_there(const struct state *s)
{
	struct stat ours, there;

	return sys_fstatat(s->dir, "", &ours, AT_EMPTY_PATH) == 0 &&
	       sys_fstatat(s->root, s->id, &there, AT_SYMLINK_NOFOLLOW) == 0 && ours.st_ino == there.st_ino &&
	       ours.st_dev == there.st_dev;
}

int state_create(const struct runk *runk, const char *id, struct state *ret, struct err *err)
{
	_autostate_ struct state s = STATE_INIT;
	int r = state_check_id(id, err);

	if (r < 0)
		return r;
	arena_init(&s.arena, 0);
	s.id = arena_strdup(&s.arena, id);
	s.owner = getuid();
	s.root = open_root(runk);
	if (s.root == -ENOENT) {
		r = make_root(runk->root);
		if (r < 0)
			return err_set(err, r, "make the directory for states '%s'", runk->root);
		s.root = open_root(runk);
	}
	if (s.root < 0 || !s.id)
		return err_set(err, s.id ? s.root : -ENOMEM, "open the directory for states '%s'", runk->root);
	r = sys_mkdirat(s.root, id, 0700);
	if (r == -EEXIST)
		return err_say(err, EEXIST, "container with given ID already exists: '%s' in '%s'", id, runk->root);
	s.dir = r < 0 ? r : open_dir(s.root, id);
	r = s.dir < 0 ? s.dir : lock(s.dir, true);
	if (r < 0)
		return err_set(err, r, "make the state of container '%s' in '%s'", id, runk->root);
	/* Somebody's `delete --force` may have been between. */
	if (!is_still_there(&s))
		return err_say(err, ENOENT, "make the state of container '%s' in '%s': it was removed at once", id,
		               runk->root);
	s.locked = true;
	*ret = s;
	s = (struct state)STATE_INIT;
	return 0;
}

static int refuse(const struct runk *runk, const char *id, int r, struct err *err)
{
	if (r == -ENOENT || r == -ENOTDIR)
		return err_say(err, ENOENT, "container does not exist: '%s' in '%s'", id, runk->root);
	return err_set(err, r, "open the state of container '%s' in '%s'", id, runk->root);
}

static int load(struct state *s, struct err *err)
{
	_autofree_ char *text = NULL;
	size_t len = 0;
	int r = fd_read_file_at(s->dir, STATE_FILE, STATE_SPEC_MAX, &text, &len);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err_set(err, r, "read the state of container '%s'", s->id);
	return statefile_parse(text, len, s, err);
}

int state_open(const struct runk *runk, const char *id, bool wants_lock, struct state *ret, struct err *err)
{
	_autostate_ struct state s = STATE_INIT;
	int r = state_check_id(id, err);

	if (r < 0)
		return r;
	arena_init(&s.arena, 0);
	s.id = arena_strdup(&s.arena, id);
	s.root = open_root(runk);
	s.dir = s.root < 0 ? s.root : open_dir(s.root, id);
	if (s.dir < 0 || !s.id)
		return refuse(runk, id, s.id ? s.dir : -ENOMEM, err);
	if (wants_lock) {
		r = lock(s.dir, true);
		if (r < 0)
			return err_set(err, r, "lock container '%s'", id);
		if (!is_still_there(&s))
			return refuse(runk, id, -ENOENT, err);
		s.locked = true;
	}
	r = load(&s, err);
	if (r < 0)
		return r;
	*ret = s;
	s = (struct state)STATE_INIT;
	return 0;
}

void state_unlock(struct state *s)
{
	if (s->locked)
		(void)flock(s->dir, LOCK_UN);
	s->locked = false;
}

static int replace(const struct state *s, const char *name, const char *text, size_t len)
{
	char temporary[32];
	int r;

	(void)snprintf(temporary, sizeof(temporary), "%s.new", name);
	{
		_autoclose_ int fd =
			sys_openat(s->dir, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

		r = fd < 0 ? fd : fd_write_all(fd, text, len);
	}
	return r < 0 ? r : sys_renameat(s->dir, temporary, s->dir, name);
}

int state_save(const struct state *s, struct err *err)
{
	_autobuf_ struct buf text = BUF_INIT;
	int r = statefile_format(s, state_status(s), STATEFILE_OURS, &text);

	if (r == 0)
		r = replace(s, STATE_FILE, (const char *)text.data, text.len);
	return r < 0 ? err_set(err, r, "save the state of container '%s'", s->id) : 0;
}

int state_save_spec(const struct state *s, const char *text, size_t len, struct err *err)
{
	_autoclose_ int fd = sys_openat(s->dir, SPEC_FILE, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r = fd < 0 ? fd : fd_write_all(fd, text, len);

	return r < 0 ? err_set(err, r, "keep the specification of container '%s'", s->id) : 0;
}

int state_load_spec(struct state *s, struct oci_spec **ret, struct err *err)
{
	_autofree_ char *text = NULL;
	_autobuf_ struct buf ignored = BUF_INIT; /* told when it was created */
	size_t len = 0;
	int r = fd_read_file_at(s->dir, SPEC_FILE, STATE_SPEC_MAX, &text, &len);

	if (r < 0)
		return err_set(err, r, "read the specification of container '%s'", s->id);
	r = oci_spec_parse_host(&s->arena, text, len, &ignored, ret, err);
	return r < 0 ? err_wrap(err, "specification of container '%s'", s->id) : 0;
}

static bool is_alive(const struct state *s)
{
	uint64_t start_time;

	return s->pid > 0 && proc_start_time(s->pid, &start_time) == 0 && start_time == s->start_time;
}

int state_open_pid(const struct state *s)
{
	_autoclose_ int pidfd = s->pid > 0 ? sys_pidfd_open(s->pid) : -ESRCH;

	if (pidfd < 0)
		return pidfd;
	/* Looked at after the opening: the number cannot have become another's in between. */
	return is_alive(s) ? take_fd(&pidfd) : -ESRCH;
}

enum state_status state_status(const struct state *s)
{
	struct stat st;

	/* Nobody holds the lock: who was creating it is gone. */
	if (s->pid == 0)
		return s->locked || lock(s->dir, false) == -EWOULDBLOCK ? STATE_CREATING : STATE_STOPPED;
	if (!is_alive(s))
		return STATE_STOPPED;
	if (s->paused)
		return STATE_PAUSED;
	return sys_fstatat(s->dir, STATE_FIFO, &st, AT_SYMLINK_NOFOLLOW) == 0 ? STATE_CREATED : STATE_RUNNING;
}

const char *state_status_name(enum state_status status)
{
	static const char *const names[] = {
		[STATE_CREATING] = "creating", [STATE_CREATED] = "created", [STATE_RUNNING] = "running",
		[STATE_PAUSED] = "paused",     [STATE_STOPPED] = "stopped",
	};

	return names[status];
}

int state_format(const struct state *s, bool pretty, struct buf *out)
{
	return statefile_format(s, state_status(s), pretty ? STATEFILE_PRETTY : STATEFILE_PLAIN, out);
}

int state_remove(struct state *s, struct err *err)
{
	return path_remove_tree(s->root, s->id, err);
}

static int compare(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_container(const struct dirent *entry)
{
	return entry->d_type == DT_DIR && state_check_id(entry->d_name, NULL) == 0;
}

int state_list(const struct runk *runk, int (*each)(const struct runk *runk, const char *id, void *arg), void *arg,
               struct err *err)
{
	struct dirent **entries = NULL;
	int n = scandir(runk->root, &entries, is_container, compare), r = 0;

	if (n < 0)
		return errno == ENOENT ? 0 : err_set(err, errno, "list the containers in '%s'", runk->root);
	for (int i = 0; i < n; i++) {
		r = r == 0 ? each(runk, entries[i]->d_name, arg) : r;
		free(entries[i]);
	}
	free(entries);
	return r;
}
