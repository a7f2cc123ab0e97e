/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "agent/process.h"
#include "agent/rpc/handlers.h"
#include "agent/rpc/server.h"
#include "agent/sandbox.h"
#include "proto/agent.pb-c.h"

/* --- input ------------------------------------------------------------------------------------------------------- */

struct write_state {
	struct rpc_call *call;
	struct instream_writer writer;
};

static void reply_written(struct rpc_call *call, int r, size_t len)
{
	const Grpc__WriteStreamRequest *req = RPC_REQUEST(call, Grpc__WriteStreamRequest);
	Grpc__WriteStreamResponse reply = GRPC__WRITE_STREAM_RESPONSE__INIT;
	struct err err = ERR_INIT;

	if (r < 0) {
		err_set(&err, -r, "write stdin of '%s' in '%s'%s",
		        req->exec_id[0] != '\0' ? req->exec_id : req->container_id, req->container_id,
		        r == -EPIPE ? " (EPIPE)" : "");
		rpc_fail_err(call, RPC_INTERNAL, &err);
		return;
	}
	reply.len = (uint32_t)len;
	rpc_reply(call, &reply.base);
}

static void write_done(struct instream_writer *writer, int r)
{
	reply_written(container_of(writer, struct write_state, writer)->call, r, writer->len);
}

static void write_cancel(struct rpc_call *call)
{
	struct write_state *state = call->state;

	instream_cancel(&state->writer);
}

static int start_write(struct rpc_call *call, struct instream *in, const ProtobufCBinaryData *data)
{
	struct write_state *state = arena_alloc(&call->arena, sizeof(*state));
	int r;

	if (!state)
		return -ENOMEM;
	*state = (struct write_state){
		.call = call,
		.writer = { .data = data->data, .len = data->len, .done = write_done },
	};
	list_init(&state->writer.link);
	r = instream_write(in, &state->writer);
	if (r < 0)
		return r;
	call->state = state;
	call->cancel = write_cancel;
	return 0;
}

/* Every unknown name is INTERNAL here, and no data means the end of input: what the hosts know. */
void rpc_write_stdin(struct rpc_call *call)
{
	const Grpc__WriteStreamRequest *req = RPC_REQUEST(call, Grpc__WriteStreamRequest);
	struct container *c = rpc_find_container(call, req->container_id, RPC_INTERNAL, "Invalid container id");
	struct process *p = c ? container_find_process(c, req->exec_id) : NULL;
	int r;

	if (!c)
		return;
	if (!p) {
		rpc_fail(call, RPC_INTERNAL, "Process not found: invalid exec id");
		return;
	}
	if (req->data.len == 0) {
		reply_written(call, p->in ? instream_close(p->in) : 0, 0);
		return;
	}
	r = p->in ? start_write(call, p->in, &req->data) : -EPIPE;
	if (r < 0)
		reply_written(call, r, 0);
}

void rpc_close_stdin(struct rpc_call *call)
{
	const Grpc__CloseStdinRequest *req = RPC_REQUEST(call, Grpc__CloseStdinRequest);
	struct process *p = rpc_find_process(call, req->container_id, req->exec_id);
	struct err err = ERR_INIT;
	int r;

	if (!p)
		return;
	r = p->in ? instream_close(p->in) : 0;
	if (r < 0) {
		err_set(&err, -r, "close stdin of '%s' in '%s'", req->exec_id, req->container_id);
		rpc_fail_err(call, RPC_INTERNAL, &err);
		return;
	}
	rpc_reply_empty(call);
}

/* --- output ------------------------------------------------------------------------------------------------------ */

struct read_state {
	struct rpc_call *call;
	struct outstream_reader reader;
};

static void read_cancel(struct rpc_call *call)
{
	struct read_state *state = call->state;

	outstream_cancel(&state->reader);
}

/* A chunk whose reply did not get out whole belongs to the next reader. */
static void chunk_written(struct rpc_call *call, bool whole)
{
	struct read_state *state = call->state;

	outstream_ack(&state->reader, whole);
}

static void read_done(struct outstream_reader *reader, int r, const uint8_t *data, size_t len)
{
	struct rpc_call *call = container_of(reader, struct read_state, reader)->call;
	const Grpc__ReadStreamRequest *req = RPC_REQUEST(call, Grpc__ReadStreamRequest);
	Grpc__ReadStreamResponse reply = GRPC__READ_STREAM_RESPONSE__INIT;
	struct err err = ERR_INIT;

	if (r < 0) {
		err_set(&err, -r, "read output of '%s' in '%s'", req->exec_id, req->container_id);
		rpc_fail_err(call, RPC_INTERNAL, &err);
		return;
	}
	/* Packing only reads. */
	reply.data.data = (uint8_t *)(uintptr_t)data;
	reply.data.len = len;
	rpc_reply_tracked(call, &reply.base, chunk_written);
}

/* A length of 0 asks for as much as one read may bring: an empty answer would be taken for the end. */
static void start_read(struct rpc_call *call, struct outstream *out)
{
	const Grpc__ReadStreamRequest *req = RPC_REQUEST(call, Grpc__ReadStreamRequest);
	size_t max = req->len == 0 || req->len > STREAM_CHUNK_MAX ? STREAM_CHUNK_MAX : req->len;
	struct read_state *state = arena_alloc(&call->arena, sizeof(*state));
	int r = -ENOMEM;

	if (state) {
		*state = (struct read_state){ .call = call, .reader = { .max = max, .done = read_done } };
		list_init(&state->reader.link);
		r = outstream_read(out, &state->reader);
	}
	if (r < 0) {
		rpc_fail(call, RPC_INTERNAL, "read output of '%s' in '%s': %s", req->exec_id, req->container_id,
		         strerror(-r));
		return;
	}
	call->state = state;
	call->cancel = read_cancel;
}

static void read_output(struct rpc_call *call, bool is_stderr)
{
	const Grpc__ReadStreamRequest *req = RPC_REQUEST(call, Grpc__ReadStreamRequest);
	struct process *p = rpc_find_process(call, req->container_id, req->exec_id);
	Grpc__ReadStreamResponse end = GRPC__READ_STREAM_RESPONSE__INIT;
	struct outstream *out;

	if (!p)
		return;
	/* A terminal has one output; upstream gives it to both. */
	out = is_stderr && !p->has_terminal ? p->err : p->out;
	if (out)
		start_read(call, out);
	else if (p->state == PROCESS_BUILDING)
		rpc_fail(call, RPC_INTERNAL, "read output of '%s' in '%s': it does not run yet", req->exec_id,
		         req->container_id);
	else
		rpc_reply(call, &end.base);
}

void rpc_read_stdout(struct rpc_call *call)
{
	read_output(call, false);
}

void rpc_read_stderr(struct rpc_call *call)
{
	read_output(call, true);
}
