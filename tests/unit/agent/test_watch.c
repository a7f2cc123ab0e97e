/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/sys.h"
#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

#define TURNS_MAX 500

/* The copies are in a directory of ours: that it is a tmpfs is the driver's business, not the watch's. */
struct fixture {
	struct job_env env;
	struct watch *watch;
	struct loop_source signals;
	sigset_t old_mask;
	struct tempdir *dir;
	char source[128], target[128];
	struct storage_config config;
};

static int on_signal(struct loop_source *source, uint32_t events)
{
	struct fixture *f = container_of(source, struct fixture, signals);
	struct signalfd_siginfo info;

	(void)events;
	(void)sys_read(source->fd, &info, sizeof(info));
	(void)reaper_run(f->env.reaper);
	return LOOP_KEEP;
}

static int setup(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	sigset_t mask;
	void *dir;

	assert_int_equal(tempdir_setup(&dir), 0);
	f->dir = dir;
	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGCHLD);
	assert_int_equal(sys_sigprocmask(SIG_BLOCK, &mask, &f->old_mask), 0);
	assert_int_equal(loop_new(&f->env.loop), 0);
	assert_int_equal(reaper_new(&f->env.reaper), 0);
	f->signals = (struct loop_source){ .name = "signals", .events = EPOLLIN, .callback = on_signal };
	f->signals.fd = sys_signalfd(-1, &mask);
	assert_int_equal(loop_add(f->env.loop, &f->signals), 0);
	assert_int_equal(watch_new(&f->env, &f->watch), 0);
	assert_int_equal(mkdirat(f->dir->fd, "source", 0755), 0);
	assert_int_equal(mkdirat(f->dir->fd, "target", 0755), 0);
	(void)snprintf(f->source, sizeof(f->source), "%s/source", f->dir->path);
	(void)snprintf(f->target, sizeof(f->target), "%s/target", f->dir->path);
	f->config = (struct storage_config){ .driver = (char *)"watchable-bind",
		                             .source = f->source,
		                             .mount_point = f->target };
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	void *dir = f->dir;

	f->watch = watch_free(f->watch);
	assert_int_equal(loop_count(f->env.loop), 1);
	loop_remove(&f->signals);
	(void)close(f->signals.fd);
	(void)reaper_free(f->env.reaper);
	(void)loop_free(f->env.loop);
	assert_int_equal(sys_sigprocmask(SIG_SETMASK, &f->old_mask, NULL), 0);
	assert_int_equal(tempdir_teardown(&dir), 0);
	test_free(f);
	return 0;
}

static bool has(const struct fixture *f, const char *name, const char *text)
{
	char buf[64] = "";
	int fd = openat(f->dir->fd, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	(void)!read(fd, buf, sizeof(buf) - 1);
	(void)close(fd);
	return strcmp(buf, text) == 0;
}

/* Turns until the file is there, or for ever with a text that never comes. */
static bool turn_until(struct fixture *f, const char *name, const char *text)
{
	for (int i = 0; i < TURNS_MAX; i++) {
		if (has(f, name, text))
			return true;
		assert_int_equal(loop_turn(f->env.loop, 20), 0);
	}
	return false;
}

static void changes_are_copied(void **state)
{
	struct fixture *f = *state;

	tempdir_write(f->dir, "source/a", "one");
	assert_int_equal(watch_add(f->watch, &f->config), 0);
	assert_int_equal(watch_count(f->watch), 1);
	assert_true(turn_until(f, "target/a", "one"));
	tempdir_write(f->dir, "source/a", "two, and longer");
	assert_true(turn_until(f, "target/a", "two, and longer"));
	watch_remove(f->watch, &f->config);
	assert_int_equal(watch_count(f->watch), 0);
	watch_remove(f->watch, &f->config);
}

/* One that cannot be seen is tried again, and does not keep the others from being followed. */
static void a_missing_source_is_waited_for(void **state)
{
	struct fixture *f = *state;
	struct storage_config late = f->config;
	char source[160], target[160];

	(void)snprintf(source, sizeof(source), "%s/late", f->dir->path);
	(void)snprintf(target, sizeof(target), "%s/late-copy", f->dir->path);
	late.source = source;
	late.mount_point = target;
	assert_int_equal(mkdirat(f->dir->fd, "late-copy", 0755), 0);
	assert_int_equal(watch_add(f->watch, &late), 0);
	assert_int_equal(watch_add(f->watch, &f->config), 0);
	tempdir_write(f->dir, "source/a", "one");
	assert_true(turn_until(f, "target/a", "one"));
	assert_int_equal(mkdirat(f->dir->fd, "late", 0755), 0);
	tempdir_write(f->dir, "late/b", "here");
	assert_true(turn_until(f, "late-copy/b", "here"));
	watch_remove(f->watch, &late);
	assert_int_equal(watch_count(f->watch), 1);
}

/* In the middle of a copying: the job is killed, the other one is looked at again. */
static void removal_does_not_wait(void **state)
{
	struct fixture *f = *state;
	struct storage_config other = f->config;

	assert_int_equal(watch_add(f->watch, &other), 0);
	assert_int_equal(watch_add(f->watch, &f->config), 0);
	watch_remove(f->watch, &other);
	tempdir_write(f->dir, "source/a", "one");
	assert_true(turn_until(f, "target/a", "one"));
	assert_int_equal(watch_count(f->watch), 1);
}

int test_watch(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(changes_are_copied, setup, teardown),
		cmocka_unit_test_setup_teardown(a_missing_source_is_waited_for, setup, teardown),
		cmocka_unit_test_setup_teardown(removal_does_not_wait, setup, teardown),
	};

	return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
