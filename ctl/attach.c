/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/attach.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "ctl/method.h"
#include "ctl/tty.h"
#include "lib/buf.h"
#include "lib/fd.h"
#include "proto/agent.pb-c.h"

#define CHUNK         (32u << 10)  /* bytes in a read or write call, as the Go shim's */
#define OUTPUT_QUEUED (256u << 10) /* bytes that may wait for a slow reader of ours before we stop reading */
#define WRITE_MAX     4096         /* PIPE_BUF: so many can be written without blocking after POLLOUT */
#define END_OF_INPUT  "\004"       /* what a terminal takes for it */

enum { WATCH_SIGNALS, WATCH_STDIN, WATCH_STDOUT, WATCH_STDERR, WATCH_MAX };

struct output {
	struct attach *attach;
	const char *method;
	int fd;
	struct buf queue;
	bool is_reading; /* a call is out */
	bool is_over;    /* the process's end has been seen */
	bool is_broken;  /* our end is closed */
};

struct attach {
	struct ctl *ctl;
	const struct attach_spec *spec;
	struct output out, err;
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
		r = client_send(a->ctl->client, &m, request, timeout_ms, fn, arg);
	if (r == 0)
		return;
	(void)fprintf(stderr, "kata-agent-ctl: %s: %s\n", method, strerror(-r));
	a->status = CTL_EXIT_CONTAINER;
	a->is_done = true;
}

static void send_signal(struct attach *a, int number)
{
	Grpc__SignalProcessRequest request = GRPC__SIGNAL_PROCESS_REQUEST__INIT;

	request.container_id = (char *)a->spec->cid;
	request.exec_id = (char *)a->spec->eid;
	request.signal = (uint32_t)number;
	send_call(a, "SignalProcess", &request.base, CTL_TIMEOUT_MS, forget, NULL);
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
	send_call(a, "TtyWinResize", &request.base, CTL_TIMEOUT_MS, forget, NULL);
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
}

static void read_output(struct output *o)
{
	Grpc__ReadStreamRequest request = GRPC__READ_STREAM_REQUEST__INIT;

	if (o->is_over || o->is_reading || o->queue.len >= OUTPUT_QUEUED)
		return;
	request.container_id = (char *)o->attach->spec->cid;
	request.exec_id = (char *)o->attach->spec->eid;
	request.len = CHUNK;
	o->is_reading = true;
	send_call(o->attach, o->method, &request.base, 0, on_read, o);
}

static void write_output(struct output *o)
{
	ssize_t n = write(o->fd, o->queue.data, o->queue.len < WRITE_MAX ? o->queue.len : WRITE_MAX);

	if (n >= 0) {
		buf_consume(&o->queue, (size_t)n);
	} else if (errno != EINTR && errno != EAGAIN) {
		/* Nobody reads any more, as when a shell's pipe breaks; the first process of a container ignores
		 * SIGPIPE. */
		if (errno != EPIPE)
			(void)fprintf(stderr, "kata-agent-ctl: write output: %s\n", strerror(errno));
		o->is_broken = true;
		buf_done(&o->queue);
		send_signal(o->attach, SIGKILL);
	}
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

static void end_stdin(struct attach *a)
{
	Grpc__CloseStdinRequest request = GRPC__CLOSE_STDIN_REQUEST__INIT;

	a->is_stdin_over = true;
	/* Closing a terminal would hang it up. */
	if (a->spec->tty && a->spec->interactive) {
		write_stdin(a, END_OF_INPUT, 1);
	} else if (!a->spec->tty) {
		request.container_id = (char *)a->spec->cid;
		request.exec_id = (char *)a->spec->eid;
		send_call(a, "CloseStdin", &request.base, CTL_TIMEOUT_MS, forget, NULL);
	}
}

static void read_stdin(struct attach *a)
{
	uint8_t data[CHUNK];
	ssize_t n = read(STDIN_FILENO, data, sizeof(data));

	if (n > 0)
		write_stdin(a, data, (size_t)n);
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
	} else {
		(void)ctl_print_failure(reply);
		a->status = CTL_EXIT_CONTAINER;
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

static void serve(struct attach *a)
{
	struct pollfd fds[WATCH_MAX];

	while (!is_finished(a)) {
		if (!a->is_done) {
			read_output(&a->out);
			read_output(&a->err);
			wait_exit(a);
		}
		/* A negative fd is not watched: poll would report a hangup that we cannot act on again and again. */
		fds[WATCH_SIGNALS] = (struct pollfd){ .fd = a->signals, .events = POLLIN };
		fds[WATCH_STDIN] = (struct pollfd){ .fd = -1, .events = POLLIN };
		if (!a->is_stdin_over && !a->is_writing && !a->is_done)
			fds[WATCH_STDIN].fd = STDIN_FILENO;
		fds[WATCH_STDOUT] = (struct pollfd){ a->out.queue.len > 0 ? a->out.fd : -1, POLLOUT, 0 };
		fds[WATCH_STDERR] = (struct pollfd){ a->err.queue.len > 0 ? a->err.fd : -1, POLLOUT, 0 };
		(void)client_step(a->ctl->client, fds, WATCH_MAX, -1);
		if (fds[WATCH_SIGNALS].revents != 0)
			read_signals(a);
		if (fds[WATCH_STDIN].revents != 0)
			read_stdin(a);
		if (fds[WATCH_STDOUT].revents != 0)
			write_output(&a->out);
		if (fds[WATCH_STDERR].revents != 0)
			write_output(&a->err);
	}
}

int attach_exit_status(const struct client_reply *reply)
{
	if (reply->is_lost)
		return CTL_EXIT_CONTAINER;
	if (strstr(reply->text, "was not found"))
		return CTL_EXIT_NOT_FOUND;
	if (reply->code == RPC_PERMISSION_DENIED || strcasestr(reply->text, "permission denied") ||
	    strstr(reply->text, "cannot be executed") || strstr(reply->text, "execute '"))
		return CTL_EXIT_CANNOT_EXECUTE;
	return CTL_EXIT_CONTAINER;
}

static void start_and_serve(struct attach *a, const char *method, const ProtobufCMessage *request)
{
	_autoreply_ struct client_reply reply = { .text = "" };
	_autotty_ struct tty tty = { 0 };

	if (ctl_call(a->ctl, method, request, &reply) != CTL_EXIT_OK) {
		a->status = attach_exit_status(&reply);
		return;
	}
	if (a->spec->tty && a->spec->interactive)
		(void)tty_make_raw(&tty, STDIN_FILENO);
	send_size(a);
	if (!a->spec->interactive)
		end_stdin(a);
	serve(a);
}

int attach_run(struct ctl *ctl, const struct attach_spec *spec, const char *method, const ProtobufCMessage *request)
{
	static const int forwarded[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH };
	struct attach a = { .ctl = ctl, .spec = spec, .status = CTL_EXIT_CONTAINER };
	sigset_t set, before;

	a.out = (struct output){ .attach = &a, .method = "ReadStdout", .fd = STDOUT_FILENO };
	/* A terminal has one output. */
	a.err = (struct output){ .attach = &a, .method = "ReadStderr", .fd = STDERR_FILENO, .is_over = spec->tty };
	(void)sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(forwarded); i++)
		(void)sigaddset(&set, forwarded[i]);
	(void)sigprocmask(SIG_BLOCK, &set, &before);
	a.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (a.signals < 0)
		(void)fprintf(stderr, "kata-agent-ctl: signalfd: %s\n", strerror(errno));
	else
		start_and_serve(&a, method, request);
	(void)fd_close(a.signals);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	buf_done(&a.out.queue);
	buf_done(&a.err.queue);
	return a.status;
}
