/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How hosts name devices: a line for each parser. PCI path, SCSI address, PCI address, and then environment variables
 * whose addresses are translated. (The kernel's events have no parser: that one came is all that is taken from them.)
 */
#include <string.h>

#include "agent/device/scsi.h"
#include "agent/devices_spec.h"
#include "lib/pcipath.h"
#include "tests/fuzz/fuzz.h"

#define LINES_MAX 8

static void check_path(const char *text)
{
	struct pci_path path;
	struct err err = ERR_INIT;

	if (pci_path_parse(text, &path, &err) < 0) {
		FUZZ_CHECK(err.num > 0 && err.text[0]);
		return;
	}
	FUZZ_CHECK(path.n >= 1 && path.n <= PCI_PATH_DEPTH_MAX && path.root_bus <= 0xff);
	for (unsigned i = 0; i < path.n; i++)
		FUZZ_CHECK(path.at[i].slot <= 0x1f && path.at[i].function <= 7);
}

static void check_scsi(const char *text)
{
	struct device_scsi address = { 0, 0 };

	if (device_scsi_parse(text, &address, NULL) == 0)
		FUZZ_CHECK(strlen(text) >= 3 && address.id <= INT_MAX && address.lun <= INT_MAX);
}

/* What is an address is one in our own words too, and the same. */
static void check_address(const char *text)
{
	char own[PCI_ADDRESS_TEXT_MAX];
	struct pci_address address, again;

	if (pci_address_parse(text, &address) < 0)
		return;
	FUZZ_CHECK(strlen(text) == PCI_ADDRESS_TEXT_MAX - 1);
	FUZZ_CHECK(pci_address_parse(pci_address_format(&address, own), &again) == 0);
	FUZZ_CHECK(memcmp(&address, &again, sizeof(address)) == 0);
}

/* Addresses are as long as addresses, so a translation that works keeps the length; the name always stays. */
static void check_env(char **lines, size_t n)
{
	struct device_pci_pair pairs[] = { { { 0, 1, 2, 3 }, { 0, 4, 5, 6 } },
		                           { { 0, 4, 5, 6 }, { 0xffff, 0xff, 31, 7 } } };
	const struct device_pci_map map = { pairs, 2 };

	for (size_t i = 0; i < n; i++) {
		_autoarena_ struct arena arena = { 0 };
		char *line = arena_strdup(&arena, lines[i]), *v[] = { line };
		struct oci_strings env = { .v = v, .n = 1 };
		size_t name = strcspn(lines[i], "=");

		if (!line || devices_update_env(&arena, &env, &map, NULL) < 0)
			continue;
		FUZZ_CHECK(strlen(v[0]) == strlen(lines[i]) && strncmp(v[0], lines[i], name) == 0);
		if (strncmp(lines[i], "PCIDEVICE_", 10) != 0)
			FUZZ_CHECK(strcmp(v[0], lines[i]) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *lines[LINES_MAX], *text = malloc(size + 1), *p = text;
	size_t n = 0;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	while (n < LINES_MAX && p)
		lines[n++] = strsep(&p, "\n");
	check_path(lines[0]);
	if (n > 1)
		check_scsi(lines[1]);
	if (n > 2)
		check_address(lines[2]);
	if (n > 3)
		check_env(lines + 3, n - 3);
	free(text);
	return 0;
}
