/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/streamport.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sandbox.h"
#include "agent/streamconn.h"
#include "lib/fd.h"
#include "lib/kstr.h"
#include "lib/log.h"
#include "lib/sys.h"

#define ACCEPTS_PER_TURN 16

struct streamport {
	struct streamconns conns;
	struct loop_source listener;
	struct loop_timer retry; /* accepting is tried again */
	unsigned long refused, too_many;
};

/* It has no header yet, but a client that reads gets its reason. */
static void refuse_busy(struct streamport *port, int fd)
{
	uint8_t bytes[KSTR_ANSWER_SIZE];
	struct iovec iov = { .iov_base = bytes, .iov_len = sizeof(bytes) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	kstr_answer_pack(KSTR_RESOURCE_EXHAUSTED, 0, bytes);
	(void)sys_sendmsg(fd, &msg, MSG_DONTWAIT);
	if (port->too_many++ == 0)
		log_warning("stream", "Connection refused: there are %d already", STREAMPORT_CONNS_MAX);
}

static void welcome(struct streamport *port, int fd_arg)
{
	_autoclose_ int fd = fd_arg;
	struct err err = ERR_INIT;
	int r;

	if (addr_check_peer(fd, &err) < 0) {
		if (port->refused++ == 0)
			log_warning("stream", "Peer refused: %s", err_text(&err));
		return;
	}
	if (port->conns.n >= STREAMPORT_CONNS_MAX) {
		refuse_busy(port, fd);
		return;
	}
	r = streamconn_new(&port->conns, fd);
	if (r < 0)
		log_warning("stream", "Connection refused: %s", strerror(-r));
	else
		(void)take_fd(&fd);
}

static void try_again(struct loop_timer *timer)
{
	struct streamport *port = container_of(timer, struct streamport, retry);

	if (loop_modify(&port->listener, EPOLLIN) < 0)
		(void)loop_timer_start(port->conns.sandbox->env.loop, timer, STREAMPORT_RETRY_MS);
}

static int incoming(struct loop_source *source, uint32_t events)
{
	struct streamport *port = container_of(source, struct streamport, listener);
	int fd = 0;

	(void)events;
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		fd = sys_accept(source->fd, NULL, NULL);
		if (fd >= 0)
			welcome(port, fd);
		else if (fd != -ECONNABORTED && fd != -EINTR)
			break;
	}
	/* The listener must neither be given up nor keep the loop spinning. */
	if (fd < 0 && fd != -EAGAIN && fd != -ECONNABORTED && fd != -EINTR &&
	    loop_timer_start(port->conns.sandbox->env.loop, &port->retry, STREAMPORT_RETRY_MS) == 0) {
		log_warning("stream", "Accepting a connection: %s, trying again", strerror(-fd));
		(void)loop_modify(source, 0);
	}
	return LOOP_KEEP;
}

int streamport_new(struct sandbox *sandbox, const struct addr *addr, struct streamport **ret, struct err *err)
{
	struct streamport *port = calloc(1, sizeof(*port));
	int r;

	if (!port)
		return err_set(err, ENOMEM, "open the stream port");
	port->conns.sandbox = sandbox;
	list_init(&port->conns.list);
	port->retry.expired = try_again;
	port->listener = (struct loop_source){ .name = "stream port", .fd = -EBADF, .events = EPOLLIN };
	port->listener.callback = incoming;
	r = port->listener.fd = addr_listen(addr, STREAMPORT_CONNS_MAX, err);
	if (r >= 0) {
		r = loop_add(sandbox->env.loop, &port->listener);
		if (r < 0)
			(void)err_set(err, r, "watch the stream port");
	}
	if (r < 0) {
		(void)streamport_free(port);
		return r;
	}
	*ret = port;
	return 0;
}

struct streamport *streamport_free(struct streamport *port)
{
	if (!port)
		return NULL;
	loop_timer_stop(&port->retry);
	loop_remove(&port->listener);
	fd_closep(&port->listener.fd);
	streamconns_free(&port->conns);
	free(port);
	return NULL;
}
