/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/job.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/sys.h"

#define KILL_GRACE_MS 2000 /* how long a killed child may take to die before it is left to the reaper */

/* The report: one packet of this, then the reply's data; its fds travel beside it. */
struct report {
	int r;
	uint32_t size; /* bytes of data */
	struct err err;
};

union control {
	struct cmsghdr align;
	char space[CMSG_SPACE(sizeof(int) * JOB_FDS_MAX)];
};

int job_reply_add_fd(struct job_reply *reply, int fd)
{
	if (reply->n_fds == JOB_FDS_MAX) {
		(void)fd_close(fd);
		return -ENOSPC;
	}
	reply->fds[reply->n_fds++] = fd;
	return 0;
}

void job_reply_done(struct job_reply *reply)
{
	for (size_t i = 0; i < reply->n_fds; i++)
		(void)fd_close(reply->fds[i]);
	reply->n_fds = 0;
	buf_done(&reply->data);
}

int job_child_prologue(int *keep, size_t n_keep)
{
	sigset_t none;
	int r = fd_close_except(keep, n_keep);

	if (r < 0)
		return r;
	/* Handlers first: what was blocked until now comes in when the mask opens, and must not meet the loop's. */
	r = sys_signals_default();
	if (r < 0)
		return r;
	(void)sigemptyset(&none);
	return sys_sigprocmask(SIG_SETMASK, &none, NULL);
}

/* --- the child's side -------------------------------------------------------------------------------------------- */

static void attach_fds(struct msghdr *msg, union control *control, const struct job_reply *reply)
{
	struct cmsghdr *c;
	size_t size = reply->n_fds * sizeof(int);

	if (reply->n_fds == 0)
		return;
	memset(control, 0, sizeof(*control));
	msg->msg_control = control->space;
	msg->msg_controllen = CMSG_SPACE(size);
	c = CMSG_FIRSTHDR(msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(c), reply->fds, size);
}

static int send_report(int fd, int result, const struct job_reply *reply, const struct err *err)
{
	struct report report = { .r = result, .size = (uint32_t)reply->data.len, .err = *err };
	struct iovec iov[] = { { &report, sizeof(report) }, { reply->data.data, reply->data.len } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = ARRAY_SIZE(iov) };
	union control control;
	ssize_t n;

	attach_fds(&msg, &control, reply);
	do {
		n = sys_sendmsg(fd, &msg, 0);
	} while (n == -EINTR);
	return n < 0 ? (int)n : 0;
}

static int run_child(const struct job *job, int *keep, size_t n_keep, int fd)
{
	struct job_reply reply = { .data.max = JOB_REPLY_MAX };
	struct err err = ERR_INIT;
	int r = job_child_prologue(keep, n_keep);

	if (r == 0)
		r = sys_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (r < 0)
		(void)err_set(&err, r, "job '%s': prepare its process", job->name);
	else
		r = job->run(job->arg, &reply, &err);
	if (r < 0 && err.num == 0)
		(void)err_set(&err, r, "job '%s'", job->name);
	if (reply.data.len > JOB_REPLY_MAX) {
		r = err_say(&err, EMSGSIZE, "job '%s': its reply of %zu bytes is too long", job->name, reply.data.len);
		job_reply_done(&reply);
	}
	return send_report(fd, r, &reply, &err);
}

/* --- the parent's side ------------------------------------------------------------------------------------------- */

static void collect_fds(struct msghdr *msg, struct job_reply *reply)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		/* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): the kernel wrote it */
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		const unsigned char *data = CMSG_DATA(c);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, data + i * sizeof(fd), sizeof(fd));
			(void)job_reply_add_fd(reply, fd);
		}
	}
}

static int check_report(struct job *job, const struct report *report, size_t n, int flags)
{
	if (flags & (MSG_TRUNC | MSG_CTRUNC))
		return err_say(&job->err, EPROTO, "job '%s': its report was cut", job->name);
	if (n < sizeof(*report) || n - sizeof(*report) != report->size || !memchr(report->err.text, 0, ERR_TEXT_MAX))
		return err_say(&job->err, EPROTO, "job '%s': its report makes no sense", job->name);
	return 0;
}

/* Reads the report if it is there; 0, -EAGAIN if not. Everything else ends up in job->r and job->err. */
static int read_report(struct job *job)
{
	struct report report;
	union control control;
	struct iovec iov[] = { { &report, sizeof(report) }, { NULL, JOB_REPLY_MAX } };
	struct msghdr msg = {
		.msg_iov = iov,
		.msg_iovlen = ARRAY_SIZE(iov),
		.msg_control = control.space,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = buf_reserve(&job->reply.data, JOB_REPLY_MAX);

	if (n == 0) {
		iov[1].iov_base = job->reply.data.data;
		n = fd_receive_packet(job->report.fd, &msg, MSG_DONTWAIT);
	}
	if (n == -EAGAIN)
		return -EAGAIN;
	if (n == 0) /* closed without a word: the exit tells the rest */
		return 0;
	job->reported = true;
	if (n < 0) {
		job->r = err_set(&job->err, (int)n, "job '%s': read its report", job->name);
		return 0;
	}
	collect_fds(&msg, &job->reply);
	job->r = check_report(job, &report, (size_t)n, msg.msg_flags);
	if (job->r < 0)
		return 0;
	job->r = report.r;
	job->err = report.err;
	buf_commit(&job->reply.data, report.size);
	return 0;
}

static void close_report(struct job *job)
{
	loop_remove(&job->report);
	job->report.fd = fd_close(job->report.fd);
}

/* Lets go of everything but the result. */
static void release(struct job *job)
{
	close_report(job);
	loop_timer_stop(&job->deadline);
	reaper_remove(&job->child);
	job->pidfd = fd_close(job->pidfd);
	job->loop = NULL;
}

static void finish(struct job *job)
{
	struct job_reply reply = job->reply;
	struct err err = job->err;
	int r = job->r;

	release(job);
	job->reply = (struct job_reply){ 0 };
	/* The callback may free the job or start it again: what it gets must not live in it. */
	job->done(job, r, &reply, &err);
	job_reply_done(&reply);
}

static int report_ready(struct loop_source *source, uint32_t events)
{
	struct job *job = container_of(source, struct job, report);

	(void)events;
	if (read_report(job) == 0)
		close_report(job);
	return LOOP_KEEP;
}

static void child_exited(struct reaper_child *child, int code)
{
	struct job *job = container_of(child, struct job, child);

	/* SIGCHLD may be told before the report that was sent before it. */
	if (!job->reported && job->report.fd >= 0)
		(void)read_report(job);
	if (!job->reported && job->killed)
		job->r = err_say(&job->err, ETIMEDOUT, "job '%s': no answer within %u ms", job->name, job->deadline_ms);
	else if (!job->reported)
		job->r = err_say(&job->err, EPIPE, "job '%s': ended without a report (exit code %d)", job->name, code);
	finish(job);
}

static void deadline_over(struct loop_timer *timer)
{
	struct job *job = container_of(timer, struct job, deadline);

	(void)sys_pidfd_send_signal(job->pidfd, SIGKILL);
	/* A child that sleeps in the kernel does not die; its caller has to be answered all the same. */
	if (!job->killed) {
		job->killed = true;
		if (loop_timer_start(job->loop, timer, KILL_GRACE_MS) == 0)
			return;
	}
	child_exited(&job->child, 128 + SIGKILL);
}

void job_cancel(struct job *job)
{
	if (!job->loop)
		return;
	(void)sys_pidfd_send_signal(job->pidfd, SIGKILL);
	release(job);
	job_reply_done(&job->reply);
}

bool job_is_running(const struct job *job)
{
	return job->loop != NULL;
}

static void reset(struct job *job)
{
	job->report = (struct loop_source){ .name = job->name, .fd = -EBADF };
	job->deadline = (struct loop_timer){ .source.name = job->name };
	job->child = (struct reaper_child){ .exited = child_exited };
	list_init(&job->child.link);
	job->reply = (struct job_reply){ 0 };
	job->err = (struct err)ERR_INIT;
	job->r = 0;
	job->pidfd = -EBADF;
	job->reported = job->killed = false;
}

/* Watches the report and the clock, so that nothing can fail once there is a child. */
static int watch(const struct job_env *env, struct job *job, int fd)
{
	unsigned ms = job->deadline_ms ? job->deadline_ms : JOB_DEADLINE_MS;
	int r;

	job->deadline_ms = ms;
	job->loop = env->loop;
	job->report.fd = fd;
	job->report.events = EPOLLIN;
	job->report.callback = report_ready;
	job->deadline.expired = deadline_over;
	r = loop_add(env->loop, &job->report);
	if (r == 0)
		r = loop_timer_start(env->loop, &job->deadline, ms);
	return r;
}

static int open_pair(int *ret_ours, int *ret_theirs)
{
	int pair[2], size = 2 * (JOB_REPLY_MAX + (int)sizeof(struct report));
	int r = sys_socketpair(SOCK_SEQPACKET, pair);

	if (r < 0)
		return r;
	/* The usual limit has room for a report; this is for a machine where it was lowered. */
	(void)sys_setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	*ret_ours = pair[0];
	*ret_theirs = pair[1];
	return 0;
}

int job_start(const struct job_env *env, struct job *job, struct err *err)
{
	_autoclose_ int ours = -EBADF, theirs = -EBADF;
	_autofree_ int *keep = malloc((job->n_keep + 1) * sizeof(*keep));
	struct sys_clone_args args = { .cgroup_fd = -EBADF, .ret_pidfd = &job->pidfd };
	pid_t pid;
	int r;

	if (job->loop)
		return err_set(err, EBUSY, "job '%s': start it", job->name);
	reset(job);
	r = keep ? open_pair(&ours, &theirs) : -ENOMEM;
	if (r < 0)
		return err_set(err, r, "job '%s': make its socket", job->name);
	if (job->n_keep > 0)
		memcpy(keep, job->keep, job->n_keep * sizeof(*keep));
	keep[job->n_keep] = theirs;
	r = watch(env, job, take_fd(&ours));
	if (r < 0) {
		release(job);
		return err_set(err, r, "job '%s': watch it", job->name);
	}
	pid = sys_clone3(&args);
	if (pid == 0)
		_exit(run_child(job, keep, job->n_keep + 1, theirs) < 0 ? 1 : 0);
	if (pid < 0) {
		release(job);
		return err_set(err, pid, "job '%s': fork", job->name);
	}
	job->child.pid = pid;
	reaper_add(env->reaper, &job->child);
	return 0;
}
