/* SPDX-License-Identifier: Apache-2.0 */
#include "runk/adapt.h"

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/mem.h"
#include "lib/oci_names.h"
#include "lib/sys.h"
#include "tests/lib/unit.h"

static void destinations(void **state)
{
	static const struct {
		const char *given, *made;
	} rows[] = {
		{ "/a/b", "/a/b" }, { "a/b", "/a/b" },  { "/a/../b", "/b" },     { "/../../a", "/a" }, { "..", "/" },
		{ "/", "/" },       { "//a/./", "/a" }, { "a/b/../../c", "/c" }, { "...", "/..." },    { "/a/..", "/" },
	};
	_autoarena_ struct arena arena = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct oci_mount mount = { .destination = (char *)(uintptr_t)rows[i].given };
		struct oci_spec spec = { .mounts = &mount, .n_mounts = 1 };

		assert_int_equal(adapt_spec(&arena, &spec, NULL), 0);
		assert_string_equal(mount.destination, rows[i].made);
	}
}

static void empty_destination_is_left(void **state)
{
	_autoarena_ struct arena arena = { 0 };
	char empty[] = "";
	struct oci_mount mounts[] = { { .destination = empty }, { .destination = NULL } };
	struct oci_spec spec = { .mounts = mounts, .n_mounts = 2 };

	(void)state;
	assert_int_equal(adapt_spec(&arena, &spec, NULL), 0);
	assert_ptr_equal(mounts[0].destination, empty);
	assert_null(mounts[1].destination);
}

/* Bit 63 is no capability: it is never ours, and has no name. */
static void capabilities(void **state)
{
	uint64_t effective, ours, inheritable, nobodys = UINT64_C(1) << 63;
	struct oci_linux lin = { 0 };
	const struct oci_spec spec = { .linux = &lin };
	struct oci_capabilities caps;
	struct oci_process process = { .capabilities = &caps };
	_autobuf_ struct buf ignored = BUF_INIT;

	(void)state;
	assert_int_equal(sys_capget(&effective, &ours, &inheritable), 0);
	memset(&caps, 0xff, sizeof(caps));
	assert_int_equal(adapt_capabilities(&spec, &process, &ignored, NULL), 0);
	assert_int_equal(caps.bounding, ours);
	assert_int_equal(caps.ambient, ours);
	assert_int_equal(caps.effective & nobodys, 0);
	for (int i = 0; i <= CAP_LAST_CAP; i++)
		assert_int_equal(strstr(buf_str(&ignored), oci_capability_name(i)) != NULL, !(ours >> i & 1));
	process.capabilities = NULL;
	assert_int_equal(adapt_capabilities(&spec, &process, &ignored, NULL), 0);
}

static void user_namespace_has_all(void **state)
{
	struct oci_namespace user = { .flag = CLONE_NEWUSER };
	struct oci_linux lin = { .namespaces = &user, .n_namespaces = 1 };
	const struct oci_spec spec = { .linux = &lin };
	struct oci_capabilities caps = { .bounding = UINT64_MAX };
	struct oci_process process = { .capabilities = &caps };
	_autobuf_ struct buf ignored = BUF_INIT;

	(void)state;
	assert_int_equal(adapt_capabilities(&spec, &process, &ignored, NULL), 0);
	assert_true(caps.bounding == UINT64_MAX);
	assert_int_equal(ignored.len, 0);
}

static void labels(void **state)
{
	char unconfined[] = "unconfined", label[] = "a:b:c";
	struct oci_linux lin = { 0 };
	const struct oci_spec spec = { .linux = &lin };
	struct oci_process process = { 0 };
	struct stat st;

	(void)state;
	assert_int_equal(adapt_check_labels(&spec, &process, NULL), 0);
	process.apparmor_profile = unconfined;
	assert_int_equal(adapt_check_labels(&spec, &process, NULL), 0);
	lin.mount_label = label;
	assert_int_equal(adapt_check_labels(&spec, &process, NULL), stat("/sys/fs/selinux", &st) == 0 ? 0 : -ENOTSUP);
}

int test_adapt(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(destinations), cmocka_unit_test(empty_destination_is_left),
		cmocka_unit_test(capabilities), cmocka_unit_test(user_namespace_has_all),
		cmocka_unit_test(labels),
	};

	return cmocka_run_group_tests_name("adapt", tests, NULL, NULL);
}
