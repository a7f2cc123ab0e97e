/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/addr.h"
#include "lib/fd.h"
#include "lib/jsontext.h"
#include "lib/log.h"
#include "lib/sys.h"

#define CONNECT_MS 5000

static void free_request(struct wire_request *request)
{
	list_remove(&request->link);
	loop_remove(&request->source);
	request->source.fd = fd_close(request->source.fd);
	buf_done(&request->in);
	buf_done(&request->out);
	(void)json_object_put(request->json);
	free(request);
}

/* Frees it when all is written. A peer that has gone away gets no answer. */
static void flush(struct wire_request *request)
{
	ssize_t n = send(request->source.fd, request->out.data, request->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		log_debug("supervisor", "Nobody waits for an answer any more");
		free_request(request);
		return;
	}
	if (n > 0)
		buf_consume(&request->out, (size_t)n);
	if (request->out.len == 0)
		free_request(request);
}

static int on_writable(struct loop_source *source, uint32_t events)
{
	(void)events;
	flush(container_of(source, struct wire_request, source));
	return LOOP_KEEP;
}

/* One that is longer than what the socket holds is written as the peer reads. */
static void send_answer(struct wire_request *request, struct json_object *answer)
{
	const char *text = answer ? json_object_to_json_string_ext(answer, JSON_C_TO_STRING_PLAIN) : NULL;

	request->out.max = WIRE_LINE_MAX;
	request->source.events = EPOLLOUT;
	request->source.callback = on_writable;
	list_remove(&request->link);
	list_append(&request->wire->incoming, &request->link);
	if (!text || buf_printf(&request->out, "%s\n", text) < 0 ||
	    loop_add(request->wire->loop, &request->source) < 0) {
		log_error("supervisor", "Answer a request: out of memory");
		free_request(request);
	} else {
		flush(request);
	}
	(void)json_object_put(answer);
}

void wire_answer(struct wire_request *request, struct json_object *result)
{
	struct json_object *answer = json_object_new_object();

	if (answer && json_object_object_add(answer, "result", result) != 0) {
		(void)json_object_put(result);
		(void)json_object_put(answer);
		answer = NULL;
	}
	send_answer(request, answer);
}

static struct json_object *failure(const struct err *err)
{
	struct json_object *answer = json_object_new_object();

	if (answer) {
		(void)json_object_object_add(answer, "errno", json_object_new_int(err->num > 0 ? err->num : EIO));
		(void)json_object_object_add(answer, "error", json_object_new_string(err_text(err)));
	}
	return answer;
}

void wire_fail(struct wire_request *request, const struct err *err)
{
	send_answer(request, failure(err));
}

const char *wire_text(const struct wire_request *request, const char *name)
{
	struct json_object *value;

	if (!json_object_object_get_ex(request->json, name, &value) || !json_object_is_type(value, json_type_string))
		return NULL;
	return json_object_get_string(value);
}

static void handle_line(struct wire_request *request, size_t len)
{
	struct wire *wire = request->wire;
	struct err err = ERR_INIT;

	/* Nothing more is read from it; its end does not matter either. */
	loop_remove(&request->source);
	list_remove(&request->link);
	if (jsontext_parse(buf_str(&request->in), len, &request->json, &err) < 0) {
		wire_fail(request, &err);
	} else if (!json_object_is_type(request->json, json_type_object)) {
		(void)err_say(&err, EINVAL, "read a request: it is no object");
		wire_fail(request, &err);
	} else {
		wire->handler(wire->arg, request);
	}
}

static int on_bytes(struct loop_source *source, uint32_t events)
{
	struct wire_request *request = container_of(source, struct wire_request, source);
	const uint8_t *end;
	ssize_t n;

	(void)events;
	if (buf_reserve(&request->in, 65536) < 0) {
		free_request(request);
		return LOOP_KEEP;
	}
	n = recv(source->fd, request->in.data + request->in.len, 65536, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return LOOP_KEEP;
	if (n <= 0) {
		free_request(request);
		return LOOP_KEEP;
	}
	buf_commit(&request->in, (size_t)n);
	end = memchr(request->in.data, '\n', request->in.len);
	if (end)
		handle_line(request, (size_t)(end - request->in.data));
	return LOOP_KEEP;
}

int wire_adopt(struct wire *wire, int fd)
{
	struct wire_request *request = calloc(1, sizeof(*request));
	int r;

	if (!request) {
		(void)fd_close(fd);
		return -ENOMEM;
	}
	list_init(&request->link);
	request->wire = wire;
	request->in.max = WIRE_LINE_MAX;
	request->source = (struct loop_source){ "request", fd, EPOLLIN, on_bytes, NULL };
	r = loop_add(wire->loop, &request->source);
	if (r < 0) {
		free_request(request);
		return r;
	}
	list_append(&wire->incoming, &request->link);
	return 0;
}

static int on_connection(struct loop_source *source, uint32_t events)
{
	struct wire *wire = container_of(source, struct wire, source);
	_autoclose_ int fd = sys_accept(source->fd, NULL, NULL);
	struct err err = ERR_INIT;

	(void)events;
	if (fd < 0)
		return LOOP_KEEP;
	if (addr_check_peer(fd, &err) < 0)
		log_warning("supervisor", "Refused a connection: %s", err_text(&err));
	else
		(void)wire_adopt(wire, take_fd(&fd));
	return LOOP_KEEP;
}

int wire_listen(struct wire *wire, struct loop *loop, const char *path, wire_handler handler, void *arg,
                struct err *err)
{
	struct addr a = { .kind = ADDR_UNIX };
	int n = snprintf(a.path, sizeof(a.path), "%s", path), r;

	if (n < 0 || (size_t)n >= sizeof(a.path))
		return err_set(err, ENAMETOOLONG, "listen on '%s'", path);
	*wire = (struct wire){ .loop = loop, .handler = handler, .arg = arg };
	list_init(&wire->incoming);
	r = addr_listen(&a, 16, err);
	wire->source = (struct loop_source){ "requests", r, EPOLLIN, on_connection, NULL };
	if (r < 0)
		return r;
	r = loop_add(loop, &wire->source);
	return r < 0 ? err_set(err, -r, "listen on '%s'", path) : 0;
}

void wire_done(struct wire *wire)
{
	loop_remove(&wire->source);
	wire->source.fd = fd_close(wire->source.fd);
	list_foreach(request, &wire->incoming, struct wire_request, link)
		free_request(request);
}

/* --- the client's side ------------------------------------------------------------------------------------------- */

int wire_connect(const char *path, struct err *err)
{
	struct addr a = { .kind = ADDR_UNIX };
	int n = snprintf(a.path, sizeof(a.path), "%s", path);

	if (n < 0 || (size_t)n >= sizeof(a.path))
		return err_set(err, ENAMETOOLONG, "connect to '%s'", path);
	return addr_connect(&a, CONNECT_MS, err);
}

static int send_line(int fd, struct json_object *object)
{
	const char *text = object ? json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN) : NULL;
	_autobuf_ struct buf line = { .max = WIRE_LINE_MAX };
	int r = text ? buf_printf(&line, "%s\n", text) : -ENOMEM;

	r = r < 0 ? r : fd_set_nonblock(fd, false);
	return r < 0 ? r : fd_write_all(fd, buf_str(&line), line.len);
}

void wire_tell_failure(int fd, const struct err *err)
{
	_autojson_ struct json_object *answer = failure(err);

	(void)send_line(fd, answer);
}

static int receive_line(int fd, int interrupt, unsigned timeout_ms, struct buf *in)
{
	uint64_t deadline = sys_now(CLOCK_MONOTONIC) / 1000000 + timeout_ms;

	while (!memchr(buf_str(in), '\n', in->len)) {
		struct pollfd p[] = { { .fd = fd, .events = POLLIN }, { .fd = interrupt, .events = POLLIN } };
		uint64_t now = sys_now(CLOCK_MONOTONIC) / 1000000;
		int r = now < deadline ? sys_poll(p, ARRAY_SIZE(p), (int)(deadline - now)) : 0;
		ssize_t n;

		if (r == -EINTR)
			continue;
		if (r <= 0)
			return r < 0 ? r : -ETIMEDOUT;
		if (p[1].revents)
			return -EINTR;
		r = buf_reserve(in, 65536);
		if (r < 0)
			return r;
		n = sys_read(fd, in->data + in->len, 65536);
		if (n <= 0)
			return n == 0 ? -ECONNRESET : (int)n;
		buf_commit(in, (size_t)n);
	}
	return 0;
}

static int take_answer(struct json_object *answer, struct json_object **ret, struct err *err)
{
	struct json_object *value, *num;

	if (json_object_object_get_ex(answer, "error", &value)) {
		if (!json_object_object_get_ex(answer, "errno", &num))
			num = NULL;
		return err_say(err, num ? json_object_get_int(num) : EIO, "%s", json_object_get_string(value));
	}
	if (ret && json_object_object_get_ex(answer, "result", &value))
		*ret = json_object_get(value);
	return 0;
}

int wire_ask(int fd, struct json_object *request, unsigned timeout_ms, struct json_object **ret, struct err *err)
{
	return wire_ask_unless(fd, -1, request, timeout_ms, ret, err);
}

int wire_ask_unless(int fd, int interrupt, struct json_object *request, unsigned timeout_ms, struct json_object **ret,
                    struct err *err)
{
	_autobuf_ struct buf in = { .max = WIRE_LINE_MAX };
	_autojson_ struct json_object *answer = NULL;
	int r = send_line(fd, request);
	const char *end;

	/* One that could not start says why before it is asked. */
	if (r == 0 || r == -EPIPE)
		r = receive_line(fd, interrupt, timeout_ms, &in);
	if (r == -ECONNRESET || r == -EPIPE)
		return err_say(err, -r, "the sandbox's supervisor ended before it answered");
	if (r == -EINTR)
		return err_say(err, EINTR, "interrupted");
	if (r < 0)
		return err_set(err, -r, "ask the sandbox's supervisor");
	end = strchrnul(buf_str(&in), '\n');
	r = jsontext_parse(buf_str(&in), (size_t)(end - buf_str(&in)), &answer, err);
	return r < 0 ? r : take_answer(answer, ret, err);
}
