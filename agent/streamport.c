/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/streamport.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/acceptor.h"
#include "agent/sandbox.h"
#include "agent/streamconn.h"
#include "lib/fd.h"
#include "lib/kstr.h"
#include "lib/log.h"
#include "lib/sys.h"

struct streamport {
	struct streamconns conns;
	struct acceptor acceptor;
	unsigned long too_many;
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

static void welcome(struct acceptor *acceptor, int fd_arg)
{
	struct streamport *port = container_of(acceptor, struct streamport, acceptor);
	_autoclose_ int fd = fd_arg;
	int r;

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

int streamport_new(struct sandbox *sandbox, const struct addr *addr, struct streamport **ret, struct err *err)
{
	struct streamport *port = calloc(1, sizeof(*port));
	int r;

	if (!port)
		return err_set(err, ENOMEM, "open the stream port");
	port->conns.sandbox = sandbox;
	list_init(&port->conns.list);
	acceptor_init(&port->acceptor, "stream", sandbox->env.loop, welcome);
	r = acceptor_open(&port->acceptor, addr, STREAMPORT_CONNS_MAX, err);
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
	acceptor_close(&port->acceptor);
	streamconns_free(&port->conns);
	free(port);
	return NULL;
}
