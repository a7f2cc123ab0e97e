/* SPDX-License-Identifier: Apache-2.0 */
#include "client/attach.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "client/delivery.h"
#include "client/method.h"
#include "client/plane.h"
#include "client/tty.h"
#include "lib/buf.h"
#include "lib/fd.h"
#include "proto/agent.pb-c.h"

#define CHUNK         (32u << 10)  /* bytes in a read or write call, as the Go shim's */
#define OUTPUT_QUEUED (256u << 10) /* bytes that may wait for a slow reader of ours before we stop reading */
#define WRITE_MAX     4096         /* PIPE_BUF: so many can be written without blocking after POLLOUT */
#define STREAM_CHUNK  (64u << 10)  /* bytes from the stream port, or to a file, at once */
#define MARK_EVERY    (64u << 10)  /* bytes that are written before the agent is told, if more come */
#define MARK_DELAY_MS 2            /* a pause: no more comes; a mark costs a guest as much as a packet of output */
#define END_OF_INPUT  "\004"       /* what a terminal takes for it */

enum {
	WATCH_SIGNALS,
	WATCH_STDIN,
	WATCH_STDOUT,
	WATCH_STDERR,
	WATCH_STREAM_IN,
	WATCH_STREAM_OUT,
	WATCH_STREAM_ERR,
	WATCH_MAX
};

struct output {
	struct attach *attach;
	const char *method;
	enum kstr_kind kind;
	int fd;
	size_t write_max;
	bool can_refuse;            /* our end says so when it would have to wait */
	size_t burst;               /* bytes that came without a pause */
	struct plane_stream stream; /* without an fd: by calls */
	uint64_t received;          /* offset behind the last byte that came */
	struct buf queue;
	bool is_reading; /* a call is out */
	bool is_over;    /* the process's end has been seen */
	bool is_broken;  /* our end is closed */
};

struct attach {
	struct session *session;
	const struct attach_spec *spec;
	struct output out, err;
	struct plane_stream in; /* without an fd: by calls */
	bool has_stream_in;     /* also after it was closed */
	bool is_end_told;
	struct buf input; /* on its way to the stream */
	uint64_t skip;    /* bytes of our stdin that the process has already */
	int signals;
	bool is_stdin_over, is_writing, is_waiting, is_done;
	int status;
};

static void forget(void *arg, struct client_reply *reply)
{
	(void)arg;
	(void)reply;
}

static void send_call(struct attach *a, const char *method, const ProtobufCMessage *request, unsigned timeout_ms,
                      client_reply_fn fn, void *arg)
{
	struct client_method m;
	int r;

	r = method_find(method, &m);
	if (r == 0)
		r = client_send(a->session->client, &m, request, timeout_ms, fn, arg);
	if (r == 0)
		return;
	(void)fprintf(stderr, "%s: %s: %s\n", a->session->program, method, strerror(-r));
	a->status = SESSION_EXIT_CONTAINER;
	a->is_done = true;
}

static void send_signal(struct attach *a, int number)
{
	Grpc__SignalProcessRequest request = GRPC__SIGNAL_PROCESS_REQUEST__INIT;

	request.container_id = (char *)a->spec->cid;
	request.exec_id = (char *)a->spec->eid;
	request.signal = (uint32_t)number;
	send_call(a, "SignalProcess", &request.base, SESSION_TIMEOUT_MS, forget, NULL);
}

static void send_size(struct attach *a)
{
	Grpc__TtyWinResizeRequest request = GRPC__TTY_WIN_RESIZE_REQUEST__INIT;
	unsigned rows, columns;

	if (!a->spec->tty || !tty_get_size(STDIN_FILENO, &rows, &columns))
		return;
	request.container_id = (char *)a->spec->cid;
	request.exec_id = (char *)a->spec->eid;
	request.row = rows;
	request.column = columns;
	send_call(a, "TtyWinResize", &request.base, SESSION_TIMEOUT_MS, forget, NULL);
}

static void on_read(void *arg, struct client_reply *reply)
{
	struct output *o = arg;
	const Grpc__ReadStreamResponse *response = (const Grpc__ReadStreamResponse *)reply->message;

	o->is_reading = false;
	/* Agents end a terminal's stream with an error; if there is a real one, WaitProcess says so too. */
	if (reply->code != RPC_OK || response->data.len == 0)
		o->is_over = true;
	else if (!o->is_broken && buf_add(&o->queue, response->data.data, response->data.len) < 0)
		o->is_broken = true;
	if (reply->code == RPC_OK)
		o->received += response->data.len;
}

/* What was written is acknowledged, and what nobody will ever want. In a burst, the next mark will do for this too. */
static void acknowledge(struct output *o)
{
	uint64_t offset = o->received - o->queue.len;

	if ((o->queue.len == 0 && o->burst < MARK_EVERY) || offset - o->stream.marked >= MARK_EVERY)
		plane_acknowledge(&o->stream, offset);
}

static bool owes_mark(const struct output *o)
{
	return o->stream.fd >= 0 && o->queue.len == 0 && o->stream.marked < o->received;
}

static void end_burst(struct output *o)
{
	o->burst = 0;
	if (owes_mark(o))
		acknowledge(o);
}

static void read_output(struct output *o)
{
	Grpc__ReadStreamRequest request = GRPC__READ_STREAM_REQUEST__INIT;

	if (o->is_over || o->is_reading || o->stream.fd >= 0 || o->queue.len >= OUTPUT_QUEUED)
		return;
	request.container_id = (char *)o->attach->spec->cid;
	request.exec_id = (char *)o->attach->spec->eid;
	request.len = CHUNK;
	o->is_reading = true;
	send_call(o->attach, o->method, &request.base, 0, on_read, o);
}

static ssize_t write_some(struct output *o)
{
	struct iovec iov = { o->queue.data, o->queue.len };
	ssize_t n = o->can_refuse ? pwritev2(o->fd, &iov, 1, -1, RWF_NOWAIT) : -1;

	if (o->can_refuse && (n >= 0 || errno != EOPNOTSUPP))
		return n;
	o->can_refuse = false;
	return write(o->fd, o->queue.data, o->queue.len < o->write_max ? o->queue.len : o->write_max);
}

static void write_output(struct output *o)
{
	ssize_t n = write_some(o);

	if (n >= 0) {
		buf_consume(&o->queue, (size_t)n);
	} else if (errno != EINTR && errno != EAGAIN) {
		/* Nobody reads any more, as when a shell's pipe breaks; the first process of a container ignores
		 * SIGPIPE. */
		if (errno != EPIPE)
			(void)fprintf(stderr, "%s: write output: %s\n", o->attach->session->program, strerror(errno));
		o->is_broken = true;
		buf_done(&o->queue);
		send_signal(o->attach, SIGKILL);
	}
	acknowledge(o);
}

static void receive_output(struct output *o)
{
	uint8_t data[STREAM_CHUNK];
	ssize_t n = plane_receive(&o->stream, data, sizeof(data));

	if (n == 0)
		o->is_over = true;
	else if (n > 0 && !o->is_broken && buf_add(&o->queue, data, (size_t)n) < 0)
		o->is_broken = true;
	o->received += n > 0 ? (uint64_t)n : 0;
	o->burst += n > 0 ? (size_t)n : 0;
	if (o->queue.len > 0 && o->can_refuse)
		write_output(o);
	else
		acknowledge(o);
}

static void on_written(void *arg, struct client_reply *reply)
{
	struct attach *a = arg;

	a->is_writing = false;
	/* The process closed its input or is gone. */
	if (reply->code != RPC_OK)
		a->is_stdin_over = true;
}

static void write_stdin(struct attach *a, const void *data, size_t n)
{
	Grpc__WriteStreamRequest request = GRPC__WRITE_STREAM_REQUEST__INIT;

	request.container_id = (char *)a->spec->cid;
	request.exec_id = (char *)a->spec->eid;
	request.data = (ProtobufCBinaryData){ n, (uint8_t *)data };
	a->is_writing = true;
	send_call(a, "WriteStdin", &request.base, 0, on_written, a);
}

static void close_stdin(struct attach *a)
{
	Grpc__CloseStdinRequest request = GRPC__CLOSE_STDIN_REQUEST__INIT;

	request.container_id = (char *)a->spec->cid;
	request.exec_id = (char *)a->spec->eid;
	send_call(a, "CloseStdin", &request.base, SESSION_TIMEOUT_MS, forget, NULL);
}

static void end_stdin(struct attach *a)
{
	a->is_stdin_over = true;
	if (a->has_stream_in)
		return;
	/* Closing a terminal would hang it up. */
	if (a->spec->tty && a->spec->interactive)
		write_stdin(a, END_OF_INPUT, 1);
	else if (!a->spec->tty)
		close_stdin(a);
}

/* Where the end of a stream cannot be told in the stream, a call tells it when every byte has arrived. */
static void serve_input(struct attach *a)
{
	ssize_t n;

	if (a->in.fd >= 0 && a->input.len > 0) {
		n = plane_send(&a->in, a->input.data, a->input.len);
		if (n > 0)
			buf_consume(&a->input, (size_t)n);
	}
	if (a->in.fd < 0) {
		a->is_stdin_over = true;
		buf_done(&a->input);
		return;
	}
	if (!a->is_stdin_over || a->is_end_told || a->input.len > 0)
		return;
	if (!a->in.can_half_close && a->in.marked < a->in.offset)
		return;
	a->is_end_told = true;
	if (a->in.can_half_close)
		plane_end_input(&a->in);
	else
		close_stdin(a);
}

static void take_stdin(struct attach *a, const uint8_t *data, size_t n)
{
	if (!a->has_stream_in)
		write_stdin(a, data, n);
	else if (buf_add(&a->input, data, n) < 0)
		a->is_stdin_over = true;
}

static void take_rest(struct attach *a, const uint8_t *data, size_t n)
{
	size_t skipped = n < a->skip ? n : (size_t)a->skip;

	a->skip -= skipped;
	if (skipped < n)
		take_stdin(a, data + skipped, n - skipped);
}

static void read_stdin(struct attach *a)
{
	uint8_t data[CHUNK];
	ssize_t n = read(STDIN_FILENO, data, sizeof(data));

	if (n > 0 && a->skip > 0)
		take_rest(a, data, (size_t)n);
	else if (n > 0)
		take_stdin(a, data, (size_t)n);
	else if (n == 0 || (errno != EINTR && errno != EAGAIN))
		end_stdin(a);
}

static void read_signals(struct attach *a)
{
	struct signalfd_siginfo info;

	while (read(a->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGWINCH)
			send_size(a);
		else
			send_signal(a, (int)info.ssi_signo);
	}
}

static void on_exit_status(void *arg, struct client_reply *reply)
{
	struct attach *a = arg;

	a->is_done = true;
	if (reply->code == RPC_OK) {
		a->status = ((const Grpc__WaitProcessResponse *)reply->message)->status & 0xff;
	} else if (reply->is_lost && a->spec->lost_status != 0) {
		a->status = a->spec->lost_status;
	} else {
		(void)session_print_failure(reply);
		a->status = SESSION_EXIT_CONTAINER;
	}
}

/* Only after the streams: an agent may forget a process, with its output, once its exit was waited for. */
static void wait_exit(struct attach *a)
{
	Grpc__WaitProcessRequest request = GRPC__WAIT_PROCESS_REQUEST__INIT;

	if (a->is_waiting || !a->out.is_over || !a->err.is_over)
		return;
	a->is_waiting = true;
	request.container_id = (char *)a->spec->cid;
	request.exec_id = (char *)a->spec->eid;
	send_call(a, "WaitProcess", &request.base, 0, on_exit_status, a);
}

static bool is_finished(const struct attach *a)
{
	return a->is_done && a->out.queue.len == 0 && a->err.queue.len == 0;
}

static int watched_stream(const struct output *o)
{
	return !o->is_over && o->queue.len < OUTPUT_QUEUED ? o->stream.fd : -EBADF;
}

/* A negative fd is not watched: poll would report a hangup that we cannot act on again and again. */
static void fill_watches(struct attach *a, struct pollfd *fds)
{
	short writing = a->input.len > 0 ? POLLOUT : 0;

	fds[WATCH_SIGNALS] = (struct pollfd){ .fd = a->signals, .events = POLLIN };
	fds[WATCH_STDIN] = (struct pollfd){ .fd = -EBADF, .events = POLLIN };
	if (!a->is_stdin_over && !a->is_writing && !a->is_done && a->input.len == 0)
		fds[WATCH_STDIN].fd = STDIN_FILENO;
	fds[WATCH_STDOUT] = (struct pollfd){ a->out.queue.len > 0 ? a->out.fd : -EBADF, POLLOUT, 0 };
	fds[WATCH_STDERR] = (struct pollfd){ a->err.queue.len > 0 ? a->err.fd : -EBADF, POLLOUT, 0 };
	fds[WATCH_STREAM_IN] = (struct pollfd){ a->in.fd, (short)(POLLIN | writing), 0 };
	fds[WATCH_STREAM_OUT] = (struct pollfd){ watched_stream(&a->out), POLLIN, 0 };
	fds[WATCH_STREAM_ERR] = (struct pollfd){ watched_stream(&a->err), POLLIN, 0 };
}

static void serve_watches(struct attach *a, const struct pollfd *fds)
{
	if (fds[WATCH_SIGNALS].revents != 0)
		read_signals(a);
	if (fds[WATCH_STDIN].revents != 0)
		read_stdin(a);
	if (fds[WATCH_STREAM_IN].revents & (POLLIN | POLLHUP | POLLERR))
		(void)plane_take_marks(&a->in);
	if (a->has_stream_in)
		serve_input(a);
	if (fds[WATCH_STREAM_OUT].revents != 0)
		receive_output(&a->out);
	if (fds[WATCH_STREAM_ERR].revents != 0)
		receive_output(&a->err);
	if (fds[WATCH_STDOUT].revents != 0)
		write_output(&a->out);
	if (fds[WATCH_STDERR].revents != 0)
		write_output(&a->err);
}

static void serve(struct attach *a)
{
	struct pollfd fds[WATCH_MAX];
	bool owes;

	while (!is_finished(a)) {
		if (!a->is_done) {
			read_output(&a->out);
			read_output(&a->err);
			wait_exit(a);
		}
		fill_watches(a, fds);
		owes = owes_mark(&a->out) || owes_mark(&a->err);
		(void)client_step(a->session->client, fds, WATCH_MAX, owes ? MARK_DELAY_MS : -1);
		if (owes && fds[WATCH_STREAM_OUT].revents == 0)
			end_burst(&a->out);
		if (owes && fds[WATCH_STREAM_ERR].revents == 0)
			end_burst(&a->err);
		serve_watches(a, fds);
	}
}

/* --- the stream port --------------------------------------------------------------------------------------------- */

/* A process that we started is read by calls if its streams cannot be had; 0, or an exit status. */
static int cannot_attach(const struct attach *a, const struct err *err)
{
	if (a->spec->is_late || a->spec->verbose)
		(void)fprintf(stderr, "%s: %s%s\n", a->session->program, err_text(err),
		              a->spec->is_late ? "" : ", going on by calls");
	return a->spec->is_late ? SESSION_EXIT_CONTAINER : 0;
}

static int open_output(struct attach *a, uint32_t port, struct output *o, const struct option_number *have)
{
	uint64_t asked = have->is_set ? (uint64_t)have->value : 0;
	struct err err = ERR_INIT;

	if (o->is_over)
		return 0;
	if (plane_open(&o->stream, a->session, port, o->kind, a->spec->take_over, asked, a->spec->cid, a->spec->eid,
	               &err) < 0)
		return cannot_attach(a, &err);
	o->received = o->stream.offset;
	if (o->received == asked || (a->spec->is_late && !have->is_set))
		return 0;
	(void)fprintf(stderr, "%s: %s: bytes %llu to %llu were read by somebody else\n", a->session->program,
	              kstr_kind_name(o->kind), (unsigned long long)asked, (unsigned long long)o->received);
	return SESSION_EXIT_CONTAINER;
}

static int open_input(struct attach *a, uint32_t port)
{
	struct err err = ERR_INIT;

	if (!a->spec->interactive)
		return 0;
	if (plane_open(&a->in, a->session, port, KSTR_STDIN, a->spec->take_over, 0, a->spec->cid, a->spec->eid, &err) <
	    0)
		return cannot_attach(a, &err);
	a->has_stream_in = true;
	a->skip = a->spec->skip_taken ? a->in.offset : 0;
	return 0;
}

static int open_streams(struct attach *a, uint32_t port)
{
	int status;

	if (port == 0 && (a->spec->have_out.is_set || a->spec->have_err.is_set || a->spec->skip_taken)) {
		(void)fprintf(stderr, "%s: this agent has no stream port, nothing can be resumed\n",
		              a->session->program);
		return SESSION_EXIT_CONTAINER;
	}
	if (port == 0)
		return 0;
	status = open_output(a, port, &a->out, &a->spec->have_out);
	if (status == 0)
		status = open_output(a, port, &a->err, &a->spec->have_err);
	if (status == 0)
		status = open_input(a, port);
	return status;
}

static void check_delivery(struct attach *a)
{
	struct delivery d = { .cid = a->spec->cid, .eid = a->spec->eid };

	/* By calls nobody knows what was read before us. */
	if (!a->spec->verbose || (a->spec->is_late && a->spec->no_streams))
		return;
	d.out = a->out.received - a->out.queue.len;
	d.err = a->err.received - a->err.queue.len;
	d.in = a->in.marked;
	d.has_in = a->has_stream_in;
	if (delivery_check(a->session, &d) != SESSION_EXIT_OK)
		a->status = SESSION_EXIT_CONTAINER;
}

int attach_exit_status(const struct client_reply *reply)
{
	if (reply->is_lost)
		return SESSION_EXIT_CONTAINER;
	if (strstr(reply->text, "was not found"))
		return SESSION_EXIT_NOT_FOUND;
	if (reply->code == RPC_PERMISSION_DENIED || strcasestr(reply->text, "permission denied") ||
	    strstr(reply->text, "cannot be executed") || strstr(reply->text, "execute '"))
		return SESSION_EXIT_CANNOT_EXECUTE;
	return SESSION_EXIT_CONTAINER;
}

static void start_and_serve(struct attach *a, const char *method, const ProtobufCMessage *request)
{
	_autoreply_ struct client_reply reply = { .text = "" };
	_autotty_ struct tty tty = { 0 };
	uint32_t port;

	if (session_open(a->session) != SESSION_EXIT_OK)
		return;
	port = a->spec->no_streams ? 0 : plane_find(a->session);
	if (method && session_call(a->session, method, request, &reply) != SESSION_EXIT_OK) {
		a->status = attach_exit_status(&reply);
		return;
	}
	a->status = open_streams(a, port);
	if (a->status != 0)
		return;
	if (a->spec->tty && a->spec->interactive)
		(void)tty_make_raw(&tty, STDIN_FILENO);
	send_size(a);
	if (!a->spec->interactive && a->spec->is_late)
		a->is_stdin_over = true;
	else if (!a->spec->interactive)
		end_stdin(a);
	serve(a);
	check_delivery(a);
}

/* A file takes any number of bytes without waiting. */
static void init_output(struct output *o, struct attach *a, enum kstr_kind kind, const char *method, int fd)
{
	struct stat st;

	*o = (struct output){ .attach = a, .method = method, .kind = kind, .fd = fd, .stream.fd = -EBADF };
	o->can_refuse = fstat(fd, &st) == 0 && !S_ISREG(st.st_mode);
	o->write_max = o->can_refuse ? WRITE_MAX : STREAM_CHUNK;
}

static void release(struct attach *a)
{
	plane_close(&a->in);
	plane_close(&a->out.stream);
	plane_close(&a->err.stream);
	buf_done(&a->input);
	buf_done(&a->out.queue);
	buf_done(&a->err.queue);
}

int attach_run(struct session *session, const struct attach_spec *spec, const char *method,
               const ProtobufCMessage *request)
{
	static const int forwarded[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH };
	struct attach a = { .session = session, .spec = spec, .status = SESSION_EXIT_CONTAINER, .in.fd = -EBADF };
	sigset_t set, before;

	init_output(&a.out, &a, KSTR_STDOUT, "ReadStdout", STDOUT_FILENO);
	init_output(&a.err, &a, KSTR_STDERR, "ReadStderr", STDERR_FILENO);
	a.err.is_over = spec->tty; /* a terminal has one output */
	(void)sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(forwarded); i++)
		(void)sigaddset(&set, forwarded[i]);
	(void)sigprocmask(SIG_BLOCK, &set, &before);
	a.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (a.signals < 0)
		(void)fprintf(stderr, "%s: signalfd: %s\n", session->program, strerror(errno));
	else
		start_and_serve(&a, method, request);
	(void)fd_close(a.signals);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	release(&a);
	return a.status;
}
