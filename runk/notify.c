/* SPDX-License-Identifier: Apache-2.0 */
#include "runk/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/fd.h"
#include "lib/oci_exec.h"
#include "lib/sys.h"

#define DIRECTORY   "notify"
#define SOCKET      "notify.sock"
#define TARGET      "/run/notify"
#define MESSAGE_MAX 4096

static const char *caller(void)
{
	const char *path = getenv("NOTIFY_SOCKET");

	return path && (path[0] == '/' || path[0] == '@') ? path : NULL;
}

bool notify_is_wanted(void)
{
	return caller() != NULL;
}

static int add_mount(struct arena *arena, const char *source, struct oci_spec *spec)
{
	static const char *const options[] = { "bind", "nosuid", "noexec", "nodev", "ro" };
	struct oci_mount *all = arena_array(arena, spec->n_mounts + 1, sizeof(*all));
	char **words = arena_array(arena, ARRAY_SIZE(options), sizeof(*words));

	if (!all || !words || !source)
		return -ENOMEM;
	if (spec->n_mounts > 0)
		memcpy(all, spec->mounts, spec->n_mounts * sizeof(*all));
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		words[i] = (char *)(uintptr_t)options[i];
	all[spec->n_mounts] = (struct oci_mount){
		.destination = (char *)(uintptr_t)TARGET,
		.type = (char *)(uintptr_t) "bind",
		.source = (char *)(uintptr_t)source,
		.options = { .v = words, .n = ARRAY_SIZE(options) },
	};
	spec->mounts = all;
	spec->n_mounts++;
	return 0;
}

int notify_plan(struct arena *arena, int dir, const char *path, struct oci_spec *spec, struct err *err)
{
	const char *variable = "NOTIFY_SOCKET=" TARGET "/" SOCKET;
	int r = sys_mkdirat(dir, DIRECTORY, 0755);

	if (r == 0)
		r = sys_fchmodat(dir, DIRECTORY, 0755);
	if (r == 0)
		r = add_mount(arena, arena_printf(arena, "%s/" DIRECTORY, path), spec);
	if (r == 0)
		r = oci_exec_add_env(arena, spec->process, &variable, 1);
	return r < 0 ? err_set(err, r, "make the container's notify socket in '%s'", path) : 0;
}

/* By the fd of its directory: a path of ours may be longer than an address. */
int notify_open(int dir)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	_autoclose_ int at = sys_openat(dir, DIRECTORY, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0), fd = -EBADF;
	int r;

	if (at < 0)
		return at;
	fd = sys_socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fd;
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/" SOCKET, at);
	(void)sys_unlinkat(at, SOCKET, 0);
	r = sys_bind(fd, (const struct sockaddr *)&addr, sizeof(addr));
	/* Whoever the process is in there. */
	r = r < 0 ? r : sys_fchmodat(at, SOCKET, 0666);
	return r < 0 ? r : take_fd(&fd);
}

static int tell(const char *line, size_t n, pid_t pid)
{
	const char *path = caller();
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char text[128];
	struct iovec iov = { text, 0 };
	struct msghdr msg = { .msg_name = &addr, .msg_iov = &iov, .msg_iovlen = 1 };
	_autoclose_ int fd = -EBADF;
	ssize_t sent;

	if (!path || strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path));
	if (path[0] == '@')
		addr.sun_path[0] = '\0';
	msg.msg_namelen = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + (path[0] != '@'));
	iov.iov_len =
		(size_t)snprintf(text, sizeof(text), "%.*s\nMAINPID=%d\n", (int)(n < 64 ? n : 64), line, (int)pid);
	fd = sys_socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	sent = fd < 0 ? fd : sys_sendmsg(fd, &msg, 0);
	return sent < 0 ? (int)sent : 0;
}

int notify_forward(int fd, pid_t pid, struct err *err)
{
	char text[MESSAGE_MAX + 1];
	ssize_t n = sys_read(fd, text, MESSAGE_MAX);
	int r;

	if (n == -EAGAIN || n == -EINTR)
		return 0;
	if (n < 0)
		return err_set(err, (int)n, "read the container's notify socket");
	text[n] = '\0';
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		if (strncmp(line, "READY=", 6) != 0)
			continue;
		r = tell(line, strcspn(line, "\n"), pid);
		return r < 0 ? err_set(err, r, "tell '%s' that the container is ready", caller()) : 1;
	}
	return 0;
}

int notify_wait(int fd, pid_t pid, int pidfd, struct err *err)
{
	struct pollfd fds[] = { { .fd = fd, .events = POLLIN }, { .fd = pidfd, .events = POLLIN } };
	int r = 0;

	while (r == 0) {
		r = sys_poll(fds, ARRAY_SIZE(fds), -1);
		if (r < 0 && r != -EINTR)
			return err_set(err, r, "wait until the container is ready");
		r = fds[0].revents & POLLIN ? notify_forward(fd, pid, err) : 0;
		if (r == 0 && fds[1].revents && !(fds[0].revents & POLLIN))
			return 0;
	}
	return r < 0 ? r : 0;
}
