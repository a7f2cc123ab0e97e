/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hosthooks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/jsontext.h"
#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

/* A hook that writes its name and its state to a file of the directory. */
struct world {
	char text[4096];
	struct arena arena;
	struct oci_spec *spec;
};

static void make(struct world *w, const struct tempdir *dir, const char *poststop)
{
	(void)snprintf(
		w->text, sizeof(w->text),
		"{\"ociVersion\":\"1.0.2\",\"annotations\":{\"key\":\"value\"},\"hooks\":{"
		"\"createRuntime\":[{\"path\":\"/bin/sh\",\"args\":[\"sh\",\"-c\",\"cat >%s/created\"]}],"
		"\"poststart\":[{\"path\":\"/bin/sh\",\"args\":[\"sh\",\"-c\",\"cat >%s/started\"]}],"
		"\"poststop\":[{\"path\":\"/bin/false\"},{\"path\":\"/bin/sh\",\"args\":[\"sh\",\"-c\",\"%s\"]}]}}",
		dir->path, dir->path, poststop);
	arena_init(&w->arena, 0);
	assert_int_equal(oci_spec_parse(&w->arena, w->text, strlen(w->text), &w->spec, NULL), 0);
	assert_int_equal(mkdirat(dir->fd, "pod", 0700), 0);
}

static bool says(const struct tempdir *dir, const char *file, const char *expected)
{
	_autofree_ char *text = NULL;
	size_t n;

	return fd_read_file_at(dir->fd, file, 65536, &text, &n) == 0 && strstr(text, expected) != NULL;
}

static void each_at_its_time(void **state)
{
	const struct tempdir *dir = *state;
	const struct runtime rt = { .root = dir->path };
	struct hosthooks h = { .id = "web", .bundle = "/b" };
	_autojson_ struct json_object *kept = NULL, *again = NULL;
	struct world w;
	char poststop[256], pid[32];

	(void)snprintf(poststop, sizeof(poststop), "cat >%s/stopped", dir->path);
	make(&w, dir, poststop);
	h.spec = w.spec;
	assert_int_equal(hosthooks_keep(dir->path, "pod", &h, NULL), 0);
	assert_int_equal(hosthooks_create(&h, NULL), 0);
	(void)snprintf(pid, sizeof(pid), "\"pid\":%d", (int)getpid());
	assert_true(says(dir, "created", "\"status\":\"creating\"") && says(dir, "created", pid));
	hosthooks_start(&rt, "pod", "web", 4711);
	assert_true(says(dir, "started", "\"status\":\"running\"") && says(dir, "started", "\"pid\":4711"));
	assert_true(says(dir, "started", "\"bundle\":\"/b\"") && says(dir, "started", "\"key\":\"value\""));
	kept = hosthooks_take(dir->path, "pod", NULL);
	assert_int_equal(json_object_array_length(kept), 1);
	again = hosthooks_take(dir->path, "pod", "web");
	assert_int_equal(json_object_array_length(again), 0);
	/* The first fails, and the second runs all the same. */
	hosthooks_stop(&rt, kept);
	assert_true(says(dir, "stopped", "\"status\":\"stopped\""));
	hosthooks_stop(&rt, NULL);
	arena_done(&w.arena);
}

static void a_failure_before_the_start_is_an_error(void **state)
{
	static char *const no_args[] = { (char *)"false", NULL };
	struct oci_hook hook = { .path = (char *)"/bin/false", .args = { (char **)no_args, 1 } };
	struct oci_hooks hooks = { .create_runtime = { &hook, 1 } };
	struct oci_linux lin = { 0 };
	const struct oci_spec spec = { .hooks = &hooks, .linux = &lin };
	const struct hosthooks h = { .id = "web", .bundle = "/b", .spec = &spec };
	const struct tempdir *dir = *state;
	struct err err = ERR_INIT;

	/* Nothing is due later, so nothing is kept: there is not even a directory. */
	assert_int_equal(hosthooks_keep(dir->path, "none", &h, NULL), 0);
	assert_int_equal(hosthooks_create(&h, &err), -ECHILD);
	assert_string_equal(err.text, "createRuntime hook '/bin/false': exit status 1");
}

int test_hosthooks(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_at_its_time, tempdir_setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(a_failure_before_the_start_is_an_error, tempdir_setup,
		                                tempdir_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
