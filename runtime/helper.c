/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/spawn.h"
#include "lib/sys.h"

#define STDERR_MAX (64u << 10)

/* What one pipe of the program brought. */
struct intake {
	int fd;
	struct buf *to;
};

char *helper_own_directory(void)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash;

	if (n <= 0)
		return NULL;
	path[n] = '\0';
	slash = strrchr(path, '/');
	return slash ? strndup(path, (size_t)(slash - path) + 1) : NULL;
}

char *helper_path(const char *name, struct err *err)
{
	static const char *const places[] = { "", "../libexec/kata-c/" };
	_autofree_ char *directory = helper_own_directory();

	for (size_t i = 0; directory && i < ARRAY_SIZE(places); i++) {
		char *path;

		if (asprintf(&path, "%s%s%s", directory, places[i], name) < 0)
			break;
		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	(void)err_say(err, ENOENT, "find helper '%s': it is not beside this program or in ../libexec/kata-c", name);
	return NULL;
}

/* 0 at the end of the pipe, 1 if there may be more. */
static int take_in(struct intake *in)
{
	ssize_t n;
	int rc = buf_reserve(in->to, 4096);

	if (rc < 0)
		return rc;
	n = read(in->fd, in->to->data + in->to->len, 4096);
	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 1 : -errno;
	buf_commit(in->to, (size_t)n);
	return n > 0;
}

/* Reads both pipes to their ends. */
static int take_all(struct intake *in, int64_t deadline)
{
	while (in[0].fd >= 0 || in[1].fd >= 0) {
		struct pollfd p[2] = { { .fd = in[0].fd, .events = POLLIN }, { .fd = in[1].fd, .events = POLLIN } };
		int64_t left = deadline - sys_now_ms();
		int n = left > 0 ? poll(p, 2, (int)left) : 0;

		if (n == 0)
			return -ETIMEDOUT;
		for (size_t i = 0; n > 0 && i < 2; i++) {
			int rc = p[i].revents ? take_in(&in[i]) : 1;

			if (rc < 0)
				return rc;
			if (rc == 0)
				in[i].fd = -1;
		}
	}
	return 0;
}

static const char *last_line(struct buf *text)
{
	char *line;

	while (text->len > 0 && text->data[text->len - 1] == '\n')
		text->data[--text->len] = '\0';
	line = strrchr(buf_str(text), '\n');
	return line ? line + 1 : buf_str(text);
}

int helper_run(char *const *argv, int timeout_ms, struct buf *out, struct err *err)
{
	_autobuf_ struct buf complaint = { .max = STDERR_MAX };
	_autoclose_ int out_r = -EBADF, out_w = -EBADF, err_r = -EBADF, err_w = -EBADF, pidfd = -EBADF;
	const int64_t deadline = sys_now_ms() + timeout_ms;
	struct spawn_spec spec = { .path = argv[0], .argv = argv, .env = environ, .death_signal = true };
	int pipes[2][2], rc, status;
	int64_t left;

	if (pipe2(pipes[0], O_CLOEXEC) < 0)
		return err_set(err, errno, "run '%s'", argv[0]);
	out_r = pipes[0][0];
	out_w = pipes[0][1];
	if (pipe2(pipes[1], O_CLOEXEC) < 0)
		return err_set(err, errno, "run '%s'", argv[0]);
	err_r = pipes[1][0];
	err_w = pipes[1][1];
	spec.stdio[0] = -1;
	spec.stdio[1] = out_w;
	spec.stdio[2] = err_w;
	rc = spawn_run(&spec, &pidfd, err);
	if (rc < 0)
		return rc;
	fd_closep(&out_w);
	fd_closep(&err_w);
	rc = take_all((struct intake[]){ { out_r, out }, { err_r, &complaint } }, deadline);
	left = rc == 0 ? deadline - sys_now_ms() : 0;
	/* One that has closed its output, or that we will not read any more, may still run. */
	status = spawn_wait_or_kill(pidfd, left > 0 ? (int)left : 0);
	if (rc < 0)
		return err_set(err, -rc, "run '%s'", argv[0]);
	if (status < 0)
		return err_set(err, -status, "run '%s'", argv[0]);
	if (status == 0)
		return 0;
	if (complaint.len == 0)
		return err_say(err, EIO, "run '%s': exit status %d", argv[0], status);
	return err_say(err, EIO, "%s", last_line(&complaint));
}
