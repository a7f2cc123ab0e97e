/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/termination.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

#define PATH "io.kubernetes.container.terminationMessagePath"

static char *text(const char *s)
{
	return (char *)(uintptr_t)s;
}

static void the_source_is_found(void **state)
{
	struct oci_mount mounts[] = { { text("/proc"), text("proc"), text("proc"), { 0 } },
		                      { text("/dev/log"), text("/share/log"), text("bind"), { 0 } } };
	struct oci_pair pairs[] = { { text("other"), text("/proc") }, { text(PATH), text("/dev/log") } };
	struct oci_spec spec = { .mounts = mounts, .n_mounts = 2, .annotations = { pairs, 2 } };

	(void)state;
	assert_string_equal(termination_source(&spec), "/share/log");
	spec.n_mounts = 1;
	assert_null(termination_source(&spec));
	spec.n_mounts = 2;
	spec.annotations.n = 1;
	assert_null(termination_source(&spec));
}

static int read_log(const struct tempdir *dir, const char *name, struct buf *out, struct err *err)
{
	char path[256], share[128];

	buf_done(out);
	*err = (struct err)ERR_INIT;
	(void)snprintf(share, sizeof(share), "%s/share", dir->path);
	(void)snprintf(path, sizeof(path), "%s/share/%s", dir->path, name);
	return termination_read(share, path, out, err);
}

static int setup(void **state)
{
	const struct tempdir *dir;

	assert_int_equal(tempdir_setup(state), 0);
	dir = *state;
	assert_int_equal(mkdirat(dir->fd, "share", 0755), 0);
	tempdir_write(dir, "secret", "secret");
	return 0;
}

static void a_log_is_read(void **state)
{
	const struct tempdir *dir = *state;
	_autobuf_ struct buf out = BUF_INIT;
	char large[6000];
	struct err err;

	tempdir_write(dir, "share/log", "out of \xff luck \xc3\xa4\n");
	assert_int_equal(read_log(dir, "log", &out, &err), 0);
	assert_string_equal(buf_str(&out), "out of ? luck \xc3\xa4\n");
	memset(large, 'x', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	tempdir_write(dir, "share/log", large);
	assert_int_equal(read_log(dir, "log", &out, &err), 0);
	assert_int_equal(out.len, 4096);
	assert_int_equal(read_log(dir, "none", &out, &err), 0);
	assert_int_equal(out.len, 0);
	tempdir_write(dir, "share/log", "");
	assert_int_equal(read_log(dir, "log", &out, &err), 0);
	assert_int_equal(out.len, 0);
}

static void a_nul_ends_nothing(void **state)
{
	const struct tempdir *dir = *state;
	_autobuf_ struct buf out = BUF_INIT;
	struct err err;
	char path[256];

	tempdir_write(dir, "share/log", "ab");
	(void)snprintf(path, sizeof(path), "%s/share/log", dir->path);
	assert_int_equal(truncate(path, 4), 0);
	assert_int_equal(read_log(dir, "log", &out, &err), 0);
	assert_string_equal(buf_str(&out), "ab??");
}

/* The container has put them there. A fifo must not stop the job. */
static void tricks_are_refused(void **state)
{
	const struct tempdir *dir = *state;
	_autobuf_ struct buf out = BUF_INIT;
	char outside[128];
	struct err err;

	(void)snprintf(outside, sizeof(outside), "%s/secret", dir->path);
	assert_int_equal(symlinkat(outside, dir->fd, "share/absolute"), 0);
	assert_int_equal(symlinkat("../secret", dir->fd, "share/relative"), 0);
	assert_int_equal(symlinkat("/proc/self/exe", dir->fd, "share/magic"), 0);
	assert_int_equal(mkfifoat(dir->fd, "share/fifo", 0666), 0);
	assert_int_equal(read_log(dir, "absolute", &out, &err), 0);
	assert_int_equal(out.len, 0);
	assert_int_equal(read_log(dir, "relative", &out, &err), 0);
	assert_int_equal(out.len, 0);
	assert_int_equal(read_log(dir, "magic", &out, &err), 0);
	assert_int_equal(out.len, 0);
	assert_int_equal(read_log(dir, "fifo", &out, &err), -EINVAL);
	assert_non_null(strstr(err.text, "/share/fifo': Invalid argument"));
	assert_int_equal(read_log(dir, "", &out, &err), -EINVAL);
	assert_int_equal(read_log(dir, "../secret", &out, &err), -EINVAL);
	assert_non_null(strstr(err.text, "must be absolute"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, tempdir_teardown)

int test_termination(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_source_is_found),
		T(a_log_is_read),
		T(a_nul_ends_nothing),
		T(tricks_are_refused),
	};

	return cmocka_run_group_tests_name("termination", tests, NULL, NULL);
}
