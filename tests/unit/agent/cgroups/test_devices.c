/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cgroups/devices.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fd.h"
#include "tests/lib/unit.h"

#define DEFAULTS 12
#define ALL(what)                                                                                                      \
	{                                                                                                              \
		.allow = (what), .type = 'a', .major = -1, .minor = -1, .access = "rwm"                                \
	}

/* The rules behind the default list, one a line; NULL = planning failed, and *ret_r says how. */
static const char *print_rules(struct arena *arena, const struct oci_linux *lin, const struct cgroup_disks *own,
                               int *ret_r)
{
	const struct oci_device_rule *rules = NULL;
	const char *text = "";
	size_t n = 0;
	struct err err = ERR_INIT;

	*ret_r = cgroup_device_rules(arena, lin, own, &rules, &n, &err);
	if (*ret_r < 0)
		return NULL;
	assert_true(n >= DEFAULTS);
	for (size_t i = DEFAULTS; i < n; i++)
		text = arena_printf(arena, "%s%c%c %d:%d %s\n", text, rules[i].allow ? '+' : '-', rules[i].type,
		                    (int)rules[i].major, (int)rules[i].minor, rules[i].access);
	return text;
}

static void order_is_devices_then_rules_then_own_disks(void **state)
{
	_autoarena_ struct arena arena = { 0 };
	struct oci_device devices[] = { { .type = 'c', .major = 10, .minor = 229 },
		                        { .type = 'p' },
		                        { .type = 'b', .major = 8, .minor = 1 },
		                        { .type = 'u', .major = 4, .minor = 64 } };
	struct oci_device_rule rules[] = {
		ALL(false), ALL(false), ALL(true), { .type = 'c', .major = 5, .minor = 1, .access = "w" }
	};
	struct oci_resources res = { .devices = rules, .n_devices = 4 };
	struct oci_linux lin = { .devices = devices, .n_devices = 4, .resources = &res };
	struct cgroup_disk disk = { 254, 0 };
	struct cgroup_disks own = { &disk, 1 };
	int r;

	(void)state;
	assert_string_equal(print_rules(&arena, &lin, &own, &r), "+c 10:229 rwm\n+b 8:1 rwm\n+c 4:64 rwm\n"
	                                                         "+a -1:-1 rwm\n-c 5:1 w\n-b 254:0 rw\n");
	lin = (struct oci_linux){ 0 };
	own.n = 0;
	assert_string_equal(print_rules(&arena, &lin, &own, &r), "");
}

/* docker 26 has them twice, and /dev/full is in neither. */
static void rules_begin_behind_the_last_denial_of_all(void **state)
{
	_autoarena_ struct arena arena = { 0 };
	struct oci_device_rule rules[] = {
		ALL(false),
		{ .allow = true, .type = 'c', .major = 1, .minor = 5, .access = "rwm" },
		{ .type = 'c', .major = 10, .minor = 229, .access = "rwm" },
		ALL(false),
		{ .allow = true, .type = 'c', .major = 5, .minor = 0, .access = "rwm" },
		{ .type = 'c', .major = 10, .minor = 229, .access = "rwm" },
	};
	struct oci_resources res = { .devices = rules, .n_devices = 6 };
	struct oci_linux lin = { .resources = &res };
	struct cgroup_disks own = { 0 };
	int r;

	(void)state;
	assert_string_equal(print_rules(&arena, &lin, &own, &r), "+c 5:0 rwm\n-c 10:229 rwm\n");
	res.n_devices = 4;
	assert_string_equal(print_rules(&arena, &lin, &own, &r), "");
}

static void default_list_is_the_one_we_promise(void **state)
{
	_autoarena_ struct arena arena = { 0 };
	static const int numbers[DEFAULTS][2] = {
		{ -1, -1 }, { -1, -1 }, { 1, 3 }, { 1, 5 }, { 1, 7 },    { 1, 8 },
		{ 1, 9 },   { 5, 0 },   { 5, 1 }, { 5, 2 }, { 136, -1 }, { 10, 200 }
	};
	const struct oci_device_rule *rules;
	struct oci_linux lin = { 0 };
	struct cgroup_disks own = { 0 };
	size_t n;

	(void)state;
	assert_int_equal(cgroup_device_rules(&arena, &lin, &own, &rules, &n, NULL), 0);
	assert_int_equal(n, DEFAULTS);
	for (size_t i = 0; i < n; i++) {
		assert_true(rules[i].allow);
		assert_int_equal(rules[i].type, i == 1 ? 'b' : 'c');
		assert_int_equal(rules[i].major, numbers[i][0]);
		assert_int_equal(rules[i].minor, numbers[i][1]);
		assert_string_equal(rules[i].access, i < 2 ? "m" : "rwm");
	}
}

static void bad_rules_are_refused(void **state)
{
	_autoarena_ struct arena arena = { 0 };
	struct oci_device_rule rule = { .allow = true, .type = 'x', .access = "r" };
	struct oci_resources res = { .devices = &rule, .n_devices = 1 };
	struct oci_linux lin = { .resources = &res };
	struct cgroup_disks own = { 0 };
	int r;

	(void)state;
	assert_null(print_rules(&arena, &lin, &own, &r));
	assert_int_equal(r, -EINVAL);
	rule.type = 'c';
	rule.major = 1LL + INT_MAX;
	assert_null(print_rules(&arena, &lin, &own, &r));
	assert_int_equal(r, -EINVAL);
	res.devices = calloc(CGROUP_RULES_MAX + 1, sizeof(rule));
	res.n_devices = CGROUP_RULES_MAX + 1;
	assert_null(print_rules(&arena, &lin, &own, &r));
	assert_int_equal(r, -E2BIG);
	free(res.devices);
}

static const char mountinfo[] = "22 1 254:1 / / rw,relatime - ext4 /dev/vda1 rw\n"
				"23 22 0:21 / /proc rw - proc proc rw\n"
				"24 22 254:1 /x /mnt rw - ext4 /dev/vda1 rw\n"
				"garbage\n"
				"25 22 7:3 / /run/c rw shared:4 - xfs /dev/does-not-exist rw\n"
				"26 22 0:40 / /b rw - btrfs /dev/does-not-exist rw\n"
				"27 22 253:0 / /v ro - erofs /dev/dm-0 ro";

static void disks_are_those_of_the_mounts(void **state)
{
	_autoarena_ struct arena arena = { 0 };
	struct cgroup_disks disks = { 0 };

	(void)state;
	assert_int_equal(cgroup_parse_disks(&arena, mountinfo, &disks), 0);
	assert_int_equal(disks.n, 3);
	assert_int_equal(disks.v[0].major, 254);
	assert_int_equal(disks.v[0].minor, 1);
	assert_int_equal(disks.v[1].major, 7);
	assert_int_equal(disks.v[2].major, 253);
	disks.n = 0;
	assert_int_equal(cgroup_parse_disks(&arena, "", &disks), 0);
	assert_int_equal(disks.n, 0);
}

/* What the kernel shows below /sys: a disk with a partition, and a verity device upon another disk's partition. */
static const char *const tree[] = { "block",          "block/vda",  "block/vda/vda1",    "block/vdb",
	                            "block/vdb/vdb2", "block/dm-0", "block/dm-0/slaves", "dev" };
static const char *const links[][2] = { { "../block/vda/vda1", "dev/254:1" },
	                                { "../block/vdb/vdb2", "dev/254:18" },
	                                { "../block/vdb", "dev/254:16" },
	                                { "../block/dm-0", "dev/253:0" },
	                                { "../../vdb/vdb2", "block/dm-0/slaves/vdb2" } };
static const char *const files[][2] = { { "block/vda/dev", "254:0\n" },        { "block/vdb/dev", "254:16\n" },
	                                { "block/vda/vda1/partition", "1\n" }, { "block/vdb/vdb2/partition", "2\n" },
	                                { "block/vdb/vdb2/dev", "254:18\n" },  { "mountinfo", mountinfo } };

static void put_file(int dir, const char *name, const char *text)
{
	_autoclose_ int fd = openat(dir, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void disks_below_the_mounted_ones_are_found(void **state)
{
	static const struct cgroup_disk expected[] = { { 254, 1 }, { 7, 3 },    { 253, 0 },
		                                       { 254, 0 }, { 254, 18 }, { 254, 16 } };
	_autoarena_ struct arena arena = { 0 };
	char path[] = "/tmp/disks-XXXXXX", info[64], sys[64];
	_autoclose_ int dir = -EBADF;
	struct cgroup_disks disks = { 0 };
	struct err err = ERR_INIT;
	int r;

	(void)state;
	assert_non_null(mkdtemp(path));
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)snprintf(info, sizeof(info), "%s/mountinfo", path);
	(void)snprintf(sys, sizeof(sys), "%s/dev", path);
	for (size_t i = 0; i < ARRAY_SIZE(tree); i++)
		assert_int_equal(mkdirat(dir, tree[i], 0700), 0);
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		assert_int_equal(symlinkat(links[i][0], dir, links[i][1]), 0);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		put_file(dir, files[i][0], files[i][1]);
	r = cgroup_find_own_disks(&arena, info, sys, &disks, &err);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		(void)unlinkat(dir, files[i][0], 0);
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		(void)unlinkat(dir, links[i][1], 0);
	for (size_t i = ARRAY_SIZE(tree); i > 0; i--)
		(void)unlinkat(dir, tree[i - 1], AT_REMOVEDIR);
	assert_int_equal(r, 0);
	assert_int_equal(disks.n, ARRAY_SIZE(expected));
	assert_memory_equal(disks.v, expected, sizeof(expected));
	assert_int_equal(cgroup_find_own_disks(&arena, info, sys, &disks, &err), -ENOENT);
	assert_non_null(strstr(err.text, info));
	assert_int_equal(rmdir(path), 0);
}

int test_devices(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_is_devices_then_rules_then_own_disks),
		cmocka_unit_test(rules_begin_behind_the_last_denial_of_all),
		cmocka_unit_test(default_list_is_the_one_we_promise),
		cmocka_unit_test(bad_rules_are_refused),
		cmocka_unit_test(disks_are_those_of_the_mounts),
		cmocka_unit_test(disks_below_the_mounted_ones_are_found),
	};

	return cmocka_run_group_tests_name("devices", tests, NULL, NULL);
}
