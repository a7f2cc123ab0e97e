/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "lib/fd.h"
#include "tests/lib/forked.h"

#define BIT(cap) (UINT64_C(1) << (cap))

/* A mask of /proc/self/status, or all ones. */
static uint64_t status_mask(const char *name)
{
	_autofree_ char *text = NULL;
	const char *at;

	if (fd_read_file_at(AT_FDCWD, "/proc/self/status", 65536, &text, NULL) < 0)
		return UINT64_MAX;
	at = strstr(text, name);
	return at ? strtoull(at + strlen(name), NULL, 16) : UINT64_MAX;
}

static int drop_to_a_user(void)
{
	const uint64_t two = BIT(CAP_NET_BIND_SERVICE) | BIT(CAP_KILL);
	const struct oci_capabilities caps = { .bounding = two,
		                               .effective = BIT(CAP_KILL),
		                               .permitted = two,
		                               .inheritable = BIT(CAP_KILL),
		                               .ambient = two /* one of them cannot be */ };
	gid_t groups[] = { 30, 31 };
	const struct oci_user user = { .uid = 1000, .gid = 1001, .groups = groups, .n_groups = 2 };
	struct err err = ERR_INIT;
	gid_t got[8];

	if (credentials_drop_bounding(caps.bounding, &err) < 0 || credentials_become(&user, &err) < 0)
		return 1;
	if (status_mask("CapEff:") != 0 || !(status_mask("CapPrm:") & BIT(CAP_SYS_ADMIN)))
		return 2;
	if (credentials_raise(&err) < 0 || !(status_mask("CapEff:") & BIT(CAP_SYS_ADMIN)))
		return 3;
	if (credentials_apply(&caps, &err) < 0)
		return 4;
	if (status_mask("CapBnd:") != two || status_mask("CapPrm:") != two)
		return 5;
	if (status_mask("CapEff:") != BIT(CAP_KILL) || status_mask("CapInh:") != BIT(CAP_KILL))
		return 6;
	if (status_mask("CapAmb:") != BIT(CAP_KILL))
		return 7;
	if (getuid() != 1000 || geteuid() != 1000 || getgid() != 1001 || getegid() != 1001)
		return 8;
	return getgroups(8, got) == 2 && got[0] == 30 && got[1] == 31 ? 0 : 9;
}

static int drop_everything(void)
{
	const struct oci_user user = { .uid = 0 };
	const gid_t inherited[] = { 5, 6 };
	struct err err = ERR_INIT;
	gid_t got[8];

	if (setgroups(2, inherited) < 0)
		return 1;
	if (credentials_drop_bounding(0, &err) < 0 || credentials_become(&user, &err) < 0 ||
	    credentials_apply(NULL, &err) < 0)
		return 2;
	if (status_mask("CapBnd:") || status_mask("CapPrm:") || status_mask("CapEff:") || status_mask("CapAmb:"))
		return 3;
	/* The agent's own groups must not stay, also without a list. */
	return getgroups(8, got) == 0 ? 0 : 4;
}

static void sets_are_exactly_the_specs(void **state)
{
	(void)state;
	skip_unless_root();
	assert_int_equal(forked_run(drop_to_a_user), 0);
	assert_int_equal(forked_run(drop_everything), 0);
}

static int ask_for_more_than_there_is(void)
{
	const struct oci_capabilities caps = { .permitted = BIT(CAP_SYS_BOOT) | BIT(63),
		                               .effective = BIT(CAP_SYS_BOOT) };
	const struct oci_capabilities unknown = { .permitted = BIT(63), .effective = BIT(63), .ambient = BIT(63) };
	struct err err = ERR_INIT;

	/* A capability that this kernel has not is left out, one that we have not is an error. */
	if (credentials_apply(&unknown, &err) < 0 || status_mask("CapPrm:") != 0)
		return 1;
	if (credentials_apply(&caps, &err) != -EPERM)
		return 2;
	return strstr(err.text, "'cap_sys_boot', which is not ours to give") ? 0 : 3;
}

static void missing_capability_is_named(void **state)
{
	(void)state;
	skip_unless_root();
	assert_int_equal(forked_run(ask_for_more_than_there_is), 0);
}

static int become_another_root(void)
{
	struct err err = ERR_INIT;

	return setresuid(1000, 1000, 1000) == 0 && credentials_become_root(&err) == -EPERM &&
	                       strstr(err.text, "become uid and gid 0")
	               ? 0
	               : 1;
}

static void ids_that_are_refused_are_errors(void **state)
{
	(void)state;
	skip_unless_root();
	assert_int_equal(forked_run(become_another_root), 0);
}

static int limits_are_set(void)
{
	struct oci_rlimit wanted[] = { { RLIMIT_CORE, 4096, 8192 }, { RLIMIT_NOFILE, 100, 200 } };
	const struct oci_process process = { .rlimits = wanted, .n_rlimits = 2 };
	const struct rlimit small_stack = { 1 << 20, RLIM_INFINITY };
	struct rlimit now;
	struct err err = ERR_INIT;

	if (setrlimit(RLIMIT_STACK, &small_stack) < 0 || credentials_raise_limits(getpid(), &process, &err) < 0 ||
	    credentials_limit(&process, &err) < 0)
		return 1;
	if (getrlimit(RLIMIT_CORE, &now) < 0 || now.rlim_cur != 4096 || now.rlim_max != 8192)
		return 2;
	if (getrlimit(RLIMIT_NOFILE, &now) < 0 || now.rlim_cur != 100 || now.rlim_max != 200)
		return 3;
	return getrlimit(RLIMIT_STACK, &now) == 0 && now.rlim_cur == 8 << 20 ? 0 : 4;
}

static int limits_without_privilege(void)
{
	struct oci_rlimit wanted = { RLIMIT_CPU, 900, 900 };
	const struct oci_process plain = { 0 }, greedy = { .rlimits = &wanted, .n_rlimits = 1 };
	const struct rlimit low = { 50, 60 };
	struct rlimit now;
	struct err err = ERR_INIT;

	/* As nobody the hard limits cannot be raised: defaults give way, what was asked for does not. */
	if (setrlimit(RLIMIT_NOFILE, &low) < 0 || setrlimit(RLIMIT_CPU, &low) < 0 || setresuid(65534, 65534, 65534) < 0)
		return 1;
	if (credentials_raise_limits(getpid(), &plain, &err) < 0 || credentials_limit(&plain, &err) < 0)
		return 2;
	if (getrlimit(RLIMIT_NOFILE, &now) < 0 || now.rlim_cur != 60)
		return 3;
	if (credentials_raise_limits(getpid(), &greedy, &err) != -EPERM || !strstr(err.text, "to 900"))
		return 4;
	return credentials_limit(&greedy, &err) == -EPERM && strstr(err.text, "900:900") ? 0 : 5;
}

static void limits_are_the_specs_or_the_defaults(void **state)
{
	(void)state;
	skip_unless_root();
	assert_int_equal(forked_run(limits_are_set), 0);
	assert_int_equal(forked_run(limits_without_privilege), 0);
}

static int read_oom_score(void)
{
	_autofree_ char *text = NULL;

	if (fd_read_file_at(AT_FDCWD, "/proc/self/oom_score_adj", 64, &text, NULL) < 0)
		return -9999;
	return atoi(text);
}

static int oom_scores(void)
{
	const struct oci_process none = { 0 }, asked = { .has_oom_score_adj = true, .oom_score_adj = 300 };
	struct err err = ERR_INIT;

	if (credentials_set_oom_score(getpid(), &asked, NULL, &err) < 0 || read_oom_score() != 300)
		return 1;
	/* An exec without a value of its own gets the container's. */
	if (credentials_set_oom_score(getpid(), &none,
	                              &(struct oci_process){ .has_oom_score_adj = true, .oom_score_adj = 400 },
	                              &err) < 0 ||
	    read_oom_score() != 400)
		return 2;
	/* 0 or, where lowering is not allowed, what there is: but never an error, for nobody asked. */
	return credentials_set_oom_score(getpid(), &none, &none, &err) == 0 ? 0 : 3;
}

static void oom_score_is_the_specs(void **state)
{
	(void)state;
	assert_int_equal(forked_run(oom_scores), 0);
}

static int reset_everything(void)
{
	struct err err = ERR_INIT;

	if (personality(ADDR_NO_RANDOMIZE) < 0 || setpriority(PRIO_PROCESS, 0, 5) < 0)
		return 1;
	(void)umask(0);
	if (credentials_reset(true, &err) < 0)
		return 2;
	if (personality(0xffffffff) != 0 || umask(0) != 022)
		return 3;
	errno = 0;
	return getpriority(PRIO_PROCESS, 0) == 0 && errno == 0 ? 0 : 4;
}

static void inherited_state_is_reset(void **state)
{
	(void)state;
	skip_unless_root();
	assert_int_equal(forked_run(reset_everything), 0);
}

int test_credentials(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets_are_exactly_the_specs),
		cmocka_unit_test(missing_capability_is_named),
		cmocka_unit_test(ids_that_are_refused_are_errors),
		cmocka_unit_test(limits_are_the_specs_or_the_defaults),
		cmocka_unit_test(oom_score_is_the_specs),
		cmocka_unit_test(inherited_state_is_reset),
	};

	return cmocka_run_group_tests_name("credentials", tests, NULL, NULL);
}
