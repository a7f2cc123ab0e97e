/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/validate.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "tests/lib/unit.h"

/* A spec that passes; each case changes one thing. */
struct fixture {
	struct oci_spec spec;
	struct oci_linux lin;
	struct oci_process process;
	struct oci_namespace namespaces[4];
	struct oci_id_map map;
	struct oci_pair sysctl;
	struct oci_rlimit rlimits[2];
	char *args[2], *paths[2];
};

static void good(struct fixture *f)
{
	*f = (struct fixture){
		.namespaces = { { CLONE_NEWNS, NULL }, { CLONE_NEWUTS, NULL }, { CLONE_NEWIPC, NULL } },
		.map = { 0, 0, 1 },
		.args = { "true" },
		.rlimits = { { 7, 10, 20 }, { 4, 0, 0 } },
		.paths = { "/proc/kcore" },
		.sysctl = { "net.core.somaxconn", "1" },
	};
	f->process.args = (struct oci_strings){ f->args, 1 };
	f->process.cwd = "/";
	f->process.rlimits = f->rlimits;
	f->process.n_rlimits = 2;
	f->process.selinux_label = "system_u:system_r:container_t:s0:c1,c2";
	f->lin.namespaces = f->namespaces;
	f->lin.n_namespaces = 3;
	f->lin.masked_paths = (struct oci_strings){ f->paths, 1 };
	f->lin.sysctl = (struct oci_pairs){ &f->sysctl, 1 };
	f->spec.linux = &f->lin;
	f->spec.process = &f->process;
	f->spec.root_path = "/run/rootfs";
	f->spec.hostname = "web";
}

static void no_process(struct fixture *f)
{
	f->spec.process = NULL;
}

static void no_root(struct fixture *f)
{
	f->spec.root_path = NULL;
}

static void relative_root(struct fixture *f)
{
	f->spec.root_path = "rootfs";
}

static void hostname_without_uts(struct fixture *f)
{
	f->namespaces[1].flag = CLONE_NEWPID;
}

static void long_domainname(struct fixture *f)
{
	f->spec.domainname = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
}

static void double_namespace(struct fixture *f)
{
	f->namespaces[2].flag = CLONE_NEWUTS;
}

static void no_mount_namespace(struct fixture *f)
{
	f->namespaces[0].flag = CLONE_NEWPID;
}

static void maps_without_userns(struct fixture *f)
{
	f->lin.uid_maps = (struct oci_id_maps){ &f->map, 1 };
}

static void userns_without_maps(struct fixture *f)
{
	f->namespaces[2].flag = CLONE_NEWUSER;
}

static void empty_map(struct fixture *f)
{
	f->namespaces[2].flag = CLONE_NEWUSER;
	f->map.size = 0;
	f->lin.uid_maps = (struct oci_id_maps){ &f->map, 1 };
}

static void relative_mask(struct fixture *f)
{
	f->paths[0] = "/proc/../sys";
}

static void sysctl_of_the_machine(struct fixture *f)
{
	f->sysctl.key = "kernel.core_pattern";
}

static void no_args(struct fixture *f)
{
	f->process.args.n = 0;
}

static void relative_cwd(struct fixture *f)
{
	f->process.cwd = "tmp";
}

static void wild_oom_score(struct fixture *f)
{
	f->process.has_oom_score_adj = true;
	f->process.oom_score_adj = 1001;
}

/* Which would leave them what they are: root's. */
static void user_of_nobody(struct fixture *f)
{
	f->process.user.uid = (uid_t)-1;
}

static void group_of_nobody(struct fixture *f)
{
	f->process.user.gid = (gid_t)-1;
}

static void soft_above_hard(struct fixture *f)
{
	f->rlimits[0].soft = 21;
}

static void double_rlimit(struct fixture *f)
{
	f->rlimits[1].resource = 7;
}

static void short_label(struct fixture *f)
{
	f->process.selinux_label = "system_u:container_t";
}

static void label_with_quote(struct fixture *f)
{
	f->lin.mount_label = "a:b:c\",uid=0:s0";
}

static void good_spec_passes(void **state)
{
	struct fixture f;
	struct err err = ERR_INIT;

	(void)state;
	good(&f);
	assert_int_equal(container_validate(&f.spec, true, &err), 0);
	/* On a host the network may be the host's. */
	assert_int_equal(container_validate(&f.spec, false, &err), -EINVAL);
	f.namespaces[3].flag = CLONE_NEWNET;
	f.lin.n_namespaces = 4;
	f.spec.root_path = "rootfs";
	assert_int_equal(container_validate(&f.spec, false, &err), 0);
}

static void each_fault_is_named(void **state)
{
	static const struct {
		void (*spoil)(struct fixture *f);
		const char *text;
	} cases[] = {
		{ no_process, "process is missing" },
		{ no_root, "root.path is missing" },
		{ relative_root, "root.path 'rootfs'" },
		{ hostname_without_uts, "hostname 'web' needs a uts namespace" },
		{ long_domainname, "domainname 'aaaa" },
		{ double_namespace, "'uts' is listed twice" },
		{ no_mount_namespace, "mount namespace" },
		{ maps_without_userns, "linux.uidMappings needs a user namespace" },
		{ userns_without_maps, "linux.uidMappings is missing" },
		{ empty_map, "linux.uidMappings[0] has size 0" },
		{ relative_mask, "linux.maskedPaths '/proc/../sys'" },
		{ sysctl_of_the_machine, "sysctl 'kernel.core_pattern'" },
		{ no_args, "process.args" },
		{ relative_cwd, "process.cwd 'tmp'" },
		{ wild_oom_score, "process.oomScoreAdj '1001'" },
		{ user_of_nobody, "process.user.uid '4294967295'" },
		{ group_of_nobody, "process.user.gid '4294967295'" },
		{ soft_above_hard, "soft limit 21" },
		{ double_rlimit, "resource 7 is listed twice" },
		{ short_label, "process.selinuxLabel 'system_u:container_t'" },
		{ label_with_quote, "linux.mountLabel" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fixture f;
		struct err err = ERR_INIT;
		int r;

		good(&f);
		cases[i].spoil(&f);
		r = container_validate(&f.spec, true, &err);
		if (r != -EINVAL || !strstr(err.text, cases[i].text))
			fail_msg("expected '%s', got %d '%s'", cases[i].text, r, err.text);
	}
}

int test_validate(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_spec_passes),
		cmocka_unit_test(each_fault_is_named),
	};

	return cmocka_run_group_tests_name("validate", tests, NULL, NULL);
}
