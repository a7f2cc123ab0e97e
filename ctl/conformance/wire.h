/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection to the agent on which the kit writes what it likes: frames that no client would send. Steps as in
 * conform.h. The struct is the case's; wire_done closes.
 */
#pragma once

#include "ctl/conformance/conform.h"
#include "lib/ttrpc.h"

struct wire {
	int fd;
	struct ttrpc_cutter cutter;
	uint8_t in[65536];
	size_t in_pos, in_len;
};

struct wire_request {
	uint32_t stream;
	const char *service, *method; /* grpc.Health, Check */
	const void *payload;
	size_t len;
	int64_t timeout_nano;
	bool has_metadata;
	uint8_t type; /* 0 = a request's */
};

struct wire_answer {
	struct ttrpc_header header;
	int code;
	char text[256];
};

#define _autowire_ _cleanup_(wire_done)

/* Connects. */
bool wire_open(struct conform *c, struct wire *w);

/* Closes. */
void wire_done(struct wire *w);

/* Writes bytes as they are. */
bool wire_write(struct conform *c, struct wire *w, const void *data, size_t n);

/* Appends the frame to `out`. */
bool wire_pack(struct conform *c, const struct wire_request *request, struct buf *out);

/* Writes a frame. */
bool wire_send(struct conform *c, struct wire *w, const struct wire_request *request);

/* Waits for the next frame, which must be a response that can be decoded. */
bool wire_receive(struct conform *c, struct wire *w, struct wire_answer *ret);

/* The next frame must answer this stream with one of the codes. */
bool wire_expect(struct conform *c, struct wire *w, uint32_t stream, unsigned codes);

/* Health.Check on this stream must succeed. */
bool wire_check(struct conform *c, struct wire *w, uint32_t stream);
