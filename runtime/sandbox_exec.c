/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/oci.h"
#include "lib/procstart.h"
#include "proto/agent.pb-c.h"
#include "proto/pboci.h"
#include "runtime/sandbox.h"

#define UNATTENDED_MS 30000 /* that an exec may run before its stdio process is there */

/* An exec, from the request on until its stdio process has ended. */
struct exec {
	struct list link;
	struct sandbox *sandbox;
	char *cid, *eid;
	bool is_terminal;
	struct wire_request *pending; /* NULL once the agent has answered */
	struct loop_timer unattended;
	struct loop_source stdio; /* pidfd */
};

static void free_exec(struct exec *e)
{
	list_remove(&e->link);
	loop_timer_stop(&e->unattended);
	loop_remove(&e->stdio);
	e->stdio.fd = fd_close(e->stdio.fd);
	free(e->cid);
	free(e->eid);
	free(e);
}

/* Whether it has exited by itself does not matter: a signal to an ended process does nothing. */
static void end_exec(struct exec *e)
{
	sandbox_signal(e->sandbox, e->cid, e->eid, SIGKILL);
	free_exec(e);
}

static void on_unattended(struct loop_timer *timer)
{
	end_exec(container_of(timer, struct exec, unattended));
}

static int on_stdio_end(struct loop_source *source, uint32_t events)
{
	(void)events;
	end_exec(container_of(source, struct exec, stdio));
	return LOOP_KEEP;
}

static struct exec *find_exec(struct sandbox *sb, const char *cid, const char *eid)
{
	list_foreach(e, &sb->execs, struct exec, link) {
		if (strcmp(e->cid, cid) == 0 && strcmp(e->eid, eid) == 0 && !e->pending)
			return e;
	}
	return NULL;
}

/* One whose answer is still to come is left to that answer. */
void sandbox_forget_execs(struct sandbox *sb, const char *cid)
{
	list_foreach(e, &sb->execs, struct exec, link) {
		if ((!cid || strcmp(e->cid, cid) == 0) && (!cid || !e->pending))
			free_exec(e);
	}
}

static void on_executed(void *arg, struct client_reply *reply)
{
	struct exec *e = arg;
	struct wire_request *request = take_ptr(&e->pending);
	struct json_object *result;
	struct err err = ERR_INIT;

	if (agentlink_check(reply, "exec in container", e->cid, &err) < 0) {
		wire_fail(request, &err);
		free_exec(e);
		return;
	}
	result = json_object_new_object();
	if (result) {
		(void)json_object_object_add(result, "exec", json_object_new_string(e->eid));
		(void)json_object_object_add(result, "terminal", json_object_new_boolean(e->is_terminal));
		(void)json_object_object_add(result, "agent", json_object_new_string(hypervisor_agent(e->sandbox->vm)));
	}
	e->unattended.expired = on_unattended;
	(void)loop_timer_start(e->sandbox->loop, &e->unattended, UNATTENDED_MS);
	wire_answer(request, result);
}

static struct exec *add_exec(struct sandbox *sb, const char *cid)
{
	struct exec *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	list_init(&e->link);
	e->sandbox = sb;
	e->stdio.fd = -EBADF;
	e->cid = strdup(cid);
	if (asprintf(&e->eid, "exec-%u", ++sb->n_execs) < 0)
		e->eid = NULL;
	if (!e->cid || !e->eid) {
		free_exec(e);
		return NULL;
	}
	list_append(&sb->execs, &e->link);
	return e;
}

static int send_exec(struct sandbox *sb, struct exec *e, struct arena *arena, struct oci_process *process,
                     struct err *err)
{
	Grpc__ExecProcessRequest exec = GRPC__EXEC_PROCESS_REQUEST__INIT;
	int r = pboci_process_to_pb(arena, process, &exec.process, err);

	if (r < 0)
		return r;
	exec.container_id = e->cid;
	exec.exec_id = e->eid;
	e->is_terminal = process->terminal;
	r = agentlink_call(&sb->link, "ExecProcess", &exec.base, AGENTLINK_TIMEOUT_MS, on_executed, e);
	return r < 0 ? err_set(err, -r, "exec in container '%s'", e->cid) : 0;
}

static int make_exec(struct sandbox *sb, struct container *c, struct wire_request *request, struct err *err)
{
	const char *text = wire_text(request, "process");
	_autoarena_ struct arena arena = { .max = 0 };
	struct oci_process *process = NULL;
	struct exec *e;
	int r;

	if (c->status != CONTAINER_RUNNING && c->status != CONTAINER_CREATED)
		return err_say(err, ESRCH, "exec in container '%s': it is not running", c->id);
	if (!text)
		return err_say(err, EINVAL, "exec in container '%s': the request has no process", c->id);
	r = oci_process_parse(&arena, text, strlen(text), NULL, &process, err);
	if (r < 0)
		return err_wrap(err, "exec in container '%s'", c->id);
	/* They are the host's. */
	process->apparmor_profile = process->selinux_label = NULL;
	e = add_exec(sb, c->id);
	if (!e)
		return err_set(err, ENOMEM, "exec in container '%s'", c->id);
	r = send_exec(sb, e, &arena, process, err);
	if (r < 0)
		free_exec(e);
	else
		e->pending = request;
	return r;
}

void sandbox_exec(struct sandbox *sb, struct wire_request *request)
{
	struct container *c = sandbox_find_for(sb, request);
	struct err err = ERR_INIT;

	if (c && make_exec(sb, c, request, &err) < 0)
		wire_fail(request, &err);
}

void sandbox_attach_exec(struct sandbox *sb, const char *eid, struct wire_request *request)
{
	const char *cid = wire_text(request, "id");
	struct exec *e = find_exec(sb, cid, eid);
	struct json_object *pid;
	uint64_t start = 0;
	struct err err = ERR_INIT;
	int r;

	if (!e || e->stdio.fd >= 0) {
		(void)err_say(&err, ENOENT, "exec '%s' in container '%s': nobody waits for its stdio process", eid,
		              cid);
		wire_fail(request, &err);
		return;
	}
	if (!json_object_object_get_ex(request->json, "pid", &pid))
		pid = NULL;
	r = proc_start_time(pid ? json_object_get_int(pid) : 0, &start);
	if (r == 0)
		r = proc_open(json_object_get_int(pid), start);
	if (r >= 0) {
		e->stdio = (struct loop_source){ "exec", r, EPOLLIN, on_stdio_end, NULL };
		r = loop_add(sb->loop, &e->stdio);
	}
	loop_timer_stop(&e->unattended);
	if (r == 0) {
		wire_answer(request, NULL);
		return;
	}
	(void)err_set(&err, -r, "watch the stdio process of exec '%s'", eid);
	wire_fail(request, &err);
	end_exec(e);
}
