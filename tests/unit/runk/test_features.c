/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/features.h"

#include "agent/mount/options.h"
#include "agent/syscall_filter.h"
#include "tests/lib/unit.h"

/* What is announced is understood. */
static void mount_options(void **state)
{
	(void)state;
	for (const char *const *name = features_mount_options(); *name; name++) {
		_autoarena_ struct arena arena = { 0 };
		char *word = arena_strdup(&arena, *name);
		const struct oci_strings list = { &word, 1 };
		struct mount_options options;
		struct err err = ERR_INIT;

		assert_int_equal(mount_options_parse(&arena, &list, &options, &err), 0);
		/* not handed to the file system as a word that we do not know */
		assert_int_equal(options.data.n, 0);
	}
}

static void seccomp_actions(void **state)
{
	(void)state;
	for (const char *const *name = features_seccomp_actions(); *name; name++) {
		_autofilter_ struct syscall_filter filter = { 0 };
		char call[] = "mount", *names = call;
		struct oci_seccomp_rule rule = { .names = { &names, 1 }, .action = (char *)(uintptr_t)*name };
		char action[] = "SCMP_ACT_ERRNO", listener[] = "/listener";
		const struct oci_seccomp spec = {
			.default_action = action, .rules = &rule, .n_rules = 1, .listener_path = listener
		};
		struct err err = ERR_INIT;

		assert_int_equal(syscall_filter_build(&spec, &filter, &err), 0);
	}
}

static void seccomp_flags(void **state)
{
	(void)state;
	for (const char *const *name = features_seccomp_flags(); *name; name++) {
		_autofilter_ struct syscall_filter filter = { 0 };
		char action[] = "SCMP_ACT_ALLOW", *names = (char *)(uintptr_t)*name;
		const struct oci_seccomp spec = { .default_action = action, .flags = { &names, 1 } };
		struct err err = ERR_INIT;

		assert_int_equal(syscall_filter_build(&spec, &filter, &err), 0);
	}
}

int test_features(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mount_options),
		cmocka_unit_test(seccomp_actions),
		cmocka_unit_test(seccomp_flags),
	};

	return cmocka_run_group_tests_name("features", tests, NULL, NULL);
}
