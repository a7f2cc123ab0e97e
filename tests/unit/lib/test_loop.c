/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/loop.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "lib/sys.h"
#include "tests/lib/unit.h"

int __real_sys_epoll_wait(int epfd, struct epoll_event *events, int max, int timeout_ms);
int __real_sys_epoll_ctl(int epfd, int op, int fd, struct epoll_event *event);
int __real_sys_timerfd_create(void);

static int fail_wait, fail_ctl, fail_timerfd; /* errno for the next call, 0 = none */

static int fail_once(int *which)
{
	int r = -*which;

	*which = 0;
	return r;
}

int __wrap_sys_epoll_wait(int epfd, struct epoll_event *events, int max, int timeout_ms)
{
	return fail_wait ? fail_once(&fail_wait) : __real_sys_epoll_wait(epfd, events, max, timeout_ms);
}

int __wrap_sys_epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	return fail_ctl ? fail_once(&fail_ctl) : __real_sys_epoll_ctl(epfd, op, fd, event);
}

int __wrap_sys_timerfd_create(void)
{
	return fail_timerfd ? fail_once(&fail_timerfd) : __real_sys_timerfd_create();
}

/* A pipe whose read end is watched. */
struct watched {
	struct loop_source source;
	int write_fd;
	int calls, verdict;
	uint32_t seen;
	struct loop_source *victim; /* removed by the callback */
	struct loop *stop;
};

static int watched_ready(struct loop_source *source, uint32_t events)
{
	struct watched *w = container_of(source, struct watched, source);

	w->calls++;
	w->seen = events;
	if (w->victim)
		loop_remove(w->victim);
	if (w->stop)
		loop_stop(w->stop);
	return w->verdict;
}

static void watched_init(struct watched *w, const char *name, uint32_t events)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	*w = (struct watched){
		.source = { .name = name, .fd = fds[0], .events = events, .callback = watched_ready },
		.write_fd = fds[1],
	};
}

static void watched_fill(struct watched *w)
{
	assert_int_equal(write(w->write_fd, "x", 1), 1);
}

static void watched_done(struct watched *w)
{
	loop_remove(&w->source);
	w->source.fd = fd_close(w->source.fd);
	w->write_fd = fd_close(w->write_fd);
}

static int setup(void **state)
{
	return loop_new((struct loop **)state);
}

static int teardown(void **state)
{
	assert_int_equal(loop_count(*state), 0);
	*state = loop_free(*state);
	return 0;
}

static void events_are_told_until_removed(void **state)
{
	struct watched w;

	watched_init(&w, "w", EPOLLIN);
	assert_int_equal(loop_add(*state, &w.source), 0);
	assert_int_equal(loop_add(*state, &w.source), -EEXIST);
	assert_int_equal(loop_count(*state), 1);
	assert_int_equal(loop_turn(*state, 0), 0);
	assert_int_equal(w.calls, 0);
	watched_fill(&w);
	assert_int_equal(loop_turn(*state, 0), 0);
	assert_int_equal(loop_turn(*state, 0), 0);
	assert_int_equal(w.calls, 2);
	assert_int_equal(w.seen, EPOLLIN);
	w.verdict = LOOP_REMOVE;
	assert_int_equal(loop_turn(*state, 0), 0);
	assert_int_equal(loop_turn(*state, 0), 0);
	assert_int_equal(w.calls, 3);
	assert_null(w.source.loop);
	assert_true(w.source.fd >= 0);
	loop_remove(&w.source);
	watched_done(&w);
}

static void without_interest_not_even_a_hangup_is_told(void **state)
{
	struct watched w;

	watched_init(&w, "w", 0);
	assert_int_equal(loop_modify(&w.source, EPOLLIN), -ENOENT);
	assert_int_equal(loop_add(*state, &w.source), 0);
	assert_int_equal(loop_count(*state), 1);
	w.write_fd = fd_close(w.write_fd);
	assert_int_equal(loop_turn(*state, 0), 0);
	assert_int_equal(w.calls, 0);
	assert_int_equal(loop_modify(&w.source, EPOLLIN), 0);
	assert_int_equal(loop_turn(*state, 0), 0);
	assert_int_equal(w.calls, 1);
	assert_true(w.seen & EPOLLHUP);
	assert_int_equal(loop_modify(&w.source, EPOLLIN | EPOLLPRI), 0);
	assert_int_equal(loop_modify(&w.source, 0), 0);
	assert_int_equal(loop_turn(*state, 0), 0);
	assert_int_equal(w.calls, 1);
	watched_done(&w);
}

static void a_removed_source_gets_nothing_more_in_the_same_turn(void **state)
{
	struct watched a, b;

	watched_init(&a, "a", EPOLLIN);
	watched_init(&b, "b", EPOLLIN);
	a.victim = &b.source;
	b.victim = &a.source;
	assert_int_equal(loop_add(*state, &a.source), 0);
	assert_int_equal(loop_add(*state, &b.source), 0);
	watched_fill(&a);
	watched_fill(&b);
	assert_int_equal(loop_turn(*state, 0), 0);
	assert_int_equal(a.calls + b.calls, 1);
	watched_done(&a);
	watched_done(&b);
}

static void record_line(void *arg, enum log_level level, const char *line, size_t len)
{
	char *out = arg;

	(void)level;
	assert_true(len < 1000);
	memcpy(out, line, len);
	out[len] = '\0';
}

static void an_error_is_logged_with_the_name_and_removes(void **state)
{
	char line[1000] = "";
	struct watched w;

	watched_init(&w, "the pipe", EPOLLIN);
	w.verdict = -EBADMSG;
	assert_int_equal(loop_add(*state, &w.source), 0);
	watched_fill(&w);
	log_set_sink(record_line, line);
	assert_int_equal(loop_turn(*state, 0), 0);
	log_set_sink(NULL, NULL);
	assert_non_null(strstr(line, "the pipe"));
	assert_non_null(strstr(line, "Bad message"));
	assert_int_equal(loop_count(*state), 0);
	watched_done(&w);
}

struct ticking {
	struct loop_timer timer;
	struct loop *restart;
	int calls;
};

static void ticked(struct loop_timer *timer)
{
	struct ticking *t = container_of(timer, struct ticking, timer);

	t->calls++;
	if (t->restart && t->calls < 3)
		assert_int_equal(loop_timer_start(t->restart, timer, 1), 0);
}

static void a_timer_fires_once_and_leaves_no_fd(void **state)
{
	struct ticking t = { .timer.expired = ticked };

	loop_timer_stop(&t.timer);
	assert_int_equal(loop_timer_start(*state, &t.timer, 0), 0);
	assert_int_equal(loop_count(*state), 1);
	assert_int_equal(loop_turn(*state, 1000), 0);
	assert_int_equal(t.calls, 1);
	assert_int_equal(loop_count(*state), 0);
	assert_int_equal(t.timer.source.fd, -EBADF);
	assert_int_equal(loop_turn(*state, 5), 0);
	assert_int_equal(t.calls, 1);
}

static void a_timer_can_be_started_again_and_stopped(void **state)
{
	struct ticking t = { .timer.expired = ticked, .restart = *state };

	assert_int_equal(loop_timer_start(*state, &t.timer, UINT64_MAX / 1000000), 0);
	assert_int_equal(loop_timer_start(*state, &t.timer, 1), 0);
	assert_int_equal(loop_count(*state), 1);
	for (int i = 0; i < 20 && t.calls < 3; i++)
		assert_int_equal(loop_turn(*state, 1000), 0);
	assert_int_equal(t.calls, 3);
	assert_int_equal(loop_timer_start(*state, &t.timer, 1), 0);
	loop_timer_stop(&t.timer);
	assert_int_equal(loop_turn(*state, 5), 0);
	assert_int_equal(t.calls, 3);
}

static void timer_failures_leave_nothing(void **state)
{
	struct ticking t = { .timer.expired = ticked };

	fail_timerfd = EMFILE;
	assert_int_equal(loop_timer_start(*state, &t.timer, 1), -EMFILE);
	fail_ctl = ENOSPC;
	assert_int_equal(loop_timer_start(*state, &t.timer, 1), -ENOSPC);
	assert_int_equal(loop_count(*state), 0);
	loop_timer_stop(&t.timer);
}

struct later {
	struct loop_deferred deferred;
	struct loop *again;
	int calls;
};

static void run_later(struct loop_deferred *deferred)
{
	struct later *l = container_of(deferred, struct later, deferred);

	l->calls++;
	if (l->again)
		loop_defer(l->again, deferred);
}

static void deferred_work_runs_once_at_the_end_of_the_turn(void **state)
{
	struct later a = { .deferred.run = run_later }, b = { .deferred.run = run_later, .again = *state };

	list_init(&a.deferred.link);
	list_init(&b.deferred.link);
	loop_defer(*state, &a.deferred);
	loop_defer(*state, &a.deferred);
	loop_defer(*state, &b.deferred);
	assert_int_equal(loop_turn(*state, -1), 0); /* does not wait: there is work */
	assert_int_equal(a.calls, 1);
	assert_int_equal(b.calls, 1);
	assert_int_equal(loop_turn(*state, -1), 0);
	assert_int_equal(a.calls, 1);
	assert_int_equal(b.calls, 2);
	list_remove(&b.deferred.link);
}

static void an_interrupted_wait_is_an_empty_turn(void **state)
{
	fail_wait = EINTR;
	assert_int_equal(loop_turn(*state, 0), 0);
	fail_wait = EIO;
	assert_int_equal(loop_turn(*state, 0), -EIO);
	fail_wait = EIO;
	assert_int_equal(loop_run(*state), -EIO);
}

static void run_ends_by_stop(void **state)
{
	struct watched w;

	watched_init(&w, "w", EPOLLIN);
	w.stop = *state;
	assert_int_equal(loop_add(*state, &w.source), 0);
	watched_fill(&w);
	assert_int_equal(loop_run(*state), 0);
	assert_int_equal(w.calls, 1);
	watched_done(&w);
}

static void a_failed_removal_is_tried_again(void **state)
{
	struct watched w;

	watched_init(&w, "w", EPOLLIN);
	assert_int_equal(loop_add(*state, &w.source), 0);
	watched_fill(&w);
	fail_ctl = EIO;
	loop_remove(&w.source);
	assert_int_equal(loop_turn(*state, 0), 0);
	assert_int_equal(w.calls, 0);
	fail_ctl = ENOMEM;
	assert_int_equal(loop_add(*state, &w.source), -ENOMEM);
	assert_int_equal(loop_count(*state), 0);
	watched_done(&w);
}

int test_loop(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(events_are_told_until_removed, setup, teardown),
		cmocka_unit_test_setup_teardown(without_interest_not_even_a_hangup_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(a_removed_source_gets_nothing_more_in_the_same_turn, setup, teardown),
		cmocka_unit_test_setup_teardown(an_error_is_logged_with_the_name_and_removes, setup, teardown),
		cmocka_unit_test_setup_teardown(a_timer_fires_once_and_leaves_no_fd, setup, teardown),
		cmocka_unit_test_setup_teardown(a_timer_can_be_started_again_and_stopped, setup, teardown),
		cmocka_unit_test_setup_teardown(timer_failures_leave_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(deferred_work_runs_once_at_the_end_of_the_turn, setup, teardown),
		cmocka_unit_test_setup_teardown(an_interrupted_wait_is_an_empty_turn, setup, teardown),
		cmocka_unit_test_setup_teardown(run_ends_by_stop, setup, teardown),
		cmocka_unit_test_setup_teardown(a_failed_removal_is_tried_again, setup, teardown),
	};

	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
