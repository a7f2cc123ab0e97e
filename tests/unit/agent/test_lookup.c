/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/lookup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fd.h"
#include "tests/lib/unit.h"

static char dir[64];
static int dirfd_ = -EBADF;

static void make_file(const char *name, mode_t mode, const char *text)
{
	int fd = openat(dirfd_, name, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	(void)close(fd);
}

static int setup(void **state)
{
	(void)state;
	(void)strcpy(dir, "/tmp/test-lookup-XXXXXX");
	assert_non_null(mkdtemp(dir));
	dirfd_ = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(dirfd_ >= 0);
	assert_int_equal(mkdirat(dirfd_, "one", 0755), 0);
	assert_int_equal(mkdirat(dirfd_, "two", 0755), 0);
	assert_int_equal(mkdirat(dirfd_, "one/tool", 0755), 0); /* a directory is no program */
	assert_int_equal(mkdirat(dirfd_, "etc", 0755), 0);
	make_file("two/tool", 0755, "");
	make_file("two/text", 0644, "");
	make_file("etc/passwd", 0644,
	          "root:x:0:0:root:/root:/bin/sh\nbroken\n10:x:1:\n\nweb:x:10:10::/srv/web:/bin/sh\n"
	          "empty:x:11:11:::/bin/sh\nlast:x:12:12:Last:/home/last:/bin/sh");
	return 0;
}

static int teardown(void **state)
{
	static const char *const files[] = { "two/tool", "two/text", "etc/passwd", "fifo" };
	static const char *const dirs[] = { "one/tool", "one", "two", "etc" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		(void)unlinkat(dirfd_, files[i], 0);
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		(void)unlinkat(dirfd_, dirs[i], AT_REMOVEDIR);
	dirfd_ = fd_close(dirfd_);
	return rmdir(dir);
}

static int lookup(const char *name, char **ret, struct err *err)
{
	char path[256];
	char *entries[] = { "PATH=/nowhere", path, "OTHER=1", NULL };
	const struct oci_strings env = { entries, 3 };

	(void)snprintf(path, sizeof(path), "PATH=/none:%s/one:%s/two", dir, dir);
	return lookup_program(name, &env, ret, err);
}

static void path_of_the_spec_is_searched(void **state)
{
	struct err err = ERR_INIT;
	char want[128], *found = NULL;

	(void)state;
	(void)snprintf(want, sizeof(want), "%s/two/tool", dir);
	assert_int_equal(lookup("tool", &found, &err), 0);
	assert_string_equal(found, want);
	free(found);
	/* With a slash nothing is searched. */
	assert_int_equal(lookup(want, &found, &err), 0);
	assert_string_equal(found, want);
	free(found);
}

static void default_path_without_a_variable(void **state)
{
	const struct oci_strings none = { NULL, 0 };
	struct err err = ERR_INIT;
	char *found = NULL;

	(void)state;
	assert_int_equal(lookup_program("sh", &none, &found, &err), 0);
	assert_non_null(strstr(found, "bin/sh"));
	free(found);
}

static void failures_say_which_file(void **state)
{
	struct err err = ERR_INIT;
	char *found = NULL, name[128];

	(void)state;
	assert_int_equal(lookup("nothing", &found, &err), -ENOENT);
	assert_string_equal(err.text, "the file nothing was not found");
	assert_int_equal(lookup("/no/such", &found, &err), -ENOENT);
	assert_string_equal(err.text, "the file /no/such was not found");
	assert_int_equal(lookup("text", &found, &err), -EACCES);
	assert_string_equal(err.text, "the file text cannot be executed: Permission denied");
	(void)snprintf(name, sizeof(name), "%s/one/tool", dir);
	assert_int_equal(lookup(name, &found, &err), -EACCES);
	assert_int_equal(lookup("", &found, &err), -ENOENT);
	assert_null(found);
}

static void home_comes_from_passwd(void **state)
{
	static const struct {
		uid_t uid;
		const char *home;
	} cases[] = { { 0, "/root" }, { 10, "/srv/web" }, { 11, "/" }, { 12, "/home/last" }, { 1, "/" }, { 99, "/" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_autofree_ char *home = lookup_home(dirfd_, "etc/passwd", cases[i].uid);

		assert_string_equal(home, cases[i].home);
	}
}

static void strange_passwd_files_are_no_trap(void **state)
{
	_autofree_ char *missing = lookup_home(dirfd_, "no/such", 0), *fifo = NULL, *directory = NULL;

	(void)state;
	assert_string_equal(missing, "/");
	assert_int_equal(mkfifoat(dirfd_, "fifo", 0644), 0);
	fifo = lookup_home(dirfd_, "fifo", 0); /* would wait for a writer */
	assert_string_equal(fifo, "/");
	directory = lookup_home(dirfd_, "etc", 0);
	assert_string_equal(directory, "/");
}

static void environment_gets_a_home_once(void **state)
{
	char *entries[] = { "A=1", "malformed", "HOME=", "B=", NULL };
	char *set[] = { "HOME=/set", NULL };
	const struct oci_strings env = { entries, 4 }, with = { set, 1 };
	char **copy;

	(void)state;
	assert_int_equal(lookup_environment(&env, dirfd_, 10, &copy), 0);
	assert_string_equal(copy[0], "A=1");
	assert_string_equal(copy[1], "B=");
	assert_string_equal(copy[2], "HOME=/srv/web");
	assert_null(copy[3]);
	lookup_environment_free(copy);
	assert_int_equal(lookup_environment(&with, dirfd_, 10, &copy), 0);
	assert_string_equal(copy[0], "HOME=/set");
	assert_null(copy[1]);
	lookup_environment_free(copy);
}

int test_lookup(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(path_of_the_spec_is_searched),     cmocka_unit_test(default_path_without_a_variable),
		cmocka_unit_test(failures_say_which_file),          cmocka_unit_test(home_comes_from_passwd),
		cmocka_unit_test(strange_passwd_files_are_no_trap), cmocka_unit_test(environment_gets_a_home_once),
	};

	return cmocka_run_group_tests_name("lookup", tests, setup, teardown);
}
