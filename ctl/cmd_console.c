/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/tty.h"
#include "ctl/command.h"
#include "lib/addr.h"
#include "lib/fd.h"

#define CONSOLE_PORT 1026 /* what runtimes ask for */
#define CHUNK        16384
#define LAST_WORD    "exit\n"

static int failed(const char *what, int r)
{
	(void)fprintf(stderr, "kata-agent-ctl: console: %s: %s\n", what, strerror(-r));
	return CTL_EXIT_CONNECTION;
}

/*
 * To close half of the connection would end all of it, and a ^D typed before the shell is ready is lost: so the end of
 * our input is a command like those before it. -errno of writing.
 */
static int send_input(int fd, bool *open)
{
	char data[CHUNK];
	ssize_t n = read(STDIN_FILENO, data, sizeof(data));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n > 0)
		return fd_write_all(fd, data, (size_t)n);
	*open = false;
	return fd_write_all(fd, LAST_WORD, strlen(LAST_WORD));
}

/* 1 at the end of the connection. */
static int show_output(int fd)
{
	char data[CHUNK];
	ssize_t n = read(fd, data, sizeof(data));

	if (n < 0 && errno == EINTR)
		return 0;
	if (n <= 0)
		return n == 0 || errno == ECONNRESET ? 1 : -errno;
	return fd_write_all(STDOUT_FILENO, data, (size_t)n);
}

static int talk(int fd)
{
	bool open = true;

	for (;;) {
		struct pollfd p[] = { { .fd = fd, .events = POLLIN }, { .fd = STDIN_FILENO, .events = POLLIN } };
		int r = poll(p, open ? 2 : 1, -1);

		if (r < 0 && errno != EINTR)
			return failed("poll", -errno);
		if (r < 0)
			continue;
		if (p[0].revents) {
			r = show_output(fd);
			if (r != 0)
				return r > 0 ? CTL_EXIT_OK : failed("read", r);
		}
		/* The shell has ended, its last words are still to be read. */
		if (open && p[1].revents && send_input(fd, &open) < 0)
			open = false;
	}
}

static int run(struct ctl *ctl, const struct ctl_command *self, int argc, char **argv)
{
	struct option_number port = { .value = CONSOLE_PORT };
	const struct option_spec table[] = {
		{ OPTION_NUMBER, 'p', "port", "N", &port, "the agent's agent.debug_console_vport, 1026 by default" },
		{ .kind = OPTION_END },
	};
	_autotty_ struct tty tty = { .is_raw = false };
	_autoclose_ int fd = -EBADF;
	struct err err = ERR_INIT;
	struct addr base, addr;
	int r, status;

	if (!ctl_parse(ctl, self, table, false, &argc, argv, 0, 0, &status))
		return status;
	if (!ctl->session.address)
		return ctl_usage_error("console: no address: give --address or set KATA_AGENT_ADDRESS");
	if (port.value < 1 || port.value > UINT32_MAX - 1)
		return ctl_usage_error("console: %lld is no port", (long long)port.value);
	r = addr_parse(&base, ctl->session.address, &err);
	if (r >= 0)
		r = addr_with_port(&addr, &base, (uint32_t)port.value, &err);
	if (r < 0)
		return ctl_usage_error("console: %s", err_text(&err));
	fd = addr_connect(&addr, ctl_timeout(ctl, CTL_TIMEOUT_MS), &err);
	if (fd < 0) {
		(void)fprintf(stderr, "kata-agent-ctl: console: %s\n", err_text(&err));
		return CTL_EXIT_CONNECTION;
	}
	(void)tty_make_raw(&tty, STDIN_FILENO);
	return talk(fd);
}

const struct ctl_command cmd_console = {
	.name = "console",
	.operands = "",
	.summary = "A shell of the guest itself, if it was booted with agent.debug_console",
	.more = "Ends with the shell; at the end of our input 'exit' is typed",
	.run = run,
};
