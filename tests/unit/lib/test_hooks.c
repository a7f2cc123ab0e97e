/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/fd.h"
#include "lib/sys.h"
#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

static const struct oci_state web = { "web", "creating", 42, "/run/web", NULL };

/* A hook that is `sh -c script name`. */
struct shell_hook {
	char *args[5];
	struct oci_hook hook;
	struct oci_hook_list list;
};

static const struct oci_hook_list *shell(struct shell_hook *s, const char *script, int64_t timeout)
{
	*s = (struct shell_hook){ { (char *)"sh", (char *)"-c", (char *)script, (char *)"me", NULL }, { 0 }, { 0 } };
	s->hook = (struct oci_hook){ .path = (char *)"/bin/sh", .args = { s->args, 4 }, .timeout = timeout };
	s->list = (struct oci_hook_list){ &s->hook, 1 };
	return &s->list;
}

static char *read_text(const struct tempdir *dir, const char *name)
{
	char *text = NULL;

	assert_int_equal(fd_read_file_at(dir->fd, name, 65536, &text, NULL), 0);
	return text;
}

static void a_hook_reads_the_state(void **state)
{
	const struct tempdir *dir = *state;
	struct shell_hook s;
	struct err err = ERR_INIT;
	_autofree_ char *text = NULL;
	char script[256];

	(void)snprintf(script, sizeof(script), "cat >%s/out; echo \"/$0/$HOME/\" >>%s/out", dir->path, dir->path);
	assert_int_equal(hooks_run(shell(&s, script, 0), HOOK_PRESTART, &web, 0, &err), 0);
	text = read_text(dir, "out");
	assert_string_equal(text, "{\"ociVersion\":\"1.2.0\",\"id\":\"web\",\"status\":\"creating\",\"pid\":42,"
	                          "\"bundle\":\"/run/web\"}/me//\n");
}

static const struct {
	const char *script;
	const char *text;
	int num;
} failures[] = {
	{ "exit 3", "prestart hook '/bin/sh': exit status 3", ECHILD },
	{ "printf 'one\\ntwo\\033\\n\\n' >&2; exit 255", "prestart hook '/bin/sh': exit status 255: one two", ECHILD },
	{ "kill -9 $$", "prestart hook '/bin/sh': exit status 137", ECHILD },
	{ "echo out; echo err >&2; exit 1", "prestart hook '/bin/sh': exit status 1: err", ECHILD },
};

static void a_failure_says_what_and_why(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
		struct shell_hook s;
		struct err err = ERR_INIT;

		assert_int_equal(hooks_run(shell(&s, failures[i].script, 0), HOOK_PRESTART, &web, 0, &err),
		                 -failures[i].num);
		assert_string_equal(err.text, failures[i].text);
		assert_int_equal(hooks_run(shell(&s, failures[i].script, 0), HOOK_PRESTART, &web, 0, NULL),
		                 -failures[i].num);
	}
}

static void a_missing_hook_is_named(void **state)
{
	struct oci_hook hook = { .path = (char *)"/no/such/hook" };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(hooks_run(&(struct oci_hook_list){ &hook, 1 }, HOOK_CREATE_RUNTIME, &web, 0, &err), -ENOENT);
	assert_string_equal(err.text,
	                    "createRuntime hook '/no/such/hook': run '/no/such/hook': No such file or directory");
}

/* More than a pipe holds, and only the end is told. */
static void a_talkative_hook_does_not_hang(void **state)
{
	struct shell_hook s;
	struct err err = ERR_INIT;

	(void)state;
	(void)shell(&s, "head -c 300000 /dev/zero | tr '\\0' 'x' >&2; echo end >&2; exit 1", 20);
	assert_int_equal(hooks_run(&s.list, HOOK_POSTSTOP, &web, 0, &err), -ECHILD);
	assert_memory_equal(err.text + strlen(err.text) - 4, "xend", 4);
	assert_true(strlen(err.text) < HOOKS_STDERR_BYTES + 64);
}

/* A child that keeps the hook's stderr open keeps nobody. */
static void a_hook_ends_when_it_exits(void **state)
{
	struct shell_hook s;
	struct err err = ERR_INIT;
	uint64_t start = sys_now(CLOCK_MONOTONIC);

	(void)state;
	assert_int_equal(hooks_run(shell(&s, "sleep 20 & exit 0", 15), HOOK_POSTSTART, &web, 0, &err), 0);
	assert_true(sys_now(CLOCK_MONOTONIC) - start < UINT64_C(10000000000));
}

static void a_slow_hook_is_killed(void **state)
{
	struct shell_hook s;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(hooks_run(shell(&s, "echo hm >&2; sleep 300", 0), HOOK_PRESTART, &web, 1, &err), -ETIMEDOUT);
	assert_string_equal(err.text, "prestart hook '/bin/sh': killed, for it had not ended after 1 s: hm");
}

static void the_first_failure_ends_the_list(void **state)
{
	const struct tempdir *dir = *state;
	_autobuf_ struct buf warnings = BUF_INIT;
	struct shell_hook first, second;
	struct oci_hook hooks[2];
	const struct oci_hook_list list = { hooks, 2 };
	struct err err = ERR_INIT;
	char script[256];

	(void)snprintf(script, sizeof(script), "echo x >>%s/second", dir->path);
	hooks[0] = shell(&first, "exit 1", 0)->v[0];
	hooks[1] = shell(&second, script, 0)->v[0];
	assert_int_equal(hooks_run(&list, HOOK_PRESTART, &web, 0, &err), -ECHILD);
	assert_int_equal(faccessat(dir->fd, "second", F_OK, 0), -1);
	assert_int_equal(hooks_run_all(&list, HOOK_POSTSTOP, &web, 0, &warnings), 0);
	assert_string_equal(buf_str(&warnings), "poststop hook '/bin/sh': exit status 1\n");
	assert_int_equal(faccessat(dir->fd, "second", F_OK, 0), 0);
}

static void kinds_are_found(void **state)
{
	struct oci_hook hook = { .timeout = 7 };
	struct oci_hooks hooks = { .start_container = { &hook, 1 } };
	struct oci_spec spec = { .hooks = &hooks };

	(void)state;
	assert_ptr_equal(hooks_of(&spec, HOOK_START_CONTAINER)->v, &hook);
	assert_int_equal(hooks_of(&spec, HOOK_POSTSTOP)->n, 0);
	assert_int_equal(hooks_of(&spec, HOOK_KIND_INVALID)->n, 0);
	assert_ptr_equal(hooks_find(spec.hooks, "startContainer"), hooks_of(&spec, HOOK_START_CONTAINER));
	assert_ptr_equal(hooks_find(spec.hooks, "poststop"), hooks_of(&spec, HOOK_POSTSTOP));
	assert_null(hooks_find(spec.hooks, "StartContainer"));
	assert_false(hooks_stop_before_pivot(&spec));
	hooks.create_container = hooks.start_container;
	assert_true(hooks_stop_before_pivot(&spec));
	spec.hooks = NULL;
	assert_int_equal(hooks_of(&spec, HOOK_START_CONTAINER)->n, 0);
	assert_string_equal(hooks_name(HOOK_CREATE_CONTAINER), "createContainer");
}

static void budgets_add_up(void **state)
{
	struct oci_hook hooks[] = { { .timeout = 7 }, { .timeout = 0 }, { .timeout = INT64_MAX } };

	(void)state;
	assert_int_equal(hooks_budget_ms(&(struct oci_hook_list){ hooks, 2 }, 10), 17000);
	assert_int_equal(hooks_budget_ms(&(struct oci_hook_list){ hooks, 2 }, 0), 7000);
	assert_int_equal(hooks_budget_ms(&(struct oci_hook_list){ hooks, 3 }, 10), HOOKS_TIMEOUT_MAX * 1000u);
}

static void guest_hooks_are_the_executables(void **state)
{
	const struct tempdir *dir = *state;
	_autoarena_ struct arena arena = { 0 };
	struct oci_hook_list list = { 0 };
	struct err err = ERR_INIT;
	char want[128];

	assert_int_equal(hooks_scan(&arena, dir->path, HOOK_PRESTART, &list, &err), 0);
	assert_int_equal(list.n, 0);
	assert_int_equal(hooks_scan(&arena, "/no/such", HOOK_PRESTART, &list, &err), -ENOENT);
	assert_string_equal(err.text, "look for prestart hooks in '/no/such': No such file or directory");
	assert_int_equal(mkdirat(dir->fd, "prestart", 0755), 0);
	assert_int_equal(mkdirat(dir->fd, "prestart/dir", 0755), 0);
	tempdir_write(dir, "prestart/b", "#!/bin/sh\n");
	tempdir_write(dir, "prestart/a", "#!/bin/sh\n");
	tempdir_write(dir, "prestart/text", "no\n");
	assert_int_equal(fchmodat(dir->fd, "prestart/a", 0755, 0), 0);
	assert_int_equal(fchmodat(dir->fd, "prestart/b", 0755, 0), 0);
	assert_int_equal(fchmodat(dir->fd, "prestart/text", 0644, 0), 0);
	assert_int_equal(hooks_scan(&arena, dir->path, HOOK_PRESTART, &list, &err), 0);
	assert_int_equal(list.n, 2);
	(void)snprintf(want, sizeof(want), "%s/prestart/a", dir->path);
	assert_string_equal(list.v[0].path, want);
	assert_string_equal(list.v[0].args.v[0], "a");
	assert_string_equal(list.v[0].args.v[1], "prestart");
	assert_null(list.v[0].args.v[2]);
}

static void guest_hooks_have_a_limit(void **state)
{
	const struct tempdir *dir = *state;
	_autoarena_ struct arena arena = { 0 };
	struct oci_hook_list list = { 0 };
	struct err err = ERR_INIT;
	char name[32];

	assert_int_equal(mkdirat(dir->fd, "poststop", 0755), 0);
	for (int i = 0; i <= HOOKS_SCANNED_MAX; i++) {
		(void)snprintf(name, sizeof(name), "poststop/%03d", i);
		tempdir_write(dir, name, "x");
		assert_int_equal(fchmodat(dir->fd, name, 0755, 0), 0);
		assert_int_equal(hooks_scan(&arena, dir->path, HOOK_POSTSTOP, &list, &err),
		                 i < HOOKS_SCANNED_MAX ? 0 : -E2BIG);
	}
	assert_int_equal(list.n, HOOKS_SCANNED_MAX);
}

int test_hooks(void)
{
#define IN_DIR(name) cmocka_unit_test_setup_teardown(name, tempdir_setup, tempdir_teardown)
	const struct CMUnitTest tests[] = {
		IN_DIR(a_hook_reads_the_state),
		cmocka_unit_test(a_failure_says_what_and_why),
		cmocka_unit_test(a_missing_hook_is_named),
		cmocka_unit_test(a_talkative_hook_does_not_hang),
		cmocka_unit_test(a_hook_ends_when_it_exits),
		cmocka_unit_test(a_slow_hook_is_killed),
		IN_DIR(the_first_failure_ends_the_list),
		cmocka_unit_test(kinds_are_found),
		cmocka_unit_test(budgets_add_up),
		IN_DIR(guest_hooks_are_the_executables),
		IN_DIR(guest_hooks_have_a_limit),
	};

	return cmocka_run_group_tests_name("hooks", tests, NULL, NULL);
}
