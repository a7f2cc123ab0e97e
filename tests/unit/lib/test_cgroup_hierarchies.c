/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/cgroup_hierarchies.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

#define HEAD "25 30 0:23 / /sys rw,nosuid - sysfs sysfs rw\n26 25 0:24 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755\n"

/* Reads this text as a mountinfo. */
static int read_text(struct tempdir *dir, const char *text, struct cgroup_hierarchies *ret, struct err *err)
{
	char path[128];

	tempdir_write(dir, "mountinfo", text);
	(void)snprintf(path, sizeof(path), "%s/mountinfo", dir->path);
	return cgroup_hierarchies_read(path, "/sys/fs/cgroup", ret, err);
}

static void co_mounted_named_and_hybrid(void **state)
{
	static const char text[] =
		HEAD "27 26 0:25 / /sys/fs/cgroup/unified rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
		     "28 26 0:26 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,release_agent=/x,name=systemd\n"
		     "29 26 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
		     "30 26 0:28 /docker/x /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
		     "31 26 0:28 / /sys/fs/cgroup/memory2 rw - cgroup cgroup rw,memory\n"
		     "32 26 0:29 / /sys/fs/cgroup/a/deep rw - cgroup cgroup rw,pids\n"
		     "33 30 0:30 / /elsewhere/freezer rw - cgroup cgroup rw,freezer\n"
		     "34 26 0:31 / /sys/fs/cgroup/misc rw - cgroup cgroup rw,misc\n";
	struct cgroup_hierarchies list;
	struct err err = ERR_INIT;

	assert_int_equal(read_text(*state, text, &list, &err), 0);
	assert_int_equal(list.n, 5);
	assert_string_equal(cgroup_hierarchies_find(&list, CGROUP_CPU)->dir, "cpu,cpuacct");
	assert_ptr_equal(cgroup_hierarchies_find(&list, CGROUP_CPU), cgroup_hierarchies_find(&list, CGROUP_CPUACCT));
	assert_string_equal(cgroup_hierarchies_find(&list, CGROUP_MEMORY)->dir, "memory");
	assert_string_equal(cgroup_hierarchies_find(&list, CGROUP_NAMED)->dir, "systemd");
	assert_string_equal(cgroup_hierarchies_find(&list, CGROUP_UNIFIED)->dir, "unified");
	assert_string_equal(cgroup_hierarchies_find(&list, CGROUP_MISC)->dir, "misc");
	assert_null(cgroup_hierarchies_find(&list, CGROUP_PIDS));
	assert_null(cgroup_hierarchies_find(&list, CGROUP_FREEZER));
}

static void nothing_and_nonsense(void **state)
{
	struct cgroup_hierarchies list = { .n = 7 };
	struct err err = ERR_INIT;

	assert_int_equal(read_text(*state, "garbage\n", &list, &err), -EINVAL);
	assert_non_null(strstr(err.text, "mount table"));
	assert_int_equal(list.n, 7);
	assert_int_equal(read_text(*state, HEAD, &list, &err), 0);
	assert_int_equal(list.n, 0);
}

static void too_many_are_refused(void **state)
{
	char text[8192] = HEAD;
	struct cgroup_hierarchies list = { 0 };
	struct err err = ERR_INIT;

	for (int i = 0; i <= CGROUP_HIERARCHIES_MAX; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text),
		               "%d 26 0:%d / /sys/fs/cgroup/n%d rw - cgroup cgroup rw,name=n%d\n", 40 + i, 40 + i, i,
		               i);
	assert_int_equal(read_text(*state, text, &list, &err), -E2BIG);
	assert_string_equal(err.text, "more than 24 cgroup hierarchies below '/sys/fs/cgroup'");
}

static void names_go_both_ways(void **state)
{
	(void)state;
	for (int i = 0; i < CGROUP_CONTROLLER_MAX; i++) {
		const char *name = cgroup_controller_name((enum cgroup_controller)i);

		if (name)
			assert_int_equal(cgroup_controller_find(name), i);
	}
	assert_string_equal(cgroup_controller_name(CGROUP_NET_CLS), "net_cls");
	assert_null(cgroup_controller_name(CGROUP_UNIFIED));
	assert_null(cgroup_controller_name(CGROUP_CONTROLLER_MAX));
	assert_int_equal(cgroup_controller_find("cpus"), CGROUP_CONTROLLER_INVALID);
}

int test_cgroup_hierarchies(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(co_mounted_named_and_hybrid, tempdir_setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(nothing_and_nonsense, tempdir_setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(too_many_are_refused, tempdir_setup, tempdir_teardown),
		cmocka_unit_test(names_go_both_ways),
	};

	return cmocka_run_group_tests_name("hierarchies", tests, NULL, NULL);
}
