/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other end of a ttrpc connection for tests of clients: a forked child that follows a script over a socket pair. It
 * keeps no containers. The parent owns the struct and its end of the socket.
 */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/arena.h"
#include "lib/ttrpc.h"
#include "proto/envelope.h"

struct fake_agent {
	pid_t pid;
	int fd; /* the client's end; take it with take_fd() */
};

/* The child's end; a script reads and answers through it and returns the child's exit status. */
struct fake_peer {
	int fd;
	struct ttrpc_cutter cutter;
	struct arena arena; /* of the current request */
	uint8_t in[4096];
	size_t in_pos, in_len;
};

struct fake_request {
	uint32_t stream;
	struct envelope_request envelope;
};

typedef int (*fake_script)(struct fake_peer *peer, void *arg);

/* Forks the child; it is killed after 30 s. 0 or -errno. */
int fake_agent_start(struct fake_agent *agent, fake_script script, void *arg);

/* Closes our end if it was not taken, waits for the child and returns its exit status, or -1 if a signal ended it. */
int fake_agent_stop(struct fake_agent *agent);

/* The next request, valid until the following call: 1, 0 at the end of the connection, or -errno. */
int fake_peer_read(struct fake_peer *peer, struct fake_request *ret);

/* Answers with a message (may be NULL), or with a code and a text. */
void fake_peer_answer(struct fake_peer *peer, uint32_t stream, const ProtobufCMessage *reply);
void fake_peer_fail(struct fake_peer *peer, uint32_t stream, int code, const char *text);

/* Writes bytes as they are. */
void fake_peer_write(struct fake_peer *peer, const void *data, size_t n);
