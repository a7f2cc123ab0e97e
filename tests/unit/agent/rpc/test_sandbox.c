/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/agent/rpc/fixture.h"

static void create_and_destroy(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	Grpc__CreateSandboxRequest req = GRPC__CREATE_SANDBOX_REQUEST__INIT;

	req.hostname = (char *)(uintptr_t) "host";
	fixture_send(f, fd, 1, AGENT, "CreateSandbox", 0, &req.base);
	fixture_until(f, fake.pending);
	assert_string_equal(fake.sandboxed->hostname, "host");
	fake_complete(0);
	fixture_expect(f, fd, 1, RPC_OK, "");
	fixture_send(f, fd, 1, AGENT, "DestroySandbox", 0, NULL);
	fixture_until(f, fake.pending);
	assert_string_equal(fake.last, "sandbox_destroy");
	assert_true(rpc_server_is_flushed(f->server));
	fake_complete(0);
	/* Until the turn is over the answer is on its way. */
	assert_false(rpc_server_is_flushed(f->server));
	fixture_turns(f);
	assert_true(rpc_server_is_flushed(f->server));
	fixture_expect(f, fd, 1, RPC_OK, "");
	(void)close(fd);
}

static void failures_are_internal(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);

	fake.result = -EEXIST;
	fixture_call(f, fd, "CreateSandbox", NULL, RPC_INTERNAL, "fake reason");
	fake.result = -EALREADY;
	fixture_call(f, fd, "DestroySandbox", NULL, RPC_INTERNAL, "fake reason");
	(void)close(fd);
}

/* What /sys says, in three ways. */
static Grpc__GuestDetailsResponse *details(struct fixture *f, int fd, const char *block_size, int r)
{
	Grpc__GuestDetailsRequest req = GRPC__GUEST_DETAILS_REQUEST__INIT;
	Grpc__GuestDetailsResponse *reply;
	struct answer a;

	fake.block_size = block_size;
	fake.block_size_result = r;
	req.mem_block_size = req.mem_hotplug_probe = true;
	fixture_send(f, fd, 1, AGENT, "GetGuestDetails", 0, &req.base);
	a = fixture_receive(f, fd);
	reply = a.response.code
	                ? NULL
	                : grpc__guest_details_response__unpack(NULL, a.response.payload_len, a.response.payload);
	answer_done(&a);
	return reply;
}

static void guest_details(void **state)
{
	static const struct options options = { .stream_vport = 1028 };
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	Grpc__GuestDetailsResponse *reply = details(f, fd, "8000000\n", 0);

	assert_int_equal(reply->mem_block_size_bytes, 0x8000000);
	assert_string_equal(reply->agent_details->version, KATA_VERSION);
	assert_false(reply->agent_details->init_daemon);
	assert_true(reply->agent_details->supports_seccomp);
	assert_int_equal(reply->agent_details->n_device_handlers, 0);
	assert_int_equal(reply->agent_details->n_storage_handlers, 2);
	assert_string_equal(reply->agent_details->storage_handlers[1], "local");
	assert_int_equal(reply->agent_details->n_extra_features, 2);
	assert_string_equal(reply->agent_details->extra_features[1], "seccomp");
	grpc__guest_details_response__free_unpacked(reply, NULL);
	f->sandbox.options = &options;
	reply = details(f, fd, NULL, -ENOENT);
	assert_int_equal(reply->agent_details->n_extra_features, 3);
	assert_string_equal(reply->agent_details->extra_features[2], "streams=1028");
	assert_int_equal(reply->mem_block_size_bytes, 0);
	grpc__guest_details_response__free_unpacked(reply, NULL);
	assert_null(details(f, fd, NULL, -EIO));
	assert_null(details(f, fd, "", 0));
	(void)close(fd);
}

static void guest_details_that_were_not_asked_for(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);

	fake.block_size_result = -EIO;
	fixture_call(f, fd, "GetGuestDetails", NULL, RPC_OK, "");
	(void)close(fd);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int test_sandbox(void)
{
	const struct CMUnitTest tests[] = {
		T(create_and_destroy),
		T(failures_are_internal),
		T(guest_details),
		T(guest_details_that_were_not_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
