/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/jsontext.h"
#include "lib/log.h"
#include "lib/oci.h"
#include "proto/agent.pb-c.h"
#include "proto/pboci.h"
#include "runtime/guestspec.h"
#include "runtime/sandbox.h"
#include "runtime/stats.h"

/* Sends the agent's call, whose answer `fn` gives to the request; that fails if the call does not go out. */
static void pass_on(struct sandbox *sb, struct wire_request *request, const char *method,
                    const ProtobufCMessage *message, client_reply_fn fn)
{
	struct err err = ERR_INIT;
	int r = agentlink_call(&sb->link, method, message, AGENTLINK_TIMEOUT_MS, fn, request);

	if (r == 0) {
		request->owner = sb;
		return;
	}
	(void)err_set(&err, -r, "%s container '%s'", wire_text(request, "verb"), wire_text(request, "id"));
	wire_fail(request, &err);
}

/* True if the agent said yes; else the request has been answered. */
static bool is_fine(struct wire_request *request, const struct client_reply *reply)
{
	_autofree_ char *what = NULL;
	struct err err = ERR_INIT;

	if (asprintf(&what, "%s container", wire_text(request, "verb")) < 0)
		what = NULL;
	if (agentlink_check(reply, what ? what : "container", wire_text(request, "id"), &err) == 0)
		return true;
	wire_fail(request, &err);
	return false;
}

/* The request's container if that has processes, or NULL after an answer. */
static struct container *find_live(struct sandbox *sb, struct wire_request *request)
{
	struct container *c = sandbox_find_for(sb, request);
	struct err err = ERR_INIT;

	if (!c || c->status == CONTAINER_CREATED || c->status == CONTAINER_RUNNING)
		return c;
	(void)err_say(&err, ESRCH, "container not running: '%s' is stopped", c->id);
	wire_fail(request, &err);
	return NULL;
}

/* --- pause, resume ----------------------------------------------------------------------------------------------- */

static bool is_pause(const struct wire_request *request)
{
	return strcmp(wire_text(request, "verb"), "pause") == 0;
}

static void on_paused(void *arg, struct client_reply *reply)
{
	struct wire_request *request = arg;
	struct sandbox *sb = request->owner;
	struct container *c = sandbox_find(sb, wire_text(request, "id"));

	if (!is_fine(request, reply))
		return;
	if (c) {
		c->is_paused = is_pause(request);
		sandbox_save(sb);
	}
	wire_answer(request, NULL);
}

void sandbox_pause(struct sandbox *sb, struct wire_request *request)
{
	Grpc__PauseContainerRequest pause = GRPC__PAUSE_CONTAINER_REQUEST__INIT;
	Grpc__ResumeContainerRequest resume = GRPC__RESUME_CONTAINER_REQUEST__INIT;
	struct container *c = find_live(sb, request);
	struct err err = ERR_INIT;

	if (!c)
		return;
	if (is_pause(request) == c->is_paused) {
		(void)err_say(&err, EINVAL, "container '%s' is %s", c->id,
		              c->is_paused ? "paused already" : "not paused");
		wire_fail(request, &err);
		return;
	}
	if (sandbox_try_save(sb, &err) < 0) {
		wire_fail(request, &err);
		return;
	}
	pause.container_id = resume.container_id = c->id;
	if (is_pause(request))
		pass_on(sb, request, "PauseContainer", &pause.base, on_paused);
	else
		pass_on(sb, request, "ResumeContainer", &resume.base, on_paused);
}

/* --- update ------------------------------------------------------------------------------------------------------ */

static void on_updated(void *arg, struct client_reply *reply)
{
	struct wire_request *request = arg;
	struct sandbox *sb = request->owner;
	struct container *c = sandbox_find(sb, wire_text(request, "id"));

	if (reply->code != RPC_OK && c) {
		/* The guest has the old limits, so that is what the VM is for. */
		c->demand = c->demand_before;
		c->demand.cpuset = c->cpuset;
		resize_ask(sb, NULL, NULL);
	}
	if (is_fine(request, reply))
		wire_answer(request, NULL);
}

/* The container that is updated and what it shall have; NULL when the request has been refused. */
static struct container *find_update(struct sandbox *sb, struct wire_request *request, struct arena *arena,
                                     struct oci_resources **ret)
{
	const char *text = wire_text(request, "resources");
	struct container *c = find_live(sb, request);
	struct err err = ERR_INIT;
	int r;

	if (!c)
		return NULL;
	r = text ? oci_resources_parse(arena, text, strlen(text), ret, &err)
	         : err_say(&err, EINVAL, "update container '%s': the request has no resources", c->id);
	if (r == 0)
		return c;
	wire_fail(request, &err);
	return NULL;
}

/* The VM has what it needs; now the container's cgroup. */
static void send_update(void *arg)
{
	Grpc__UpdateContainerRequest update = GRPC__UPDATE_CONTAINER_REQUEST__INIT;
	struct wire_request *request = arg;
	struct sandbox *sb = request->owner;
	_autoarena_ struct arena arena = { .max = 0 };
	struct oci_resources *resources = NULL;
	struct container *c = find_update(sb, request, &arena, &resources);
	struct err err = ERR_INIT;

	if (!c)
		return;
	guestspec_constrain_resources(resources);
	if (pboci_resources_to_pb(&arena, resources, &update.resources, &err) < 0) {
		wire_fail(request, &err);
		return;
	}
	update.container_id = c->id;
	pass_on(sb, request, "UpdateContainer", &update.base, on_updated);
}

void sandbox_update(struct sandbox *sb, struct wire_request *request)
{
	_autoarena_ struct arena arena = { .max = 0 };
	struct oci_resources *resources = NULL;
	struct container *c = find_update(sb, request, &arena, &resources);
	struct err err = ERR_INIT;
	int r;

	if (!c)
		return;
	c->demand_before = c->demand;
	r = resize_demand(c, resources);
	if (r < 0) {
		(void)err_set(&err, -r, "update container '%s'", c->id);
		wire_fail(request, &err);
		return;
	}
	request->owner = sb;
	resize_ask(sb, send_update, request);
}

/* --- what it uses, what runs in it ------------------------------------------------------------------------------- */

static void on_stats(void *arg, struct client_reply *reply)
{
	struct wire_request *request = arg;
	const char *id = wire_text(request, "id");
	const struct container *c = sandbox_find(request->owner, id);
	struct json_object *result = json_object_new_object();
	_autobuf_ struct buf line = BUF_INIT;
	struct err err = ERR_INIT;
	int r;

	if (!is_fine(request, reply)) {
		(void)json_object_put(result);
		return;
	}
	r = stats_format(id, (const Grpc__StatsContainerResponse *)reply->message, &line);
	if (r == 0)
		r = jsontext_add(result, "stats", json_object_new_string(buf_str(&line)));
	if (r == 0)
		r = jsontext_add(result, "ooms", json_object_new_uint64(c ? c->ooms : 0));
	if (r == 0) {
		wire_answer(request, result);
		return;
	}
	(void)json_object_put(result);
	(void)err_set(&err, -r, "measure container '%s'", id);
	wire_fail(request, &err);
}

void sandbox_stats(struct sandbox *sb, struct wire_request *request)
{
	Grpc__StatsContainerRequest stats = GRPC__STATS_CONTAINER_REQUEST__INIT;
	struct container *c = find_live(sb, request);

	if (!c)
		return;
	stats.container_id = c->id;
	pass_on(sb, request, "StatsContainer", &stats.base, on_stats);
}

static void on_processes(void *arg, struct client_reply *reply)
{
	struct wire_request *request = arg;
	struct json_object *result = NULL;
	struct err err = ERR_INIT;
	const char *text;

	if (!is_fine(request, reply))
		return;
	text = ((const Grpc__GetDiagnosticDataResponse *)reply->message)->data;
	if (jsontext_parse(text, strlen(text), &result, &err) < 0)
		wire_fail(request, &err);
	else
		wire_answer(request, result);
}

void sandbox_ps(struct sandbox *sb, struct wire_request *request)
{
	Grpc__GetDiagnosticDataRequest ask = GRPC__GET_DIAGNOSTIC_DATA_REQUEST__INIT;
	struct container *c = find_live(sb, request);

	if (!c)
		return;
	ask.log_type = (char *)"processes";
	ask.container_id = c->id;
	pass_on(sb, request, "GetDiagnosticData", &ask.base, on_processes);
}

/* --- lack of memory ---------------------------------------------------------------------------------------------- */

/* An agent that does not know the call, or goes away, is not asked again. */
static void on_oom(void *arg, struct client_reply *reply)
{
	struct sandbox *sb = arg;
	struct container *c;

	if (reply->code != RPC_OK)
		return;
	c = sandbox_find(sb, ((const Grpc__OOMEvent *)reply->message)->container_id);
	if (c) {
		c->ooms++;
		log_info("sandbox", "Container '%s' is out of memory", c->id);
	}
	sandbox_watch_ooms(sb);
}

void sandbox_watch_ooms(struct sandbox *sb)
{
	Grpc__GetOOMEventRequest request = GRPC__GET_OOMEVENT_REQUEST__INIT;

	(void)agentlink_call(&sb->link, "GetOOMEvent", &request.base, 0, on_oom, sb);
}
