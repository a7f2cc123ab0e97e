/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/sysctl.h"

#include <ctype.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/sys.h"

static bool is_component(const char *text, size_t len)
{
	return len > 0 && !(len == 1 && text[0] == '.') && !(len == 2 && text[0] == '.' && text[1] == '.');
}

static bool is_path(const char *path)
{
	for (;;) {
		size_t len = strcspn(path, "/");

		if (!is_component(path, len))
			return false;
		/* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): the caller's loop wrote it */
		if (path[len] == '\0')
			return true;
		path += len + 1;
	}
}

int sysctl_path(const char *key, char ret[SYSCTL_PATH_MAX])
{
	size_t len = strlen(key), first = strcspn(key, "./");
	/* As sysctl(8): after a first dot, dots part and slashes stand for dots (net.ipv4.conf.eth0/1.forwarding). */
	bool dotted = key[first] == '.';

	if (len == 0 || len >= SYSCTL_PATH_MAX)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (!isgraph((unsigned char)key[i]))
			return -EINVAL;
		ret[i] = key[i];
		if (dotted && key[i] == '.')
			ret[i] = '/';
		else if (dotted && key[i] == '/')
			ret[i] = '.';
	}
	ret[len] = '\0';
	return is_path(ret) ? 0 : -EINVAL;
}

static bool is_one_of(const char *path, const char *const *names)
{
	for (; *names; names++)
		if (strcmp(path, *names) == 0)
			return true;
	return false;
}

/* The namespace that the sysctl belongs to, 0 = none. */
static int owner(const char *path)
{
	static const char *const ipc[] = { "kernel/msgmax", "kernel/msgmnb",          "kernel/msgmni",
		                           "kernel/sem",    "kernel/shmall",          "kernel/shmmax",
		                           "kernel/shmmni", "kernel/shm_rmid_forced", NULL };

	if (is_one_of(path, ipc) || strncmp(path, "fs/mqueue/", 10) == 0)
		return CLONE_NEWIPC;
	if (strncmp(path, "net/", 4) == 0)
		return CLONE_NEWNET;
	/* Not kernel.hostname: the spec has a member of its own for it. */
	return strcmp(path, "kernel/domainname") == 0 ? CLONE_NEWUTS : 0;
}

static int check_one(const struct oci_linux *lin, const char *key, bool pod_net, struct err *err)
{
	char path[SYSCTL_PATH_MAX];
	int flag;

	if (sysctl_path(key, path) < 0)
		return err_say(err, EINVAL, "sysctl '%s' is no name of a sysctl", key);
	flag = owner(path);
	if (flag == 0)
		return err_say(err, EINVAL, "sysctl '%s' belongs to no namespace of the container", key);
	if (!(flag == CLONE_NEWNET && pod_net) && !oci_find_namespace(lin, flag))
		return err_say(err, EINVAL, "sysctl '%s' needs an own '%s' namespace", key, oci_namespace_file(flag));
	return 0;
}

int sysctl_check(const struct oci_linux *lin, bool pod_net, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < lin->sysctl.n; i++)
		r = check_one(lin, lin->sysctl.v[i].key, pod_net, err);
	return r;
}

static int write_one(int sys, const char *key, const char *value)
{
	_autoclose_ int fd = -EBADF;
	char path[SYSCTL_PATH_MAX];
	ssize_t n;
	int r = sysctl_path(key, path);

	if (r < 0)
		return r;
	fd = sys_openat2(sys, path, O_WRONLY | O_CLOEXEC, 0,
	                 RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	n = sys_write(fd, value, strlen(value));
	return n < 0 ? (int)n : 0;
}

int sysctl_apply(int proc, const struct oci_pairs *sysctl, struct err *err)
{
	_autoclose_ int sys = -EBADF;

	if (sysctl->n == 0)
		return 0;
	sys = sys_openat2(proc, "sys", O_PATH | O_DIRECTORY | O_CLOEXEC, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
	if (sys < 0)
		return err_set(err, sys, "open 'sys' of the container's procfs");
	for (size_t i = 0; i < sysctl->n; i++) {
		int r = write_one(sys, sysctl->v[i].key, sysctl->v[i].value);

		if (r < 0)
			return err_set(err, r, "set sysctl '%s' to '%s'", sysctl->v[i].key, sysctl->v[i].value);
	}
	return 0;
}
