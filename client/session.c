/* SPDX-License-Identifier: Apache-2.0 */
#include "client/session.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "client/method.h"
#include "lib/addr.h"

#define CONNECT_TIMEOUT_MS 10000

static int usage(const struct session *s, const char *why)
{
	(void)fprintf(stderr, "%s: %s\n", s->program, why);
	return SESSION_EXIT_USAGE;
}

unsigned session_timeout(const struct session *s, unsigned default_ms)
{
	return s->timeout_ms == SESSION_TIMEOUT_UNSET ? default_ms : s->timeout_ms;
}

int session_open(struct session *s)
{
	struct err err = ERR_INIT;
	unsigned timeout = session_timeout(s, CONNECT_TIMEOUT_MS);
	struct addr addr;
	int r;

	if (s->client)
		return SESSION_EXIT_OK;
	if (!s->address)
		return usage(s, "no address: give --address or set KATA_AGENT_ADDRESS");
	if (addr_parse(&addr, s->address, &err) < 0)
		return usage(s, err_text(&err));
	r = client_open(&s->client, s->address, timeout != 0 ? timeout : CONNECT_TIMEOUT_MS, &err);
	if (r < 0) {
		(void)fprintf(stderr, "%s: %s\n", s->program, err_text(&err));
		return SESSION_EXIT_CONNECTION;
	}
	return SESSION_EXIT_OK;
}

void session_done(struct session *s)
{
	s->client = client_free(s->client);
}

char *session_format_failure(const struct client_reply *reply, char *out, size_t n)
{
	const char *name = rpc_code_name(reply->code);
	char number[16];

	(void)snprintf(number, sizeof(number), "%d", reply->code);
	(void)snprintf(out, n, "%s: %s", name ? name : number, reply->text);
	/* The text comes from a guest and goes to a terminal. */
	for (char *p = out; *p != '\0'; p++) {
		if (iscntrl((unsigned char)*p) && *p != '\n' && *p != '\t')
			*p = '?';
	}
	return out;
}

int session_print_failure(const struct client_reply *reply)
{
	char text[16384];

	(void)fprintf(stderr, "%s: %s\n", reply->method, session_format_failure(reply, text, sizeof(text)));
	return reply->is_lost ? SESSION_EXIT_CONNECTION : SESSION_EXIT_FAILED;
}

int session_call_quiet(struct session *s, const char *method, const ProtobufCMessage *request, struct client_reply *ret)
{
	struct client_method m;
	int r;

	r = method_find(method, &m);
	if (r == 0)
		r = client_call(s->client, &m, request, session_timeout(s, SESSION_TIMEOUT_MS), ret);
	if (r < 0)
		*ret = (struct client_reply){ method, RPC_INTERNAL, .is_local = true, .text = strerror(-r) };
	if (ret->code == RPC_OK)
		return SESSION_EXIT_OK;
	return ret->is_lost ? SESSION_EXIT_CONNECTION : SESSION_EXIT_FAILED;
}

int session_call(struct session *s, const char *method, const ProtobufCMessage *request, struct client_reply *ret)
{
	int status = session_open(s);

	if (status != SESSION_EXIT_OK) {
		*ret = (struct client_reply){ method, RPC_UNAVAILABLE, .is_lost = true, .text = "" };
		return status;
	}
	status = session_call_quiet(s, method, request, ret);
	if (status != SESSION_EXIT_OK)
		(void)session_print_failure(ret);
	return status;
}
