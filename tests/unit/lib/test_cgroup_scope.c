/* SPDX-License-Identifier: Apache-2.0 */
/* Without a systemd: names and properties, and the keeper with a program that stands for systemd-run. */
#include "lib/cgroup_scope.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/fd.h"
#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

static void a_path_names_slice_and_unit(void **state)
{
	static const struct {
		const char *given;
		bool user;
		const char *unit, *path; /* path NULL: unit is the error */
	} rows[] = {
		{ "machine.slice:libpod:abc", false, "libpod-abc.scope", "/machine.slice/libpod-abc.scope" },
		{ "kube-pods-pod1.slice:cri:x", false, "cri-x.scope",
		  "/kube.slice/kube-pods.slice/kube-pods-pod1.slice/cri-x.scope" },
		{ NULL, false, "cid.scope", "/system.slice/cid.scope" },
		{ "", true, "cid.scope", "/user.slice/cid.scope" },
		{ ":runk:", false, "runk-cid.scope", "/system.slice/runk-cid.scope" },
		{ "-.slice:a:b", false, "a-b.scope", "/a-b.scope" },
		{ "/some/path", false, "cgroup path '/some/path' of container 'cid' is not 'slice:prefix:name'", NULL },
		{ "a.slice:b", false, "cgroup path 'a.slice:b' of container 'cid' is not 'slice:prefix:name'", NULL },
		{ "a:b:c", false, "slice 'a' of container 'cid' is not valid", NULL },
		{ "a--b.slice:b:c", false, "slice 'a--b.slice' of container 'cid' is not valid", NULL },
		{ "-a.slice:b:c", false, "slice '-a.slice' of container 'cid' is not valid", NULL },
		{ "../x.slice:b:c", false, "slice '../x.slice' of container 'cid' is not valid", NULL },
		{ "a.slice:../b:c", false, "unit '../b-c.scope' of container 'cid' is not valid", NULL },
	};
	_autoarena_ struct arena arena = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct cgroup_scope scope = { 0 };
		struct err err = ERR_INIT;
		int r = cgroup_scope_parse(&arena, rows[i].given, "cid", rows[i].user, &scope, &err);

		if (!rows[i].path) {
			assert_int_equal(r, -EINVAL);
			assert_non_null(strstr(err.text, rows[i].unit));
			continue;
		}
		assert_int_equal(r, 0);
		assert_string_equal(scope.unit, rows[i].unit);
		assert_string_equal(scope.path, rows[i].path);
	}
}

#define ALWAYS                                                                                                         \
	"Delegate=yes DefaultDependencies=no CollectMode=inactive-or-failed TasksAccounting=yes MemoryAccounting=yes " \
	"CPUAccounting=yes "

static void check_properties(const struct oci_resources *res, bool unified, const char *expected)
{
	_autoarena_ struct arena arena = { 0 };
	_autobuf_ struct buf out = BUF_INIT;
	const char *list[CGROUP_SCOPE_PROPERTIES];
	size_t n = 0;

	assert_int_equal(cgroup_scope_properties(&arena, res, unified, list, &n, NULL), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(buf_printf(&out, "%s ", list[i]), 0);
	assert_string_equal(buf_str(&out), expected);
}

static void limits_become_properties(void **state)
{
	struct oci_memory memory = { .limit = 1048576, .reservation = 4096, .swap = 2097152 };
	struct oci_cpu cpu = { .shares = 1024, .quota = 25001, .period = 50000, .cpus = (char *)"0-1" };
	struct oci_resources res = { .memory = &memory, .cpu = &cpu, .has_pids = true, .pids_limit = 7 };

	(void)state;
	check_properties(NULL, true, ALWAYS "TasksMax=infinity ");
	check_properties(&res, true,
	                 ALWAYS "MemoryMax=1048576 MemoryLow=4096 MemorySwapMax=1048576 CPUWeight=39 "
	                        "CPUQuotaPeriodSec=50000us CPUQuota=51% AllowedCPUs=0-1 TasksMax=7 ");
	check_properties(&res, false,
	                 ALWAYS
	                 "MemoryLimit=1048576 CPUShares=1024 CPUQuotaPeriodSec=50000us CPUQuota=51% TasksMax=7 ");
	memory = (struct oci_memory){ .limit = -1, .swap = -1 };
	cpu = (struct oci_cpu){ .quota = -1 };
	res.has_pids = false;
	check_properties(&res, true, ALWAYS "TasksMax=infinity MemoryMax=infinity MemorySwapMax=infinity CPUQuota= ");
}

/* Writes a script and has it stand for systemd-run. */
static int start(const struct tempdir *dir, const char *script, struct cgroup_scope_keeper *ret, struct err *err)
{
	static const struct cgroup_scope scope = { "a-b.scope", "x.slice", "/x.slice/a-b.scope" };
	char path[128];

	tempdir_write(dir, "systemd-run", script);
	(void)snprintf(path, sizeof(path), "%s/systemd-run", dir->path);
	assert_int_equal(chmod(path, 0755), 0);
	return cgroup_scope_start(path, &scope, NULL, true, false, ret, err);
}

static void the_keeper_lives_until_it_is_released(void **state)
{
	const struct tempdir *dir = *state;
	struct cgroup_scope_keeper keeper = CGROUP_SCOPE_KEEPER_INIT;
	struct err err = ERR_INIT;
	char script[512];
	_autofree_ char *args = NULL;

	(void)snprintf(script, sizeof(script),
	               "#!/bin/sh\necho \"$@\" >%s/args\nwhile [ \"$1\" != -- ]; do shift; done\nshift\nexec \"$@\"\n",
	               dir->path);
	if (start(dir, script, &keeper, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(keeper.pidfd >= 0 && keeper.in >= 0);
	assert_int_equal(fd_read_file_at(dir->fd, "args", 4096, &args, NULL), 0);
	assert_non_null(strstr(args, "--system --scope --quiet --no-ask-password --unit=a-b.scope --slice=x.slice "
	                             "--property=Delegate=yes "));
	assert_non_null(strstr(args, " -- cat\n"));
	cgroup_scope_release(&keeper);
	assert_true(keeper.pidfd < 0 && keeper.in < 0);
	cgroup_scope_release(&keeper);
}

static void what_systemd_says_is_told(void **state)
{
	struct cgroup_scope_keeper keeper = CGROUP_SCOPE_KEEPER_INIT;
	struct err err = ERR_INIT;

	/* Whether it ends before or after it was asked. */
	assert_int_equal(start(*state, "#!/bin/sh\necho 'Failed: no bus' >&2\nexit 1\n", &keeper, &err), -EIO);
	assert_string_equal(err.text, "start scope 'a-b.scope' in 'x.slice': Failed: no bus");
	assert_int_equal(start(*state, "#!/bin/sh\nread x\nexit 1\n", &keeper, &err), -EIO);
	assert_non_null(strstr(err.text, "systemd-run ended without a word"));
	assert_true(keeper.pidfd < 0);
}

/* Writes a script that stands for systemctl or busctl; its path in `path`. */
static void stand_in(const struct tempdir *dir, const char *script, char path[static 128])
{
	tempdir_write(dir, "program", script);
	(void)snprintf(path, 128, "%s/program", dir->path);
	assert_int_equal(chmod(path, 0755), 0);
}

static int update(const struct tempdir *dir, const char *script, const struct oci_resources *res, struct err *err)
{
	char path[128];

	stand_in(dir, script, path);
	return cgroup_scope_update(path, "/x.slice/a-b.scope", res, true, false, err);
}

static void changes_are_told(void **state)
{
	const struct tempdir *dir = *state;
	struct oci_memory memory = { .limit = 4096 };
	struct oci_cpu cpu = { .quota = 20000, .period = 100000 };
	const struct oci_resources none = { .memory = NULL };
	const struct oci_resources res = { .memory = &memory, .cpu = &cpu, .has_pids = true, .pids_limit = 7 };
	struct err err = ERR_INIT;
	char script[512];
	_autofree_ char *args = NULL;

	assert_int_equal(update(dir, "#!/bin/sh\nexit 1\n", &none, &err), 0); /* nothing to tell, nobody asked */
	(void)snprintf(script, sizeof(script), "#!/bin/sh\necho \"$@\" >%s/args\n", dir->path);
	assert_int_equal(update(dir, script, &res, &err), 0);
	assert_int_equal(fd_read_file_at(dir->fd, "args", 4096, &args, NULL), 0);
	assert_string_equal(args, "--system --no-ask-password --runtime set-property a-b.scope MemoryMax=4096 "
	                          "CPUQuotaPeriodSec=100000us CPUQuota=20% TasksMax=7\n");
	assert_int_equal(update(dir, "#!/bin/sh\necho 'no such unit' >&2\nexit 1\n", &res, &err), -EIO);
	assert_string_equal(err.text, "change unit 'a-b.scope': no such unit");
	assert_int_equal(cgroup_scope_update("/nowhere/systemctl", "/a.scope", &res, true, false, &err), -ENOENT);
}

static int place(const struct tempdir *dir, const char *script, struct arena *arena, const char **ret, struct err *err)
{
	struct cgroup_scope scope = { "a.scope", "x.slice", "/x.slice/a.scope" };
	char path[128];
	int r;

	stand_in(dir, script, path);
	r = cgroup_scope_place(path, arena, &scope, err);
	*ret = scope.path;
	return r;
}

static void a_users_systemd_has_a_cgroup(void **state)
{
	_autoarena_ struct arena arena = { 0 };
	struct err err = ERR_INIT;
	const char *path;

	assert_int_equal(place(*state,
	                       "#!/bin/sh\n[ \"$*\" = '--user show --property=ControlGroup --value' ] && "
	                       "echo /user.slice/user@7.service\n",
	                       &arena, &path, &err),
	                 0);
	assert_string_equal(path, "/user.slice/user@7.service/x.slice/a.scope");
	assert_int_equal(setenv("XDG_RUNTIME_DIR", "/run/none", 1), 0);
	assert_int_equal(place(*state, "#!/bin/sh\necho no bus >&2; exit 1\n", &arena, &path, &err), -EIO);
	assert_string_equal(path, "/x.slice/a.scope");
	assert_non_null(strstr(err.text, "ask the user's systemd for its cgroup"));
	assert_non_null(strstr(err.text, "XDG_RUNTIME_DIR is '/run/none'"));
	assert_int_equal(unsetenv("XDG_RUNTIME_DIR"), 0);
	assert_int_equal(place(*state, "#!/bin/sh\necho\n", &arena, &path, &err), -EIO);
	assert_non_null(strstr(err.text, "XDG_RUNTIME_DIR is ''"));
}

static void a_process_is_moved(void **state)
{
	const struct tempdir *dir = *state;
	struct err err = ERR_INIT;
	char path[128], script[256];
	_autofree_ char *args = NULL;

	(void)snprintf(script, sizeof(script), "#!/bin/sh\nfor a; do printf '%%s,' \"$a\"; done >%s/args\n", dir->path);
	stand_in(dir, script, path);
	assert_int_equal(cgroup_scope_attach(path, "/x.slice/a-b.scope", 123, true, &err), 0);
	assert_int_equal(fd_read_file_at(dir->fd, "args", 4096, &args, NULL), 0);
	assert_string_equal(args, "--user,--quiet,call,org.freedesktop.systemd1,/org/freedesktop/systemd1,"
	                          "org.freedesktop.systemd1.Manager,AttachProcessesToUnit,ssau,a-b.scope,,1,123,");
	stand_in(dir, "#!/bin/sh\nexit 3\n", path);
	assert_int_equal(cgroup_scope_attach(path, "/x.slice/a-b.scope", 123, false, &err), -EIO);
	assert_string_equal(err.text, "move a process into unit 'a-b.scope': it failed without a word");
}

static void no_systemd_is_said(void **state)
{
	static const struct cgroup_scope scope = { "a.scope", "x.slice", "/x.slice/a.scope" };
	struct cgroup_scope_keeper keeper = CGROUP_SCOPE_KEEPER_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(cgroup_scope_start("/nowhere/systemd-run", &scope, NULL, true, true, &keeper, &err), -ENOENT);
	assert_non_null(strstr(err.text, "start scope 'a.scope': "));
	assert_non_null(strstr(err.text, "/nowhere/systemd-run"));
}

int test_cgroup_scope(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_names_slice_and_unit),
		cmocka_unit_test(limits_become_properties),
		cmocka_unit_test_setup_teardown(the_keeper_lives_until_it_is_released, tempdir_setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(what_systemd_says_is_told, tempdir_setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(changes_are_told, tempdir_setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(a_users_systemd_has_a_cgroup, tempdir_setup, tempdir_teardown),
		cmocka_unit_test_setup_teardown(a_process_is_moved, tempdir_setup, tempdir_teardown),
		cmocka_unit_test(no_systemd_is_said),
	};

	return cmocka_run_group_tests_name("systemd", tests, NULL, NULL);
}
