/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/rpc/claim.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/fd.h"
#include "tests/unit/agent/rpc/fixture.h"

static char web[] = "web", e2[] = "e2";
static struct passfd *port;

static struct addr passfd_addr(const struct fixture *f)
{
	struct addr addr = { .kind = ADDR_UNIX };

	(void)snprintf(addr.path, sizeof(addr.path), "%s/passfd", f->dir);
	return addr;
}

static void open_port(struct fixture *f)
{
	struct addr addr = passfd_addr(f);
	struct err err = ERR_INIT;

	assert_return_code(passfd_new(f->loop, &addr, &port, &err), 0);
	f->sandbox.passfd = port;
}

static void close_port(struct fixture *f)
{
	f->sandbox.passfd = port = passfd_free(port);
	(void)unlink(passfd_addr(f).path);
}

static int call_from(struct fixture *f, unsigned number)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_return_code(fd, errno);
	(void)snprintf(un.sun_path, sizeof(un.sun_path), "%s/host_%u", f->dir, number);
	assert_return_code(bind(fd, (struct sockaddr *)&un, sizeof(un)), errno);
	(void)unlink(un.sun_path);
	memcpy(un.sun_path, passfd_addr(f).path, sizeof(un.sun_path));
	assert_return_code(connect(fd, (struct sockaddr *)&un, sizeof(un)), errno);
	fixture_turns(f);
	return fd;
}

static void expect_end(struct fixture *f, int fd)
{
	fixture_turns(f);
	assert_int_equal(read(fd, &(char){ 0 }, 1), 0);
	(void)close(fd);
}

static Grpc__CreateContainerRequest create_request(Grpc__Spec *spec)
{
	Grpc__CreateContainerRequest req = GRPC__CREATE_CONTAINER_REQUEST__INIT;

	*spec = (Grpc__Spec)GRPC__SPEC__INIT;
	req.container_id = req.exec_id = web;
	req.oci = spec;
	return req;
}

static Grpc__ExecProcessRequest exec_request(Grpc__Process *process)
{
	Grpc__ExecProcessRequest req = GRPC__EXEC_PROCESS_REQUEST__INIT;

	*process = (Grpc__Process)GRPC__PROCESS__INIT;
	req.container_id = web;
	req.exec_id = e2;
	req.process = process;
	return req;
}

static void without_the_option_ports_are_refused(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	Grpc__Spec spec;
	Grpc__Process process;
	Grpc__CreateContainerRequest create = create_request(&spec);
	Grpc__ExecProcessRequest exec = exec_request(&process);

	create.stdout_port = 77;
	fixture_call(f, fd, "CreateContainer", &create.base, RPC_UNIMPLEMENTED,
	             "create container 'web': stdout_port '77': passfd streams are off (agent.passfd_listener_port)");
	exec.stderr_port = 78;
	fixture_call(f, fd, "ExecProcess", &exec.base, RPC_UNIMPLEMENTED,
	             "exec 'e2' in 'web': stderr_port '78': passfd streams are off (agent.passfd_listener_port)");
	exec.stdin_port = 79;
	fixture_call(f, fd, "ExecProcess", &exec.base, RPC_UNIMPLEMENTED,
	             "exec 'e2' in 'web': stdin_port '79': passfd streams are off (agent.passfd_listener_port)");
	assert_null(fake.executed);
	(void)close(fd);
}

static void a_call_gets_what_it_names(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f), host;
	Grpc__Process process;
	Grpc__ExecProcessRequest req = exec_request(&process);

	open_port(f);
	host = call_from(f, 71);
	req.stdout_port = 71;
	fixture_send(f, fd, 1, AGENT, "ExecProcess", 0, &req.base);
	fixture_until(f, fake.pending);
	assert_int_equal(fake.executed->streams.v[KSTR_STDOUT]->port, 71);
	assert_null(fake.executed->streams.v[KSTR_STDIN]);
	passfd_streams_done(&fake.executed->streams);
	expect_end(f, host);
	fake_complete(0);
	fixture_expect(f, fd, 1, RPC_OK, "");
	close_port(f);
	(void)close(fd);
}

/* Other calls are answered meanwhile. */
static void a_call_waits_for_what_it_names(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f), host;
	Grpc__Spec spec;
	Grpc__CreateContainerRequest req = create_request(&spec);

	open_port(f);
	req.stdin_port = 72;
	fixture_send(f, fd, 1, AGENT, "CreateContainer", 0, &req.base);
	fixture_expect_alive(f, fd);
	assert_null(fake.pending);
	host = call_from(f, 72);
	fixture_until(f, fake.pending);
	assert_int_equal(fake.created->streams.v[KSTR_STDIN]->port, 72);
	passfd_streams_done(&fake.created->streams);
	expect_end(f, host);
	fake_complete(0);
	fixture_expect(f, fd, 1, RPC_OK, "");
	close_port(f);
	(void)close(fd);
}

static void a_call_that_waits_in_vain(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	Grpc__Process process;
	Grpc__ExecProcessRequest req = exec_request(&process);

	open_port(f);
	req.stdout_port = 73;
	fixture_call(f, fd, "ExecProcess", &req.base, RPC_INTERNAL,
	             "exec 'e2' in 'web': stdout_port '73': no connection has come from there within 300 ms");
	req.stdin_port = 73;
	fixture_call(f, fd, "ExecProcess", &req.base, RPC_INTERNAL,
	             "exec 'e2' in 'web': stdout_port '73': it is named as stdin_port too");
	close_port(f);
	(void)close(fd);
}

/* Its connections stay for another one. */
static void a_client_that_goes_while_its_call_waits(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f), host;
	Grpc__Process process;
	Grpc__ExecProcessRequest req = exec_request(&process);

	open_port(f);
	req.stdout_port = 74;
	fixture_send(f, fd, 1, AGENT, "ExecProcess", 0, &req.base);
	fixture_turns(f);
	(void)close(fd);
	fixture_turns(f);
	host = call_from(f, 74);
	assert_int_equal(passfd_count_unnamed(port), 1);
	assert_null(fake.pending);
	close_port(f);
	expect_end(f, host);
}

static int deny(struct gate *gate, const char *method, const char *cid, const char *eid, struct err *err)
{
	(void)gate;
	assert_string_equal(cid, "web");
	assert_string_equal(eid, "e2");
	return strcmp(method, "WriteStdin") == 0 ? err_say(err, EPERM, "no rule allows '%s'", method) : 0;
}

static void the_policy_decides_about_each_stream(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f), host;
	Grpc__Process process;
	Grpc__ExecProcessRequest req = exec_request(&process);
	struct gate gate = { .check = deny }, *before = f->sandbox.gate;

	open_port(f);
	f->sandbox.gate = &gate;
	host = call_from(f, 75);
	req.stdin_port = 75;
	fixture_call(f, fd, "ExecProcess", &req.base, RPC_PERMISSION_DENIED,
	             "exec 'e2' in 'web': stdin_port '75': blocked by policy: no rule allows 'WriteStdin'");
	assert_int_equal(passfd_count_unnamed(port), 1);
	f->sandbox.gate = before;
	close_port(f);
	expect_end(f, host);
	(void)close(fd);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int test_claim(void)
{
	const struct CMUnitTest tests[] = {
		T(without_the_option_ports_are_refused),    T(a_call_gets_what_it_names),
		T(a_call_waits_for_what_it_names),          T(a_call_that_waits_in_vain),
		T(a_client_that_goes_while_its_call_waits), T(the_policy_decides_about_each_stream),
	};

	return cmocka_run_group_tests_name("claim", tests, NULL, NULL);
}
