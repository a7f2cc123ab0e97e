/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/rawconn.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/arena.h"
#include "lib/buf.h"
#include "lib/fd.h"
#include "lib/sys.h"
#include "proto/envelope.h"

void raw_free(struct raw *c)
{
	if (!c)
		return;
	fd_closep(&c->fd);
	ttrpc_cutter_done(&c->cutter);
	free(c);
}

void raw_freep(struct raw **c)
{
	raw_free(*c);
}
struct raw *raw_open(const char *path)
{
	const struct timeval patience = { .tv_sec = RAW_ANSWER_MS / 1000 };
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct raw *c = calloc(1, sizeof(*c));

	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	if (c)
		c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!c || c->fd < 0 || connect(c->fd, (const struct sockaddr *)&sa, sizeof(sa)) < 0) {
		perror("rawconn: connect");
		exit(2);
	}
	(void)setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return c;
}

bool raw_send(struct raw *c, const void *data, size_t n)
{
	const uint8_t *p = data;

	while (n > 0) {
		ssize_t sent = send(c->fd, p, n, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		p += sent;
		n -= (size_t)sent;
	}
	return true;
}

bool raw_send_frame(struct raw *c, uint32_t stream, uint8_t type, const void *payload, uint32_t n)
{
	uint8_t head[TTRPC_HEADER_SIZE];

	ttrpc_header_pack(head, n, stream, type, 0);
	return raw_send(c, head, sizeof(head)) && raw_send(c, payload, n);
}

bool raw_send_long(struct raw *c, uint32_t stream, uint32_t length, uint32_t n)
{
	static const uint8_t zeroes[65536];
	uint8_t head[TTRPC_HEADER_SIZE];
	bool ok;

	ttrpc_header_pack(head, length, stream, TTRPC_REQUEST, 0);
	ok = raw_send(c, head, sizeof(head));
	for (uint32_t done = 0; ok && done < n; done += sizeof(zeroes))
		ok = raw_send(c, zeroes, n - done < sizeof(zeroes) ? n - done : sizeof(zeroes));
	return ok;
}

bool raw_send_request(struct raw *c, uint32_t stream, const char *service, const char *method,
                      const ProtobufCMessage *request)
{
	_autobuf_ struct buf out = BUF_INIT;

	return envelope_request_pack(&out, stream, service, method, 0, request) == 0 && raw_send(c, out.data, out.len);
}

static enum raw_outcome take_answer(struct raw *c, struct raw_answer *ret)
{
	_autoarena_ struct arena arena = { 0 };
	struct envelope_response response;

	if (c->cutter.header.type != TTRPC_RESPONSE ||
	    envelope_response_unpack(&arena, c->cutter.payload, c->cutter.header.length, &response) < 0)
		return RAW_GARBLED;
	ret->stream = c->cutter.header.stream;
	ret->code = response.code;
	(void)snprintf(ret->text, sizeof(ret->text), "%s", response.message);
	ret->payload_len = response.payload_len < sizeof(ret->payload) ? response.payload_len : sizeof(ret->payload);
	memcpy(ret->payload, response.payload ? response.payload : (const uint8_t *)"", ret->payload_len);
	return RAW_ANSWERED;
}

enum raw_outcome raw_receive(struct raw *c, int timeout_ms, struct raw_answer *ret)
{
	int64_t end = sys_now_ms() + timeout_ms;

	for (;;) {
		while (c->pos < c->len) {
			size_t used;
			int event = ttrpc_cutter_feed(&c->cutter, c->input + c->pos, c->len - c->pos, &used);

			c->pos += used;
			if (event != TTRPC_NEED_MORE)
				return event == TTRPC_FRAME ? take_answer(c, ret) : RAW_GARBLED;
		}
		int64_t left = end - sys_now_ms();
		struct pollfd pfd = { .fd = c->fd, .events = POLLIN };
		ssize_t n;

		if (poll(&pfd, 1, left > 0 ? (int)left : 0) <= 0)
			return RAW_SILENT;
		n = recv(c->fd, c->input, sizeof(c->input), 0);
		if (n <= 0)
			return RAW_ENDED;
		c->pos = 0;
		c->len = (size_t)n;
	}
}
