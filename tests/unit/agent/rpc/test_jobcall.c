/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/rpc/jobcall.h"

#include <unistd.h>

#include "tests/unit/agent/rpc/fixture.h"

/* GetVolumeStats only looks, RemoveStaleVirtiofsShareMounts is of the other kind. */
static Grpc__VolumeStatsRequest volume(const char *path)
{
	Grpc__VolumeStatsRequest req = GRPC__VOLUME_STATS_REQUEST__INIT;

	req.volume_guest_path = (char *)(uintptr_t)path;
	return req;
}

static void a_job_answers(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	Grpc__VolumeStatsRequest req = volume("/");

	fixture_call(f, fd, "GetVolumeStats", &req.base, RPC_OK, "");
	fixture_call(f, fd, "RemoveStaleVirtiofsShareMounts", NULL, RPC_OK, "");
	req = volume("/no/such/volume");
	fixture_call(f, fd, "GetVolumeStats", &req.base, RPC_INTERNAL,
	             "volume '/no/such/volume': No such file or directory");
	assert_int_equal(f->server->n_jobs, 0);
	(void)close(fd);
}

static void there_is_a_limit(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);

	f->server->n_jobs = RPC_JOBS_MAX;
	fixture_call(f, fd, "RemoveStaleVirtiofsShareMounts", NULL, RPC_RESOURCE_EXHAUSTED,
	             "job 'stale mounts': too many calls run a job already");
	f->server->n_jobs = 0;
	fixture_call(f, fd, "RemoveStaleVirtiofsShareMounts", NULL, RPC_OK, "");
	(void)close(fd);
}

/* What only looks ends with its client, what changes something goes on to its end. */
static void a_client_that_goes(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	Grpc__VolumeStatsRequest req = volume("/");

	fixture_send(f, fd, 1, AGENT, "GetVolumeStats", 0, &req.base);
	fixture_send(f, fd, 3, AGENT, "RemoveStaleVirtiofsShareMounts", 0, NULL);
	fixture_until(f, f->server->n_jobs == 2);
	(void)close(fd);
	fixture_until(f, f->server->n_conns == 0);
	assert_int_equal(f->server->n_jobs, 1);
	for (int left = 400; f->server->n_jobs > 0 && left > 0; left--) {
		assert_return_code(loop_turn(f->loop, 5), 0);
		(void)reaper_run(f->reaper);
	}
	assert_int_equal(f->server->n_jobs, 0);
}

/* The end of the server while a job of a client that is gone still runs: nothing may be left in the loop. */
static void a_server_that_ends(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);

	fixture_send(f, fd, 3, AGENT, "RemoveStaleVirtiofsShareMounts", 0, NULL);
	fixture_until(f, f->server->n_jobs == 1);
	(void)close(fd);
	fixture_until(f, f->server->n_conns == 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int test_jobcall(void)
{
	const struct CMUnitTest tests[] = {
		T(a_job_answers),
		T(there_is_a_limit),
		T(a_client_that_goes),
		T(a_server_that_ends),
	};

	return cmocka_run_group_tests_name("jobcall", tests, NULL, NULL);
}
