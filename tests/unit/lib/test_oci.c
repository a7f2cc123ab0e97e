/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/oci.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>

#include <linux/capability.h>

#include "tests/lib/config.h"
#include "tests/lib/unit.h"

static struct oci_spec *parse_ok(struct arena *arena, const char *json)
{
	struct oci_spec *spec = NULL;
	struct err err = ERR_INIT;

	if (oci_spec_parse(arena, json, strlen(json), &spec, &err) < 0)
		fail_msg("%s: %s", json, err.text);
	assert_non_null(spec);
	return spec;
}

static void a_full_spec_is_read(void **state)
{
	_autoarena_ struct arena arena = { 0 };
	struct oci_spec *spec = parse_ok(&arena, config_json());
	struct oci_process *p = spec->process;
	struct oci_linux *lin = spec->linux;
	struct oci_resources *res = lin->resources;

	(void)state;
	assert_string_equal(spec->version, "1.1.0");
	assert_string_equal(spec->root_path, "rootfs");
	assert_true(spec->root_readonly && p->terminal && p->no_new_privileges);
	assert_int_equal(p->console_rows, 24);
	assert_int_equal(p->user.n_groups, 2);
	assert_int_equal(p->user.groups[1], 4294967295u);
	assert_false(p->user.has_umask);
	assert_int_equal(p->args.n, 3);
	assert_null(p->args.v[3]);
	assert_int_equal(p->capabilities->permitted, 1ull << CAP_KILL | 1ull << CAP_CHECKPOINT_RESTORE);
	assert_int_equal(p->rlimits[1].resource, RLIMIT_CORE);
	assert_true(p->rlimits[1].hard == UINT64_MAX);
	assert_true(p->has_oom_score_adj);
	assert_int_equal(p->oom_score_adj, -500);
	assert_int_equal(spec->n_mounts, 3);
	assert_string_equal(spec->mounts[1].options.v[2], "mode=755");
	assert_int_equal(spec->hooks->poststop.n, 2);
	assert_string_equal(oci_annotation(spec, "empty"), "");
	assert_null(oci_annotation(spec, "nothing"));
	assert_int_equal(res->n_devices, 3);
	assert_int_equal(res->devices[0].type, 'a');
	assert_int_equal(res->devices[0].major, -1);
	assert_string_equal(res->devices[0].access, "rwm");
	assert_int_equal(res->devices[2].minor, -1);
	assert_int_equal(res->memory->swap, -1);
	assert_true(res->memory->has_swappiness && res->has_pids);
	assert_int_equal(res->pids_limit, 100);
	assert_true(res->block_io->write_bps.v[0].rate == UINT64_MAX);
	assert_string_equal(oci_find_namespace(lin, CLONE_NEWNET)->path, "/run/netns/box");
	assert_int_equal(lin->namespaces[7].flag, 0x80);
	assert_true(lin->devices[0].has_mode && !lin->devices[1].has_mode);
	assert_int_equal(lin->devices[0].mode, 0666);
	assert_true(lin->seccomp->rules[1].has_errno && !lin->seccomp->rules[0].has_errno);
	assert_true(lin->seccomp->rules[1].args[0].value_two == UINT64_MAX);
	assert_true(lin->has_intel_rdt);
}

/* What is printed reads back and prints the same; together with the test above nothing can get lost. */
static void printed_form_is_stable(void **state)
{
	_autoarena_ struct arena arena = { 0 };
	_autobuf_ struct buf first = BUF_INIT, second = BUF_INIT;
	_autojson_ struct json_object *given = NULL, *printed = NULL;

	(void)state;
	assert_int_equal(oci_spec_format(parse_ok(&arena, config_json()), &first), 0);
	assert_int_equal(oci_spec_format(parse_ok(&arena, buf_str(&first)), &second), 0);
	assert_string_equal(buf_str(&first), buf_str(&second));

	/* and it is what the file says, but for the members that have a default */
	given = json_tokener_parse(config_json());
	printed = json_tokener_parse(buf_str(&first));
	config_fill_defaults(given);
	assert_true(config_same(given, printed));
}

static void little_is_enough(void **state)
{
	_autoarena_ struct arena arena = { 0 };
	_autobuf_ struct buf b = BUF_INIT;
	struct oci_spec *spec = parse_ok(&arena, "{}");

	(void)state;
	assert_non_null(spec->linux);
	assert_null(spec->process);
	assert_null(oci_find_namespace(spec->linux, CLONE_NEWPID));
	assert_int_equal(oci_spec_format(spec, &b), 0);
	spec = parse_ok(&arena, "{\"process\": null, \"mounts\": [], \"linux\": {\"resources\": {\"pids\": {}}},"
	                        "\"future\": {\"x\": 1}}");
	assert_false(spec->linux->resources->has_pids);
	spec = parse_ok(&arena, "{\"linux\": {\"resources\": {\"pids\": {\"limit\": 0}}}}");
	assert_true(spec->linux->resources->has_pids);
	spec = parse_ok(&arena, "{\"process\": {\"user\": {\"umask\": 18}, \"oomScoreAdj\": 0}}");
	assert_true(spec->process->user.has_umask && spec->process->has_oom_score_adj);
	assert_int_equal(spec->process->user.umask, 022);
}

/* What the wire does not have. */
static void resources_beyond_the_wire(void **state)
{
	static const char json[] = "{ \"memory\": { \"useHierarchy\": true, \"checkBeforeUpdate\": true }, "
				   "\"cpu\": { \"burst\": 0, \"idle\": 1 }, "
				   "\"rdma\": { \"mlx5_1\": { \"hcaHandles\": 3, \"hcaObjects\": 0 }, "
				   "\"hfi1\": { \"hcaObjects\": 10000 } }, "
				   "\"unified\": { \"memory.high\": \"1\" } }";
	_autoarena_ struct arena arena = { 0 };
	_autobuf_ struct buf out = BUF_INIT;
	_autojson_ struct json_object *given = NULL, *printed = NULL;
	struct oci_resources *res = NULL;

	(void)state;
	assert_int_equal(oci_resources_parse(&arena, json, strlen(json), &res, NULL), 0);
	assert_true(res->cpu->has_burst && res->cpu->has_idle);
	assert_int_equal(res->rdma.n, 2);
	assert_string_equal(res->rdma.v[0].device, "mlx5_1");
	assert_true(res->rdma.v[0].has_objects && !res->rdma.v[1].has_handles);
	assert_int_equal(oci_resources_format(res, &out), 0);
	given = json_tokener_parse(json);
	printed = json_tokener_parse(buf_str(&out));
	assert_true(config_same(given, printed));
}

static void errors_name_the_member(void **state)
{
	static const struct {
		const char *json, *expected;
	} table[] = {
		{ "", "parse JSON: the text ends too early, after 0 bytes" },
		{ "{\"process\": {", "parse JSON: the text ends too early, after 13 bytes" },
		{ "{} x", "parse JSON: unexpected character at byte 3" },
		{ "[]", "expected an object, not array" },
		{ "{\"process\": 1}", "process: expected an object, not int" },
		{ "{\"process\": {\"terminal\": 1}}", "process.terminal: expected true or false, not int" },
		{ "{\"process\": {\"args\": [\"a\", 2]}}", "process.args[1]: expected a string, not int" },
		{ "{\"process\": {\"args\": [null]}}", "process.args[0]: expected a string, not null" },
		{ "{\"process\": {\"args\": \"sh\"}}", "process.args: expected an array, not string" },
		{ "{\"process\": {\"args\": [\"a\\u0000b\"]}}", "process.args[0]: contains a NUL" },
		{ "{\"process\": {\"user\": {\"uid\": -1}}}", "process.user.uid: -1 is not between 0 and 4294967295" },
		{ "{\"process\": {\"user\": {\"gid\": 4294967296}}}",
		  "process.user.gid: 4294967296 is not between 0 and 4294967295" },
		{ "{\"process\": {\"user\": {\"uid\": 1.5}}}",
		  "process.user.uid: expected a whole number, not double" },
		{ "{\"process\": {\"oomScoreAdj\": 3000000000}}",
		  "process.oomScoreAdj: 3000000000 is not between -2147483648 and 2147483647" },
		{ "{\"process\": {\"rlimits\": [{\"type\": \"RLIMIT_CPU\", \"hard\": 1, \"soft\": 1},"
		  "{\"type\": \"RLIMIT_X\", \"hard\": 1, \"soft\": 1}]}}",
		  "process.rlimits[1].type: unknown resource limit 'RLIMIT_X'" },
		{ "{\"process\": {\"rlimits\": [{\"type\": \"RLIMIT_CPU\"}]}}", "process.rlimits[0].hard: missing" },
		{ "{\"process\": {\"capabilities\": {\"ambient\": [\"CAP_KILL\", \"CAP_FLY\"]}}}",
		  "process.capabilities.ambient[1]: unknown capability 'CAP_FLY'" },
		{ "{\"root\": {}}", "root.path: missing" },
		{ "{\"mounts\": [{}]}", "mounts[0].destination: missing" },
		{ "{\"hooks\": {\"poststop\": [{\"path\": \"/x\"}, {\"args\": []}]}}",
		  "hooks.poststop[1].path: missing" },
		{ "{\"annotations\": {\"a\": 1}}", "annotations.a: expected a string, not int" },
		{ "{\"linux\": {\"namespaces\": [{\"type\": \"moon\"}]}}",
		  "linux.namespaces[0].type: unknown namespace 'moon'" },
		{ "{\"linux\": {\"devices\": [{\"path\": \"/dev/x\", \"type\": \"a\"}]}}",
		  "linux.devices[0].type: unknown device type 'a'" },
		{ "{\"linux\": {\"resources\": {\"devices\": [{\"allow\": true, \"access\": \"rx\"}]}}}",
		  "linux.resources.devices[0].access: unknown device access 'rx'" },
		{ "{\"linux\": {\"resources\": {\"rdma\": {\"x\": 1}}}}",
		  "linux.resources.rdma.x: expected an object, not int" },
		{ "{\"linux\": {\"resources\": {\"blockIO\": {\"weight\": 65536}}}}",
		  "linux.resources.blockIO.weight: 65536 is not between 0 and 65535" },
		{ "{\"linux\": {\"resources\": {\"memory\": {\"limit\": 18446744073709551615}}}}",
		  "linux.resources.memory.limit: 18446744073709551615 is not between -9223372036854775808 and "
		  "9223372036854775807" },
		{ "{\"linux\": {\"seccomp\": {\"defaultAction\": \"SCMP_ACT_PANIC\"}}}",
		  "linux.seccomp.defaultAction: unknown seccomp action 'SCMP_ACT_PANIC'" },
		{ "{\"linux\": {\"seccomp\": {\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": "
		  "[\"x\"], "
		  "\"action\": \"SCMP_ACT_ALLOW\", \"args\": [{\"index\": 0, \"value\": 1, \"op\": \"==\"}]}]}}}",
		  "linux.seccomp.syscalls[0].args[0].op: unknown seccomp operator '=='" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		_autoarena_ struct arena arena = { 0 };
		struct oci_spec *spec = NULL;
		struct err err = ERR_INIT;

		assert_true(oci_spec_parse(&arena, table[i].json, strlen(table[i].json), &spec, &err) < 0);
		assert_string_equal(err.text, table[i].expected);
		assert_null(spec);
	}
}

static void depth_and_length_have_limits(void **state)
{
	_autoarena_ struct arena arena = { 0 };
	_autobuf_ struct buf b = BUF_INIT;
	struct oci_spec *spec = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(buf_printf(&b, "{\"x\":"), 0);
	for (int i = 0; i < 5000; i++)
		assert_int_equal(buf_add(&b, "[", 1), 0);
	assert_int_equal(oci_spec_parse(&arena, buf_str(&b), b.len, &spec, &err), -EINVAL);
	assert_non_null(strstr(err.text, "nesting too deep"));

	buf_done(&b);
	assert_int_equal(buf_printf(&b, "{\"process\":{\"user\":{\"additionalGids\":[0"), 0);
	for (int i = 0; i < OCI_LIST_MAX; i++)
		assert_int_equal(buf_add(&b, ",0", 2), 0);
	assert_int_equal(buf_printf(&b, "]}}}"), 0);
	assert_int_equal(oci_spec_parse(&arena, buf_str(&b), b.len, &spec, &err), -E2BIG);
	assert_string_equal(err.text, "process.user.additionalGids: more than 65536 elements");
}

static void an_arena_with_a_budget_ends_it(void **state)
{
	const char *json = config_json();
	size_t done = 0;

	(void)state;
	for (size_t max = 64; max < 16384; max += 64) {
		_autoarena_ struct arena arena = { 0 };
		struct oci_spec *spec = NULL;
		int r;

		arena_init(&arena, max);
		r = oci_spec_parse(&arena, json, strlen(json), &spec, NULL);
		if (r == 0 && !done)
			done = max;
		assert_int_equal(r, done ? 0 : -ENOMEM);
	}
	assert_in_range(done, 1024, 16000);
}

static void process_and_resources_stand_alone(void **state)
{
	static const char process[] = "{\"args\": [\"id\"], \"cwd\": \"/\"}",
			  resources[] = "{\"cpu\": {\"quota\": -1}}";
	_autoarena_ struct arena arena = { 0 };
	_autobuf_ struct buf b = BUF_INIT;
	struct oci_process *p = NULL;
	struct oci_resources *res = NULL;

	(void)state;
	assert_int_equal(oci_process_parse(&arena, process, strlen(process), NULL, &p, NULL), 0);
	assert_string_equal(p->args.v[0], "id");
	assert_int_equal(oci_resources_parse(&arena, resources, strlen(resources), &res, NULL), 0);
	assert_int_equal(res->cpu->quota, -1);
	assert_int_equal(oci_resources_format(res, &b), 0);
	assert_int_equal(oci_process_format(p, &b), 0);
}

int test_oci(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_spec_is_read),
		cmocka_unit_test(printed_form_is_stable),
		cmocka_unit_test(little_is_enough),
		cmocka_unit_test(resources_beyond_the_wire),
		cmocka_unit_test(errors_name_the_member),
		cmocka_unit_test(depth_and_length_have_limits),
		cmocka_unit_test(an_arena_with_a_budget_ends_it),
		cmocka_unit_test(process_and_resources_stand_alone),
	};

	return cmocka_run_group_tests_name("oci", tests, NULL, NULL);
}
