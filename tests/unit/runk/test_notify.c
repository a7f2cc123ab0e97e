/* SPDX-License-Identifier: Apache-2.0 */
#include "runk/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/fd.h"
#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

static void address(const struct tempdir *dir, const char *name, struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	(void)snprintf(ret->sun_path, sizeof(ret->sun_path), "%s/%s", dir->path, name);
}

static void say(const struct tempdir *dir, const char *text)
{
	_autoclose_ int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	struct sockaddr_un addr;

	address(dir, "notify/notify.sock", &addr);
	assert_int_equal(sendto(fd, text, strlen(text), 0, (struct sockaddr *)&addr, sizeof(addr)), strlen(text));
}

static void the_container_gets_a_socket(void **state)
{
	const struct tempdir *dir = *state;
	_autoarena_ struct arena arena = { 0 };
	struct oci_process process = { 0 };
	struct oci_spec spec = { .process = &process };
	char source[128];
	struct err err = ERR_INIT;

	assert_int_equal(notify_open(dir->fd), -ENOENT);
	assert_int_equal(notify_plan(&arena, dir->fd, dir->path, &spec, &err), 0);
	(void)snprintf(source, sizeof(source), "%s/notify", dir->path);
	assert_int_equal(spec.n_mounts, 1);
	assert_string_equal(spec.mounts[0].destination, "/run/notify");
	assert_string_equal(spec.mounts[0].source, source);
	assert_int_equal(process.env.n, 1);
	assert_string_equal(process.env.v[0], "NOTIFY_SOCKET=/run/notify/notify.sock");
	assert_int_equal(notify_plan(&arena, dir->fd, dir->path, &spec, &err), -EEXIST);
}

static void only_readiness_is_handed_on(void **state)
{
	const struct tempdir *dir = *state;
	_autoclose_ int ours = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0), fd = -EBADF;
	struct sockaddr_un addr;
	struct err err = ERR_INIT;
	char text[256] = "";

	address(dir, "host", &addr);
	assert_int_equal(bind(ours, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(setenv("NOTIFY_SOCKET", addr.sun_path, 1), 0);
	assert_true(notify_is_wanted());
	assert_int_equal(mkdirat(dir->fd, "notify", 0755), 0);
	fd = notify_open(dir->fd);
	assert_true(fd >= 0);
	assert_int_equal(notify_forward(fd, 7, &err), 0); /* nothing there */
	say(dir, "STATUS=not READY=1 yet\nFDSTORE=1");
	assert_int_equal(notify_forward(fd, 7, &err), 0);
	assert_int_equal(read(ours, text, sizeof(text)), -1);
	say(dir, "STATUS=now\nREADY=1\nWATCHDOG=1");
	assert_int_equal(notify_forward(fd, 7, &err), 1);
	assert_true(read(ours, text, sizeof(text) - 1) > 0);
	assert_string_equal(text, "READY=1\nMAINPID=7\n");
	assert_int_equal(unlink(addr.sun_path), 0);
	say(dir, "READY=1");
	assert_int_equal(notify_forward(fd, 7, &err), -ENOENT);
	assert_non_null(strstr(err.text, "is ready"));
	assert_int_equal(setenv("NOTIFY_SOCKET", "no path", 1), 0);
	assert_false(notify_is_wanted());
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
	assert_false(notify_is_wanted());
}

int test_notify(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_container_gets_a_socket, tempdir_setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(only_readiness_is_handed_on, tempdir_setup, tempdir_teardown),
	};

	return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}
