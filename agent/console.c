/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/console.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/sys.h"

#define LINE_MAX_BYTES 512
#define ACTIVE_FILE    "/sys/class/tty/console/active"

static void ensure_stdio(void)
{
	for (int fd = 0; fd < 3; fd++) {
		int opened;

		if (sys_fcntl(fd, F_GETFD, 0) >= 0)
			continue;
		/* The lowest free number is the one that is missing. Without /dev there is nothing to open: a pipe will
		 * do. */
		opened = sys_openat(AT_FDCWD, "/dev/null", O_RDWR, 0);
		if (opened < 0) {
			int ends[2];

			if (sys_pipe2(ends, 0) == 0 && ends[1] > 2)
				(void)fd_close(ends[1]);
		}
	}
}

void console_init(struct console *c)
{
	*c = (struct console){ .kmsg = -EBADF };
	c->said.max = 64 * 1024;
	c->last_ns = sys_now(CLOCK_BOOTTIME);
	ensure_stdio();
}

static void write_line(int fd, const char *text, size_t len)
{
	if (fd >= 0)
		(void)sys_write(fd, text, len);
}

/* A level that the kernel keeps in its ring and does not print: we print ourselves. */
static void write_kmsg(const struct console *c, const char *line)
{
	char text[LINE_MAX_BYTES + 8];
	int n = snprintf(text, sizeof(text), "<7>%s", line);

	if (n > 0)
		write_line(c->kmsg, text, (size_t)n);
}

static bool is_open(const struct console *c, const char *name)
{
	for (unsigned i = 0; i < c->n; i++)
		if (strcmp(c->names[i], name) == 0)
			return true;
	return false;
}

static void open_console(struct console *c, const char *name)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/dev/%s", name);
	fd = sys_openat(AT_FDCWD, path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)snprintf(c->names[c->n], sizeof(c->names[0]), "%s", name);
	c->fds[c->n++] = fd;
	write_line(fd, buf_str(&c->said), c->said.len);
	/* What we or a library writes to stdout and stderr shall be seen too. */
	if (c->n == 1) {
		(void)sys_dup2(fd, 1, false);
		(void)sys_dup2(fd, 2, false);
	}
}

static void repeat_to_kmsg(const struct console *c)
{
	_autofree_ char *copy = strdup(buf_str(&c->said));
	char *rest = copy, *line;

	while ((line = strsep(&rest, "\n")))
		if (*line)
			write_kmsg(c, line);
}

void console_open(struct console *c)
{
	_autofree_ char *active = NULL;
	char *rest, *name;

	/* Elsewhere the consoles and the kernel's log are the machine's, and stderr is enough. */
	if (!sys_owns_machine())
		return;
	if (c->kmsg < 0) {
		/* Without this the kernel drops what it takes for a flood. */
		(void)fd_write_file_at(AT_FDCWD, "/proc/sys/kernel/printk_devkmsg", "on");
		c->kmsg = sys_openat(AT_FDCWD, "/dev/kmsg", O_WRONLY | O_CLOEXEC, 0);
		if (c->kmsg >= 0)
			repeat_to_kmsg(c);
	}
	if (fd_read_file_at(AT_FDCWD, ACTIVE_FILE, 4096, &active, NULL) < 0)
		return;
	rest = active;
	while (c->n < CONSOLES_MAX && (name = strsep(&rest, " \n")))
		if (*name && !is_open(c, name))
			open_console(c, name);
}

_printf_(3, 0) static void say(struct console *c, const char *prefix, const char *fmt, va_list ap)
{
	char line[LINE_MAX_BYTES];
	int n = snprintf(line, sizeof(line), "kata-agent: %s", prefix ? prefix : "");
	size_t len = n > 0 ? (size_t)n : 0;

	(void)vsnprintf(line + len, sizeof(line) - len - 1, fmt, ap);
	len = strlen(line);
	write_kmsg(c, line);
	line[len++] = '\n';
	(void)buf_add(&c->said, line, len);
	for (unsigned i = 0; i < c->n; i++)
		write_line(c->fds[i], line, len);
	if (c->n == 0)
		write_line(2, line, len);
}

void console_stage(struct console *c, const char *fmt, ...)
{
	uint64_t now = sys_now(CLOCK_BOOTTIME);
	char prefix[64];
	va_list ap;

	(void)snprintf(prefix, sizeof(prefix), "boot %8.1f ms (+%.1f) ", (double)now / 1e6,
	               (double)(now - c->last_ns) / 1e6);
	c->last_ns = now;
	va_start(ap, fmt);
	say(c, prefix, fmt, ap);
	va_end(ap);
}

void console_say(struct console *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(c, NULL, fmt, ap);
	va_end(ap);
}

void console_log_sink(void *console, enum log_level level, const char *line, size_t len)
{
	struct console *c = console;

	(void)level;
	if (c->n == 0)
		write_line(2, line, len);
	for (unsigned i = 0; i < c->n; i++)
		if (sys_write(c->fds[i], line, len) < 0)
			c->dropped++;
}

void console_boot_is_over(struct console *c)
{
	buf_done(&c->said);
	fd_closep(&c->kmsg);
}
