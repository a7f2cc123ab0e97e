/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/network/iptables.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/spawn.h"
#include "tests/lib/unit.h"

/* A shell script stands in for the one program that exists. */
static struct {
	const char *path, *script;
	char tried[256], arguments[64];
} fake;

pid_t __real_spawn_run(const struct spawn_spec *spec, int *ret_pidfd, struct err *err);
pid_t __wrap_spawn_run(const struct spawn_spec *spec, int *ret_pidfd, struct err *err);

pid_t __wrap_spawn_run(const struct spawn_spec *spec, int *ret_pidfd, struct err *err)
{
	char *const argv[] = { (char *)"sh", (char *)"-c", (char *)(uintptr_t)fake.script, NULL };
	struct spawn_spec shell = *spec;
	size_t len = strlen(fake.tried);

	(void)snprintf(fake.tried + len, sizeof(fake.tried) - len, "%s ", spec->path);
	if (strcmp(spec->path, fake.path) != 0)
		return err_set(err, ENOENT, "run '%s'", spec->path);
	fake.arguments[0] = '\0';
	for (char *const *p = spec->argv; *p; p++) {
		len = strlen(fake.arguments);
		(void)snprintf(fake.arguments + len, sizeof(fake.arguments) - len, "%s ", *p);
	}
	assert_true(spec->death_signal);
	shell.path = "/bin/sh";
	shell.argv = argv;
	/* The parent may be no job here; then it does not wait for its own death. */
	shell.death_signal = false;
	return __real_spawn_run(&shell, ret_pidfd, err);
}

static void play(const char *path, const char *script)
{
	memset(&fake, 0, sizeof(fake));
	fake.path = path;
	fake.script = script;
}

static void saves(void **state)
{
	static const struct {
		bool v6;
		const char *path, *tried, *arguments;
	} rows[] = {
		{ false, "/usr/sbin/iptables-save", "/usr/sbin/iptables-save ", "iptables-save " },
		{ false, "/sbin/iptables-save", "/usr/sbin/iptables-save /sbin/iptables-save ", "iptables-save " },
		{ true, "/usr/sbin/ip6tables-save", "/usr/sbin/ip6tables-save ", "ip6tables-save " },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[32] = "";
		struct err err = ERR_INIT;
		int fd;

		play(rows[i].path, "echo some rules; echo not these >&2");
		fd = net_iptables_save(rows[i].v6, &err);
		assert_true(fd >= 0);
		assert_int_equal(pread(fd, text, sizeof(text) - 1, 0), 11);
		assert_string_equal(text, "some rules\n");
		assert_string_equal(fake.tried, rows[i].tried);
		assert_string_equal(fake.arguments, rows[i].arguments);
		(void)close(fd);
	}
}

static void restores(void **state)
{
	(void)state;
	play("/usr/sbin/iptables-restore", "test \"$(cat)\" = 'some rules'");
	assert_int_equal(net_iptables_restore(false, "some rules\n", 11, NULL), 0);
	assert_string_equal(fake.arguments, "iptables-restore --wait 5 ");
	play("/sbin/ip6tables-restore", "test -z \"$(cat)\"");
	assert_int_equal(net_iptables_restore(true, NULL, 0, NULL), 0);
	assert_string_equal(fake.arguments, "ip6tables-restore --wait 5 ");
}

static void failures_say_why(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	play("/usr/sbin/iptables-restore", "echo 'line 2 failed' >&2; echo more >&2; exit 3");
	assert_int_equal(net_iptables_restore(false, "x", 1, &err), -EIO);
	assert_string_equal(err.text, "'iptables-restore' ended with status 3: line 2 failed");
	play("/usr/sbin/iptables-save", "exit 1");
	assert_int_equal(net_iptables_save(false, &err), -EIO);
	assert_string_equal(err.text, "'iptables-save' ended with status 1");
	play("", "");
	assert_int_equal(net_iptables_save(true, &err), -ENOENT);
	assert_string_equal(err.text, "this guest image has no 'ip6tables-save' in '/usr/sbin' or '/sbin'");
}

int test_iptables(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(saves),
		cmocka_unit_test(restores),
		cmocka_unit_test(failures_say_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
