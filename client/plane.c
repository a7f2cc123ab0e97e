/* SPDX-License-Identifier: Apache-2.0 */
#include "client/plane.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/addr.h"
#include "lib/fd.h"
#include "proto/agent.pb-c.h"

#define ANSWER_TIMEOUT_S 15 /* longer than the agent waits for anything */
#define CONNECT_MS       10000

static uint32_t parse_feature(const char *feature)
{
	size_t n = strlen(KSTR_FEATURE_PREFIX);
	unsigned port;

	if (strncmp(feature, KSTR_FEATURE_PREFIX, n) != 0 || sscanf(feature + n, "%u", &port) != 1)
		return 0;
	return port;
}

uint32_t plane_find(struct session *session)
{
	Grpc__GuestDetailsRequest request = GRPC__GUEST_DETAILS_REQUEST__INIT;
	_autoreply_ struct client_reply reply = { .text = "" };
	const Grpc__GuestDetailsResponse *details;
	uint32_t port = 0;

	if (!session->address ||
	    session_call_quiet(session, "GetGuestDetails", &request.base, &reply) != SESSION_EXIT_OK)
		return 0;
	details = (const Grpc__GuestDetailsResponse *)reply.message;
	for (size_t i = 0; details->agent_details && i < details->agent_details->n_extra_features && port == 0; i++)
		port = parse_feature(details->agent_details->extra_features[i]);
	return port;
}

static int read_answer(int fd, uint8_t *data, size_t n)
{
	while (n > 0) {
		ssize_t got = recv(fd, data, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got == 0 ? -ECONNRESET : -errno;
		data += got;
		n -= (size_t)got;
	}
	return 0;
}

static int introduce(int fd, const uint8_t *header, size_t n, uint32_t *ret_status, uint64_t *ret_offset)
{
	struct timeval limit = { .tv_sec = ANSWER_TIMEOUT_S };
	uint8_t answer[KSTR_ANSWER_SIZE] = { 0 };
	int r;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0)
		return -errno;
	/* A fresh socket has room for a kibibyte. */
	if (send(fd, header, n, MSG_NOSIGNAL) != (ssize_t)n)
		return -EPIPE;
	r = read_answer(fd, answer, sizeof(answer));
	if (r == 0)
		kstr_answer_parse(answer, ret_status, ret_offset);
	return r;
}

int plane_open(struct plane_stream *s, const struct session *session, uint32_t port, enum kstr_kind kind,
               bool take_over, uint64_t offset, const char *cid, const char *eid, struct err *err)
{
	const char *name = kstr_kind_name(kind), *code;
	_autoclose_ int fd = -EBADF;
	uint8_t header[KSTR_HEADER_MAX];
	uint32_t status = 0;
	struct addr base, addr;
	unsigned flags = take_over ? KSTR_TAKE_OVER : 0;
	int n, r;

	r = addr_parse(&base, session->address, err);
	if (r >= 0)
		r = addr_with_port(&addr, &base, port, err);
	if (r != 0)
		return r;
	/* Nothing but the kernel is between. */
	if (addr.kind != ADDR_HVSOCK)
		flags |= KSTR_WHOLE_PACKETS;
	n = kstr_header_pack(kind, flags, offset, cid, eid, header);
	if (n < 0)
		return err_set(err, -n, "attach %s of '%s'", name, eid);
	fd = addr_connect(&addr, CONNECT_MS, err);
	if (fd < 0)
		return fd;
	r = introduce(fd, header, (size_t)n, &status, &offset);
	if (r < 0)
		return err_set(err, -r, "attach %s of '%s'", name, eid);
	code = rpc_code_name((int)status);
	if (status != KSTR_OK)
		return err_say(err, EPROTO, "attach %s of '%s': %s", name, eid, code ? code : "refused");
	*s = (struct plane_stream){ .fd = take_fd(&fd), .offset = offset, .marked = offset };
	/* Its proxies turn half a close into a whole one. */
	s->can_half_close = addr.kind != ADDR_HVSOCK;
	return 0;
}

void plane_close(struct plane_stream *s)
{
	s->fd = fd_hang_up(s->fd);
}

ssize_t plane_receive(struct plane_stream *s, void *data, size_t n)
{
	ssize_t got = recv(s->fd, data, n, MSG_DONTWAIT);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return -EAGAIN;
	if (got <= 0) {
		plane_close(s);
		return 0;
	}
	s->offset += (uint64_t)got;
	return got;
}

void plane_acknowledge(struct plane_stream *s, uint64_t offset)
{
	uint8_t mark[KSTR_MARK_SIZE];

	if (s->fd < 0 || offset <= s->marked)
		return;
	s->marked = offset;
	kstr_mark_pack(offset, mark);
	/* The agent always takes marks, so this does not wait; whether it is gone shows when we read. */
	(void)send(s->fd, mark, sizeof(mark), MSG_NOSIGNAL);
}

ssize_t plane_send(struct plane_stream *s, const void *data, size_t n)
{
	ssize_t sent = send(s->fd, data, n, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent < 0 && (errno == EAGAIN || errno == EINTR))
		return -EAGAIN;
	if (sent < 0) {
		plane_close(s);
		return -EPIPE;
	}
	s->offset += (uint64_t)sent;
	return sent;
}

bool plane_take_marks(struct plane_stream *s)
{
	uint8_t data[64 * KSTR_MARK_SIZE];
	ssize_t n = recv(s->fd, data, sizeof(data), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	for (ssize_t i = 0; i < n; i++) {
		s->mark[s->mark_len++] = data[i];
		if (s->mark_len < sizeof(s->mark))
			continue;
		s->mark_len = 0;
		s->marked = kstr_mark_parse(s->mark);
	}
	if (n <= 0)
		plane_close(s);
	return n > 0;
}

void plane_end_input(struct plane_stream *s)
{
	(void)shutdown(s->fd, SHUT_WR);
}
