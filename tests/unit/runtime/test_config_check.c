/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "runtime/config.h"
#include "tests/lib/unit.h"

static const struct config_host host = { .cpus = 4, .memory_mib = 8192 };

/* Settings "section.key=value", NULL at the end, over a configuration that is right. */
static int check_with(struct config *c, const char *const *settings, struct err *err)
{
	assert_int_equal(config_init(c, NULL), 0);
	assert_int_equal(config_set(c, "hypervisor", "kernel", "/k", NULL), 0);
	assert_int_equal(config_set(c, "hypervisor", "initrd", "/i", NULL), 0);
	for (size_t i = 0; settings[i]; i += 3)
		assert_int_equal(config_set(c, settings[i], settings[i + 1], settings[i + 2], NULL), 0);
	return config_check(c, &host, err);
}

static void figures_are_clamped(void **state)
{
	static const struct {
		const char *vcpus, *max;
		double expected;
		int64_t expected_max;
	} cpus[] = {
		{ "0", "0", 1, 4 },      { "-1", "0", 4, 4 }, { "9", "2", 2, 2 },
		{ "1.5", "99", 1.5, 4 }, { "2", "-3", 2, 4 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cpus); i++) {
		_autoconfig_ struct config c;
		const char *settings[] = { "hypervisor",       "default_vcpus", cpus[i].vcpus, "hypervisor",
			                   "default_maxvcpus", cpus[i].max,     NULL };

		assert_int_equal(check_with(&c, settings, NULL), 0);
		assert_float_equal(c.hypervisor.default_vcpus, cpus[i].expected, 0);
		assert_int_equal(c.hypervisor.default_maxvcpus, cpus[i].expected_max);
	}
}

static void memory_slots_and_bridges_are_clamped(void **state)
{
	_autoconfig_ struct config c;
	const char *settings[] = { "hypervisor", "default_memory",  "255", "hypervisor", "memory_slots",      "0",
		                   "hypervisor", "default_bridges", "9",   "hypervisor", "default_maxmemory", "9999999",
		                   NULL };

	(void)state;
	assert_int_equal(check_with(&c, settings, NULL), 0);
	assert_int_equal(c.hypervisor.default_memory, 2048);
	assert_int_equal(c.hypervisor.memory_slots, 10);
	assert_int_equal(c.hypervisor.default_bridges, 5);
	assert_int_equal(c.hypervisor.default_maxmemory, 8192);
}

static void contradictions_are_told(void **state)
{
	static const struct {
		const char *settings[7];
		int expected;
		const char *text;
	} table[] = {
		{ { "hypervisor", "kernel", "" }, -EINVAL, "hypervisor.kernel: not given" },
		{ { "hypervisor", "image", "/img" },
		  -EINVAL,
		  "hypervisor.image and hypervisor.initrd: only one of them can be given" },
		{ { "hypervisor", "initrd", "" },
		  -EINVAL,
		  "hypervisor.image or hypervisor.initrd: one of them must be given" },
		{ { "hypervisor", "accel", "xen" }, -EINVAL, "hypervisor.accel: 'xen' is none of auto, kvm, tcg" },
		{ { "runtime", "disable_new_netns", "true" },
		  -EINVAL,
		  "runtime.disable_new_netns: needs internetworking_model 'none'" },
		{ { "runtime", "disable_new_netns", "true", "runtime", "internetworking_model", "none" }, 0, "" },
		{ { "hypervisor", "valid_hypervisor_paths", "/usr/bin/qemu-* /opt/q" }, 0, "" },
		{ { "hypervisor", "valid_hypervisor_paths", "/opt/*" },
		  -EPERM,
		  "hypervisor.path: '/usr/bin/qemu-system-x86_64' matches none of its valid paths" },
		{ { "hypervisor", "entropy_source", "/dev/urandom,id=x" },
		  -EINVAL,
		  "hypervisor.entropy_source: '/dev/urandom,id=x' has a comma" },
		{ { "agent", "dial_timeout", "0" }, 0, "" },
		{ { "agent", "dial_timeout", "-1" },
		  -EINVAL,
		  "agent.dial_timeout: -1 is not between 0 and 86400 seconds" },
		{ { "runtime", "sandbox_bind_mounts", "/a /b /a" },
		  -EINVAL,
		  "runtime.sandbox_bind_mounts: '/a' and '/a' have the same name" },
		{ { "runtime", "sandbox_bind_mounts", "/a /b:rw" }, 0, "" },
		{ { "runtime", "sandbox_bind_mounts", "/a", "hypervisor", "shared_fs", "none" },
		  -EINVAL,
		  "runtime.sandbox_bind_mounts: needs a share, but shared_fs is 'none'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		_autoconfig_ struct config c;
		struct err err = ERR_INIT;

		assert_int_equal(check_with(&c, table[i].settings, &err), table[i].expected);
		assert_string_equal(err.text, table[i].text);
	}
}

static void files_must_be_there(void **state)
{
	_autoconfig_ struct config c;
	const char *settings[] = {
		"hypervisor", "path", "/bin/sh", "hypervisor", "kernel", "/nonexistent/kernel", NULL
	};
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(check_with(&c, settings, NULL), 0);
	assert_int_equal(config_check_files(&c, &err), -ENOENT);
	assert_string_equal(err.text, "hypervisor.kernel: '/nonexistent/kernel': No such file or directory");
	assert_int_equal(config_set(&c, "hypervisor", "kernel", "/etc/passwd", NULL), 0);
	assert_int_equal(config_set(&c, "hypervisor", "initrd", "/etc", NULL), 0);
	assert_int_equal(config_check_files(&c, &err), -EISDIR);
	assert_int_equal(config_set(&c, "hypervisor", "initrd", "/etc/passwd", NULL), 0);
	assert_int_equal(config_check_files(&c, NULL), 0);
	assert_int_equal(config_set(&c, "hypervisor", "virtio_fs_daemon", "/etc/passwd", NULL), 0);
	assert_int_equal(config_check_files(&c, &err), -EACCES);
	assert_string_equal(err.text, "hypervisor.virtio_fs_daemon: '/etc/passwd': Permission denied");
	assert_int_equal(config_set(&c, "hypervisor", "shared_fs", "none", NULL), 0);
	assert_int_equal(config_check_files(&c, NULL), 0);
}

int test_config_check(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figures_are_clamped),
		cmocka_unit_test(memory_slots_and_bridges_are_clamped),
		cmocka_unit_test(contradictions_are_told),
		cmocka_unit_test(files_must_be_there),
	};

	return cmocka_run_group_tests_name("config_check", tests, NULL, NULL);
}
