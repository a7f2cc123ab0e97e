/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/agent/device/sysfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/sys.h"
#include "tests/lib/unit.h"

#define TIMEOUT_MS 100

/* --- the k-th kernel call fails ---------------------------------------------------------------------------------- */

static int countdown = -1; /* calls until one fails; negative: none */
static int answer;

void sysfs_fail_at(int k, int errnum)
{
	countdown = k;
	answer = -errnum;
}

bool sysfs_has_failed(void)
{
	return countdown < 0;
}

/* 0, or what this call has to answer. */
static int fault(void)
{
	return countdown >= 0 && countdown-- == 0 ? answer : 0;
}

#define FAILING(type, name, parameters, arguments)                                                                     \
	type __real_##name parameters;                                                                                 \
	type __wrap_##name parameters;                                                                                 \
	type __wrap_##name parameters                                                                                  \
	{                                                                                                              \
		int r = fault();                                                                                       \
                                                                                                                       \
		return r < 0 ? r : __real_##name arguments;                                                            \
	}

FAILING(int, sys_openat, (int dirfd, const char *path, int flags, mode_t mode), (dirfd, path, flags, mode))
FAILING(int, sys_fdopendir, (int fd, DIR **ret), (fd, ret))
FAILING(int, sys_readdir, (DIR * dir, struct dirent **ret), (dir, ret))
FAILING(ssize_t, sys_readlinkat, (int dirfd, const char *path, char *buf, size_t n), (dirfd, path, buf, n))
FAILING(int, sys_poll, (struct pollfd * fds, nfds_t n, int timeout_ms), (fds, n, timeout_ms))
FAILING(ssize_t, sys_recvmsg, (int fd, struct msghdr *msg, int flags), (fd, msg, flags))
FAILING(ssize_t, sys_write, (int fd, const void *buf, size_t n), (fd, buf, n))

/* --- nodes ------------------------------------------------------------------------------------------------------- */

int __real_sys_fstatat(int dirfd, const char *path, struct stat *st, int flags);
int __wrap_sys_fstatat(int dirfd, const char *path, struct stat *st, int flags);

/* Ours are recognised by the content that sysfs_make_node gave them. */
int __wrap_sys_fstatat(int dirfd, const char *path, struct stat *st, int flags)
{
	char text[32] = "", type;
	unsigned major_nr, minor_nr;
	int failed = fault(), r = failed < 0 ? failed : __real_sys_fstatat(dirfd, path, st, flags);
	_autoclose_ int fd = -EBADF;

	if (r < 0 || !S_ISREG(st->st_mode) || st->st_size >= (off_t)sizeof(text))
		return r;
	fd = openat(dirfd, path[0] ? path : ".", O_RDONLY | O_CLOEXEC);
	if (fd < 0 && !path[0])
		fd = dup(dirfd);
	if (fd < 0 || pread(fd, text, sizeof(text) - 1, 0) < 0 ||
	    sscanf(text, "node %c %u:%u", &type, &major_nr, &minor_nr) != 3 || (type != 'b' && type != 'c'))
		return r;
	st->st_mode = (type == 'b' ? S_IFBLK : S_IFCHR) | 0600;
	st->st_rdev = makedev(major_nr, minor_nr);
	return 0;
}

static struct sysfs *current;

int sysfs_setup(void **state)
{
	struct sysfs *s = test_calloc(1, sizeof(*s));
	void *dir;

	assert_int_equal(tempdir_setup(&dir), 0);
	s->dir = dir;
	(void)snprintf(s->sys, sizeof(s->sys), "%s/sys", s->dir->path);
	(void)snprintf(s->dev, sizeof(s->dev), "%s/dev", s->dir->path);
	assert_int_equal(mkdir(s->sys, 0755), 0);
	assert_int_equal(mkdir(s->dev, 0755), 0);
	assert_int_equal(device_host_init(&s->host, s->sys, s->dev, TIMEOUT_MS, NULL), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, s->events), 0);
	current = s;
	*state = s;
	return 0;
}

int sysfs_teardown(void **state)
{
	struct sysfs *s = *state;
	void *dir = s->dir;

	current = NULL;
	device_host_done(&s->host);
	(void)close(s->events[0]);
	(void)close(s->events[1]);
	test_free(s);
	return tempdir_teardown(&dir);
}

int sysfs_events(void)
{
	return current ? current->events[0] : -EBADF;
}

static void make_parents(int at, const char *path)
{
	char part[512];

	for (const char *p = strchr(path, '/'); p; p = strchr(p + 1, '/')) {
		(void)snprintf(part, sizeof(part), "%.*s", (int)(p - path), path);
		assert_true(mkdirat(at, part, 0755) == 0 || errno == EEXIST);
	}
}

void sysfs_mkdir(const struct sysfs *s, const char *path)
{
	make_parents(s->host.sys, path);
	assert_true(mkdirat(s->host.sys, path, 0755) == 0 || errno == EEXIST);
}

static void write_at(int at, const char *path, const char *text)
{
	_autoclose_ int fd = openat(at, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

void sysfs_write(const struct sysfs *s, const char *path, const char *text)
{
	make_parents(s->host.sys, path);
	write_at(s->host.sys, path, text);
}

void sysfs_link(const struct sysfs *s, const char *path, const char *target)
{
	make_parents(s->host.sys, path);
	assert_int_equal(symlinkat(target, s->host.sys, path), 0);
}

const char *sysfs_read(const struct sysfs *s, const char *path)
{
	static char text[256];
	_autofree_ char *content = NULL;

	assert_int_equal(fd_read_file_at(s->host.sys, path, sizeof(text) - 1, &content, NULL), 0);
	(void)snprintf(text, sizeof(text), "%s", content);
	return text;
}

void sysfs_plug_disk(const struct sysfs *s, const char *device, const char *name)
{
	char path[512], target[528];

	(void)snprintf(path, sizeof(path), "%s/block/%s", device, name);
	sysfs_mkdir(s, path);
	(void)snprintf(target, sizeof(target), "../../%s", path);
	(void)snprintf(path, sizeof(path), "class/block/%s", name);
	sysfs_link(s, path, target);
}

void sysfs_make_node(const struct sysfs *s, const char *name, const char *what)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "node %s", what);
	write_at(s->host.dev, name, text);
}

void sysfs_tell(const struct sysfs *s)
{
	assert_int_equal(write(s->events[1], "add@/x", 6), 6);
}
