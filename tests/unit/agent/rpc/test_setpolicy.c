/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/rpc/setpolicy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/rpc/policy.h"
#include "tests/unit/agent/rpc/fixture.h"

static void set(struct fixture *f, int fd, const char *text, int code, const char *why)
{
	Grpc__SetPolicyRequest req = GRPC__SET_POLICY_REQUEST__INIT;

	req.policy = (char *)(uintptr_t)text;
	fixture_call(f, fd, "SetPolicy", &req.base, code, why);
}

static bool is_denied(struct fixture *f, int fd, const ProtobufCServiceDescriptor *service, const char *method)
{
	struct answer answer;
	bool denied;

	fixture_send(f, fd, 1, service->name, method, 0, NULL);
	answer = fixture_receive(f, fd);
	denied = answer.response.code == RPC_PERMISSION_DENIED;
	if (denied)
		assert_non_null(strstr(answer.response.message, "is blocked by policy: no rule allows '"));
	answer_done(&answer);
	return denied;
}

/* The whole table, through the dispatcher: none of them can be called but what is allowed. */
static void every_method_is_denied(void **state)
{
	const ProtobufCServiceDescriptor *services[] = { &grpc__agent_service__descriptor, &grpc__health__descriptor };
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	unsigned denied = 0, unimplemented = 0;

	set(f, fd, "{\"version\": 1, \"rules\": []}", RPC_OK, "");
	for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
		for (unsigned k = 0; k < services[i]->n_methods; k++) {
			struct rpc_method method;

			assert_return_code(rpc_find_method(services[i], services[i]->methods[k].name, &method), 0);
			if (!method.handler)
				unimplemented++;
			else if (is_denied(f, fd, services[i], services[i]->methods[k].name))
				denied++;
			else
				fail_msg("'%s' is not denied", services[i]->methods[k].name);
		}
	}
	assert_int_equal(denied + unimplemented, 42 + 2);
	assert_true(unimplemented <= 2);
	assert_null(fake.last); /* nothing of it reached the core */
	(void)close(fd);
}

static void the_policy_in_force_judges_the_next_one(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);

	set(f, fd, "{\"version\": 1, \"rules\": [{\"name\": \"a\", \"allow\": [\"SetPolicy\", \"Check\"]}]}", RPC_OK,
	    "");
	assert_non_null(strstr(fake.log, "Policy of 1 rules set"));
	fixture_expect_alive(f, fd);
	assert_true(is_denied(f, fd, &grpc__agent_service__descriptor, "ListRoutes"));
	/* What cannot be read changes nothing. */
	set(f, fd, "{", RPC_INVALID_ARGUMENT, "policy: parse JSON: the text ends too early, after 1 bytes");
	set(f, fd, "package agent_policy\n", RPC_INVALID_ARGUMENT, NULL);
	fixture_expect_alive(f, fd);
	set(f, fd, "{\"version\": 1, \"rules\": [{\"allow\": [\"Check\"]}]}", RPC_OK, "");
	set(f, fd, "{\"version\": 1, \"rules\": [{\"allow\": [\"*\"]}]}", RPC_PERMISSION_DENIED,
	    "SetPolicyRequest is blocked by policy: no rule allows 'SetPolicy'");
	fixture_expect_alive(f, fd);
	(void)close(fd);
}

static void denials_name_the_message_and_the_field(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	Grpc__SignalProcessRequest req = GRPC__SIGNAL_PROCESS_REQUEST__INIT;

	set(f, fd,
	    "{\"version\": 1, \"rules\": [{\"name\": \"stop\", \"allow\": [\"SignalProcess\"], \"where\": {\"signal\": "
	    "[15]}}]}",
	    RPC_OK, "");
	req.container_id = (char *)(uintptr_t) "web";
	req.signal = 9;
	fixture_call(f, fd, "SignalProcess", &req.base, RPC_PERMISSION_DENIED,
	             "SignalProcessRequest is blocked by policy: rule 'stop' does not allow 'signal' to be '9'");
	req.signal = 15;
	fixture_call(f, fd, "SignalProcess", &req.base, RPC_OK, "");
	assert_int_equal(fake.signal, 15);
	(void)close(fd);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_return_code(write(fd, text, strlen(text)), errno);
	(void)close(fd);
}

/* Without a policy that can be read nothing is allowed; without one at all everything is. */
static void files(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	struct err err = ERR_INIT;
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/policy", f->dir);
	assert_return_code(rpc_policy_load(f->server, NULL, &err), 0);
	assert_null(f->server->policy);
	assert_int_equal(rpc_policy_load(f->server, path, &err), -ENOENT);
	fixture_call(f, fd, "ListRoutes", NULL, RPC_PERMISSION_DENIED, NULL);
	write_file(path, "package agent_policy\n");
	assert_int_equal(rpc_policy_load(f->server, path, &err), -EINVAL);
	assert_non_null(strstr(err.text, "policy': policy: this is Rego"));
	fixture_call(f, fd, "SetPolicy", NULL, RPC_PERMISSION_DENIED, NULL);
	write_file(path, "{\"version\": 1, \"rules\": [{\"allow\": [\"Check\"]}]}");
	assert_return_code(rpc_policy_load(f->server, path, &err), 0);
	fixture_expect_alive(f, fd);
	(void)unlink(path);
	(void)close(fd);
}

static void streams_are_judged_as_calls(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	struct err err = ERR_INIT;
	struct gate *gate;

	assert_return_code(rpc_policy_load(f->server, NULL, &err), 0);
	gate = f->sandbox.gate;
	assert_non_null(gate);
	assert_false(gate_denies(gate, "ReadStdout", "web", "", &err));
	assert_false(gate_denies(NULL, "ReadStdout", "web", "", &err));
	set(f, fd,
	    "{\"version\": 1, \"rules\": [{\"allow\": [\"ReadStdout\", \"WriteStdin\"], \"where\": {\"container_id\": "
	    "[\"web\"]}}]}",
	    RPC_OK, "");
	assert_false(gate_denies(gate, "ReadStdout", "web", "e1", &err));
	assert_false(gate_denies(gate, "WriteStdin", "web", NULL, &err));
	assert_true(gate_denies(gate, "ReadStdout", "db", "", &err));
	assert_string_equal(err.text, "rule '0' does not allow 'container_id' to be 'db'");
	assert_true(gate_denies(gate, "ReadStderr", "web", "", &err));
	assert_true(gate_denies(gate, POLICY_DEBUG_CONSOLE, NULL, NULL, &err));
	(void)close(fd);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int test_setpolicy(void)
{
	const struct CMUnitTest tests[] = {
		T(every_method_is_denied),
		T(the_policy_in_force_judges_the_next_one),
		T(denials_name_the_message_and_the_field),
		T(files),
		T(streams_are_judged_as_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
