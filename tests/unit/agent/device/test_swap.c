/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/device/swap.h"

#include <errno.h>
#include <string.h>

#include "lib/sys.h"
#include "tests/lib/unit.h"
#include "tests/unit/agent/device/sysfs.h"

static char asked[64];
static int answer;

int __wrap_sys_swapon(const char *path, int flags);

int __wrap_sys_swapon(const char *path, int flags)
{
	assert_int_equal(flags, 0);
	strcpy(asked, path);
	return answer;
}

static void the_kernel_is_asked(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	answer = 0;
	assert_int_equal(device_add_swap("/dev/vdb", &err), 0);
	assert_string_equal(asked, "/dev/vdb");
	answer = -EPERM;
	assert_int_equal(device_add_swap("/dev/vdc", &err), -EPERM);
	assert_string_equal(err.text, "swap to '/dev/vdc': Operation not permitted");
}

static void bad_paths_are_not_tried(void **state)
{
	static const char *const paths[] = { "", "vdb", "/dev/../vdb" };

	(void)state;
	asked[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct err err = ERR_INIT;

		assert_int_equal(device_add_swap(paths[i], &err), -EINVAL);
		assert_non_null(strstr(err.text, paths[i]));
	}
	assert_string_equal(asked, "");
}

static void the_disk_is_waited_for(void **state)
{
	const struct sysfs *s = *state;
	struct err err = ERR_INIT;

	answer = 0;
	asked[0] = '\0';
	assert_int_equal(device_add_swap_pci(&s->host, "05", &err), -ETIMEDOUT);
	assert_non_null(strstr(err.text, "swap to PCI path '05': no virtio disk at PCI path '05' within 100 ms"));
	assert_int_equal(device_add_swap_pci(&s->host, "", &err), -EINVAL);
	assert_string_equal(asked, "");
	sysfs_plug_disk(s, "devices/pci0000:00/0000:00:05.0/virtio3", "vdb");
	sysfs_make_node(s, "vdb", "b 254:16");
	assert_int_equal(device_add_swap_pci(&s->host, "05", &err), 0);
	assert_string_equal(asked, "/dev/vdb");
}

int test_swap(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kernel_is_asked),
		cmocka_unit_test(bad_paths_are_not_tried),
		cmocka_unit_test_setup_teardown(the_disk_is_waited_for, sysfs_setup, sysfs_teardown),
	};

	return cmocka_run_group_tests_name("swap", tests, NULL, NULL);
}
