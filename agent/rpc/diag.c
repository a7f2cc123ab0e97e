/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "agent/rpc/handlers.h"
#include "agent/rpc/jobcall.h"
#include "agent/rpc/server.h"
#include "agent/sandbox.h"
#include "agent/termination.h"
#include "lib/jsontext.h"
#include "proto/agent.pb-c.h"

#define TERMINATION_DEADLINE_MS 10000

static int put_number(json_object *object, const char *key, uint64_t value)
{
	return jsontext_add(object, key, json_object_new_uint64(value));
}

static int put_output(json_object *o, const char *in_key, const char *out_key, const struct outstream_counters *n)
{
	int r = put_number(o, in_key, n->in);

	return r < 0 ? r : put_number(o, out_key, n->delivered);
}

static int fill_process(json_object *o, const struct process *p)
{
	struct outstream_counters out, err;
	uint64_t in;
	int r;

	process_counters(p, &in, &out, &err);
	r = jsontext_add(o, "id", json_object_new_string(p->id));
	r = r < 0 ? r : jsontext_add(o, "pid", json_object_new_int64(p->pid));
	r = r < 0 ? r : jsontext_add(o, "state", json_object_new_string(process_state_name(p->state)));
	r = r < 0 ? r : jsontext_add(o, "exit_code", json_object_new_int(p->exit_code));
	r = r < 0 ? r : put_output(o, "stdout_in", "stdout_out", &out);
	r = r < 0 ? r : put_output(o, "stderr_in", "stderr_out", &err);
	r = r < 0 ? r : put_number(o, "stdin_in", in);
	return r;
}

static int put_processes(json_object *o, struct container *c)
{
	json_object *array = json_object_new_array();
	int r = jsontext_add(o, "processes", array);

	if (r < 0)
		return r;
	list_foreach(p, &c->processes, struct process, link) {
		json_object *entry = json_object_new_object();

		r = jsontext_append(array, entry);
		if (r == 0)
			r = fill_process(entry, p);
		if (r < 0)
			return r;
	}
	return 0;
}

static int fill_container(json_object *o, struct container *c)
{
	int r;

	r = jsontext_add(o, "id", json_object_new_string(c->id));
	r = r < 0 ? r : jsontext_add(o, "state", json_object_new_string(container_state_name(c->state)));
	r = r < 0 ? r : jsontext_add(o, "pid", json_object_new_int64(c->init ? c->init->pid : 0));
	r = r < 0 ? r : jsontext_add(o, "exit_code", json_object_new_int(c->init ? c->init->exit_code : 0));
	r = r < 0 ? r : put_processes(o, c);
	return r;
}

static int put_containers(json_object *o, struct sandbox *s, const char *only)
{
	json_object *array = json_object_new_array();
	int r = jsontext_add(o, "containers", array);

	if (r < 0)
		return r;
	list_foreach(c, &s->containers, struct container, link) {
		json_object *entry;

		if (only[0] && strcmp(only, c->id) != 0)
			continue;
		entry = json_object_new_object();
		r = jsontext_append(array, entry);
		if (r == 0)
			r = fill_container(entry, c);
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * Our extension: {"containers":[{"id","state","pid","exit_code","processes":[{"id","pid","state","exit_code",
 * "stdout_in","stdout_out","stderr_in","stderr_out","stdin_in"}]}]}, of all containers or the one that was named.
 */
static void reply_containers(struct rpc_call *call, const char *only)
{
	Grpc__GetDiagnosticDataResponse reply = GRPC__GET_DIAGNOSTIC_DATA_RESPONSE__INIT;
	json_object *o = json_object_new_object();
	const char *text = NULL;

	if (put_containers(o, call->server->sandbox, only) == 0)
		text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN);
	if (text) {
		reply.data = (char *)(uintptr_t)text;
		rpc_reply(call, &reply.base);
	} else {
		rpc_fail(call, RPC_RESOURCE_EXHAUSTED, "out of memory for the list of containers");
	}
	(void)json_object_put(o);
}

/* --- why a container says it ended -------------------------------------------------------------------------------- */

static int run_termination(void *arg, struct job_reply *reply, struct err *err)
{
	return termination_read(SANDBOX_SHARE_DIR, arg, &reply->data, err);
}

static void reply_text(struct rpc_call *call, struct job_reply *reply)
{
	Grpc__GetDiagnosticDataResponse message = GRPC__GET_DIAGNOSTIC_DATA_RESPONSE__INIT;

	message.data = (char *)(uintptr_t)buf_str(&reply->data);
	rpc_reply(call, &message.base);
}

static void reply_termination_log(struct rpc_call *call, const struct container *c)
{
	const char *source = termination_source(c->config->spec);

	if (!source) {
		rpc_reply_empty(call);
		return;
	}
	rpc_run_job(call, &(struct rpc_job){ .name = "termination log",
	                                     .run = run_termination,
	                                     .arg = (void *)(uintptr_t)source, /* the job has a copy of it */
	                                     .deadline_ms = TERMINATION_DEADLINE_MS,
	                                     .only_looks = true,
	                                     .answer = reply_text });
}

void rpc_get_diagnostic_data(struct rpc_call *call)
{
	const Grpc__GetDiagnosticDataRequest *req = RPC_REQUEST(call, Grpc__GetDiagnosticDataRequest);
	bool is_log = strcmp(req->log_type, "termination_log") == 0, is_list = strcmp(req->log_type, "processes") == 0;
	const struct container *c = NULL;

	if (strcmp(req->log_type, "guest") == 0) {
		rpc_reply_guest(call);
		return;
	}
	if (strcmp(req->log_type, "containers") != 0 && !is_log && !is_list) {
		rpc_fail(call, RPC_INVALID_ARGUMENT, "log type '%s' does not exist", req->log_type);
		return;
	}
	if (req->container_id[0] || is_log || is_list) {
		c = rpc_find_container(call, req->container_id, RPC_INVALID_ARGUMENT, "Invalid container id");
		if (!c)
			return;
	}
	if (is_log)
		reply_termination_log(call, c);
	else if (is_list)
		rpc_reply_processes(call, c);
	else
		reply_containers(call, req->container_id);
}
