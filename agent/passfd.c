/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/passfd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/acceptor.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "lib/sys.h"

struct passfd {
	struct acceptor acceptor;
	struct list unnamed; /* struct passfd_stream, oldest first */
	struct list taken;   /* the same, owned by others: for the error's text */
	struct list claims;  /* struct passfd_claim that wait, oldest first */
	struct loop_timer expiry;
	struct loop_deferred serve; /* when all that have come together are here */
	unsigned n_unnamed;
	unsigned long too_many, nameless;
};

struct passfd_stream *passfd_stream_free(struct passfd_stream *stream)
{
	if (!stream)
		return NULL;
	if (stream->n_unnamed)
		(*stream->n_unnamed)--;
	list_remove(&stream->link);
	/* A forked child may hold the socket until its close_range: the host has to see the end now. */
	(void)sys_shutdown(stream->fd, SHUT_RDWR);
	fd_closep(&stream->fd);
	free(stream);
	return NULL;
}

void passfd_streams_done(struct passfd_streams *streams)
{
	for (int i = 0; i < KSTR_KIND_MAX; i++)
		streams->v[i] = passfd_stream_free(streams->v[i]);
}

struct passfd_streams passfd_streams_take(struct passfd_streams *streams)
{
	struct passfd_streams taken = *streams;

	*streams = (struct passfd_streams){ .v = { NULL } };
	return taken;
}

static struct passfd_stream *find(const struct list *list, uint32_t port)
{
	list_foreach(stream, list, struct passfd_stream, link)
		if (stream->port == port)
			return stream;
	return NULL;
}

/* --- claims ------------------------------------------------------------------------------------------------------ */

/* True if all that it names are there; they are its own then. */
static bool take(struct passfd *f, const struct passfd_claim *claim, struct passfd_streams *ret)
{
	struct passfd_streams streams = { .v = { NULL } };

	for (int i = 0; i < KSTR_KIND_MAX; i++) {
		streams.v[i] = claim->ports[i] ? find(&f->unnamed, claim->ports[i]) : NULL;
		if (claim->ports[i] && !streams.v[i])
			return false;
	}
	for (int i = 0; i < KSTR_KIND_MAX; i++) {
		if (!streams.v[i])
			continue;
		list_remove(&streams.v[i]->link);
		list_append(&f->taken, &streams.v[i]->link);
		streams.v[i]->n_unnamed = NULL;
		f->n_unnamed--;
	}
	if (list_is_empty(&f->unnamed))
		loop_timer_stop(&f->expiry);
	*ret = streams;
	return true;
}

static int say_missing(const struct passfd *f, const struct passfd_claim *claim, struct err *err)
{
	for (int i = 0; i < KSTR_KIND_MAX; i++) {
		uint32_t port = claim->ports[i];
		const char *name = kstr_kind_name((enum kstr_kind)i);

		if (port == 0 || find(&f->unnamed, port))
			continue;
		if (find(&f->taken, port))
			return err_say(err, EBUSY, "%s_port '%u': its connection is another stream's already", name,
			               port);
		return err_say(err, ENOENT, "%s_port '%u': no connection has come from there within %d ms", name, port,
		               PASSFD_CLAIM_MS);
	}
	return err_say(err, ENOENT, "passfd streams: a connection was closed meanwhile");
}

static int check_ports(const struct passfd_claim *claim, struct err *err)
{
	for (int i = 0; i < KSTR_KIND_MAX; i++)
		for (int k = 0; k < i; k++)
			if (claim->ports[i] != 0 && claim->ports[i] == claim->ports[k])
				return err_say(err, EINVAL, "%s_port '%u': it is named as %s_port too",
				               kstr_kind_name((enum kstr_kind)i), claim->ports[i],
				               kstr_kind_name((enum kstr_kind)k));
	return 0;
}

static void finish(struct passfd_claim *claim, int r, struct passfd_streams *streams, const struct err *err)
{
	passfd_claim_cancel(claim);
	claim->done(claim, r, streams, err);
	passfd_streams_done(streams);
}

/* Telling one may cancel any other, so each time it begins anew. */
static bool serve_one(struct passfd *f)
{
	list_foreach(claim, &f->claims, struct passfd_claim, link) {
		struct passfd_streams streams;

		if (take(f, claim, &streams)) {
			finish(claim, 0, &streams, NULL);
			return true;
		}
	}
	return false;
}

static void on_serve(struct loop_deferred *deferred)
{
	struct passfd *f = container_of(deferred, struct passfd, serve);

	while (serve_one(f))
		;
}

static void out_of_patience(struct loop_timer *timer)
{
	struct passfd_claim *claim = container_of(timer, struct passfd_claim, patience);
	struct passfd_streams none = { .v = { NULL } };
	struct err err = ERR_INIT;
	int r = say_missing(claim->passfd, claim, &err);

	finish(claim, r, &none, &err);
}

int passfd_claim(struct passfd *f, struct passfd_claim *claim, struct passfd_streams *ret, struct err *err)
{
	int r = check_ports(claim, err);

	claim->passfd = f;
	list_init(&claim->link);
	if (r < 0)
		return r;
	/* One that still waits at the door replaces an older one from its port, which may be dead. */
	acceptor_take(&f->acceptor, PASSFD_UNNAMED_MAX);
	if (take(f, claim, ret))
		return 1;
	claim->patience = (struct loop_timer){ .expired = out_of_patience };
	r = loop_timer_start(f->acceptor.loop, &claim->patience, PASSFD_CLAIM_MS);
	if (r < 0)
		return err_set(err, r, "passfd streams: wait for connections that are named");
	list_append(&f->claims, &claim->link);
	return 0;
}

void passfd_claim_cancel(struct passfd_claim *claim)
{
	list_remove(&claim->link);
	loop_timer_stop(&claim->patience);
}

/* --- connections that nobody has named --------------------------------------------------------------------------- */

static void expire(struct loop_timer *timer)
{
	struct passfd *f = container_of(timer, struct passfd, expiry);
	int64_t now = sys_now_ms();

	list_foreach(stream, &f->unnamed, struct passfd_stream, link) {
		int64_t age = now - stream->since_ms;

		if (age < PASSFD_UNNAMED_MS) {
			if (loop_timer_start(f->acceptor.loop, timer, (uint64_t)(PASSFD_UNNAMED_MS - age)) == 0)
				return;
			/* Without a clock none can be let wait. */
		}
		log_warning("passfd", "Connection from port %u was not named within %d s, closed", stream->port,
		            PASSFD_UNNAMED_MS / 1000);
		(void)passfd_stream_free(stream);
	}
}

static int keep(struct passfd *f, int fd, uint32_t port)
{
	struct passfd_stream *stream = calloc(1, sizeof(*stream));
	int r = 0;

	if (!stream)
		return -ENOMEM;
	if (list_is_empty(&f->unnamed))
		r = loop_timer_start(f->acceptor.loop, &f->expiry, PASSFD_UNNAMED_MS);
	if (r < 0) {
		free(stream);
		return r;
	}
	stream->fd = fd;
	stream->port = port;
	stream->since_ms = sys_now_ms();
	stream->n_unnamed = &f->n_unnamed;
	list_append(&f->unnamed, &stream->link);
	f->n_unnamed++;
	return 0;
}

static void welcome(struct acceptor *acceptor, int fd_arg)
{
	struct passfd *f = container_of(acceptor, struct passfd, acceptor);
	_autoclose_ int fd = fd_arg;
	struct err err = ERR_INIT;
	uint32_t port;
	int r = addr_peer_port(fd, &port, &err);

	if (r < 0) {
		if (f->nameless++ == 0)
			log_warning("passfd", "Connection refused: %s", err_text(&err));
		return;
	}
	/* A port is given away again only when its connection is gone, whether we have noticed or not. */
	(void)passfd_stream_free(find(&f->unnamed, port));
	if (f->n_unnamed >= PASSFD_UNNAMED_MAX) {
		if (f->too_many++ == 0)
			log_warning("passfd", "Connection refused: %d wait to be named already", PASSFD_UNNAMED_MAX);
		return;
	}
	r = keep(f, fd, port);
	if (r < 0) {
		log_warning("passfd", "Connection refused: %s", strerror(-r));
		return;
	}
	(void)take_fd(&fd);
	log_debug("passfd", "Connection from port %u", port);
	loop_defer(acceptor->loop, &f->serve);
}

void passfd_close_unnamed(struct passfd *f)
{
	if (!f)
		return;
	loop_timer_stop(&f->expiry);
	list_foreach(stream, &f->unnamed, struct passfd_stream, link)
		(void)passfd_stream_free(stream);
}

unsigned passfd_count_unnamed(const struct passfd *f)
{
	return f->n_unnamed;
}

/* --- the port ---------------------------------------------------------------------------------------------------- */

int passfd_new(struct loop *loop, const struct addr *addr, struct passfd **ret, struct err *err)
{
	struct passfd *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return err_set(err, ENOMEM, "open the passfd port");
	list_init(&f->unnamed);
	list_init(&f->taken);
	list_init(&f->claims);
	f->expiry.expired = expire;
	f->serve.run = on_serve;
	list_init(&f->serve.link);
	acceptor_init(&f->acceptor, "passfd", loop, welcome);
	r = acceptor_open(&f->acceptor, addr, PASSFD_UNNAMED_MAX, err);
	if (r < 0) {
		(void)passfd_free(f);
		return r;
	}
	*ret = f;
	return 0;
}

struct passfd *passfd_free(struct passfd *f)
{
	if (!f)
		return NULL;
	acceptor_close(&f->acceptor);
	list_remove(&f->serve.link);
	passfd_close_unnamed(f);
	list_foreach(stream, &f->taken, struct passfd_stream, link)
		list_remove(&stream->link);
	free(f);
	return NULL;
}
