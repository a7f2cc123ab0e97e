/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/teardown.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/container.h"
#include "agent/hookjob.h"
#include "agent/sandbox.h"
#include "agent/storage_table.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "lib/path.h"
#include "lib/sys.h"

struct teardown {
	struct container *c;
	struct completion *done;
	struct completion *joined[TEARDOWN_JOINED_MAX];
	size_t n_joined;
	struct completion released; /* of the storage table */
	struct job job;
	struct hookjob hooks;
	struct loop_timer timeout; /* the caller's */
	struct loop_timer stuck;   /* ours */
	struct loop_deferred check;
	bool working; /* the job or the release is under way */
};

struct teardown *teardown_free(struct teardown *t)
{
	if (!t)
		return NULL;
	job_cancel(&t->job);
	hookjob_cancel(&t->hooks);
	loop_timer_stop(&t->timeout);
	loop_timer_stop(&t->stuck);
	list_remove(&t->check.link);
	free(t);
	return NULL;
}

static void tell(struct teardown *t, int r, const struct err *err)
{
	struct completion *done = t->done;

	t->done = NULL;
	loop_timer_stop(&t->timeout);
	if (done)
		done->done(done, r, err);
	else if (r < 0)
		log_warning("teardown", "Cannot take down container '%s': %s", t->c->id, err_text(err));
}

static void tell_joined(struct completion *const *joined, size_t n, int r, const struct err *err)
{
	for (size_t i = 0; i < n; i++)
		joined[i]->done(joined[i], r, err);
}

static void fail(struct teardown *t, int r, const struct err *err)
{
	struct container *c = t->c;

	tell(t, r, err);
	tell_joined(t->joined, t->n_joined, r, err);
	(void)container_set_state(c, CONTAINER_STOPPED);
	c->teardown = teardown_free(t);
}

static void end(struct teardown *t)
{
	struct completion *done = t->done, *joined[TEARDOWN_JOINED_MAX];
	size_t n = t->n_joined;

	memcpy(joined, t->joined, sizeof(joined));
	t->done = NULL;
	(void)container_free(t->c);
	if (done)
		done->done(done, 0, NULL);
	tell_joined(joined, n, 0, NULL);
}

static void on_poststop_done(struct hookjob *h, int r, const struct err *err)
{
	(void)r; /* was logged */
	(void)err;
	end(container_of(h, struct teardown, hooks));
}

/* Nothing is left of it: that is when they are due. One that never had a process is none to them. */
static void run_poststop(struct teardown *t)
{
	struct err err = ERR_INIT;

	if (!t->c->init || !hookjob_is_needed(t->c, HOOK_STAGE_STOP)) {
		end(t);
	} else if (hookjob_start(&t->hooks, t->c, HOOK_STAGE_STOP, on_poststop_done, &err) < 0) {
		log_warning("teardown", "Container '%s': %s, ignoring", t->c->id, err.text);
		end(t);
	}
}

static void on_dir_removed(struct job *job, int r, struct job_reply *reply, const struct err *err)
{
	struct teardown *t = container_of(job, struct teardown, job);

	(void)reply;
	if (r < 0)
		fail(t, r, err);
	else
		run_poststop(t);
}

/* Runs in the job. */
static int run_remove_dir(void *arg, struct job_reply *reply, struct err *err)
{
	const struct container *c = ((struct teardown *)arg)->c;
	_autoclose_ int base = sys_openat(AT_FDCWD, SANDBOX_RUN_DIR, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	int r;

	(void)reply;
	if (base == -ENOENT)
		return 0;
	if (base < 0)
		return err_set(err, base, "open '%s'", SANDBOX_RUN_DIR);
	r = path_remove_tree(base, c->id, err);
	/* What is mounted inside belongs to somebody who is still there. */
	return r == -EXDEV || r == -EBUSY ? 0 : r;
}

static void start_job(struct teardown *t, job_function run, job_done done)
{
	struct err err = ERR_INIT;
	int r;

	t->job = (struct job){ .name = "teardown", .run = run, .arg = t, .done = done };
	r = job_start(&t->c->sandbox->env, &t->job, &err);
	if (r < 0)
		fail(t, r, &err);
}

/* Last, for a storage may be mounted in the directory, or have its layers there: the next of this name starts afresh.
 */
static void on_released(struct completion *completion, int r, const struct err *err)
{
	struct teardown *t = container_of(completion, struct teardown, released);

	if (r < 0)
		fail(t, r, err);
	else
		start_job(t, run_remove_dir, on_dir_removed);
}

static void release_storages(struct teardown *t)
{
	struct err err = ERR_INIT;
	int r;

	t->released.done = on_released;
	r = storage_table_release(t->c->sandbox->storages, t->c->id, &t->released, &err);
	if (r < 0)
		fail(t, r, &err);
}

static void on_cgroup_removed(struct job *job, int r, struct job_reply *reply, const struct err *err)
{
	struct teardown *t = container_of(job, struct teardown, job);

	(void)reply;
	if (r < 0)
		fail(t, r, err);
	else
		release_storages(t);
}

/* Runs in the job. */
static int run_remove_cgroup(void *arg, struct job_reply *reply, struct err *err)
{
	const struct container *c = ((struct teardown *)arg)->c;

	(void)reply;
	if (!c->owns_cgroup)
		return 0;
	return cgroup_remove(&c->sandbox->cgroup_host, c->cgroup_path, err);
}

static bool all_reaped(const struct container *c)
{
	list_foreach(p, &c->processes, struct process, link)
		if (p->state != PROCESS_EXITED && (p->pidfd >= 0 || p->launch))
			return false;
	return true;
}

static void check(struct teardown *t)
{
	if (t->working || !all_reaped(t->c))
		return;
	t->working = true;
	loop_timer_stop(&t->stuck);
	start_job(t, run_remove_cgroup, on_cgroup_removed);
}

static void on_check(struct loop_deferred *deferred)
{
	check(container_of(deferred, struct teardown, check));
}

static void on_timeout(struct loop_timer *timer)
{
	struct teardown *t = container_of(timer, struct teardown, timeout);
	struct err err = ERR_INIT;

	(void)err_say(&err, ETIME, "remove '%s': still %s", t->c->id,
	              t->working ? "removing its cgroup, bundle and storages" : "waiting for its processes to end");
	tell(t, -ETIME, &err);
}

static void on_stuck(struct loop_timer *timer)
{
	struct teardown *t = container_of(timer, struct teardown, stuck);
	struct err err = ERR_INIT;

	(void)err_say(&err, EBUSY, "remove '%s': its processes do not end after SIGKILL", t->c->id);
	fail(t, -EBUSY, &err);
}

/* Also those that are not in the cgroup yet. */
static void stop_processes(struct container *c)
{
	container_cancel_execs(c);
	container_cancel_start(c);
	list_foreach(p, &c->processes, struct process, link)
		if (p->state != PROCESS_EXITED && p->pidfd >= 0)
			(void)sys_pidfd_send_signal(p->pidfd, SIGKILL);
}

int teardown_start(struct container *c, unsigned timeout_s, struct completion *done, struct err *err)
{
	struct loop *loop = c->sandbox->env.loop;
	struct teardown *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return err_set(err, ENOMEM, "remove '%s'", c->id);
	t->c = c;
	t->done = done;
	t->timeout.expired = on_timeout;
	t->stuck.expired = on_stuck;
	t->check.run = on_check;
	list_init(&t->check.link);
	r = loop_timer_start(loop, &t->stuck, TEARDOWN_KILL_MS);
	if (r >= 0 && timeout_s > 0)
		r = loop_timer_start(loop, &t->timeout, (uint64_t)timeout_s * 1000);
	if (r < 0) {
		(void)teardown_free(t);
		return err_set(err, r, "remove '%s'", c->id);
	}
	c->teardown = t;
	(void)container_set_state(c, CONTAINER_REMOVING);
	r = c->owns_cgroup ? cgroup_kill(&c->sandbox->cgroup_host, c->cgroup_path, err) : 0;
	if (r < 0)
		log_warning("teardown", "Cannot kill the cgroup of '%s': %s, ignoring", c->id, err ? err->text : "");
	stop_processes(c);
	loop_defer(loop, &t->check);
	return 0;
}

int teardown_join(struct teardown *t, struct completion *done, struct err *err)
{
	if (t->n_joined == TEARDOWN_JOINED_MAX)
		return err_say(err, EBUSY, "remove '%s': it is being removed, and %d wait for it already", t->c->id,
		               TEARDOWN_JOINED_MAX);
	t->joined[t->n_joined++] = done;
	return 0;
}

void teardown_process_exited(struct teardown *t)
{
	if (t)
		loop_defer(t->c->sandbox->env.loop, &t->check);
}
