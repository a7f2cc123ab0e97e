/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cdi_find.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

static int setup(void **state)
{
	const struct tempdir *dir;

	assert_int_equal(tempdir_setup(state), 0);
	dir = *state;
	assert_int_equal(mkdirat(dir->fd, "etc", 0755), 0);
	assert_int_equal(mkdirat(dir->fd, "etc/cdi", 0755), 0);
	assert_int_equal(mkdirat(dir->fd, "run", 0755), 0);
	assert_int_equal(mkdirat(dir->fd, "run/cdi", 0755), 0);
	tempdir_write(dir, "etc/cdi/a.json",
	              "{\"kind\":\"v.com/c\",\"containerEdits\":{\"env\":[\"ALL=1\"]},\"devices\":["
	              "{\"name\":\"0\",\"containerEdits\":{\"env\":[\"ZERO=1\"]}},{\"name\":\"1\",\"containerEdits\":{"
	              "\"env\":[\"ONE=1\"]}}]}");
	return 0;
}

static void expect(const struct tempdir *dir, const char *device, const char *second, const char *want)
{
	char *names[] = { (char *)(uintptr_t)device, (char *)(uintptr_t)second, NULL };
	const struct oci_strings wanted = { names, second ? 2 : 1 };
	_autobuf_ struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	if (cdi_find(dir->fd, &wanted, 0, &text, &err) < 0)
		assert_string_equal(err.text, want);
	else
		assert_string_equal(buf_str(&text), want);
}

static void edits_are_collected(void **state)
{
	const struct tempdir *dir = *state;

	expect(dir, "v.com/c=1", "v.com/c=0", "[{\"env\":[\"ALL=1\"]},{\"env\":[\"ONE=1\"]},{\"env\":[\"ZERO=1\"]}]");
	/* What was made in this boot wins over what came with the image. */
	tempdir_write(dir, "run/cdi/b.json",
	              "{\"kind\":\"v.com/c\",\"devices\":[{\"name\":\"0\",\"containerEdits\":{}}]}");
	expect(dir, "v.com/c=0", NULL, "[{}]");
	tempdir_write(dir, "run/cdi/c.json",
	              "{\"kind\":\"v.com/c\",\"devices\":[{\"name\":\"0\",\"containerEdits\":{}}]}");
	expect(dir, "v.com/c=1", NULL, "[{\"env\":[\"ALL=1\"]},{\"env\":[\"ONE=1\"]}]");
}

static void what_is_missing_is_named(void **state)
{
	const struct tempdir *dir = *state;

	expect(dir, "v.com/c=2", NULL,
	       "CDI device 'v.com/c=2' has not come within 0 ms (agent.cdi_timeout); there are: v.com/c=0, v.com/c=1");
	tempdir_write(dir, "run/cdi/half.json", "{\"kind\":");
	tempdir_write(dir, "etc/cdi/a.json", "{\"kind\":\"v.com/c\"}");
	expect(dir, "v.com/c=2", NULL,
	       "CDI device 'v.com/c=2' has not come within 0 ms (agent.cdi_timeout); there are: none; "
	       "'/run/cdi/half.json': "
	       "parse JSON: the text ends too early, after 8 bytes");
}

static void two_of_one_directory_are_an_error(void **state)
{
	const struct tempdir *dir = *state;

	tempdir_write(dir, "etc/cdi/b.json", "{\"kind\":\"v.com/c\",\"devices\":[{\"name\":\"0\"}]}");
	expect(dir, "v.com/c=1", NULL, "[{\"env\":[\"ALL=1\"]},{\"env\":[\"ONE=1\"]}]");
	{
		static char *names[] = { (char *)"v.com/c=0" };
		const struct oci_strings wanted = { names, 1 };
		_autobuf_ struct buf text = BUF_INIT;
		struct err err = ERR_INIT;

		assert_int_equal(cdi_find(dir->fd, &wanted, 5000, &text, &err), -EEXIST);
		assert_non_null(strstr(err.text, "CDI device 'v.com/c=0' is in '/etc/cdi/"));
	}
}

/* Its type and numbers are not the specification's business. */
static void nodes_get_the_guests_numbers(void **state)
{
	const struct tempdir *dir = *state;

	tempdir_write(dir, "run/cdi/n.json",
	              "{\"kind\":\"v.com/"
	              "n\",\"devices\":[{\"name\":\"fixed\",\"containerEdits\":{\"deviceNodes\":[{\"path\":\"/dev/x\","
	              "\"type\":\"c\",\"major\":1,\"minor\":3}]}},{\"name\":\"no\",\"containerEdits\":{\"deviceNodes\":"
	              "[{\"path\":\"/dev/no\"}]}},"
	              "{\"name\":\"file\",\"containerEdits\":{\"deviceNodes\":[{\"path\":\"/dev/x\",\"hostPath\":\"/"
	              "run/cdi/n.json\"}]}},"
	              "{\"name\":\"up\",\"containerEdits\":{\"deviceNodes\":[{\"path\":\"/dev/../x\"}]}}]}");
	expect(dir, "v.com/n=fixed", NULL,
	       "[{\"deviceNodes\":[{\"path\":\"/dev/x\",\"type\":\"c\",\"major\":1,\"minor\":3}]}]");
	expect(dir, "v.com/n=no", NULL,
	       "CDI device 'v.com/n=no' in '/run/cdi/n.json': device node '/dev/no': No such file or directory");
	expect(dir, "v.com/n=file", NULL,
	       "CDI device 'v.com/n=file' in '/run/cdi/n.json': device node '/run/cdi/n.json': it is no device");
	expect(dir, "v.com/n=up", NULL,
	       "CDI device 'v.com/n=up' in '/run/cdi/n.json': device node '/dev/../x': the path must be absolute and "
	       "without '..'");
}

int test_cdi_find(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(edits_are_collected, setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(what_is_missing_is_named, setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(two_of_one_directory_are_an_error, setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(nodes_get_the_guests_numbers, setup, tempdir_teardown),
	};

	return cmocka_run_group_tests_name("cdi_find", tests, NULL, NULL);
}
