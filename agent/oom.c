/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/oom.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

#include "agent/cgroups/cgroup.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "lib/sys.h"

#define LOOK_AGAIN_MS    20 /* after a v1 event, twice as long each time: */
#define LOOK_AGAIN_TIMES 7  /* for 2.5 s in all */

struct watch {
	struct list link;
	struct oom *oom;
	int wd;                   /* v2: of memory.events; -EBADF on v1 */
	struct loop_source event; /* v1: an eventfd */
	struct loop_timer again;
	unsigned looked;
	int64_t kills; /* as many were told */
	char *cgroup_path;
	char id[];
};

struct event {
	struct list link;
	char id[];
};

struct oom {
	struct loop_source source;
	struct loop *loop;
	struct loop_deferred deliver;
	const struct cgroup_host *host;
	struct list watches, events, waiters;
	unsigned n_events;
};

static void drop_event(struct oom *o, struct event *e)
{
	list_remove(&e->link);
	free(e);
	o->n_events--;
}

static void on_deliver(struct loop_deferred *deferred)
{
	struct oom *o = container_of(deferred, struct oom, deliver);

	while (!list_is_empty(&o->waiters) && !list_is_empty(&o->events)) {
		struct oom_waiter *waiter = list_first(&o->waiters, struct oom_waiter, link);
		struct event *e = list_first(&o->events, struct event, link);

		list_remove(&waiter->link);
		list_remove(&e->link);
		o->n_events--;
		waiter->told(waiter, e->id);
		free(e);
	}
}

static struct event *new_event(struct oom *o, const char *id)
{
	struct event *e = malloc(sizeof(*e) + strlen(id) + 1);

	if (!e) {
		log_warning("oom", "A kill in container '%s' cannot be told, memory is out", id);
		return NULL;
	}
	strcpy(e->id, id);
	if (o->n_events == OOM_QUEUE_MAX)
		drop_event(o, list_first(&o->events, struct event, link));
	o->n_events++;
	loop_defer(o->loop, &o->deliver);
	return e;
}

/* Every kill since the last look is one event. */
static void look(struct oom *o, struct watch *w)
{
	int64_t kills = cgroup_oom_kills(o->host, w->cgroup_path);

	for (; w->kills < kills; w->kills++) {
		struct event *e = new_event(o, w->id);

		if (e)
			list_append(&o->events, &e->link);
	}
}

/*
 * v1 tells before it kills, and not again while it is busy with that: so we look a few times more. Kernels without the
 * counter have to be believed that each event is a kill.
 */
static void on_again(struct loop_timer *timer)
{
	struct watch *w = container_of(timer, struct watch, again);

	look(w->oom, w);
	if (w->looked < LOOK_AGAIN_TIMES &&
	    loop_timer_start(w->oom->loop, &w->again, (uint64_t)LOOK_AGAIN_MS << w->looked++) < 0)
		log_warning("oom", "Cannot look again for kills in container '%s', ignoring", w->id);
}

static int on_event(struct loop_source *source, uint32_t events)
{
	struct watch *w = container_of(source, struct watch, event);
	int64_t kills = cgroup_oom_kills(w->oom->host, w->cgroup_path);
	uint64_t times;

	(void)events;
	if (sys_read(source->fd, &times, sizeof(times)) != sizeof(times))
		return LOOP_KEEP;
	if (kills == -ENODATA) {
		struct event *e = new_event(w->oom, w->id);

		if (e)
			list_append(&w->oom->events, &e->link);
		return LOOP_KEEP;
	}
	if (kills < 0) /* the cgroup's end is an event too */
		return LOOP_REMOVE;
	w->looked = 0;
	on_again(&w->again);
	return LOOP_KEEP;
}

static void look_by_wd(struct oom *o, int wd)
{
	list_foreach(w, &o->watches, struct watch, link)
		if (w->wd == wd)
			look(o, w);
}

static void look_at_all(struct oom *o)
{
	list_foreach(w, &o->watches, struct watch, link)
		look(o, w);
}

static int on_change(struct loop_source *source, uint32_t events)
{
	struct oom *o = container_of(source, struct oom, source);
	char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n = sys_read(source->fd, buffer, sizeof(buffer));

	(void)events;
	for (char *p = buffer; n > 0 && p < buffer + n;) {
		const struct inotify_event *event = (const struct inotify_event *)(const void *)p;

		if (event->mask & IN_Q_OVERFLOW)
			look_at_all(o);
		else
			look_by_wd(o, event->wd);
		p += sizeof(*event) + event->len;
	}
	return LOOP_KEEP;
}

int oom_new(struct loop *loop, const struct cgroup_host *host, struct oom **ret)
{
	struct oom *o = calloc(1, sizeof(*o));
	int r;

	if (!o)
		return -ENOMEM;
	o->loop = loop;
	o->host = host;
	list_init(&o->watches);
	list_init(&o->events);
	list_init(&o->waiters);
	o->deliver.run = on_deliver;
	list_init(&o->deliver.link);
	o->source = (struct loop_source){ .name = "oom", .events = EPOLLIN, .callback = on_change };
	r = o->source.fd = sys_inotify_init();
	if (r >= 0)
		r = loop_add(loop, &o->source);
	if (r < 0) {
		fd_closep(&o->source.fd);
		free(o);
		return r;
	}
	*ret = o;
	return 0;
}

static void forget(struct watch *w)
{
	list_remove(&w->link);
	loop_timer_stop(&w->again);
	loop_remove(&w->event);
	fd_closep(&w->event.fd);
	free(w->cgroup_path);
	free(w);
}

struct oom *oom_free(struct oom *o)
{
	if (!o)
		return NULL;
	list_foreach(waiter, &o->waiters, struct oom_waiter, link) {
		list_remove(&waiter->link);
		waiter->told(waiter, NULL);
	}
	list_foreach(w, &o->watches, struct watch, link)
		forget(w);
	list_foreach(e, &o->events, struct event, link)
		drop_event(o, e);
	list_remove(&o->deliver.link);
	loop_remove(&o->source);
	fd_closep(&o->source.fd);
	free(o);
	return NULL;
}

static int watch_file(struct oom *o, struct watch *w, struct err *err)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s%s/memory.events", o->host->root, w->cgroup_path);
	w->wd = sys_inotify_add_watch(o->source.fd, path, IN_MODIFY);
	return w->wd == -ENOENT ? w->wd : w->wd < 0 ? err_set(err, w->wd, "watch '%s'", path) : 0;
}

static int watch_event(struct oom *o, struct watch *w, struct err *err)
{
	int r;

	w->event.fd = cgroup_watch_oom(o->host, w->cgroup_path);
	if (w->event.fd == -EOPNOTSUPP)
		return watch_file(o, w, err);
	r = w->event.fd < 0 ? w->event.fd : loop_add(o->loop, &w->event);
	return r == -ENOENT ? r : r < 0 ? err_set(err, r, "watch the memory of cgroup '%s'", w->cgroup_path) : 0;
}

int oom_watch(struct oom *o, const char *id, const char *cgroup_path, struct err *err)
{
	struct watch *w = calloc(1, sizeof(*w) + strlen(id) + 1);
	int r;

	if (!w)
		return err_set(err, ENOMEM, "watch the memory of '%s'", id);
	strcpy(w->id, id);
	list_init(&w->link);
	w->oom = o;
	w->wd = -EBADF;
	w->event = (struct loop_source){ .name = "oom", .fd = -EBADF, .events = EPOLLIN, .callback = on_event };
	w->again.expired = on_again;
	w->cgroup_path = strdup(cgroup_path);
	r = w->cgroup_path ? watch_event(o, w, err) : err_set(err, ENOMEM, "watch the memory of '%s'", id);
	if (r < 0) {
		forget(w);
		return r == -ENOENT ? 0 : r;
	}
	list_append(&o->watches, &w->link);
	return 0;
}

void oom_unwatch(struct oom *o, const char *id)
{
	list_foreach(w, &o->watches, struct watch, link) {
		if (strcmp(w->id, id) != 0)
			continue;
		look(o, w);
		/* The kernel takes the watch away with the file; until then it may still speak, to nobody. */
		if (w->wd >= 0)
			(void)sys_inotify_rm_watch(o->source.fd, w->wd);
		forget(w);
	}
}

void oom_wait(struct oom *o, struct oom_waiter *waiter)
{
	list_append(&o->waiters, &waiter->link);
	loop_defer(o->loop, &o->deliver);
}

void oom_wait_cancel(struct oom_waiter *waiter)
{
	list_remove(&waiter->link);
}

void oom_give_back(struct oom *o, const char *container_id)
{
	struct event *e = new_event(o, container_id);

	if (e)
		list_prepend(&o->events, &e->link);
}
