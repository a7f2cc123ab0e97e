/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "client/method.h"
#include "ctl/conformance/conform.h"
#include "ctl/ctl.h"
#include "lib/sys.h"
#include "proto/agent.pb-c.h"
#include "proto/pbjson.h"

#define CONNECT_MS 10000

/* --- verdicts ---------------------------------------------------------------------------------------------------- */

_printf_(3, 0) static bool say(struct conform *c, bool *flag, const char *fmt, va_list args)
{
	if (!c->has_failed && !c->is_skipped) {
		*flag = true;
		(void)vsnprintf(c->why, sizeof(c->why), fmt, args);
	}
	return false;
}

void conform_say(struct conform *c, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)say(c, &c->has_failed, fmt, args);
	va_end(args);
}

bool conform_skip(struct conform *c, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)say(c, &c->is_skipped, fmt, args);
	va_end(args);
	return false;
}

bool conform_same(const void *data, size_t n, const char *text)
{
	return n == strlen(text) && (n == 0 || memcmp(data, text, n) == 0);
}

/* --- requests ---------------------------------------------------------------------------------------------------- */

/* $C and $R stand for the container and the root file system. */
static int expand(const struct conform *c, const char *json, struct buf *out)
{
	const char *dollar;
	int r = 0;

	for (; r == 0 && (dollar = strchr(json, '$')); json = dollar + 2) {
		r = buf_add(out, json, (size_t)(dollar - json));
		if (r == 0 && dollar[1] == 'C')
			r = buf_printf(out, "%s", c->cid);
		else if (r == 0 && dollar[1] == 'R')
			r = buf_printf(out, "%s", c->rootfs);
		else if (r == 0)
			r = buf_add(out, dollar, dollar[1] ? 2 : 1);
		if (!dollar[1])
			return r;
	}
	return r < 0 ? r : buf_add(out, json, strlen(json));
}

static bool build(struct conform *c, const char *method, const char *json, struct client_method *ret_method,
                  ProtobufCMessage **ret)
{
	_autobuf_ struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	if (method_find(method, ret_method) < 0)
		return conform_fail(c, "the kit knows no method '%s'", method);
	if (expand(c, json, &text) < 0)
		return conform_fail(c, "out of memory");
	if (pbjson_parse(ret_method->method->input, &c->arena, buf_str(&text), text.len, ret, &err) < 0)
		return conform_fail(c, "the kit's own request for %s: %s", method, err_text(&err));
	conform_count(c, ret_method);
	return true;
}

/* Containers that the case has made are removed after it. */
static void note_made(struct conform *c, const char *method, const ProtobufCMessage *request)
{
	const char *id;

	if (strcmp(method, "CreateContainer") == 0 && c->n_made < CONFORM_MADE_MAX) {
		id = ((const Grpc__CreateContainerRequest *)request)->container_id;
		(void)snprintf(c->made[c->n_made++], CONFORM_ID_SIZE, "%s", id);
	}
}

static bool judge(struct conform *c, const char *method, unsigned codes)
{
	int code = c->reply.code;
	char text[300];

	if (code == RPC_OK && (codes & IS_OK))
		return true;
	if (code == RPC_OK)
		return conform_fail(c, "%s: OK, where an error is due", method);
	if (!c->reply.is_local && code > 0 && code < RPC_CODE_MAX && (codes & CONFORM_CODE(code)))
		return true;
	return conform_fail(c, "%s: %s", method, session_format_failure(&c->reply, text, sizeof(text)));
}

/* --- calls ------------------------------------------------------------------------------------------------------- */

bool conform_use(struct conform *c, unsigned i)
{
	struct err err = ERR_INIT;

	if (!c->clients[i] && client_open(&c->clients[i], c->address, CONNECT_MS, &err) < 0)
		return conform_fail(c, "%s", err_text(&err));
	c->current = i;
	return true;
}

void conform_hang_up(struct conform *c, unsigned i)
{
	c->clients[i] = client_free(c->clients[i]);
}

bool conform_call_json(struct conform *c, const char *method, unsigned codes, const char *json)
{
	struct client_method m = { NULL, NULL };
	ProtobufCMessage *request = NULL;

	client_reply_done(&c->reply);
	if (!build(c, method, json, &m, &request) || !conform_use(c, c->current))
		return false;
	if (client_call(c->clients[c->current], &m, request, c->timeout_ms, &c->reply) < 0)
		return conform_fail(c, "out of memory");
	if (c->reply.code == RPC_OK)
		note_made(c, method, request);
	return judge(c, method, codes);
}

bool conform_call(struct conform *c, const char *method, unsigned codes, const char *fmt, ...)
{
	_autofree_ char *json = NULL;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vasprintf(&json, fmt, args);
	va_end(args);
	if (n < 0) {
		json = NULL;
		return conform_fail(c, "out of memory");
	}
	return conform_call_json(c, method, codes, json);
}

bool conform_says(struct conform *c, const char *text)
{
	return conform_check(c, strcasestr(c->reply.text, text) != NULL, "%s: no '%s' in '%.300s'", c->reply.method,
	                     text, c->reply.text);
}

static void keep_reply(void *arg, struct client_reply *reply)
{
	struct conform_pending *p = arg;

	p->reply = *reply;
	*reply = (struct client_reply){ .text = "" };
	p->done = true;
}

static struct conform_pending *send_json(struct conform *c, unsigned timeout_ms, const char *method, const char *json)
{
	struct conform_pending *p = arena_alloc(&c->arena, sizeof(*p));
	struct client_method m = { NULL, NULL };
	ProtobufCMessage *request = NULL;

	if (!p || !build(c, method, json, &m, &request) || !conform_use(c, c->current))
		return NULL;
	p->reply = (struct client_reply){ .method = m.method->name, .text = "" };
	p->next = c->pendings;
	c->pendings = p;
	note_made(c, method, request);
	if (client_send(c->clients[c->current], &m, request, timeout_ms, keep_reply, p) < 0)
		return NULL;
	/* On its way before anything that another connection sends. */
	(void)client_step(c->clients[c->current], NULL, 0, 0);
	return p;
}

struct conform_pending *conform_send(struct conform *c, unsigned timeout_ms, const char *method, const char *fmt, ...)
{
	_autofree_ char *json = NULL;
	struct conform_pending *p;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vasprintf(&json, fmt, args);
	va_end(args);
	if (n < 0)
		json = NULL;
	p = n < 0 ? NULL : send_json(c, timeout_ms, method, json);
	if (!p)
		(void)conform_fail(c, "%s: out of memory", method);
	return p;
}

/* All connections are served: the call may be on any of them. */
static void step_until(struct conform *c, const struct conform_pending *p, int64_t deadline)
{
	while (!p->done && sys_now_ms() < deadline) {
		for (unsigned i = 0; i < CONFORM_CLIENTS && !p->done; i++) {
			if (c->clients[i])
				(void)client_step(c->clients[i], NULL, 0, 5);
		}
	}
}

bool conform_ends(struct conform *c, struct conform_pending *p)
{
	step_until(c, p, sys_now_ms() + c->timeout_ms);
	return conform_check(c, p->done, "%s was not answered within %u s", p->reply.method, c->timeout_ms / 1000);
}

bool conform_await(struct conform *c, struct conform_pending *p, unsigned codes)
{
	if (!conform_ends(c, p))
		return false;
	client_reply_done(&c->reply);
	c->reply = p->reply;
	p->reply = (struct client_reply){ .method = c->reply.method, .text = "" };
	return judge(c, c->reply.method, codes);
}

bool conform_still_waits(struct conform *c, struct conform_pending *p, unsigned ms)
{
	step_until(c, p, sys_now_ms() + ms);
	return conform_check(c, !p->done, "%s was answered before there was a reason: %s", p->reply.method,
	                     p->reply.text);
}
