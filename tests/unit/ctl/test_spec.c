/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/spec.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/fd.h"
#include "tests/lib/unit.h"

#define GOLDEN "tests/unit/ctl/default-spec.json"

struct fixture {
	char dir[64];
	struct arena arena;
	struct spec_options o;
	struct err err;
};

static void write_file(const char *dir, const char *name, const char *text)
{
	_autoclose_ int fd = -EBADF;
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char path[128];

	assert_non_null(f);
	(void)strcpy(f->dir, "/tmp/ctl-spec-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	(void)snprintf(path, sizeof(path), "%s/root", f->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	f->o.id = "c1";
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/root", f->dir);
	(void)rmdir(path);
	(void)snprintf(path, sizeof(path), "%s/config.json", f->dir);
	(void)unlink(path);
	(void)rmdir(f->dir);
	option_list_done(&f->o.env);
	arena_done(&f->arena);
	free(f);
	return 0;
}

static void default_spec_is_the_golden_text(void **state)
{
	struct fixture *f = *state;
	_autofree_ char *golden = NULL;
	_autobuf_ struct buf text = BUF_INIT;
	struct oci_spec *spec;

	f->o.rootfs = "/run/rootfs";
	assert_int_equal(spec_build(&f->o, &f->arena, &spec, &f->err), 0);
	assert_int_equal(oci_spec_format(spec, &text), 0);
	assert_int_equal(buf_add(&text, "\n", 1), 0);
	assert_int_equal(fd_read_file_at(AT_FDCWD, GOLDEN, 1 << 20, &golden, NULL), 0);
	assert_string_equal(buf_str(&text), golden);
}

static void the_command_line_changes_the_spec(void **state)
{
	struct fixture *f = *state;
	char *args[] = { (char *)"ls", (char *)"-l" };
	const char *env[] = { "PATH=/bin", "A=1", "A=2" };
	struct oci_spec *spec;

	f->o.rootfs = "/run/rootfs";
	f->o.args = args;
	f->o.n_args = 2;
	f->o.env = (struct option_list){ env, 3 };
	f->o.cwd = "/tmp";
	f->o.user = "1000:50";
	f->o.hostname = "web";
	f->o.cpus = "1.5";
	f->o.memory = (struct option_number){ true, 64 << 20 };
	f->o.pids = (struct option_number){ true, 10 };
	f->o.tty = f->o.readonly = true;
	assert_int_equal(spec_build(&f->o, &f->arena, &spec, &f->err), 0);
	f->o.env = (struct option_list){ NULL, 0 };
	assert_string_equal(spec->process->args.v[1], "-l");
	assert_int_equal(spec->process->env.n, 3);
	assert_string_equal(spec->process->env.v[0], "PATH=/bin");
	assert_string_equal(spec->process->env.v[1], "TERM=xterm");
	assert_string_equal(spec->process->env.v[2], "A=2");
	assert_string_equal(spec->process->cwd, "/tmp");
	assert_int_equal(spec->process->user.uid, 1000);
	assert_int_equal(spec->process->user.gid, 50);
	assert_string_equal(spec->hostname, "web");
	assert_int_equal(spec->linux->resources->cpu->quota, 150000);
	assert_int_equal(spec->linux->resources->cpu->period, 100000);
	assert_int_equal(spec->linux->resources->memory->limit, 64 << 20);
	assert_int_equal(spec->linux->resources->pids_limit, 10);
	assert_true(spec->process->terminal && spec->root_readonly);
}

static const char bundle[] =
	"{\"ociVersion\":\"1.0.2\",\"process\":{\"user\":{\"uid\":0,\"gid\":0},\"args\":[\"true\"],\"cwd\":\"/\","
	"\"env\":[\"X=y\"]},\"root\":{\"path\":\"root\"},"
	"\"mounts\":[{\"destination\":\"/data\",\"type\":\"bind\",\"source\":\"%s/root\",\"options\":[\"bind\"]},"
	"{\"destination\":\"/other\",\"type\":\"bind\",\"source\":\"%s-not\",\"options\":[\"bind\"]}],"
	"\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"network\",\"path\":\"/var/run/netns/x\"},"
	"{\"type\":\"ipc\",\"path\":\"/proc/1/ns/ipc\"},{\"type\":\"mount\"}]}}";

static void a_bundle_is_seen_through_the_share(void **state)
{
	struct fixture *f = *state;
	char text[2048], share[128], expected[128];
	struct oci_spec *spec;

	(void)snprintf(text, sizeof(text), bundle, f->dir, f->dir);
	write_file(f->dir, "config.json", text);
	(void)snprintf(share, sizeof(share), "%s:/run/share", f->dir);
	assert_int_equal(spec_parse_share(share, &f->arena, &f->o, &f->err), 0);
	f->o.bundle = f->dir;
	assert_int_equal(spec_build(&f->o, &f->arena, &spec, &f->err), 0);
	assert_string_equal(spec->root_path, "/run/share/root");
	assert_string_equal(spec->mounts[0].source, "/run/share/root");
	(void)snprintf(expected, sizeof(expected), "%s-not", f->dir);
	assert_string_equal(spec->mounts[1].source, expected);
	assert_int_equal(spec->linux->n_namespaces, 2);
	assert_int_equal(spec->linux->namespaces[0].flag, CLONE_NEWIPC);
	assert_null(spec->linux->namespaces[0].path);
	assert_int_equal(spec->linux->namespaces[1].flag, CLONE_NEWNS);
	assert_string_equal(spec->process->args.v[0], "true");
	assert_string_equal(spec->process->env.v[spec->process->env.n - 1], "X=y");
}

static void mistakes_name_their_object(void **state)
{
	struct fixture *f = *state;
	struct oci_spec *spec;
	uint32_t uid, gid;
	int64_t quota;

	f->o.bundle = f->dir;
	assert_int_equal(spec_build(&f->o, &f->arena, &spec, &f->err), -ENOENT);
	assert_non_null(strstr(f->err.text, "config.json"));
	write_file(f->dir, "config.json", "{\"ociVersion\":\"1.0.2\"}");
	assert_int_equal(spec_build(&f->o, &f->arena, &spec, &f->err), -EINVAL);
	f->o.bundle = NULL;
	f->o.rootfs = "relative";
	assert_int_equal(spec_build(&f->o, &f->arena, &spec, &f->err), -EINVAL);
	assert_non_null(strstr(f->err.text, "'relative'"));
	assert_int_equal(spec_parse_share("nothing", &f->arena, &f->o, &f->err), -EINVAL);
	assert_int_equal(spec_parse_share("/tmp:relative", &f->arena, &f->o, &f->err), -EINVAL);
	assert_int_equal(spec_parse_user("root", &uid, &gid, &f->err), -EINVAL);
	assert_int_equal(spec_parse_user("1:", &uid, &gid, &f->err), -EINVAL);
	assert_int_equal(spec_parse_user("4294967295", &uid, &gid, &f->err), -EINVAL);
	assert_int_equal(spec_parse_cpus("0", &quota, &f->err), -EINVAL);
	assert_int_equal(spec_parse_cpus("two", &quota, &f->err), -EINVAL);
	assert_int_equal(spec_parse_cpus("-1", &quota, &f->err), 0);
	assert_int_equal(quota, -1);
}

int test_spec(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(default_spec_is_the_golden_text, setup, teardown),
		cmocka_unit_test_setup_teardown(the_command_line_changes_the_spec, setup, teardown),
		cmocka_unit_test_setup_teardown(a_bundle_is_seen_through_the_share, setup, teardown),
		cmocka_unit_test_setup_teardown(mistakes_name_their_object, setup, teardown),
	};

	return cmocka_run_group_tests_name("ctl/spec", tests, NULL, NULL);
}
