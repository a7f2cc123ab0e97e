/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/container.h"

#include <ctype.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cdi.h"
#include "agent/cdi_find.h"
#include "agent/devices.h"
#include "agent/hookjob.h"
#include "agent/launch.h"
#include "agent/oom.h"
#include "agent/passfd_stdio.h"
#include "agent/sandbox.h"
#include "agent/shared_mounts.h"
#include "agent/storage_table.h"
#include "agent/teardown.h"
#include "agent/validate.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "lib/sys.h"

#define ID_MAX 128

#define BIT(state) (1u << CONTAINER_##state)
static const struct {
	const char *name;
	unsigned next; /* bit mask of allowed next states */
} states[CONTAINER_STATE_MAX] = {
	[CONTAINER_CREATING] = { "creating", BIT(CREATED) | BIT(REMOVING) },
	[CONTAINER_CREATED] = { "created", BIT(RUNNING) | BIT(PAUSED) | BIT(STOPPED) | BIT(REMOVING) },
	[CONTAINER_RUNNING] = { "running", BIT(PAUSED) | BIT(STOPPED) | BIT(REMOVING) },
	[CONTAINER_PAUSED] = { "paused", BIT(CREATED) | BIT(RUNNING) | BIT(STOPPED) | BIT(REMOVING) },
	[CONTAINER_STOPPED] = { "stopped", BIT(REMOVING) },
	[CONTAINER_REMOVING] = { "removing", BIT(STOPPED) },
};

const char *container_state_name(enum container_state state)
{
	return state >= 0 && state < CONTAINER_STATE_MAX ? states[state].name : "invalid";
}

int container_set_state(struct container *c, enum container_state state)
{
	if (!(states[c->state].next & 1u << state)) {
		log_error("container", "Container '%s' cannot go from %s to %s", c->id, states[c->state].name,
		          states[state].name);
		return -EINVAL;
	}
	log_debug("container", "Container '%s': %s", c->id, states[state].name);
	c->state = state;
	return 0;
}

int container_check_id(const char *id, struct err *err)
{
	size_t len = strlen(id);
	bool good = len >= 2 && len <= ID_MAX && isalnum((unsigned char)id[0]);

	for (size_t i = 0; i < len && good; i++)
		good = isalnum((unsigned char)id[i]) || strchr("_.-", id[i]);
	if (!good)
		return err_say(err, EINVAL,
		               "invalid container id '%.*s': [A-Za-z0-9][A-Za-z0-9_.-]+, at most %d characters", ID_MAX,
		               id, ID_MAX);
	return 0;
}

struct container_config *container_config_free(struct container_config *config)
{
	if (!config)
		return NULL;
	passfd_streams_done(&config->streams);
	arena_done(&config->arena);
	free(config);
	return NULL;
}

struct exec_config *exec_config_free(struct exec_config *config)
{
	if (!config)
		return NULL;
	passfd_streams_done(&config->streams);
	arena_done(&config->arena);
	free(config);
	return NULL;
}

/* Its pid namespace takes nobody in once the init is dead: the next container's is the shared one. */
static void unpin_pid_namespace(const struct container *c)
{
	struct sandbox *s = c->sandbox;

	if (s->pid_owner != c)
		return;
	s->pid_owner = NULL;
	fd_closep(&s->pins.pid);
}

struct container *container_free(struct container *c)
{
	if (!c)
		return NULL;
	unpin_pid_namespace(c);
	container_controls_cancel(c);
	container_cancel_execs(c);
	container_cancel_start(c);
	oom_unwatch(c->sandbox->oom, c->id);
	c->teardown = teardown_free(c->teardown);
	list_foreach(p, &c->processes, struct process, link)
		(void)process_free(p);
	free(c->starting);
	list_remove(&c->link);
	c->sandbox->n_containers--;
	(void)container_config_free(c->config);
	free(c);
	return NULL;
}

/* --- create ------------------------------------------------------------------------------------------------------ */

/* What is under way until CreateContainer is answered. */
struct creation {
	struct container *c;
	struct completion *done;
	struct completion storages, torn_down;
	struct job devices, sharing;
	struct completion *remover; /* who does not want it any more */
	struct err err;             /* why it failed, kept while it is taken down */
};

static void on_failed_torn_down(struct completion *completion, int r, const struct err *err)
{
	struct creation *k = container_of(completion, struct creation, torn_down);

	if (r < 0)
		log_warning("container", "Left-overs of a container that failed to start: %s", err_text(err));
	if (k->done)
		k->done->done(k->done, -k->err.num, &k->err);
	free(k);
}

/* Answers only when everything is gone again, so that the same id can be tried at once. */
static void fail_creation(struct creation *k, const struct err *why)
{
	struct err err = ERR_INIT;

	(void)err_copy(&k->err, why);
	k->c->creation = NULL;
	k->torn_down.done = on_failed_torn_down;
	if (k->c->teardown || teardown_start(k->c, 0, &k->torn_down, &err) < 0) {
		if (k->remover)
			k->remover->done(k->remover, -EBUSY, &err);
		on_failed_torn_down(&k->torn_down, -EBUSY, &err);
	} else if (k->remover) {
		(void)teardown_join(k->c->teardown, k->remover, &err);
	}
}

static int say_removed(const struct container *c, struct err *err)
{
	return err_say(err, ECANCELED, "create container '%s': it is being removed", c->id);
}

/* The first container's pid namespace is the one that others may share. */
static int pin_pid_namespace(const struct container *c)
{
	struct sandbox *s = c->sandbox;
	char path[64];
	int fd;

	if (s->pins.pid >= 0)
		return 0;
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)c->init->pid);
	fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return fd;
	s->pins.pid = fd;
	s->pid_owner = c;
	return 0;
}

static void end_creation(struct creation *k)
{
	struct container *c = k->c;
	struct err err = ERR_INIT;

	(void)container_set_state(c, CONTAINER_CREATED);
	if (oom_watch(c->sandbox->oom, c->id, c->cgroup_path, &err) < 0)
		log_warning("container", "Kills in '%s' will not be told: %s, ignoring", c->id, err.text);
	c->creation = NULL;
	k->done->done(k->done, 0, NULL);
	free(k);
}

static void on_mounts_shared(struct job *job, int r, struct job_reply *reply, const struct err *err)
{
	struct creation *k = container_of(job, struct creation, sharing);
	struct err own = ERR_INIT;

	if (reply->data.len > 0)
		log_warning("container", "Container '%s' goes without%.*s", k->c->id, (int)reply->data.len,
		            buf_str(&reply->data));
	if (r >= 0 && k->c->init->state == PROCESS_EXITED) {
		r = err_say(&own, ESRCH, "create container '%s': its init has ended", k->c->id);
		err = &own;
	}
	if (r < 0)
		fail_creation(k, err);
	else
		end_creation(k);
}

static void on_init_ready(struct process *p, int r, const struct err *err)
{
	struct container *c = p->container;
	struct creation *k = c->creation;
	struct err own = ERR_INIT;

	if (r >= 0) {
		r = pin_pid_namespace(c);
		if (r < 0)
			(void)err_set(&own, r, "pin the pid namespace of '%s'", c->id);
		if (r >= 0 && c->config->n_shared_mounts > 0)
			r = shared_mounts_start(c, &k->sharing, on_mounts_shared, &own);
		err = &own;
	}
	if (r < 0)
		fail_creation(k, err);
	else if (c->config->n_shared_mounts == 0)
		end_creation(k);
}

static void on_storages_ready(struct completion *completion, int r, const struct err *err)
{
	struct creation *k = container_of(completion, struct creation, storages);
	struct container *c = k->c;
	struct err own = ERR_INIT;

	if (r >= 0 && k->remover) {
		r = say_removed(c, &own);
		err = &own;
	} else if (r >= 0) {
		r = process_new(c, c->id, true, &c->init);
		r = r < 0 ? r : passfd_stdio_new(c->init, &c->config->streams, &c->init->passfd);
		if (r < 0)
			(void)err_set(&own, r, "create container '%s'", c->id);
		else
			r = launch_start(c->init, c->config->spec->process, on_init_ready, &own);
		err = &own;
	}
	if (r < 0)
		fail_creation(k, err);
}

static int mount_storages(struct creation *k, struct err *err)
{
	struct container *c = k->c;

	return storage_table_add(c->sandbox->storages, c->id, c->config->storages, c->config->n_storages, &k->storages,
	                         err);
}

/* What the job has found becomes part of the specification: after this nobody needs to know that it was different. */
static int take_devices(struct container_config *config, const struct buf *data, struct err *err)
{
	size_t n = data->len / sizeof(struct device_found);
	/* A copy, for bytes from a socket are aligned as they come. */
	const struct device_found *found = arena_memdup(&config->arena, buf_str(data), data->len);
	int r = found ? devices_make_pci_map(&config->arena, found, n, &config->pci_map) : -ENOMEM;

	if (r < 0)
		return err_set(err, r, "update the devices");
	r = devices_update_spec(&config->arena, config->spec, config->devices, found, n, err);
	if (r < 0 || !config->spec->process)
		return r;
	return devices_update_env(&config->arena, &config->spec->process->env, &config->pci_map, err);
}

static unsigned cdi_timeout_ms(const struct options *options)
{
	unsigned s = options ? options->cdi_timeout_s : 0;

	return (s < CDI_TIMEOUT_MAX_S ? s : CDI_TIMEOUT_MAX_S) * 1000;
}

static int start_devices_job(struct creation *k, const char *name, job_function run, job_done done,
                             unsigned deadline_ms, struct err *err)
{
	k->devices = (struct job){ .name = name, .run = run, .arg = k->c, .done = done, .deadline_ms = deadline_ms };
	return job_start(&k->c->sandbox->env, &k->devices, err);
}

/* Runs in the job. */
static int run_cdi(void *arg, struct job_reply *reply, struct err *err)
{
	const struct container *c = arg;
	_autoclose_ int root = sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);

	if (root < 0)
		return err_set(err, root, "open '/'");
	return cdi_find(root, &c->config->cdi_devices, cdi_timeout_ms(c->sandbox->options), &reply->data, err);
}

/* What the edits have brought is checked like what the request has brought. */
static void on_cdi_found(struct job *job, int r, struct job_reply *reply, const struct err *err)
{
	struct creation *k = container_of(job, struct creation, devices);
	struct container_config *config = k->c->config;
	struct err own = ERR_INIT;

	if (r < 0)
		(void)err_copy(&own, err);
	else
		r = cdi_apply(&config->arena, config->spec, buf_str(&reply->data), reply->data.len, &own);
	r = r < 0 ? r : container_validate(config->spec, true, &own);
	if (r < 0)
		(void)err_wrap(&own, "create container '%s'", k->c->id);
	r = r < 0 ? r : mount_storages(k, &own);
	if (r < 0)
		fail_creation(k, &own);
}

/* The devices of the container that its annotations name, then its storages. */
static int find_cdi_devices(struct creation *k, struct err *err)
{
	if (k->c->config->cdi_devices.n == 0)
		return mount_storages(k, err);
	return start_devices_job(k, "CDI devices", run_cdi, on_cdi_found,
	                         cdi_timeout_ms(k->c->sandbox->options) + JOB_DEADLINE_MS, err);
}

static void on_devices_found(struct job *job, int r, struct job_reply *reply, const struct err *err)
{
	struct creation *k = container_of(job, struct creation, devices);
	struct err own = ERR_INIT;

	if (r >= 0)
		r = take_devices(k->c->config, &reply->data, &own);
	else
		(void)err_copy(&own, err);
	if (r < 0)
		(void)err_wrap(&own, "create container '%s'", k->c->id);
	r = r < 0 ? r : find_cdi_devices(k, &own);
	if (r < 0)
		fail_creation(k, &own);
}

/* Runs in the job. */
static int run_devices(void *arg, struct job_reply *reply, struct err *err)
{
	const struct container *c = arg;

	return devices_find(c->config->devices, c->config->n_devices, devices_timeout_ms(c->sandbox->options),
	                    &reply->data, err);
}

static int find_devices(struct creation *k, struct err *err)
{
	const struct container_config *config = k->c->config;
	unsigned timeout_ms = devices_timeout_ms(k->c->sandbox->options);

	return start_devices_job(k, "devices", run_devices, on_devices_found,
	                         devices_deadline_ms(config->devices, config->n_devices, timeout_ms), err);
}

static int check_config(struct sandbox *s, struct container_config *config, struct err *err)
{
	int r = container_check_id(config->id, err);

	if (r < 0)
		return r;
	if (sandbox_find(s, config->id))
		return err_say(err, EEXIST, "container '%s' exists already", config->id);
	if (s->n_containers >= SANDBOX_CONTAINERS_MAX)
		return err_say(err, ENOSPC, "create container '%s': the sandbox has %d already", config->id,
		               SANDBOX_CONTAINERS_MAX);
	if (s->destroying)
		return err_say(err, ESHUTDOWN, "create container '%s': the sandbox is being destroyed", config->id);
	r = container_validate(config->spec, true, err);
	r = r < 0 ? r : devices_check(config->devices, config->n_devices, err);
	r = r < 0 ? r : shared_mounts_check(config->shared_mounts, config->n_shared_mounts, err);
	r = r < 0 ? r : cdi_find_wanted(&config->arena, config->spec, &config->cdi_devices, err);
	return r < 0 ? err_wrap(err, "create '%s'", config->id) : 0;
}

static bool is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

/* Who is killed, frozen or limited together with another is no container of its own. */
static int check_cgroup(const struct sandbox *s, const char *id, const char *path, struct err *err)
{
	list_foreach(other, &s->containers, struct container, link)
		if (is_below(path, other->cgroup_path) || is_below(other->cgroup_path, path))
			return err_say(err, EBUSY,
			               "create container '%s': cgroup '%s' and '%s' of container '%s' overlap", id,
			               path, other->cgroup_path, other->id);
	return 0;
}

static int new_container(struct sandbox *s, struct container_config *config, struct container **ret, struct err *err)
{
	struct container *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return err_set(err, ENOMEM, "create container '%s'", config->id);
	r = cgroup_path(&config->arena, config->spec->linux->cgroups_path, config->id, &c->cgroup_path, err);
	r = r < 0 ? r : check_cgroup(s, config->id, c->cgroup_path, err);
	if (r < 0) {
		free(c);
		return r;
	}
	c->sandbox = s;
	c->config = config;
	c->id = config->id;
	c->state = CONTAINER_CREATING;
	list_init(&c->processes);
	list_init(&c->controls);
	list_append(&s->containers, &c->link);
	s->n_containers++;
	*ret = c;
	return 0;
}

int container_create(struct sandbox *s, struct container_config *config, struct completion *done, struct err *err)
{
	struct creation *k = calloc(1, sizeof(*k));
	struct container *c = NULL;
	int r = k ? check_config(s, config, err) : err_set(err, ENOMEM, "create container '%s'", config->id);

	if (r >= 0)
		r = new_container(s, config, &c, err);
	if (r < 0) {
		(void)container_config_free(config);
		free(k);
		return r;
	}
	k->c = c;
	k->done = done;
	k->storages.done = on_storages_ready;
	c->creation = k;
	r = config->n_devices > 0 ? find_devices(k, err) : find_cdi_devices(k, err);
	if (r < 0) {
		(void)container_free(c);
		free(k);
	}
	return r;
}

/* --- start and exec ---------------------------------------------------------------------------------------------- */

static int refuse(const struct container *c, const char *what, struct err *err)
{
	return err_say(err, EINVAL, "%s container '%s': it is %s", what, c->id, container_state_name(c->state));
}

/* What is under way until StartContainer is answered, if there are poststart hooks. */
struct starting {
	struct container *c;
	struct completion *done;
	struct completion released;
	struct hookjob hooks;
	bool has_run; /* exec has worked */
};

static void end_start(struct starting *s, int r, const struct err *err)
{
	struct completion *done = s->done;
	struct err copy = ERR_INIT;

	(void)err_copy(&copy, err);
	s->c->starting = NULL;
	free(s);
	done->done(done, r, &copy);
}

static void on_poststart_done(struct hookjob *h, int r, const struct err *err)
{
	(void)r; /* was logged */
	(void)err;
	end_start(container_of(h, struct starting, hooks), 0, NULL);
}

static void on_init_released(struct completion *completion, int r, const struct err *err)
{
	struct starting *s = container_of(completion, struct starting, released);
	struct err own = ERR_INIT;

	if (r < 0) {
		end_start(s, r, err);
		return;
	}
	s->has_run = true;
	if (hookjob_start(&s->hooks, s->c, HOOK_STAGE_START, on_poststart_done, &own) < 0) {
		log_warning("container", "Container '%s': %s, ignoring", s->c->id, own.text);
		end_start(s, 0, NULL);
	}
}

/* Before exec has worked its launch answers, as soon as the init is dead. */
void container_cancel_start(struct container *c)
{
	struct starting *s = c->starting;

	if (!s || !s->has_run)
		return;
	hookjob_cancel(&s->hooks);
	end_start(s, 0, NULL);
}

/* The completion that puts the poststart hooks between exec and the answer. */
static int plan_start(struct container *c, struct completion **done, struct err *err)
{
	struct starting *s;

	if (!hookjob_is_needed(c, HOOK_STAGE_START))
		return 0;
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(err, ENOMEM, "start container '%s'", c->id);
	s->c = c;
	s->done = *done;
	s->released.done = on_init_released;
	c->starting = s;
	*done = &s->released;
	return 0;
}

int container_start(struct container *c, struct completion *done, struct err *err)
{
	int r;

	if (c->state != CONTAINER_CREATED || c->started || !c->init->launch)
		return refuse(c, "start", err);
	r = plan_start(c, &done, err);
	r = r < 0 ? r : launch_release(c->init->launch, done, err);
	if (r < 0) {
		free(take_ptr(&c->starting));
		return r;
	}
	c->started = true;
	return container_set_state(c, CONTAINER_RUNNING);
}

/* What is under way until ExecProcess is answered. */
struct exec {
	struct process *p;
	struct exec_config *config;
	struct completion *done;
	struct completion released;
};

static void end_exec(struct exec *x, int r, const struct err *err)
{
	struct completion *done = x->done;
	struct err copy = ERR_INIT;

	if (r < 0) {
		(void)err_copy(&copy, err);
		/* Never ran: no record, so that the id can be used again. */
		x->p->exec = NULL;
		if (x->p->pidfd < 0)
			(void)process_free(x->p);
		else
			x->p->is_failed = true;
	} else {
		x->p->exec = NULL;
	}
	(void)exec_config_free(x->config);
	free(x);
	done->done(done, r, &copy);
}

static void on_exec_released(struct completion *completion, int r, const struct err *err)
{
	end_exec(container_of(completion, struct exec, released), r, err);
}

static void on_exec_ready(struct process *p, int r, const struct err *err)
{
	struct exec *x = p->exec;
	struct err own = ERR_INIT;

	if (r >= 0) {
		x->released.done = on_exec_released;
		r = launch_release(p->launch, &x->released, &own);
		err = &own;
		if (r < 0)
			launch_abandon(p);
	}
	if (r < 0)
		end_exec(x, r, err);
}

void container_cancel_execs(struct container *c)
{
	struct err err = ERR_INIT;

	(void)err_say(&err, ECANCELED, "container '%s' is being removed", c->id);
	list_foreach(p, &c->processes, struct process, link) {
		if (!p->exec)
			continue;
		p->launch = launch_free(p->launch);
		end_exec(p->exec, -ECANCELED, &err);
	}
}

/* The id must be free; an ended exec that was waited for makes room for a new one of its name. */
static int claim_exec_id(struct container *c, const char *id, struct err *err)
{
	struct process *old;

	if (id[0] == '\0' || strlen(id) > ID_MAX)
		return err_say(err, EINVAL, "exec in '%s': invalid exec id '%.*s'", c->id, ID_MAX, id);
	old = container_find_process(c, id);
	if (!old)
		return 0;
	if (old->is_init || old->state != PROCESS_EXITED || !old->was_waited)
		return err_say(err, EEXIST, "exec id '%s' of container '%s' is in use", id, c->id);
	(void)process_free(old);
	return 0;
}

static int start_exec(struct container *c, struct exec_config *config, struct completion *done, struct err *err)
{
	struct exec *x;
	int r = claim_exec_id(c, config->id, err);

	if (r < 0)
		return r;
	x = calloc(1, sizeof(*x));
	if (!x)
		return err_set(err, ENOMEM, "exec '%s' in '%s'", config->id, c->id);
	r = process_new(c, config->id, false, &x->p);
	if (r < 0) {
		free(x);
		return err_set(err, r, "exec '%s' in '%s'", config->id, c->id);
	}
	x->config = config;
	x->done = done;
	x->p->exec = x;
	r = passfd_stdio_new(x->p, &config->streams, &x->p->passfd);
	if (r < 0)
		(void)err_set(err, r, "exec '%s' in '%s'", config->id, c->id);
	else
		r = launch_start(x->p, config->process, on_exec_ready, err);
	if (r < 0) {
		x->p->exec = NULL;
		(void)process_free(x->p);
		free(x);
	}
	return r;
}

int container_exec(struct container *c, struct exec_config *config, struct completion *done, struct err *err)
{
	int r = 0;

	if (c->state != CONTAINER_RUNNING && c->state != CONTAINER_CREATED)
		r = refuse(c, "exec in", err);
	else if (c->n_processes >= CONTAINER_PROCESSES_MAX)
		r = err_say(err, ENOSPC, "exec in container '%s': it has %d processes", c->id, CONTAINER_PROCESSES_MAX);
	if (r >= 0 && container_validate_process(config->process, err) < 0)
		r = err_wrap(err, "exec '%s' in '%s'", config->id, c->id);
	if (r >= 0 && devices_update_env(&config->arena, &config->process->env, &c->config->pci_map, err) < 0)
		r = err_wrap(err, "exec '%s' in '%s'", config->id, c->id);
	if (r >= 0 && !config->process->capabilities)
		config->process->capabilities = c->config->spec->process->capabilities;
	if (r >= 0)
		r = start_exec(c, config, done, err);
	if (r < 0)
		(void)exec_config_free(config);
	return r;
}

/* --- the rest ---------------------------------------------------------------------------------------------------- */

/* What mounts its storages is let go on to its end; the rest is not waited for. */
static int cancel_creation(struct container *c, struct completion *done, struct err *err)
{
	struct creation *k = c->creation;
	struct err why = ERR_INIT;

	if (k->remover)
		return err_say(err, EBUSY, "remove container '%s': somebody else removes it", c->id);
	k->remover = done;
	if (job_is_running(&k->devices)) {
		job_cancel(&k->devices);
		(void)say_removed(c, &why);
		fail_creation(k, &why);
		return 0;
	}
	if (!c->init)
		return 0;
	job_cancel(&k->sharing);
	c->init->launch = launch_free(c->init->launch);
	(void)say_removed(c, &why);
	fail_creation(k, &why);
	return 0;
}

int container_remove(struct container *c, unsigned timeout_s, struct completion *done, struct err *err)
{
	if (c->state == CONTAINER_REMOVING)
		return teardown_join(c->teardown, done, err);
	if (c->state == CONTAINER_CREATING)
		return cancel_creation(c, done, err);
	return teardown_start(c, timeout_s, done, err);
}

int container_kill_all(struct container *c, struct err *err)
{
	if (!c->owns_cgroup)
		return 0;
	if (c->state == CONTAINER_STOPPED && cgroup_count(&c->sandbox->cgroup_host, c->cgroup_path) <= 0)
		return 0;
	return cgroup_kill(&c->sandbox->cgroup_host, c->cgroup_path, err);
}

struct process *container_find_process(struct container *c, const char *exec_id)
{
	if (exec_id[0] == '\0' || strcmp(exec_id, c->id) == 0)
		return c->init;
	/* One that failed to start has no record, also while it still dies: its id is free at once. */
	list_foreach(p, &c->processes, struct process, link)
		if (!p->is_failed && strcmp(p->id, exec_id) == 0)
			return p;
	return NULL;
}

static bool is_record(const struct process *p)
{
	return !p->is_init && p->state == PROCESS_EXITED && list_is_empty(&p->waiters);
}

/* Keeps the newest records; those that somebody has waited for go first. */
static void forget_old_records(struct container *c)
{
	struct process *oldest = NULL;
	size_t n = 0;

	list_foreach(p, &c->processes, struct process, link) {
		if (!is_record(p))
			continue;
		n++;
		if (!oldest || (p->was_waited && !oldest->was_waited))
			oldest = p;
	}
	if (n > CONTAINER_EXITED_EXECS_MAX)
		(void)process_free(oldest);
}

void container_process_exited(struct container *c, struct process *p)
{
	if (p == c->init)
		unpin_pid_namespace(c);
	if (p == c->init && c->state != CONTAINER_REMOVING && c->state != CONTAINER_CREATING)
		(void)container_set_state(c, CONTAINER_STOPPED);
	if (p->is_failed)
		(void)process_free(p);
	else if (p != c->init)
		forget_old_records(c);
	teardown_process_exited(c->teardown);
}
