/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection to an agent's unix socket on which a test writes what it likes, and reads whatever comes. Blocking, with
 * patience that ends.
 */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/mem.h"
#include "lib/ttrpc.h"

#define RAW_ANSWER_MS 10000 /* what an agent may take for anything */

struct raw {
	int fd;
	struct ttrpc_cutter cutter;
	uint8_t input[65536];
	size_t pos, len;
};

struct raw_answer {
	uint32_t stream;
	int code;
	char text[512];
	uint8_t payload[512];
	size_t payload_len;
};

enum raw_outcome {
	RAW_ANSWERED,
	RAW_ENDED,
	RAW_SILENT,
	RAW_GARBLED,
};

/* Closes, whatever is under way. */
void raw_free(struct raw *c);

/* The cleanup function behind _autoraw_. */
void raw_freep(struct raw **c);
#define _autoraw_ _cleanup_(raw_freep)

/* Connects, or ends the program. */
struct raw *raw_open(const char *path);

/* Sends bytes as they are; false when the agent closes or takes nothing any more. */
bool raw_send(struct raw *c, const void *data, size_t n);

/* Sends a frame. */
bool raw_send_frame(struct raw *c, uint32_t stream, uint8_t type, const void *payload, uint32_t n);

/* Sends a header with `length`, and n zeroes behind it. */
bool raw_send_long(struct raw *c, uint32_t stream, uint32_t length, uint32_t n);

/* Sends a request as a client would. */
bool raw_send_request(struct raw *c, uint32_t stream, const char *service, const char *method,
                      const ProtobufCMessage *request);

/* Waits for the next frame, which should be an answer. */
enum raw_outcome raw_receive(struct raw *c, int timeout_ms, struct raw_answer *ret);
