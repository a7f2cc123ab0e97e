/* SPDX-License-Identifier: Apache-2.0 */
/* The verb's half of a create: the supervisor is a thread, the stdio process is not started. */
#include "runtime/launch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/jsontext.h"
#include "runtime/place.h"
#include "runtime/supervisor.h"
#include "tests/lib/config.h"
#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

#define PATIENCE_MS 30000
#define CREATED     "{\"result\":{\"agent\":\"vsock://7:1024\"}}\n"

struct fixture {
	void *dir;
	const char *path;
	char root[96], config[96], bundle[96], pid_file[96];
	struct runtime rt;
	struct launch_options o;
	struct stdio stdio;
	/* The supervisor: what it is asked, and answers; NULL = it dies. */
	const char *answer;
	int start_rc, fd;
	bool is_started;
	pthread_t thread;
	char asked[65536];
	int stdio_rc;
	bool has_stdio;
};

static struct fixture *launching;

int __real_supervisor_start(const char *root, const char *sandbox, struct err *err);
int __wrap_supervisor_start(const char *root, const char *sandbox, struct err *err);
int __real_stdio_start(struct stdio *s, const struct view *v, struct err *err);
int __wrap_stdio_start(struct stdio *s, const struct view *v, struct err *err);

/* No assert: it is no thread of cmocka's. */
static void *supervise(void *arg)
{
	struct fixture *f = arg;
	size_t len = 0;

	while (len < sizeof(f->asked) - 1 && !memchr(f->asked, '\n', len)) {
		struct pollfd p = { .fd = f->fd, .events = POLLIN };
		ssize_t n = poll(&p, 1, PATIENCE_MS) == 1 ? read(f->fd, f->asked + len, sizeof(f->asked) - 1 - len) : 0;

		if (n <= 0)
			break;
		len += (size_t)n;
	}
	if (len > 0 && f->answer)
		(void)fd_write_all(f->fd, f->answer, strlen(f->answer));
	(void)close(f->fd);
	return NULL;
}

int __wrap_supervisor_start(const char *root, const char *sandbox, struct err *err)
{
	struct fixture *f = launching;
	int fds[2];

	if (!f)
		return __real_supervisor_start(root, sandbox, err);
	if (f->start_rc < 0)
		return err_set(err, f->start_rc, "start the supervisor of '%s'", sandbox);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	f->fd = fds[1];
	f->is_started = true;
	assert_int_equal(pthread_create(&f->thread, NULL, supervise, f), 0);
	return fds[0];
}

int __wrap_stdio_start(struct stdio *s, const struct view *v, struct err *err)
{
	struct fixture *f = launching;

	if (!f)
		return __real_stdio_start(s, v, err);
	f->has_stdio = true;
	s->pid = 4711;
	return f->stdio_rc < 0 ? err_set(err, f->stdio_rc, "start the stdio process of '%s'", s->cid) : 0;
}

/* A program that is executable, a kernel and an initrd that are files: none is started. */
static void write_config(struct fixture *f, const char *kernel)
{
	char text[1024];

	(void)snprintf(
		text, sizeof(text),
		"[hypervisor.qemu]\npath = \"/bin/sh\"\nkernel = \"%s\"\ninitrd = \"%s/initrd\"\naccel = \"tcg\"\n"
		"shared_fs = \"none\"\n[runtime]\ninternetworking_model = \"none\"\ndisable_new_netns = true\n",
		kernel, f->path);
	tempdir_write(f->dir, "c.toml", text);
}

/* Each hook leaves a letter. */
static void write_bundle(struct fixture *f, const char *annotations, const char *create_hook)
{
	char text[2048];

	(void)snprintf(text, sizeof(text),
	               "{\"ociVersion\":\"1.0.2\",\"process\":{\"cwd\":\"/\",\"args\":[\"sh\"],\"user\":{\"uid\":0,"
	               "\"gid\":0}},\"root\":{\"path\":\"rootfs\"},\"annotations\":{%s},\"linux\":{\"namespaces\":"
	               "[{\"type\":\"pid\"},{\"type\":\"mount\"}]},\"hooks\":{\"createRuntime\":[{\"path\":\"/bin/sh\","
	               "\"args\":[\"sh\",\"-c\",\"%s\"]}],\"poststop\":[{\"path\":\"/bin/sh\",\"args\":[\"sh\",\"-c\","
	               "\"printf p >>%s/hooks\"]}]}}",
	               annotations, create_hook, f->path);
	tempdir_write(f->dir, "bundle/config.json", text);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char path[128], hook[128];

	if (!f || tempdir_setup(&f->dir) < 0)
		return -1;
	f->path = ((const struct tempdir *)f->dir)->path;
	(void)snprintf(f->root, sizeof(f->root), "%s/root", f->path);
	(void)snprintf(f->config, sizeof(f->config), "%s/c.toml", f->path);
	(void)snprintf(f->bundle, sizeof(f->bundle), "%s/bundle", f->path);
	(void)snprintf(f->pid_file, sizeof(f->pid_file), "%s/pid", f->path);
	(void)snprintf(path, sizeof(path), "%s/rootfs", f->bundle);
	(void)snprintf(hook, sizeof(hook), "printf c >>%s/hooks", f->path);
	assert_int_equal(mkdir(f->root, 0700) | mkdir(f->bundle, 0700) | mkdir(path, 0700), 0);
	tempdir_write(f->dir, "initrd", "");
	tempdir_write(f->dir, "hooks", "");
	(void)snprintf(path, sizeof(path), "%s/initrd", f->path);
	write_config(f, path);
	write_bundle(f, "", hook);
	f->rt = (struct runtime){ .root = f->root, .config = f->config };
	f->o = (struct launch_options){ .bundle = f->bundle, .pid_file = f->pid_file };
	f->stdio = (struct stdio)STDIO_INIT;
	f->answer = CREATED;
	(void)signal(SIGPIPE, SIG_IGN); /* as verbs have it */
	launching = f;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	launching = NULL;
	(void)signal(SIGPIPE, SIG_DFL);
	stdio_done(&f->stdio);
	(void)tempdir_teardown(&f->dir);
	free(f);
	return 0;
}

static int create(struct fixture *f, const char *id, struct err *err)
{
	int r = launch_create(&f->rt, &f->o, id, &f->stdio, err);

	if (f->is_started)
		assert_int_equal(pthread_join(f->thread, NULL), 0);
	f->is_started = false;
	return r;
}

static void expect_text(struct fixture *f, const char *name, const char *expected)
{
	_autofree_ char *text = NULL;
	char path[160];
	size_t n;

	(void)snprintf(path, sizeof(path), "%s/%s", f->path, name);
	assert_int_equal(fd_read_file_at(AT_FDCWD, path, 4096, &text, &n), 0);
	assert_string_equal(text, expected);
}

/* No sandbox, no name of a container, no pid file. */
static void expect_nothing(struct fixture *f)
{
	_autofree_ char *sandbox = NULL, *dir = place_path(f->root, "web", NULL);

	assert_int_equal(access(dir, F_OK), -1);
	assert_int_equal(place_find(f->root, "web", &sandbox, NULL), -ENOENT);
	stdio_done(&f->stdio);
	assert_int_equal(access(f->pid_file, F_OK), -1);
}

static void expect_failure(struct fixture *f, int num, const char *text)
{
	struct err err = ERR_INIT;

	assert_int_equal(create(f, "web", &err), -num);
	if (!strstr(err_text(&err), text))
		fail_msg("'%s' is not in '%s'", text, err_text(&err));
	expect_nothing(f);
}

static void the_supervisor_is_asked(void **state)
{
	struct fixture *f = *state;
	_autojson_ struct json_object *asked = NULL;
	_autofree_ char *sandbox = NULL;
	struct err err = ERR_INIT;

	if (create(f, "web", &err) < 0)
		fail_msg("%s", err_text(&err));
	asked = json_tokener_parse(f->asked);
	assert_string_equal(json_object_get_string(config_find(asked, "verb")), "create");
	assert_string_equal(json_object_get_string(config_find(asked, "id")), "web");
	assert_string_equal(json_object_get_string(config_find(asked, "bundle")), f->bundle);
	assert_false(json_object_get_boolean(config_find(asked, "kvm")));
	assert_non_null(config_find(asked, "config"));
	assert_true(f->has_stdio);
	assert_string_equal(f->stdio.address, "vsock://7:1024");
	expect_text(f, "pid", "4711");
	expect_text(f, "hooks", "c");
	assert_int_equal(place_find(f->root, "web", &sandbox, NULL), 0);
	assert_string_equal(sandbox, "web");
}

/* Whatever fails, and however late: what was made is unmade, and poststop hooks run. */
static void a_refusal_is_undone(void **state)
{
	struct fixture *f = *state;

	f->answer = "{\"errno\":28,\"error\":\"boot: no room\"}\n";
	expect_failure(f, ENOSPC, "boot: no room");
	expect_text(f, "hooks", "cp");
	assert_false(f->has_stdio);
}

static void a_supervisor_that_dies_is_undone(void **state)
{
	struct fixture *f = *state;

	f->answer = NULL;
	expect_failure(f, ECONNRESET, "the sandbox's supervisor ended before it answered");
	f->answer = "{\"result\":{\"agent\":";
	expect_failure(f, ECONNRESET, "the sandbox's supervisor ended before it answered");
	f->answer = "nonsense\n";
	expect_failure(f, EINVAL, "");
	f->answer = "{\"result\":{}}\n";
	expect_failure(f, EPROTO, "'web'");
	f->start_rc = -EMFILE;
	expect_failure(f, EMFILE, "start the supervisor of 'web'");
	expect_text(f, "hooks", "cpcpcpcp");
}

static void a_process_that_does_not_start_is_undone(void **state)
{
	struct fixture *f = *state;

	f->stdio_rc = -EAGAIN;
	expect_failure(f, EAGAIN, "start the stdio process of 'web'");
	expect_text(f, "hooks", "cp");
}

/* Nobody is asked for a container whose hook refuses it. */
static void a_hook_that_fails_is_the_reason(void **state)
{
	struct fixture *f = *state;

	write_bundle(f, "", "exit 3");
	expect_failure(f, ECHILD, "hook");
	assert_string_equal(f->asked, "");
	expect_text(f, "hooks", "p");
}

static void what_is_missing_is_named_before_anything_is_made(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	write_config(f, "/nonexistent/kernel");
	expect_failure(f, ENOENT, "/nonexistent/kernel");
	f->o.bundle = "/nonexistent/bundle";
	expect_failure(f, ENOENT, "find the bundle '/nonexistent/bundle'");
	f->o.bundle = f->bundle;
	f->o.pid_file = "/nonexistent/pid";
	expect_failure(f, ENOENT, "/nonexistent/pid");
	assert_true(create(f, "../web", &err) < 0);
	assert_string_equal(f->asked, "");
	expect_text(f, "hooks", "");
}

/* The one that has the name keeps it. */
static void a_name_is_given_once(void **state)
{
	struct fixture *f = *state;
	_autofree_ char *sandbox = NULL, *dir = place_path(f->root, "web", NULL);
	struct err err = ERR_INIT;

	assert_int_equal(create(f, "web", NULL), 0);
	stdio_done(&f->stdio);
	f->stdio = (struct stdio)STDIO_INIT;
	assert_int_equal(create(f, "web", &err), -EEXIST);
	assert_int_equal(place_find(f->root, "web", &sandbox, NULL), 0);
	assert_int_equal(access(dir, F_OK), 0);
	expect_text(f, "pid", "4711");
	expect_text(f, "hooks", "c");
}

static void without_its_sandbox_no_container_joins(void **state)
{
	struct fixture *f = *state;

	write_bundle(f, "\"io.kubernetes.cri.container-type\":\"container\",\"io.kubernetes.cri.sandbox-id\":\"pod\"",
	             "exit 0");
	expect_failure(f, ENOENT, "create container 'web' in sandbox 'pod': there is none of that name");
	assert_string_equal(f->asked, "");
	expect_text(f, "hooks", "");
}

static void only_what_is_created_starts(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	assert_int_equal(launch_start(&f->rt, "web", &err), -ENOENT);
	assert_int_equal(create(f, "web", NULL), 0);
	/* Its supervisor has written nothing yet. */
	assert_int_equal(launch_start(&f->rt, "web", &err), -EINVAL);
	assert_string_equal(err_text(&err), "start container 'web': it is 'creating', not 'created'");
}

int test_launch(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_supervisor_is_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(a_refusal_is_undone, setup, teardown),
		cmocka_unit_test_setup_teardown(a_supervisor_that_dies_is_undone, setup, teardown),
		cmocka_unit_test_setup_teardown(a_process_that_does_not_start_is_undone, setup, teardown),
		cmocka_unit_test_setup_teardown(a_hook_that_fails_is_the_reason, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_missing_is_named_before_anything_is_made, setup, teardown),
		cmocka_unit_test_setup_teardown(a_name_is_given_once, setup, teardown),
		cmocka_unit_test_setup_teardown(without_its_sandbox_no_container_joins, setup, teardown),
		cmocka_unit_test_setup_teardown(only_what_is_created_starts, setup, teardown),
	};

	return cmocka_run_group_tests_name("launch", tests, NULL, NULL);
}
