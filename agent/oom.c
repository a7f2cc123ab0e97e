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

struct watch {
	struct list link;
	int wd;
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

int oom_watch(struct oom *o, const char *id, const char *cgroup_path, struct err *err)
{
	char path[PATH_MAX];
	struct watch *w = calloc(1, sizeof(*w) + strlen(id) + 1);

	if (!w)
		return err_set(err, ENOMEM, "watch the memory of '%s'", id);
	strcpy(w->id, id);
	w->cgroup_path = strdup(cgroup_path);
	(void)snprintf(path, sizeof(path), "%s%s/memory.events", o->host->root, cgroup_path);
	w->wd = w->cgroup_path ? sys_inotify_add_watch(o->source.fd, path, IN_MODIFY) : -ENOMEM;
	if (w->wd < 0) {
		int r = w->wd;

		free(w->cgroup_path);
		free(w);
		return r == -ENOENT ? 0 : err_set(err, r, "watch '%s'", path);
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
