/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "lib/log.h"
#include "proto/agent.pb-c.h"
#include "runtime/sandbox.h"
#include "runtime/share.h"

/* How long each step may take before the next is tried. */
static const unsigned step_ms[] = {
	[END_NONE] = 0,       [END_SIGNALLED] = 10000, [END_KILLED] = 10000, [END_STDIO] = 15000,
	[END_DESTROY] = 5000, [END_QUIT] = 3000,       [END_REAP] = 5000,    [END_OVER] = 0,
};

static void enter(struct sandbox *sb, enum sandbox_end step);

static void ignore_reply(void *arg, struct client_reply *reply)
{
	(void)arg;
	(void)reply;
}

static void send_signal(struct sandbox *sb, int signo)
{
	Grpc__SignalProcessRequest request = GRPC__SIGNAL_PROCESS_REQUEST__INIT;

	request.container_id = (char *)sb->id;
	/* SIGKILL is for all of it. */
	request.exec_id = signo == SIGKILL ? (char *)"" : (char *)sb->id;
	request.signal = (uint32_t)signo;
	(void)agentlink_call(&sb->link, "SignalProcess", &request.base, step_ms[END_KILLED], ignore_reply, sb);
}

static void send_destroy(struct sandbox *sb)
{
	Grpc__DestroySandboxRequest request = GRPC__DESTROY_SANDBOX_REQUEST__INIT;

	(void)agentlink_call(&sb->link, "DestroySandbox", &request.base, step_ms[END_DESTROY], ignore_reply, sb);
}

static bool own_is_stopped(struct sandbox *sb)
{
	struct container *own = sandbox_find(sb, sb->id);

	return !own || own->status == CONTAINER_STOPPED || own->status == CONTAINER_CREATING;
}

/* Those of containers that run on end when the VM does. */
static bool stdio_is_over(struct sandbox *sb)
{
	list_foreach(c, &sb->containers, struct container, link) {
		if (c->status == CONTAINER_STOPPED && c->stdio.fd >= 0)
			return false;
	}
	return true;
}

/* Whoever deletes has got what he wanted. */
static void answer_pending(struct wire_request *request, const struct err *err)
{
	const char *verb = wire_text(request, "verb");

	if (verb && strcmp(verb, "delete") == 0)
		wire_answer(request, NULL);
	else
		wire_fail(request, err);
}

/* At the end of the turn: nobody's callback is on the stack. */
static void run_over(struct loop_deferred *deferred)
{
	struct sandbox *sb = container_of(deferred, struct sandbox, end_deferred);
	struct err err = ERR_INIT, unmounted = ERR_INIT;

	agentlink_close(&sb->link);
	sb->vm = hypervisor_free(sb->vm);
	network_close(&sb->network);
	resize_stop(sb);
	(void)err_say(&err, ECONNRESET, "sandbox '%s' has ended", sb->id);
	list_foreach(c, &sb->containers, struct container, link) {
		if (c->status != CONTAINER_STOPPED)
			c->exit_code = 128 + SIGKILL;
		c->status = CONTAINER_STOPPED;
		if (c->pending)
			answer_pending(take_ptr(&c->pending), &err);
		if (c->deleter)
			wire_answer(take_ptr(&c->deleter), NULL);
	}
	if (share_clean(sb->dir, &unmounted) < 0)
		log_error("sandbox", "%s", err_text(&unmounted));
	sandbox_save(sb);
	list_foreach(request, &sb->enders, struct wire_request, link) {
		list_remove(&request->link);
		wire_answer(request, NULL);
	}
	loop_stop(sb->loop);
}

static void act(struct sandbox *sb)
{
	switch (sb->end) {
	case END_SIGNALLED:
		send_signal(sb, sb->end_signal);
		break;
	case END_KILLED:
		send_signal(sb, SIGKILL);
		break;
	case END_DESTROY:
		send_destroy(sb);
		break;
	case END_QUIT:
		hypervisor_quit(sb->vm);
		break;
	case END_REAP:
		hypervisor_kill(sb->vm);
		break;
	case END_OVER:
		loop_defer(sb->loop, &sb->end_deferred);
		break;
	case END_NONE:
	case END_STDIO:
		break;
	}
}

static void on_step_late(struct loop_timer *timer)
{
	struct sandbox *sb = container_of(timer, struct sandbox, end_timer);

	log_info("sandbox", "Ending sandbox '%s': step %d took too long, going on", sb->id, (int)sb->end);
	enter(sb, sb->end + 1);
}

static void enter(struct sandbox *sb, enum sandbox_end step)
{
	if (!hypervisor_is_running(sb->vm))
		step = END_OVER;
	sb->end = step;
	loop_timer_stop(&sb->end_timer);
	sb->end_timer.expired = on_step_late;
	if (step != END_OVER && loop_timer_start(sb->loop, &sb->end_timer, step_ms[step]) < 0)
		sb->end = END_REAP;
	act(sb);
	sandbox_end_check(sb);
}

void sandbox_end_check(struct sandbox *sb)
{
	if (sb->end == END_NONE || sb->end == END_OVER)
		return;
	if (!hypervisor_is_running(sb->vm))
		enter(sb, END_OVER);
	else if ((sb->end == END_SIGNALLED || sb->end == END_KILLED) && own_is_stopped(sb))
		enter(sb, END_STDIO);
	else if (sb->end == END_STDIO && stdio_is_over(sb))
		enter(sb, END_DESTROY);
}

void sandbox_end(struct sandbox *sb, int signo)
{
	/* Whoever asks for SIGKILL does not wait for what SIGTERM does. */
	if (sb->end == END_SIGNALLED && signo == SIGKILL)
		enter(sb, END_KILLED);
	if (sb->end != END_NONE)
		return;
	sb->end_deferred.run = run_over;
	sb->end_signal = signo;
	enter(sb, signo != 0 && !own_is_stopped(sb) ? END_SIGNALLED : END_STDIO);
}

/* The agent is lost first, by which the end may have begun. */
static void note_loss(struct sandbox *sb, int status)
{
	const char *panic = hypervisor_panic(sb->vm);
	char *why = NULL;

	if ((!panic && sb->end != END_NONE) || sb->ended)
		return;
	if ((panic ? asprintf(&why, "%s", panic) : asprintf(&why, "QEMU ended with status %d", status)) < 0)
		return;
	sb->ended = why;
	log_error("sandbox", "The VM of sandbox '%s' has gone: %s", sb->id, why);
}

void sandbox_vm_gone(void *arg, int status)
{
	struct sandbox *sb = arg;

	note_loss(sb, status);
	if (sb->end == END_NONE)
		sandbox_end(sb, 0);
	sandbox_end_check(sb);
}
