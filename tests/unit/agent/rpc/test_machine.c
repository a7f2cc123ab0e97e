/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <unistd.h>

#include "lib/sys.h"
#include "tests/unit/agent/rpc/fixture.h"

/* These would change the machine that the test runs on; the fence must hold. */
static void the_machine_is_not_ours(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	Grpc__SetGuestDateTimeRequest date = GRPC__SET_GUEST_DATE_TIME_REQUEST__INIT;
	Grpc__ReseedRandomDevRequest seed = GRPC__RESEED_RANDOM_DEV_REQUEST__INIT;
	Grpc__MemHotplugByProbeRequest probe = GRPC__MEM_HOTPLUG_BY_PROBE_REQUEST__INIT;
	Grpc__AddSwapPathRequest swap = GRPC__ADD_SWAP_PATH_REQUEST__INIT;
	uint64_t address = 0x1000;
	uint8_t data[] = "seed";

	assert_false(sys_owns_machine());
	date.sec = 5;
	date.usec = 6;
	fixture_call(f, fd, "SetGuestDateTime", &date.base, RPC_INTERNAL,
	             "set the time to 5.000006: Operation not permitted");
	seed.data = (ProtobufCBinaryData){ sizeof(data), data };
	fixture_call(f, fd, "ReseedRandomDev", &seed.base, RPC_INTERNAL, "open '/dev/random': Operation not permitted");
	seed.data.len = 0;
	fixture_call(f, fd, "ReseedRandomDev", &seed.base, RPC_INTERNAL,
	             "reseed '/dev/random': 0 bytes of random data make no sense");
	fixture_call(f, fd, "OnlineCPUMem", NULL, RPC_INTERNAL, "put CPUs and memory online: Operation not permitted");
	fixture_call(f, fd, "MemHotplugByProbe", &probe.base, RPC_OK, "");
	probe.memhotplugprobeaddr = &address;
	probe.n_memhotplugprobeaddr = 1;
	fixture_call(f, fd, "MemHotplugByProbe", &probe.base, RPC_INTERNAL,
	             "write '0x1000' to '/sys/devices/system/memory/probe': Operation not permitted");
	swap.path = (char *)(uintptr_t) "/dev/vda";
	fixture_call(f, fd, "AddSwapPath", &swap.base, RPC_INTERNAL, "swap to '/dev/vda': Operation not permitted");
	(void)close(fd);
}

static void there_is_no_mem_agent(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);

	fixture_call(f, fd, "MemAgentMemcgSet", NULL, RPC_INTERNAL, "mem-agent is disabled");
	fixture_call(f, fd, "MemAgentCompactSet", NULL, RPC_INTERNAL, "mem-agent is disabled");
	(void)close(fd);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int test_machine(void)
{
	const struct CMUnitTest tests[] = {
		T(the_machine_is_not_ours),
		T(there_is_no_mem_agent),
	};

	return cmocka_run_group_tests_name("machine", tests, NULL, NULL);
}
