/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pause, resume and update of a container: one job each, because all of them can block on the kernel. Declared in
 * container.h.
 */
#include <errno.h>
#include <stdlib.h>

#include "agent/container.h"
#include "agent/sandbox.h"

enum control_verb {
	CONTROL_PAUSE,
	CONTROL_RESUME,
	CONTROL_UPDATE,
};

/* The job outlives neither answer nor container: removing waits for c->busy by the deadline of the job's kill. */
struct control {
	struct job job;
	struct list link; /* in container->controls */
	struct container *c;
	struct completion *done;
	enum control_verb verb;
	const struct oci_resources *resources;
};

static int run(void *arg, struct job_reply *reply, struct err *err)
{
	const struct control *k = arg;
	const struct cgroup_host *host = &k->c->sandbox->cgroup_host;

	(void)reply;
	if (k->verb == CONTROL_UPDATE)
		return cgroup_update(host, k->c->cgroup_path, k->resources, err);
	return cgroup_freeze(host, k->c->cgroup_path, k->verb == CONTROL_PAUSE, err);
}

static void on_done(struct job *job, int r, struct job_reply *reply, const struct err *err)
{
	struct control *k = container_of(job, struct control, job);
	struct container *c = k->c;
	struct completion *done = k->done;

	(void)reply;
	if (r >= 0 && k->verb == CONTROL_PAUSE && (c->state == CONTAINER_RUNNING || c->state == CONTAINER_CREATED))
		r = container_set_state(c, CONTAINER_PAUSED);
	if (r >= 0 && k->verb == CONTROL_RESUME && c->state == CONTAINER_PAUSED)
		r = container_set_state(c, c->started ? CONTAINER_RUNNING : CONTAINER_CREATED);
	list_remove(&k->link);
	free(k);
	done->done(done, r, err);
}

static int start(struct container *c, enum control_verb verb, const struct oci_resources *resources,
                 struct completion *done, struct err *err)
{
	struct control *k = calloc(1, sizeof(*k));
	int r;

	if (!k)
		return err_set(err, ENOMEM, "control container '%s'", c->id);
	k->c = c;
	k->verb = verb;
	k->resources = resources;
	k->done = done;
	k->job = (struct job){ .name = "control", .run = run, .arg = k, .done = on_done };
	r = job_start(&c->sandbox->env, &k->job, err);
	if (r < 0) {
		free(k);
		return r;
	}
	list_append(&c->controls, &k->link);
	return 0;
}

static int refuse(const struct container *c, const char *what, struct err *err)
{
	return err_say(err, EINVAL, "%s container '%s': it is %s", what, c->id, container_state_name(c->state));
}

int container_pause(struct container *c, struct completion *done, struct err *err)
{
	if (c->state != CONTAINER_RUNNING && c->state != CONTAINER_CREATED)
		return refuse(c, "pause", err);
	return start(c, CONTROL_PAUSE, NULL, done, err);
}

int container_resume(struct container *c, struct completion *done, struct err *err)
{
	if (c->state != CONTAINER_PAUSED)
		return refuse(c, "resume", err);
	return start(c, CONTROL_RESUME, NULL, done, err);
}

int container_update(struct container *c, const struct oci_resources *resources, struct completion *done,
                     struct err *err)
{
	if (c->state == CONTAINER_CREATING || c->state == CONTAINER_REMOVING || c->state == CONTAINER_STOPPED)
		return refuse(c, "update", err);
	return start(c, CONTROL_UPDATE, resources, done, err);
}

void container_controls_cancel(struct container *c)
{
	struct err err = ERR_INIT;

	(void)err_say(&err, ECANCELED, "container '%s' was removed meanwhile", c->id);
	list_foreach(k, &c->controls, struct control, link) {
		struct completion *done = k->done;

		job_cancel(&k->job);
		list_remove(&k->link);
		free(k);
		done->done(done, -ECANCELED, &err);
	}
}

int containers_follow_cpus(const struct sandbox *sandbox, struct err *err)
{
	_autofree_ unsigned *own = calloc(sandbox->n_containers + 1, sizeof(*own));
	size_t i = 0;

	if (!own)
		return err_set(err, ENOMEM, "give new CPUs to the containers");
	list_foreach(c, &sandbox->containers, struct container, link)
		own[i++] = c->owns_cgroup ? cgroup_find_own_cpus(&sandbox->cgroup_host, c->cgroup_path) : 0;
	i = 0;
	list_foreach(c, &sandbox->containers, struct container, link) {
		const struct oci_resources *res = c->config->spec->linux->resources;
		int r = 0;

		if (c->owns_cgroup)
			r = cgroup_follow_cpus(&sandbox->cgroup_host, c->cgroup_path, res ? res->cpu : NULL, own[i],
			                       err);
		if (r < 0 && r != -ENOENT) /* gone meanwhile */
			return err_wrap(err, "container '%s'", c->id);
		i++;
	}
	return 0;
}
