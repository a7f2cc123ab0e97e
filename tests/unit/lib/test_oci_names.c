/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/oci_names.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>

#include <linux/capability.h>
#include <sys/capability.h>

#include "lib/oci.h"
#include "tests/lib/unit.h"

static void capabilities_agree_with_libcap(void **state)
{
	(void)state;
	for (int i = 0; i <= CAP_LAST_CAP; i++) {
		char *name = cap_to_name(i);

		assert_non_null(oci_capability_name(i));
		assert_int_equal(strcasecmp(name, oci_capability_name(i)), 0);
		assert_int_equal(oci_capability_parse(name), i);
		assert_int_equal(oci_capability_parse(name + 4), i);
		cap_free(name);
	}
	assert_null(oci_capability_name(CAP_LAST_CAP + 1));
	assert_null(oci_capability_name(-1));
	assert_int_equal(oci_capability_parse("CAP_"), -EINVAL);
	assert_int_equal(oci_capability_parse(""), -EINVAL);
	assert_int_equal(oci_capability_parse("CAP_CAP_KILL"), -EINVAL);
}

static void rlimits_go_both_ways(void **state)
{
	(void)state;
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		assert_non_null(oci_rlimit_name(i));
		assert_int_equal(oci_rlimit_parse(oci_rlimit_name(i)), i);
	}
	assert_null(oci_rlimit_name(RLIM_NLIMITS));
	assert_int_equal(oci_rlimit_parse("NOFILE"), -EINVAL);
}

static void namespaces_have_two_spellings(void **state)
{
	(void)state;
	assert_int_equal(oci_namespace_parse("mount"), CLONE_NEWNS);
	assert_int_equal(oci_namespace_parse("mnt"), CLONE_NEWNS);
	assert_int_equal(oci_namespace_parse("network"), CLONE_NEWNET);
	assert_int_equal(oci_namespace_parse("net"), CLONE_NEWNET);
	assert_int_equal(oci_namespace_parse("time"), 0x80);
	assert_int_equal(oci_namespace_parse(""), -EINVAL);
	assert_string_equal(oci_namespace_name(CLONE_NEWNS), "mount");
	assert_string_equal(oci_namespace_file(CLONE_NEWNS), "mnt");
	assert_null(oci_namespace_name(0));
	assert_null(oci_namespace_file(CLONE_NEWNS | CLONE_NEWPID));
}

static void device_words(void **state)
{
	char access[4] = "";

	(void)state;
	assert_int_equal(oci_device_access_parse("mr", access), 0);
	assert_string_equal(access, "rm");
	assert_int_equal(oci_device_access_parse("", access), 0);
	assert_string_equal(access, "rwm");
	assert_int_equal(oci_device_access_parse("rwmm", access), 0);
	assert_int_equal(oci_device_access_parse("rwx", access), -EINVAL);
	assert_int_equal(oci_device_type_parse("u"), 'u');
	assert_int_equal(oci_device_type_parse("a"), -EINVAL);
	assert_int_equal(oci_device_type_parse(""), -EINVAL);
	assert_int_equal(oci_device_type_parse("cb"), -EINVAL);
	assert_int_equal(oci_device_rule_type_parse(""), 'a');
	assert_int_equal(oci_device_rule_type_parse("p"), -EINVAL);
}

static void seccomp_words(void **state)
{
	(void)state;
	assert_true(oci_is_seccomp_action("SCMP_ACT_NOTIFY"));
	assert_false(oci_is_seccomp_action("SCMP_ACT_"));
	assert_true(oci_is_seccomp_op("SCMP_CMP_MASKED_EQ"));
	assert_false(oci_is_seccomp_op(""));
}

int test_oci_names(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(capabilities_agree_with_libcap),
		cmocka_unit_test(rlimits_go_both_ways),
		cmocka_unit_test(namespaces_have_two_spellings),
		cmocka_unit_test(device_words),
		cmocka_unit_test(seccomp_words),
	};

	return cmocka_run_group_tests_name("oci_names", tests, NULL, NULL);
}
