/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/listener.h"

#include <errno.h>
#include <stddef.h>
#include <sys/un.h>

#include "lib/sendfd.h"

int listener_connect(const char *path, struct err *err)
{
	int fd = sendfd_connect(path);

	if (fd == -ENAMETOOLONG)
		return err_say(err, ENAMETOOLONG, "seccomp: listenerPath '%s' is longer than %zu bytes", path,
		               sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1);
	return fd < 0 ? err_set(err, fd, "seccomp: connect to listenerPath '%s'", path) : fd;
}

int listener_send(int socket, int listener, const struct buf *text, struct err *err)
{
	int r = sendfd(socket, text->data, text->len, listener);

	return r < 0 ? err_set(err, r, "seccomp: hand the listener over") : 0;
}
