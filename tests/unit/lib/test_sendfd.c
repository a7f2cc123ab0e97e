/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sendfd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/addr.h"
#include "lib/fd.h"
#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

/* The fd that came with the bytes, -1 if there was none. */
static int receive(int socket, char *text, size_t n)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control = { .bytes = "" };
	struct iovec iov = { text, n - 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)
	};
	ssize_t got = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
	int fd;

	assert_true(got >= 0);
	text[got] = '\0';
	if (!head)
		return -1;
	assert_int_equal(head->cmsg_type, SCM_RIGHTS);
	assert_int_equal(head->cmsg_len, CMSG_LEN(sizeof(int)));
	memcpy(&fd, CMSG_DATA(head), sizeof(fd));
	return fd;
}

static void an_fd_goes_with_its_bytes(void **state)
{
	int pair[2], ends[2], got;
	char text[16];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(sendfd(pair[0], "name", 4, ends[1]), 0);
	assert_int_equal(sendfd(pair[0], "none", 4, -EBADF), 0);
	got = receive(pair[1], text, sizeof(text));
	assert_true(got >= 0);
	assert_string_equal(text, "name");
	/* It is the same pipe. */
	(void)close(ends[1]);
	assert_int_equal(write(got, "x", 1), 1);
	assert_int_equal(read(ends[0], text, 1), 1);
	(void)close(got);
	assert_int_equal(read(ends[0], text, 1), 0);
	assert_int_equal(receive(pair[1], text, sizeof(text)), -1);
	assert_string_equal(text, "none");
	(void)close(ends[0]);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

/* Also in a program that does not ignore SIGPIPE. */
static void a_peer_that_has_gone_is_an_error(void **state)
{
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	(void)close(pair[1]);
	assert_int_equal(sendfd(pair[0], "name", 4, 0), -EPIPE);
	assert_int_equal(sendfd(pair[0], "name", 4, 9999), -EBADF);
	(void)close(pair[0]);
	assert_int_equal(sendfd(pair[0], "name", 4, 0), -EBADF);
}

/* Half of a message would be taken for another. */
static void a_peer_that_does_not_read_is_an_error(void **state)
{
	char data[4096];
	int pair[2], r = 0;

	(void)state;
	memset(data, 'x', sizeof(data));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	for (int i = 0; i < 10000 && r == 0; i++)
		r = sendfd(pair[0], data, sizeof(data), 0);
	assert_true(r == -EAGAIN || r == -EMSGSIZE || r == -ETOOMANYREFS);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

static void a_console_socket_gets_the_terminal(void **state)
{
	const struct tempdir *dir = *state;
	struct addr a = { .kind = ADDR_UNIX };
	struct err err = ERR_INIT;
	char text[16], long_path[200];
	int listener, peer, got;

	(void)snprintf(a.path, sizeof(a.path), "%s/s", dir->path);
	assert_int_equal(sendfd_to(a.path, "x", 0, &err), -ENOENT);
	assert_non_null(strstr(err_text(&err), a.path));
	listener = addr_listen(&a, 1, NULL);
	assert_true(listener >= 0);
	assert_int_equal(sendfd_to(a.path, "pty", 0, &err), 0);
	peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(peer >= 0);
	got = receive(peer, text, sizeof(text));
	assert_true(got >= 0);
	assert_string_equal(text, "pty");
	(void)close(got);
	/* All of ours is closed: nothing more comes. */
	assert_int_equal(recv(peer, text, 1, MSG_DONTWAIT), 0);
	(void)close(peer);
	(void)close(listener);
	assert_int_equal(sendfd_to(a.path, "x", 0, &err), -ECONNREFUSED);
	memset(long_path, 'l', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	assert_int_equal(sendfd_connect(long_path), -ENAMETOOLONG);
}

int test_sendfd(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_fd_goes_with_its_bytes),
		cmocka_unit_test(a_peer_that_has_gone_is_an_error),
		cmocka_unit_test(a_peer_that_does_not_read_is_an_error),
		cmocka_unit_test_setup_teardown(a_console_socket_gets_the_terminal, tempdir_setup, tempdir_teardown),
	};

	return cmocka_run_group_tests_name("sendfd", tests, NULL, NULL);
}
