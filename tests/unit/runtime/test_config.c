/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/config.h"

#include <errno.h>
#include <string.h>

#include "lib/jsontext.h"
#include "tests/lib/unit.h"

#define TEXT(value) "{\"type\":\"string\",\"value\":\"" value "\"}"
#define BOOL(value) "{\"type\":\"bool\",\"value\":\"" value "\"}"
#define INT(value)  "{\"type\":\"integer\",\"value\":\"" value "\"}"

static int read_tree(struct config *c, const char *text, struct err *err)
{
	_autojson_ struct json_object *tree = NULL;

	assert_int_equal(jsontext_parse(text, strlen(text), &tree, NULL), 0);
	return config_read(c, tree, err);
}

static void keys_are_read_and_others_are_listed(void **state)
{
	_autoconfig_ struct config c;

	(void)state;
	assert_int_equal(config_init(&c, NULL), 0);
	assert_int_equal(read_tree(&c,
	                           "{\"hypervisor\":{\"qemu\":{\"kernel\":" TEXT("/k") ",\"default_vcpus\":" INT("2") ",\"enable_annotations\":[" TEXT(
					   "a") "," TEXT("b") "],\"rootless\":" BOOL("true") "}},\"agent\":{\"kata\":{"
	                                                                                     "\"dial_"
	                                                                                     "timeout\":" INT(
												     "7") "}},"
	                                                                                                  "\"runtime\":"
	                                                                                                  "{"
	                                                                                                  "\"disable_"
	                                                                                                  "new_"
	                                                                                                  "netns\""
	                                                                                                  ":" BOOL(
														  "t"
														  "r"
														  "u"
														  "e") ",\"colour\":" TEXT("red") "}"
	                                                                                                                                          "}",
	                           NULL),
	                 0);
	assert_string_equal(c.hypervisor.kernel, "/k");
	assert_float_equal(c.hypervisor.default_vcpus, 2, 0);
	assert_int_equal(c.hypervisor.enable_annotations.n, 2);
	assert_string_equal(c.hypervisor.enable_annotations.v[1], "b");
	assert_int_equal(c.agent.dial_timeout, 7);
	assert_true(c.runtime.disable_new_netns);
	assert_int_equal(c.unused.n, 1);
	assert_string_equal(c.unused.v[0], "hypervisor.rootless");
	assert_int_equal(c.unknown.n, 1);
	assert_string_equal(c.unknown.v[0], "runtime.colour");
	/* what the file does not say */
	assert_string_equal(c.hypervisor.machine_type, "q35");
	assert_string_equal(c.hypervisor.initrd, "");
	assert_true(c.runtime.disable_guest_seccomp);
}

static void wrong_types_name_the_key(void **state)
{
	static const struct {
		const char *tree, *expected;
	} table[] = {
		{ "{\"runtime\":{\"disable_new_netns\":" TEXT("true") "}}",
		  "runtime.disable_new_netns: expected bool, not 'string'" },
		{ "{\"hypervisor\":{\"qemu\":{\"kernel\":{\"type\":\"date-local\",\"value\":\"1979-05-27\"}}}}",
		  "hypervisor.kernel: expected string, not 'date-local'" },
		{ "{\"hypervisor\":{\"qemu\":{\"kernel\":{}}}}", "hypervisor.kernel: expected string, not 'table'" },
		{ "{\"hypervisor\":{\"qemu\":{\"enable_annotations\":" TEXT("a") "}}}",
		  "hypervisor.enable_annotations: expected an array of strings, not 'string'" },
		{ "{\"hypervisor\":{\"qemu\":{\"enable_annotations\":[" INT("1") "]}}}",
		  "hypervisor.enable_annotations: expected strings only, not 'integer'" },
		{ "{\"hypervisor\":{\"clh\":{}}}", "hypervisor.clh: this runtime drives qemu only" },
		{ "{\"hypervisor\":[]}", "hypervisor: expected a table, not array" },
		{ "{\"agent\":{\"kata\":" TEXT("x") "}}", "kata: expected a table, not string" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		_autoconfig_ struct config c;
		struct err err = ERR_INIT;

		assert_int_equal(config_init(&c, NULL), 0);
		assert_int_equal(read_tree(&c, table[i].tree, &err), -EINVAL);
		assert_string_equal(err.text, table[i].expected);
	}
}

static void what_is_formatted_is_parsed(void **state)
{
	_autoconfig_ struct config a, b;
	_autojson_ struct json_object *first = NULL, *second = NULL;

	(void)state;
	assert_int_equal(config_init(&a, NULL), 0);
	assert_int_equal(config_set(&a, "hypervisor", "kernel", "/boot/a \"kernel\"", NULL), 0);
	assert_int_equal(config_set(&a, "hypervisor", "default_vcpus", "2.5", NULL), 0);
	assert_int_equal(config_set(&a, "hypervisor", "virtio_fs_extra_args", "--a --b=c", NULL), 0);
	assert_int_equal(config_set(&a, "runtime", "sandbox_cgroup_only", "true", NULL), 0);
	first = config_format(&a);
	assert_int_equal(config_parse(&b, first, NULL), 0);
	second = config_format(&b);
	assert_true(json_object_equal(first, second));
	assert_string_equal(b.hypervisor.virtio_fs_extra_args.v[1], "--b=c");
	assert_float_equal(b.hypervisor.default_vcpus, 2.5, 0);
}

static void a_document_that_lacks_a_key_is_refused(void **state)
{
	_autoconfig_ struct config a, b;
	_autojson_ struct json_object *json = NULL;
	struct json_object *section;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(config_init(&a, NULL), 0);
	json = config_format(&a);
	assert_true(json_object_object_get_ex(json, "agent", &section));
	json_object_object_del(section, "dial_timeout");
	assert_int_equal(config_parse(&b, json, &err), -EINVAL);
	assert_string_equal(err.text, "agent.dial_timeout: missing in what the verb sent");
}

int test_config(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_read_and_others_are_listed),
		cmocka_unit_test(wrong_types_name_the_key),
		cmocka_unit_test(what_is_formatted_is_parsed),
		cmocka_unit_test(a_document_that_lacks_a_key_is_refused),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
