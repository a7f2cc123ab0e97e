/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/devices.h"

#include <errno.h>
#include <string.h>

#include "lib/job.h"
#include "tests/lib/unit.h"

static char blk[] = "blk", vfio[] = "vfio-pci-gk", ccw[] = "blk-ccw", odd[] = "floppy", path[] = "/dev/x",
	    id[] = "1e/1f";
static char none[] = "/dev/kata-no-such-disk", option[] = "0000:65:00.0=1f/1f", bad_option[] = "0000:65:00=1f",
	    mmio[] = "mmioblk", ap[] = "vfio-ap";

static void what_a_device_needs(void **state)
{
	static const struct {
		struct device_config config;
		const char *text;
	} rows[] = {
		{ { .id = id, .container_path = path }, "device '/dev/x' has no type" },
		{ { .type = blk, .container_path = path }, "device '/dev/x' has neither id nor vm_path" },
		{ { .type = blk, .id = id }, "device '1e/1f' has no container_path" },
		{ { .type = odd, .id = id, .container_path = path },
		  "device '/dev/x': Failed to find the device handler 'floppy'" },
	};
	static const struct device_config good[] = {
		{ .type = blk, .id = id, .container_path = path },
		{ .type = vfio, .vm_path = id, .container_path = path },
		{ .type = ccw, .vm_path = id, .container_path = path },
	};
	static const struct device_config s390x = { .type = ap, .id = id, .container_path = path };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(devices_check(&s390x, 1, &err), -EOPNOTSUPP);
	assert_string_equal(err.text, "device '/dev/x': Failed to find the device handler 'vfio-ap'");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(devices_check(&rows[i].config, 1, &err), -EINVAL);
		assert_string_equal(err.text, rows[i].text);
	}
	assert_int_equal(devices_check(good, 3, &err), 0);
	assert_int_equal(devices_check(NULL, 0, &err), 0);
	assert_int_equal(devices_check(good, DEVICES_MAX + 1, &err), -E2BIG);
}

static void deadlines_grow_with_what_is_waited_for(void **state)
{
	struct oci_strings three = { .n = 3 };
	const struct device_config configs[] = { { .type = blk }, { .type = vfio, .options = three } };
	const struct storage_config disk = { .driver = blk }, other = { .driver = odd };
	const struct options options = { .hotplug_timeout_s = 7 }, long_ones = { .hotplug_timeout_s = 100000 };

	(void)state;
	assert_int_equal(devices_timeout_ms(&options), 7000);
	assert_int_equal(devices_timeout_ms(&long_ones), DEVICES_TIMEOUT_MAX_S * 1000);
	assert_int_equal(devices_timeout_ms(NULL), 0);
	assert_int_equal(devices_deadline_ms(configs, 2, 7000), JOB_DEADLINE_MS + 5 * 7000);
	assert_in_range(devices_deadline_ms(configs, 2, 600000), DEVICES_DEADLINE_MAX_MS,
	                DEVICES_DEADLINE_MAX_MS + 600000);
	assert_true(devices_must_wait(&disk));
	assert_false(devices_must_wait(&other));
}

static void a_storage_that_is_no_disk_stays(void **state)
{
	_autoarena_ struct arena arena = { 0 };
	struct storage_config config = { .driver = odd, .source = path };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(devices_prepare_storage(&arena, &config, 0, &err), 0);
	assert_ptr_equal(config.source, path);
	assert_null(config.fstype);
	config.driver = blk;
	config.source = none;
	assert_int_equal(devices_prepare_storage(&arena, &config, 0, &err), -ETIMEDOUT);
	assert_non_null(strstr(err.text, "no disk '/dev/kata-no-such-disk' within 0 ms"));
	assert_ptr_equal(config.source, none);
}

static void what_is_not_found_is_named(void **state)
{
	char *good[] = { option }, *bad[] = { bad_option };
	const struct {
		struct device_config config;
		int r;
		const char *text;
	} rows[] = {
		{ { .type = mmio, .vm_path = none, .id = id, .container_path = path },
		  -ETIMEDOUT,
		  "device '/dev/x' (mmioblk): no disk '/dev/kata-no-such-disk' within 0 ms" },
		{ { .type = ccw, .id = id, .container_path = path }, -EOPNOTSUPP, "device '/dev/x' (blk-ccw): " },
		{ { .type = vfio, .id = id, .container_path = path },
		  -EINVAL,
		  "device '/dev/x' (vfio-pci-gk): it names no PCI function (options)" },
		{ { .type = vfio, .id = id, .container_path = path, .options = { bad, 1 } },
		  -EINVAL,
		  "device '/dev/x' (vfio-pci-gk): option '0000:65:00=1f' is not DDDD:BB:SS.F=PATH" },
		{ { .type = vfio, .id = id, .container_path = path, .options = { good, 1 } },
		  -ETIMEDOUT,
		  "device '/dev/x' (vfio-pci-gk): no PCI device at path '1f/1f' within 0 ms" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_autobuf_ struct buf found = BUF_INIT;
		struct err err = ERR_INIT;

		assert_int_equal(devices_find(&rows[i].config, 1, 0, &found, &err), rows[i].r);
		assert_non_null(strstr(err.text, rows[i].text));
		assert_int_equal(found.len, 0);
	}
}

int test_devices(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_device_needs),
		cmocka_unit_test(deadlines_grow_with_what_is_waited_for),
		cmocka_unit_test(a_storage_that_is_no_disk_stays),
		cmocka_unit_test(what_is_not_found_is_named),
	};

	return cmocka_run_group_tests_name("devices", tests, NULL, NULL);
}
