/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/procstart.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/sys.h"

int proc_start_time(pid_t pid, uint64_t *ret)
{
	char path[32], text[1024];
	_autoclose_ int fd = -EBADF;
	const char *p;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	n = fd < 0 ? fd : sys_read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return n == -ENOENT ? -ESRCH : (int)n;
	text[n] = '\0';
	/* The name, field 2, may hold anything, also blanks and parentheses. */
	p = strrchr(text, ')');
	if (!p || p[1] != ' ')
		return -EPROTO;
	p += 2;
	if (*p == 'Z' || *p == 'X')
		return -ESRCH;
	for (int field = 3; field < 22; field++) {
		p = strchr(p, ' ');
		if (!p++)
			return -EPROTO;
	}
	return sscanf(p, "%" SCNu64, ret) == 1 ? 0 : -EPROTO;
}

bool proc_is_alive(pid_t pid, uint64_t start_time)
{
	uint64_t now;

	return pid > 0 && proc_start_time(pid, &now) == 0 && now == start_time;
}

int proc_open(pid_t pid, uint64_t start_time)
{
	int fd = pid > 0 ? sys_pidfd_open(pid) : -ESRCH;

	/* Opened before it is looked at: what is looked at is what was opened. */
	if (fd >= 0 && !proc_is_alive(pid, start_time)) {
		(void)fd_close(fd);
		return -ESRCH;
	}
	return fd;
}
