/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/locate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/configfile.h"
#include "runtime/helper.h"
#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

static const char *prefix;

/* Our program seems to lie in PREFIX/bin/. */
char *__wrap_helper_own_directory(void);
char *__wrap_helper_own_directory(void)
{
	char *path;

	if (!prefix)
		return NULL;
	assert_true(asprintf(&path, "%s/bin/", prefix) > 0);
	return path;
}

static const char *in_prefix(void **state, const char *name)
{
	static char path[256];
	const struct tempdir *dir = *state;

	(void)snprintf(path, sizeof(path), "%s/%s", dir->path, name);
	return path;
}

static int install(void **state)
{
	static const char *const directories[] = { "bin", "share", "share/kata-c", "libexec", "libexec/kata-c" };

	if (tempdir_setup(state) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
		assert_int_equal(mkdir(in_prefix(state, directories[i]), 0755), 0);
	tempdir_write(*state, "share/kata-c/vmlinuz", "");
	tempdir_write(*state, "share/kata-c/kata.initrd", "");
	tempdir_write(*state, "libexec/kata-c/vhost-device-vsock", "");
	assert_int_equal(chmod(in_prefix(state, "libexec/kata-c/vhost-device-vsock"), 0755), 0);
	prefix = ((const struct tempdir *)*state)->path;
	return 0;
}

static int uninstall(void **state)
{
	prefix = NULL;
	return tempdir_teardown(state);
}

static void what_was_installed_is_found(void **state)
{
	_autoconfig_ struct config c;

	assert_int_equal(config_init(&c, NULL), 0);
	assert_int_equal(locate_defaults(&c, NULL), 0);
	assert_string_equal(c.hypervisor.kernel, in_prefix(state, "share/kata-c/vmlinuz"));
	assert_string_equal(c.hypervisor.initrd, in_prefix(state, "share/kata-c/kata.initrd"));
	assert_string_equal(c.hypervisor.vhost_user_vsock_daemon,
	                    in_prefix(state, "libexec/kata-c/vhost-device-vsock"));
}

static void what_is_named_stays(void **state)
{
	_autoconfig_ struct config c;

	(void)state;
	assert_int_equal(config_init(&c, NULL), 0);
	assert_int_equal(config_set(&c, "hypervisor", "kernel", "/k", NULL), 0);
	assert_int_equal(config_set(&c, "hypervisor", "image", "/img", NULL), 0);
	assert_int_equal(config_set(&c, "hypervisor", "vhost_user_vsock_daemon", "/d", NULL), 0);
	assert_int_equal(locate_defaults(&c, NULL), 0);
	assert_string_equal(c.hypervisor.kernel, "/k");
	assert_string_equal(c.hypervisor.image, "/img");
	assert_string_equal(c.hypervisor.initrd, "");
	assert_string_equal(c.hypervisor.vhost_user_vsock_daemon, "/d");
}

static void what_is_nowhere_stays_empty(void **state)
{
	_autoconfig_ struct config c;

	prefix = "/nonexistent";
	(void)state;
	assert_int_equal(config_init(&c, NULL), 0);
	assert_int_equal(locate_defaults(&c, NULL), 0);
	assert_string_equal(c.hypervisor.kernel, "");
	assert_string_equal(c.hypervisor.initrd, "");
}

static void the_configuration_beside_us_is_the_last(void **state)
{
	char *paths[4];

	for (size_t i = 0; i < 4; i++)
		paths[i] = configfile_default_path(i);
	assert_string_equal(paths[0], "/etc/kata-containers/configuration.toml");
	assert_string_equal(paths[1], "/usr/share/defaults/kata-containers/configuration.toml");
	assert_string_equal(paths[2], in_prefix(state, "share/defaults/kata-containers/configuration.toml"));
	assert_null(paths[3]);
	for (size_t i = 0; i < 3; i++)
		free(paths[i]);
	prefix = "/usr";
	assert_null(configfile_default_path(2));
}

int test_locate(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_installed_is_found, install, uninstall),
		cmocka_unit_test_setup_teardown(what_is_named_stays, install, uninstall),
		cmocka_unit_test_setup_teardown(what_is_nowhere_stays_empty, install, uninstall),
		cmocka_unit_test_setup_teardown(the_configuration_beside_us_is_the_last, install, uninstall),
	};

	return cmocka_run_group_tests_name("locate", tests, NULL, NULL);
}
