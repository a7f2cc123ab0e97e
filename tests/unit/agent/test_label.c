/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/label.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fd.h"
#include "tests/lib/unit.h"

static char dir[64];

static int make_file(int at, const char *name, const char *text)
{
	_autoclose_ int fd = openat(at, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

	return fd < 0 ? -1 : (int)write(fd, text, strlen(text));
}

/* A sysfs with both modules, and a procfs with this process in it. */
static int setup(void **state)
{
	static int fd;
	char path[64];

	(void)strcpy(dir, "/tmp/test-label-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	*state = &fd;
	(void)snprintf(path, sizeof(path), "%d", (int)getpid());
	if (mkdirat(fd, path, 0755) < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "%d/attr", (int)getpid());
	if (mkdirat(fd, path, 0755) < 0 || mkdirat(fd, "fs", 0755) < 0 || mkdirat(fd, "fs/selinux", 0755) < 0)
		return -1;
	if (mkdirat(fd, "module", 0755) < 0 || mkdirat(fd, "module/apparmor", 0755) < 0 ||
	    mkdirat(fd, "module/apparmor/parameters", 0755) < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "%d/attr/exec", (int)getpid());
	return make_file(fd, "module/apparmor/parameters/enabled", "Y\n") < 0 || make_file(fd, path, "") < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	const int *fd = *state;
	char command[128];

	(void)close(*fd);
	(void)snprintf(command, sizeof(command), "rm -r '%s'", dir);
	return system(command);
}

static char *read_attribute(int fd)
{
	char path[64], *text = NULL;

	(void)snprintf(path, sizeof(path), "%d/attr/exec", (int)getpid());
	assert_int_equal(fd_read_file_at(fd, path, 4096, &text, NULL), 0);
	return text;
}

static void kernel_is_asked_what_it_has(void **state)
{
	const int *fd = *state;
	struct label_host host;

	label_host_init(&host, *fd);
	assert_true(host.selinux && host.apparmor);
	label_host_init(&host, -EBADF);
	assert_false(host.selinux || host.apparmor);
}

static void labels_are_written(void **state)
{
	const int *fd = *state;
	const struct label_host host = { .selinux = true, .apparmor = true };
	const struct oci_process selinux = { .selinux_label = "a:b:c:s0" }, apparmor = { .apparmor_profile = "tight" };
	const struct oci_process none = { .selinux_label = "" };
	struct err err = ERR_INIT;
	char *text;

	assert_int_equal(label_apply(&host, *fd, &none, &err), 0);
	text = read_attribute(*fd);
	assert_string_equal(text, "");
	free(text);
	assert_int_equal(label_apply(&host, *fd, &selinux, &err), 0);
	text = read_attribute(*fd);
	assert_string_equal(text, "a:b:c:s0");
	free(text);
	assert_int_equal(label_apply(&host, *fd, &apparmor, &err), 0); /* by the file of old kernels */
	text = read_attribute(*fd);
	assert_string_equal(text, "exec tight");
	free(text);
}

static void what_the_kernel_has_not(void **state)
{
	const int *fd = *state;
	const struct label_host host = { .selinux = false };
	const struct oci_process selinux = { .selinux_label = "a:b:c:s0" }, apparmor = { .apparmor_profile = "tight" };
	struct err err = ERR_INIT;

	assert_int_equal(label_check(&host, &selinux, &err), -ENOTSUP);
	assert_string_equal(err.text, "SELinux label 'a:b:c:s0': SELinux is not enabled here");
	assert_int_equal(label_check(&host, &apparmor, &err), 0);
	assert_int_equal(label_apply(&host, *fd, &apparmor, &err), 0);
}

/* Where the file is not there the kernel's answer is the same as for a profile that it does not know: ENOENT. */
static void profile_of_the_host(void **state)
{
	const int *fd = *state;
	struct label_host host = { .apparmor = true };
	const struct oci_process apparmor = { .apparmor_profile = "cri-containerd.apparmor.d" };
	struct err err = ERR_INIT;
	char path[64];

	(void)snprintf(path, sizeof(path), "%d/attr/exec", (int)getpid());
	assert_int_equal(unlinkat(*fd, path, 0), 0);
	assert_int_equal(label_apply(&host, *fd, &apparmor, &err), -ENOENT);
	assert_non_null(strstr(err.text, "set AppArmor profile 'cri-containerd.apparmor.d'"));
	host.may_lack = true;
	assert_int_equal(label_apply(&host, *fd, &apparmor, &err), 0);
	assert_int_equal(make_file(*fd, path, ""), 0);
}

/* A container that put a symlink or a file of its own there must not swallow the label. */
static void forged_files_are_refused(void **state)
{
	const int *fd = *state;
	const struct label_host host = { .selinux = true };
	const struct oci_process selinux = { .selinux_label = "a:b:c:s0" };
	struct err err = ERR_INIT;
	char path[64];

	(void)snprintf(path, sizeof(path), "%d/attr/exec", (int)getpid());
	assert_int_equal(unlinkat(*fd, path, 0), 0);
	assert_int_equal(symlinkat("../../module/apparmor/parameters/enabled", *fd, path), 0);
	assert_int_equal(label_apply(&host, *fd, &selinux, &err), -ELOOP);
	assert_non_null(strstr(err.text, "set SELinux label 'a:b:c:s0'"));
}

int test_label(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kernel_is_asked_what_it_has), cmocka_unit_test(labels_are_written),
		cmocka_unit_test(what_the_kernel_has_not),     cmocka_unit_test(profile_of_the_host),
		cmocka_unit_test(forged_files_are_refused),
	};

	return cmocka_run_group_tests_name("label", tests, setup, teardown);
}
