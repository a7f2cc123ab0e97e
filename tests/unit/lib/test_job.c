/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/sys.h"
#include "tests/lib/unit.h"

pid_t __real_sys_clone3(const struct sys_clone_args *args);

static int fail_clone; /* errno for the next call, 0 = none */

pid_t __wrap_sys_clone3(const struct sys_clone_args *args)
{
	int r = -fail_clone;

	fail_clone = 0;
	return r < 0 ? r : __real_sys_clone3(args);
}

/* A loop that reaps, as the agent has one. */
struct fixture {
	struct job_env env;
	struct loop_source sigchld;
	sigset_t old_mask;
};

static int children_changed(struct loop_source *source, uint32_t events)
{
	struct fixture *f = container_of(source, struct fixture, sigchld);
	struct signalfd_siginfo info;

	(void)events;
	(void)sys_read(source->fd, &info, sizeof(info));
	return reaper_run(f->env.reaper) < 0 ? -EIO : LOOP_KEEP;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	sigset_t mask;

	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGCHLD);
	(void)sigaddset(&mask, SIGUSR1);
	(void)sigprocmask(SIG_BLOCK, &mask, &f->old_mask);
	(void)sigdelset(&mask, SIGUSR1);
	if (loop_new(&f->env.loop) < 0 || reaper_new(&f->env.reaper) < 0)
		return -1;
	f->sigchld = (struct loop_source){
		.name = "sigchld",
		.fd = sys_signalfd(-1, &mask),
		.events = EPOLLIN,
		.callback = children_changed,
	};
	*state = f;
	return loop_add(f->env.loop, &f->sigchld);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(loop_count(f->env.loop), 1);
	loop_remove(&f->sigchld);
	(void)fd_close(f->sigchld.fd);
	f->env.loop = loop_free(f->env.loop);
	f->env.reaper = reaper_free(f->env.reaper);
	(void)sigprocmask(SIG_SETMASK, &f->old_mask, NULL);
	free(f);
	return 0;
}

/* A job and what its done callback was told. */
struct subject {
	struct job job;
	const struct job_env *again; /* start once more from inside done */
	int calls, r;
	struct err err;
	char *text;
	size_t text_len;
	int fds[2];
};

static void on_done(struct job *job, int r, struct job_reply *reply, const struct err *err)
{
	struct subject *s = container_of(job, struct subject, job);

	s->calls++;
	s->r = r;
	s->err = *err;
	free(s->text);
	s->text_len = reply->data.len;
	s->text = calloc(1, reply->data.len + 1);
	memcpy(s->text, buf_str(&reply->data), reply->data.len);
	for (size_t i = 0; i < reply->n_fds && i < ARRAY_SIZE(s->fds); i++)
		s->fds[i] = take_fd(&reply->fds[i]);
	if (s->again) {
		const struct job_env *env = take_ptr(&s->again);

		assert_int_equal(job_start(env, job, NULL), 0);
	}
}

static void subject_init(struct subject *s, job_function run, void *arg)
{
	*s = (struct subject){
		.job = { .name = "test", .run = run, .arg = arg, .done = on_done, .deadline_ms = 20000 },
		.fds = { -EBADF, -EBADF },
	};
}

static void subject_done(struct subject *s)
{
	free(s->text);
	(void)fd_close(s->fds[0]);
	(void)fd_close(s->fds[1]);
}

static void run_until_calls(struct fixture *f, struct subject *s, int calls)
{
	for (int i = 0; i < 100 && s->calls < calls; i++)
		assert_int_equal(loop_turn(f->env.loop, 5000), 0);
	assert_int_equal(s->calls, calls);
}

static void run_to_end(struct fixture *f, struct subject *s)
{
	assert_int_equal(job_start(&f->env, &s->job, NULL), 0);
	assert_true(job_is_running(&s->job));
	run_until_calls(f, s, 1);
	assert_false(job_is_running(&s->job));
}

static int answer_with_fds(void *arg, struct job_reply *reply, struct err *err)
{
	int fds[2];

	(void)err;
	(void)buf_printf(&reply->data, "hello %s", (const char *)arg);
	if (pipe2(fds, O_CLOEXEC) < 0 || write(fds[1], "x", 1) != 1)
		return -errno;
	(void)job_reply_add_fd(reply, fds[0]);
	(void)job_reply_add_fd(reply, fds[1]);
	return 0;
}

static void result_bytes_and_fds_come_back(void **state)
{
	char word[] = "world", c = 0;
	struct subject s;

	subject_init(&s, answer_with_fds, word);
	run_to_end(*state, &s);
	assert_int_equal(s.r, 0);
	assert_string_equal(s.text, "hello world");
	assert_int_equal(read(s.fds[0], &c, 1), 1);
	assert_int_equal(c, 'x');
	assert_int_equal(fcntl(s.fds[0], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	subject_done(&s);
}

static int fail_with_words(void *arg, struct job_reply *reply, struct err *err)
{
	(void)arg;
	(void)buf_add(&reply->data, "partial", 7);
	return err_set(err, EACCES, "mount 'x'");
}

static int fail_without_words(void *arg, struct job_reply *reply, struct err *err)
{
	(void)arg;
	(void)reply;
	(void)err;
	return -ENXIO;
}

static void errors_come_back_in_words(void **state)
{
	struct subject s;

	subject_init(&s, fail_with_words, NULL);
	run_to_end(*state, &s);
	assert_int_equal(s.r, -EACCES);
	assert_int_equal(s.err.num, EACCES);
	assert_string_equal(s.err.text, "mount 'x': Permission denied");
	assert_string_equal(s.text, "partial");
	subject_done(&s);

	subject_init(&s, fail_without_words, NULL);
	run_to_end(*state, &s);
	assert_int_equal(s.r, -ENXIO);
	assert_string_equal(s.err.text, "job 'test': No such device or address");
	subject_done(&s);
}

static int wait_for_ever(void *arg, struct job_reply *reply, struct err *err)
{
	(void)arg;
	(void)reply;
	(void)err;
	for (int i = 0; i < 60; i++)
		(void)sleep(1);
	return 0;
}

static void the_deadline_kills(void **state)
{
	struct subject s;

	subject_init(&s, wait_for_ever, NULL);
	s.job.deadline_ms = 30;
	run_to_end(*state, &s);
	assert_int_equal(s.r, -ETIMEDOUT);
	assert_string_equal(s.err.text, "job 'test': no answer within 30 ms");
	subject_done(&s);
}

static int die(void *arg, struct job_reply *reply, struct err *err)
{
	(void)arg;
	(void)reply;
	(void)err;
	_exit(7);
}

static void death_without_report_is_told(void **state)
{
	struct subject s;

	subject_init(&s, die, NULL);
	run_to_end(*state, &s);
	assert_int_equal(s.r, -EPIPE);
	assert_string_equal(s.err.text, "job 'test': ended without a report (exit code 7)");
	subject_done(&s);
}

static void a_cancelled_job_says_nothing_more(void **state)
{
	struct fixture *f = *state;
	struct subject s;

	subject_init(&s, wait_for_ever, NULL);
	job_cancel(&s.job);
	assert_int_equal(job_start(&f->env, &s.job, NULL), 0);
	assert_int_equal(job_start(&f->env, &s.job, NULL), -EBUSY);
	job_cancel(&s.job);
	job_cancel(&s.job);
	assert_false(job_is_running(&s.job));
	for (int i = 0; i < 100 && reaper_orphans(f->env.reaper) == 0; i++)
		assert_int_equal(loop_turn(f->env.loop, 100), 0);
	assert_int_equal(reaper_orphans(f->env.reaper), 1);
	assert_int_equal(s.calls, 0);
}

static void done_may_start_the_job_again(void **state)
{
	struct fixture *f = *state;
	struct subject s;

	subject_init(&s, fail_with_words, NULL);
	s.again = &f->env;
	assert_int_equal(job_start(&f->env, &s.job, NULL), 0);
	run_until_calls(f, &s, 2);
	assert_int_equal(s.r, -EACCES);
	subject_done(&s);
}

static int list_open_fds(void *arg, struct job_reply *reply, struct err *err)
{
	(void)arg;
	(void)err;
	for (int fd = 0; fd < 256; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			(void)buf_printf(&reply->data, "%d ", fd);
	return 0;
}

static void a_child_has_the_keep_list_and_nothing_else(void **state)
{
	char expected[64];
	struct subject s;
	int pair[2], n_open = 0;

	assert_int_equal(pipe(pair), 0);
	subject_init(&s, list_open_fds, NULL);
	s.job.keep = &pair[1];
	s.job.n_keep = 1;
	run_to_end(*state, &s);
	(void)snprintf(expected, sizeof(expected), " %d ", pair[1]);
	assert_non_null(strstr(s.text, expected));
	(void)snprintf(expected, sizeof(expected), " %d ", pair[0]);
	assert_null(strstr(s.text, expected));
	for (const char *p = s.text; *p; p++)
		n_open += *p == ' ';
	assert_int_equal(n_open, 3 + 2); /* the kept one and the report's */
	(void)fd_close(pair[0]);
	(void)fd_close(pair[1]);
	subject_done(&s);
}

static void a_sleeping_job_does_not_hold_a_stream_open(void **state)
{
	struct fixture *f = *state;
	struct subject s;
	int pair[2];
	char c;

	assert_int_equal(pipe2(pair, O_CLOEXEC | O_NONBLOCK), 0);
	subject_init(&s, wait_for_ever, NULL);
	assert_int_equal(job_start(&f->env, &s.job, NULL), 0);
	(void)fd_close(pair[1]);
	/* The child needs a moment to get as far as its first act. */
	for (int i = 0; i < 1000 && read(pair[0], &c, 1) != 0; i++)
		(void)usleep(1000);
	assert_int_equal(read(pair[0], &c, 1), 0);
	(void)fd_close(pair[0]);
	job_cancel(&s.job);
	assert_int_equal(loop_turn(f->env.loop, 1000), 0);
}

static int tell_signals(void *arg, struct job_reply *reply, struct err *err)
{
	struct sigaction action;
	sigset_t mask;

	(void)arg;
	(void)err;
	(void)sigprocmask(SIG_BLOCK, NULL, &mask);
	(void)sigaction(SIGPIPE, NULL, &action);
	return buf_printf(&reply->data, "%d %d %d", sigismember(&mask, SIGCHLD), sigismember(&mask, SIGUSR1),
	                  action.sa_handler == SIG_DFL);
}

static void signals_are_as_at_birth(void **state)
{
	struct subject s;

	(void)signal(SIGPIPE, SIG_IGN);
	subject_init(&s, tell_signals, NULL);
	run_to_end(*state, &s);
	(void)signal(SIGPIPE, SIG_DFL);
	assert_string_equal(s.text, "0 0 1");
	subject_done(&s);
}

static int fill_reply(void *arg, struct job_reply *reply, struct err *err)
{
	size_t n = *(size_t *)arg;
	int r = buf_reserve(&reply->data, n);

	(void)err;
	if (r < 0)
		return r;
	memset(reply->data.data + reply->data.len, 'a', n);
	buf_commit(&reply->data, n);
	return 0;
}

static void a_reply_has_a_limit(void **state)
{
	size_t n = JOB_REPLY_MAX;
	struct subject s;

	subject_init(&s, fill_reply, &n);
	run_to_end(*state, &s);
	assert_int_equal(s.r, 0);
	assert_int_equal(s.text_len, JOB_REPLY_MAX);
	subject_done(&s);
	n++;
	subject_init(&s, fill_reply, &n);
	run_to_end(*state, &s);
	assert_int_equal(s.r, -EMSGSIZE);
	subject_done(&s);
}

static void a_failed_fork_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	struct subject s;

	subject_init(&s, die, NULL);
	fail_clone = EAGAIN;
	assert_int_equal(job_start(&f->env, &s.job, &err), -EAGAIN);
	assert_string_equal(err.text, "job 'test': fork: Resource temporarily unavailable");
	assert_false(job_is_running(&s.job));
	assert_int_equal(loop_count(f->env.loop), 1);
}

static void a_reply_holds_so_many_fds(void **state)
{
	struct job_reply reply = { 0 };

	(void)state;
	for (int i = 0; i < JOB_FDS_MAX; i++)
		assert_int_equal(job_reply_add_fd(&reply, dup(0)), 0);
	assert_int_equal(job_reply_add_fd(&reply, dup(0)), -ENOSPC);
	job_reply_done(&reply);
	assert_int_equal(reply.n_fds, 0);
}

static void many_jobs_at_once(void **state)
{
	struct fixture *f = *state;
	struct subject s[20];
	char word[] = "all";

	for (size_t i = 0; i < ARRAY_SIZE(s); i++) {
		subject_init(&s[i], answer_with_fds, word);
		assert_int_equal(job_start(&f->env, &s[i].job, NULL), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(s); i++) {
		run_until_calls(f, &s[i], 1);
		assert_int_equal(s[i].r, 0);
		assert_string_equal(s[i].text, "hello all");
		subject_done(&s[i]);
	}
}

int test_job(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(result_bytes_and_fds_come_back, setup, teardown),
		cmocka_unit_test_setup_teardown(errors_come_back_in_words, setup, teardown),
		cmocka_unit_test_setup_teardown(the_deadline_kills, setup, teardown),
		cmocka_unit_test_setup_teardown(death_without_report_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(a_cancelled_job_says_nothing_more, setup, teardown),
		cmocka_unit_test_setup_teardown(done_may_start_the_job_again, setup, teardown),
		cmocka_unit_test_setup_teardown(a_child_has_the_keep_list_and_nothing_else, setup, teardown),
		cmocka_unit_test_setup_teardown(a_sleeping_job_does_not_hold_a_stream_open, setup, teardown),
		cmocka_unit_test_setup_teardown(signals_are_as_at_birth, setup, teardown),
		cmocka_unit_test_setup_teardown(a_reply_has_a_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(a_failed_fork_leaves_nothing, setup, teardown),
		cmocka_unit_test(a_reply_holds_so_many_fds),
		cmocka_unit_test_setup_teardown(many_jobs_at_once, setup, teardown),
	};

	return cmocka_run_group_tests_name("job", tests, NULL, NULL);
}
