/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/conformance/wire.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/addr.h"
#include "lib/fd.h"
#include "proto/envelope.h"
#include "proto/ttrpc.pb-c.h"

#define CONNECT_MS 10000

bool wire_open(struct conform *c, struct wire *w)
{
	struct err err = ERR_INIT;
	struct addr addr;
	int r;

	w->fd = -EBADF;
	w->cutter = (struct ttrpc_cutter){ 0 };
	w->in_pos = w->in_len = 0;
	r = addr_parse(&addr, c->address, &err);
	if (r == 0)
		r = addr_connect(&addr, CONNECT_MS, &err);
	if (r < 0)
		return conform_fail(c, "%s", err_text(&err));
	w->fd = r;
	return true;
}

void wire_done(struct wire *w)
{
	ttrpc_cutter_done(&w->cutter);
	w->fd = fd_close(w->fd);
}

bool wire_write(struct conform *c, struct wire *w, const void *data, size_t n)
{
	const char *p = data;
	ssize_t done;

	while (n > 0) {
		struct pollfd ready = { .fd = w->fd, .events = POLLOUT };

		if (poll(&ready, 1, (int)c->timeout_ms) <= 0)
			return conform_fail(c, "the agent does not read what it is sent");
		done = send(w->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (done < 0 && errno != EAGAIN && errno != EINTR)
			return conform_fail(c, "the connection broke while sending: %s", strerror(errno));
		if (done > 0) {
			p += done;
			n -= (size_t)done;
		}
	}
	return true;
}

bool wire_pack(struct conform *c, const struct wire_request *request, struct buf *out)
{
	Ttrpc__Request message = TTRPC__REQUEST__INIT;
	Ttrpc__KeyValue pair = TTRPC__KEY_VALUE__INIT, *metadata[] = { &pair };
	uint8_t head[TTRPC_HEADER_SIZE];
	size_t n;

	pair.key = (char *)"traceparent";
	pair.value = (char *)"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
	message.service = (char *)(request->service ? request->service : "grpc.Health");
	message.method = (char *)(request->method ? request->method : "Check");
	message.payload.data = (uint8_t *)(uintptr_t)request->payload;
	message.payload.len = request->len;
	message.timeout_nano = request->timeout_nano;
	message.metadata = metadata;
	message.n_metadata = request->has_metadata;
	n = ttrpc__request__get_packed_size(&message);
	ttrpc_header_pack(head, (uint32_t)n, request->stream, request->type ? request->type : TTRPC_REQUEST, 0);
	if (buf_add(out, head, sizeof(head)) < 0 || buf_reserve(out, n) < 0)
		return conform_fail(c, "out of memory");
	buf_commit(out, ttrpc__request__pack(&message, out->data + out->len));
	return true;
}

bool wire_send(struct conform *c, struct wire *w, const struct wire_request *request)
{
	_autobuf_ struct buf out = BUF_INIT;

	return wire_pack(c, request, &out) && wire_write(c, w, out.data, out.len);
}

/* More bytes; false = the connection is over or the agent is silent. */
static bool fill(struct conform *c, struct wire *w)
{
	struct pollfd ready = { .fd = w->fd, .events = POLLIN };
	ssize_t n;

	if (poll(&ready, 1, (int)c->timeout_ms) <= 0)
		return conform_fail(c, "no answer within %u s", c->timeout_ms / 1000);
	n = recv(w->fd, w->in, sizeof(w->in), MSG_DONTWAIT);
	if (n <= 0)
		return conform_fail(c, "the connection ended instead of an answer");
	w->in_pos = 0;
	w->in_len = (size_t)n;
	return true;
}

static bool decode(struct conform *c, const struct wire *w, struct wire_answer *ret)
{
	_autoarena_ struct arena arena;
	struct envelope_response response;

	arena_init(&arena, 0);
	ret->header = w->cutter.header;
	if (!conform_check(c, ret->header.type == TTRPC_RESPONSE, "a frame of type %u instead of a response",
	                   ret->header.type) ||
	    !conform_check(c, ret->header.flags == 0, "a response with flags %u", ret->header.flags))
		return false;
	if (envelope_response_unpack(&arena, w->cutter.payload, ret->header.length, &response) < 0)
		return conform_fail(c, "the response cannot be decoded");
	ret->code = response.code;
	(void)snprintf(ret->text, sizeof(ret->text), "%s", response.message);
	return true;
}

bool wire_receive(struct conform *c, struct wire *w, struct wire_answer *ret)
{
	size_t used;
	int r;

	for (;;) {
		if (w->in_pos == w->in_len && !fill(c, w))
			return false;
		r = ttrpc_cutter_feed(&w->cutter, w->in + w->in_pos, w->in_len - w->in_pos, &used);
		if (r < 0 || r == TTRPC_TOO_LONG || r == TTRPC_HOPELESS)
			return conform_fail(c, "the agent's bytes are no frame");
		w->in_pos += used;
		if (r == TTRPC_FRAME)
			return decode(c, w, ret);
	}
}

bool wire_expect(struct conform *c, struct wire *w, uint32_t stream, unsigned codes)
{
	struct wire_answer answer = { .code = -1 };

	if (!wire_receive(c, w, &answer))
		return false;
	if (!conform_check(c, answer.header.stream == stream, "an answer for stream %u instead of %u",
	                   answer.header.stream, stream))
		return false;
	return conform_check(c, answer.code >= 0 && answer.code < RPC_CODE_MAX && (codes & CONFORM_CODE(answer.code)),
	                     "answered %d: %s", answer.code, answer.text);
}

bool wire_check(struct conform *c, struct wire *w, uint32_t stream)
{
	return wire_send(c, w, &(struct wire_request){ .stream = stream }) && wire_expect(c, w, stream, IS_OK);
}
