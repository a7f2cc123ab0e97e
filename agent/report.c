/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/report.h"

#include <errno.h>
#include <string.h>

#include "agent/child.h"
#include "lib/fd.h"
#include "lib/sendfd.h"
#include "lib/sys.h"

union control {
	struct cmsghdr align;
	char space[CMSG_SPACE(sizeof(int))];
};

static int write_report(int fd, const struct child_report *report)
{
	ssize_t n;

	do {
		n = sys_write(fd, report, sizeof(*report));
	} while (n == -EINTR);
	return n < 0 ? (int)n : 0;
}

int report_ready(int fd)
{
	const struct child_report report = { .kind = CHILD_READY };

	return write_report(fd, &report);
}

int report_mounted(int fd)
{
	const struct child_report report = { .kind = CHILD_MOUNTED };
	char word;
	struct iovec iov = { &word, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;
	int r = write_report(fd, &report);

	if (r < 0)
		return r;
	n = fd_receive_packet(fd, &msg, 0);
	return n < 0 ? (int)n : n == 0 ? -EPIPE : 0;
}

int child_resume(int fd)
{
	char word = 'g';
	struct iovec iov = { &word, 1 };
	const struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	do {
		n = sys_sendmsg(fd, &msg, 0);
	} while (n == -EINTR);
	return n < 0 ? (int)n : 0;
}

int report_failed(int fd, const struct err *err)
{
	const struct child_report report = { .kind = CHILD_FAILED, .err = *err };

	return write_report(fd, &report);
}

int report_console(int fd, int master)
{
	const struct child_report report = { .kind = CHILD_CONSOLE };

	return sendfd(fd, &report, sizeof(report), master);
}

static bool is_sane(const struct child_report *report, size_t n, int fd)
{
	if (n != sizeof(*report) || !memchr(report->err.text, '\0', sizeof(report->err.text)))
		return false;
	switch ((enum child_message)report->kind) {
	case CHILD_CONSOLE:
		return fd >= 0;
	case CHILD_MOUNTED:
	case CHILD_READY:
		return true;
	case CHILD_FAILED:
		return report->err.num > 0;
	case CHILD_MAPPED:
		break;
	}
	return false;
}

int child_receive(int fd, struct child_report *ret, int *ret_fd)
{
	_autoclose_ int received = -EBADF;
	struct child_report report;
	struct iovec iov = { &report, sizeof(report) };
	union control control;
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	struct cmsghdr *c;
	ssize_t n = fd_receive_packet(fd, &msg, 0);

	if (n <= 0)
		return (int)n;
	c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&received, CMSG_DATA(c), sizeof(int));
	if ((msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) || !is_sane(&report, (size_t)n, received))
		return -EPROTO;
	*ret = report;
	*ret_fd = take_fd(&received);
	return 1;
}
