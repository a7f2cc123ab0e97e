/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/envelope.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "lib/ttrpc.h"
#include "lib/utf8.h"
#include "proto/wire.h"

enum {
	REQUEST_SERVICE = 1,
	REQUEST_METHOD = 2,
	REQUEST_PAYLOAD = 3,
	REQUEST_TIMEOUT = 4,
	RESPONSE_STATUS = 1,
	RESPONSE_PAYLOAD = 2,
	STATUS_CODE = 1,
	STATUS_MESSAGE = 2,
};

static const char *const code_names[RPC_CODE_MAX] = {
	[RPC_OK] = "OK",
	[RPC_CANCELLED] = "CANCELLED",
	[RPC_UNKNOWN] = "UNKNOWN",
	[RPC_INVALID_ARGUMENT] = "INVALID_ARGUMENT",
	[RPC_DEADLINE_EXCEEDED] = "DEADLINE_EXCEEDED",
	[RPC_NOT_FOUND] = "NOT_FOUND",
	[RPC_ALREADY_EXISTS] = "ALREADY_EXISTS",
	[RPC_PERMISSION_DENIED] = "PERMISSION_DENIED",
	[RPC_RESOURCE_EXHAUSTED] = "RESOURCE_EXHAUSTED",
	[RPC_FAILED_PRECONDITION] = "FAILED_PRECONDITION",
	[RPC_ABORTED] = "ABORTED",
	[RPC_OUT_OF_RANGE] = "OUT_OF_RANGE",
	[RPC_UNIMPLEMENTED] = "UNIMPLEMENTED",
	[RPC_INTERNAL] = "INTERNAL",
	[RPC_UNAVAILABLE] = "UNAVAILABLE",
	[RPC_DATA_LOSS] = "DATA_LOSS",
	[RPC_UNAUTHENTICATED] = "UNAUTHENTICATED",
};

const char *rpc_code_name(int code)
{
	return code >= 0 && code < RPC_CODE_MAX ? code_names[code] : NULL;
}

static int read_string(struct arena *arena, const struct wire_field *f, const char **ret)
{
	char *copy;

	if (f->type != WIRE_BYTES || memchr(f->data, '\0', f->len) || !utf8_is_valid(f->data, f->len))
		return -EINVAL;
	copy = arena_memdup(arena, f->data, f->len);
	if (!copy)
		return -ENOMEM;
	*ret = copy;
	return 0;
}

static int read_bytes(const struct wire_field *f, const uint8_t **ret, size_t *ret_len)
{
	if (f->type != WIRE_BYTES)
		return -EINVAL;
	*ret = f->data;
	*ret_len = f->len;
	return 0;
}

static int request_field(struct arena *arena, const struct wire_field *f, struct envelope_request *req)
{
	switch (f->tag) {
	case REQUEST_SERVICE:
		return read_string(arena, f, &req->service);
	case REQUEST_METHOD:
		return read_string(arena, f, &req->method);
	case REQUEST_PAYLOAD:
		return read_bytes(f, &req->payload, &req->payload_len);
	case REQUEST_TIMEOUT:
		req->timeout_nano = (int64_t)f->varint;
		return f->type == WIRE_VARINT ? 0 : -EINVAL;
	default: /* metadata is for tracing, which we have not */
		return 0;
	}
}

int envelope_request_unpack(struct arena *arena, const uint8_t *data, size_t len, struct envelope_request *ret)
{
	struct envelope_request req = { .service = "", .method = "", .payload = data };
	struct wire w = { .pos = data, .end = data + len };
	struct wire_field f;
	int r;

	while ((r = wire_next(&w, &f)) > 0) {
		r = request_field(arena, &f, &req);
		if (r < 0)
			break;
	}
	if (r == 0)
		*ret = req;
	return r;
}

static int read_status(struct arena *arena, const struct wire_field *status, struct envelope_response *res)
{
	struct wire w = { .pos = status->data, .end = status->data + status->len };
	struct wire_field f;
	int r;

	if (status->type != WIRE_BYTES)
		return -EINVAL;
	while ((r = wire_next(&w, &f)) > 0) {
		if (f.tag == STATUS_CODE) {
			r = f.type == WIRE_VARINT ? 0 : -EINVAL;
			res->code = (int)f.varint;
		} else if (f.tag == STATUS_MESSAGE) {
			r = read_string(arena, &f, &res->message);
		}
		if (r < 0)
			break;
	}
	return r;
}

int envelope_response_unpack(struct arena *arena, const uint8_t *data, size_t len, struct envelope_response *ret)
{
	struct envelope_response res = { .message = "", .payload = data };
	struct wire w = { .pos = data, .end = data + len };
	struct wire_field f;
	int r;

	while ((r = wire_next(&w, &f)) > 0) {
		if (f.tag == RESPONSE_STATUS)
			r = read_status(arena, &f, &res);
		else if (f.tag == RESPONSE_PAYLOAD)
			r = read_bytes(&f, &res.payload, &res.payload_len);
		if (r < 0)
			break;
	}
	if (r == 0)
		*ret = res;
	return r;
}

static size_t varint_size(uint64_t v)
{
	size_t n = 1;

	for (; v >= 0x80; v >>= 7)
		n++;
	return n;
}

static uint8_t *put_varint(uint8_t *p, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		*p++ = (uint8_t)(v | 0x80);
	*p++ = (uint8_t)v;
	return p;
}

static uint8_t *put_key(uint8_t *p, unsigned tag, enum wire_type type)
{
	return put_varint(p, tag << 3 | type);
}

/* All our tags are below 16, so a key is one byte. Empty values are left out, as proto3 does. */
static size_t bytes_size(size_t len)
{
	return len ? 1 + varint_size(len) + len : 0;
}

static size_t number_size(uint64_t v)
{
	return v ? 1 + varint_size(v) : 0;
}

static uint8_t *put_text(uint8_t *p, unsigned tag, const char *text, size_t len)
{
	if (len == 0)
		return p;
	p = put_varint(put_key(p, tag, WIRE_BYTES), len);
	memcpy(p, text, len);
	utf8_clean((char *)p, len);
	return p + len;
}

static uint8_t *put_number(uint8_t *p, unsigned tag, uint64_t v)
{
	return v ? put_varint(put_key(p, tag, WIRE_VARINT), v) : p;
}

static uint8_t *put_message(uint8_t *p, unsigned tag, const ProtobufCMessage *msg, size_t len)
{
	if (len == 0)
		return p;
	p = put_varint(put_key(p, tag, WIRE_BYTES), len);
	return p + protobuf_c_message_pack(msg, p);
}

/* Makes room for a frame and writes its header; the caller fills `len` bytes from *ret on and commits. */
static int start_frame(struct buf *out, size_t len, uint32_t stream, enum ttrpc_type type, uint8_t **ret)
{
	uint8_t *p;
	int r;

	if (len > TTRPC_MESSAGE_MAX)
		return -EMSGSIZE;
	r = buf_reserve(out, TTRPC_HEADER_SIZE + len);
	if (r < 0)
		return r;
	p = out->data + out->len;
	ttrpc_header_pack(p, (uint32_t)len, stream, (uint8_t)type, 0);
	*ret = p + TTRPC_HEADER_SIZE;
	return 0;
}

int envelope_request_pack(struct buf *out, uint32_t stream, const char *service, const char *method,
                          int64_t timeout_nano, const ProtobufCMessage *request)
{
	size_t service_len = strlen(service), method_len = strlen(method);
	size_t payload = request ? protobuf_c_message_get_packed_size(request) : 0;
	size_t len = bytes_size(service_len) + bytes_size(method_len) + bytes_size(payload) +
	             number_size((uint64_t)timeout_nano);
	uint8_t *p;
	int r;

	r = start_frame(out, len, stream, TTRPC_REQUEST, &p);
	if (r < 0)
		return r;
	p = put_text(p, REQUEST_SERVICE, service, service_len);
	p = put_text(p, REQUEST_METHOD, method, method_len);
	p = put_message(p, REQUEST_PAYLOAD, request, payload);
	(void)put_number(p, REQUEST_TIMEOUT, (uint64_t)timeout_nano);
	buf_commit(out, TTRPC_HEADER_SIZE + len);
	return 0;
}

int envelope_response_pack(struct buf *out, uint32_t stream, int code, const char *message,
                           const ProtobufCMessage *reply)
{
	size_t message_len = message ? strlen(message) : 0;
	size_t status = number_size((uint64_t)code) + bytes_size(message_len);
	size_t payload = reply ? protobuf_c_message_get_packed_size(reply) : 0;
	/* The status is there even if it is empty: upstream's agent sends it so. */
	size_t len = 1 + varint_size(status) + status + bytes_size(payload);
	uint8_t *p;
	int r;

	r = start_frame(out, len, stream, TTRPC_RESPONSE, &p);
	if (r < 0)
		return r;
	p = put_varint(put_key(p, RESPONSE_STATUS, WIRE_BYTES), status);
	p = put_number(p, STATUS_CODE, (uint64_t)code);
	p = put_text(p, STATUS_MESSAGE, message, message_len);
	(void)put_message(p, RESPONSE_PAYLOAD, reply, payload);
	buf_commit(out, TTRPC_HEADER_SIZE + len);
	return 0;
}
