/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/loop.h"

#include <errno.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "lib/sys.h"

#define BATCH 64 /* events taken from the kernel at once */

struct loop {
	int epfd;
	unsigned count;
	bool stopping;
	struct list deferred;
	int next, n_events; /* the part of `events` that was not delivered yet */
	struct epoll_event events[BATCH];
};

int loop_new(struct loop **ret)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return -ENOMEM;
	list_init(&loop->deferred);
	loop->epfd = sys_epoll_create();
	if (loop->epfd < 0) {
		int r = loop->epfd;

		loop_free(loop);
		return r;
	}
	*ret = loop;
	return 0;
}

struct loop *loop_free(struct loop *loop)
{
	if (loop) {
		(void)fd_close(loop->epfd);
		free(loop);
	}
	return NULL;
}

static void drop_pending(struct loop *loop, const struct loop_source *source)
{
	for (int i = loop->next; i < loop->n_events; i++)
		if (loop->events[i].data.ptr == source)
			loop->events[i].data.ptr = NULL;
}

static int set_interest(struct loop *loop, struct loop_source *source, int op, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = source };

	return sys_epoll_ctl(loop->epfd, op, source->fd, &event);
}

static void leave_epoll(struct loop *loop, struct loop_source *source)
{
	int r;

	drop_pending(loop, source);
	r = set_interest(loop, source, EPOLL_CTL_DEL, 0);
	/* A source that stays behind would be used after its owner has freed it. */
	if (r < 0 && r != -EBADF && r != -ENOENT)
		(void)set_interest(loop, source, EPOLL_CTL_DEL, 0);
}

int loop_add(struct loop *loop, struct loop_source *source)
{
	int r;

	if (source->loop)
		return -EEXIST;
	if (source->events) {
		r = set_interest(loop, source, EPOLL_CTL_ADD, source->events);
		if (r < 0)
			return r;
	}
	source->loop = loop;
	loop->count++;
	return 0;
}

int loop_modify(struct loop_source *source, uint32_t events)
{
	int r;

	if (!source->loop)
		return -ENOENT;
	if (events == source->events)
		return 0;
	if (events == 0) {
		leave_epoll(source->loop, source);
	} else {
		r = set_interest(source->loop, source, source->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, events);
		if (r < 0)
			return r;
	}
	source->events = events;
	return 0;
}

void loop_remove(struct loop_source *source)
{
	struct loop *loop = source->loop;

	if (!loop)
		return;
	if (source->events)
		leave_epoll(loop, source);
	source->loop = NULL;
	loop->count--;
}

static int timer_fired(struct loop_source *source, uint32_t events)
{
	struct loop_timer *timer = container_of(source, struct loop_timer, source);
	uint64_t ticks;

	(void)events;
	/* It was started again by a callback that came earlier in this turn. */
	if (sys_read(source->fd, &ticks, sizeof(ticks)) == -EAGAIN)
		return LOOP_KEEP;
	loop_timer_stop(timer);
	timer->expired(timer);
	return LOOP_KEEP;
}

int loop_timer_start(struct loop *loop, struct loop_timer *timer, uint64_t ms)
{
	uint64_t ns = ms > UINT64_MAX / 1000000 ? UINT64_MAX : ms * 1000000;
	_autoclose_ int fd = -EBADF;
	int r;

	if (ns == 0)
		ns = 1; /* 0 would disarm */
	if (timer->source.loop)
		return sys_timerfd_arm(timer->source.fd, ns);
	fd = sys_timerfd_create();
	if (fd < 0)
		return fd;
	r = sys_timerfd_arm(fd, ns);
	if (r < 0)
		return r;
	timer->source.fd = fd;
	timer->source.events = EPOLLIN;
	timer->source.callback = timer_fired;
	if (!timer->source.name)
		timer->source.name = "timer";
	r = loop_add(loop, &timer->source);
	if (r < 0)
		return r;
	(void)take_fd(&fd);
	return 0;
}

void loop_timer_stop(struct loop_timer *timer)
{
	if (!timer->source.loop)
		return;
	loop_remove(&timer->source);
	timer->source.fd = fd_close(timer->source.fd);
}

void loop_defer(struct loop *loop, struct loop_deferred *deferred)
{
	if (list_is_empty(&deferred->link))
		list_append(&loop->deferred, &deferred->link);
}

/* What is deferred from here on belongs to the next turn, or one that defers itself would never let go. */
static void run_deferred(struct loop *loop)
{
	struct list now;

	if (list_is_empty(&loop->deferred))
		return;
	now = loop->deferred;
	now.next->prev = now.prev->next = &now;
	list_init(&loop->deferred);
	while (!list_is_empty(&now)) {
		struct loop_deferred *deferred = list_first(&now, struct loop_deferred, link);

		list_remove(&deferred->link);
		deferred->run(deferred);
	}
}

static void deliver(struct loop_source *source, uint32_t events)
{
	int r;

	/* The interest may have changed since the kernel was asked. */
	events &= source->events | EPOLLERR | EPOLLHUP;
	if (!events)
		return;
	r = source->callback(source, events);
	if (r == LOOP_KEEP)
		return;
	if (r < 0)
		log_error("loop", "Source '%s' is removed: %s", source->name ? source->name : "?", strerror(-r));
	loop_remove(source);
}

int loop_turn(struct loop *loop, int timeout_ms)
{
	int n = sys_epoll_wait(loop->epfd, loop->events, BATCH, list_is_empty(&loop->deferred) ? timeout_ms : 0);

	loop->n_events = n < 0 ? 0 : n;
	for (loop->next = 0; loop->next < loop->n_events;) {
		struct epoll_event *event = &loop->events[loop->next++];

		if (event->data.ptr)
			deliver(event->data.ptr, event->events);
	}
	loop->n_events = 0;
	run_deferred(loop);
	return n < 0 && n != -EINTR ? n : 0;
}

int loop_run(struct loop *loop)
{
	while (!loop->stopping) {
		int r = loop_turn(loop, -1);

		if (r < 0)
			return r;
	}
	loop->stopping = false;
	return 0;
}

void loop_stop(struct loop *loop)
{
	loop->stopping = true;
}

unsigned loop_count(const struct loop *loop)
{
	return loop->count;
}
