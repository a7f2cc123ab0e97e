/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/cgroupfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fd.h"
#include "tests/lib/unit.h"

static void values_are_numbers_or_max(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint64_t value;
	} rows[] = {
		{ "0\n", 0, 0 },
		{ "4096", 0, 4096 },
		{ "max\n", 0, UINT64_MAX },
		{ "18446744073709551615\n", 0, UINT64_MAX },
		{ "18446744073709551616\n", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
		{ "-1\n", -EINVAL, 0 },
		{ " 1\n", -EINVAL, 0 },
		{ "1 2\n", -EINVAL, 0 },
		{ "maximum", -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t value = 0;

		assert_int_equal(cgroupfs_parse_value(rows[i].text, &value), rows[i].r);
		assert_true(value == rows[i].value);
	}
}

static void flat_keys_are_found_and_garbage_is_skipped(void **state)
{
	static const char text[] = "\n\nlow\nhigh x\n 7\nmax 5\nmaxi 6\noom_kill 2 3\noom 18446744073709551616\nlast 9";
	uint64_t value = 77;

	(void)state;
	assert_true(cgroupfs_find(text, "max", &value));
	assert_int_equal(value, 5);
	assert_true(cgroupfs_find(text, "last", &value));
	assert_int_equal(value, 9);
	assert_false(cgroupfs_find(text, "low", &value));
	assert_false(cgroupfs_find(text, "high", &value));
	assert_false(cgroupfs_find(text, "oom_kill", &value));
	assert_false(cgroupfs_find(text, "oom", &value));
	assert_false(cgroupfs_find("", "max", &value));
	assert_int_equal(value, 9);
}

static void words_end_with_their_line(void **state)
{
	const char *cursor = " 8:0 a=1 b=x c= =4 bb=max\nd=5";
	struct cgroupfs_pair pair;

	(void)state;
	assert_true(cgroupfs_next_word(&cursor, &pair));
	assert_int_equal(pair.key_len, 1);
	assert_int_equal(pair.value, 1);
	assert_true(cgroupfs_next_word(&cursor, &pair));
	assert_memory_equal(pair.key, "bb=", 3);
	assert_true(pair.value == UINT64_MAX);
	assert_false(cgroupfs_next_word(&cursor, &pair));
	assert_string_equal(cursor, "\nd=5");
}

struct fake {
	char path[32];
	int dir;
};

static void put(const struct fake *f, const char *file, const char *text)
{
	_autoclose_ int fd = openat(f->dir, file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static int setup(void **state)
{
	static struct fake fake;

	strcpy(fake.path, "/tmp/cgroupfs-XXXXXX");
	if (!mkdtemp(fake.path))
		return -1;
	fake.dir = open(fake.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = &fake;
	return fake.dir < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	struct fake *f = *state;
	static const char *const names[] = { "a/b/cgroup.procs", "a/cgroup.procs", "cgroup.procs", "cgroup.events" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unlinkat(f->dir, names[i], 0);
	(void)unlinkat(f->dir, "link", 0);
	(void)unlinkat(f->dir, "a/b", AT_REMOVEDIR);
	(void)unlinkat(f->dir, "a", AT_REMOVEDIR);
	(void)close(f->dir);
	return rmdir(f->path);
}

static void processes_are_counted_below(void **state)
{
	struct fake *f = *state;

	assert_int_equal(mkdirat(f->dir, "a", 0700), 0);
	assert_int_equal(mkdirat(f->dir, "a/b", 0700), 0);
	put(f, "cgroup.procs", "10\n11\n");
	put(f, "a/cgroup.procs", "");
	put(f, "a/b/cgroup.procs", "12\n");
	assert_int_equal(cgroupfs_count(f->dir), 3);
}

static void waiting_for_events_is_bounded(void **state)
{
	struct fake *f = *state;

	assert_int_equal(cgroupfs_wait_event(f->dir, "frozen", 1, 20), -ENOENT);
	put(f, "cgroup.events", "populated 1\nfrozen 0\n");
	assert_int_equal(cgroupfs_wait_event(f->dir, "frozen", 1, 20), -ETIMEDOUT);
	assert_int_equal(cgroupfs_wait_event(f->dir, "populated", 1, 0), 0);
	assert_int_equal(cgroupfs_wait_event(f->dir, "melted", 1, 20), -EINVAL);
}

static void paths_stay_below_and_follow_no_links(void **state)
{
	struct fake *f = *state;
	_autoclose_ int fd = -EBADF;

	assert_int_equal(mkdirat(f->dir, "a", 0700), 0);
	assert_int_equal(symlinkat("a", f->dir, "link"), 0);
	fd = cgroupfs_open(f->dir, "/a");
	assert_true(fd >= 0);
	assert_int_equal(cgroupfs_open(f->dir, "/link"), -ELOOP);
	assert_int_equal(cgroupfs_open(f->dir, "/../"), -EXDEV);
	assert_int_equal(cgroupfs_open(f->dir, "/none"), -ENOENT);
	assert_int_equal(cgroupfs_remove(f->dir, "/", 0), -EINVAL);
	assert_int_equal(cgroupfs_remove(f->dir, "/none", 0), 0);
}

static void shares_become_a_weight(void **state)
{
	static const struct {
		uint64_t shares, clamped, weight;
	} cases[] = {
		{ 0, 2, 1 }, { 2, 2, 1 }, { 1024, 1024, 39 }, { 262144, 262144, 10000 }, { 1u << 20, 262144, 10000 }
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(cgroupfs_clamp_shares(cases[i].shares), cases[i].clamped);
		assert_int_equal(cgroupfs_weight_of_shares(cases[i].shares), cases[i].weight);
	}
}

int test_cgroupfs(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shares_become_a_weight),
		cmocka_unit_test(values_are_numbers_or_max),
		cmocka_unit_test(flat_keys_are_found_and_garbage_is_skipped),
		cmocka_unit_test(words_end_with_their_line),
		cmocka_unit_test_setup_teardown(processes_are_counted_below, setup, teardown),
		cmocka_unit_test_setup_teardown(waiting_for_events_is_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(paths_stay_below_and_follow_no_links, setup, teardown),
	};

	return cmocka_run_group_tests_name("cgroupfs", tests, NULL, NULL);
}
