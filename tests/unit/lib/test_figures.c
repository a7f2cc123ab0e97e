/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/figures.h"

#include <string.h>

#include "lib/jsontext.h"
#include "tests/lib/unit.h"

static struct json_object *at(struct json_object *o, const char *a, const char *b, const char *c)
{
	const char *const names[] = { a, b, c };

	for (size_t i = 0; i < ARRAY_SIZE(names) && names[i]; i++)
		assert_true(json_object_object_get_ex(o, names[i], &o));
	return o;
}

static void shape_of_runc(void **state)
{
	struct cgroup_stat_pair raw = { (char *)"anon", 5 };
	struct cgroup_io_entry io = { 8, 1, "read", 77 };
	const struct cgroup_stats stats = {
		.cpu_total = 30,
		.memory = { .usage = 4096, .limit = UINT64_MAX },
		.memory_stat = &raw,
		.n_memory_stat = 1,
		.pids_current = 3,
		.io_bytes = &io,
		.n_io_bytes = 1,
	};
	_autojson_ struct json_object *line = NULL;
	_autobuf_ struct buf out = BUF_INIT;
	struct err err = ERR_INIT;
	struct json_object *data;

	(void)state;
	assert_int_equal(figures_format("web", &stats, &out), 0);
	assert_int_equal(out.data[out.len - 1], '\n');
	assert_int_equal(jsontext_parse(buf_str(&out), out.len - 1, &line, &err), 0);
	assert_string_equal(json_object_get_string(at(line, "type", NULL, NULL)), "stats");
	assert_string_equal(json_object_get_string(at(line, "id", NULL, NULL)), "web");
	data = at(line, "data", NULL, NULL);
	assert_int_equal(json_object_get_int64(at(data, "cpu", "usage", "total")), 30);
	assert_int_equal(json_object_get_uint64(at(data, "memory", "usage", "limit")), UINT64_MAX);
	assert_int_equal(json_object_get_int64(at(data, "memory", "raw", "anon")), 5);
	assert_int_equal(json_object_get_int64(at(data, "pids", "current", NULL)), 3);
	assert_int_equal(json_object_array_length(at(data, "blkio", "ioServiceBytesRecursive", NULL)), 1);
	assert_int_equal(json_object_array_length(at(data, "blkio", "ioServicedRecursive", NULL)), 0);
}

int test_figures(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shape_of_runc),
	};

	return cmocka_run_group_tests_name("figures", tests, NULL, NULL);
}
