/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/userns.h"

#include <errno.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/forked.h"
#include "tests/lib/unit.h"

static struct oci_id_map map = { .container_id = 0, .host_id = 100000, .size = 10 };
static const struct oci_id_maps maps = { &map, 1 };

static void a_namespace_without_people(void **state)
{
	struct err err = ERR_INIT;
	struct stat ours, theirs;
	int fd;

	(void)state;
	skip_unless_root();
	fd = userns_open(&maps, &maps, &err);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &theirs), 0);
	assert_int_equal(stat("/proc/self/ns/user", &ours), 0);
	assert_true(ours.st_ino != theirs.st_ino);
	assert_int_equal(ioctl(fd, NS_GET_NSTYPE), CLONE_NEWUSER);
	assert_int_equal(close(fd), 0);
	/* Its only process is gone. */
	assert_true(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

static void bad_maps_are_named(void **state)
{
	struct oci_id_map bad[] = { { 0, 0, 0 } };
	const struct oci_id_maps none = { NULL, 0 }, wrong = { bad, 1 };
	struct err err = ERR_INIT;

	(void)state;
	skip_unless_root();
	assert_int_equal(userns_open(&maps, &none, &err), -EINVAL);
	assert_string_equal(err.text, "write 0 id mappings to 'gid_map': Invalid argument");
	err = (struct err)ERR_INIT;
	assert_int_equal(userns_open(&wrong, &maps, &err), -EINVAL);
	assert_string_equal(err.text, "write 1 id mappings to 'uid_map': Invalid argument");
	assert_true(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

int test_userns(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_namespace_without_people),
		cmocka_unit_test(bad_maps_are_named),
	};

	return cmocka_run_group_tests_name("userns", tests, NULL, NULL);
}
