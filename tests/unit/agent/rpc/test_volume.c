/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "tests/unit/agent/rpc/fixture.h"

static char *text(const char *s)
{
	return (char *)(uintptr_t)s;
}

static void usage_in_bytes_and_inodes(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	Grpc__VolumeStatsRequest req = GRPC__VOLUME_STATS_REQUEST__INIT;
	Grpc__VolumeStatsResponse *m;
	struct statfs st;
	struct answer a;

	req.volume_guest_path = text("/");
	fixture_send(f, fd, 1, AGENT, "GetVolumeStats", 0, &req.base);
	a = fixture_receive(f, fd);
	assert_int_equal(a.response.code, RPC_OK);
	assert_int_equal(statfs("/", &st), 0);
	m = grpc__volume_stats_response__unpack(NULL, a.response.payload_len, a.response.payload);
	assert_int_equal(m->n_usage, 2);
	assert_int_equal(m->usage[0]->unit, GRPC__VOLUME_USAGE__UNIT__BYTES);
	assert_int_equal(m->usage[0]->total, st.f_blocks * (uint64_t)st.f_bsize);
	assert_int_equal(m->usage[0]->total, m->usage[0]->used + m->usage[0]->available);
	assert_int_equal(m->usage[1]->unit, GRPC__VOLUME_USAGE__UNIT__INODES);
	assert_int_equal(m->usage[1]->total, st.f_files);
	assert_false(m->volume_condition->abnormal);
	assert_string_equal(m->volume_condition->message, "");
	grpc__volume_stats_response__free_unpacked(m, NULL);
	answer_done(&a);
	(void)close(fd);
}

static void only_memory_is_updated(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	Grpc__UpdateEphemeralMountsRequest req = GRPC__UPDATE_EPHEMERAL_MOUNTS_REQUEST__INIT;
	Grpc__Storage storage = GRPC__STORAGE__INIT, *storages[] = { &storage };

	fixture_call(f, fd, "UpdateEphemeralMounts", &req.base, RPC_OK, "");
	storage.driver = text("blk");
	storage.mount_point = text("/run/v");
	req.storages = storages;
	req.n_storages = 1;
	fixture_call(f, fd, "UpdateEphemeralMounts", &req.base, RPC_INTERNAL,
	             "Unsupported storage type for syncing mounts blk");
	assert_int_equal(f->server->n_jobs, 0);
	(void)close(fd);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int test_volume(void)
{
	const struct CMUnitTest tests[] = {
		T(usage_in_bytes_and_inodes),
		T(only_memory_is_updated),
	};

	return cmocka_run_group_tests_name("rpc volume", tests, NULL, NULL);
}
