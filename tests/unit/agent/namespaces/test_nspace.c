/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/namespaces/nspace.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/job.h"
#include "tests/lib/forked.h"

static struct oci_namespace all[] = {
	{ CLONE_NEWIPC, "/proc/1/ns/ipc" }, { CLONE_NEWUTS, NULL },  { CLONE_NEWNS, NULL },
	{ CLONE_NEWCGROUP, NULL },          { CLONE_NEWUSER, NULL },
};

static struct oci_namespace twice[] = { { CLONE_NEWNS, NULL }, { CLONE_NEWNS, NULL } };
static struct oci_namespace with_pid[] = { { CLONE_NEWNS, NULL }, { CLONE_NEWPID, NULL }, { CLONE_NEWNET, NULL } };

static const struct nspace_pins no_pins = { -EBADF, -EBADF, -EBADF };

#define SPEC(list)                                                                                                     \
	{                                                                                                              \
		.linux = &(struct oci_linux)                                                                           \
		{                                                                                                      \
			.namespaces = (list), .n_namespaces = ARRAY_SIZE(list)                                         \
		}                                                                                                      \
	}

static void without_pins_everything_is_new(void **state)
{
	const struct oci_spec spec = SPEC(all);
	struct nspace_plan plan;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(nspace_plan_init(&spec, &no_pins, false, &plan, &err), 0);
	assert_int_equal(plan.create, CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID);
	assert_true(plan.create_cgroup);
	assert_int_equal(plan.n_join, 0);
}

static void pins_are_joined(void **state)
{
	const struct oci_spec spec = SPEC(all);
	const struct nspace_pins pins = { 10, 11, 12 };
	struct nspace_plan plan;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(nspace_plan_init(&spec, &pins, true, &plan, &err), 0);
	assert_int_equal(plan.create, CLONE_NEWNS | CLONE_NEWUSER);
	assert_int_equal(plan.n_join, 3);
	assert_int_equal(plan.join[0], 10);
	assert_int_equal(plan.join[1], 11);
	assert_int_equal(plan.join[2], 12);
	assert_true(nspace_plan_joins(&plan, CLONE_NEWPID));
}

static void pid_namespace_is_the_sandboxes_only_if_asked(void **state)
{
	const struct oci_spec spec = SPEC(with_pid);
	const struct nspace_pins pins = { 10, 11, 12 };
	struct nspace_plan plan;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(nspace_plan_init(&spec, &pins, false, &plan, &err), 0);
	assert_int_equal(plan.create, CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET);
	assert_int_equal(plan.n_join, 0);
	/* The first container of a sandbox makes the namespace that the next ones share. */
	assert_int_equal(nspace_plan_init(&spec, &no_pins, true, &plan, &err), 0);
	assert_true(plan.create & CLONE_NEWPID);
}

static void doubles_and_a_missing_mount_namespace_are_refused(void **state)
{
	const struct oci_spec doubled = SPEC(twice);
	struct oci_linux empty = { .n_namespaces = 0 };
	const struct oci_spec none = { .linux = &empty };
	struct nspace_plan plan = { .create = 42 };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(nspace_plan_init(&doubled, &no_pins, false, &plan, &err), -EINVAL);
	assert_string_equal(err.text, "namespace 'mnt' is listed twice");
	assert_int_equal(nspace_plan_init(&none, &no_pins, false, &plan, &err), -EINVAL);
	assert_non_null(strstr(err.text, "mount namespace"));
	assert_int_equal(plan.create, 42);
}

static void paths_are_opened_for_a_runtime(void **state)
{
	struct oci_namespace list[] = { { CLONE_NEWNS, NULL },
		                        { CLONE_NEWIPC, "/proc/self/ns/ipc" },
		                        { CLONE_NEWUSER, "/proc/self/ns/user" } };
	const struct oci_linux lin = { .namespaces = list, .n_namespaces = ARRAY_SIZE(list) };
	struct nspace_plan plan;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(nspace_plan_paths(&lin, &plan, &err), 0);
	assert_int_equal(plan.create, CLONE_NEWNS);
	assert_int_equal(plan.n_join, 2);
	assert_int_equal(plan.join_flag[0], CLONE_NEWUSER); /* joined before the others */
	assert_true(plan.join[0] >= 0 && plan.join[1] >= 0);
	nspace_plan_close(&plan);
	assert_int_equal(plan.join[1], -EBADF);

	list[1].path = "/nonexistent/ns";
	assert_int_equal(nspace_plan_paths(&lin, &plan, &err), -ENOENT);
	assert_string_equal(err.text, "open ipc namespace '/nonexistent/ns': No such file or directory");
}

static ino_t inode(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_ino;
}

static ino_t fd_inode(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_ino;
}

static int make_pins_and_join(void)
{
	struct job_reply reply = { 0 };
	struct err err = ERR_INIT;
	struct nspace_plan plan = { .n_join = 1, .join_flag = { CLONE_NEWIPC } };
	char name[65] = "";
	ino_t before = inode("/proc/self/ns/ipc");

	if (nspace_make_pins("pinned", &reply, &err) < 0 || reply.n_fds != 2)
		return 1;
	if (gethostname(name, sizeof(name)) < 0 || strcmp(name, "pinned") != 0)
		return 2;
	if (fd_inode(reply.fds[0]) == before || fd_inode(reply.fds[0]) != inode("/proc/self/ns/ipc"))
		return 3;
	if (unshare(CLONE_NEWIPC) < 0 || fd_inode(reply.fds[0]) == inode("/proc/self/ns/ipc"))
		return 4;
	plan.join[0] = reply.fds[0];
	if (nspace_join(&plan, &err) < 0 || fd_inode(reply.fds[0]) != inode("/proc/self/ns/ipc"))
		return 5;
	plan.join[0] = reply.fds[1]; /* a uts namespace where an ipc namespace is promised */
	if (nspace_join(&plan, &err) != -EINVAL || strcmp(err.text, "join ipc namespace: Invalid argument") != 0)
		return 6;
	job_reply_done(&reply);
	return 0;
}

static void pins_hold_namespaces_that_can_be_joined(void **state)
{
	(void)state;
	skip_unless_root();
	assert_int_equal(forked_run(make_pins_and_join), 0);
}

static bool is_loopback_up(void)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
		                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		                    .sin_port = htons(9) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return sendto(fd, "x", 1, 0, (struct sockaddr *)&addr, sizeof(addr)) == 1;
}

static int bring_loopback_up(void)
{
	struct err err = ERR_INIT;

	if (unshare(CLONE_NEWNET) < 0 || is_loopback_up())
		return 1;
	if (nspace_loopback_up(&err) < 0)
		return 2;
	/* Packets to ourselves arrive only when it is up. */
	return is_loopback_up() ? 0 : 3;
}

static void loopback_goes_up(void **state)
{
	(void)state;
	skip_unless_root();
	assert_int_equal(forked_run(bring_loopback_up), 0);
}

/* A child in a new user namespace that waits until the pipe is closed. */
static pid_t start_userns_child(int *ret_release)
{
	int ready[2], release[2];
	char c;
	pid_t pid;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(release, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)close(release[1]);
		if (unshare(CLONE_NEWUSER) < 0 || write(ready[1], "r", 1) != 1)
			_exit(1);
		(void)!read(release[0], &c, 1);
		_exit(0);
	}
	(void)close(ready[1]);
	(void)close(release[0]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	(void)close(ready[0]);
	*ret_release = release[1];
	return pid;
}

static void maps_are_written(void **state)
{
	struct oci_id_map uids[] = { { 0, 0, 1 }, { 100000, 1, 1000 } }, gids[] = { { 200000, 0, 10 } };
	const struct oci_linux lin = { .uid_maps = { uids, 2 }, .gid_maps = { gids, 1 } };
	struct err err = ERR_INIT;
	char path[64], *text = NULL;
	int release, status;
	pid_t pid;

	(void)state;
	skip_unless_root();
	pid = start_userns_child(&release);
	assert_int_equal(nspace_write_maps(pid, &lin, &err), 0);
	(void)snprintf(path, sizeof(path), "/proc/%d/uid_map", (int)pid);
	assert_int_equal(fd_read_file_at(AT_FDCWD, path, 4096, &text, NULL), 0);
	assert_string_equal(text, "         0          0          1\n         1     100000       1000\n");
	free(text);
	(void)close(release);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

static void a_user_namespace_without_maps_is_an_error(void **state)
{
	const struct oci_linux lin = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(nspace_write_maps(getpid(), &lin, &err), -EINVAL);
	assert_non_null(strstr(err.text, "uid_map"));
	assert_non_null(strstr(err.text, "no id mappings"));
}

int test_nspace(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_pins_everything_is_new),
		cmocka_unit_test(pins_are_joined),
		cmocka_unit_test(pid_namespace_is_the_sandboxes_only_if_asked),
		cmocka_unit_test(doubles_and_a_missing_mount_namespace_are_refused),
		cmocka_unit_test(paths_are_opened_for_a_runtime),
		cmocka_unit_test(pins_hold_namespaces_that_can_be_joined),
		cmocka_unit_test(loopback_goes_up),
		cmocka_unit_test(maps_are_written),
		cmocka_unit_test(a_user_namespace_without_maps_is_an_error),
	};

	return cmocka_run_group_tests_name("nspace", tests, NULL, NULL);
}
