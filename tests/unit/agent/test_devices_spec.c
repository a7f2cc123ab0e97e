/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/devices_spec.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/unit.h"

#define BLOCK(maj, min)                                                                                                \
	{                                                                                                              \
		"/dev/unused", maj, min                                                                                \
	}

static char path_a[] = "/dev/xvda", path_b[] = "/dev/xvdb", path_c[] = "/dev/vfio/77";
static const struct device_config configs[] = { { .container_path = path_a },
	                                        { .container_path = path_b },
	                                        { .container_path = path_c } };

struct world {
	struct arena arena;
	struct oci_spec *spec;
	struct err err;
};

/* Three devices with the host's numbers, and rules for them. */
static const char json[] = "{\"ociVersion\": \"1.0\", \"linux\": {\"devices\": ["
			   "{\"path\": \"/dev/xvda\", \"type\": \"b\", \"major\": 8, \"minor\": 16, \"fileMode\": 432},"
			   "{\"path\": \"/dev/xvdb\", \"type\": \"b\", \"major\": 8, \"minor\": 32},"
			   "{\"path\": \"/dev/vfio/77\", \"type\": \"c\", \"major\": 240, \"minor\": 0}],"
			   "\"resources\": {\"devices\": [{\"allow\": false, \"access\": \"rwm\"},"
			   "{\"allow\": true, \"type\": \"b\", \"major\": 8, \"minor\": 16, \"access\": \"r\"},"
			   "{\"allow\": true, \"type\": \"c\", \"major\": 8, \"minor\": 16, \"access\": \"w\"},"
			   "{\"allow\": false, \"type\": \"b\", \"major\": 8, \"minor\": 32, \"access\": \"w\"}]}}}";

static int setup(void **state)
{
	struct world *w = test_calloc(1, sizeof(*w));

	assert_int_equal(oci_spec_parse(&w->arena, json, strlen(json), &w->spec, &w->err), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	arena_done(&w->arena);
	test_free(w);
	return 0;
}

static int update(struct world *w, const struct device_found *found, size_t n)
{
	w->err = (struct err)ERR_INIT;
	return devices_update_spec(&w->arena, w->spec, configs, found, n, &w->err);
}

static void assert_device(const struct world *w, size_t i, const char *expected)
{
	const struct oci_device *d = &w->spec->linux->devices[i];
	char text[128];

	(void)snprintf(text, sizeof(text), "%s %c %lld:%lld", d->path, d->type, (long long)d->major,
	               (long long)d->minor);
	assert_string_equal(text, expected);
}

static void assert_rule(const struct world *w, size_t i, const char *expected)
{
	const struct oci_device_rule *r = &w->spec->linux->resources->devices[i];
	char text[128];

	(void)snprintf(text, sizeof(text), "%s %c %lld:%lld %s", r->allow ? "allow" : "deny", r->type,
	               (long long)r->major, (long long)r->minor, r->access);
	assert_string_equal(text, expected);
}

/* The second takes the host's number of the first: rules must be told apart by what they were. */
static void numbers_of_the_guest_take_their_place(void **state)
{
	static const struct device_found found[] = {
		{ .kind = DEVICE_FOUND_NODE, .index = 0, .type = 'b', .node = BLOCK(254, 0) },
		{ .kind = DEVICE_FOUND_NODE, .index = 1, .type = 'b', .node = BLOCK(8, 16) },
	};
	struct world *w = *state;

	assert_int_equal(update(w, found, 2), 0);
	assert_int_equal(w->spec->linux->n_devices, 3);
	assert_device(w, 0, "/dev/xvda b 254:0");
	assert_device(w, 1, "/dev/xvdb b 8:16");
	assert_device(w, 2, "/dev/vfio/77 c 240:0");
	assert_int_equal(w->spec->linux->devices[0].mode, 432);
	assert_int_equal(w->spec->linux->resources->n_devices, 6);
	assert_rule(w, 0, "deny a -1:-1 rwm");
	assert_rule(w, 1, "allow b 254:0 r");
	assert_rule(w, 2, "allow c 8:16 w");
	assert_rule(w, 3, "deny b 8:16 w");
	assert_rule(w, 4, "allow b 254:0 rwm");
	assert_rule(w, 5, "allow b 8:16 rwm");
}

static void a_vfio_group_has_another_name_and_company(void **state)
{
	static const struct device_found found[] = {
		{ .kind = DEVICE_FOUND_PCI },
		{ .kind = DEVICE_FOUND_NODE,
		  .index = 2,
		  .type = 'c',
		  .renames = true,
		  .node = { "/dev/vfio/5", 243, 1 } },
		{ .kind = DEVICE_FOUND_EXTRA, .type = 'c', .node = { "/dev/infiniband/uverbs0", 231, 192 } },
		{ .kind = DEVICE_FOUND_EXTRA, .type = 'c', .node = { "/dev/xvda", 1, 1 } },
	};
	struct world *w = *state;

	assert_int_equal(update(w, found, 3), 0);
	assert_int_equal(w->spec->linux->n_devices, 4);
	assert_device(w, 2, "/dev/vfio/5 c 243:1");
	assert_device(w, 3, "/dev/infiniband/uverbs0 c 231:192");
	assert_int_equal(w->spec->linux->resources->n_devices, 6);
	assert_rule(w, 4, "allow c 243:1 rwm");
	assert_rule(w, 5, "allow c 231:192 rwm");
}

/* Without rules (the shim strips them) the devices alone count. */
static void no_rules_are_no_reason_to_fail(void **state)
{
	static const struct device_found found[] = {
		{ .kind = DEVICE_FOUND_NODE, .index = 0, .type = 'b', .node = BLOCK(254, 0) },
	};
	struct world *w = *state;

	w->spec->linux->resources = NULL;
	assert_int_equal(update(w, found, 1), 0);
	assert_device(w, 0, "/dev/xvda b 254:0");
	assert_int_equal(w->spec->linux->resources->n_devices, 1);
	assert_rule(w, 0, "allow b 254:0 rwm");
}

static void what_does_not_fit_is_named(void **state)
{
	static const struct device_found found[] = {
		{ .kind = DEVICE_FOUND_NODE, .index = 0, .type = 'b', .node = BLOCK(254, 0) },
		{ .kind = DEVICE_FOUND_NODE, .index = 1, .type = 'b', .node = BLOCK(254, 16) },
		{ .kind = DEVICE_FOUND_NODE, .index = 0, .type = 'b', .node = BLOCK(254, 32) },
	};
	struct world *w = *state;

	assert_int_equal(update(w, found, 3), -EEXIST);
	assert_string_equal(w->err.text, "Conflicting device updates for '/dev/xvda'");
	w->spec->linux->devices[1].minor = 16;
	assert_int_equal(update(w, found, 2), -EEXIST);
	assert_string_equal(w->err.text, "Conflicting device updates for the host's 'b 8:16', which is several "
	                                 "devices of the guest");
	w->spec->linux->devices[0].path = w->spec->linux->devices[1].path = path_c;
	assert_int_equal(update(w, found, 2), -ENODEV);
	assert_string_equal(w->err.text, "Missing devices in OCI spec: '/dev/xvda', '/dev/xvdb'");
	/* Nothing was changed. */
	assert_int_equal(w->spec->linux->resources->n_devices, 4);
	assert_rule(w, 1, "allow b 8:16 r");
}

/* --- environment ------------------------------------------------------------------------------------------------- */

static void addresses_in_the_environment(void **state)
{
	static const struct device_found found[] = {
		{ .kind = DEVICE_FOUND_PCI, .host = { 0, 0x65, 1, 0 }, .guest = { 0, 0, 2, 0 } },
		{ .kind = DEVICE_FOUND_NODE },
		{ .kind = DEVICE_FOUND_PCI, .host = { 0, 0x65, 1, 1 }, .guest = { 0, 0x65, 1, 0 } },
	};
	static const struct {
		const char *from, *to;
	} rows[] = {
		{ "PATH=/bin", "PATH=/bin" },
		{ "PCIDEVICE", "PCIDEVICE" },
		{ "PCIDEVICE_NIC=0000:65:01.0", "PCIDEVICE_NIC=0000:00:02.0" },
		/* In one pass: the second's new address is the first's old one. */
		{ "PCIDEVICE_X_NIC=0000:65:01.1,0000:65:01.0", "PCIDEVICE_X_NIC=0000:65:01.0,0000:00:02.0" },
		{ "PCIDEVICE_X_NIC_INFO={\"0000:65:01.1\":{\"a\":\"0000:65:01.0\"},\"0000:01:00.0\":1}",
		  "PCIDEVICE_X_NIC_INFO={\"0000:65:01.0\":{\"a\":\"0000:00:02.0\"},\"0000:01:00.0\":1}" },
		{ "PCIDEVICE_EMPTY=", "PCIDEVICE_EMPTY=" },
		{ "PCIDEVICE_NIC=0000:65:02.0", "environment variable 'PCIDEVICE_NIC': the PCI device '0000:65:02.0' "
		                                "of the host was not given to the "
		                                "container" },
		{ "PCIDEVICE_NIC=eth0", "environment variable 'PCIDEVICE_NIC': the PCI device 'eth0' of the host was "
		                        "not given to the container" },
		{ "PCIDEVICE_NIC=0000:65:01.0,", "PCIDEVICE_NIC=0000:00:02.0," },
	};
	const struct device_pci_map none = { 0 };
	struct world *w = *state;
	struct device_pci_map map;

	assert_int_equal(devices_make_pci_map(&w->arena, found, 3, &map), 0);
	assert_int_equal(map.n, 2);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *v[] = { arena_strdup(&w->arena, rows[i].from) };
		struct oci_strings env = { .v = v, .n = 1 };

		w->err = (struct err)ERR_INIT;
		assert_int_equal(devices_update_env(&w->arena, &env, &none, &w->err), 0);
		assert_string_equal(v[0], rows[i].from);
		if (devices_update_env(&w->arena, &env, &map, &w->err) < 0)
			assert_string_equal(w->err.text, rows[i].to);
		else
			assert_string_equal(v[0], rows[i].to);
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int test_devices_spec(void)
{
	const struct CMUnitTest tests[] = {
		T(numbers_of_the_guest_take_their_place), T(a_vfio_group_has_another_name_and_company),
		T(no_rules_are_no_reason_to_fail),        T(what_does_not_fit_is_named),
		T(addresses_in_the_environment),
	};

	return cmocka_run_group_tests_name("devices_spec", tests, NULL, NULL);
}
