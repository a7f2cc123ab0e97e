/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/agent/rpc/fixture.h"

static void signal_row(struct fixture *f, int fd, const char *container, const char *exec, unsigned sig, int code,
                       const char *text)
{
	Grpc__SignalProcessRequest req = GRPC__SIGNAL_PROCESS_REQUEST__INIT;

	req.container_id = (char *)(uintptr_t)container;
	req.exec_id = (char *)(uintptr_t)exec;
	req.signal = sig;
	fake.last = NULL;
	fixture_call(f, fd, "SignalProcess", &req.base, code, text);
}

static void signals(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);

	signal_row(f, fd, "web", "", SIGTERM, RPC_OK, "");
	assert_string_equal(fake.last, "process_signal");
	assert_int_equal(fake.signal, SIGTERM);
	/* Everything is killed only by 9 without an exec id. */
	signal_row(f, fd, "web", "", SIGKILL, RPC_OK, "");
	assert_string_equal(fake.last, "container_kill_all");
	signal_row(f, fd, "web", "web", SIGKILL, RPC_OK, "");
	assert_string_equal(fake.last, "process_signal");
	signal_row(f, fd, "web", "e1", 64, RPC_OK, "");
	signal_row(f, fd, "web", "e1", 65, RPC_INVALID_ARGUMENT, "signal 65 does not exist");
	assert_null(fake.last);
	signal_row(f, fd, "web", "nobody", SIGTERM, RPC_NOT_FOUND, "Process not found: invalid exec id");
	signal_row(f, fd, "nowhere", "", SIGKILL, RPC_INTERNAL, "Invalid container id nowhere");
	signal_row(f, fd, "nowhere", "", SIGTERM, RPC_INVALID_ARGUMENT, "Invalid container id");
	fake.result = -EPERM;
	signal_row(f, fd, "web", "", SIGKILL, RPC_INTERNAL, "fake reason");
	fake.result = -EPERM;
	signal_row(f, fd, "web", "e1", SIGHUP, RPC_INTERNAL, "fake reason");
	(void)close(fd);
}

static void wait_tells_the_code(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	Grpc__WaitProcessRequest req = GRPC__WAIT_PROCESS_REQUEST__INIT;
	Grpc__WaitProcessResponse *reply;
	struct answer a;

	req.container_id = (char *)(uintptr_t) "web";
	req.exec_id = (char *)(uintptr_t) "e1";
	fixture_send(f, fd, 1, AGENT, "WaitProcess", 0, &req.base);
	fixture_until(f, fake.waiter);
	fake.waiter->done(fake.waiter, 137);
	a = fixture_receive(f, fd);
	reply = grpc__wait_process_response__unpack(NULL, a.response.payload_len, a.response.payload);
	assert_int_equal(reply->status, 137);
	grpc__wait_process_response__free_unpacked(reply, NULL);
	answer_done(&a);
	req.exec_id = (char *)(uintptr_t) "nobody";
	fixture_call(f, fd, "WaitProcess", &req.base, RPC_NOT_FOUND, "Process not found: invalid exec id");
	req.container_id = (char *)(uintptr_t) "nowhere";
	fixture_call(f, fd, "WaitProcess", &req.base, RPC_INVALID_ARGUMENT, "Invalid container id");
	(void)close(fd);
}

static void missing_init_is_told(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	Grpc__WaitProcessRequest req = GRPC__WAIT_PROCESS_REQUEST__INIT;

	fake.container.init = NULL;
	req.container_id = (char *)(uintptr_t) "web";
	fixture_call(f, fd, "WaitProcess", &req.base, RPC_NOT_FOUND, "Process not found: init process missing");
	req.exec_id = (char *)(uintptr_t) "web";
	fixture_call(f, fd, "WaitProcess", &req.base, RPC_NOT_FOUND, "Process not found: init process missing");
	(void)close(fd);
}

static void resize(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	Grpc__TtyWinResizeRequest req = GRPC__TTY_WIN_RESIZE_REQUEST__INIT;

	req.container_id = (char *)(uintptr_t) "web";
	req.row = 25;
	req.column = 80;
	fixture_call(f, fd, "TtyWinResize", &req.base, RPC_OK, "");
	assert_int_equal(fake.rows, 25);
	assert_int_equal(fake.columns, 80);
	fake.result = -ENOTTY;
	fixture_call(f, fd, "TtyWinResize", &req.base, RPC_UNAVAILABLE, "no tty");
	fake.result = -EIO;
	fixture_call(f, fd, "TtyWinResize", &req.base, RPC_INTERNAL, "fake reason");
	req.row = 65536;
	fixture_call(f, fd, "TtyWinResize", &req.base, RPC_INVALID_ARGUMENT,
	             "a terminal cannot have 65536 rows and 80 columns");
	req.container_id = (char *)(uintptr_t) "nowhere";
	fixture_call(f, fd, "TtyWinResize", &req.base, RPC_INVALID_ARGUMENT, "Invalid container id");
	(void)close(fd);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int test_process(void)
{
	const struct CMUnitTest tests[] = { T(signals), T(wait_tells_the_code), T(missing_init_is_told), T(resize) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
