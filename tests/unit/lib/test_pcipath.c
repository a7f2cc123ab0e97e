/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/pcipath.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/mem.h"
#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

static void paths(void **state)
{
	/* expected: the root bus, then slot.function; NULL = refused */
	static const struct {
		const char *text, *expected;
	} rows[] = {
		{ "02", "0: 2.0" },
		{ "1f.7", "0: 1f.7" },
		{ "02/01", "0: 2.0 1.0" },
		{ "2/1.3/0A", "0: 2.0 1.3 a.0" },
		{ "20/01/02", "20: 1.0 2.0" },
		{ "ff/01/02.1", "ff: 1.0 2.1" },
		{ "01/02/03", "0: 1.0 2.0 3.0" },
		{ "0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0",
		  "0: 0.0 0.0 0.0 0.0 0.0 0.0 0.0 0.0 0.0 0.0 0.0 0.0 0.0 0.0 0.0 0.0" },
		{ "0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0", NULL },
		{ "20/01", NULL },
		{ "20.1/01/02", NULL },
		{ "01/20/02", NULL },
		{ "20", NULL },
		{ "02.8", NULL },
		{ "", NULL },
		{ "/", NULL },
		{ "02/", NULL },
		{ "/02", NULL },
		{ "02//01", NULL },
		{ "02.", NULL },
		{ "002", NULL },
		{ "02 ", NULL },
		{ "-2", NULL },
		{ "0x2", NULL },
		{ "gg", NULL },
		{ "..", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct pci_path path = { 0 };
		struct err err = ERR_INIT;
		int r = pci_path_parse(rows[i].text, &path, &err);
		char text[256];

		if (!rows[i].expected) {
			assert_int_equal(r, -EINVAL);
			(void)snprintf(text, sizeof(text), "Invalid PCI path '%s'", rows[i].text);
			assert_string_equal(err.text, text);
			continue;
		}
		assert_int_equal(r, 0);
		(void)snprintf(text, sizeof(text), "%x:", path.root_bus);
		for (unsigned k = 0; k < path.n; k++)
			(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), " %x.%x", path.at[k].slot,
			               path.at[k].function);
		assert_string_equal(text, rows[i].expected);
	}
}

static void make(const struct tempdir *dir, const char *path)
{
	char part[512];

	for (const char *p = strchr(path, '/'); p; p = strchr(p + 1, '/')) {
		(void)snprintf(part, sizeof(part), "%.*s", (int)(p - path), path);
		(void)mkdirat(dir->fd, part, 0755);
	}
	assert_true(mkdirat(dir->fd, path, 0755) == 0 || errno == EEXIST);
}

static int resolve(const struct tempdir *dir, const char *text, char *buf)
{
	struct pci_path path;

	assert_int_equal(pci_path_parse(text, &path, NULL), 0);
	return pci_path_resolve(dir->fd, &path, buf);
}

static void walked(void **state)
{
	const struct tempdir *dir = *state;
	char buf[PCI_PATH_SYSFS_MAX];

	assert_int_equal(resolve(dir, "02", buf), -ENOENT);
	make(dir, "devices/pci0000:00/0000:00:02.0");
	assert_int_equal(resolve(dir, "02", buf), 0);
	assert_string_equal(buf, "devices/pci0000:00/0000:00:02.0");
	assert_int_equal(resolve(dir, "02.1", buf), -ENOENT);
	/* A bridge that is there already, whose bus and then device come later. */
	assert_int_equal(resolve(dir, "02/01", buf), -ENOENT);
	make(dir, "devices/pci0000:00/0000:00:02.0/pci_bus");
	assert_int_equal(resolve(dir, "02/01", buf), -ENOENT);
	make(dir, "devices/pci0000:00/0000:00:02.0/pci_bus/0000:0c");
	assert_int_equal(resolve(dir, "02/01", buf), -ENOENT);
	make(dir, "devices/pci0000:00/0000:00:02.0/0000:0c:01.0");
	assert_int_equal(resolve(dir, "02/01", buf), 0);
	assert_string_equal(buf, "devices/pci0000:00/0000:00:02.0/0000:0c:01.0");
	make(dir, "devices/pci0000:20/0000:20:01.0/pci_bus/0000:21");
	make(dir, "devices/pci0000:20/0000:20:01.0/0000:21:00.0");
	assert_int_equal(resolve(dir, "20/01/00", buf), 0);
	assert_string_equal(buf, "devices/pci0000:20/0000:20:01.0/0000:21:00.0");
}

static void root_of_a_device_tree(void **state)
{
	const struct tempdir *dir = *state;
	char buf[PCI_PATH_SYSFS_MAX];

	make(dir, "devices/platform/4010000000.pcie/pci0000:00/0000:00:03.0");
	make(dir, "devices/platform/serial8250");
	assert_int_equal(resolve(dir, "03", buf), 0);
	assert_string_equal(buf, "devices/platform/4010000000.pcie/pci0000:00/0000:00:03.0");
}

static void addresses(void **state)
{
	static const char *const bad[] = { "",
		                           "00:02.0",
		                           "0000:00:02",
		                           "0000:00:02.8",
		                           "0000:00:20.0",
		                           "0000:00:02.0 ",
		                           " 0000:00:02.0",
		                           "0000:0:02.0",
		                           "0000:00:2.0",
		                           "00000:00:02.0",
		                           "0000:00:02.00",
		                           "0000;00:02.0" };
	char text[PCI_ADDRESS_TEXT_MAX];
	struct pci_address address;

	(void)state;
	assert_int_equal(pci_address_parse("00Ab:65:1f.7", &address), 0);
	assert_int_equal(address.domain, 0xab);
	assert_int_equal(address.bus, 0x65);
	assert_int_equal(address.slot, 0x1f);
	assert_int_equal(address.function, 7);
	assert_string_equal(pci_address_format(&address, text), "00ab:65:1f.7");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(pci_address_parse(bad[i], &address), -EINVAL);
	assert_int_equal(address.slot, 0x1f);
}

int test_pcipath(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths),
		cmocka_unit_test(addresses),
		cmocka_unit_test_setup_teardown(walked, tempdir_setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(root_of_a_device_tree, tempdir_setup, tempdir_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
