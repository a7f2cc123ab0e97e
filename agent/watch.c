/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mount/watchable.h"
#include "lib/fd.h"
#include "lib/list.h"
#include "lib/log.h"

#define BATCH_MAX JOB_FDS_MAX /* each storage of a job may bring an inotify instance home */
#define TEXT_MAX  256

struct item {
	struct list link;
	struct watch *watch;
	const struct storage_config *config;
	bool due;                  /* is to be looked at by the next job */
	bool has_failed;           /* said already */
	struct loop_source notify; /* fd -EBADF: asks for the timer */
};

struct watch {
	struct job_env env;
	struct list items;
	struct job job;
	struct item *batch[BATCH_MAX]; /* what the job looks at; NULL = forgotten meanwhile */
	size_t n_batch;
	struct loop_timer poll, settle;
};

/* What the job says of one storage, in the order of the batch; the fds come in the same order. */
struct verdict {
	int r;
	bool is_bound, has_notify;
	unsigned changes;
	char text[TEXT_MAX];
};

static void start_job(struct watch *w);

int watch_new(const struct job_env *env, struct watch **ret)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->env = *env;
	list_init(&w->items);
	*ret = w;
	return 0;
}

static void stop_notify(struct item *item)
{
	loop_remove(&item->notify);
	fd_closep(&item->notify.fd);
}

static void free_item(struct item *item)
{
	stop_notify(item);
	list_remove(&item->link);
	free(item);
}

struct watch *watch_free(struct watch *w)
{
	if (!w)
		return NULL;
	job_cancel(&w->job);
	loop_timer_stop(&w->poll);
	loop_timer_stop(&w->settle);
	list_foreach(item, &w->items, struct item, link)
		free_item(item);
	free(w);
	return NULL;
}

/* Changes come in bursts: the new instance of the next job tells of what comes after it. */
static int on_notify(struct loop_source *source, uint32_t events)
{
	struct item *item = container_of(source, struct item, notify);
	struct watch *w = item->watch;

	(void)events;
	stop_notify(item);
	item->due = true;
	if (loop_timer_start(w->env.loop, &w->settle, WATCH_SETTLE_MS) < 0)
		start_job(w);
	return LOOP_KEEP;
}

static void on_settled(struct loop_timer *timer)
{
	start_job(container_of(timer, struct watch, settle));
}

static void on_poll(struct loop_timer *timer)
{
	struct watch *w = container_of(timer, struct watch, poll);

	list_foreach(item, &w->items, struct item, link)
		item->due = item->due || item->notify.fd < 0;
	start_job(w);
}

/* Runs in the job. */
static int run_sync(void *arg, struct job_reply *reply, struct err *err)
{
	const struct watch *w = arg;

	for (size_t i = 0; i < w->n_batch; i++) {
		struct watchable_state state = { .notify = -EBADF };
		struct verdict v = { 0 };
		struct err why = ERR_INIT;
		int r;

		v.r = watchable_sync(w->batch[i]->config, &state, &why);
		v.is_bound = state.is_bound;
		v.changes = state.changes;
		v.has_notify = state.notify >= 0 && job_reply_add_fd(reply, state.notify) == 0;
		if (v.r < 0)
			(void)snprintf(v.text, sizeof(v.text), "%s", err_text(&why));
		r = buf_add(&reply->data, &v, sizeof(v));
		if (r < 0)
			return err_set(err, r, "report");
	}
	return 0;
}

/* Said once; what cannot be seen now is tried again, as often as what cannot tell. */
static void note_failure(struct item *item, const char *text)
{
	if (!item->has_failed)
		log_warning("watch", "Cannot follow '%s': %s, trying again", item->config->source, text);
	item->has_failed = true;
}

static void take_verdict(struct item *item, const struct verdict *v, int notify)
{
	if (v->r < 0) {
		note_failure(item, v->text);
		(void)fd_close(notify);
		return;
	}
	item->has_failed = false;
	if (v->changes > 0)
		log_debug("watch", "Copied %u changes of '%s'", v->changes, item->config->source);
	if (v->is_bound) {
		log_info("watch", "'%s' is more than %d files or %d bytes, it is bound and not followed",
		         item->config->source, WATCHABLE_ENTRIES_MAX, WATCHABLE_BYTES_MAX);
		free_item(item);
		(void)fd_close(notify);
		return;
	}
	item->notify.fd = notify;
	if (notify >= 0 && loop_add(item->watch->env.loop, &item->notify) < 0)
		stop_notify(item);
}

static void take_verdicts(struct watch *w, struct job_reply *reply)
{
	size_t fd = 0;

	for (size_t i = 0; i < w->n_batch && (i + 1) * sizeof(struct verdict) <= reply->data.len; i++) {
		int notify = -EBADF;
		struct verdict v;

		memcpy(&v, reply->data.data + i * sizeof(v), sizeof(v));
		v.text[TEXT_MAX - 1] = '\0';
		if (v.has_notify && fd < reply->n_fds)
			notify = take_fd(&reply->fds[fd++]);
		if (w->batch[i])
			take_verdict(w->batch[i], &v, notify);
		else
			(void)fd_close(notify);
	}
}

static void on_synced(struct job *job, int r, struct job_reply *reply, const struct err *err)
{
	struct watch *w = container_of(job, struct watch, job);

	if (r < 0) {
		for (size_t i = 0; i < w->n_batch; i++)
			if (w->batch[i])
				note_failure(w->batch[i], err_text(err));
	} else {
		take_verdicts(w, reply);
	}
	w->n_batch = 0;
	start_job(w);
}

/* The timer runs only while there is something that cannot tell. */
static void start_poll(struct watch *w)
{
	list_foreach(item, &w->items, struct item, link) {
		if (item->notify.fd >= 0)
			continue;
		if (!w->poll.source.loop && loop_timer_start(w->env.loop, &w->poll, WATCH_POLL_MS) < 0)
			log_warning("watch", "No timer for '%s', ignoring", item->config->source);
		return;
	}
	loop_timer_stop(&w->poll);
}

static void collect_due(struct watch *w)
{
	w->n_batch = 0;
	list_foreach(item, &w->items, struct item, link) {
		if (!item->due || w->n_batch == BATCH_MAX)
			continue;
		item->due = false;
		stop_notify(item);
		w->batch[w->n_batch++] = item;
	}
}

static void start_job(struct watch *w)
{
	struct err err = ERR_INIT;

	if (job_is_running(&w->job))
		return;
	collect_due(w);
	if (w->n_batch > 0) {
		w->job = (struct job){ .name = "watch", .run = run_sync, .arg = w, .done = on_synced };
		if (job_start(&w->env, &w->job, &err) == 0)
			return;
		for (size_t i = 0; i < w->n_batch; i++)
			note_failure(w->batch[i], err.text);
		w->n_batch = 0;
	}
	start_poll(w);
}

int watch_add(struct watch *w, const struct storage_config *config)
{
	struct item *item = calloc(1, sizeof(*item));

	if (!item)
		return -ENOMEM;
	w->poll.expired = on_poll;
	w->settle.expired = on_settled;
	item->watch = w;
	item->config = config;
	item->due = true;
	item->notify = (struct loop_source){
		.name = "watchable storage", .fd = -EBADF, .events = EPOLLIN, .callback = on_notify
	};
	list_append(&w->items, &item->link);
	start_job(w);
	return 0;
}

/* The others of its job are looked at again. */
static void leave_job(struct watch *w, const struct item *item)
{
	bool is_there = false;

	for (size_t i = 0; i < w->n_batch; i++)
		is_there = is_there || w->batch[i] == item;
	if (!is_there)
		return;
	job_cancel(&w->job);
	for (size_t i = 0; i < w->n_batch; i++)
		if (w->batch[i])
			w->batch[i]->due = true;
	w->n_batch = 0;
}

void watch_remove(struct watch *w, const struct storage_config *config)
{
	list_foreach(item, &w->items, struct item, link) {
		if (item->config != config)
			continue;
		leave_job(w, item);
		free_item(item);
		start_job(w);
		return;
	}
}

size_t watch_count(const struct watch *w)
{
	size_t n = 0;

	list_foreach(item, &w->items, struct item, link)
		n++;
	return n;
}
