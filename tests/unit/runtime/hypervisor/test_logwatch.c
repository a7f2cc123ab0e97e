/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hypervisor/logwatch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

struct seen {
	struct logwatch watch;
	struct loop *loop;
	char path[512], line[256];
	int n;
};

static void on_found(struct logwatch *watch, const char *line)
{
	struct seen *s = container_of(watch, struct seen, watch);

	(void)snprintf(s->line, sizeof(s->line), "%s", line);
	s->n++;
}

static void add(const struct seen *s, const char *text)
{
	int fd = open(s->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(close(fd), 0);
}

static void begin(struct seen *s, void **state, const char *text)
{
	(void)snprintf(s->path, sizeof(s->path), "%s/log", ((const struct tempdir *)*state)->path);
	assert_int_equal(loop_new(&s->loop), 0);
	s->watch = (struct logwatch){ .path = s->path, .text = " panicked at ", .found = on_found };
	if (text)
		add(s, text);
}

static void finish(struct seen *s)
{
	logwatch_stop(&s->watch);
	s->loop = loop_free(s->loop);
}

static void a_whole_line_is_told_once(void **state)
{
	struct seen s = { .n = 0 };

	begin(&s, state, "started\n");
	assert_int_equal(logwatch_start(&s.watch, s.loop, NULL), 0);
	add(&s, "warning: nothing\nthread 'worker' panicked at src/x.rs");
	assert_int_equal(loop_turn(s.loop, 5000), 0);
	assert_int_equal(s.n, 0);
	add(&s, ":1:2\nBroken pipe\n");
	assert_int_equal(loop_turn(s.loop, 5000), 0);
	assert_int_equal(s.n, 1);
	assert_string_equal(s.line, "thread 'worker' panicked at src/x.rs:1:2");
	add(&s, "thread 'other' panicked at src/y.rs\n");
	assert_int_equal(loop_turn(s.loop, 10), 0);
	assert_int_equal(s.n, 1);
	finish(&s);
}

static void what_is_there_already_counts(void **state)
{
	struct seen s = { .n = 0 };

	begin(&s, state, "thread 'worker' panicked at z\n");
	assert_int_equal(logwatch_start(&s.watch, s.loop, NULL), 0);
	assert_int_equal(s.n, 1);
	finish(&s);
}

static void a_log_that_is_not_there_is_named(void **state)
{
	struct seen s = { .n = 0 };
	struct err err = ERR_INIT;

	begin(&s, state, NULL);
	assert_int_equal(logwatch_start(&s.watch, s.loop, &err), -ENOENT);
	assert_non_null(strstr(err.text, s.path));
	finish(&s);
}

int test_logwatch(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_whole_line_is_told_once, tempdir_setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(what_is_there_already_counts, tempdir_setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(a_log_that_is_not_there_is_named, tempdir_setup, tempdir_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
