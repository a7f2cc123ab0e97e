/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/storage_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/devices.h"
#include "agent/mount/watchable.h"
#include "agent/watch.h"
#include "lib/list.h"
#include "lib/log.h"

struct holder {
	struct list link;
	char owner[];
};

struct entry {
	struct list link;
	struct arena arena;
	struct storage_config config;
	bool busy;    /* a job mounts or cleans it */
	bool mounted; /* by the job, in the job's memory */
	struct list holders;
};

struct storage_table {
	struct job_env env;
	unsigned device_timeout_ms;
	struct watch *watch;
	struct list entries;
	size_t n;
	struct list waiting; /* struct request: for mount points that another one works on */
	struct loop_deferred wake;
};

/* One storage_table_add or _release under way. */
struct request {
	struct storage_table *table;
	struct job job;
	struct loop_deferred finish; /* when there is nothing to be done by a job */
	struct completion *done;
	bool is_release;
	struct list wait;
	const struct storage_config *configs; /* the caller's, until they are claimed */
	size_t n_configs;
	size_t n;
	struct entry **entries; /* what the job works on */
	char owner[];
};

static void start_waiting(struct loop_deferred *deferred);

int storage_table_new(const struct job_env *env, unsigned device_timeout_ms, struct storage_table **ret)
{
	struct storage_table *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	if (watch_new(env, &t->watch) < 0) {
		free(t);
		return -ENOMEM;
	}
	t->env = *env;
	t->device_timeout_ms = device_timeout_ms;
	t->wake.run = start_waiting;
	list_init(&t->wake.link);
	list_init(&t->waiting);
	list_init(&t->entries);
	*ret = t;
	return 0;
}

static void drop_holder(struct holder *h)
{
	list_remove(&h->link);
	free(h);
}

static void free_entry(struct storage_table *t, struct entry *e)
{
	watch_remove(t->watch, &e->config);
	list_foreach(h, &e->holders, struct holder, link)
		drop_holder(h);
	list_remove(&e->link);
	arena_done(&e->arena);
	free(e);
	t->n--;
}

static void free_request(struct request *q)
{
	list_remove(&q->wait);
	free(q->entries);
	free(q);
}

struct storage_table *storage_table_free(struct storage_table *t)
{
	if (!t)
		return NULL;
	list_foreach(e, &t->entries, struct entry, link)
		free_entry(t, e);
	list_foreach(q, &t->waiting, struct request, wait)
		free_request(q);
	list_remove(&t->wake.link);
	t->watch = watch_free(t->watch);
	free(t);
	return NULL;
}

/* Hosts write "/dir/" and "/dir" and mean the same mount point. */
static size_t length_without_slashes(const char *path)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	return len;
}

static struct entry *find(struct storage_table *t, const char *mount_point)
{
	size_t len = length_without_slashes(mount_point);

	list_foreach(e, &t->entries, struct entry, link)
		if (strlen(e->config.mount_point) == len && strncmp(e->config.mount_point, mount_point, len) == 0)
			return e;
	return NULL;
}

static int hold(struct entry *e, const char *owner)
{
	struct holder *h = malloc(sizeof(*h) + strlen(owner) + 1);

	if (!h)
		return -ENOMEM;
	strcpy(h->owner, owner);
	list_append(&e->holders, &h->link);
	return 0;
}

static int copy_strings(struct arena *a, const struct oci_strings *from, struct oci_strings *to)
{
	to->n = from->n;
	to->v = arena_array(a, from->n + 1, sizeof(*to->v));
	if (!to->v)
		return -ENOMEM;
	for (size_t i = 0; i < from->n; i++) {
		to->v[i] = arena_strdup(a, from->v[i]);
		if (!to->v[i])
			return -ENOMEM;
	}
	return 0;
}

static int copy_config(struct entry *e, const struct storage_config *from)
{
	struct storage_config *to = &e->config;
	int r;

	*to = *from;
	to->driver = arena_strdup(&e->arena, from->driver ? from->driver : "");
	to->source = arena_strdup(&e->arena, from->source ? from->source : "");
	to->fstype = arena_strdup(&e->arena, from->fstype ? from->fstype : "");
	to->mount_point = from->mount_point ? from->mount_point : "";
	to->mount_point = arena_memdup(&e->arena, to->mount_point, length_without_slashes(to->mount_point));
	if (!to->driver || !to->source || !to->fstype || !to->mount_point)
		return -ENOMEM;
	r = copy_strings(&e->arena, &from->options, &to->options);
	return r < 0 ? r : copy_strings(&e->arena, &from->driver_options, &to->driver_options);
}

static int add_entry(struct storage_table *t, const struct storage_config *config, struct entry **ret)
{
	struct entry *e;
	int r;

	if (t->n >= STORAGES_MAX)
		return -ENOSPC;
	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	arena_init(&e->arena, 0);
	list_init(&e->holders);
	list_append(&t->entries, &e->link);
	t->n++;
	r = copy_config(e, config);
	if (r < 0) {
		free_entry(t, e);
		return r;
	}
	*ret = e;
	return 0;
}

/* Runs in the job: one after the other; what this request mounted is undone when a later one fails. */
static int run_mounts(void *arg, struct job_reply *reply, struct err *err)
{
	struct request *q = arg;
	_autoarena_ struct arena arena = { 0 };
	size_t i;
	int r = 0;

	(void)reply;
	for (i = 0; i < q->n && r >= 0; i++) {
		struct storage_config config = q->entries[i]->config;
		struct step_list plan = { 0 };

		q->entries[i]->mounted = false;
		r = devices_prepare_storage(&arena, &config, q->table->device_timeout_ms, err);
		if (r >= 0)
			r = storage_plan(&arena, &config, q->owner, &plan, err);
		if (r >= 0)
			r = storage_apply(&plan, &q->entries[i]->mounted, err);
		if (r < 0)
			(void)err_wrap(err, "storage '%s' (%s)", config.mount_point, config.driver);
	}
	/* Not a volume that an earlier container has left for those that come. */
	for (size_t k = i - 1; r < 0 && k > 0; k--)
		if (q->entries[k - 1]->mounted)
			(void)storage_undo(&q->entries[k - 1]->config, NULL);
	return r;
}

static int run_cleans(void *arg, struct job_reply *reply, struct err *err)
{
	struct request *q = arg;
	int worst = 0;

	(void)reply;
	for (size_t i = q->n; i > 0; i--) {
		int r = storage_clean(&q->entries[i - 1]->config, err);

		if (r < 0)
			worst = r;
	}
	return worst;
}

static void follow(struct storage_table *t, const struct entry *e)
{
	if (watchable_is(&e->config) && watch_add(t->watch, &e->config) < 0)
		log_warning("storage", "Out of memory to follow '%s', ignoring", e->config.source);
}

static void finish(struct request *q, int r, const struct err *err)
{
	struct storage_table *t = q->table;
	struct completion *done = q->done;

	for (size_t i = 0; i < q->n; i++) {
		q->entries[i]->busy = false;
		if (q->is_release || r < 0)
			free_entry(t, q->entries[i]);
		else
			follow(t, q->entries[i]);
	}
	free_request(q);
	loop_defer(t->env.loop, &t->wake);
	done->done(done, r, err);
}

static void on_job(struct job *job, int r, struct job_reply *reply, const struct err *err)
{
	(void)reply;
	finish(container_of(job, struct request, job), r, err);
}

static void on_nothing_to_do(struct loop_deferred *deferred)
{
	finish(container_of(deferred, struct request, finish), 0, NULL);
}

/* Each of the disks may take its time to come. */
static unsigned deadline_of(const struct request *q)
{
	unsigned ms = JOB_DEADLINE_MS;

	for (size_t i = 0; i < q->n && !q->is_release; i++)
		if (devices_must_wait(&q->entries[i]->config) && ms < DEVICES_DEADLINE_MAX_MS)
			ms += q->table->device_timeout_ms;
	return ms;
}

static int launch_request(struct request *q, struct err *err)
{
	if (q->n == 0) {
		loop_defer(q->table->env.loop, &q->finish);
		return 0;
	}
	for (size_t i = 0; i < q->n; i++) {
		q->entries[i]->busy = true;
		watch_remove(q->table->watch, &q->entries[i]->config);
	}
	q->job = (struct job){
		.name = q->is_release ? "clean storages" : "mount storages",
		.run = q->is_release ? run_cleans : run_mounts,
		.arg = q,
		.done = on_job,
		.deadline_ms = deadline_of(q),
	};
	return job_start(&q->table->env, &q->job, err);
}

static struct request *new_request(struct storage_table *t, const char *owner, size_t n, struct completion *done)
{
	struct request *q = calloc(1, sizeof(*q) + strlen(owner) + 1);

	if (!q)
		return NULL;
	q->entries = calloc(n + 1, sizeof(*q->entries));
	if (!q->entries) {
		free(q);
		return NULL;
	}
	strcpy(q->owner, owner);
	q->table = t;
	q->done = done;
	q->finish.run = on_nothing_to_do;
	list_init(&q->finish.link);
	list_init(&q->wait);
	return q;
}

static void let_go(struct entry *e, const char *owner)
{
	list_foreach(h, &e->holders, struct holder, link)
		if (strcmp(h->owner, owner) == 0)
			drop_holder(h);
}

static void abandon(struct storage_table *t, struct request *q)
{
	list_foreach(e, &t->entries, struct entry, link)
		let_go(e, q->owner);
	for (size_t i = 0; i < q->n; i++)
		free_entry(t, q->entries[i]);
	free_request(q);
}

static int claim(struct storage_table *t, struct request *q, const struct storage_config *config, struct err *err)
{
	struct entry *e = find(t, config->mount_point ? config->mount_point : "");
	int r;

	if (!e) {
		r = add_entry(t, config, &e);
		if (r < 0)
			return err_set(err, r, "note storage '%s'", config->mount_point ? config->mount_point : "");
		q->entries[q->n++] = e;
	}
	r = hold(e, config->shared ? "" : q->owner);
	return r < 0 ? err_set(err, r, "note storage '%s'", e->config.mount_point) : 0;
}

/* Somebody mounts or cleans one of them just now. */
static bool has_busy(struct storage_table *t, const struct request *q)
{
	for (size_t i = 0; i < q->n_configs; i++) {
		const struct entry *e = find(t, q->configs[i].mount_point ? q->configs[i].mount_point : "");

		if (e && e->busy)
			return true;
	}
	return false;
}

static int start_adding(struct storage_table *t, struct request *q, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < q->n_configs && r >= 0; i++)
		r = claim(t, q, &q->configs[i], err);
	if (r >= 0)
		r = launch_request(q, err);
	if (r < 0)
		abandon(t, q);
	return r;
}

static void start_waiting(struct loop_deferred *deferred)
{
	struct storage_table *t = container_of(deferred, struct storage_table, wake);

	list_foreach(q, &t->waiting, struct request, wait) {
		struct completion *done = q->done;
		struct err err = ERR_INIT;
		int r;

		if (has_busy(t, q))
			continue;
		list_remove(&q->wait);
		r = start_adding(t, q, &err);
		if (r < 0)
			done->done(done, r, &err);
	}
}

int storage_table_add(struct storage_table *t, const char *owner, const struct storage_config *configs, size_t n,
                      struct completion *done, struct err *err)
{
	struct request *q;
	int r = storage_check_request(configs, n, err);

	if (r < 0)
		return r;
	q = new_request(t, owner, n, done);
	if (!q)
		return err_set(err, ENOMEM, "note %zu storages", n);
	q->configs = configs;
	q->n_configs = n;
	if (!has_busy(t, q))
		return start_adding(t, q, err);
	list_append(&t->waiting, &q->wait);
	return 0;
}

/* Picks what nobody holds any more; what is busy is left to the request that is at it. */
static void collect_unheld(struct storage_table *t, struct request *q)
{
	list_foreach(e, &t->entries, struct entry, link) {
		let_go(e, q->owner);
		if (list_is_empty(&e->holders) && !e->busy)
			q->entries[q->n++] = e;
	}
}

int storage_table_release(struct storage_table *t, const char *owner, struct completion *done, struct err *err)
{
	struct request *q = new_request(t, owner, t->n, done);
	int r;

	if (!q)
		return err_set(err, ENOMEM, "release the storages of '%s'", owner);
	q->is_release = true;
	collect_unheld(t, q);
	r = launch_request(q, err);
	if (r < 0) {
		for (size_t i = 0; i < q->n; i++)
			q->entries[i]->busy = false;
		free(q->entries);
		free(q);
	}
	return r;
}

size_t storage_table_count(const struct storage_table *t)
{
	return t->n;
}
