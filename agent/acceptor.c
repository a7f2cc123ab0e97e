/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/acceptor.h"

#include <errno.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "lib/sys.h"

#define ACCEPTS_PER_TURN 16

static void check_peer(struct acceptor *a, int fd_arg)
{
	_autoclose_ int fd = fd_arg;
	struct err err = ERR_INIT;

	if (addr_check_peer(fd, &err) == 0)
		a->welcome(a, take_fd(&fd));
	else if (a->refused++ == 0)
		log_warning(a->name, "Peer refused: %s", err_text(&err));
}

static void try_again(struct loop_timer *timer)
{
	struct acceptor *a = container_of(timer, struct acceptor, retry);

	if (loop_modify(&a->listener, EPOLLIN) < 0)
		(void)loop_timer_start(a->loop, timer, ACCEPTOR_RETRY_MS);
}

/* The listener must neither be given up nor keep the loop spinning. */
static void pause_listening(struct acceptor *a, int r)
{
	if (loop_timer_start(a->loop, &a->retry, ACCEPTOR_RETRY_MS) < 0)
		return;
	log_warning(a->name, "Accepting a connection: %s, trying again", strerror(-r));
	(void)loop_modify(&a->listener, 0);
}

void acceptor_take(struct acceptor *a, unsigned max)
{
	for (unsigned i = 0; i < max; i++) {
		int fd = sys_accept(a->listener.fd, NULL, NULL);

		if (fd >= 0) {
			check_peer(a, fd);
		} else if (fd == -EAGAIN) {
			break;
		} else if (fd != -ECONNABORTED && fd != -EINTR) {
			pause_listening(a, fd);
			break;
		}
	}
}

static int incoming(struct loop_source *source, uint32_t events)
{
	(void)events;
	acceptor_take(container_of(source, struct acceptor, listener), ACCEPTS_PER_TURN);
	return LOOP_KEEP;
}

void acceptor_init(struct acceptor *a, const char *name, struct loop *loop,
                   void (*welcome)(struct acceptor *acceptor, int fd))
{
	*a = (struct acceptor){ .name = name, .loop = loop, .welcome = welcome };
	a->listener = (struct loop_source){ .name = name, .fd = -EBADF, .events = EPOLLIN, .callback = incoming };
	a->retry.expired = try_again;
}

int acceptor_open(struct acceptor *a, const struct addr *addr, int backlog, struct err *err)
{
	char text[256];
	int r = a->listener.fd = addr_listen(addr, backlog, err);

	if (r < 0)
		return r;
	r = loop_add(a->loop, &a->listener);
	return r < 0 ? err_set(err, r, "watch '%s'", addr_format(addr, text, sizeof(text))) : 0;
}

void acceptor_close(struct acceptor *a)
{
	loop_timer_stop(&a->retry);
	loop_remove(&a->listener);
	fd_closep(&a->listener.fd);
}
