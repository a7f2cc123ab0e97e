/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program's one connection to an agent, opened when it is first needed, and calls over it that wait for their answer;
 * what goes wrong is said on stderr in one line. The struct is the program's.
 */
#pragma once

#include <stdbool.h>

#include "client/client.h"

#define SESSION_TIMEOUT_MS    60000 /* of a call that does not wait for something to happen in the guest */
#define SESSION_TIMEOUT_UNSET (~0u)

/* Exit statuses; what runs a process uses 125 to 127 like other container tools. */
enum session_exit {
	SESSION_EXIT_OK = 0,
	SESSION_EXIT_FAILED = 1,     /* the agent answered with an error, or too late */
	SESSION_EXIT_USAGE = 2,      /* a bad command line or input; nothing was sent */
	SESSION_EXIT_CONNECTION = 3, /* no connection, or it broke */
	SESSION_EXIT_CONTAINER = 125,
	SESSION_EXIT_CANNOT_EXECUTE = 126,
	SESSION_EXIT_NOT_FOUND = 127,
};

struct session {
	const char *program; /* stands before messages */
	const char *address;
	unsigned timeout_ms;   /* SESSION_TIMEOUT_UNSET = not given, 0 = none */
	struct client *client; /* NULL until session_open */
};

/* Connects unless it has; an exit status, 0 after success. */
int session_open(struct session *s);

/* The timeout the user gave, or else the default. */
unsigned session_timeout(const struct session *s, unsigned default_ms);

/* Calls and fills *ret (client_reply_done, after failures too). An exit status; what went wrong has been printed. */
int session_call(struct session *s, const char *method, const ProtobufCMessage *request, struct client_reply *ret);

/* As session_call on a connection that session_open made; prints nothing. */
int session_call_quiet(struct session *s, const char *method, const ProtobufCMessage *request,
                       struct client_reply *ret);

/* Prints "CreateContainer: NOT_FOUND: text" on stderr and returns the exit status that belongs to it. */
int session_print_failure(const struct client_reply *reply);

/* "NOT_FOUND: text", with a peer's control characters taken out; n bytes at out, returns out. */
char *session_format_failure(const struct client_reply *reply, char *out, size_t n);

/* Closes the connection. */
void session_done(struct session *s);
