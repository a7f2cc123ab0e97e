/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/sandbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/devices.h"
#include "agent/network/dns.h"
#include "agent/oom.h"
#include "agent/passfd.h"
#include "agent/storage_table.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "lib/path.h"
#include "lib/sys.h"

struct sandbox_config *sandbox_config_free(struct sandbox_config *config)
{
	if (!config)
		return NULL;
	arena_done(&config->arena);
	free(config);
	return NULL;
}

int sandbox_new(const struct job_env *env, const struct options *options, struct sandbox **ret, struct err *err)
{
	struct sandbox *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_set(err, ENOMEM, "make the sandbox");
	s->env = *env;
	s->options = options;
	strcpy(s->cgroup_root, CGROUP_ROOT);
	s->pins = (struct nspace_pins){ .ipc = -EBADF, .uts = -EBADF, .pid = -EBADF };
	list_init(&s->containers);
	list_init(&s->lingering);
	r = storage_table_new(env, devices_timeout_ms(options), &s->storages);
	if (r >= 0)
		r = cgroup_host_init(&s->cgroup_host, s->cgroup_root, err);
	if (r < 0) {
		(void)sandbox_free(s);
		return r;
	}
	r = oom_new(env->loop, &s->cgroup_host, &s->oom);
	if (r < 0) {
		(void)sandbox_free(s);
		return err_set(err, r, "watch for kills");
	}
	*ret = s;
	return 0;
}

static void drop_pins(struct sandbox *s)
{
	fd_closep(&s->pins.ipc);
	fd_closep(&s->pins.uts);
	fd_closep(&s->pins.pid);
}

struct sandbox *sandbox_free(struct sandbox *s)
{
	if (!s)
		return NULL;
	list_foreach(c, &s->containers, struct container, link)
		(void)container_free(c);
	drop_pins(s);
	s->oom = oom_free(s->oom);
	s->storages = storage_table_free(s->storages);
	(void)sandbox_config_free(s->config);
	free(s);
	return NULL;
}

struct container *sandbox_find(struct sandbox *s, const char *id)
{
	list_foreach(c, &s->containers, struct container, link)
		if (strcmp(c->id, id) == 0)
			return c;
	return NULL;
}

/* Runs in a job. */
static int run_drop_dns(void *arg, struct job_reply *reply, struct err *err)
{
	_autoclose_ int root = sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);

	(void)arg;
	(void)reply;
	return root < 0 ? err_set(err, root, "open '/'") : net_dns_remove(root, err);
}

/* Starts the job that takes the mount over /etc/resolv.conf away; 1, 0 if there is nothing to do, -errno. */
static int drop_dns(struct sandbox *s, struct job *job, job_done done, struct err *err)
{
	int r;

	if (!s->dns_mounted)
		return 0;
	*job = (struct job){ .name = "dns", .run = run_drop_dns, .done = done };
	r = job_start(&s->env, job, err);
	if (r < 0)
		return r;
	s->dns_mounted = false;
	return 1;
}

/* --- CreateSandbox ----------------------------------------------------------------------------------------------- */

/* What is under way until CreateSandbox is answered. */
struct sandbox_creation {
	struct sandbox *s;
	struct sandbox_config *config;
	struct completion *done;
	struct completion storages;
	struct job job;
	struct err failure;
};

static void finish_creation(struct sandbox_creation *k, int r, const struct err *err)
{
	struct sandbox *s = k->s;
	struct completion *done = k->done;

	s->creating = false;
	if (r < 0) {
		drop_pins(s);
		(void)sandbox_config_free(k->config);
	} else {
		s->config = k->config;
	}
	free(k);
	done->done(done, r, err);
}

static void on_undone(struct job *job, int r, struct job_reply *reply, const struct err *err)
{
	struct sandbox_creation *k = container_of(job, struct sandbox_creation, job);
	struct err failure = k->failure;

	(void)reply;
	if (r < 0)
		log_warning("sandbox", "Cannot undo the creation of a sandbox: %s, ignoring", err_text(err));
	finish_creation(k, -failure.num, &failure);
}

static void end_creation(struct sandbox_creation *k, int r, const struct err *err)
{
	if (r < 0) {
		(void)err_copy(&k->failure, err);
		if (drop_dns(k->s, &k->job, on_undone, NULL) > 0)
			return;
	}
	finish_creation(k, r, err);
}

static void on_storages_ready(struct completion *completion, int r, const struct err *err)
{
	end_creation(container_of(completion, struct sandbox_creation, storages), r, err);
}

static void on_prepared(struct job *job, int r, struct job_reply *reply, const struct err *err)
{
	struct sandbox_creation *k = container_of(job, struct sandbox_creation, job);
	struct err own = ERR_INIT;

	if (r < 0) {
		end_creation(k, r, err);
		return;
	}
	if (reply->n_fds == 2) {
		k->s->pins.ipc = take_fd(&reply->fds[0]);
		k->s->pins.uts = take_fd(&reply->fds[1]);
	}
	k->s->dns_mounted = reply->data.len > 0;
	k->storages.done = on_storages_ready;
	r = storage_table_add(k->s->storages, "", k->config->storages, k->config->n_storages, &k->storages, &own);
	if (r < 0)
		end_creation(k, r, &own);
}

/* Left-overs of an earlier sandbox go; what is mounted there stays, it may be the live share of a host. */
static int clear_run_dir(struct err *err)
{
	_autoclose_ int run = sys_openat(AT_FDCWD, "/run", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	_autoclose_ int dir = -EBADF;
	int r;

	if (run < 0)
		return err_set(err, run, "open '/run'");
	r = path_remove_tree(run, "kata-containers", err);
	if (r < 0 && r != -EXDEV && r != -EBUSY)
		return r;
	dir = path_make_dirs_in(run, "kata-containers", 0755, err);
	return dir < 0 ? dir : 0;
}

/* A byte in the reply says that it is mounted. */
static int install_dns(const struct oci_strings *dns, struct job_reply *reply, struct err *err)
{
	_autoclose_ int run = sys_openat(AT_FDCWD, SANDBOX_RUN_DIR, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	_autoclose_ int root = sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	int r;

	if (run < 0 || root < 0)
		return err_set(err, run < 0 ? run : root, "open '%s'", run < 0 ? SANDBOX_RUN_DIR : "/");
	r = net_dns_install(run, root, dns->v, dns->n, err);
	if (r <= 0)
		return r;
	r = buf_add(&reply->data, "1", 1);
	return r < 0 ? err_set(err, r, "report") : 0;
}

/* First of all: a storage may need them. */
static int load_modules(const struct sandbox_config *config, struct err *err)
{
	_autoclose_ int root = sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	int r = root < 0 ? err_set(err, root, "open '/'") : 0;

	for (size_t i = 0; i < config->n_modules && r >= 0; i++)
		r = modules_load(root, config->modules[i].name, &config->modules[i].parameters, err);
	return r < 0 ? err_wrap(err, "create sandbox '%s'", config->id ? config->id : "") : 0;
}

/* Runs in the job. */
static int run_prepare(void *arg, struct job_reply *reply, struct err *err)
{
	const struct sandbox_creation *k = arg;
	int r = load_modules(k->config, err);

	r = r < 0 ? r : clear_run_dir(err);

	if (r == 0)
		r = nspace_make_pins(k->config->hostname, reply, err);
	return r < 0 ? r : install_dns(&k->config->dns, reply, err);
}

int sandbox_create(struct sandbox *s, struct sandbox_config *config, struct completion *done, struct err *err)
{
	struct sandbox_creation *k = NULL;
	int r = 0;

	if (s->config)
		r = err_say(err, EEXIST, "sandbox '%s' exists already", s->config->id ? s->config->id : "");
	else if (s->creating)
		r = err_say(err, EEXIST, "create sandbox '%s': one exists already, which is being made", config->id);
	else if (s->destroying)
		r = err_say(err, ESHUTDOWN, "create sandbox '%s': it is being destroyed", config->id);
	if (r >= 0) {
		k = calloc(1, sizeof(*k));
		r = k ? 0 : err_set(err, ENOMEM, "create sandbox '%s'", config->id);
	}
	if (r >= 0) {
		k->s = s;
		k->config = config;
		k->done = done;
		k->job = (struct job){ .name = "sandbox", .run = run_prepare, .arg = k, .done = on_prepared };
		r = job_start(&s->env, &k->job, err);
	}
	if (r < 0) {
		free(k);
		(void)sandbox_config_free(config);
		return r;
	}
	s->creating = true;
	return 0;
}

/* --- DestroySandbox ---------------------------------------------------------------------------------------------- */

/* What is under way until DestroySandbox is answered; containers go one after the other's start, all at once. */
struct destruction {
	struct sandbox *s;
	struct completion *done;
	struct completion storages;
	struct loop_deferred next;
	struct job job;
	struct err err; /* the first failure */
	unsigned pending;
};

struct removal {
	struct completion completion;
	struct destruction *d;
};

static void note_failure(struct destruction *d, int r, const struct err *err)
{
	if (r < 0 && d->err.num == 0)
		(void)err_copy(&d->err, err);
}

static void end_destruction(struct destruction *d)
{
	struct sandbox *s = d->s;
	struct completion *done = d->done;
	struct err first = d->err;

	free(d);
	drop_pins(s);
	s->config = sandbox_config_free(s->config);
	done->done(done, -first.num, &first);
	if (s->destroyed)
		s->destroyed(s);
}

static void on_dns_dropped(struct job *job, int r, struct job_reply *reply, const struct err *err)
{
	struct destruction *d = container_of(job, struct destruction, job);

	(void)reply;
	note_failure(d, r, err);
	end_destruction(d);
}

static void on_sandbox_storages_released(struct completion *completion, int r, const struct err *err)
{
	struct destruction *d = container_of(completion, struct destruction, storages);
	struct sandbox *s = d->s;
	struct err own = ERR_INIT;

	note_failure(d, r, err);
	if (d->err.num == 0 && storage_table_count(s->storages) > 0)
		(void)err_say(&d->err, EBUSY, "%zu storages are still held", storage_table_count(s->storages));
	r = drop_dns(s, &d->job, on_dns_dropped, &own);
	note_failure(d, r, &own);
	if (r <= 0)
		end_destruction(d);
}

static void release_all(struct loop_deferred *deferred)
{
	struct destruction *d = container_of(deferred, struct destruction, next);
	struct err err = ERR_INIT;
	int r;

	d->storages.done = on_sandbox_storages_released;
	r = storage_table_release(d->s->storages, "", &d->storages, &err);
	if (r < 0)
		on_sandbox_storages_released(&d->storages, r, &err);
}

static void on_removed(struct completion *completion, int r, const struct err *err)
{
	struct removal *m = container_of(completion, struct removal, completion);
	struct destruction *d = m->d;

	note_failure(d, r, err);
	free(m);
	if (--d->pending == 0)
		loop_defer(d->s->env.loop, &d->next);
}

static void remove_one(struct destruction *d, struct container *c)
{
	struct removal *m = calloc(1, sizeof(*m));
	struct err err = ERR_INIT;
	int r;

	if (!m) {
		note_failure(d, -ENOMEM, &(struct err){ .num = ENOMEM });
		return;
	}
	m->d = d;
	m->completion.done = on_removed;
	d->pending++;
	r = container_remove(c, 0, &m->completion, &err);
	if (r < 0) {
		note_failure(d, r, &err);
		d->pending--;
		free(m);
	}
}

int sandbox_destroy(struct sandbox *s, struct completion *done, struct err *err)
{
	struct destruction *d;

	if (s->destroying)
		return err_say(err, EALREADY, "the sandbox is being destroyed already");
	d = calloc(1, sizeof(*d));
	if (!d)
		return err_set(err, ENOMEM, "destroy the sandbox");
	s->destroying = true;
	passfd_close_unnamed(s->passfd);
	d->s = s;
	d->done = done;
	d->next.run = release_all;
	list_init(&d->next.link);
	list_foreach(c, &s->containers, struct container, link)
		remove_one(d, c);
	if (d->pending == 0)
		loop_defer(s->env.loop, &d->next);
	return 0;
}
