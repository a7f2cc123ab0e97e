/* SPDX-License-Identifier: Apache-2.0 */
#include "client/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/fd.h"
#include "proto/agent.pb-c.h"
#include "proto/pbmem.h"
#include "tests/lib/fake_agent.h"
#include "tests/lib/unit.h"

#define INPUT_SIZE 100000

/* What the fake process does; the child exits with a number that tells which expectation failed. */
struct play {
	const char *out, *err; /* printed at once */
	bool echo;             /* stdin comes back on stdout */
	bool until_signal;     /* ends when a signal comes, not when its input ends */
	int signal_to_client;  /* sent to the client after CloseStdin */
	bool endless;          /* stdout never ends before a signal */
	bool expect_resize, tty;
	bool drop_connection; /* after the first read */
	int master;           /* of the client's terminal: the user types ^D there once it is raw */
	int status;
};

struct process {
	const struct play *play;
	struct fake_peer *peer;
	struct buf out, err;
	bool is_over;
	uint32_t read_out, read_err; /* streams of parked calls, 0 = none */
	int ends_told;
	bool was_resized;
};

static void answer_data(struct process *p, uint32_t *parked, struct buf *from)
{
	Grpc__ReadStreamResponse reply = GRPC__READ_STREAM_RESPONSE__INIT;

	if (*parked == 0 || (from->len == 0 && !p->is_over))
		return;
	reply.data = (ProtobufCBinaryData){ from->len < 32768 ? from->len : 32768, from->data };
	p->ends_told += from->len == 0;
	fake_peer_answer(p->peer, *parked, &reply.base);
	buf_consume(from, reply.data.len);
	*parked = 0;
}

static int do_write(struct process *p, const struct fake_request *request, ProtobufCMessage *message)
{
	const Grpc__WriteStreamRequest *w = (const Grpc__WriteStreamRequest *)message;
	Grpc__WriteStreamResponse reply = GRPC__WRITE_STREAM_RESPONSE__INIT;

	if (w->data.len == 0 || w->data.len > 32768)
		return 10;
	if (p->play->tty && w->data.len == 1 && w->data.data[0] == 4)
		p->is_over = true;
	else if (p->play->echo && buf_add(&p->out, w->data.data, w->data.len) < 0)
		return 11;
	reply.len = (uint32_t)w->data.len;
	fake_peer_answer(p->peer, request->stream, &reply.base);
	return 0;
}

static int do_wait(struct process *p, const struct fake_request *request)
{
	Grpc__WaitProcessResponse reply = GRPC__WAIT_PROCESS_RESPONSE__INIT;

	/* Some agents forget the process now, with what was not read. */
	if (p->ends_told != (p->play->tty ? 1 : 2))
		return 20;
	reply.status = p->play->status;
	fake_peer_answer(p->peer, request->stream, &reply.base);
	return 0;
}

static int do_signal(struct process *p, const struct fake_request *request, ProtobufCMessage *message)
{
	const Grpc__SignalProcessRequest *s = (const Grpc__SignalProcessRequest *)message;
	int expected = p->play->signal_to_client != 0 ? p->play->signal_to_client : SIGKILL;

	if ((int)s->signal != expected || strcmp(s->exec_id, "c1") != 0)
		return 30;
	p->is_over = true;
	buf_done(&p->out);
	fake_peer_answer(p->peer, request->stream, NULL);
	return 0;
}

static int do_resize(struct process *p, const struct fake_request *request, ProtobufCMessage *message)
{
	const Grpc__TtyWinResizeRequest *t = (const Grpc__TtyWinResizeRequest *)message;

	if (t->row != 33 || t->column != 77)
		return 40;
	p->was_resized = true;
	if (fd_write_all(p->play->master, "\004", 1) < 0)
		return 41;
	fake_peer_answer(p->peer, request->stream, NULL);
	return 0;
}

static int handle(struct process *p, const struct fake_request *request)
{
	const ProtobufCMethodDescriptor *m = protobuf_c_service_descriptor_get_method_by_name(
		&grpc__agent_service__descriptor, request->envelope.method);
	ProtobufCMessage *message;
	int r = 0;

	if (!m || pb_unpack(m->input, &p->peer->arena, request->envelope.payload, request->envelope.payload_len,
	                    &message, NULL) < 0)
		return 50;
	if (strcmp(m->name, "ReadStdout") == 0)
		p->read_out = request->stream;
	else if (strcmp(m->name, "ReadStderr") == 0)
		p->read_err = request->stream;
	else if (strcmp(m->name, "WriteStdin") == 0)
		r = do_write(p, request, message);
	else if (strcmp(m->name, "WaitProcess") == 0)
		r = do_wait(p, request);
	else if (strcmp(m->name, "SignalProcess") == 0)
		r = do_signal(p, request, message);
	else if (strcmp(m->name, "TtyWinResize") == 0)
		r = do_resize(p, request, message);
	else
		fake_peer_answer(p->peer, request->stream, NULL);
	if (strcmp(m->name, "CloseStdin") == 0) {
		p->is_over |= !p->play->until_signal;
		if (p->play->signal_to_client != 0)
			(void)kill(getppid(), p->play->signal_to_client);
	}
	return r;
}

static int script(struct fake_peer *peer, void *arg)
{
	struct process p = { .play = arg, .peer = peer };
	struct fake_request request;
	static char noise[65536];
	int r = 0, got = 1;

	if (p.play->out)
		r = buf_add(&p.out, p.play->out, strlen(p.play->out));
	if (r == 0 && p.play->err)
		r = buf_add(&p.err, p.play->err, strlen(p.play->err));
	while (r == 0 && (got = fake_peer_read(peer, &request)) == 1) {
		r = handle(&p, &request);
		if (p.play->drop_connection && (p.read_out != 0 || p.read_err != 0))
			return 0;
		if (p.play->endless && !p.is_over && p.out.len == 0)
			r = buf_add(&p.out, noise, sizeof(noise));
		answer_data(&p, &p.read_out, &p.out);
		answer_data(&p, &p.read_err, &p.err);
	}
	buf_done(&p.out);
	buf_done(&p.err);
	if (r == 0 && p.play->expect_resize && !p.was_resized)
		r = 60;
	return r != 0 ? r : got == 0 ? 0 : 70;
}

/* Our fds 0 to 2 are the program's during a run. */
struct stdio {
	int saved[3];
};

static void redirect(struct stdio *s, int in, int out, int err)
{
	int to[3] = { in, out, err };

	(void)fflush(NULL);
	for (int i = 0; i < 3; i++) {
		s->saved[i] = dup(i);
		assert_true(s->saved[i] >= 0);
		assert_int_equal(dup2(to[i], i), i);
	}
}

static void restore(struct stdio *s)
{
	(void)fflush(NULL);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(dup2(s->saved[i], i), i);
		(void)close(s->saved[i]);
	}
}

static int scratch(void)
{
	int fd = memfd_create("scratch", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static int run_play(struct play *play, const struct attach_spec *spec, int in, int out, int err)
{
	Grpc__StartContainerRequest request = GRPC__START_CONTAINER_REQUEST__INIT;
	struct session session = { .program = "kata-agent-ctl", .timeout_ms = SESSION_TIMEOUT_UNSET };
	struct fake_agent agent;
	struct stdio stdio;
	int status;

	assert_int_equal(fake_agent_start(&agent, script, play), 0);
	session.client = client_new(take_fd(&agent.fd));
	assert_non_null(session.client);
	(void)signal(SIGPIPE, SIG_IGN);
	redirect(&stdio, in, out, err);
	status = attach_run(&session, spec, "StartContainer", &request.base);
	restore(&stdio);
	session_done(&session);
	assert_int_equal(fake_agent_stop(&agent), 0);
	return status;
}

static void expect_content(int fd, const char *expected)
{
	char text[512] = "";

	assert_true(pread(fd, text, sizeof(text) - 1, 0) >= 0);
	assert_string_equal(text, expected);
}

static void output_and_status_come_through(void **state)
{
	const struct attach_spec spec = { .cid = "c1", .eid = "c1" };
	struct play play = { .out = "hello\n", .err = "oops\n", .status = 7 };
	_autoclose_ int in = open("/dev/null", O_RDONLY | O_CLOEXEC), out = scratch(), err = scratch();

	(void)state;
	assert_int_equal(run_play(&play, &spec, in, out, err), 7);
	expect_content(out, "hello\n");
	expect_content(err, "oops\n");
}

static void input_goes_there_and_back(void **state)
{
	const struct attach_spec spec = { .cid = "c1", .eid = "c1", .interactive = true };
	struct play play = { .echo = true };
	_autoclose_ int in = scratch(), out = scratch(), err = scratch();
	static char sent[INPUT_SIZE], seen[INPUT_SIZE + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (char)(i * 7 + i / 251);
	assert_int_equal(fd_write_all(in, sent, sizeof(sent)), 0);
	assert_int_equal(lseek(in, 0, SEEK_SET), 0);
	assert_int_equal(run_play(&play, &spec, in, out, err), 0);
	assert_int_equal(pread(out, seen, sizeof(seen), 0), INPUT_SIZE);
	assert_memory_equal(seen, sent, INPUT_SIZE);
}

static void signals_go_to_the_process(void **state)
{
	const struct attach_spec spec = { .cid = "c1", .eid = "c1" };
	struct play play = { .until_signal = true, .signal_to_client = SIGTERM, .status = 143 };
	_autoclose_ int in = open("/dev/null", O_RDONLY | O_CLOEXEC), out = scratch(), err = scratch();

	(void)state;
	assert_int_equal(run_play(&play, &spec, in, out, err), 143);
}

static void a_broken_pipe_ends_the_process(void **state)
{
	const struct attach_spec spec = { .cid = "c1", .eid = "c1" };
	struct play play = { .until_signal = true, .endless = true, .status = 137 };
	_autoclose_ int in = open("/dev/null", O_RDONLY | O_CLOEXEC), err = scratch();
	int pipe_fds[2];

	(void)state;
	assert_int_equal(pipe(pipe_fds), 0);
	(void)close(pipe_fds[0]);
	assert_int_equal(run_play(&play, &spec, in, pipe_fds[1], err), 137);
	(void)close(pipe_fds[1]);
}

static void a_lost_connection_is_an_error(void **state)
{
	const struct attach_spec spec = { .cid = "c1", .eid = "c1" };
	struct play play = { .drop_connection = true };
	_autoclose_ int in = open("/dev/null", O_RDONLY | O_CLOEXEC), out = scratch(), err = scratch();

	(void)state;
	assert_int_equal(run_play(&play, &spec, in, out, err), SESSION_EXIT_CONTAINER);
	expect_content(err, "WaitProcess: UNAVAILABLE: connection closed by the agent\n");
}

static void a_terminal_is_raw_meanwhile_and_restored(void **state)
{
	const struct attach_spec spec = { .cid = "c1", .eid = "c1", .interactive = true, .tty = true };
	struct play play = { .tty = true, .expect_resize = true, .echo = true, .status = 3 };
	struct winsize size = { .ws_row = 33, .ws_col = 77 };
	_autoclose_ int out = scratch(), err = scratch();
	struct termios before, after;
	int master, slave;

	(void)state;
	assert_int_equal(openpty(&master, &slave, NULL, NULL, &size), 0);
	assert_int_equal(tcgetattr(slave, &before), 0);
	assert_true(before.c_lflag & ICANON);
	play.master = master;
	assert_int_equal(run_play(&play, &spec, slave, out, err), 3);
	assert_int_equal(tcgetattr(slave, &after), 0);
	assert_int_equal(after.c_lflag, before.c_lflag);
	assert_int_equal(after.c_iflag, before.c_iflag);
	assert_int_equal(after.c_oflag, before.c_oflag);
	assert_int_equal(after.c_cflag, before.c_cflag);
	(void)close(master);
	(void)close(slave);
}

static void refusals_have_their_exit_status(void **state)
{
	static const struct {
		struct client_reply reply;
		int status;
	} rows[] = {
		{ { .code = RPC_INTERNAL, .text = "start: the file sh was not found" }, 127 },
		{ { .code = RPC_INTERNAL, .text = "exec '/x': Permission denied" }, 126 },
		{ { .code = RPC_PERMISSION_DENIED, .text = "no" }, 126 },
		{ { .code = RPC_INTERNAL, .text = "mount 'proc': Invalid argument" }, 125 },
		{ { .code = RPC_UNAVAILABLE, .is_lost = true, .text = "the file sh was not found" }, 125 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(attach_exit_status(&rows[i].reply), rows[i].status);
}

int test_attach(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_and_status_come_through),
		cmocka_unit_test(input_goes_there_and_back),
		cmocka_unit_test(signals_go_to_the_process),
		cmocka_unit_test(a_broken_pipe_ends_the_process),
		cmocka_unit_test(a_lost_connection_is_an_error),
		cmocka_unit_test(a_terminal_is_raw_meanwhile_and_restored),
		cmocka_unit_test(refusals_have_their_exit_status),
	};

	return cmocka_run_group_tests_name("ctl/attach", tests, NULL, NULL);
}
