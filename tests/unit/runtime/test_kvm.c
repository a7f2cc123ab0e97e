/* SPDX-License-Identifier: Apache-2.0 */
/* What the machine can is of no matter: its files are the test's, and so is the program that boots a kernel. */
#include "runtime/kvm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/sys.h"
#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

#define DIR_PATH "/run/kata-c"
#define KVM_PATH "/dev/kvm"

struct fixture {
	void *dir;
	struct config config;
	bool has_kvm, is_full;
	char qemu[96], verdict[96], calls[96];
};

static struct fixture *machine;

int __real_sys_openat(int dir, const char *path, int flags, mode_t mode);
int __wrap_sys_openat(int dir, const char *path, int flags, mode_t mode);
int __real_sys_mkdirat(int dir, const char *path, mode_t mode);
int __wrap_sys_mkdirat(int dir, const char *path, mode_t mode);
int __real_sys_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __wrap_sys_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __real_sys_faccessat(int dir, const char *path, int mode);
int __real_sys_unlinkat(int dir, const char *path, int flags);
int __wrap_sys_unlinkat(int dir, const char *path, int flags);
int __real_fd_write_all(int fd, const void *data, size_t n);
int __wrap_fd_write_all(int fd, const void *data, size_t n);
int __wrap_sys_faccessat(int dir, const char *path, int mode);

/* The test's own instead of the machine's. */
static const char *ours(const char *path, char *out, size_t n)
{
	if (!machine || strncmp(path, DIR_PATH, strlen(DIR_PATH)) != 0)
		return path;
	(void)snprintf(out, n, "%s/run%s", ((const struct tempdir *)machine->dir)->path, path + strlen(DIR_PATH));
	return out;
}

int __wrap_sys_openat(int dir, const char *path, int flags, mode_t mode)
{
	char out[256];

	return __real_sys_openat(dir, ours(path, out, sizeof(out)), flags, mode);
}

int __wrap_sys_mkdirat(int dir, const char *path, mode_t mode)
{
	char out[256];

	return __real_sys_mkdirat(dir, ours(path, out, sizeof(out)), mode);
}

int __wrap_sys_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	char out[2][256];

	return __real_sys_renameat(from_dir, ours(from, out[0], sizeof(out[0])), to_dir,
	                           ours(to, out[1], sizeof(out[1])));
}

int __wrap_sys_unlinkat(int dir, const char *path, int flags)
{
	char out[256];

	return __real_sys_unlinkat(dir, ours(path, out, sizeof(out)), flags);
}

int __wrap_fd_write_all(int fd, const void *data, size_t n)
{
	return machine && machine->is_full ? -ENOSPC : __real_fd_write_all(fd, data, n);
}

int __wrap_sys_faccessat(int dir, const char *path, int mode)
{
	if (machine && strcmp(path, KVM_PATH) == 0)
		return machine->has_kvm ? 0 : -ENOENT;
	return __real_sys_faccessat(dir, path, mode);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const char *path;

	if (!f || tempdir_setup(&f->dir) < 0)
		return -1;
	path = ((const struct tempdir *)f->dir)->path;
	(void)snprintf(f->qemu, sizeof(f->qemu), "%s/qemu", path);
	(void)snprintf(f->verdict, sizeof(f->verdict), "%s/run/kvm-usable", path);
	(void)snprintf(f->calls, sizeof(f->calls), "%s/calls", path);
	assert_int_equal(config_init(&f->config, NULL), 0);
	assert_int_equal(config_set(&f->config, "hypervisor", "path", f->qemu, NULL), 0);
	assert_int_equal(config_set(&f->config, "hypervisor", "kernel", "/k", NULL), 0);
	assert_int_equal(config_set(&f->config, "hypervisor", "accel", "auto", NULL), 0);
	f->has_kvm = true;
	machine = f;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	machine = NULL;
	config_done(&f->config);
	(void)tempdir_teardown(&f->dir);
	free(f);
	return 0;
}

/* A program that is of this version, and does that when it shall boot. */
static void put_qemu(struct fixture *f, const char *version, const char *boot)
{
	char text[512];

	(void)snprintf(
		text, sizeof(text),
		"#!/bin/sh\n[ \"$1\" != --version ] || { echo '%s'; echo more; exit 0; }\necho \"$*\" >>'%s'\n%s\n",
		version, f->calls, boot);
	/* A new file: the old one may still be open for writing in somebody else's fork. */
	(void)unlink(f->qemu);
	tempdir_write(f->dir, "qemu", text);
	assert_int_equal(chmod(f->qemu, 0755), 0);
}

static size_t count_boots(struct fixture *f)
{
	_autofree_ char *text = NULL;
	size_t n, lines = 0;

	if (fd_read_file_at(AT_FDCWD, f->calls, 65536, &text, &n) < 0)
		return 0;
	for (size_t i = 0; i < n; i++)
		lines += text[i] == '\n';
	return lines;
}

static void what_is_configured_is_not_probed(void **state)
{
	struct fixture *f = *state;

	put_qemu(f, "v1", "exit 0");
	assert_int_equal(config_set(&f->config, "hypervisor", "accel", "kvm", NULL), 0);
	assert_true(kvm_is_wanted(&f->config.hypervisor));
	assert_int_equal(config_set(&f->config, "hypervisor", "accel", "tcg", NULL), 0);
	assert_false(kvm_is_wanted(&f->config.hypervisor));
	assert_int_equal(count_boots(f), 0);
	assert_int_equal(access(f->verdict, F_OK), -1);
}

/* A kernel that gets as far as looking for its root works. */
static void a_verdict_is_kept(void **state)
{
	static const struct {
		const char *boot, *says;
		bool verdict;
	} table[] = {
		{ "echo 'Kernel panic - not syncing'", "yes a kernel booted\n", true },
		{ "echo nothing", "no a kernel did not boot\n", false },
		{ "echo 'Kernel panic - not syncing'; exit 1", "no a kernel did not boot\n", false },
		{ "kill -KILL $$", "no a kernel did not boot\n", false },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		_autofree_ char *text = NULL;
		struct utsname name;
		size_t n;

		(void)unlink(f->verdict);
		(void)unlink(f->calls);
		put_qemu(f, "v1", table[i].boot);
		for (int j = 0; j < 3; j++)
			assert_int_equal(kvm_is_wanted(&f->config.hypervisor), table[i].verdict);
		assert_int_equal(count_boots(f), 1);
		/* "BOOT-ID KERNEL VERSION", then the verdict. */
		assert_int_equal(fd_read_file_at(AT_FDCWD, f->verdict, 4096, &text, &n), 0);
		assert_int_equal(uname(&name), 0);
		assert_memory_equal(strchr(text, ' ') + 1, name.release, strlen(name.release));
		assert_memory_equal(strchr(text, '\n') - 3, " v1", 3);
		assert_string_equal(strchr(text, '\n') + 1, table[i].says);
	}
}

/* Another QEMU, or a file that somebody else has begun, is no verdict. */
static void what_is_kept_for_another_is_no_verdict(void **state)
{
	static const char *const broken[] = { "", "x", "\n\n", "v2\nyes a kernel booted\n" };
	struct fixture *f = *state;

	put_qemu(f, "v1", "echo 'Kernel panic'");
	assert_true(kvm_is_wanted(&f->config.hypervisor));
	put_qemu(f, "v12", "echo nothing");
	assert_false(kvm_is_wanted(&f->config.hypervisor));
	put_qemu(f, "v1", "echo 'Kernel panic'");
	assert_true(kvm_is_wanted(&f->config.hypervisor));
	assert_int_equal(count_boots(f), 3);
	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		tempdir_write(f->dir, "run/kvm-usable", broken[i]);
		assert_true(kvm_is_wanted(&f->config.hypervisor));
		assert_int_equal(count_boots(f), 4 + i);
	}
}

static void without_the_device_nothing_is_booted(void **state)
{
	struct fixture *f = *state;

	f->has_kvm = false;
	put_qemu(f, "v1", "echo 'Kernel panic'");
	assert_false(kvm_is_wanted(&f->config.hypervisor));
	assert_int_equal(count_boots(f), 0);
	/* Who asks for a try gets one, whatever was found. */
	f->has_kvm = true;
	assert_false(kvm_is_wanted(&f->config.hypervisor));
	assert_true(kvm_try(&f->config.hypervisor));
	assert_true(kvm_is_wanted(&f->config.hypervisor));
	assert_int_equal(count_boots(f), 1);
}

/* The answer is as good as with it, only asked for anew. */
static void a_verdict_that_cannot_be_kept_is_still_one(void **state)
{
	struct fixture *f = *state;
	char dir[96];

	put_qemu(f, "v1", "echo 'Kernel panic'");
	f->is_full = true;
	assert_true(kvm_is_wanted(&f->config.hypervisor));
	assert_true(kvm_is_wanted(&f->config.hypervisor));
	assert_int_equal(count_boots(f), 2);
	/* Nothing of it is left: the directory is empty. */
	(void)snprintf(dir, sizeof(dir), "%s/run", ((const struct tempdir *)f->dir)->path);
	assert_int_equal(rmdir(dir), 0);
}

static void a_qemu_that_is_not_there_is_no_kvm(void **state)
{
	struct fixture *f = *state;

	assert_false(kvm_is_wanted(&f->config.hypervisor));
	assert_int_equal(access(f->verdict, F_OK), -1);
}

int test_kvm(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_configured_is_not_probed, setup, teardown),
		cmocka_unit_test_setup_teardown(a_verdict_is_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_kept_for_another_is_no_verdict, setup, teardown),
		cmocka_unit_test_setup_teardown(without_the_device_nothing_is_booted, setup, teardown),
		cmocka_unit_test_setup_teardown(a_verdict_that_cannot_be_kept_is_still_one, setup, teardown),
		cmocka_unit_test_setup_teardown(a_qemu_that_is_not_there_is_no_kvm, setup, teardown),
	};

	return cmocka_run_group_tests_name("kvm", tests, NULL, NULL);
}
