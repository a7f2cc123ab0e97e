/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/device/vfio.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/unit.h"
#include "tests/unit/agent/device/sysfs.h"

#define ADDRESS "0000:01:03.0"
#define DEVICE  "bus/pci/devices/" ADDRESS

static void functions_are_found(void **state)
{
	const struct sysfs *s = *state;
	char text[PCI_ADDRESS_TEXT_MAX];
	struct pci_address address;
	struct err err = ERR_INIT;

	sysfs_mkdir(s, SYSFS_BRIDGE "/pci_bus/0000:01");
	sysfs_mkdir(s, "bus/pci/devices/0000:00:1e.0");
	assert_int_equal(device_wait_pci(&s->host, "1e/03", &address, &err), -ETIMEDOUT);
	assert_string_equal(err.text, "no PCI device at path '1e/03' within 100 ms (agent.hotplug_timeout); "
	                              "there are: 0000:00:1e.0");
	sysfs_mkdir(s, SYSFS_BRIDGE "/" ADDRESS);
	assert_int_equal(device_wait_pci(&s->host, "1e/03", &address, &err), 0);
	assert_string_equal(pci_address_format(&address, text), ADDRESS);
	assert_int_equal(device_wait_pci(&s->host, "1e//03", &address, &err), -EINVAL);
}

/* What the kernel would do with the writes is done before: here it counts what is written. */
static void a_function_is_given_away(void **state)
{
	const struct pci_address address = { 0, 1, 3, 0 };
	const struct sysfs *s = *state;
	struct err err = ERR_INIT;
	unsigned group = 0;

	sysfs_write(s, DEVICE "/driver_override", "");
	sysfs_write(s, "bus/pci/drivers/mlx5_core/unbind", "");
	sysfs_write(s, "bus/pci/drivers_probe", "");
	sysfs_link(s, DEVICE "/driver", "../../drivers/mlx5_core");
	assert_int_equal(device_bind_vfio(&s->host, &address, &group, &err), -ENODEV);
	assert_string_equal(err.text, "give '0000:01:03.0' to vfio-pci: the driver has not taken it, is it loaded?");
	assert_string_equal(sysfs_read(s, DEVICE "/driver_override"), "vfio-pci");
	assert_string_equal(sysfs_read(s, "bus/pci/drivers/mlx5_core/unbind"), ADDRESS);
	assert_string_equal(sysfs_read(s, "bus/pci/drivers_probe"), ADDRESS);

	assert_int_equal(unlinkat(s->host.sys, DEVICE "/driver", 0), 0);
	sysfs_link(s, DEVICE "/driver", "../../drivers/vfio-pci");
	assert_int_equal(device_bind_vfio(&s->host, &address, &group, &err), -ENODEV);
	assert_string_equal(err.text, "give '0000:01:03.0' to vfio-pci: it is in no IOMMU group");
	sysfs_link(s, DEVICE "/iommu_group", "../../../../kernel/iommu_groups/5");
	assert_int_equal(device_bind_vfio(&s->host, &address, &group, &err), 0);
	assert_int_equal(group, 5);
}

static void a_write_that_fails_is_named(void **state)
{
	const struct pci_address address = { 0, 1, 3, 0 };
	const struct sysfs *s = *state;
	struct err err = ERR_INIT;
	unsigned group;

	sysfs_mkdir(s, DEVICE);
	assert_int_equal(device_bind_vfio(&s->host, &address, &group, &err), -ENOENT);
	assert_non_null(strstr(err.text, "give '0000:01:03.0' to vfio-pci: write 'vfio-pci' to '"));
	assert_non_null(strstr(err.text, "/driver_override': No such file or directory"));
}

static void nodes_are_found(void **state)
{
	struct device_node node = { .path = "" }, nodes[4];
	const struct sysfs *s = *state;
	struct err err = ERR_INIT;

	assert_int_equal(device_list_nodes(&s->host, "infiniband", nodes, 4, &err), 0);
	assert_int_equal(mkdirat(s->host.dev, "vfio", 0755), 0);
	assert_int_equal(mkdirat(s->host.dev, "infiniband", 0755), 0);
	assert_int_equal(device_wait_vfio_group(&s->host, 5, &node, &err), -ETIMEDOUT);
	assert_string_equal(err.text, "no node '/dev/vfio/5' within 100 ms (agent.hotplug_timeout)");
	sysfs_make_node(s, "vfio/5", "c 243:0");
	assert_int_equal(device_wait_vfio_group(&s->host, 5, &node, &err), 0);
	assert_string_equal(node.path, "/dev/vfio/5");
	assert_int_equal(node.major_nr, 243);
	sysfs_make_node(s, "infiniband/uverbs0", "c 231:192");
	sysfs_make_node(s, "infiniband/disk", "b 8:0");
	assert_int_equal(device_list_nodes(&s->host, "infiniband", nodes, 4, &err), 1);
	assert_string_equal(nodes[0].path, "/dev/infiniband/uverbs0");
	assert_int_equal(nodes[0].minor_nr, 192);
	sysfs_make_node(s, "infiniband/rdma_cm", "c 10:58");
	assert_int_equal(device_list_nodes(&s->host, "infiniband", nodes, 1, &err), 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, sysfs_setup, sysfs_teardown)

int test_vfio(void)
{
	const struct CMUnitTest tests[] = {
		T(functions_are_found),
		T(a_function_is_given_away),
		T(a_write_that_fails_is_named),
		T(nodes_are_found),
	};

	return cmocka_run_group_tests_name("vfio", tests, NULL, NULL);
}
