/* SPDX-License-Identifier: Apache-2.0 */
#include "runk/create_options.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>

#include "lib/sys.h"

int create_options_preserve(const struct flag_number *given, int64_t *ret, struct err *err)
{
	const char *listen = getenv("LISTEN_FDS");
	int64_t n = given->value, listened = 0;

	if (listen && flag_parse_number(listen, &listened) < 0)
		listened = 0;
	if (n < 0 || n > PRESERVE_FDS_MAX || listened < 0 || listened > PRESERVE_FDS_MAX)
		return err_say(err, EINVAL, "--preserve-fds %" PRId64 ": not between 0 and %d", n, PRESERVE_FDS_MAX);
	n += listened;
	for (int64_t i = 0; i < n; i++)
		if (sys_fcntl((int)(3 + i), F_GETFD, 0) < 0)
			return err_say(err, EBADF, "--preserve-fds: fd %" PRId64 " is not open", 3 + i);
	*ret = n;
	return 0;
}

int create_options_check(const struct runk *runk, struct create_options *o, struct err *err)
{
	int r = create_options_preserve(&o->preserve_fds, &o->launch.preserve_fds, err);

	if (r == 0)
		r = runk_make_absolute(runk, &o->launch.pid_file, err);
	if (r == 0)
		r = runk_make_absolute(runk, &o->launch.console_socket, err);
	return r < 0 ? r : runk_make_absolute(runk, &o->launch.pidfd_socket, err);
}
