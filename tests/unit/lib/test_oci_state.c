/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/oci_state.h"

#include <string.h>

#include "tests/lib/unit.h"

static struct oci_pair pairs[] = { { (char *)"a", (char *)"1" }, { (char *)"b/\"", (char *)"\xc3\xa4" } };

static void a_state_is_what_the_specification_says(void **unused)
{
	const struct oci_pairs annotations = { pairs, 2 };
	const struct oci_state state = { "web", "running", 42, "/run/b", &annotations };
	_autobuf_ struct buf text = BUF_INIT;

	(void)unused;
	assert_int_equal(oci_state_format(&state, &text), 0);
	assert_string_equal(buf_str(&text),
	                    "{\"ociVersion\":\"1.2.0\",\"id\":\"web\",\"status\":\"running\",\"pid\":42,"
	                    "\"bundle\":\"/run/b\",\"annotations\":{\"a\":\"1\",\"b/\\\"\":\"\xc3\xa4\"}}");
}

static void what_is_absent_is_left_out(void **unused)
{
	const struct oci_state state = { "web", "stopped", 0, "/run/b", NULL };
	_autobuf_ struct buf text = BUF_INIT;

	(void)unused;
	assert_int_equal(oci_state_format(&state, &text), 0);
	assert_string_equal(buf_str(&text), "{\"ociVersion\":\"1.2.0\",\"id\":\"web\",\"status\":\"stopped\",\"pid\":0,"
	                                    "\"bundle\":\"/run/b\"}");
}

static void a_process_state_names_its_fd(void **unused)
{
	const struct oci_state state = { "web", "creating", 7, "/b", NULL };
	_autobuf_ struct buf with = BUF_INIT, without = BUF_INIT;

	(void)unused;
	assert_int_equal(oci_process_state_format(&state, 9, "{\"x\":1}", &with), 0);
	assert_string_equal(
		buf_str(&with),
		"{\"ociVersion\":\"1.2.0\",\"fds\":[\"seccompFd\"],\"pid\":9,\"metadata\":\"{\\\"x\\\":1}\","
		"\"state\":{\"ociVersion\":\"1.2.0\",\"id\":\"web\",\"status\":\"creating\",\"pid\":7,"
		"\"bundle\":\"/b\"}}");
	assert_int_equal(oci_process_state_format(&state, 9, NULL, &without), 0);
	assert_null(strstr(buf_str(&without), "metadata"));
}

static void a_full_buffer_is_an_error(void **unused)
{
	const struct oci_state state = { "web", "running", 42, "/run/b", NULL };
	_autobuf_ struct buf text = { .max = 16 };

	(void)unused;
	assert_true(oci_state_format(&state, &text) < 0);
	assert_true(oci_process_state_format(&state, 1, NULL, &text) < 0);
}

int test_oci_state(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_state_is_what_the_specification_says),
		cmocka_unit_test(what_is_absent_is_left_out),
		cmocka_unit_test(a_process_state_names_its_fd),
		cmocka_unit_test(a_full_buffer_is_an_error),
	};

	return cmocka_run_group_tests_name("oci_state", tests, NULL, NULL);
}
