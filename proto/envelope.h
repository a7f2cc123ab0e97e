/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is inside a ttrpc frame: ttrpc.Request and ttrpc.Response, for both ends of a call. Packing appends a whole
 * frame with its header to a buffer; unpacking takes a frame's payload, and the inner payload is not copied. Knows
 * nothing of connections, and only the client's side of a message type.
 */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/arena.h"
#include "lib/buf.h"

/* Status codes of ttrpc, which are gRPC's. */
enum rpc_code {
	RPC_OK = 0,
	RPC_CANCELLED,
	RPC_UNKNOWN,
	RPC_INVALID_ARGUMENT,
	RPC_DEADLINE_EXCEEDED,
	RPC_NOT_FOUND,
	RPC_ALREADY_EXISTS,
	RPC_PERMISSION_DENIED,
	RPC_RESOURCE_EXHAUSTED,
	RPC_FAILED_PRECONDITION,
	RPC_ABORTED,
	RPC_OUT_OF_RANGE,
	RPC_UNIMPLEMENTED,
	RPC_INTERNAL,
	RPC_UNAVAILABLE,
	RPC_DATA_LOSS,
	RPC_UNAUTHENTICATED,
	RPC_CODE_MAX,
};

struct envelope_request {
	const char *service, *method; /* in the arena, "" if absent */
	const uint8_t *payload;       /* inside the bytes that were unpacked */
	size_t payload_len;
	int64_t timeout_nano; /* 0 = none */
};

struct envelope_response {
	int code;               /* enum rpc_code, or something unknown */
	const char *message;    /* in the arena, "" if absent */
	const uint8_t *payload; /* inside the bytes that were unpacked */
	size_t payload_len;
};

/* "INVALID_ARGUMENT" for 3, NULL for an unknown code. */
const char *rpc_code_name(int code);

/* Unpacks the payload of a request frame; -EINVAL if it is none, -ENOMEM. */
int envelope_request_unpack(struct arena *arena, const uint8_t *data, size_t len, struct envelope_request *ret);

/* Unpacks the payload of a response frame; -EINVAL if it is none, -ENOMEM. */
int envelope_response_unpack(struct arena *arena, const uint8_t *data, size_t len, struct envelope_response *ret);

/*
 * Appends a request frame; the request may be NULL. -EMSGSIZE if its payload is longer than TTRPC_MESSAGE_MAX, or
 * errors of buf_reserve; then nothing is appended.
 */
int envelope_request_pack(struct buf *out, uint32_t stream, const char *service, const char *method,
                          int64_t timeout_nano, const ProtobufCMessage *request);

/*
 * Appends a response frame; message and reply may be NULL. The message is made valid UTF-8, since clients refuse a
 * reply that is not. Errors as envelope_request_pack.
 */
int envelope_response_pack(struct buf *out, uint32_t stream, int code, const char *message,
                           const ProtobufCMessage *reply);
