/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A real server on a unix socket, driven turn by turn in the test's own process, over a core that only records what it
 * is asked (the functions in `wrap`). Everything waits with a deadline.
 */
#pragma once

#include "agent/rpc/call.h"
#include "agent/rpc/conn.h"
#include "agent/rpc/server.h"
#include "agent/sandbox.h"
#include "lib/reaper.h"
#include "proto/agent.pb-c.h"
#include "proto/health.pb-c.h"
#include "tests/lib/unit.h"

#define AGENT  "grpc.AgentService"
#define HEALTH "grpc.Health"

/* What the fake core was asked, and what it answers. Reset by fixture_setup. */
struct fake {
	bool refuse_peers, short_timers, no_fds, log_to_stderr;
	int result;                 /* of the next core function; < 0 with the text "fake reason" */
	const char *last;           /* name of the last core function */
	struct completion *pending; /* of the operation that waits */
	struct container container; /* id "web" */
	struct container_config config;
	struct process init, exec; /* "web", "e1" */
	struct process_waiter *waiter;
	struct outstream_reader *reader;
	struct outstream *read_from;
	struct instream_writer *writer;
	int acked;              /* -1 never, else what outstream_ack was told */
	const char *block_size; /* what /sys says */
	int block_size_result;
	unsigned n_cancelled, n_acked, closed_stdin, signal, rows, columns, timeout;
	int log_lines;
	char log[8192]; /* the records since reset, as far as there is room */
	struct container_config *created;
	struct exec_config *executed;
	struct sandbox_config *sandboxed;
	const struct oci_resources *resources;
};

struct fixture {
	struct loop *loop;
	struct reaper *reaper;
	struct sandbox sandbox;
	struct rpc_server *server;
	char dir[64];
	struct addr addr;
};

struct answer {
	uint32_t stream;
	struct envelope_response response;
	uint8_t *frame;
	struct arena arena;
};

extern struct fake fake;

/* Group setup and teardown of one test. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Some turns of the loop, without waiting. */
void fixture_turns(struct fixture *f);

/* Turns until the condition or two seconds are over; fails the test then. */
#define fixture_until(f, condition)                                                                                    \
	do {                                                                                                           \
		int left_ = 400;                                                                                       \
		while (!(condition) && left_-- > 0)                                                                    \
			assert_return_code(loop_turn((f)->loop, 5), 0);                                                \
		assert_true(condition);                                                                                \
	} while (0)

/* A client's connection, accepted already. */
int fixture_connect(struct fixture *f);

/* Sends a request; the message may be NULL. */
void fixture_send(struct fixture *f, int fd, uint32_t stream, const char *service, const char *method, int64_t timeout,
                  const ProtobufCMessage *message);

/* Sends bytes, with turns of the loop when the socket is full. */
void fixture_send_bytes(struct fixture *f, int fd, const void *data, size_t n);

/* Receives one frame; to be freed with answer_done. */
struct answer fixture_receive(struct fixture *f, int fd);
void answer_done(struct answer *answer);

/* Receives one frame and checks all of it but the payload; text NULL = not looked at. */
void fixture_expect(struct fixture *f, int fd, uint32_t stream, int code, const char *text);

/* Sends a request to the agent and checks the answer. */
void fixture_call(struct fixture *f, int fd, const char *method, const ProtobufCMessage *message, int code,
                  const char *text);

/* Checks that Health.Check works on this connection: nothing was broken. */
void fixture_expect_alive(struct fixture *f, int fd);

/* Checks that the server has ended this connection. */
void fixture_expect_end(struct fixture *f, int fd);

/* Completes the pending operation of the fake core. */
void fake_complete(int r);
