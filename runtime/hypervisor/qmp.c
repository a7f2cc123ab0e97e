/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hypervisor/qmp.h"

#include <errno.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/fd.h"
#include "lib/jsontext.h"
#include "lib/sendfd.h"
#include "lib/sys.h"

#define READ_BYTES 4096

/* A command that was queued; it leaves when it is answered. */
struct command {
	struct list link;
	struct qmp *qmp;
	struct loop_timer timer;
	char *name;
	struct json_object *message; /* NULL once it was sent */
	int pass_fd;
	bool is_sent, is_told; /* told: it timed out, only its answer is waited for */
	qmp_done done;
	void *arg;
};

struct qmp {
	struct loop *loop;
	struct loop_source source;
	struct qmp_watcher watcher;
	struct list commands; /* oldest first */
	struct buf in;
	bool is_greeted, is_over;
	struct loop_deferred over; /* tells the end when no caller is on the stack */
	struct err reason;
};

static void free_command(struct command *c)
{
	list_remove(&c->link);
	loop_timer_stop(&c->timer);
	(void)json_object_put(c->message);
	free(c->name);
	free(c);
}

static void tell(struct command *c, int rc, struct json_object *result, const struct err *err)
{
	if (c->is_told)
		return;
	c->is_told = true;
	loop_timer_stop(&c->timer);
	if (c->done)
		c->done(c->arg, rc, result, err);
}

/* Everyone who waits is told, then the watcher. */
static void run_over(struct loop_deferred *deferred)
{
	struct qmp *q = container_of(deferred, struct qmp, over);

	while (!list_is_empty(&q->commands)) {
		struct command *c = list_first(&q->commands, struct command, link);

		tell(c, -EPIPE, NULL, &q->reason);
		free_command(c);
	}
	if (q->watcher.closed)
		q->watcher.closed(q->watcher.arg, &q->reason);
}

static int end(struct qmp *q, int num, const char *why)
{
	if (q->is_over)
		return LOOP_REMOVE;
	q->is_over = true;
	loop_remove(&q->source);
	if (num)
		(void)err_set(&q->reason, num, "QMP: %s", why);
	else
		(void)err_say(&q->reason, EPIPE, "QMP: %s", why);
	loop_defer(q->loop, &q->over);
	return LOOP_REMOVE;
}

/* The socket's buffer holds any command, so a short write is an error. */
static int send_message(struct qmp *q, struct command *c)
{
	const char *text = json_object_to_json_string_ext(c->message, JSON_C_TO_STRING_PLAIN);

	return sendfd(q->source.fd, text, strlen(text), c->pass_fd);
}

/* QEMU takes one command at a time: the next goes out when the one before was answered. */
static void send_next(struct qmp *q)
{
	struct command *c;
	int rc;

	if (q->is_over || !q->is_greeted || list_is_empty(&q->commands))
		return;
	c = list_first(&q->commands, struct command, link);
	if (c->is_sent)
		return;
	c->is_sent = true;
	rc = send_message(q, c);
	(void)json_object_put(take_ptr(&c->message));
	if (rc < 0)
		(void)end(q, -rc, "send a command");
}

static void answered(struct qmp *q, struct json_object *result, struct json_object *error)
{
	struct command *c;
	struct json_object *text = NULL;
	struct err err = ERR_INIT;

	if (list_is_empty(&q->commands))
		return;
	c = list_first(&q->commands, struct command, link);
	if (!c->is_sent)
		return;
	if (error) {
		(void)json_object_object_get_ex(error, "desc", &text);
		(void)err_say(&err, EIO, "QMP %s: %s", c->name, text ? json_object_get_string(text) : "refused");
		tell(c, -EIO, NULL, &err);
	} else {
		tell(c, 0, result, NULL);
	}
	free_command(c);
	send_next(q);
}

static void take_message(struct qmp *q, struct json_object *message)
{
	struct json_object *value, *data = NULL;

	if (json_object_object_get_ex(message, "QMP", &value)) {
		q->is_greeted = true;
		send_next(q);
	} else if (json_object_object_get_ex(message, "event", &value)) {
		(void)json_object_object_get_ex(message, "data", &data);
		if (q->watcher.event)
			q->watcher.event(q->watcher.arg, json_object_get_string(value), data);
	} else if (json_object_object_get_ex(message, "return", &value)) {
		answered(q, value, NULL);
	} else if (json_object_object_get_ex(message, "error", &value)) {
		answered(q, NULL, value);
	}
}

/* Every complete line of the buffer. */
static int take_lines(struct qmp *q)
{
	uint8_t *newline;

	while (!q->is_over && q->in.len > 0 && (newline = memchr(q->in.data, '\n', q->in.len)) != NULL) {
		_autojson_ struct json_object *message = NULL;
		size_t n = (size_t)(newline - q->in.data);
		struct err err = ERR_INIT;

		if (n > 0 && q->in.data[n - 1] == '\r')
			n--;
		if (n > 0 && jsontext_parse((const char *)q->in.data, n, &message, &err) < 0)
			return end(q, 0, err.text);
		buf_consume(&q->in, (size_t)(newline - q->in.data) + 1);
		if (message)
			take_message(q, message);
	}
	return q->is_over ? LOOP_REMOVE : LOOP_KEEP;
}

static int readable(struct loop_source *source, uint32_t events)
{
	struct qmp *q = container_of(source, struct qmp, source);
	ssize_t n;

	(void)events;
	if (buf_reserve(&q->in, READ_BYTES) < 0)
		return end(q, EMSGSIZE, "read an answer");
	n = sys_read(source->fd, q->in.data + q->in.len, READ_BYTES);
	if (n == -EAGAIN || n == -EINTR)
		return LOOP_KEEP;
	if (n < 0 && n != -ECONNRESET)
		return end(q, (int)-n, "read an answer");
	if (n <= 0)
		return end(q, 0, "the hypervisor has closed the connection");
	buf_commit(&q->in, (size_t)n);
	return take_lines(q);
}

static void expired(struct loop_timer *timer)
{
	struct command *c = container_of(timer, struct command, timer);
	struct err err = ERR_INIT;

	(void)err_say(&err, ETIMEDOUT, "QMP %s: no answer in time", c->name);
	tell(c, -ETIMEDOUT, NULL, &err);
	/* An answer may still come; what was not sent need not be. */
	if (!c->is_sent)
		free_command(c);
}

static struct json_object *message_of(const char *name, struct json_object *arguments)
{
	struct json_object *message = json_object_new_object();

	if (!message) {
		(void)json_object_put(arguments);
		return NULL;
	}
	(void)json_object_object_add(message, "execute", json_object_new_string(name));
	if (arguments)
		(void)json_object_object_add(message, "arguments", arguments);
	return message;
}

int qmp_command(struct qmp *q, const char *name, struct json_object *arguments, int pass_fd, unsigned timeout_ms,
                qmp_done done, void *arg)
{
	struct command *c = q->is_over ? NULL : calloc(1, sizeof(*c));
	int rc;

	if (!c) {
		(void)json_object_put(arguments);
		return q->is_over ? -EPIPE : -ENOMEM;
	}
	*c = (struct command){ .qmp = q, .pass_fd = pass_fd, .done = done, .arg = arg, .timer.expired = expired };
	c->name = strdup(name);
	c->message = message_of(name, arguments);
	list_append(&q->commands, &c->link);
	rc = c->name && c->message ? loop_timer_start(q->loop, &c->timer, timeout_ms) : -ENOMEM;
	if (rc < 0) {
		free_command(c);
		return rc;
	}
	send_next(q);
	return 0;
}

int qmp_new(struct loop *loop, int fd, const struct qmp_watcher *watcher, struct qmp **ret)
{
	struct qmp *q = calloc(1, sizeof(*q));
	int rc;

	if (!q) {
		(void)fd_close(fd);
		return -ENOMEM;
	}
	*q = (struct qmp){ .loop = loop, .watcher = *watcher, .in.max = QMP_LINE_MAX, .over.run = run_over };
	q->source = (struct loop_source){ .name = "qmp", .fd = fd, .events = EPOLLIN, .callback = readable };
	list_init(&q->commands);
	list_init(&q->over.link);
	rc = fd_set_nonblock(fd, true);
	if (rc == 0)
		rc = loop_add(loop, &q->source);
	if (rc == 0)
		rc = qmp_command(q, "qmp_capabilities", NULL, -1, 30000, NULL, NULL);
	if (rc < 0) {
		(void)qmp_free(q);
		return rc;
	}
	*ret = q;
	return 0;
}

struct qmp *qmp_free(struct qmp *q)
{
	if (!q)
		return NULL;
	while (!list_is_empty(&q->commands))
		free_command(list_first(&q->commands, struct command, link));
	loop_remove(&q->source);
	list_remove(&q->over.link);
	(void)fd_close(q->source.fd);
	buf_done(&q->in);
	free(q);
	return NULL;
}
