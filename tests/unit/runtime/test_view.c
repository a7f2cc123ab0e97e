/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/view.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/jsontext.h"
#include "lib/procstart.h"
#include "runtime/place.h"
#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

/* The state of a sandbox whose supervisor, and a container's stdio process, are us or were (`later` than we). */
static void put_state(const char *root, int supervisor_later, int stdio_later, const char *status)
{
	_autojson_ struct json_object *state = NULL;
	_autofree_ char *text = NULL;
	uint64_t start = 0;

	assert_int_equal(proc_start_time(getpid(), &start), 0);
	assert_true(asprintf(&text,
	                     "{\"supervisor\":{\"pid\":%d,\"start\":%ju},\"containers\":[{\"id\":\"other\"},"
	                     "{\"id\":\"web\",\"status\":\"%s\",\"pid\":%d,\"start\":%ju}]}",
	                     (int)getpid(), (uintmax_t)start + (unsigned)supervisor_later, status, (int)getpid(),
	                     (uintmax_t)start + (unsigned)stdio_later) > 0);
	state = json_tokener_parse(text);
	assert_int_equal(place_write_state(root, "pod", state, NULL), 0);
}

static int sandbox_setup(void **state)
{
	const struct tempdir *dir;

	if (tempdir_setup(state) < 0)
		return -1;
	dir = *state;
	return place_make(dir->path, "pod", NULL) < 0 || place_link(dir->path, "web", "pod", NULL) < 0 ? -1 : 0;
}

static void expect(const char *root, const char *status, bool is_served, pid_t pid)
{
	_autoview_ struct view v = { .sandbox = NULL };

	assert_int_equal(view_open(root, "web", &v, NULL), 0);
	assert_string_equal(v.sandbox, "pod");
	assert_string_equal(v.status, status);
	assert_int_equal(v.is_served, is_served);
	assert_int_equal(v.pid, pid);
}

static void a_container_is_as_the_file_says(void **state)
{
	const struct tempdir *dir = *state;

	expect(dir->path, "creating", false, 0);
	put_state(dir->path, 0, 0, "running");
	expect(dir->path, "running", true, getpid());
	put_state(dir->path, 0, 1, "running");
	expect(dir->path, "running", true, 0);
}

/* Its VM has ended with the supervisor, whoever has the pid by now. */
static void what_nobody_looks_after_does_not_run(void **state)
{
	const struct tempdir *dir = *state;
	_autoview_ struct view v = { .sandbox = NULL };
	struct err err = ERR_INIT;

	put_state(dir->path, 1, 0, "running");
	expect(dir->path, "stopped", false, getpid());
	assert_int_equal(view_open_running(dir->path, "web", &v, &err), -ESRCH);
	assert_string_equal(err_text(&err), "container not running: 'web' is stopped");
}

static void nobody_has_that_name(void **state)
{
	const struct tempdir *dir = *state;
	struct view v;
	struct err err = ERR_INIT, broken = ERR_INIT;

	assert_int_equal(view_open(dir->path, "nobody", &v, &err), -ENOENT);
	assert_string_equal(err_text(&err), "container 'nobody' does not exist");
	tempdir_write(dir, "pod/state.json", "{");
	assert_int_equal(view_open(dir->path, "web", &v, &broken), -EINVAL);
	assert_non_null(strstr(err_text(&broken), "state"));
}

static void processes_are_told_by_their_start(void **state)
{
	_autojson_ struct json_object *us = json_object_new_object(), *other = json_object_new_object();
	_autoclose_ int fd = -EBADF;
	uint64_t start = 0;

	(void)state;
	assert_int_equal(proc_start_time(getpid(), &start), 0);
	(void)json_object_object_add(us, "pid", json_object_new_int(getpid()));
	(void)json_object_object_add(us, "start", json_object_new_uint64(start));
	(void)json_object_object_add(other, "pid", json_object_new_int(getpid()));
	(void)json_object_object_add(other, "start", json_object_new_uint64(start + 1));
	fd = view_open_process(us);
	assert_true(fd >= 0);
	assert_int_equal(view_open_process(other), -ESRCH);
	assert_int_equal(view_open_process(NULL), -ESRCH);
}

static void nobody_to_ask(void **state)
{
	const struct tempdir *dir = *state;
	_autojson_ struct json_object *request = json_object_new_object();
	const struct view v = { .sandbox = (char *)"pod" };

	assert_int_equal(view_ask(dir->path, &v, request, 1000, NULL, NULL), -ENOENT);
	assert_int_equal(view_ask(dir->path, &v, NULL, 1000, NULL, NULL), -ENOMEM);
}

int test_view(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_container_is_as_the_file_says, sandbox_setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(what_nobody_looks_after_does_not_run, sandbox_setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(nobody_has_that_name, sandbox_setup, tempdir_teardown),
		cmocka_unit_test(processes_are_told_by_their_start),
		cmocka_unit_test_setup_teardown(nobody_to_ask, sandbox_setup, tempdir_teardown),
	};

	return cmocka_run_group_tests_name("view", tests, NULL, NULL);
}
