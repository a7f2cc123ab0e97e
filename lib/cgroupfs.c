/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/cgroupfs.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/sys.h"

#define RETRY_MS    16
#define KILL_PASSES 16 /* a frozen cgroup needs one; the freezer needs a moment, and we do not wait for it */
#define DIR_FLAGS   (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
#define EVENTS_MAX  255
#define NS_PER_MS   1000000ULL
#define SHARES_MIN  2
#define SHARES_MAX  262144

int cgroupfs_open_root(const char *root)
{
	return sys_openat(AT_FDCWD, root, DIR_FLAGS, 0);
}

int cgroupfs_open(int root, const char *path)
{
	while (*path == '/')
		path++;
	return sys_openat2(root, *path ? path : ".", DIR_FLAGS, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

/* Digits only: strtoull would take signs, spaces and wrap around. Returns what follows, or NULL. */
static const char *parse_digits(const char *text, uint64_t *ret)
{
	uint64_t value = 0;

	if (*text < '0' || *text > '9')
		return NULL;
	for (; *text >= '0' && *text <= '9'; text++) {
		unsigned digit = (unsigned)(*text - '0');

		if (value > (UINT64_MAX - digit) / 10)
			return NULL;
		value = value * 10 + digit;
	}
	*ret = value;
	return text;
}

/* A number or "max"; returns what follows, or NULL. */
static const char *parse_number(const char *text, uint64_t *ret)
{
	if (strncmp(text, "max", 3) != 0)
		return parse_digits(text, ret);
	*ret = UINT64_MAX;
	return text + 3;
}

uint64_t cgroupfs_clamp_shares(uint64_t shares)
{
	return shares < SHARES_MIN ? SHARES_MIN : shares > SHARES_MAX ? SHARES_MAX : shares;
}

uint64_t cgroupfs_weight_of_shares(uint64_t shares)
{
	return 1 + (cgroupfs_clamp_shares(shares) - SHARES_MIN) * 9999 / (SHARES_MAX - SHARES_MIN);
}

int cgroupfs_parse_value(const char *text, uint64_t *ret)
{
	uint64_t value;
	const char *end = parse_number(text, &value);

	if (!end || (*end && *end != '\n'))
		return -EINVAL;
	*ret = value;
	return 0;
}

bool cgroupfs_next_line(const char **cursor, struct cgroupfs_pair *ret)
{
	while (**cursor) {
		const char *line = *cursor;
		size_t len = strcspn(line, "\n"), key_len = strcspn(line, " \n");
		const char *end;
		uint64_t value;

		*cursor = line + len + (line[len] == '\n');
		if (key_len == 0 || line[key_len] != ' ')
			continue;
		end = parse_number(line + key_len + 1, &value);
		if (end != line + len)
			continue;
		*ret = (struct cgroupfs_pair){ .key = line, .key_len = key_len, .value = value };
		return true;
	}
	return false;
}

bool cgroupfs_next_word(const char **cursor, struct cgroupfs_pair *ret)
{
	for (;;) {
		const char *word = *cursor + strspn(*cursor, " "), *end;
		size_t len = strcspn(word, " \n"), key_len = strcspn(word, "= \n");
		uint64_t value;

		*cursor = word + len;
		if (len == 0)
			return false;
		if (key_len == 0 || word[key_len] != '=')
			continue;
		end = parse_number(word + key_len + 1, &value);
		if (end != word + len)
			continue;
		*ret = (struct cgroupfs_pair){ .key = word, .key_len = key_len, .value = value };
		return true;
	}
}

bool cgroupfs_find(const char *text, const char *key, uint64_t *ret)
{
	size_t len = strlen(key);
	struct cgroupfs_pair pair;

	while (cgroupfs_next_line(&text, &pair)) {
		if (pair.key_len == len && memcmp(pair.key, key, len) == 0) {
			*ret = pair.value;
			return true;
		}
	}
	return false;
}

int cgroupfs_read_value(int dir, const char *file, uint64_t *ret)
{
	_autofree_ char *text = NULL;
	int r = fd_read_file_at(dir, file, CGROUPFS_FILE_MAX, &text, NULL);

	if (r < 0)
		return r;
	return cgroupfs_parse_value(text, ret);
}

static int remaining_ms(uint64_t deadline)
{
	uint64_t now = sys_now(CLOCK_MONOTONIC);

	return now >= deadline ? 0 : (int)((deadline - now + NS_PER_MS - 1) / NS_PER_MS);
}

int cgroupfs_wait_event(int dir, const char *key, uint64_t value, int timeout_ms)
{
	_autoclose_ int fd = sys_openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC, 0);
	uint64_t deadline = sys_now(CLOCK_MONOTONIC) + (uint64_t)timeout_ms * NS_PER_MS, now = 0;

	if (fd < 0)
		return fd;
	for (;;) {
		char text[EVENTS_MAX + 1];
		struct pollfd p = { .fd = fd, .events = POLLPRI };
		ssize_t n = sys_pread(fd, text, EVENTS_MAX, 0);
		int left = remaining_ms(deadline), r;

		if (n < 0)
			return (int)n;
		text[n] = '\0';
		if (!cgroupfs_find(text, key, &now))
			return -EINVAL;
		if (now == value)
			return 0;
		if (left == 0)
			return -ETIMEDOUT;
		r = sys_poll(&p, 1, left);
		if (r < 0 && r != -EINTR)
			return r;
	}
}

static int walk(int parent, const char *name, int depth, cgroupfs_visit visit, void *arg)
{
	_autoclose_ int fd = sys_openat2(parent, name, DIR_FLAGS, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
	_autodir_ DIR *dir = NULL;
	struct dirent *entry;
	int r;

	if (fd < 0)
		return fd;
	if (depth > CGROUPFS_DEPTH_MAX)
		return -ELOOP;
	r = sys_fdopendir(fd, &dir);
	if (r < 0)
		return r;
	(void)take_fd(&fd);
	while ((r = sys_readdir(dir, &entry)) > 0) {
		if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		r = walk(dirfd(dir), entry->d_name, depth + 1, visit, arg);
		if (r != 0 && r != -ENOENT)
			return r;
	}
	return r < 0 ? r : visit(parent, name, dirfd(dir), arg);
}

int cgroupfs_walk(int parent, const char *name, cgroupfs_visit visit, void *arg)
{
	return walk(parent, name, 0, visit, arg);
}

/* Numbers of the processes; a threaded cgroup lists its threads only. A cgroup that has just died has none. */
static int read_pids(int dir, char **ret)
{
	int r = fd_read_file_at(dir, "cgroup.procs", CGROUPFS_FILE_MAX, ret, NULL);

	if (r == -EOPNOTSUPP)
		r = fd_read_file_at(dir, "cgroup.threads", CGROUPFS_FILE_MAX, ret, NULL);
	return r;
}

static bool is_gone(int r)
{
	return r == -ENOENT || r == -ENODEV;
}

static int count_here(int parent, const char *name, int dir, void *arg)
{
	_autofree_ char *pids = NULL;
	int *count = arg;
	int r = read_pids(dir, &pids);

	(void)parent;
	(void)name;
	if (r < 0)
		return is_gone(r) ? 0 : r;
	for (const char *p = pids; (p = strchr(p, '\n')); p++)
		(*count)++;
	return 0;
}

int cgroupfs_count(int dir)
{
	int count = 0, r = cgroupfs_walk(dir, ".", count_here, &count);

	return r < 0 ? r : count;
}

struct pid_list {
	pid_t *v;
	size_t n, cap;
};

static int add_pid(struct pid_list *list, pid_t pid)
{
	if (list->n == list->cap) {
		size_t cap = list->cap ? 2 * list->cap : 64;
		pid_t *v = realloc(list->v, cap * sizeof(*v));

		if (!v)
			return -ENOMEM;
		list->v = v;
		list->cap = cap;
	}
	list->v[list->n++] = pid;
	return 0;
}

static int collect_here(int parent, const char *name, int dir, void *arg)
{
	_autofree_ char *pids = NULL;
	int r = read_pids(dir, &pids);

	(void)parent;
	(void)name;
	if (r < 0)
		return is_gone(r) ? 0 : r;
	for (const char *p = pids; p && *p && r >= 0; p = strchr(p, '\n'), p = p ? p + 1 : NULL) {
		uint64_t pid;

		if (parse_digits(p, &pid) && pid <= INT_MAX)
			r = add_pid(arg, (pid_t)pid);
	}
	return r < 0 ? r : 0;
}

int cgroupfs_pids(int dir, pid_t **ret, size_t *ret_n)
{
	struct pid_list list = { 0 };
	int r = cgroupfs_walk(dir, ".", collect_here, &list);

	if (r < 0) {
		free(list.v);
		return r;
	}
	*ret = list.v;
	*ret_n = list.n;
	return 0;
}

int cgroupfs_kill(int dir)
{
	return fd_write_file_at(dir, "cgroup.kill", "1");
}

/* 0 stands for a process of another pid namespace, and kill(0) would hit ourselves; 1 is the agent. */
static int kill_here(int parent, const char *name, int dir, void *arg)
{
	_autofree_ char *pids = NULL;
	int *count = arg;
	int r = read_pids(dir, &pids);

	(void)parent;
	(void)name;
	if (r < 0)
		return is_gone(r) ? 0 : r;
	for (const char *p = pids; p && *p; p = strchr(p, '\n'), p = p ? p + 1 : NULL) {
		uint64_t pid;

		if (!parse_digits(p, &pid) || pid <= 1 || pid > INT_MAX)
			continue;
		r = sys_kill((pid_t)pid, SIGKILL);
		if (r < 0 && r != -ESRCH)
			return r;
		(*count)++;
	}
	return 0;
}

int cgroupfs_kill_listed(int dir)
{
	int r = 0, count = 1;

	for (int i = 0; i < KILL_PASSES && count > 0 && r >= 0; i++) {
		count = 0;
		r = cgroupfs_walk(dir, ".", kill_here, &count);
	}
	return r;
}

int cgroupfs_kill_each(int dir)
{
	int r = fd_write_file_at(dir, "cgroup.freeze", "1"), thawed;

	if (r < 0)
		return r;
	r = cgroupfs_kill_listed(dir);
	thawed = fd_write_file_at(dir, "cgroup.freeze", "0");
	return r < 0 ? r : thawed;
}

static int remove_here(int parent, const char *name, int dir, void *arg)
{
	const uint64_t *deadline = arg;
	int r = sys_unlinkat(parent, name, AT_REMOVEDIR);

	if (r != -EBUSY)
		return r == -ENOENT ? 0 : r;
	r = cgroupfs_wait_event(dir, "populated", 0, remaining_ms(*deadline));
	if (r == -ENOENT) /* cgroup v1 tells nobody: try again later */
		return -EBUSY;
	if (r < 0)
		return r == -ETIMEDOUT ? -EBUSY : r;
	r = sys_unlinkat(parent, name, AT_REMOVEDIR);
	return r == -ENOENT ? 0 : r;
}

int cgroupfs_remove_parents(int root, const char *path)
{
	_autofree_ char *parent = NULL;
	char *slash;
	int r = 0;

	while (*path == '/')
		path++;
	parent = strdup(path);
	if (!parent)
		return -ENOMEM;
	while ((r >= 0 || r == -ENOENT) && (slash = strrchr(parent, '/'))) {
		*slash = '\0';
		r = sys_unlinkat(root, parent, AT_REMOVEDIR);
	}
	return r == -EBUSY || r == -ENOTEMPTY || r == -ENOENT ? 0 : r;
}

int cgroupfs_remove(int root, const char *path, int timeout_ms)
{
	uint64_t deadline = sys_now(CLOCK_MONOTONIC) + (uint64_t)timeout_ms * NS_PER_MS;
	int wait = 1;

	while (*path == '/')
		path++;
	if (!*path)
		return -EINVAL;
	for (;;) {
		int r = cgroupfs_walk(root, path, remove_here, &deadline);

		if (is_gone(r))
			return 0;
		if (r != -EBUSY || remaining_ms(deadline) == 0)
			return r;
		/* EBUSY of a cgroup without processes: a sub-cgroup was made behind our back, or the kernel still
		 * tidies up. */
		(void)sys_poll(NULL, 0, wait);
		wait = wait < RETRY_MS ? 2 * wait : wait;
	}
}
