/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fd.h"
#include "tests/lib/unit.h"

static void names_become_paths(void **state)
{
	static const struct {
		const char *key, *path; /* NULL = refused */
	} cases[] = {
		{ "net.ipv4.ip_forward", "net/ipv4/ip_forward" },
		{ "net/ipv4/ip_forward", "net/ipv4/ip_forward" },
		{ "net.ipv4.conf.eth0/1.forwarding", "net/ipv4/conf/eth0.1/forwarding" },
		{ "net/ipv4/conf/eth0.1/forwarding", "net/ipv4/conf/eth0.1/forwarding" },
		{ "net/../kernel/core_pattern", NULL },
		{ "net.ipv4.//.kernel", NULL }, /* slashes stand for dots here */
		{ "net..ipv4", NULL },
		{ "/net/ipv4", NULL },
		{ "net.ipv4.", NULL },
		{ "net. ipv4", NULL },
		{ "", NULL },
		{ "..", NULL },
	};
	char path[SYSCTL_PATH_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(sysctl_path(cases[i].key, path), cases[i].path ? 0 : -EINVAL);
		if (cases[i].path)
			assert_string_equal(path, cases[i].path);
	}
}

static int check(const char *key, int flag, bool pod_net, struct err *err)
{
	struct oci_namespace namespaces[] = { { flag, NULL } };
	struct oci_pair pair = { (char *)(uintptr_t)key, "1" };
	const struct oci_linux lin = {
		.namespaces = namespaces,
		.n_namespaces = flag != 0,
		.sysctl = { &pair, 1 },
	};

	return sysctl_check(&lin, pod_net, err);
}

static void only_sysctls_of_own_namespaces_pass(void **state)
{
	static const struct {
		const char *key;
		int flag;
		bool pod_net;
		int want;
	} cases[] = {
		{ "kernel.msgmax", CLONE_NEWIPC, false, 0 },
		{ "kernel.shm_rmid_forced", CLONE_NEWIPC, false, 0 },
		{ "kernel.shm_rmid_forced", 0, true, -EINVAL },
		{ "fs.mqueue.msg_max", CLONE_NEWIPC, false, 0 },
		{ "fs.mqueue.msg_max", CLONE_NEWNET, false, -EINVAL },
		{ "net.core.somaxconn", 0, true, 0 },
		{ "net.core.somaxconn", 0, false, -EINVAL },
		{ "net.core.somaxconn", CLONE_NEWNET, false, 0 },
		{ "kernel.domainname", CLONE_NEWUTS, false, 0 },
		{ "kernel.hostname", CLONE_NEWUTS, true, -EINVAL },
		{ "kernel.core_pattern", CLONE_NEWIPC, true, -EINVAL },
		{ "vm.swappiness", 0, true, -EINVAL },
		{ "network.core", 0, true, -EINVAL },
	};
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int r = check(cases[i].key, cases[i].flag, cases[i].pod_net, &err);

		if (r != cases[i].want)
			fail_msg("'%s' with 0x%x: %d", cases[i].key, (unsigned)cases[i].flag, r);
	}
	assert_string_equal(err.text, "sysctl 'network.core' belongs to no namespace of the container");
}

static int make_proc(char dir[])
{
	int fd;

	assert_non_null(mkdtemp(dir));
	fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(mkdirat(fd, "sys", 0755), 0);
	assert_int_equal(mkdirat(fd, "sys/net", 0755), 0);
	assert_int_equal(mknodat(fd, "sys/net/real", S_IFREG | 0644, 0), 0);
	assert_int_equal(symlinkat("../../outside", fd, "sys/net/link"), 0);
	return fd;
}

static void apply_writes_below_sys_and_nowhere_else(void **state)
{
	char dir[] = "/tmp/test-sysctl-XXXXXX", *text = NULL;
	_autoclose_ int proc = make_proc(dir);
	struct oci_pair good[] = { { "net.real", "17" }, { "net.absent", "1" } };
	struct oci_pair bad[] = { { "net.link", "17" } };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(sysctl_apply(proc, &(struct oci_pairs){ good, 2 }, &err), 0);
	assert_int_equal(fd_read_file_at(proc, "sys/net/real", 16, &text, NULL), 0);
	assert_string_equal(text, "17");
	free(text);
	assert_int_equal(sysctl_apply(proc, &(struct oci_pairs){ bad, 1 }, &err), -ELOOP);
	assert_non_null(strstr(err.text, "set sysctl 'net.link' to '17'"));
	(void)unlinkat(proc, "sys/net/real", 0);
	(void)unlinkat(proc, "sys/net/link", 0);
	(void)unlinkat(proc, "sys/net", AT_REMOVEDIR);
	(void)unlinkat(proc, "sys", AT_REMOVEDIR);
	(void)rmdir(dir);
}

int test_sysctl(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_become_paths),
		cmocka_unit_test(only_sysctls_of_own_namespaces_pass),
		cmocka_unit_test(apply_writes_below_sys_and_nowhere_else),
	};

	return cmocka_run_group_tests_name("sysctl", tests, NULL, NULL);
}
