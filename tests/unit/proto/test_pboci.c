/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/pboci.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include <linux/capability.h>

#include "proto/pbmem.h"
#include "tests/lib/config.h"
#include "tests/lib/unit.h"

static struct oci_spec *config_spec(struct arena *arena)
{
	struct oci_spec *spec = NULL;
	struct err err = ERR_INIT;

	if (oci_spec_parse(arena, config_json(), strlen(config_json()), &spec, &err) < 0)
		fail_msg("%s", err.text);
	return spec;
}

/* Packs, decodes as the agent does, and converts back. */
static struct oci_spec *over_the_wire(struct arena *arena, const Grpc__Spec *pb)
{
	size_t len = grpc__spec__get_packed_size(pb);
	uint8_t *bytes = arena_alloc(arena, len + 1);
	ProtobufCMessage *msg = NULL;
	struct oci_spec *spec = NULL;
	struct err err = ERR_INIT;

	assert_non_null(bytes);
	assert_int_equal(grpc__spec__pack(pb, bytes), len);
	if (pb_unpack(&grpc__spec__descriptor, arena, bytes, len, &msg, &err) < 0)
		fail_msg("%s", err.text);
	if (pboci_spec_from_pb(arena, (Grpc__Spec *)msg, &spec, &err) < 0)
		fail_msg("%s", err.text);
	return spec;
}

static void a_full_spec_survives_the_wire(void **state)
{
	_autoarena_ struct arena arena = { 0 };
	_autobuf_ struct buf before = BUF_INIT, after = BUF_INIT;
	struct oci_spec *spec = config_spec(&arena);
	Grpc__Spec *pb = NULL;

	(void)state;
	assert_int_equal(pboci_spec_to_pb(&arena, spec, &pb, NULL), 0);
	assert_int_equal(oci_spec_format(spec, &before), 0);
	assert_int_equal(oci_spec_format(over_the_wire(&arena, pb), &after), 0);
	assert_string_equal(buf_str(&before), buf_str(&after));
	assert_true(before.len > 4000);
}

static void nothing_at_all_is_fine(void **state)
{
	Grpc__Spec pb = GRPC__SPEC__INIT;
	Grpc__Linux lin = GRPC__LINUX__INIT;
	Grpc__LinuxResources res = GRPC__LINUX_RESOURCES__INIT;
	Grpc__Process process = GRPC__PROCESS__INIT;
	_autoarena_ struct arena arena = { 0 };
	struct oci_resources *ret_res = NULL;
	struct oci_process *ret_process = NULL;
	struct oci_spec *spec;

	(void)state;
	spec = over_the_wire(&arena, &pb);
	assert_null(spec->process);
	assert_null(spec->root_path);
	assert_null(spec->hooks);
	assert_null(spec->version);
	assert_non_null(spec->linux);
	pb.linux = &lin;
	lin.resources = &res;
	pb.process = &process;
	spec = over_the_wire(&arena, &pb);
	assert_false(spec->linux->resources->has_pids);
	assert_null(spec->linux->resources->memory);
	assert_null(spec->process->capabilities);
	assert_false(spec->process->has_oom_score_adj);
	assert_null(spec->process->args.v[0]);
	assert_int_equal(pboci_resources_from_pb(&arena, NULL, &ret_res, NULL), 0);
	assert_null(ret_res);
	assert_int_equal(pboci_process_from_pb(&arena, NULL, &ret_process, NULL), 0);
	assert_null(ret_process);
}

static void what_upstream_gets_wrong_is_right_here(void **state)
{
	Grpc__LinuxPids pids = GRPC__LINUX_PIDS__INIT;
	Grpc__LinuxMemory memory = GRPC__LINUX_MEMORY__INIT;
	Grpc__LinuxCPU cpu = GRPC__LINUX_CPU__INIT;
	Grpc__LinuxResources res = GRPC__LINUX_RESOURCES__INIT;
	_autoarena_ struct arena arena = { 0 };
	struct oci_resources *out = NULL;

	(void)state;
	pids.limit = 7;
	memory.limit = memory.swap = -1;
	cpu.quota = -1;
	res.pids = &pids;
	res.memory = &memory;
	res.cpu = &cpu;
	assert_int_equal(pboci_resources_from_pb(&arena, &res, &out, NULL), 0);
	assert_true(out->has_pids);
	assert_int_equal(out->pids_limit, 7);
	assert_int_equal(out->memory->limit, -1);
	assert_int_equal(out->memory->swap, -1);
	assert_int_equal(out->memory->reservation, 0);
	assert_int_equal(out->cpu->quota, -1);
	assert_false(out->memory->has_swappiness);
	memory.swappiness = 1;
	assert_int_equal(pboci_resources_from_pb(&arena, &res, &out, NULL), 0);
	assert_true(out->memory->has_swappiness);
}

static void device_rules_know_any(void **state)
{
	static const struct {
		int64_t major, minor, ret_major, ret_minor;
	} table[] = { { 8, 1, 8, 1 }, { 8, -1, 8, -1 }, { 8, 0, 8, -1 }, { 0, 0, -1, -1 }, { -1, -1, -1, -1 } };
	_autoarena_ struct arena arena = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		Grpc__LinuxDeviceCgroup rule = GRPC__LINUX_DEVICE_CGROUP__INIT, *rules = &rule;
		Grpc__LinuxResources res = GRPC__LINUX_RESOURCES__INIT;
		struct oci_resources *out = NULL;

		rule.major = table[i].major;
		rule.minor = table[i].minor;
		res.devices = &rules;
		res.n_devices = 1;
		assert_int_equal(pboci_resources_from_pb(&arena, &res, &out, NULL), 0);
		assert_int_equal(out->devices[0].major, table[i].ret_major);
		assert_int_equal(out->devices[0].minor, table[i].ret_minor);
		assert_int_equal(out->devices[0].type, 'a');
		assert_string_equal(out->devices[0].access, "rwm");
	}
}

static void capabilities_may_be_quoted(void **state)
{
	char *names[] = { (char *)"CAP_KILL", (char *)"\"CAP_CHOWN\"", (char *)"net_raw" };
	Grpc__LinuxCapabilities caps = GRPC__LINUX_CAPABILITIES__INIT;
	Grpc__Process process = GRPC__PROCESS__INIT;
	_autoarena_ struct arena arena = { 0 };
	struct oci_process *out = NULL;

	(void)state;
	caps.bounding = names;
	caps.n_bounding = 3;
	process.capabilities = &caps;
	assert_int_equal(pboci_process_from_pb(&arena, &process, &out, NULL), 0);
	assert_int_equal(out->capabilities->bounding, 1 << CAP_KILL | 1 << CAP_CHOWN | 1 << CAP_NET_RAW);
	assert_int_equal(out->capabilities->effective, 0);
}

enum bad_word { CAP, QUOTED, RLIMIT, NS, DEVICE, RULE, ACCESS, ACTION, DEFAULT, OP, MOUNT, HOOK, SCORE, WEIGHT, PAGES };

/* Puts one bad word into a good spec. */
static void spoil(Grpc__Spec *pb, enum bad_word what)
{
	switch (what) {
	case CAP:
		pb->process->capabilities->effective[0] = (char *)"CAP_FLY";
		break;
	case QUOTED:
		pb->process->capabilities->ambient[0] = (char *)"\"";
		break;
	case RLIMIT:
		pb->process->rlimits[1]->type = (char *)"nofile";
		break;
	case NS:
		pb->linux->namespaces[2]->type = (char *)"";
		break;
	case DEVICE:
		pb->linux->devices[0]->type = (char *)"x";
		break;
	case RULE:
		pb->linux->resources->devices[1]->type = (char *)"x";
		break;
	case ACCESS:
		pb->linux->resources->devices[2]->access = (char *)"rwz";
		break;
	case ACTION:
		pb->linux->seccomp->syscalls[1]->action = (char *)"";
		break;
	case DEFAULT:
		pb->linux->seccomp->defaultaction = (char *)"ALLOW";
		break;
	case OP:
		pb->linux->seccomp->syscalls[1]->args[0]->op = (char *)"!=";
		break;
	case MOUNT:
		pb->mounts[1]->destination = (char *)"";
		break;
	case HOOK:
		pb->hooks->poststop[1]->path = (char *)"";
		break;
	case SCORE:
		pb->process->oomscoreadj = 2147483648;
		break;
	case WEIGHT:
		pb->linux->resources->blockio->weight = 65536;
		break;
	case PAGES:
		pb->linux->resources->hugepagelimits[0]->pagesize = (char *)"";
		break;
	default:
		fail();
	}
}

static void bad_words_are_named(void **state)
{
	static const struct {
		enum bad_word what;
		const char *expected;
	} table[] = {
		{ CAP, "Process.Capabilities.Effective[0]: unknown capability 'CAP_FLY'" },
		{ QUOTED, "Process.Capabilities.Ambient[0]: unknown capability '\"'" },
		{ RLIMIT, "Process.Rlimits[1].Type: unknown resource limit 'nofile'" },
		{ NS, "Linux.Namespaces[2].Type: unknown namespace ''" },
		{ DEVICE, "Linux.Devices[0].Type: unknown device type 'x'" },
		{ RULE, "Linux.Resources.Devices[1].Type: unknown device type 'x'" },
		{ ACCESS, "Linux.Resources.Devices[2].Access: unknown access 'rwz'" },
		{ ACTION, "Linux.Seccomp.Syscalls[1].Action: unknown action ''" },
		{ DEFAULT, "Linux.Seccomp.DefaultAction: unknown action 'ALLOW'" },
		{ OP, "Linux.Seccomp.Syscalls[1].Args[0].Op: unknown operator '!='" },
		{ MOUNT, "Mounts[1].destination: missing" },
		{ HOOK, "Hooks.Poststop[1].Path: missing" },
		{ SCORE, "Process.OOMScoreAdj: 2147483648 is no score" },
		{ WEIGHT, "Linux.Resources.BlockIO: weight 65536 is too large" },
		{ PAGES, "Linux.Resources.HugepageLimits[0].Pagesize: missing" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		_autoarena_ struct arena arena = { 0 };
		struct oci_spec *out = NULL;
		struct err err = ERR_INIT;
		Grpc__Spec *pb = NULL;

		assert_int_equal(pboci_spec_to_pb(&arena, config_spec(&arena), &pb, NULL), 0);
		spoil(pb, table[i].what);
		assert_true(pboci_spec_from_pb(&arena, pb, &out, &err) < 0);
		assert_string_equal(err.text, table[i].expected);
		assert_null(out);
	}
}

/* Both directions, with every size of arena that is too small. */
static void too_little_memory_is_an_error(void **state)
{
	_autoarena_ struct arena whole = { 0 };
	struct oci_spec *spec = config_spec(&whole);
	unsigned to_failed = 0, from_failed = 0;
	Grpc__Spec *full = NULL;

	(void)state;
	assert_int_equal(pboci_spec_to_pb(&whole, spec, &full, NULL), 0);
	for (size_t max = 32; max < 20000; max += 32) {
		_autoarena_ struct arena arena = { 0 };
		struct oci_spec *out = NULL;
		Grpc__Spec *pb = NULL;
		int r;

		arena_init(&arena, max);
		r = pboci_spec_to_pb(&arena, spec, &pb, NULL);
		assert_true(r == 0 ? pb != NULL : r == -ENOMEM && !pb);
		to_failed += r < 0;
		arena_done(&arena);
		r = pboci_spec_from_pb(&arena, full, &out, NULL);
		assert_true(r == 0 ? out != NULL : r == -ENOMEM && !out);
		from_failed += r < 0;
	}
	assert_in_range(to_failed, 50, 600);
	assert_in_range(from_failed, 50, 600);
}

int test_pboci(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_spec_survives_the_wire),
		cmocka_unit_test(nothing_at_all_is_fine),
		cmocka_unit_test(what_upstream_gets_wrong_is_right_here),
		cmocka_unit_test(device_rules_know_any),
		cmocka_unit_test(capabilities_may_be_quoted),
		cmocka_unit_test(bad_words_are_named),
		cmocka_unit_test(too_little_memory_is_an_error),
	};

	return cmocka_run_group_tests_name("pboci", tests, NULL, NULL);
}
