/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/logsink.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/buf.h"
#include "lib/fd.h"
#include "lib/sys.h"

struct logsink {
	struct loop *loop;
	struct loop_source listener, reader;
	struct loop_deferred flush; /* the sink may be called from anywhere: sending is for the end of the turn */
	struct buf waiting;
	unsigned long dropped;
};

static void drop_reader(struct logsink *k)
{
	loop_remove(&k->reader);
	k->reader.fd = fd_close(k->reader.fd);
}

static void flush(struct logsink *k)
{
	while (k->reader.fd >= 0 && k->waiting.len > 0) {
		ssize_t n = fd_send(k->reader.fd, k->waiting.data, k->waiting.len);

		if (n == -EAGAIN)
			break;
		if (n < 0)
			drop_reader(k);
		else
			buf_consume(&k->waiting, (size_t)n);
	}
	if (k->reader.fd >= 0)
		(void)loop_modify(&k->reader, EPOLLIN | (k->waiting.len > 0 ? EPOLLOUT : 0));
}

static void on_flush(struct loop_deferred *deferred)
{
	flush(container_of(deferred, struct logsink, flush));
}

static void take_record(void *arg, enum log_level level, const char *line, size_t len)
{
	struct logsink *k = arg;

	(void)level;
	if (buf_add(&k->waiting, line, len) < 0)
		k->dropped++;
	else if (k->reader.fd >= 0)
		loop_defer(k->loop, &k->flush);
}

static int on_reader(struct loop_source *source, uint32_t events)
{
	struct logsink *k = container_of(source, struct logsink, reader);
	char bin[256];

	/* A reader has nothing to say: whatever comes is its end, or is thrown away. */
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		ssize_t n = sys_read(source->fd, bin, sizeof(bin));

		if (n <= 0 && n != -EAGAIN && n != -EINTR) {
			drop_reader(k);
			return LOOP_KEEP;
		}
	}
	flush(k);
	return LOOP_KEEP;
}

static int on_connection(struct loop_source *source, uint32_t events)
{
	struct logsink *k = container_of(source, struct logsink, listener);
	_autoclose_ int fd = sys_accept(source->fd, NULL, NULL);

	(void)events;
	if (fd < 0 || addr_check_peer(fd, NULL) < 0)
		return LOOP_KEEP;
	drop_reader(k);
	k->reader.fd = fd;
	k->reader.events = EPOLLIN;
	if (loop_add(k->loop, &k->reader) < 0) {
		k->reader.fd = -EBADF;
		return LOOP_KEEP;
	}
	(void)take_fd(&fd);
	if (k->dropped > 0)
		log_warning("log", "%lu records were lost before you came", k->dropped);
	k->dropped = 0;
	flush(k);
	return LOOP_KEEP;
}

int logsink_new(struct loop *loop, const struct addr *addr, struct logsink **ret, struct err *err)
{
	struct logsink *k = calloc(1, sizeof(*k));
	int r;

	if (!k)
		return err_set(err, ENOMEM, "open the log port");
	k->loop = loop;
	k->waiting.max = LOGSINK_BUFFER_MAX;
	k->flush.run = on_flush;
	list_init(&k->flush.link);
	k->reader = (struct loop_source){ .name = "log reader", .fd = -EBADF, .callback = on_reader };
	k->listener = (struct loop_source){ .name = "log port", .fd = -EBADF, .events = EPOLLIN };
	k->listener.callback = on_connection;
	r = k->listener.fd = addr_listen(addr, 1, err);
	if (r >= 0) {
		r = loop_add(loop, &k->listener);
		if (r < 0)
			(void)err_set(err, r, "watch the log port");
	}
	if (r < 0) {
		(void)logsink_free(k);
		return r;
	}
	log_set_sink(take_record, k);
	*ret = k;
	return 0;
}

struct logsink *logsink_free(struct logsink *k)
{
	if (!k)
		return NULL;
	log_set_sink(NULL, NULL);
	list_remove(&k->flush.link);
	drop_reader(k);
	loop_remove(&k->listener);
	fd_closep(&k->listener.fd);
	buf_done(&k->waiting);
	free(k);
	return NULL;
}
