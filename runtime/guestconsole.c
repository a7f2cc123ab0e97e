/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/guestconsole.h"

#include <errno.h>
#include <unistd.h>

#include "client/console.h"
#include "client/tty.h"
#include "lib/addr.h"
#include "lib/fd.h"
#include "lib/jsontext.h"
#include "runtime/view.h"

#define CONNECT_MS 10000

int guest_console(const struct runtime *rt, const char *id, struct err *err)
{
	_autoview_ struct view v = { .sandbox = NULL };
	_autotty_ struct tty tty = { .is_raw = false };
	_autoclose_ int fd = -EBADF;
	struct addr base, addr;
	int r = view_open_running(rt->root, id, &v, err);

	if (r == 0)
		r = addr_parse(&base, jsontext_text(v.state, "agent"), err);
	if (r == 0)
		r = addr_with_port(&addr, &base, CONSOLE_PORT, err);
	if (r < 0)
		return r;
	fd = addr_connect(&addr, CONNECT_MS, err);
	if (fd < 0) {
		(void)err_wrap(err,
		               "open the debug console of '%s' (is agent.kata.debug_console_enabled set? "
		               "to run something in a container, name a command)",
		               id);
		return fd;
	}
	(void)tty_make_raw(&tty, STDIN_FILENO);
	r = console_talk(fd);
	return r < 0 ? err_set(err, -r, "talk to the debug console of '%s'", id) : 0;
}
