/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a pod in the order in which the two upstream runtimes call, with the shapes of their requests. The
 * sandbox is the run's; the network is set up before it by other cases.
 */
#include <stdio.h>
#include <string.h>

#include "ctl/conformance/suites.h"
#include "proto/agent.pb-c.h"

#define PAUSE_SCRIPT "trap 'exit 0' TERM; while :; do sleep 0.05; done"
#define CRI(type)    ",\"Annotations\":{\"io.kubernetes.cri.container-type\":\"" type "\"}"

static bool ok(struct conform *c, const char *method, const char *json)
{
	return conform_call_json(c, method, IS_OK, json);
}

/* An agent of a test may not change its machine. */
static bool machine(struct conform *c, const char *json)
{
	return conform_call_json(c, "OnlineCPUMem", IS_OK | IS_INTERNAL, json) &&
	       (c->reply.code == RPC_OK || conform_says(c, "permitted"));
}

static bool sync_resources(struct conform *c)
{
	return machine(c, "{}") && ok(c, "UpdateEphemeralMounts", "{}");
}

/* --- the Go shim ------------------------------------------------------------------------------------------------- */

static bool shim_pause(struct conform *c, struct conform_pending **ret_oom, struct conform_pending **ret_wait)
{
	if (!ok(c, "Health.Check", "{}") ||
	    !ok(c, "GetGuestDetails", "{\"mem_block_size\":true,\"mem_hotplug_probe\":true}") ||
	    !conform_create(c, &(struct conform_spec){ .script = PAUSE_SCRIPT, .top = CRI("sandbox") }) ||
	    !sync_resources(c) || !ok(c, "StartContainer", JSON_C))
		return false;
	*ret_oom = conform_send(c, 0, "GetOOMEvent", "{}");
	*ret_wait = *ret_oom ? conform_send(c, 0, "WaitProcess", JSON_INIT) : NULL;
	return *ret_wait && ok(c, "Health.Check", "{}");
}

/* Reading begins before there is anything, stdin comes and ends, the end of both outputs comes, then the code. */
static bool shim_io(struct conform *c, const char *id)
{
	struct conform_pending *out, *err;
	const Grpc__ReadStreamResponse *r;

	out = conform_send(c, 0, "ReadStdout", "{\"container_id\":\"%s\",\"exec_id\":\"%s\",\"len\":32768}", id, id);
	err = conform_send(c, 0, "ReadStderr", "{\"container_id\":\"%s\",\"exec_id\":\"%s\",\"len\":32768}", id, id);
	if (!out || !err ||
	    !conform_call(c, "WriteStdin", IS_OK, "{\"container_id\":\"%s\",\"exec_id\":\"%s\",\"data\":\"aGVsbG8K\"}",
	                  id, id) ||
	    !conform_call(c, "CloseStdin", IS_OK, "{\"container_id\":\"%s\",\"exec_id\":\"%s\"}", id, id) ||
	    !conform_await(c, out, IS_OK))
		return false;
	r = (const Grpc__ReadStreamResponse *)c->reply.message;
	if (!conform_check(c, conform_same(r->data.data, r->data.len, "hello\n"), "stdout is '%.*s'", (int)r->data.len,
	                   (const char *)r->data.data))
		return false;
	out = conform_send(c, 0, "ReadStdout", "{\"container_id\":\"%s\",\"exec_id\":\"%s\",\"len\":32768}", id, id);
	return out && conform_await(c, out, IS_OK) && conform_await(c, err, IS_OK) &&
	       conform_check(c, ((const Grpc__ReadStreamResponse *)c->reply.message)->data.len == 0,
	                     "stderr has no end");
}

/* What the shim ignores may be an error, but must be answered. */
static bool shim_remove(struct conform *c, const char *id)
{
	return conform_call(c, "SignalProcess", IS_OK | IS_NOT_FOUND, "{\"container_id\":\"%s\",\"signal\":9}", id) &&
	       conform_call(c, "WaitProcess", IS_OK | IS_NOT_FOUND, "{\"container_id\":\"%s\",\"exec_id\":\"%s\"}", id,
	                    id) &&
	       conform_call(c, "RemoveContainer", IS_OK, "{\"container_id\":\"%s\"}", id) &&
	       ok(c, "RemoveStaleVirtiofsShareMounts", "{}");
}

static bool shim_app(struct conform *c, const char *app)
{
	return conform_create(c,
	                      &(struct conform_spec){
				      .id = app,
				      .script = "cat; exit 5",
				      .top = CRI("container"),
				      .linux_ = c->has_limits
	                                                ? ",\"Resources\":{\"CPU\":{\"Shares\":102,\"Period\":100000}}"
	                                                : NULL }) &&
	       sync_resources(c) && conform_call(c, "StartContainer", IS_OK, "{\"container_id\":\"%s\"}", app) &&
	       sync_resources(c);
}

/* A probe, as kubelet runs it. */
static bool shim_exec(struct conform *c, const char *id)
{
	const char *pause = arena_strdup(&c->arena, c->cid);
	bool done;

	(void)snprintf(c->cid, sizeof(c->cid), "%s", id);
	done = conform_exec(c, "5f2c9f4e-97a1-4c35-8f8a-3d2c6f0f6f1d", "echo probed", NULL, IS_OK) &&
	       conform_prints(c, "5f2c9f4e-97a1-4c35-8f8a-3d2c6f0f6f1d", "probed\n") &&
	       conform_exits(c, "5f2c9f4e-97a1-4c35-8f8a-3d2c6f0f6f1d", 0) && ok(c, "StatsContainer", JSON_C) &&
	       conform_exec(c, "9b0c2d5a", "stty size; exit 1", ",\"Terminal\":true", IS_OK) &&
	       conform_call(c, "TtyWinResize", IS_OK | IS_NOT_FOUND,
	                    "{\"container_id\":\"$C\",\"exec_id\":\"9b0c2d5a\",\"row\":24,\"column\":80}") &&
	       conform_exits(c, "9b0c2d5a", 1);
	(void)snprintf(c->cid, sizeof(c->cid), "%s", pause ? pause : "");
	return done;
}

static bool go_shim(struct conform *c)
{
	const char *app = conform_name(c);
	struct conform_pending *oom, *wait;

	if (!shim_pause(c, &oom, &wait) || !shim_app(c, app) || !shim_exec(c, app) || !shim_io(c, app) ||
	    !conform_call(c, "WaitProcess", IS_OK, "{\"container_id\":\"%s\",\"exec_id\":\"%s\"}", app, app) ||
	    !conform_check(c, ((const Grpc__WaitProcessResponse *)c->reply.message)->status == 5,
	                   "status %d instead of 5", ((const Grpc__WaitProcessResponse *)c->reply.message)->status) ||
	    !shim_remove(c, app))
		return false;
	/* The pause container is told to end; the loop for kills still waits. */
	return conform_still_waits(c, wait, 20) &&
	       conform_call(c, "SignalProcess", IS_OK, "{\"container_id\":\"$C\",\"signal\":15}") &&
	       conform_await(c, wait, IS_OK) &&
	       conform_check(c, ((const Grpc__WaitProcessResponse *)c->reply.message)->status == 0,
	                     "pause ended with %d", ((const Grpc__WaitProcessResponse *)c->reply.message)->status) &&
	       shim_remove(c, c->cid) && conform_still_waits(c, oom, 20);
}

/* `kubectl delete`: TERM is ignored, KILL follows. */
static bool go_shim_stop(struct conform *c)
{
	struct conform_pending *wait;

	if (!conform_run(c, &(struct conform_spec){ .script = "trap '' TERM; echo up; while :; do sleep 0.05; done" }))
		return false;
	wait = conform_send(c, 0, "WaitProcess", JSON_INIT);
	return wait &&
	       conform_call(c, "ReadStdout", IS_OK, "{\"container_id\":\"$C\",\"exec_id\":\"$C\",\"len\":32768}") &&
	       conform_call(c, "SignalProcess", IS_OK, "{\"container_id\":\"$C\",\"signal\":15}") &&
	       conform_still_waits(c, wait, 150) &&
	       conform_call(c, "SignalProcess", IS_OK, "{\"container_id\":\"$C\",\"signal\":9}") &&
	       conform_await(c, wait, IS_OK) && shim_remove(c, c->cid);
}

/* --- runtime-rs -------------------------------------------------------------------------------------------------- */

static bool rs_exec(struct conform *c)
{
	return conform_exec(c, "exec-1", "cat; exit 3", NULL, IS_OK) && conform_write(c, "exec-1", "in", 2) &&
	       conform_call(c, "WriteStdin", IS_OK, "{\"container_id\":\"$C\",\"exec_id\":\"exec-1\"}") &&
	       conform_prints(c, "exec-1", "in") && conform_exits(c, "exec-1", 3);
}

/* Empty exec ids, input that ends with an empty write, no CloseStdin. */
static bool runtime_rs(struct conform *c)
{
	struct conform_pending *oom;

	if (!ok(c, "GetGuestDetails", "{\"mem_block_size\":true,\"mem_hotplug_probe\":true}"))
		return false;
	oom = conform_send(c, 0, "GetOOMEvent", "{}");
	return oom && ok(c, "Health.Check", "{}") && ok(c, "Health.Version", "{}") &&
	       conform_create(
		       c, &(struct conform_spec){ .exec_id = "", .script = "cat; exit 6", .top = CRI("container") }) &&
	       ok(c, "StartContainer", JSON_C) && rs_exec(c) && conform_write(c, "", "data", 4) &&
	       ok(c, "WriteStdin", JSON_C) && conform_prints(c, "", "data") && conform_exits(c, "", 6) &&
	       conform_call(c, "SignalProcess", IS_OK | IS_NOT_FOUND, "{\"container_id\":\"$C\",\"signal\":9}") &&
	       ok(c, "RemoveContainer", JSON_C) && machine(c, "{\"nb_cpus\":1,\"cpu_only\":true}") &&
	       conform_still_waits(c, oom, 20);
}

/* --- pids of a pod ----------------------------------------------------------------------------------------------- */

static bool shared_pids(struct conform *c)
{
	const char *app = conform_name(c);
	_autobuf_ struct buf a = BUF_INIT, b = BUF_INIT;
	static const char script[] = "readlink /proc/self/ns/pid; exec sleep 1000";
	static const char read[] = "{\"container_id\":\"%s\",\"exec_id\":\"\",\"len\":100}";
	const Grpc__ReadStreamResponse *r;

	if (!conform_run(c, &(struct conform_spec){ .script = script, .request = ",\"sandbox_pidns\":true" }) ||
	    !conform_run(c,
	                 &(struct conform_spec){ .id = app, .script = script, .request = ",\"sandbox_pidns\":true" }) ||
	    !conform_call(c, "ReadStdout", IS_OK, read, c->cid))
		return false;
	r = (const Grpc__ReadStreamResponse *)c->reply.message;
	if (buf_add(&a, r->data.data, r->data.len) < 0 || !conform_call(c, "ReadStdout", IS_OK, read, app))
		return false;
	r = (const Grpc__ReadStreamResponse *)c->reply.message;
	return buf_add(&b, r->data.data, r->data.len) == 0 &&
	       conform_check(c, strcmp(buf_str(&a), buf_str(&b)) == 0, "pid namespaces %s and %s", buf_str(&a),
	                     buf_str(&b));
}

static const struct conform_case pods[] = {
	CASE(WORKS, "pod/go-shim", CONFORM_NOTHING, go_shim),
	CASE(WORKS, "pod/go-shim-stop", CONFORM_NOTHING, go_shim_stop),
	CASE(WORKS, "pod/runtime-rs", CONFORM_NOTHING, runtime_rs),
	CASE(WORKS_STRICT, "pod/shared-pids", CONFORM_NOTHING, shared_pids),
};

SUITE(conform_suite_pods, pods);
