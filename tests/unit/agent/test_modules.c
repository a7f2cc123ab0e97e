/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/modules.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/sys.h"
#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

int __wrap_sys_finit_module(int fd, const char *params, int flags);

/* What was loaded, in order: "FILE[PARAMETERS]/FLAGS ". */
static char loaded[1024];
static int next_result;

/* The file's content is its name. */
int __wrap_sys_finit_module(int fd, const char *params, int flags)
{
	char name[64] = "";
	size_t n = strlen(loaded);

	assert_true(read(fd, name, sizeof(name) - 1) > 0);
	(void)snprintf(loaded + n, sizeof(loaded) - n, "%s[%s]/%d ", name, params, flags);
	return next_result;
}

static void make(const struct tempdir *dir, const char *path, const char *text)
{
	char copy[PATH_MAX];

	(void)snprintf(copy, sizeof(copy), "%s", path);
	for (char *slash = strchr(copy, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdirat(dir->fd, copy, 0755);
		*slash = '/';
	}
	tempdir_write(dir, path, text);
}

static int setup(void **state)
{
	const struct tempdir *dir;

	assert_int_equal(tempdir_setup(state), 0);
	dir = *state;
	loaded[0] = '\0';
	next_result = 0;
	make(dir, "proc/sys/kernel/osrelease", "6.1.0\n");
	make(dir, "m/a.ko", "a");
	make(dir, "m/b.ko", "b");
	make(dir, "m/xfs.ko", "xfs");
	return 0;
}

static void make_list(const struct tempdir *dir)
{
	make(dir, "etc/kata-agent/modules.demand", "vfio-pci /m/none.ko\nxfs,fs-xfs /m/a.ko /m/b.ko /m/xfs.ko\n");
}

static void make_depmod(const struct tempdir *dir)
{
	make(dir, "lib/modules/6.1.0/modules.builtin", "kernel/fs/ext4/ext4.ko\n");
	make(dir, "lib/modules/6.1.0/modules.alias",
	     "# Aliases\nalias fs-xfs xfs\nalias pci:v00001AF4d*sv* virtio_pci\nalias fs-ext4 ext4\n");
	make(dir, "lib/modules/6.1.0/modules.dep",
	     "kernel/virtio-pci.ko.xz:\nkernel/xfs.ko: kernel/b.ko kernel/a.ko\nkernel/a.ko:\nkernel/b.ko: "
	     "kernel/a.ko\n");
	make(dir, "lib/modules/6.1.0/kernel/a.ko", "a");
	make(dir, "lib/modules/6.1.0/kernel/b.ko", "b");
	make(dir, "lib/modules/6.1.0/kernel/xfs.ko", "xfs");
	make(dir, "lib/modules/6.1.0/kernel/virtio-pci.ko.xz", "pci");
}

static void expect(const struct tempdir *dir, const char *name, const char *wanted)
{
	char *words[] = { (char *)"x=1", (char *)"y=two" };
	const struct oci_strings parameters = { words, 2 };
	struct err err = ERR_INIT;
	int r;

	loaded[0] = '\0';
	r = modules_load(dir->fd, name, &parameters, &err);
	assert_string_equal(r < 0 ? err.text : loaded, wanted);
}

static void the_list_of_the_builder_is_used(void **state)
{
	const struct tempdir *dir = *state;

	make_list(dir);
	make_depmod(dir);
	expect(dir, "xfs", "a[]/0 b[]/0 xfs[x=1 y=two]/0 ");
	expect(dir, "fs_xfs", "a[]/0 b[]/0 xfs[x=1 y=two]/0 ");
	expect(dir, "vfio_pci", "load module 'vfio_pci': '/m/none.ko' with 'x=1 y=two': No such file or directory");
}

static void without_a_list_depmod_is_asked(void **state)
{
	const struct tempdir *dir = *state;

	make_depmod(dir);
	expect(dir, "fs-xfs", "a[]/0 b[]/0 xfs[x=1 y=two]/0 ");
	expect(dir, "pci:v00001AF4d00001000sv0", "pci[x=1 y=two]/4 ");
	expect(dir, "ext4", "");
	expect(dir, "fs-ext4", "");
	expect(dir, "xf", "load module 'xf': the guest has no such module");
}

static void errors_name_module_and_reason(void **state)
{
	const struct tempdir *dir = *state;

	expect(dir, "xfs", "load module 'xfs': the guest has no such module");
	expect(dir, "", "'' is no name of a module");
	expect(dir, "a/b", "'a/b' is no name of a module");
	make_list(dir);
	next_result = -ENOEXEC;
	expect(dir, "xfs", "load module 'xfs': '/m/a.ko' is not for this kernel");
	next_result = -EPERM;
	expect(dir, "xfs", "load module 'xfs': '/m/a.ko': Operation not permitted");
	next_result = -EEXIST;
	expect(dir, "xfs", "a[]/0 b[]/0 xfs[x=1 y=two]/0 ");
	next_result = -EINVAL;
	make(dir, "etc/kata-agent/modules.demand", "c /m/c.ko.zst\n");
	make(dir, "m/c.ko.zst", "c");
	expect(dir, "c", "load module 'c': '/m/c.ko.zst': the kernel cannot unpack it");
}

static void what_is_there_is_not_loaded(void **state)
{
	const struct tempdir *dir = *state;

	make_list(dir);
	make(dir, "sys/module/fs_xfs/initstate", "live");
	expect(dir, "fs-xfs", "");
}

static void too_many_parameters_are_refused(void **state)
{
	const struct tempdir *dir = *state;
	_autofree_ char *long_one = calloc(1, 4097);
	struct oci_strings parameters = { &long_one, 1 };
	struct err err = ERR_INIT;

	make_list(dir);
	memset(long_one, 'x', 4096);
	assert_int_equal(modules_load(dir->fd, "xfs", &parameters, &err), -E2BIG);
	assert_string_equal(err.text, "load module 'xfs': its parameters are longer than 4096 bytes");
}

/* What modprobe does, and the kernel only for what is built in. */
static void the_command_line_has_parameters(void **state)
{
	const struct tempdir *dir = *state;
	static const char words[] =
		"quiet xfs.depth=3 scsi_mod.scan=none a. .b=1 xfs xfs-x.y=1 virtio-net.napi agent.log=debug xfs.flag";
	char text[64], small[8];

	assert_int_equal(modules_find_parameters(words, "/lib/modules/6/kernel/fs/xfs/xfs.ko", text, sizeof(text)), 0);
	assert_string_equal(text, "depth=3 flag");
	assert_int_equal(modules_find_parameters(words, "drivers/scsi/scsi-mod.ko.xz", text, sizeof(text)), 0);
	assert_string_equal(text, "scan=none");
	assert_int_equal(modules_find_parameters(words, "virtio_net.ko", text, sizeof(text)), 0);
	assert_string_equal(text, "napi");
	assert_int_equal(modules_find_parameters(words, "a.ko", text, sizeof(text)), 0);
	assert_string_equal(text, "");
	assert_int_equal(modules_find_parameters(words, "xfs.ko", small, sizeof(small)), -E2BIG);
	make_list(dir);
	make(dir, "proc/cmdline", "b.debug xfs.x=0\n");
	expect(dir, "xfs", "a[]/0 b[debug]/0 xfs[x=0 x=1 y=two]/0 ");
}

static void modules_of_another_kernel_are_known(void **state)
{
	(void)state;
	assert_false(modules_is_foreign("/lib/modules/6.1.0-1/kernel/a.ko\n/lib/b.ko", "6.1.0-1\n"));
	assert_true(modules_is_foreign("/lib/modules/6.1.0-12/kernel/a.ko", "6.1.0-1"));
	assert_true(modules_is_foreign("/lib/modules/6.1.0-1/kernel/a.ko", "6.18.4\n"));
	assert_false(modules_is_foreign("/elsewhere/a.ko", "6.18.4"));
}

static void the_helper_is_known_by_its_name(void **state)
{
	(void)state;
	assert_true(modules_is_helper("/sbin/modprobe"));
	assert_true(modules_is_helper("modprobe"));
	assert_false(modules_is_helper("/usr/bin/kata-agent"));
}

int test_modules(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_list_of_the_builder_is_used, setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(without_a_list_depmod_is_asked, setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(errors_name_module_and_reason, setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(what_is_there_is_not_loaded, setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(too_many_parameters_are_refused, setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(the_command_line_has_parameters, setup, tempdir_teardown),
		cmocka_unit_test(modules_of_another_kernel_are_known),
		cmocka_unit_test(the_helper_is_known_by_its_name),
	};

	return cmocka_run_group_tests_name("modules", tests, NULL, NULL);
}
