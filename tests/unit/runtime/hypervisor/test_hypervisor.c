/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hypervisor/hypervisor.h"

#include "lib/arena.h"
#include "tests/lib/unit.h"

static void none_is_not_running(void **state)
{
	(void)state;
	assert_false(hypervisor_is_running(NULL));
	assert_null(hypervisor_free(NULL));
}

/* What the agent is told has to be what the command line makes of it. */
static void the_first_disk_has_a_name(void **state)
{
	static const struct {
		const char *machine, *image, *driver, *source;
	} table[] = {
		{ "q35", "", "blk", "08" },
		{ "q35", "/i", "blk", "08" },
		{ "microvm", "", "mmioblk", "/dev/vda" },
		{ "microvm", "/i", "mmioblk", "/dev/vdb" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct config_hypervisor config = { .machine_type = (char *)table[i].machine,
			                                  .image = (char *)table[i].image };
		const struct vm_spec vm = { .config = &config };
		_autoarena_ struct arena arena = { .max = 0 };
		const char *driver = NULL, *source = NULL;

		assert_int_equal(hypervisor_name_disk(&vm, &arena, &driver, &source), 0);
		assert_string_equal(driver, table[i].driver);
		assert_string_equal(source, table[i].source);
	}
}

int test_hypervisor(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(none_is_not_running),
		cmocka_unit_test(the_first_disk_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
