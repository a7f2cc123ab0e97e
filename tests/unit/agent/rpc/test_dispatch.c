/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/log.h"
#include "proto/ttrpc.pb-c.h"
#include "tests/unit/agent/rpc/fixture.h"

/* A request whose payload is these bytes. */
static void send_payload(struct fixture *f, int fd, const char *method, const void *payload, size_t len)
{
	Ttrpc__Request req = TTRPC__REQUEST__INIT;
	_autobuf_ struct buf frame = BUF_INIT;
	uint8_t head[TTRPC_HEADER_SIZE];
	size_t size;

	req.service = (char *)(uintptr_t)AGENT;
	req.method = (char *)(uintptr_t)method;
	req.payload.data = (uint8_t *)(uintptr_t)payload;
	req.payload.len = len;
	size = ttrpc__request__get_packed_size(&req);
	ttrpc_header_pack(head, (uint32_t)size, 5, TTRPC_REQUEST, 0);
	assert_return_code(buf_add(&frame, head, sizeof(head)), 0);
	assert_return_code(buf_reserve(&frame, size), 0);
	(void)ttrpc__request__pack(&req, frame.data + frame.len);
	buf_commit(&frame, size);
	fixture_send_bytes(f, fd, frame.data, frame.len);
}

static void unknown_names_are_refused(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);

	fixture_send(f, fd, 1, "image.Image", "PullImage", 0, NULL);
	fixture_expect(f, fd, 1, RPC_INVALID_ARGUMENT, "image.Image service does not exist");
	fixture_send(f, fd, 3, "", "", 0, NULL);
	fixture_expect(f, fd, 3, RPC_INVALID_ARGUMENT, " service does not exist");
	fixture_send(f, fd, 5, AGENT, "StartTracing", 0, NULL);
	fixture_expect(f, fd, 5, RPC_UNIMPLEMENTED, "Method does not exist: grpc.AgentService/StartTracing");
	fixture_send(f, fd, 7, AGENT, "Check", 0, NULL);
	fixture_expect(f, fd, 7, RPC_UNIMPLEMENTED, "Method does not exist: grpc.AgentService/Check");
	fixture_send(f, fd, 9, AGENT, "ResizeVolume", 0, NULL);
	fixture_expect(f, fd, 9, RPC_UNIMPLEMENTED, "Method is not implemented: grpc.AgentService/ResizeVolume");
	fixture_expect_alive(f, fd);
	(void)close(fd);
}

static void bad_payloads_are_refused(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);

	send_payload(f, fd, "WaitProcess", "\x0a\xff", 2);
	fixture_expect(f, fd, 5, RPC_UNKNOWN, "decode 'grpc.WaitProcessRequest': malformed");
	send_payload(f, fd, "WaitProcess", "\x0a\x03w\0b", 5);
	fixture_expect(f, fd, 5, RPC_UNKNOWN, "decode 'grpc.WaitProcessRequest.container_id': contains a NUL");
	send_payload(f, fd, "WaitProcess", "\x0a\x02\xc3\x28", 4);
	fixture_expect(f, fd, 5, RPC_UNKNOWN, "decode 'grpc.WaitProcessRequest.container_id': is not UTF-8");
	fixture_expect_alive(f, fd);
	(void)close(fd);
}

/* A small frame must not cost much memory: two bytes a sub-message are refused by number. */
static void expensive_requests_are_refused(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	size_t len = 200000;
	uint8_t *payload = malloc(len);

	for (size_t i = 0; i < len; i += 2) {
		payload[i] = 5 << 3 | 2; /* an empty Storage */
		payload[i + 1] = 0;
	}
	send_payload(f, fd, "CreateContainer", payload, len);
	fixture_expect(f, fd, 5, RPC_RESOURCE_EXHAUSTED,
	               "decode 'grpc.CreateContainerRequest.storages': too many elements");
	/* Fewer elements than that limit, but too much memory: OCI.Mounts. */
	free(payload);
	f->server->request_bytes = RPC_REQUEST_BYTES_MAX;
	fixture_send(f, fd, 7, HEALTH, "Check", 0, NULL);
	fixture_expect(f, fd, 7, RPC_RESOURCE_EXHAUSTED, "too many large requests are open");
	fixture_turns(f);
	assert_int_equal(f->server->request_bytes, RPC_REQUEST_BYTES_MAX);
	f->server->request_bytes = 0;
	fixture_expect_alive(f, fd);
	(void)close(fd);
}

static void memory_is_given_back(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);

	fixture_expect_alive(f, fd);
	fixture_turns(f);
	assert_int_equal(f->server->request_bytes, 0);
	assert_true(list_is_empty(&f->server->finished));
	(void)close(fd);
}

static void failures_are_logged_once(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	Grpc__SignalProcessRequest req = GRPC__SIGNAL_PROCESS_REQUEST__INIT;

	req.container_id = (char *)(uintptr_t) "web";
	req.exec_id = (char *)(uintptr_t) "e1";
	req.signal = 15;
	fake.result = -5;
	fixture_call(f, fd, "SignalProcess", &req.base, RPC_INTERNAL, "fake reason");
	assert_int_equal(fake.log_lines, 1);
	assert_non_null(strstr(fake.log, "fake reason"));
	assert_non_null(strstr(fake.log, "\"method\":\"SignalProcess\""));
	assert_non_null(strstr(fake.log, "\"container\":\"web\""));
	assert_non_null(strstr(fake.log, "\"exec\":\"e1\""));
	assert_non_null(strstr(fake.log, "\"code\":\"INTERNAL\""));
	/* A success says nothing. */
	fixture_call(f, fd, "SignalProcess", &req.base, RPC_OK, "");
	assert_int_equal(fake.log_lines, 1);
	(void)close(fd);
}

static void requests_are_logged_without_values(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	Grpc__ExecProcessRequest req = GRPC__EXEC_PROCESS_REQUEST__INIT;
	Grpc__Process process = GRPC__PROCESS__INIT;
	char *env[] = { (char *)(uintptr_t) "PASSWORD=secret" };

	process.env = env;
	process.n_env = 1;
	req.process = &process;
	req.container_id = (char *)(uintptr_t) "nowhere";
	req.exec_id = (char *)(uintptr_t) "e2";
	log_set_level(LOG_LEVEL_DEBUG);
	fixture_call(f, fd, "ExecProcess", &req.base, RPC_INTERNAL, "Invalid container id");
	log_set_level(LOG_LEVEL_INFO);
	assert_non_null(strstr(fake.log, "Called"));
	assert_non_null(strstr(fake.log, "\"exec\":\"e2\""));
	assert_null(strstr(fake.log, "secret"));
	(void)close(fd);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int test_dispatch(void)
{
	const struct CMUnitTest tests[] = {
		T(unknown_names_are_refused), T(bad_payloads_are_refused), T(expensive_requests_are_refused),
		T(memory_is_given_back),      T(failures_are_logged_once), T(requests_are_logged_without_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
