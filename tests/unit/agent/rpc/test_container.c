/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <unistd.h>

#include "tests/unit/agent/rpc/fixture.h"

static char web[] = "web", nowhere[] = "nowhere";

static Grpc__CreateContainerRequest create_request(Grpc__Spec *spec)
{
	Grpc__CreateContainerRequest req = GRPC__CREATE_CONTAINER_REQUEST__INIT;

	req.container_id = web;
	req.oci = spec;
	return req;
}

static void create(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	Grpc__Spec spec = GRPC__SPEC__INIT;
	Grpc__CreateContainerRequest req = create_request(&spec);

	fixture_send(f, fd, 1, AGENT, "CreateContainer", 0, &req.base);
	fixture_until(f, fake.pending);
	assert_string_equal(fake.last, "container_create");
	assert_string_equal(fake.created->id, "web");
	fake_complete(0);
	fixture_expect(f, fd, 1, RPC_OK, "");
	(void)close(fd);
}

static void create_that_fails(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	Grpc__Spec spec = GRPC__SPEC__INIT;
	Grpc__CreateContainerRequest req = create_request(&spec);

	fake.result = -EEXIST;
	fixture_call(f, fd, "CreateContainer", &req.base, RPC_INTERNAL, "fake reason");
	req.oci = NULL;
	fixture_call(f, fd, "CreateContainer", &req.base, RPC_INTERNAL,
	             "create container 'web': the request has no OCI spec: Invalid argument");
	(void)close(fd);
}

static void what_cannot_be_done_is_refused(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	Grpc__Spec spec = GRPC__SPEC__INIT;
	Grpc__Hooks hooks = GRPC__HOOKS__INIT;
	Grpc__Hook hook = GRPC__HOOK__INIT, *list[] = { &hook };
	Grpc__CreateContainerRequest req = create_request(&spec);

	/* Empty lists are no hooks. */
	spec.hooks = &hooks;
	fixture_send(f, fd, 1, AGENT, "CreateContainer", 0, &req.base);
	fixture_until(f, fake.pending);
	fake_complete(0);
	fixture_expect(f, fd, 1, RPC_OK, "");
	hooks.startcontainer = list;
	hooks.n_startcontainer = 1;
	fixture_call(f, fd, "CreateContainer", &req.base, RPC_INTERNAL,
	             "create container 'web': Hooks.StartContainer[0].Path: missing");
	(void)close(fd);
}

/* The requests of these methods begin alike; Remove's has a timeout behind it. */
struct named_row {
	const char *method, *core;
	ProtobufCMessage *message;
	char **id;
	int unknown_code;
	const char *unknown_text;
};

static void check_named(struct fixture *f, int fd, const struct named_row *row)
{
	*row->id = nowhere;
	fixture_call(f, fd, row->method, row->message, row->unknown_code, row->unknown_text);
	*row->id = web;
	fake.result = -EINVAL;
	fixture_call(f, fd, row->method, row->message, RPC_INTERNAL, "fake reason");
	fixture_send(f, fd, 1, AGENT, row->method, 0, row->message);
	fixture_until(f, fake.pending);
	assert_string_equal(fake.last, row->core);
	fake_complete(-EIO);
	fixture_expect(f, fd, 1, RPC_INTERNAL, "fake reason");
	fixture_send(f, fd, 1, AGENT, row->method, 0, row->message);
	fixture_until(f, fake.pending);
	fake_complete(0);
	fixture_expect(f, fd, 1, RPC_OK, "");
}

static void operations_and_their_codes(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	Grpc__StartContainerRequest start = GRPC__START_CONTAINER_REQUEST__INIT;
	Grpc__RemoveContainerRequest remove = GRPC__REMOVE_CONTAINER_REQUEST__INIT;
	Grpc__PauseContainerRequest pause = GRPC__PAUSE_CONTAINER_REQUEST__INIT;
	Grpc__ResumeContainerRequest resume = GRPC__RESUME_CONTAINER_REQUEST__INIT;
	Grpc__UpdateContainerRequest update = GRPC__UPDATE_CONTAINER_REQUEST__INIT;
	Grpc__LinuxResources resources = GRPC__LINUX_RESOURCES__INIT;
	const struct named_row rows[] = {
		{ "StartContainer", "container_start", &start.base, &start.container_id, RPC_INTERNAL,
		  "Invalid container id" },
		{ "RemoveContainer", "container_remove", &remove.base, &remove.container_id, RPC_INTERNAL,
		  "Invalid container id" },
		{ "PauseContainer", "container_pause", &pause.base, &pause.container_id, RPC_INVALID_ARGUMENT,
		  "invalid container id" },
		{ "ResumeContainer", "container_resume", &resume.base, &resume.container_id, RPC_INVALID_ARGUMENT,
		  "invalid container id" },
		{ "UpdateContainer", "container_update", &update.base, &update.container_id, RPC_INVALID_ARGUMENT,
		  "invalid container id" },
	};

	update.resources = &resources;
	remove.timeout = 7;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_named(f, fd, &rows[i]);
	assert_int_equal(fake.timeout, 7);
	(void)close(fd);
}

static void update_carries_the_resources(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	Grpc__UpdateContainerRequest update = GRPC__UPDATE_CONTAINER_REQUEST__INIT;
	Grpc__LinuxResources resources = GRPC__LINUX_RESOURCES__INIT;
	Grpc__LinuxMemory memory = GRPC__LINUX_MEMORY__INIT;

	update.container_id = web;
	update.resources = &resources;
	resources.memory = &memory;
	memory.limit = 1 << 20;
	fixture_send(f, fd, 1, AGENT, "UpdateContainer", 0, &update.base);
	fixture_until(f, fake.pending);
	/* They live until the completion. */
	fixture_turns(f);
	assert_int_equal(fake.resources->memory->limit, 1 << 20);
	fake_complete(0);
	fixture_expect(f, fd, 1, RPC_OK, "");
	/* Nothing to change is fine. */
	update.resources = NULL;
	fake.last = NULL;
	fixture_call(f, fd, "UpdateContainer", &update.base, RPC_OK, "");
	assert_null(fake.last);
	(void)close(fd);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int test_container(void)
{
	const struct CMUnitTest tests[] = {
		T(create),
		T(create_that_fails),
		T(what_cannot_be_done_is_refused),
		T(operations_and_their_codes),
		T(update_carries_the_resources),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
