/* SPDX-License-Identifier: Apache-2.0 */
/* That a container's filter comes with it is tried in test_child.c. */
#include "agent/listener.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "lib/fd.h"
#include "lib/sys.h"
#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

static int listen_at(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = sys_socket(AF_UNIX, SOCK_STREAM, 0);

	assert_true(fd >= 0 && strlen(path) < sizeof(addr.sun_path));
	strcpy(addr.sun_path, path);
	assert_int_equal(sys_bind(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(sys_listen(fd, 1), 0);
	return fd;
}

static void the_agent_gets_text_and_fd(void **state)
{
	const struct tempdir *dir = *state;
	_autoclose_ int server = -EBADF, ours = -EBADF, peer = -EBADF, got = -EBADF;
	_autobuf_ struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	char path[100], data[100] = "", control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { data, sizeof(data) - 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
	};
	struct stat a, b;

	(void)snprintf(path, sizeof(path), "%s/sock", dir->path);
	server = listen_at(path);
	ours = listener_connect(path, &err);
	assert_true(ours >= 0);
	peer = sys_accept(server, NULL, NULL);
	assert_true(peer >= 0);
	assert_int_equal(buf_printf(&text, "{\"x\":1}"), 0);
	assert_int_equal(listener_send(ours, dir->fd, &text, &err), 0);
	assert_int_equal(sys_recvmsg(peer, &msg, 0), 7);
	assert_string_equal(data, "{\"x\":1}");
	assert_non_null(CMSG_FIRSTHDR(&msg));
	memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(got));
	assert_int_equal(sys_fstatat(got, "", &a, AT_EMPTY_PATH), 0);
	assert_int_equal(sys_fstatat(dir->fd, "", &b, AT_EMPTY_PATH), 0);
	assert_int_equal(a.st_ino, b.st_ino);
}

static void nobody_there_is_named(void **state)
{
	struct err err = ERR_INIT;
	char path[200];

	(void)state;
	assert_int_equal(listener_connect("/no/such.sock", &err), -ENOENT);
	assert_string_equal(err.text, "seccomp: connect to listenerPath '/no/such.sock': No such file or directory");
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(listener_connect(path, &err), -ENAMETOOLONG);
}

int test_listener(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_agent_gets_text_and_fd, tempdir_setup, tempdir_teardown),
		cmocka_unit_test(nobody_there_is_named),
	};

	return cmocka_run_group_tests_name("listener", tests, NULL, NULL);
}
