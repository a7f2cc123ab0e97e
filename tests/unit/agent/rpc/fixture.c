/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/agent/rpc/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/log.h"

#define PATIENCE 400 /* turns of 5 ms */

static void log_to_fake(void *arg, enum log_level level, const char *line, size_t len)
{
	size_t used = strlen(fake.log);

	(void)arg;
	(void)level;
	fake.log_lines++;
	if (used + len + 1 < sizeof(fake.log))
		memcpy(fake.log + used, line, len);
}

static void fake_reset(struct sandbox *sandbox)
{
	memset(&fake, 0, sizeof(fake));
	fake.acked = -1;
	fake.container.sandbox = sandbox;
	fake.container.id = "web";
	fake.container.config = &fake.config;
	fake.container.cgroup_path = (char *)(uintptr_t) "/web";
	fake.container.state = CONTAINER_RUNNING;
	fake.container.init = &fake.init;
	list_init(&fake.container.processes);
	fake.init.id = (char *)(uintptr_t) "web";
	fake.exec.id = (char *)(uintptr_t) "e1";
	fake.init.state = fake.exec.state = PROCESS_RUNNING;
	fake.init.is_init = true;
	list_append(&fake.container.processes, &fake.init.link);
	list_append(&fake.container.processes, &fake.exec.link);
	list_init(&sandbox->containers);
	list_append(&sandbox->containers, &fake.container.link);
}

int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err err = ERR_INIT;

	fake_reset(&f->sandbox);
	log_set_sink(log_to_fake, NULL);
	log_set_level(LOG_LEVEL_INFO);
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/rpc-test-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->addr.kind = ADDR_UNIX;
	(void)snprintf(f->addr.path, sizeof(f->addr.path), "%s/s", f->dir);
	assert_return_code(loop_new(&f->loop), 0);
	assert_return_code(reaper_new(&f->reaper), 0);
	f->sandbox.env = (struct job_env){ f->loop, f->reaper };
	assert_return_code(rpc_server_new(f->loop, &f->sandbox, &f->addr, &f->server, &err), 0);
	*state = f;
	return 0;
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	rpc_server_free(f->server);
	(void)reaper_run(f->reaper);
	reaper_free(f->reaper);
	/* Nothing of a server, a connection or a call may be left behind. */
	assert_int_equal(loop_count(f->loop), 0);
	loop_free(f->loop);
	(void)unlink(f->addr.path);
	assert_return_code(rmdir(f->dir), errno);
	log_set_sink(NULL, NULL);
	container_config_free(fake.created);
	exec_config_free(fake.executed);
	sandbox_config_free(fake.sandboxed);
	free(f);
	return 0;
}

void fixture_turns(struct fixture *f)
{
	for (int i = 0; i < 10; i++)
		assert_return_code(loop_turn(f->loop, 0), 0);
}

int fixture_connect(struct fixture *f)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	assert_true(fd >= 0);
	memcpy(sun.sun_path, f->addr.path, sizeof(sun.sun_path));
	assert_return_code(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), errno);
	fixture_turns(f);
	return fd;
}

void fixture_send_bytes(struct fixture *f, int fd, const void *data, size_t n)
{
	const uint8_t *p = data;

	for (int left = PATIENCE; n > 0 && left > 0; left--) {
		ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

		if (sent > 0) {
			p += sent;
			n -= (size_t)sent;
			left = PATIENCE;
		}
		assert_return_code(loop_turn(f->loop, sent > 0 ? 0 : 5), 0);
	}
	assert_int_equal(n, 0);
}

void fixture_send(struct fixture *f, int fd, uint32_t stream, const char *service, const char *method, int64_t timeout,
                  const ProtobufCMessage *message)
{
	_autobuf_ struct buf frame = BUF_INIT;

	assert_return_code(envelope_request_pack(&frame, stream, service, method, timeout, message), 0);
	fixture_send_bytes(f, fd, frame.data, frame.len);
}

static void receive_bytes(struct fixture *f, int fd, void *data, size_t n)
{
	uint8_t *p = data;

	for (int left = PATIENCE; n > 0 && left > 0; left--) {
		ssize_t got = recv(fd, p, n, 0);

		assert_int_not_equal(got, 0);
		if (got > 0) {
			p += got;
			n -= (size_t)got;
			left = PATIENCE;
		} else {
			assert_int_equal(errno, EAGAIN);
			assert_return_code(loop_turn(f->loop, 5), 0);
			(void)reaper_run(f->reaper);
		}
	}
	assert_int_equal(n, 0);
}

struct answer fixture_receive(struct fixture *f, int fd)
{
	uint8_t head[TTRPC_HEADER_SIZE];
	struct ttrpc_header header;
	struct answer a = { 0 };

	receive_bytes(f, fd, head, sizeof(head));
	header = ttrpc_header_unpack(head);
	assert_int_equal(header.type, TTRPC_RESPONSE);
	assert_int_equal(header.flags, 0);
	assert_true(header.length <= TTRPC_MESSAGE_MAX);
	a.stream = header.stream;
	a.frame = malloc(header.length + 1);
	receive_bytes(f, fd, a.frame, header.length);
	arena_init(&a.arena, 0);
	assert_return_code(envelope_response_unpack(&a.arena, a.frame, header.length, &a.response), 0);
	return a;
}

void answer_done(struct answer *answer)
{
	arena_done(&answer->arena);
	free(answer->frame);
}

void fixture_expect(struct fixture *f, int fd, uint32_t stream, int code, const char *text)
{
	struct answer a = fixture_receive(f, fd);

	assert_int_equal(a.stream, stream);
	if (text)
		assert_string_equal(a.response.message, text);
	assert_int_equal(a.response.code, code);
	answer_done(&a);
}

void fixture_call(struct fixture *f, int fd, const char *method, const ProtobufCMessage *message, int code,
                  const char *text)
{
	fixture_send(f, fd, 77, AGENT, method, 0, message);
	fixture_expect(f, fd, 77, code, text);
}

void fixture_expect_alive(struct fixture *f, int fd)
{
	fixture_send(f, fd, 99999, HEALTH, "Check", 0, NULL);
	fixture_expect(f, fd, 99999, RPC_OK, "");
}

void fixture_expect_end(struct fixture *f, int fd)
{
	for (int left = PATIENCE; left > 0; left--) {
		char c;
		ssize_t n = recv(fd, &c, 1, 0);

		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return;
		assert_true(n < 0);
		assert_return_code(loop_turn(f->loop, 5), 0);
	}
	fail_msg("the connection was not ended");
}
