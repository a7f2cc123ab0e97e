/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <unistd.h>

#include "agent/rpc/stats.h"
#include "tests/unit/agent/rpc/fixture.h"

static void every_figure_has_its_place(void **state)
{
	uint64_t per_cpu[] = { 1, 2 };
	struct cgroup_stat_pair pairs[] = { { (char *)(uintptr_t) "anon", 20 } };
	struct cgroup_io_entry bytes[] = { { 8, 1, "read", 21 } }, ops[] = { { 8, 2, "write", 22 } };
	struct cgroup_hugetlb huge[] = { { (char *)(uintptr_t) "2MB", 23, 24, 25 } };
	const struct cgroup_stats s = {
		.cpu_total = 3,
		.cpu_user = 4,
		.cpu_kernel = 5,
		.per_cpu = per_cpu,
		.n_per_cpu = 2,
		.periods = 6,
		.throttled_periods = 7,
		.throttled_time = 8,
		.cache = 9,
		.memory = { 10, 11, 12, 13 },
		.swap = { .limit = 14 },
		.kernel = { .usage = 15 },
		.memory_stat = pairs,
		.n_memory_stat = 1,
		.pids_current = 16,
		.pids_limit = 17,
		.io_bytes = bytes,
		.n_io_bytes = 1,
		.io_ops = ops,
		.n_io_ops = 1,
		.hugetlb = huge,
		.n_hugetlb = 1,
		.oom_kills = 26,
	};
	_autoarena_ struct arena arena = { 0 };
	Grpc__StatsContainerResponse *reply = rpc_stats_message(&arena, &s), *m;
	uint8_t packed[512];
	size_t len;

	(void)state;
	assert_non_null(reply);
	len = grpc__stats_container_response__pack(reply, packed);
	m = grpc__stats_container_response__unpack(NULL, len, packed);
	assert_int_equal(m->cgroup_stats->cpu_stats->cpu_usage->total_usage, 3);
	assert_int_equal(m->cgroup_stats->cpu_stats->cpu_usage->usage_in_usermode, 4);
	assert_int_equal(m->cgroup_stats->cpu_stats->cpu_usage->usage_in_kernelmode, 5);
	assert_int_equal(m->cgroup_stats->cpu_stats->cpu_usage->percpu_usage[1], 2);
	assert_int_equal(m->cgroup_stats->cpu_stats->throttling_data->periods, 6);
	assert_int_equal(m->cgroup_stats->cpu_stats->throttling_data->throttled_periods, 7);
	assert_int_equal(m->cgroup_stats->cpu_stats->throttling_data->throttled_time, 8);
	assert_int_equal(m->cgroup_stats->memory_stats->cache, 9);
	assert_int_equal(m->cgroup_stats->memory_stats->usage->usage, 10);
	assert_int_equal(m->cgroup_stats->memory_stats->usage->max_usage, 11);
	assert_int_equal(m->cgroup_stats->memory_stats->usage->failcnt, 12);
	assert_int_equal(m->cgroup_stats->memory_stats->usage->limit, 13);
	assert_int_equal(m->cgroup_stats->memory_stats->swap_usage->limit, 14);
	assert_int_equal(m->cgroup_stats->memory_stats->kernel_usage->usage, 15);
	assert_string_equal(m->cgroup_stats->memory_stats->stats[0]->key, "anon");
	assert_int_equal(m->cgroup_stats->memory_stats->stats[0]->value, 20);
	assert_int_equal(m->cgroup_stats->memory_stats->n_stats, 2);
	assert_string_equal(m->cgroup_stats->memory_stats->stats[1]->key, "oom_kill");
	assert_int_equal(m->cgroup_stats->memory_stats->stats[1]->value, 26);
	assert_int_equal(m->cgroup_stats->pids_stats->current, 16);
	assert_int_equal(m->cgroup_stats->pids_stats->limit, 17);
	assert_int_equal(m->cgroup_stats->blkio_stats->n_io_service_bytes_recursive, 1);
	assert_int_equal(m->cgroup_stats->blkio_stats->io_service_bytes_recursive[0]->value, 21);
	assert_string_equal(m->cgroup_stats->blkio_stats->io_serviced_recursive[0]->op, "write");
	assert_int_equal(m->cgroup_stats->blkio_stats->io_serviced_recursive[0]->minor, 2);
	assert_string_equal(m->cgroup_stats->hugetlb_stats[0]->key, "2MB");
	assert_int_equal(m->cgroup_stats->hugetlb_stats[0]->value->failcnt, 25);
	grpc__stats_container_response__free_unpacked(m, NULL);
}

static Grpc__StatsContainerRequest web(void)
{
	Grpc__StatsContainerRequest req = GRPC__STATS_CONTAINER_REQUEST__INIT;

	req.container_id = (char *)(uintptr_t) "web";
	return req;
}

static void a_job_reads_them(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	Grpc__StatsContainerRequest req = web();
	Grpc__StatsContainerResponse *reply;
	struct answer a;

	fixture_send(f, fd, 1, AGENT, "StatsContainer", 0, &req.base);
	a = fixture_receive(f, fd);
	assert_string_equal(a.response.message, "");
	reply = grpc__stats_container_response__unpack(NULL, a.response.payload_len, a.response.payload);
	assert_int_equal(reply->cgroup_stats->cpu_stats->cpu_usage->total_usage, 5);
	assert_int_equal(reply->cgroup_stats->pids_stats->current, 7);
	grpc__stats_container_response__free_unpacked(reply, NULL);
	answer_done(&a);
	assert_int_equal(f->server->n_stats, 0);
	(void)close(fd);
}

static void failures(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	Grpc__StatsContainerRequest req = web();

	fake.container.cgroup_path = NULL;
	fixture_call(f, fd, "StatsContainer", &req.base, RPC_INTERNAL, "container 'web' has no cgroup yet");
	fake.container.cgroup_path = (char *)(uintptr_t) "/web";
	/* The job has its own copy of the fake. */
	fake.result = -2;
	fixture_call(f, fd, "StatsContainer", &req.base, RPC_INTERNAL, "fake reason");
	fake.result = 0;
	assert_int_equal(f->server->n_stats, 0);
	f->server->n_stats = RPC_STATS_MAX;
	fixture_call(f, fd, "StatsContainer", &req.base, RPC_RESOURCE_EXHAUSTED, "64 StatsContainer calls run already");
	f->server->n_stats = 0;
	req.container_id = (char *)(uintptr_t) "nowhere";
	fixture_call(f, fd, "StatsContainer", &req.base, RPC_INVALID_ARGUMENT, "invalid container id");
	(void)close(fd);
}

static void disconnect_ends_the_job(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	Grpc__StatsContainerRequest req = web();

	fixture_send(f, fd, 1, AGENT, "StatsContainer", 0, &req.base);
	(void)close(fd);
	/* Whichever comes first, its end or its client's: nothing is left. */
	fixture_until(f, f->server->n_conns == 0);
	fixture_until(f, f->server->n_stats == 0);
	assert_true(list_is_empty(&f->server->detached));
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int test_stats(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_figure_has_its_place),
		T(a_job_reads_them),
		T(failures),
		T(disconnect_ends_the_job),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
