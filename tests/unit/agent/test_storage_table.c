/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/storage_table.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/sys.h"
#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

#define TURNS_MAX 500

/* Storages of the driver "local": they need no privilege and leave directories to look at. */
struct fixture {
	struct loop *loop;
	struct reaper *reaper;
	struct storage_table *table;
	struct loop_source signals;
	sigset_t old_mask;
	struct tempdir *dir;
};

struct result {
	struct completion completion;
	bool done;
	int r;
	struct err err;
};

static int on_signal(struct loop_source *source, uint32_t events)
{
	struct fixture *f = container_of(source, struct fixture, signals);
	struct signalfd_siginfo info;

	(void)events;
	(void)sys_read(source->fd, &info, sizeof(info));
	(void)reaper_run(f->reaper);
	return LOOP_KEEP;
}

static int setup(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	struct job_env env;
	sigset_t mask;
	void *dir;

	assert_int_equal(tempdir_setup(&dir), 0);
	f->dir = dir;
	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGCHLD);
	assert_int_equal(sys_sigprocmask(SIG_BLOCK, &mask, &f->old_mask), 0);
	assert_int_equal(loop_new(&f->loop), 0);
	assert_int_equal(reaper_new(&f->reaper), 0);
	f->signals = (struct loop_source){ .name = "signals", .events = EPOLLIN, .callback = on_signal };
	f->signals.fd = sys_signalfd(-1, &mask);
	assert_int_equal(loop_add(f->loop, &f->signals), 0);
	env = (struct job_env){ .loop = f->loop, .reaper = f->reaper };
	assert_int_equal(storage_table_new(&env, 100, &f->table), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	void *dir = f->dir;

	(void)storage_table_free(f->table);
	loop_remove(&f->signals);
	(void)close(f->signals.fd);
	(void)reaper_free(f->reaper);
	(void)loop_free(f->loop);
	assert_int_equal(sys_sigprocmask(SIG_SETMASK, &f->old_mask, NULL), 0);
	assert_int_equal(tempdir_teardown(&dir), 0);
	test_free(f);
	return 0;
}

static void on_done(struct completion *completion, int r, const struct err *err)
{
	struct result *result = container_of(completion, struct result, completion);

	assert_false(result->done);
	result->done = true;
	result->r = r;
	if (err)
		result->err = *err;
}

static void wait_for(struct fixture *f, struct result *result)
{
	for (int i = 0; i < TURNS_MAX && !result->done; i++)
		assert_int_equal(loop_turn(f->loop, 20), 0);
	assert_true(result->done);
}

static int add(struct fixture *f, const char *owner, const struct storage_config *configs, size_t n,
               struct result *result)
{
	int r;

	*result = (struct result){ .completion = { .done = on_done } };
	r = storage_table_add(f->table, owner, configs, n, &result->completion, &result->err);
	if (r < 0)
		return r;
	assert_false(result->done);
	wait_for(f, result);
	return result->r;
}

static int release(struct fixture *f, const char *owner)
{
	struct result result = { .completion = { .done = on_done } };

	assert_int_equal(storage_table_release(f->table, owner, &result.completion, &result.err), 0);
	wait_for(f, &result);
	return result.r;
}

static char local[] = "local";

static struct storage_config local_storage(char *path)
{
	return (struct storage_config){ .driver = local, .source = local, .fstype = local, .mount_point = path };
}

static char *path_in(const char *dir, const char *name)
{
	char *path = test_calloc(1, 512);

	(void)snprintf(path, 512, "%s/%s", dir, name);
	return path;
}

static void one_mount_point_is_counted_per_owner(void **state)
{
	struct fixture *f = *state;
	const struct tempdir *dir = f->dir;
	char *path = path_in(dir->path, "a"), *slashed = path_in(dir->path, "a//");
	struct storage_config first = local_storage(path), second = local_storage(slashed);
	struct result result;

	assert_int_equal(add(f, "one", &first, 1, &result), 0);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(add(f, "two", &second, 1, &result), 0);
	assert_int_equal(storage_table_count(f->table), 1);
	assert_int_equal(release(f, "one"), 0);
	assert_int_equal(storage_table_count(f->table), 1);
	assert_int_equal(release(f, "two"), 0);
	assert_int_equal(storage_table_count(f->table), 0);
	test_free(path);
	test_free(slashed);
}

static void shared_storages_stay_with_the_sandbox(void **state)
{
	struct fixture *f = *state;
	const struct tempdir *dir = f->dir;
	char *path = path_in(dir->path, "s");
	struct storage_config config = local_storage(path);
	struct result result;

	config.shared = true;
	assert_int_equal(add(f, "one", &config, 1, &result), 0);
	assert_int_equal(release(f, "one"), 0);
	assert_int_equal(storage_table_count(f->table), 1);
	assert_int_equal(release(f, ""), 0);
	assert_int_equal(storage_table_count(f->table), 0);
	test_free(path);
}

static void a_failure_leaves_nothing_and_names_the_storage(void **state)
{
	struct fixture *f = *state;
	const struct tempdir *dir = f->dir;
	char *path = path_in(dir->path, "good"), unknown[] = "no-such-driver", bad_path[] = "/x";
	struct storage_config configs[] = { local_storage(path), local_storage(bad_path) };
	struct result result;

	configs[1].driver = unknown;
	assert_true(add(f, "one", configs, 2, &result) < 0);
	assert_non_null(strstr(result.err.text, "no-such-driver"));
	assert_int_equal(storage_table_count(f->table), 0);
	assert_int_equal(add(f, "one", configs, 1, &result), 0);
	assert_int_equal(release(f, "one"), 0);
	test_free(path);
}

static void a_busy_mount_point_is_waited_for(void **state)
{
	struct fixture *f = *state;
	const struct tempdir *dir = f->dir;
	char *path = path_in(dir->path, "busy");
	struct storage_config config = local_storage(path);
	struct result first = { .completion = { .done = on_done } }, second = first;

	assert_int_equal(storage_table_add(f->table, "one", &config, 1, &first.completion, &first.err), 0);
	assert_int_equal(storage_table_add(f->table, "two", &config, 1, &second.completion, &second.err), 0);
	assert_int_equal(storage_table_count(f->table), 1);
	wait_for(f, &first);
	wait_for(f, &second);
	assert_int_equal(second.r, 0);
	assert_int_equal(release(f, "one"), 0);
	assert_int_equal(storage_table_count(f->table), 1);
	assert_int_equal(release(f, "two"), 0);
	test_free(path);
}

static void nothing_to_do_completes_too(void **state)
{
	struct fixture *f = *state;
	struct result result;

	assert_int_equal(add(f, "one", NULL, 0, &result), 0);
	assert_int_equal(release(f, "one"), 0);
}

int test_storage_table(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_mount_point_is_counted_per_owner, setup, teardown),
		cmocka_unit_test_setup_teardown(shared_storages_stay_with_the_sandbox, setup, teardown),
		cmocka_unit_test_setup_teardown(a_failure_leaves_nothing_and_names_the_storage, setup, teardown),
		cmocka_unit_test_setup_teardown(a_busy_mount_point_is_waited_for, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_to_do_completes_too, setup, teardown),
	};

	return cmocka_run_group_tests_name("storage_table", tests, NULL, NULL);
}
