/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "agent/mount/storage.h"
#include "lib/buf.h"
#include "tests/lib/unit.h"

static struct storage_config config(const char *driver, const char *fstype, const char *where, char **option)
{
	return (struct storage_config){
		.driver = (char *)(uintptr_t)driver,
		.fstype = (char *)(uintptr_t)fstype,
		.mount_point = (char *)(uintptr_t)where,
		.options = { option, option && *option ? 1 : 0 },
	};
}

static void updates_become_steps(void **state)
{
	static const struct {
		const char *driver, *fstype, *where, *option, *expected;
		int r;
	} rows[] = {
		{ "ephemeral", "tmpfs", "/run/v", "remount,size=1m",
		  "mkdir target=/run/v number=493\n"
		  "remount target=/run/v type=tmpfs data=size=1m\n",
		  0 },
		{ "ephemeral", NULL, "/run/v", "remount,fsgid=5,size=2m",
		  "mkdir target=/run/v number=493\n"
		  "remount target=/run/v type=tmpfs data=size=2m\n",
		  0 },
		{ "ephemeral", "tmpfs", "/run/v", "size=2m",
		  "mkdir target=/run/v number=493\n"
		  "mount target=/run/v type=tmpfs data=size=2m\n",
		  0 },
		{ "ephemeral", "tmpfs", "/run/v", NULL, "mkdir target=/run/v number=493\n", 0 },
		{ "local", "local", "/run/v", NULL, "Unsupported storage type for syncing mounts local", -EINVAL },
		{ NULL, NULL, "/run/v", NULL, "Unsupported storage type for syncing mounts ", -EINVAL },
		{ "ephemeral", "tmpfs", "/run/../v", "remount",
		  "storage 'ephemeral': mount point '/run/../v' must be "
		  "absolute, without '..', and not '/'",
		  -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_autoarena_ struct arena arena = { 0 };
		_autobuf_ struct buf text = BUF_INIT;
		char *option[] = { (char *)(uintptr_t)rows[i].option, NULL };
		struct storage_config c = config(rows[i].driver, rows[i].fstype, rows[i].where, option);
		struct step_list plan = { 0 };
		struct err err = ERR_INIT;

		assert_int_equal(storage_plan_update(&arena, &c, 1, &plan, &err), rows[i].r);
		assert_int_equal(step_list_print(&plan, &text), 0);
		assert_string_equal(rows[i].r < 0 ? err.text : buf_str(&text), rows[i].expected);
	}
}

/* A host that sends a mixed list gets nothing done. */
static void all_or_nothing(void **state)
{
	_autoarena_ struct arena arena = { 0 };
	struct storage_config configs[] = { config("ephemeral", "tmpfs", "/run/a", NULL),
		                            config("blk", "ext4", "/run/b", NULL) };
	struct step_list plan = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(storage_plan_update(&arena, configs, 2, &plan, &err), -EINVAL);
	assert_int_equal(plan.n, 0);
	assert_string_equal(err.text, "Unsupported storage type for syncing mounts blk");
	assert_int_equal(storage_plan_update(&arena, NULL, 0, &plan, &err), 0);
	assert_int_equal(plan.n, 0);
}

int test_storage_update(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(updates_become_steps),
		cmocka_unit_test(all_or_nothing),
	};

	return cmocka_run_group_tests_name("storage_update", tests, NULL, NULL);
}
