/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/sandbox.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "lib/procstart.h"
#include "lib/sys.h"
#include "proto/agent.pb-c.h"
#include "runtime/place.h"
#include "runtime/share.h"

#define LOST_STATUS (128 + SIGKILL) /* of a container whose VM has gone away */

void sandbox_free_container(struct container *c)
{
	resize_forget(c->sandbox, c);
	sandbox_forget_creation(c);
	disk_free_all(&c->disks);
	ephemeral_free_all(&c->volumes);
	list_remove(&c->link);
	loop_remove(&c->stdio);
	c->stdio.fd = fd_close(c->stdio.fd);
	(void)json_object_put(c->annotations);
	free(c->id);
	free(c->bundle);
	free(c->cpuset);
	free(c);
}

int sandbox_init(struct sandbox *sb, struct loop *loop, const char *root, const char *id, struct err *err)
{
	*sb = (struct sandbox){ .loop = loop,
		                .root = root,
		                .id = id,
		                .network = NETWORK_INIT,
		                .cgroups = HOSTCGROUP_INIT,
		                .root_disk.fd = -EBADF };
	list_init(&sb->containers);
	list_init(&sb->execs);
	list_init(&sb->enders);
	list_init(&sb->end_deferred.link);
	resize_init(&sb->resize);
	sb->dir = place_path(root, id, NULL);
	return sb->dir ? 0 : err_set(err, ENOMEM, "make sandbox '%s'", id);
}

void sandbox_done(struct sandbox *sb)
{
	loop_timer_stop(&sb->end_timer);
	agentlink_close(&sb->link);
	sb->vm = hypervisor_free(sb->vm);
	sandbox_forget_execs(sb, NULL);
	network_close(&sb->network);
	hostcgroup_close(&sb->cgroups);
	list_foreach(c, &sb->containers, struct container, link)
		sandbox_free_container(c);
	resize_forget(sb, NULL);
	config_done(&sb->config);
	sb->root_disk.fd = fd_close(sb->root_disk.fd);
	free(sb->ended);
	free(sb->dir);
}

struct container *sandbox_find(struct sandbox *sb, const char *id)
{
	list_foreach(c, &sb->containers, struct container, link) {
		if (strcmp(c->id, id) == 0)
			return c;
	}
	return NULL;
}

struct container *sandbox_find_for(struct sandbox *sb, struct wire_request *request)
{
	const char *id = wire_text(request, "id");
	struct container *c = id ? sandbox_find(sb, id) : NULL;
	struct err err = ERR_INIT;

	if (c)
		return c;
	(void)err_say(&err, ENOENT, "container '%s' does not exist", id ? id : "");
	wire_fail(request, &err);
	return NULL;
}

/* One that is asked for while another waits for the agent is refused: they could not both be right. */
static bool is_busy(struct container *c, struct wire_request *request)
{
	struct err err = ERR_INIT;

	if (!c->pending)
		return false;
	(void)err_say(&err, EBUSY, "container '%s': another request is under way", c->id);
	wire_fail(request, &err);
	return true;
}

void sandbox_fail_pending(struct container *c, const struct err *err)
{
	if (c->pending)
		wire_fail(take_ptr(&c->pending), err);
}

void sandbox_exited(struct sandbox *sb, struct container *c, int code)
{
	if (c->status == CONTAINER_STOPPED)
		return;
	c->status = CONTAINER_STOPPED;
	c->exit_code = code;
	sandbox_save(sb);
	if (strcmp(c->id, sb->id) == 0)
		sandbox_end(sb, 0);
	else
		resize_ask(sb, NULL, NULL);
	sandbox_end_check(sb);
}

static void on_exit_code(void *arg, struct client_reply *reply)
{
	struct container *c = arg;
	int code = LOST_STATUS;

	c->is_waited = false;
	if (c->is_removed) {
		sandbox_free_container(c);
		return;
	}
	if (reply->code == RPC_OK)
		code = ((const Grpc__WaitProcessResponse *)reply->message)->status & 0xff;
	sandbox_exited(c->sandbox, c, code);
}

void sandbox_watch_exit(struct sandbox *sb, struct container *c)
{
	Grpc__WaitProcessRequest request = GRPC__WAIT_PROCESS_REQUEST__INIT;

	request.container_id = c->id;
	request.exec_id = c->id;
	c->is_waited = agentlink_call(&sb->link, "WaitProcess", &request.base, 0, on_exit_code, c) == 0;
	if (!c->is_waited)
		sandbox_exited(sb, c, LOST_STATUS);
}

void sandbox_drop(struct sandbox *sb, struct container *c)
{
	bool is_own = strcmp(c->id, sb->id) == 0;

	share_remove(sb->dir, c->id);
	sandbox_forget_execs(sb, c->id);
	c->is_removed = true;
	list_remove(&c->link);
	/* The answer to WaitProcess still has its address. */
	if (!c->is_waited)
		sandbox_free_container(c);
	if (is_own)
		sandbox_end(sb, 0);
	else
		resize_ask(sb, NULL, NULL);
}

/* --- start, attach, kill, delete --------------------------------------------------------------------------------- */

static void on_started(void *arg, struct client_reply *reply)
{
	struct container *c = arg;
	struct err err = ERR_INIT;

	if (agentlink_check(reply, "start container", c->id, &err) < 0) {
		sandbox_fail_pending(c, &err);
		return;
	}
	/* A short one may have ended before. */
	if (c->status == CONTAINER_CREATED)
		c->status = CONTAINER_RUNNING;
	sandbox_save(c->sandbox);
	if (c->pending)
		wire_answer(take_ptr(&c->pending), NULL);
}

void sandbox_start(struct sandbox *sb, struct wire_request *request)
{
	Grpc__StartContainerRequest start = GRPC__START_CONTAINER_REQUEST__INIT;
	struct container *c = sandbox_find_for(sb, request);
	struct err err = ERR_INIT;
	int r;

	if (!c || is_busy(c, request))
		return;
	start.container_id = c->id;
	r = c->status == CONTAINER_CREATED ? sandbox_try_save(sb, &err)
	                                   : err_say(&err, EINVAL, "start container '%s': it is not 'created'", c->id);
	if (r == 0)
		r = agentlink_call(&sb->link, "StartContainer", &start.base, AGENTLINK_TIMEOUT_MS, on_started, c);
	if (r == 0) {
		c->pending = request;
		return;
	}
	if (err.num == 0)
		(void)err_set(&err, -r, "start container '%s'", c->id);
	wire_fail(request, &err);
}

/* Nobody takes the output any more: the container cannot go on. */
static int on_stdio_end(struct loop_source *source, uint32_t events)
{
	struct container *c = container_of(source, struct container, stdio);

	(void)events;
	loop_remove(source);
	source->fd = fd_close(source->fd);
	if (c->status != CONTAINER_STOPPED && strcmp(c->id, c->sandbox->id) == 0)
		sandbox_end(c->sandbox, SIGKILL);
	else if (c->status != CONTAINER_STOPPED)
		sandbox_signal(c->sandbox, c->id, "", SIGKILL);
	sandbox_end_check(c->sandbox);
	return LOOP_KEEP;
}

void sandbox_attach(struct sandbox *sb, struct wire_request *request)
{
	struct container *c = sandbox_find_for(sb, request);
	struct json_object *pid;
	struct err err = ERR_INIT;
	const char *eid;
	int r;

	if (!c)
		return;
	eid = wire_text(request, "exec");
	if (eid) {
		sandbox_attach_exec(sb, eid, request);
		return;
	}
	if (c->stdio.fd >= 0) {
		(void)err_say(&err, EEXIST, "container '%s': it has a stdio process already", c->id);
		wire_fail(request, &err);
		return;
	}
	if (json_object_object_get_ex(request->json, "pid", &pid))
		c->pid = json_object_get_int(pid);
	r = proc_start_time(c->pid, &c->start_time);
	if (r == 0)
		r = proc_open(c->pid, c->start_time);
	if (r >= 0) {
		c->stdio = (struct loop_source){ "stdio", r, EPOLLIN, on_stdio_end, NULL };
		r = loop_add(sb->loop, &c->stdio);
	}
	/* Engines look there for the cgroup of what they take for the container. */
	if (r == 0 && hostcgroup_add(&sb->cgroups, c->pid, &err) < 0)
		log_warning("sandbox", "%s, ignoring", err_text(&err));
	err = (struct err)ERR_INIT;
	r = r < 0 ? err_set(&err, -r, "watch the stdio process of '%s'", c->id) : sandbox_try_save(sb, &err);
	if (r == 0)
		wire_answer(request, NULL);
	else
		wire_fail(request, &err);
}

static void ignore_reply(void *arg, struct client_reply *reply)
{
	(void)arg;
	(void)reply;
}

void sandbox_signal(struct sandbox *sb, const char *cid, const char *eid, int signo)
{
	Grpc__SignalProcessRequest request = GRPC__SIGNAL_PROCESS_REQUEST__INIT;

	request.container_id = (char *)cid;
	request.exec_id = (char *)eid;
	request.signal = (uint32_t)signo;
	(void)agentlink_call(&sb->link, "SignalProcess", &request.base, AGENTLINK_TIMEOUT_MS, ignore_reply, sb);
}

static void on_signalled(void *arg, struct client_reply *reply)
{
	struct wire_request *request = arg;
	struct err err = ERR_INIT;

	if (agentlink_check(reply, "signal container", wire_text(request, "id"), &err) < 0)
		wire_fail(request, &err);
	else
		wire_answer(request, NULL);
}

void sandbox_kill(struct sandbox *sb, struct wire_request *request)
{
	Grpc__SignalProcessRequest signal = GRPC__SIGNAL_PROCESS_REQUEST__INIT;
	struct container *c = sandbox_find_for(sb, request);
	struct json_object *value;
	struct err err = ERR_INIT;
	bool all;
	int r, signo;

	if (!c)
		return;
	signo = json_object_object_get_ex(request->json, "signal", &value) ? json_object_get_int(value) : 0;
	all = json_object_object_get_ex(request->json, "all", &value) && json_object_get_boolean(value);
	if (c->status == CONTAINER_STOPPED && !all) {
		(void)err_say(&err, ESRCH, "container not running: '%s' is stopped", c->id);
		wire_fail(request, &err);
		return;
	}
	if ((signo == SIGTERM || signo == SIGKILL) && strcmp(c->id, sb->id) == 0) {
		list_append(&sb->enders, &request->link);
		sandbox_end(sb, signo);
		return;
	}
	signal.container_id = c->id;
	signal.exec_id = all ? (char *)"" : c->id;
	signal.signal = (uint32_t)signo;
	r = agentlink_call(&sb->link, "SignalProcess", &signal.base, AGENTLINK_TIMEOUT_MS, on_signalled, request);
	if (r < 0) {
		(void)err_set(&err, -r, "signal container '%s'", c->id);
		wire_fail(request, &err);
	}
}

static void on_unplugged(struct container *c)
{
	struct sandbox *sb = c->sandbox;
	struct wire_request *request = take_ptr(&c->pending);

	sandbox_drop(sb, c);
	sandbox_save(sb);
	if (request)
		wire_answer(request, NULL);
}

static void on_removed(void *arg, struct client_reply *reply)
{
	struct container *c = arg;
	struct err err = ERR_INIT;

	/* With its guest it has gone too, and whoever deletes wants no more. */
	if (c->sandbox->end == END_NONE && !reply->is_lost &&
	    agentlink_check(reply, "remove container", c->id, &err) < 0)
		sandbox_fail_pending(c, &err);
	else
		sandbox_unplug(c, on_unplugged);
}

void sandbox_delete(struct sandbox *sb, struct wire_request *request)
{
	Grpc__RemoveContainerRequest remove = GRPC__REMOVE_CONTAINER_REQUEST__INIT;
	struct container *c = sandbox_find_for(sb, request);
	struct err err = ERR_INIT;
	int r;

	if (!c)
		return;
	if (strcmp(c->id, sb->id) == 0) {
		list_append(&sb->enders, &request->link);
		sandbox_end(sb, SIGKILL);
		return;
	}
	/* Answered when all of it has gone. */
	if (sb->end != END_NONE) {
		list_append(&sb->enders, &request->link);
		return;
	}
	if (c->creation && !c->deleter) {
		sandbox_cancel_creation(c, request);
		return;
	}
	if (is_busy(c, request))
		return;
	remove.container_id = c->id;
	r = agentlink_call(&sb->link, "RemoveContainer", &remove.base, AGENTLINK_TIMEOUT_MS, on_removed, c);
	if (r == 0) {
		c->pending = request;
		return;
	}
	(void)err_set(&err, -r, "remove container '%s'", c->id);
	wire_fail(request, &err);
}
