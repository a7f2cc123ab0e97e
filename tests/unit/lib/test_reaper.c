/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/reaper.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "lib/sys.h"
#include "tests/lib/unit.h"

int __real_sys_waitid(idtype_t type, id_t id, siginfo_t *ret, int options);

static int fail_waits; /* how many calls answer EIO */

int __wrap_sys_waitid(idtype_t type, id_t id, siginfo_t *ret, int options)
{
	if (fail_waits > 0) {
		fail_waits--;
		return -EIO;
	}
	return __real_sys_waitid(type, id, ret, options);
}

struct exited {
	struct reaper_child child;
	int calls, code;
};

static void on_exit_seen(struct reaper_child *child, int code)
{
	struct exited *e = container_of(child, struct exited, child);

	e->calls++;
	e->code = code;
	reaper_remove(child);
}

static pid_t fork_child(int status, int signal)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (signal)
			(void)kill(getpid(), signal);
		_exit(status);
	}
	assert_true(pid > 0);
	return pid;
}

static void exited_init(struct exited *e, pid_t pid)
{
	*e = (struct exited){ .child = { .pid = pid, .exited = on_exit_seen } };
	list_init(&e->child.link);
}

static void run_until(struct reaper *reaper, int n)
{
	for (int i = 0; n > 0 && i < 5000; i++) {
		int r = reaper_run(reaper);

		assert_true(r >= 0);
		n -= r;
		if (n > 0)
			(void)usleep(1000);
	}
	assert_int_equal(n, 0);
}

static int setup(void **state)
{
	return reaper_new((struct reaper **)state);
}

static int teardown(void **state)
{
	*state = reaper_free(*state);
	return 0;
}

static void owners_are_told_status_or_signal(void **state)
{
	struct exited a, b;

	exited_init(&a, fork_child(7, 0));
	exited_init(&b, fork_child(0, SIGKILL));
	reaper_add(*state, &a.child);
	reaper_add(*state, &b.child);
	run_until(*state, 2);
	assert_int_equal(a.calls, 1);
	assert_int_equal(a.code, 7);
	assert_int_equal(b.calls, 1);
	assert_int_equal(b.code, 128 + SIGKILL);
	assert_int_equal(reaper_orphans(*state), 0);
}

static void unknown_and_forgotten_pids_are_orphans(void **state)
{
	struct exited e;

	exited_init(&e, fork_child(0, 0));
	reaper_add(*state, &e.child);
	reaper_remove(&e.child);
	reaper_remove(&e.child);
	(void)fork_child(0, 0);
	run_until(*state, 2);
	assert_int_equal(e.calls, 0);
	assert_int_equal(reaper_orphans(*state), 2);
}

static void no_children_is_no_error(void **state)
{
	assert_int_equal(reaper_run(*state), 0);
}

static void pids_of_one_bucket_are_told_apart(void **state)
{
	struct exited a, b;

	exited_init(&a, fork_child(3, 0));
	exited_init(&b, a.child.pid + 64);
	reaper_add(*state, &b.child);
	reaper_add(*state, &a.child);
	run_until(*state, 1);
	assert_int_equal(a.code, 3);
	assert_int_equal(b.calls, 0);
	reaper_remove(&b.child);
}

static void one_failed_wait_loses_nothing(void **state)
{
	struct exited e;
	siginfo_t info;

	exited_init(&e, fork_child(1, 0));
	reaper_add(*state, &e.child);
	assert_int_equal(waitid(P_PID, (id_t)e.child.pid, &info, WEXITED | WNOWAIT), 0);
	fail_waits = 1;
	assert_int_equal(reaper_run(*state), 1);
	assert_int_equal(e.code, 1);
	fail_waits = 2;
	assert_int_equal(reaper_run(*state), -EIO);
}

static void entries_may_outlive_the_table(void **state)
{
	struct reaper *reaper;
	struct exited e;

	(void)state;
	assert_int_equal(reaper_new(&reaper), 0);
	exited_init(&e, 12345);
	reaper_add(reaper, &e.child);
	reaper_free(reaper);
	reaper_remove(&e.child);
	assert_true(list_is_empty(&e.child.link));
	assert_null(reaper_free(NULL));
}

int test_reaper(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(owners_are_told_status_or_signal, setup, teardown),
		cmocka_unit_test_setup_teardown(unknown_and_forgotten_pids_are_orphans, setup, teardown),
		cmocka_unit_test_setup_teardown(no_children_is_no_error, setup, teardown),
		cmocka_unit_test_setup_teardown(pids_of_one_bucket_are_told_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(one_failed_wait_loses_nothing, setup, teardown),
		cmocka_unit_test(entries_may_outlive_the_table),
	};

	return cmocka_run_group_tests_name("reaper", tests, NULL, NULL);
}
