/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/report.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/child.h"
#include "lib/fd.h"
#include "lib/sys.h"
#include "tests/lib/unit.h"

ssize_t __wrap_sys_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t __real_sys_recvmsg(int fd, struct msghdr *msg, int flags);

static unsigned early_ends; /* so often the kernel tells the end of file before the packet that it has */

ssize_t __wrap_sys_recvmsg(int fd, struct msghdr *msg, int flags)
{
	if (early_ends == 0)
		return __real_sys_recvmsg(fd, msg, flags);
	early_ends--;
	msg->msg_controllen = 0;
	return 0;
}

static void reports_arrive_as_they_were_sent(void **state)
{
	struct err err = ERR_INIT;
	struct child_report report;
	int pair[2], fd = 0;

	(void)state;
	assert_int_equal(sys_socketpair(SOCK_SEQPACKET, pair), 0);
	(void)err_set(&err, ENOENT, "open 'x'");
	assert_int_equal(report_console(pair[1], 0), 0);
	assert_int_equal(report_ready(pair[1]), 0);
	assert_int_equal(report_failed(pair[1], &err), 0);

	assert_int_equal(child_receive(pair[0], &report, &fd), 1);
	assert_int_equal(report.kind, CHILD_CONSOLE);
	assert_true(fd > 2);
	assert_int_equal(sys_fcntl(fd, F_GETFD, 0), FD_CLOEXEC);
	(void)close(fd);
	assert_int_equal(child_receive(pair[0], &report, &fd), 1);
	assert_int_equal(report.kind, CHILD_READY);
	assert_int_equal(fd, -EBADF);
	assert_int_equal(child_receive(pair[0], &report, &fd), 1);
	assert_int_equal(report.kind, CHILD_FAILED);
	assert_int_equal(report.err.num, ENOENT);
	assert_string_equal(report.err.text, "open 'x': No such file or directory");

	assert_int_equal(fd_set_nonblock(pair[0], true), 0);
	assert_int_equal(child_receive(pair[0], &report, &fd), -EAGAIN);
	(void)close(pair[1]);
	assert_int_equal(child_receive(pair[0], &report, &fd), 0);
	(void)close(pair[0]);
}

/* The kernel's race of a last packet with the close behind it. */
static void last_words_are_heard(void **state)
{
	struct err err = ERR_INIT;
	struct child_report report;
	int pair[2], fd = -EBADF;

	(void)state;
	assert_int_equal(sys_socketpair(SOCK_SEQPACKET, pair), 0);
	assert_int_equal(report_console(pair[1], 0), 0);
	early_ends = 1;
	assert_int_equal(child_receive(pair[0], &report, &fd), 1);
	assert_int_equal(report.kind, CHILD_CONSOLE);
	assert_true(fd > 2);
	(void)close(fd);

	assert_int_equal(child_resume(pair[0]), 0);
	early_ends = 1;
	assert_int_equal(report_mounted(pair[1]), 0);
	assert_int_equal(child_receive(pair[0], &report, &fd), 1);
	assert_int_equal(report.kind, CHILD_MOUNTED);

	(void)err_set(&err, ENOENT, "open 'x'");
	assert_int_equal(report_failed(pair[1], &err), 0);
	(void)close(pair[1]);
	early_ends = 1;
	assert_int_equal(child_receive(pair[0], &report, &fd), 1);
	assert_string_equal(report.err.text, "open 'x': No such file or directory");
	early_ends = 1;
	assert_int_equal(child_receive(pair[0], &report, &fd), 0);
	assert_int_equal(early_ends, 0);
	(void)close(pair[0]);
}

static void nonsense_is_refused(void **state)
{
	struct child_report report = { .kind = CHILD_READY }, got = { .kind = 99 };
	int pair[2], fd;

	(void)state;
	assert_int_equal(sys_socketpair(SOCK_SEQPACKET, pair), 0);
	assert_int_equal(write(pair[1], &report, 5), 5); /* too short */
	assert_int_equal(child_receive(pair[0], &got, &fd), -EPROTO);
	report.kind = CHILD_CONSOLE; /* without a terminal */
	assert_int_equal(write(pair[1], &report, sizeof(report)), sizeof(report));
	assert_int_equal(child_receive(pair[0], &got, &fd), -EPROTO);
	report.kind = CHILD_FAILED; /* without a reason */
	assert_int_equal(write(pair[1], &report, sizeof(report)), sizeof(report));
	assert_int_equal(child_receive(pair[0], &got, &fd), -EPROTO);
	report.kind = 17;
	assert_int_equal(write(pair[1], &report, sizeof(report)), sizeof(report));
	assert_int_equal(child_receive(pair[0], &got, &fd), -EPROTO);
	report.kind = CHILD_READY;
	memset(report.err.text, 'x', sizeof(report.err.text)); /* without an end */
	assert_int_equal(write(pair[1], &report, sizeof(report)), sizeof(report));
	assert_int_equal(child_receive(pair[0], &got, &fd), -EPROTO);
	assert_int_equal(got.kind, 99);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

int test_report(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reports_arrive_as_they_were_sent),
		cmocka_unit_test(last_words_are_heard),
		cmocka_unit_test(nonsense_is_refused),
	};

	return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
