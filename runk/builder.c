/* SPDX-License-Identifier: Apache-2.0 */
#include "runk/builder.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/spawn.h"
#include "lib/sys.h"

/* What the builder says; the pidfd is opened anew by us, whose child it is: the number cannot be another's. */
struct answer {
	int r;
	pid_t pid;
	bool made_cgroup;
	struct err err;
};

static bool must_fork(const struct build_request *request)
{
	return !request->is_exec && request->nspaces->n_join > 0;
}

_Noreturn static void run_builder(const struct build_request *request, int to)
{
	struct build_result result = { .pidfd = -EBADF };
	struct answer answer = { 0 };

	answer.r = container_build(request, &result, &answer.err);
	answer.pid = result.pid;
	answer.made_cgroup = result.made_cgroup;
	_exit(fd_write_all(to, &answer, sizeof(answer)) < 0);
}

static int read_answer(int fd, const char *id, struct answer *ret, struct err *err)
{
	char *p = (char *)ret;
	size_t left = sizeof(*ret);

	while (left > 0) {
		ssize_t n = sys_read(fd, p, left);

		if (n == -EINTR)
			continue;
		if (n <= 0)
			return err_set(err, n < 0 ? (int)n : -EPIPE, "build the container '%s'", id);
		p += n;
		left -= (size_t)n;
	}
	return 0;
}

static int finish(const struct answer *answer, struct build_result *ret, struct err *err)
{
	int pidfd;

	ret->made_cgroup = answer->made_cgroup;
	if (answer->r < 0)
		return err_copy(err, &answer->err);
	pidfd = sys_pidfd_open(answer->pid);
	if (pidfd < 0)
		return err_set(err, pidfd, "open the process %d", (int)answer->pid);
	ret->pid = answer->pid;
	ret->pidfd = pidfd;
	return 0;
}

int builder_run(struct build_request *request, struct build_result *ret, struct err *err)
{
	struct sys_clone_args args = { .cgroup_fd = -EBADF };
	_autoclose_ int pidfd = -EBADF, ours = -EBADF, theirs = -EBADF;
	struct answer answer = { 0 };
	int pipe[2], r;

	if (!must_fork(request))
		return container_build(request, ret, err);
	r = sys_pipe2(pipe, O_CLOEXEC);
	if (r < 0)
		return err_set(err, r, "make a pipe to build the container '%s'", request->id);
	ours = pipe[0];
	theirs = pipe[1];
	request->as_sibling = true;
	args.ret_pidfd = &pidfd;
	r = sys_clone3(&args);
	if (r == 0)
		run_builder(request, theirs);
	if (r < 0)
		return err_set(err, r, "fork to build the container '%s'", request->id);
	fd_closep(&theirs);
	r = read_answer(ours, request->id, &answer, err);
	(void)spawn_wait(pidfd, -1);
	return r < 0 ? r : finish(&answer, ret, err);
}
