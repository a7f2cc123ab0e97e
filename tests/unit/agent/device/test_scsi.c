/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/device/scsi.h"

#include <errno.h>
#include <string.h>

#include "tests/lib/unit.h"
#include "tests/unit/agent/device/sysfs.h"

static void addresses_are_parsed(void **state)
{
	static const struct {
		const char *text;
		int r;
		unsigned id, lun;
	} rows[] = {
		{ "0:0", 0, 0, 0 },           { "1:255", 0, 1, 255 },
		{ "12:16384", 0, 12, 16384 }, { "", -EINVAL, 0, 0 },
		{ ":", -EINVAL, 0, 0 },       { "1:", -EINVAL, 0, 0 },
		{ ":1", -EINVAL, 0, 0 },      { "1:2:3", -EINVAL, 0, 0 },
		{ "-1:2", -EINVAL, 0, 0 },    { " 1:2", -EINVAL, 0, 0 },
		{ "1: 2", -EINVAL, 0, 0 },    { "0x1:2", -EINVAL, 0, 0 },
		{ "1:2\n", -EINVAL, 0, 0 },   { "1:99999999999", -EINVAL, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct device_scsi address = { 0, 0 };
		struct err err = ERR_INIT;

		assert_int_equal(device_scsi_parse(rows[i].text, &address, &err), rows[i].r);
		assert_int_equal(address.id, rows[i].id);
		assert_int_equal(address.lun, rows[i].lun);
		assert_true(rows[i].r == 0 || strstr(err.text, "invalid SCSI address"));
	}
}

/* A CD drive's host refuses what a disk's host takes. */
static void one_host_that_takes_it_is_enough(void **state)
{
	const struct device_scsi address = { 3, 300 };
	const struct sysfs *s = *state;
	struct err err = ERR_INIT;

	assert_int_equal(device_scsi_scan(&s->host, &address, &err), 0);
	sysfs_mkdir(s, "class/scsi_host/host0/scan");
	assert_int_equal(device_scsi_scan(&s->host, &address, &err), -EISDIR);
	assert_string_equal(err.text, "have SCSI host 'host0' search at '3:300': Is a directory");
	sysfs_write(s, "class/scsi_host/host1/scan", "");
	assert_int_equal(device_scsi_scan(&s->host, &address, &err), 0);
	assert_string_equal(sysfs_read(s, "class/scsi_host/host1/scan"), "0 3 300");
}

static void the_device_is_found(void **state)
{
	const struct device_scsi address = { 3, 300 };
	const struct sysfs *s = *state;
	char name[NAME_MAX + 1] = "";

	assert_int_equal(device_scsi_find(&s->host, &address, name), -ENOENT);
	sysfs_mkdir(s, "bus/scsi/devices/host4");
	sysfs_mkdir(s, "bus/scsi/devices/target4:0:3");
	sysfs_mkdir(s, "bus/scsi/devices/4:1:3:300");
	sysfs_mkdir(s, "bus/scsi/devices/4:0:3:3");
	assert_int_equal(device_scsi_find(&s->host, &address, name), -ENOENT);
	sysfs_mkdir(s, "bus/scsi/devices/14:0:3:300");
	sysfs_mkdir(s, "bus/scsi/devices/4:0:3:300");
	assert_int_equal(device_scsi_find(&s->host, &address, name), 0);
	assert_string_equal(name, "4:0:3:300");
}

int test_scsi(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_parsed),
		cmocka_unit_test_setup_teardown(one_host_that_takes_it_is_enough, sysfs_setup, sysfs_teardown),
		cmocka_unit_test_setup_teardown(the_device_is_found, sysfs_setup, sysfs_teardown),
	};

	return cmocka_run_group_tests_name("scsi", tests, NULL, NULL);
}
