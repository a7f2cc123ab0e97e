/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/rpc/dispatch.h"

#include <errno.h>
#include <stdio.h>

#include "agent/rpc/call.h"
#include "agent/rpc/conn.h"
#include "agent/rpc/setpolicy.h"
#include "lib/log.h"
#include "proto/pbmem.h"

/* A string field of the request by name, or NULL if it has none or it is empty. */
static const char *request_string(const struct rpc_call *call, const char *name)
{
	const ProtobufCFieldDescriptor *field;
	const char *value;

	if (!call->request)
		return NULL;
	field = protobuf_c_message_descriptor_get_field_by_name(call->request->descriptor, name);
	if (!field || field->type != PROTOBUF_C_TYPE_STRING || field->label == PROTOBUF_C_LABEL_REPEATED)
		return NULL;
	value = *(char *const *)((const char *)call->request + field->offset);
	return value && value[0] ? value : NULL;
}

static void log_call(const struct rpc_call *call, enum log_level level, const char *code, const char *text)
{
	const struct log_field fields[] = {
		{ "method", call->method.descriptor ? call->method.descriptor->name : NULL },
		{ "container", request_string(call, "container_id") },
		{ "exec", request_string(call, "exec_id") },
		{ "code", code },
		{ NULL, NULL },
	};

	log_write(level, "rpc", fields, "%s", text);
}

void rpc_log_failure(const struct rpc_call *call, int code, const char *text)
{
	/* What a host asks for to find out whether it is there is no fault. */
	bool harmless = code == RPC_NOT_FOUND || code == RPC_UNIMPLEMENTED;
	char line[ERR_TEXT_MAX + 32];

	(void)snprintf(line, sizeof(line), "Call failed: %s", text);
	log_call(call, harmless ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, rpc_code_name(code), line);
}

/* Finds the method of an envelope; false = the call was failed. */
static bool find_method(struct rpc_call *call, const struct envelope_request *envelope)
{
	const ProtobufCServiceDescriptor *service = rpc_find_service(envelope->service);

	if (!service) {
		rpc_fail(call, RPC_INVALID_ARGUMENT, "%s service does not exist", envelope->service);
		return false;
	}
	if (rpc_find_method(service, envelope->method, &call->method) < 0) {
		rpc_fail(call, RPC_UNIMPLEMENTED, "Method does not exist: %s/%s", envelope->service, envelope->method);
		return false;
	}
	if (!call->method.handler) {
		rpc_fail(call, RPC_UNIMPLEMENTED, "Method is not implemented: %s/%s", envelope->service,
		         envelope->method);
		return false;
	}
	return true;
}

/* Decodes the message; false = the call was failed. */
static bool decode(struct rpc_call *call, const struct envelope_request *envelope)
{
	struct rpc_server *server = call->server;
	struct err err = ERR_INIT;
	ProtobufCMessage *request;
	int r;

	r = pb_unpack(call->method.descriptor->input, &call->arena, envelope->payload, envelope->payload_len, &request,
	              &err);
	if (r < 0) {
		rpc_fail_err(call, r == -ENOBUFS || r == -ENOMEM ? RPC_RESOURCE_EXHAUSTED : RPC_UNKNOWN, &err);
		return false;
	}
	call->request = request;
	call->charged = call->arena.used;
	server->request_bytes += call->charged;
	if (server->request_bytes > RPC_REQUEST_BYTES_MAX) {
		rpc_fail(call, RPC_RESOURCE_EXHAUSTED, "too many large requests are open");
		return false;
	}
	return true;
}

static void tell_first_call(struct rpc_server *server)
{
	void (*first_call)(struct rpc_server *) = server->first_call;

	server->first_call = NULL;
	if (first_call)
		first_call(server);
}

void rpc_dispatch(struct rpc_conn *conn, uint32_t stream, const uint8_t *data, size_t len)
{
	struct rpc_call *call = rpc_call_new(conn, stream, len + PB_BUDGET);
	struct envelope_request envelope;
	int r;

	if (!call) {
		(void)rpc_conn_reply(conn, stream, RPC_RESOURCE_EXHAUSTED, "out of memory for the call", NULL, NULL);
		return;
	}
	r = envelope_request_unpack(&call->arena, data, len, &envelope);
	if (r < 0) {
		rpc_fail(call, r == -ENOMEM ? RPC_RESOURCE_EXHAUSTED : RPC_INVALID_ARGUMENT,
		         "the frame holds no valid ttrpc.Request");
		return;
	}
	if (!find_method(call, &envelope) || !decode(call, &envelope))
		return;
	tell_first_call(call->server);
	log_call(call, LOG_LEVEL_DEBUG, NULL, "Called");
	/* Time was up before the request came. */
	if (envelope.timeout_nano < 0) {
		rpc_fail(call, RPC_DEADLINE_EXCEEDED, "timeout");
		return;
	}
	/* Here and nowhere else: there is no other road to a handler. */
	if (rpc_policy_denies(call))
		return;
	call->method.handler(call);
	rpc_call_set_timeout(call, envelope.timeout_nano);
}
