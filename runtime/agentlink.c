/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/agentlink.h"

#include <errno.h>
#include <string.h>

#include "client/health.h"
#include "client/method.h"
#include "client/session.h"

#define CHECK_MS         30000
#define PROBE_CONNECT_MS 200
#define PROBE_CHECK_MS   3000

/* What the client waits for is what the loop waits for. */
static void rearm(struct agentlink *link)
{
	int ms = client_timeout(link->client, -1);

	if (link->source.loop)
		(void)loop_modify(&link->source, EPOLLIN | (client_wants_write(link->client) ? EPOLLOUT : 0));
	if (ms < 0)
		loop_timer_stop(&link->timer);
	else
		(void)loop_timer_start(link->loop, &link->timer, (uint64_t)ms + 1);
}

static void turn(struct agentlink *link)
{
	if (client_step(link->client, NULL, 0, 0) < 0)
		loop_remove(&link->source);
	rearm(link);
}

static int on_event(struct loop_source *source, uint32_t events)
{
	(void)events;
	turn(container_of(source, struct agentlink, source));
	return LOOP_KEEP;
}

static void on_deadline(struct loop_timer *timer)
{
	turn(container_of(timer, struct agentlink, timer));
}

int agentlink_open(struct agentlink *link, struct loop *loop, const char *address, unsigned timeout_ms, struct err *err)
{
	_autoclient_ struct client *client = NULL;
	int r = client_open(&client, address, timeout_ms, err);

	if (r == 0)
		r = health_check(client, CHECK_MS, err);
	if (r < 0)
		return r;
	*link = (struct agentlink){ .loop = loop, .timer.expired = on_deadline };
	link->source = (struct loop_source){ "agent", client_fd(client), EPOLLIN, on_event, NULL };
	r = loop_add(loop, &link->source);
	if (r < 0)
		return err_set(err, -r, "watch the agent's connection");
	link->client = take_ptr(&client);
	return 0;
}

bool agentlink_probe(const char *address)
{
	_autoclient_ struct client *client = NULL;

	return client_open(&client, address, PROBE_CONNECT_MS, NULL) == 0 &&
	       health_check(client, PROBE_CHECK_MS, NULL) == 0;
}

int agentlink_call(struct agentlink *link, const char *method, const ProtobufCMessage *request, unsigned timeout_ms,
                   client_reply_fn fn, void *arg)
{
	struct client_method m;
	int r = link->client ? method_find(method, &m) : -ENOTCONN;

	if (r == 0)
		r = client_send(link->client, &m, request, timeout_ms, fn, arg);
	if (r < 0)
		return r;
	/* A connection that is over answers from the timer: never from here. */
	if (link->source.loop)
		rearm(link);
	else
		(void)loop_timer_start(link->loop, &link->timer, 1);
	return 0;
}

int agentlink_check(const struct client_reply *reply, const char *what, const char *id, struct err *err)
{
	char text[ERR_TEXT_MAX - 256];

	if (reply->code == RPC_OK)
		return 0;
	/* The words by which engines know that they have to exit with 127; "permission denied" agents say themselves.
	 */
	return err_say(err, reply->is_lost ? ENOTCONN : EIO, "%s '%s': %s%s", what, id,
	               session_format_failure(reply, text, sizeof(text)),
	               strstr(reply->text, "the file ") && strstr(reply->text, " was not found")
	                       ? ": executable file not found in $PATH"
	                       : "");
}

void agentlink_close(struct agentlink *link)
{
	if (!link->client)
		return;
	loop_remove(&link->source);
	loop_timer_stop(&link->timer);
	link->client = client_free(link->client);
}
