/* SPDX-License-Identifier: Apache-2.0 */
#include "client/health.h"

#include <errno.h>

#include "client/method.h"
#include "client/session.h"
#include "proto/health.pb-c.h"

static int call(struct client *client, const char *method, unsigned timeout_ms, struct client_reply *ret,
                struct err *err)
{
	Grpc__CheckRequest request = GRPC__CHECK_REQUEST__INIT;
	struct client_method m;
	char text[512];
	int r;

	r = method_find(method, &m);
	if (r < 0)
		return err_set(err, -r, "find method '%s'", method);
	r = client_call(client, &m, &request.base, timeout_ms, ret);
	if (r < 0)
		return err_set(err, -r, "call '%s'", method);
	if (ret->code == RPC_OK)
		return 0;
	r = err_say(err, ret->is_lost ? ENOTCONN : ETIMEDOUT, "%s: %s", ret->method,
	            session_format_failure(ret, text, sizeof(text)));
	client_reply_done(ret);
	return r;
}

int health_check(struct client *client, unsigned timeout_ms, struct err *err)
{
	_autoreply_ struct client_reply reply = { .text = "" };
	const Grpc__HealthCheckResponse *response;
	int r;

	r = call(client, "Health.Check", timeout_ms, &reply, err);
	if (r < 0)
		return r;
	response = (const Grpc__HealthCheckResponse *)reply.message;
	if (response->status != GRPC__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING)
		return err_say(err, EAGAIN, "Check: the agent says that it is not serving (%d)", (int)response->status);
	return 0;
}

int health_version(struct client *client, unsigned timeout_ms, struct client_reply *ret, struct err *err)
{
	return call(client, "Health.Version", timeout_ms, ret, err);
}
