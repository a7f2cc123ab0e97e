/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/device/disk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/unit.h"
#include "tests/unit/agent/device/sysfs.h"

#define BEHIND_BRIDGE SYSFS_BRIDGE "/0000:01:05.0"
#define BEHIND_TWO    SYSFS_BRIDGE "/0000:01:02.0/0000:02:0a.1"
#define SCSI_HOST     "devices/pci0000:00/0000:00:03.0/virtio1/host%u"

static int wait_disk(const struct sysfs *s, const char *kind, const char *name, struct device_disk *ret,
                     struct err *err)
{
	*err = (struct err)ERR_INIT;
	memset(ret, 0, sizeof(*ret));
	return device_wait_disk(&s->host, kind, name, ret, err);
}

static void make_bridges(const struct sysfs *s)
{
	sysfs_mkdir(s, SYSFS_BRIDGE "/pci_bus/0000:01");
	sysfs_mkdir(s, SYSFS_BRIDGE "/0000:01:02.0/pci_bus/0000:02");
}

static void plug_virtio(const struct sysfs *s, const char *device, const char *name, const char *node)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/virtio7", device);
	sysfs_plug_disk(s, path, name);
	sysfs_make_node(s, name, node);
}

static void plug_scsi(const struct sysfs *s, unsigned host, const char *address, const char *name)
{
	char path[256], target[300], entry[64];

	(void)snprintf(path, sizeof(path), SCSI_HOST "/target%u:0:0/%u:%s", host, host, host, address);
	sysfs_plug_disk(s, path, name);
	(void)snprintf(target, sizeof(target), "../../../%s", path);
	(void)snprintf(entry, sizeof(entry), "bus/scsi/devices/%u:%s", host, address);
	sysfs_link(s, entry, target);
	(void)snprintf(entry, sizeof(entry), "b 8:%u", host * 16);
	sysfs_make_node(s, name, entry);
}

static void by_pci_path(void **state)
{
	const struct sysfs *s = *state;
	struct device_disk disk;
	struct err err;

	make_bridges(s);
	plug_virtio(s, BEHIND_BRIDGE, "vda", "b 254:0");
	plug_virtio(s, BEHIND_TWO, "vdb", "b 254:16");
	assert_int_equal(wait_disk(s, "blk", "1e/05", &disk, &err), 0);
	assert_string_equal(disk.path, "/dev/vda");
	assert_int_equal(disk.major_nr, 254);
	assert_int_equal(disk.minor_nr, 0);
	assert_int_equal(wait_disk(s, "blk", "1e/02/0a.1", &disk, &err), 0);
	assert_string_equal(disk.path, "/dev/vdb");
	assert_int_equal(disk.minor_nr, 16);
}

static void by_path(void **state)
{
	const struct sysfs *s = *state;
	struct device_disk disk;
	struct err err;

	sysfs_make_node(s, "vdc", "b 254:32");
	sysfs_make_node(s, "pmem0", "b 259:0");
	sysfs_make_node(s, "console", "c 5:1");
	assert_int_equal(wait_disk(s, "blk", "/dev/vdc", &disk, &err), 0);
	assert_string_equal(disk.path, "/dev/vdc");
	assert_int_equal(wait_disk(s, "mmioblk", "/dev/vdc", &disk, &err), 0);
	assert_int_equal(disk.minor_nr, 32);
	assert_int_equal(wait_disk(s, "nvdimm", "/dev/pmem0", &disk, &err), 0);
	assert_int_equal(disk.major_nr, 259);
	assert_int_equal(wait_disk(s, "blk", "/dev/console", &disk, &err), -ENOTBLK);
	assert_string_equal(err.text, "open '/dev/console': Block device required");
}

/* With scan=none a disk is there once somebody has asked for it; the host's number is the guest's own business. */
static void by_scsi_address(void **state)
{
	const struct sysfs *s = *state;
	struct device_disk disk;
	struct err err;

	sysfs_write(s, "class/scsi_host/host2/scan", "");
	plug_scsi(s, 7, "0:1:0", "sdx");
	plug_scsi(s, 2, "0:1:0", "sda");
	plug_scsi(s, 2, "1:1:1", "sdb");
	assert_int_equal(wait_disk(s, "scsi", "1:0", &disk, &err), 0);
	assert_string_equal(disk.path, "/dev/sda");
	assert_int_equal(disk.minor_nr, 32);
	assert_string_equal(sysfs_read(s, "class/scsi_host/host2/scan"), "0 1 0");
	assert_int_equal(wait_disk(s, "scsi", "1:1", &disk, &err), -ETIMEDOUT);
	assert_string_equal(sysfs_read(s, "class/scsi_host/host2/scan"), "0 1 1");
}

/* The node comes after the directory, and an event after both. */
static void what_comes_late_is_waited_for(void **state)
{
	struct sysfs *s = *state;
	struct device_disk disk;
	struct err err;
	int status;
	pid_t pid;

	make_bridges(s);
	s->host.timeout_ms = 20000;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)usleep(50000);
		sysfs_plug_disk(s, BEHIND_BRIDGE "/virtio2", "vdd");
		sysfs_tell(s);
		(void)usleep(50000);
		sysfs_make_node(s, "vdd", "b 254:48");
		sysfs_tell(s);
		_exit(0);
	}
	assert_int_equal(wait_disk(s, "blk", "1e/05", &disk, &err), 0);
	assert_string_equal(disk.path, "/dev/vdd");
	assert_int_equal(disk.minor_nr, 48);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void what_never_comes_is_named_with_what_there_is(void **state)
{
	const struct sysfs *s = *state;
	struct device_disk disk;
	struct err err;

	make_bridges(s);
	assert_int_equal(wait_disk(s, "blk", "1e/06", &disk, &err), -ETIMEDOUT);
	assert_string_equal(err.text, "no virtio disk at PCI path '1e/06' within 100 ms (agent.hotplug_timeout); "
	                              "there are: none");
	plug_virtio(s, BEHIND_BRIDGE, "vda", "b 254:0");
	sysfs_plug_disk(s, "devices/virtual", "loop0");
	assert_int_equal(wait_disk(s, "blk", "1e/06", &disk, &err), -ETIMEDOUT);
	assert_string_equal(err.text, "no virtio disk at PCI path '1e/06' within 100 ms (agent.hotplug_timeout); "
	                              "there are: vda (pci0000:00/0000:00:1e.0/0000:01:05.0/virtio7)");
	assert_int_equal(wait_disk(s, "mmioblk", "/dev/vdz", &disk, &err), -ETIMEDOUT);
	assert_non_null(strstr(err.text, "no disk '/dev/vdz' within 100 ms"));
	assert_int_equal(wait_disk(s, "nvdimm", "/dev/pmem7", &disk, &err), -ETIMEDOUT);
	assert_non_null(strstr(err.text, "no persistent memory device '/dev/pmem7' within"));
	assert_int_equal(wait_disk(s, "scsi", "3:4", &disk, &err), -ETIMEDOUT);
	assert_non_null(strstr(err.text, "no SCSI disk at '3:4' within"));
}

/* The list is cut, the error is not broken. */
static void many_disks_are_listed_as_far_as_they_fit(void **state)
{
	const struct sysfs *s = *state;
	struct device_disk disk;
	char name[80], node[16];
	struct err err;

	for (unsigned i = 0; i < 60; i++) {
		(void)snprintf(name, sizeof(name), "devices/pci0000:00/0000:00:%02x.0/virtio%u", i % 32, i);
		(void)snprintf(node, sizeof(node), "vd%u", i);
		sysfs_plug_disk(s, name, node);
	}
	assert_int_equal(wait_disk(s, "blk", "1f/1f", &disk, &err), -ETIMEDOUT);
	assert_true(strlen(err.text) > 300 && strlen(err.text) < 500);
	assert_int_equal(err.text[strlen(err.text) - 1], ')');
	assert_null(strstr(err.text, ", ,"));
}

static void bad_names_are_refused(void **state)
{
	static const struct {
		const char *kind, *name;
		int r;
		const char *text;
	} rows[] = {
		{ "blk", "", -EINVAL, "Invalid PCI path ''" },
		{ "blk", "02/zz", -EINVAL, "Invalid PCI path '02/zz'" },
		{ "blk", "/dev/../etc/passwd", -EINVAL, "invalid path '/dev/../etc/passwd' of a disk" },
		{ "scsi", "1", -EINVAL, "invalid SCSI address '1': it must be 'id:lun'" },
		{ "scsi", "0:0:1", -EINVAL, "invalid SCSI address" },
		{ "nvdimm", "pmem0", -EINVAL, "invalid path 'pmem0' of a persistent memory device" },
		{ "mmioblk", "", -EINVAL, "invalid path ''" },
		{ "blk-ccw", "0.0.0005", -EOPNOTSUPP, "channel devices (blk-ccw) are of s390x" },
		{ "floppy", "a", -EINVAL, "there is no kind of disk 'floppy'" },
	};
	const struct sysfs *s = *state;
	struct device_disk disk;
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(wait_disk(s, rows[i].kind, rows[i].name, &disk, &err), rows[i].r);
		assert_non_null(strstr(err.text, rows[i].text));
	}
	assert_false(device_is_disk_kind("overlayfs"));
	assert_false(device_is_disk_kind(NULL));
	assert_true(device_is_disk_kind("scsi"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, sysfs_setup, sysfs_teardown)

int test_disk(void)
{
	const struct CMUnitTest tests[] = {
		T(by_pci_path),
		T(by_path),
		T(by_scsi_address),
		T(what_comes_late_is_waited_for),
		T(what_never_comes_is_named_with_what_there_is),
		T(many_disks_are_listed_as_far_as_they_fit),
		T(bad_names_are_refused),
	};

	return cmocka_run_group_tests_name("disk", tests, NULL, NULL);
}
