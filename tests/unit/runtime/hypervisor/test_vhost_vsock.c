/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hypervisor/vhost_vsock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/sys.h"
#include "tests/lib/unit.h"

/* The device, played: so many ids are taken. */
static struct {
	bool is_there;
	int taken, asked, answer;
	uint64_t last;
} device;

int __real_sys_openat(int dir, const char *path, int flags, mode_t mode);
int __wrap_sys_openat(int dir, const char *path, int flags, mode_t mode);
int __real_sys_ioctl(int fd, unsigned long request, void *arg);
int __wrap_sys_ioctl(int fd, unsigned long request, void *arg);

int __wrap_sys_openat(int dir, const char *path, int flags, mode_t mode)
{
	if (strcmp(path, "/dev/vhost-vsock") != 0)
		return __real_sys_openat(dir, path, flags, mode);
	return device.is_there ? __real_sys_openat(dir, "/dev/null", flags, mode) : -ENOENT;
}

int __wrap_sys_ioctl(int fd, unsigned long request, void *arg)
{
	if (request != VHOST_VSOCK_SET_GUEST_CID)
		return __real_sys_ioctl(fd, request, arg);
	device.last = *(uint64_t *)arg;
	return device.asked++ < device.taken ? -EADDRINUSE : device.answer;
}

static int claim(int taken, int answer, uint32_t *cid, struct err *err)
{
	device.is_there = true;
	device.taken = taken;
	device.answer = answer;
	device.asked = 0;
	return vhost_vsock_claim(cid, err);
}

static void a_free_id_is_looked_for(void **state)
{
	struct err err = ERR_INIT;
	uint32_t cid = 0;
	int fd = claim(5, 0, &cid, &err);

	(void)state;
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(device.asked, 6);
	assert_true(cid >= 3 && cid < 0x80000000u);
	assert_int_equal(cid, device.last);
	(void)fd_close(fd);
}

static void what_fails_is_named(void **state)
{
	struct err err = ERR_INIT;
	uint32_t cid;

	(void)state;
	assert_int_equal(claim(1000, 0, &cid, &err), -EADDRINUSE);
	assert_int_equal(device.asked, 256);
	assert_non_null(strstr(err.text, "claim a vsock context id of '/dev/vhost-vsock'"));
	assert_int_equal(claim(0, -EPERM, &cid, &err), -EPERM);
	assert_int_equal(device.asked, 1);
	device.is_there = false;
	assert_int_equal(vhost_vsock_claim(&cid, &err), -ENOENT);
	assert_non_null(strstr(err.text, "open '/dev/vhost-vsock'"));
}

static void what_is_configured_counts(void **state)
{
	(void)state;
	assert_true(vhost_vsock_is_wanted("vhost"));
	assert_false(vhost_vsock_is_wanted("vhost-user"));
	assert_int_equal(vhost_vsock_is_wanted("auto"), vhost_vsock_exists());
}

int test_vhost_vsock(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_free_id_is_looked_for),
		cmocka_unit_test(what_fails_is_named),
		cmocka_unit_test(what_is_configured_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
