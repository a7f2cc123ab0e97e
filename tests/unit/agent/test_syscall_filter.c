/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/syscall_filter.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/lib/forked.h"

static char *one_name[] = { "getppid", NULL };
static char *several_names[] = { "no_such_call_anywhere", "getppid", "arm_fadvise64_64", NULL };
static char *dup_names[] = { "dup", NULL };
static char *native[] = { "SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32", NULL };

/* Builds and loads in this (forked) process; nonzero = failed. */
static int load(const struct oci_seccomp *spec)
{
	_autofilter_ struct syscall_filter filter = { 0 };
	struct err err = ERR_INIT;

	if (syscall_filter_build(spec, &filter, &err) < 0)
		return 100;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return 101;
	return syscall_filter_load(&filter, NULL, &err) < 0 ? 102 : 0;
}

static int denied_call_has_the_errno(void)
{
	struct oci_seccomp_rule rule = {
		.names = { several_names, 3 }, .action = "SCMP_ACT_ERRNO", .has_errno = true, .errno_ret = ENOTBLK
	};
	const struct oci_seccomp spec = { .default_action = "SCMP_ACT_ALLOW", .rules = &rule, .n_rules = 1 };
	int r = load(&spec);

	if (r != 0)
		return r;
	return syscall(SYS_getppid) == -1 && errno == ENOTBLK && getpid() > 0 ? 0 : 1;
}

static int default_errno_is_eperm(void)
{
	struct oci_seccomp_rule rule = { .names = { one_name, 1 }, .action = "SCMP_ACT_ERRNO" };
	const struct oci_seccomp spec = { .default_action = "SCMP_ACT_ALLOW", .rules = &rule, .n_rules = 1 };
	int r = load(&spec);

	return r != 0 ? r : syscall(SYS_getppid) == -1 && errno == EPERM ? 0 : 1;
}

static int default_action_with_errno(void)
{
	static char *allowed[] = { "exit_group", "write", "getpid", "sigaltstack", "mmap", "munmap" };
	struct oci_seccomp_rule rule = { .names = { allowed, ARRAY_SIZE(allowed) }, .action = "SCMP_ACT_ALLOW" };
	const struct oci_seccomp spec = {
		.default_action = "SCMP_ACT_ERRNO",
		.has_default_errno = true,
		.default_errno_ret = ENOSYS,
		.rules = &rule,
		.n_rules = 1,
	};
	int r = load(&spec);

	if (r != 0)
		return r;
	return syscall(SYS_getppid) == -1 && errno == ENOSYS && syscall(SYS_getpid) > 0 ? 0 : 1;
}

static int killed_by_the_filter(void)
{
	struct oci_seccomp_rule rule = { .names = { one_name, 1 }, .action = "SCMP_ACT_KILL_PROCESS" };
	const struct oci_seccomp spec = { .default_action = "SCMP_ACT_ALLOW", .rules = &rule, .n_rules = 1 };
	int r = load(&spec);

	return r != 0 ? r : (int)syscall(SYS_getppid);
}

/* dup(fd) is denied for fd & 0xf0 == 0x70 only. */
static int masked_argument(void)
{
	struct oci_seccomp_arg arg = { .index = 0, .value = 0xf0, .value_two = 0x70, .op = "SCMP_CMP_MASKED_EQ" };
	struct oci_seccomp_rule rule = {
		.names = { dup_names, 1 }, .action = "SCMP_ACT_ERRNO", .args = &arg, .n_args = 1
	};
	const struct oci_seccomp spec = { .default_action = "SCMP_ACT_ALLOW", .rules = &rule, .n_rules = 1 };
	int r = load(&spec);

	if (r != 0)
		return r;
	if (syscall(SYS_dup, 0x73) != -1 || errno != EPERM)
		return 1;
	return syscall(SYS_dup, 0x83) == -1 && errno == EBADF ? 0 : 2;
}

/* Twice the same argument: either value is denied. */
static int doubled_argument(void)
{
	struct oci_seccomp_arg args[] = { { .index = 0, .value = 500, .op = "SCMP_CMP_EQ" },
		                          { .index = 0, .value = 600, .op = "SCMP_CMP_GE" } };
	struct oci_seccomp_rule rule = {
		.names = { dup_names, 1 }, .action = "SCMP_ACT_ERRNO", .args = args, .n_args = 2
	};
	const struct oci_seccomp spec = {
		.default_action = "SCMP_ACT_ALLOW", .rules = &rule, .n_rules = 1, .flags = { NULL, 0 }
	};
	int r = load(&spec);

	if (r != 0)
		return r;
	if (syscall(SYS_dup, 500) != -1 || errno != EPERM)
		return 1;
	if (syscall(SYS_dup, 700) != -1 || errno != EPERM)
		return 2;
	return syscall(SYS_dup, 501) == -1 && errno == EBADF ? 0 : 3;
}

static void filters_do_what_the_spec_says(void **state)
{
	(void)state;
	assert_int_equal(forked_run(denied_call_has_the_errno), 0);
	assert_int_equal(forked_run(default_errno_is_eperm), 0);
	assert_int_equal(forked_run(default_action_with_errno), 0);
	assert_int_equal(forked_run(masked_argument), 0);
	assert_int_equal(forked_run(doubled_argument), 0);
	assert_int_equal(forked_run(killed_by_the_filter), 128 + SIGSYS);
}

#if defined(__x86_64__)
/* close_range (436) is the newest that the profile names; uretprobe and uprobe (335, 336) pass every filter. */
static int newer_calls_do_not_exist(void)
{
	static char *allowed[] = { "exit_group", "write", "getpid", "sigaltstack", "mmap", "munmap", "close_range" };
	struct oci_seccomp_rule rule = { .names = { allowed, ARRAY_SIZE(allowed) }, .action = "SCMP_ACT_ALLOW" };
	const struct oci_seccomp spec = {
		.default_action = "SCMP_ACT_ERRNO",
		.architectures = { native, 3 },
		.rules = &rule,
		.n_rules = 1,
	};
	int r = load(&spec);

	if (r != 0)
		return r;
	if (syscall(SYS_getppid) != -1 || errno != EPERM || syscall(400) != -1 || errno != EPERM)
		return 1;
	if (syscall(437, -1, 0, 0, 0) != -1 || errno != ENOSYS || syscall(999) != -1 || errno != ENOSYS)
		return 2;
	/* x32 has numbers of its own, here up to sigaltstack's 525. */
	if (syscall(0x40000000 | 110) != -1 || errno != EPERM || syscall(0x40000000 | 526) != -1 || errno != ENOSYS)
		return 3;
	return 0;
}
#endif

static int newer_calls_of_a_lenient_profile(void)
{
	struct oci_seccomp_rule rule = { .names = { one_name, 1 }, .action = "SCMP_ACT_ERRNO" };
	const struct oci_seccomp spec = { .default_action = "SCMP_ACT_ALLOW", .rules = &rule, .n_rules = 1 };
	int r = load(&spec);

	return r != 0 ? r : syscall(SYS_pidfd_open, -1, 0) == -1 && errno == EINVAL ? 0 : 1;
}

static void newer_calls_than_the_profile(void **state)
{
	(void)state;
#if defined(__x86_64__)
	assert_int_equal(forked_run(newer_calls_do_not_exist), 0);
#endif
	assert_int_equal(forked_run(newer_calls_of_a_lenient_profile), 0);
}

static void wrong_words_are_named(void **state)
{
	static char *bad_arch[] = { "SCMP_ARCH_Z80", NULL }, *bad_flag[] = { "SECCOMP_FILTER_FLAG_FAST", NULL };
	struct oci_seccomp_arg bad_op = { .op = "SCMP_CMP_SIMILAR" }, bad_index = { .index = 6, .op = "SCMP_CMP_EQ" };
	struct oci_seccomp_rule op_rule = {
		.names = { one_name, 1 }, .action = "SCMP_ACT_ERRNO", .args = &bad_op, .n_args = 1
	};
	struct oci_seccomp_rule index_rule = {
		.names = { one_name, 1 }, .action = "SCMP_ACT_ERRNO", .args = &bad_index, .n_args = 1
	};
	static char *handing_over[] = { "recvmsg", "sendmsg", NULL };
	struct oci_seccomp_rule notify_rule = { .names = { handing_over, 2 }, .action = "SCMP_ACT_NOTIFY" };
	struct oci_seccomp_rule action_rule = { .names = { one_name, 1 }, .action = "SCMP_ACT_PARDON" };
	const struct {
		struct oci_seccomp spec;
		const char *text;
		int num;
	} cases[] = {
		{ { .default_action = "SCMP_ACT_SMILE" }, "unknown action 'SCMP_ACT_SMILE'", EINVAL },
		{ { .default_action = NULL }, "unknown action ''", EINVAL },
		{ { .default_action = "SCMP_ACT_NOTIFY" }, "'SCMP_ACT_NOTIFY' needs a listenerPath", EINVAL },
		{ { .default_action = "SCMP_ACT_ALLOW", .architectures = { bad_arch, 1 } },
		  "unknown architecture 'SCMP_ARCH_Z80'",
		  EINVAL },
		{ { .default_action = "SCMP_ACT_ALLOW", .flags = { bad_flag, 1 } },
		  "unknown flag 'SECCOMP_FILTER_FLAG_FAST'",
		  EINVAL },
		{ { .default_action = "SCMP_ACT_ALLOW", .rules = &op_rule, .n_rules = 1 },
		  "unknown operator 'SCMP_CMP_SIMILAR'",
		  EINVAL },
		{ { .default_action = "SCMP_ACT_ALLOW", .rules = &index_rule, .n_rules = 1 },
		  "argument index '6'",
		  EINVAL },
		{ { .default_action = "SCMP_ACT_KILL_PROCESS", .has_default_errno = true, .default_errno_ret = 13 },
		  "action 'SCMP_ACT_KILL_PROCESS' takes no errno (13)",
		  EINVAL },
		{ { .default_action = "SCMP_ACT_ALLOW", .rules = &notify_rule, .n_rules = 1, .listener_path = "/x" },
		  "'sendmsg' cannot be notified",
		  EINVAL },
		{ { .default_action = "SCMP_ACT_ALLOW", .rules = &action_rule, .n_rules = 1 },
		  "unknown action 'SCMP_ACT_PARDON'",
		  EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct syscall_filter filter = { .n = 7 };
		struct err err = ERR_INIT;
		int r = syscall_filter_build(&cases[i].spec, &filter, &err);

		if (r != -cases[i].num || !strstr(err.text, cases[i].text))
			fail_msg("expected '%s', got %d '%s'", cases[i].text, r, err.text);
		assert_int_equal(filter.n, 7);
	}
}

static void no_spec_is_no_filter(void **state)
{
	_autofilter_ struct syscall_filter filter = { .n = 7 };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(syscall_filter_build(NULL, &filter, &err), 0);
	assert_null(filter.code);
	assert_int_equal(syscall_filter_load(&filter, NULL, &err), 0);
}

static void flags_and_architectures_are_kept(void **state)
{
	static char *flags[] = { "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", NULL };
	const struct oci_seccomp spec = {
		.default_action = "SCMP_ACT_ALLOW",
		.flags = { flags, 2 },
#if defined(__x86_64__)
		.architectures = { native, 3 },
#endif
	};
	_autofilter_ struct syscall_filter filter = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	(void)native;
	assert_int_equal(syscall_filter_build(&spec, &filter, &err), 0);
	assert_int_equal(filter.flags, SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW);
	assert_true(filter.n > 0);
}

static void a_listener_asks_for_its_flags(void **state)
{
	static char *words[] = { "SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", NULL };
	struct oci_seccomp_rule rule = { .names = { one_name, 1 }, .action = "SCMP_ACT_NOTIFY" };
	struct oci_seccomp spec = { .default_action = "SCMP_ACT_ALLOW",
		                    .flags = { words, 2 },
		                    .rules = &rule,
		                    .n_rules = 1,
		                    .listener_path = "/x" };
	_autofilter_ struct syscall_filter notifies = { 0 }, other = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(syscall_filter_build(&spec, &notifies, &err), 0);
	assert_true(notifies.notifies);
	assert_int_equal(notifies.flags, SECCOMP_FILTER_FLAG_NEW_LISTENER | 1u << 5);
	spec.n_rules = 0;
	assert_int_equal(syscall_filter_build(&spec, &other, &err), 0);
	assert_false(other.notifies);
	assert_int_equal(other.flags, SECCOMP_FILTER_FLAG_TSYNC);
}

int test_syscall_filter(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filters_do_what_the_spec_says), cmocka_unit_test(newer_calls_than_the_profile),
		cmocka_unit_test(a_listener_asks_for_its_flags), cmocka_unit_test(wrong_words_are_named),
		cmocka_unit_test(no_spec_is_no_filter),          cmocka_unit_test(flags_and_architectures_are_kept),
	};

	return cmocka_run_group_tests_name("syscall_filter", tests, NULL, NULL);
}
