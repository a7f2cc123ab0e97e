/* SPDX-License-Identifier: Apache-2.0 */
/* ttrpc itself: frames, stream ids, the router's errors, timeouts; and Health, which every host calls first. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/conformance/suites.h"
#include "ctl/conformance/wire.h"
#include "proto/health.pb-c.h"

#define PIPELINED 100

/* --- Health ------------------------------------------------------------------------------------------------------ */

static bool serving(struct conform *c)
{
	const Grpc__HealthCheckResponse *r = (const Grpc__HealthCheckResponse *)c->reply.message;

	return conform_check(c, r->status == GRPC__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING,
	                     "Check: status %d instead of SERVING", (int)r->status);
}

static bool version(struct conform *c)
{
	const Grpc__VersionCheckResponse *r = (const Grpc__VersionCheckResponse *)c->reply.message;

	return conform_check(c, strcmp(r->grpc_version, "0.0.1") == 0, "protocol version '%s' instead of 0.0.1",
	                     r->grpc_version) &&
	       conform_check(c, r->agent_version[0] != '\0', "the agent's version is empty");
}

static const struct conform_case health[] = {
	{ .name = "Check/serving", WORKS, .json = "{}", .codes = IS_OK, .run = serving },
	{ .name = "Check/any-service", WORKS, .json = "{\"service\":\"whatever\"}", .codes = IS_OK, .run = serving },
	{ .name = "Version/both", WORKS, .json = "{}", .codes = IS_OK, .run = version },
};

SUITE(conform_suite_health, health);

/* --- frames ------------------------------------------------------------------------------------------------------ */

static bool unknown_service(struct conform *c)
{
	_autowire_ struct wire w;

	return wire_open(c, &w) && wire_send(c, &w, &(struct wire_request){ .stream = 1, .service = "grpc.Nobody" }) &&
	       wire_expect(c, &w, 1, IS_INVALID) && wire_check(c, &w, 3);
}

static bool unknown_method(struct conform *c)
{
	_autowire_ struct wire w;

	return wire_open(c, &w) && wire_send(c, &w, &(struct wire_request){ .stream = 1, .method = "Nothing" }) &&
	       wire_expect(c, &w, 1, IS_UNIMPLEMENTED) && wire_check(c, &w, 3);
}

/* A method of the other service is none of this one. */
static bool foreign_method(struct conform *c)
{
	_autowire_ struct wire w;

	return wire_open(c, &w) && wire_send(c, &w, &(struct wire_request){ .stream = 1, .method = "GetMetrics" }) &&
	       wire_expect(c, &w, 1, IS_UNIMPLEMENTED) && wire_check(c, &w, 3);
}

static bool no_request(struct conform *c)
{
	static const uint8_t garbage[] = { 0, 0, 0, 5, 0, 0, 0, 1, TTRPC_REQUEST, 0, 0xff, 0xff, 0xff, 0xff, 0xff };
	_autowire_ struct wire w;

	return wire_open(c, &w) && wire_write(c, &w, garbage, sizeof(garbage)) && wire_expect(c, &w, 1, IS_INVALID) &&
	       wire_check(c, &w, 3);
}

static bool even_stream(struct conform *c)
{
	_autowire_ struct wire w;

	return wire_open(c, &w) && wire_send(c, &w, &(struct wire_request){ .stream = 2 }) &&
	       wire_expect(c, &w, 2, IS_INVALID) && wire_check(c, &w, 3);
}

/* Clients of a broken count: what is odd is good. */
static bool leaping_streams(struct conform *c)
{
	_autowire_ struct wire w;

	return wire_open(c, &w) && wire_check(c, &w, 1) && wire_check(c, &w, 1001) && wire_check(c, &w, 0x7fffffff);
}

static bool too_long(struct conform *c)
{
	_autowire_ struct wire w;
	_autofree_ uint8_t *frame = calloc(1, TTRPC_HEADER_SIZE + TTRPC_MESSAGE_MAX + 1);

	if (!frame)
		return conform_fail(c, "out of memory");
	ttrpc_header_pack(frame, TTRPC_MESSAGE_MAX + 1, 1, TTRPC_REQUEST, 0);
	return wire_open(c, &w) && wire_write(c, &w, frame, TTRPC_HEADER_SIZE + TTRPC_MESSAGE_MAX + 1) &&
	       wire_expect(c, &w, 1, IS_INVALID) && wire_check(c, &w, 3);
}

/* A Check with a service name so long that the frame has n bytes. */
static bool check_of_size(struct conform *c, size_t n)
{
	_autowire_ struct wire w;
	_autobuf_ struct buf frame = BUF_INIT;
	_autofree_ uint8_t *payload = malloc(n);
	size_t len = n - 64;

	if (!payload)
		return conform_fail(c, "out of memory");
	memset(payload, 'x', n);
	for (int again = 0; again < 2; again++) {
		buf_done(&frame);
		payload[0] = 0x0a;
		for (unsigned i = 0; i < 4; i++)
			payload[1 + i] = (uint8_t)((len - 5) >> 7 * i & 0x7f) | (i < 3 ? 0x80 : 0);
		if (!wire_pack(c, &(struct wire_request){ .stream = 1, .payload = payload, .len = len }, &frame))
			return false;
		len += n + TTRPC_HEADER_SIZE - frame.len;
	}
	if (!conform_check(c, frame.len == n + TTRPC_HEADER_SIZE, "the kit made a frame of %zu bytes", frame.len))
		return false;
	return wire_open(c, &w) && wire_write(c, &w, frame.data, frame.len) && wire_expect(c, &w, 1, IS_OK) &&
	       wire_check(c, &w, 3);
}

static bool longest(struct conform *c)
{
	return check_of_size(c, TTRPC_MESSAGE_MAX);
}

/* A host of another version may send what this one does not know. */
static bool unknown_type(struct conform *c)
{
	_autowire_ struct wire w;

	return wire_open(c, &w) && wire_send(c, &w, &(struct wire_request){ .stream = 1, .type = 77 }) &&
	       wire_check(c, &w, 3);
}

static bool byte_by_byte(struct conform *c)
{
	_autowire_ struct wire w;
	_autobuf_ struct buf frame = BUF_INIT;

	if (!wire_open(c, &w) || !wire_pack(c, &(struct wire_request){ .stream = 1 }, &frame))
		return false;
	for (size_t i = 0; i < frame.len; i++) {
		if (!wire_write(c, &w, frame.data + i, 1))
			return false;
		(void)usleep(500);
	}
	return wire_expect(c, &w, 1, IS_OK);
}

static bool note_answer(struct conform *c, const struct wire_answer *a, bool *seen)
{
	uint32_t i = a->header.stream / 2;

	if (!conform_check(c, a->code == RPC_OK, "answered %d: %s", a->code, a->text) ||
	    !conform_check(c, a->header.stream % 2 == 1 && i < PIPELINED && !seen[i], "an answer for stream %u",
	                   a->header.stream))
		return false;
	seen[i] = true;
	return true;
}

/* Many requests in one write: each is answered once, under its own id. */
static bool pipelined(struct conform *c)
{
	_autowire_ struct wire w;
	_autobuf_ struct buf frames = BUF_INIT;
	bool seen[PIPELINED] = { false };
	struct wire_answer answer;

	if (!wire_open(c, &w))
		return false;
	for (uint32_t i = 0; i < PIPELINED; i++) {
		if (!wire_pack(c, &(struct wire_request){ .stream = 2 * i + 1 }, &frames))
			return false;
	}
	if (!wire_write(c, &w, frames.data, frames.len))
		return false;
	for (unsigned i = 0; i < PIPELINED; i++) {
		if (!wire_receive(c, &w, &answer) || !note_answer(c, &answer, seen))
			return false;
	}
	return true;
}

static bool metadata(struct conform *c)
{
	_autowire_ struct wire w;

	return wire_open(c, &w) && wire_send(c, &w, &(struct wire_request){ .stream = 1, .has_metadata = true }) &&
	       wire_expect(c, &w, 1, IS_OK);
}

/* A client that dies in the middle of a frame hurts nobody else. */
static bool cut_frame(struct conform *c)
{
	static const uint8_t head[] = { 0, 0, 1, 0, 0, 0, 0, 1, TTRPC_REQUEST, 0, 1, 2, 3 };
	_autowire_ struct wire w;
	struct wire dying;
	bool written = wire_open(c, &dying) && wire_write(c, &dying, head, sizeof(head));

	wire_done(&dying);
	return written && wire_open(c, &w) && wire_check(c, &w, 1);
}

/* Bytes that are no ttrpc at all: that connection may end, the next one works. */
static bool noise(struct conform *c)
{
	static const char http[] = "GET / HTTP/1.1\r\nHost: agent\r\n\r\n";
	_autowire_ struct wire w;
	struct wire odd;
	bool written = wire_open(c, &odd) && wire_write(c, &odd, http, sizeof(http));

	wire_done(&odd);
	return written && wire_open(c, &w) && wire_check(c, &w, 1);
}

static bool many_connections(struct conform *c)
{
	struct wire *all = calloc(20, sizeof(*all));
	bool good = all != NULL;
	unsigned n = 0;

	for (; good && n < 20; n++)
		good = wire_open(c, &all[n]);
	for (unsigned i = 0; good && i < n; i++)
		good = wire_check(c, &all[i], 1);
	for (unsigned i = 0; i < n; i++)
		wire_done(&all[i]);
	free(all);
	return good;
}

/* --- time and order ---------------------------------------------------------------------------------------------- */

static bool timeout(struct conform *c)
{
	_autowire_ struct wire w;
	_autobuf_ struct buf payload = BUF_INIT;

	/* WaitProcessRequest { container_id } */
	if (buf_printf(&payload, "\n%c%s", (char)strlen(c->cid), c->cid) < 0)
		return conform_fail(c, "out of memory");
	return wire_open(c, &w) &&
	       wire_send(c, &w,
	                 &(struct wire_request){ .stream = 1,
	                                         .service = "grpc.AgentService",
	                                         .method = "WaitProcess",
	                                         .payload = payload.data,
	                                         .len = payload.len,
	                                         .timeout_nano = 200 * 1000 * 1000 }) &&
	       wire_expect(c, &w, 1, IS_DEADLINE) && wire_check(c, &w, 3) &&
	       conform_call(c, "SignalProcess", IS_OK, "{\"container_id\":\"$C\",\"signal\":9}") &&
	       conform_exits(c, "", 137);
}

/* What waits does not stand in the way. */
static bool out_of_order(struct conform *c)
{
	struct conform_pending *p = conform_send(c, 0, "WaitProcess", JSON_C);

	return p && conform_call(c, "Health.Check", IS_OK, "{}") && conform_still_waits(c, p, 50) &&
	       conform_call(c, "CloseStdin", IS_OK, JSON_C) && conform_await(c, p, IS_OK);
}

static bool reconnect(struct conform *c)
{
	struct conform_pending *p = conform_send(c, 0, "WaitProcess", JSON_C);

	if (!p || !conform_still_waits(c, p, 50))
		return false;
	conform_hang_up(c, 0);
	return conform_write(c, "", "kept", 4) && conform_call(c, "CloseStdin", IS_OK, JSON_C) &&
	       conform_prints(c, "", "kept") && conform_exits(c, "", 0);
}

static const struct conform_case transport[] = {
	CASE(REFUSED, "ttrpc/unknown-service", CONFORM_NOTHING, unknown_service),
	CASE(REFUSED, "ttrpc/unknown-method", CONFORM_NOTHING, unknown_method),
	CASE(REFUSED, "ttrpc/method-of-another-service", CONFORM_NOTHING, foreign_method),
	CASE(REFUSED, "ttrpc/no-request", CONFORM_NOTHING, no_request),
	CASE(REFUSED, "ttrpc/even-stream-id", CONFORM_NOTHING, even_stream),
	CASE(WORKS, "ttrpc/leaping-stream-ids", CONFORM_NOTHING, leaping_streams),
	CASE(REFUSED, "ttrpc/too-long", CONFORM_NOTHING, too_long),
	CASE(WORKS, "ttrpc/longest", CONFORM_NOTHING, longest),
	CASE(WORKS, "ttrpc/unknown-type", CONFORM_NOTHING, unknown_type),
	CASE(WORKS, "ttrpc/byte-by-byte", CONFORM_NOTHING, byte_by_byte),
	CASE(WORKS, "ttrpc/pipelined", CONFORM_NOTHING, pipelined),
	CASE(WORKS, "ttrpc/metadata", CONFORM_NOTHING, metadata),
	CASE(REFUSED, "ttrpc/cut-frame", CONFORM_NOTHING, cut_frame),
	CASE(REFUSED, "ttrpc/noise", CONFORM_NOTHING, noise),
	CASE(WORKS, "ttrpc/many-connections", CONFORM_NOTHING, many_connections),
	CASE(WORKS, "ttrpc/timeout", CONFORM_RUNNING, timeout),
	CASE(WORKS, "ttrpc/out-of-order", CONFORM_RUNNING, out_of_order),
	CASE(WORKS, "ttrpc/reconnect", CONFORM_RUNNING, reconnect),
};

SUITE(conform_suite_transport, transport);
