/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/ephemeral.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/unit.h"

static void only_volumes_in_memory_are_taken(void **state)
{
	/* None of these is a tmpfs of the name that kubelet gives, so nothing changes. */
	static char *const sources[] = { (char *)"/proc/kubernetes.io~empty-dir/x", (char *)"/dev/shm",
		                         (char *)"/x/kubernetes.io~empty-dir/a/b",
		                         (char *)"/x/kubernetes.io~empty-dir/..",
		                         (char *)"/x/kubernetes.io~empty-dir/" };
	struct oci_mount mounts[ARRAY_SIZE(sources)];
	struct oci_spec spec = { .mounts = mounts, .n_mounts = ARRAY_SIZE(sources) };
	bool is_guests[ARRAY_SIZE(sources)] = { false };
	_autoarena_ struct arena arena = { .max = 0 };
	struct list volumes;

	(void)state;
	list_init(&volumes);
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
		mounts[i] = (struct oci_mount){ .type = (char *)"bind", .source = sources[i] };
	assert_int_equal(ephemeral_take(&arena, &spec, &volumes, is_guests, NULL), 0);
	assert_true(list_is_empty(&volumes));
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
		assert_ptr_equal(mounts[i].source, sources[i]);
		assert_false(is_guests[i]);
	}
}

static struct ephemeral *make(struct list *volumes, uint64_t bytes, gid_t gid)
{
	struct ephemeral *v = test_calloc(1, sizeof(*v));

	*v = (struct ephemeral){ .target = (char *)EPHEMERAL_DIR "/v", .bytes = bytes, .gid = gid };
	list_append(volumes, &v->link);
	return v;
}

static void their_size_is_that_of_the_memory(void **state)
{
	static const struct {
		uint64_t host;
		gid_t gid;
		int64_t mib;
		bool remount;
		const char *size, *second;
	} rows[] = {
		{ 0, 0, 512, false, "size=536870912", NULL },
		{ 1u << 20, 7, 512, false, "size=1048576", "fsgid=7" },
		{ 1ull << 40, 7, 1024, true, "size=1073741824", "remount" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_autoarena_ struct arena arena = { .max = 0 };
		Grpc__Storage *storages[1] = { NULL };
		struct ephemeral *v;
		struct list volumes;
		size_t n = 0;

		list_init(&volumes);
		v = make(&volumes, rows[i].host, rows[i].gid);
		assert_int_equal(ephemeral_tell(&arena, &volumes, rows[i].mib, rows[i].remount, storages, &n), 0);
		assert_int_equal(n, 1);
		assert_string_equal(storages[0]->driver, "ephemeral");
		assert_string_equal(storages[0]->mount_point, EPHEMERAL_DIR "/v");
		assert_int_equal(storages[0]->n_options, rows[i].second ? 2 : 1);
		assert_string_equal(storages[0]->options[0], rows[i].size);
		if (rows[i].second)
			assert_string_equal(storages[0]->options[1], rows[i].second);
		test_free(v);
	}
}

int test_ephemeral(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_volumes_in_memory_are_taken),
		cmocka_unit_test(their_size_is_that_of_the_memory),
	};

	return cmocka_run_group_tests_name("ephemeral", tests, NULL, NULL);
}
