/* SPDX-License-Identifier: Apache-2.0 */
#include "runk/launch.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "agent/report.h"
#include "lib/fd.h"
#include "lib/sys.h"
#include "runk/builder.h"
#include "tests/lib/forked.h"
#include "tests/lib/tempdir.h"

static char nope[] = "nope", *args[] = { nope };
static struct oci_process process = { .args = { args, 1 } };
static const struct launch_options no_options;

/* --- a child that plays its part ---------------------------------------------------------------------------------- */

/* What it does; its exit status is of no interest. NULL: nobody could be cloned. */
static void (*play)(const struct build_request *q);

int __wrap_builder_run(struct build_request *request, struct build_result *ret, struct err *err);
int __wrap_builder_run(struct build_request *request, struct build_result *ret, struct err *err)
{
	pid_t pid = play ? fork() : -1;

	if (pid == 0) {
		play(request);
		_exit(0);
	}
	if (pid < 0)
		return err_set(err, EPIPE, "clone");
	ret->pid = pid;
	ret->pidfd = sys_pidfd_open(pid);
	return ret->pidfd < 0 ? ret->pidfd : 0;
}

static void wait_for_release(const struct build_request *q)
{
	char word = 0;

	if (read(q->park, &word, 1) != 1 || word != CHILD_GO)
		_exit(1);
}

static void give_up(const struct build_request *q, int num, const char *text)
{
	struct err err = ERR_INIT;

	(void)err_say(&err, num, "%s", text);
	(void)report_failed(q->report, &err);
	_exit(1);
}

static void good(const struct build_request *q)
{
	(void)report_ready(q->report);
	wait_for_release(q);
}

static void with_hooks(const struct build_request *q)
{
	if (report_mounted(q->report) < 0)
		_exit(1);
	good(q);
}

static void with_terminal(const struct build_request *q)
{
	_autoclose_ int fd = open("/dev/null", O_RDWR);

	(void)report_console(q->report, fd);
	good(q);
}

static void silent(const struct build_request *q)
{
	(void)q;
}

static void missing(const struct build_request *q)
{
	give_up(q, ENOENT, "the file 'nope' was not found");
}

static void forbidden(const struct build_request *q)
{
	give_up(q, EACCES, "the file 'nope' may not be executed");
}

static void mount_fails(const struct build_request *q)
{
	give_up(q, ENOENT, "mount 'x' on '/y': no such file");
}

static void late(const struct build_request *q)
{
	good(q);
	give_up(q, ENOEXEC, "execute 'nope': exec format error");
}

/* launch_build and launch_wait_ready, with that child. */
static int launch(struct launch *l, void (*child)(const struct build_request *q), struct err *err)
{
	int r;

	play = child;
	l->options = l->options ? l->options : &no_options;
	l->request.id = "box";
	l->request.process = &process;
	l->request.park = -EBADF;
	r = launch_build(l, err);
	return r < 0 ? r : launch_wait_ready(l, err);
}

static bool is_alive(const struct launch *l)
{
	siginfo_t info = { 0 };

	return waitid(P_PID, (id_t)l->result.pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0;
}

/* Its child, whoever ended it, has been waited for. */
static void no_child_left(void)
{
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void wait_for(const struct launch *l)
{
	assert_int_equal(waitpid(l->result.pid, NULL, 0), l->result.pid);
}

/* --- its life ----------------------------------------------------------------------------------------------------- */

static void released(void **state)
{
	_autolaunch_ struct launch l = LAUNCH_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(launch(&l, good, &err), 0);
	assert_true(is_alive(&l));
	assert_false(l.released);
	assert_int_equal(launch_let_go(&l, &err), 0);
	assert_true(l.released);
	wait_for(&l);
	no_child_left();
}

static void never_released(void **state)
{
	struct launch l = LAUNCH_INIT;

	(void)state;
	assert_int_equal(launch(&l, good, NULL), 0);
	launch_done(&l);
	assert_int_equal(l.result.pidfd, -EBADF);
	no_child_left();
	launch_done(&l);
}

/* One that has its program belongs to nobody here. */
static void a_released_one_lives_on(void **state)
{
	struct launch l = LAUNCH_INIT;
	int status;

	(void)state;
	assert_int_equal(launch(&l, good, NULL), 0);
	l.released = true;
	assert_int_equal(kill(l.result.pid, SIGSTOP), 0);
	launch_done(&l);
	assert_int_equal(waitpid(l.result.pid, &status, WUNTRACED), l.result.pid);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(kill(l.result.pid, SIGKILL), 0);
	wait_for(&l);
}

static void failures_in_engines_words(void **state)
{
	static const struct {
		void (*child)(const struct build_request *q);
		const char *program;
		int num;
		const char *text;
	} rows[] = {
		{ missing, "nope", ENOENT,
		  "exec: \"nope\": executable file not found in $PATH: no such file or directory" },
		{ missing, "/no/pe", ENOENT, "exec: \"/no/pe\": stat /no/pe: no such file or directory" },
		{ forbidden, "nope", EACCES, "exec: \"nope\": permission denied" },
		{ mount_fails, "nope", ENOENT, "mount 'x' on '/y': no such file" },
		{ silent, "nope", EPIPE, "the process of 'box' ended before it was ready" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_autolaunch_ struct launch l = LAUNCH_INIT;
		struct err err = ERR_INIT;

		args[0] = (char *)(uintptr_t)rows[i].program;
		assert_int_equal(launch(&l, rows[i].child, &err), -rows[i].num);
		assert_string_equal(err_text(&err), rows[i].text);
	}
	args[0] = nope;
	no_child_left();
}

/* Only when the kernel executes it. */
static void a_late_failure(void **state)
{
	_autolaunch_ struct launch l = LAUNCH_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(launch(&l, late, &err), 0);
	assert_int_equal(launch_let_go(&l, &err), -ENOEXEC);
	assert_string_equal(err_text(&err), "execute 'nope': exec format error");
	assert_false(l.released);
}

static void no_child(void **state)
{
	_autolaunch_ struct launch l = LAUNCH_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(launch(&l, NULL, &err), -EPIPE);
	assert_non_null(strstr(err_text(&err), "clone"));
	assert_true(l.result.pidfd < 0);
}

static int hooks_answer;

static int count_call(void *arg, struct err *err)
{
	(*(int *)arg)++;
	return hooks_answer < 0 ? err_say(err, -hooks_answer, "a hook broke") : 0;
}

static void hooks_before_pivot(void **state)
{
	int calls = 0;

	(void)state;
	for (hooks_answer = 0; hooks_answer >= -EIO; hooks_answer -= EIO) {
		_autolaunch_ struct launch l = LAUNCH_INIT;
		struct err err = ERR_INIT;

		l.mounted = count_call;
		l.mounted_arg = &calls;
		assert_int_equal(launch(&l, with_hooks, &err), hooks_answer);
		if (hooks_answer < 0)
			assert_string_equal(err_text(&err), "a hook broke");
	}
	assert_int_equal(calls, 2);
	no_child_left();
}

/* --- terminals ---------------------------------------------------------------------------------------------------- */

static void a_terminal_is_kept(void **state)
{
	_autolaunch_ struct launch l = LAUNCH_INIT;

	(void)state;
	assert_int_equal(launch(&l, with_terminal, NULL), 0);
	assert_true(l.master >= 0 && fcntl(l.master, F_GETFD) == FD_CLOEXEC);
	assert_int_equal(launch_let_go(&l, NULL), 0);
	wait_for(&l);
}

static int listen_at(const struct tempdir *dir, char *path, size_t size)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	(void)snprintf(path, size, "%s/sock", dir->path);
	assert_true(strlen(path) < sizeof(addr.sun_path));
	memcpy(addr.sun_path, path, strlen(path) + 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

/* The first message of whoever connects, which had one fd with it. */
static void receive_with_fd(int listener, char *text, size_t size)
{
	_autoclose_ int conn = accept(listener, NULL, NULL), fd = -EBADF;
	char space[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { text, size - 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space) };
	ssize_t n = recvmsg(conn, &msg, 0);

	assert_true(n > 0);
	text[n] = '\0';
	assert_non_null(CMSG_FIRSTHDR(&msg));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	assert_true(fcntl(fd, F_GETFD) >= 0);
}

static void a_terminal_is_sent(void **state)
{
	const struct tempdir *dir = *state;
	_autolaunch_ struct launch l = LAUNCH_INIT;
	char path[128], text[32];
	_autoclose_ int listener = listen_at(dir, path, sizeof(path));
	const struct launch_options options = { .console_socket = path };

	l.options = &options;
	assert_int_equal(launch(&l, with_terminal, NULL), 0);
	assert_int_equal(l.master, -EBADF);
	receive_with_fd(listener, text, sizeof(text));
	assert_string_equal(text, "/dev/ptmx");
}

static void nobody_takes_the_terminal(void **state)
{
	_autolaunch_ struct launch l = LAUNCH_INIT;
	const struct launch_options options = { .console_socket = "/nonexistent/sock" };
	struct err err = ERR_INIT;

	(void)state;
	l.options = &options;
	assert_int_equal(launch(&l, with_terminal, &err), -ENOENT);
	assert_non_null(strstr(err_text(&err), "/nonexistent/sock"));
}

static void how_a_terminal_is_asked_for(void **state)
{
	static const struct {
		const char *socket;
		bool terminal, detach;
		const char *wrong;
	} rows[] = {
		{ NULL, false, false, NULL },
		{ NULL, true, false, NULL },
		{ NULL, false, true, NULL },
		{ "/s", true, true, NULL },
		{ NULL, true, true, "without setting" },
		{ "/s", true, false, "cannot use console socket" },
		{ "/s", false, true, "cannot use" },
		{ "/s", false, false, "cannot use" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct launch_options options = { .console_socket = rows[i].socket };
		struct err err = ERR_INIT;
		int r = launch_check_terminal(&options, rows[i].terminal, rows[i].detach, &err);

		assert_int_equal(r, rows[i].wrong ? -EINVAL : 0);
		if (rows[i].wrong)
			assert_non_null(strstr(err_text(&err), rows[i].wrong));
	}
}

/* --- what others read ----------------------------------------------------------------------------------------------
 */

static void pid_file(void **state)
{
	const struct tempdir *dir = *state;
	char path[128], socket_path[128], text[32] = "";
	_autoclose_ int listener = listen_at(dir, socket_path, sizeof(socket_path)), fd = -EBADF;
	struct launch_options options = { .pid_file = path, .pidfd_socket = socket_path };
	_autolaunch_ struct launch l = LAUNCH_INIT;
	char expected[16];
	struct err err = ERR_INIT;

	(void)snprintf(path, sizeof(path), "%s/pid", dir->path);
	l.options = &options;
	assert_int_equal(launch(&l, good, &err), 0);
	assert_int_equal(launch_write_pid_file(&l, &err), 0);
	receive_with_fd(listener, text, sizeof(text));
	assert_string_equal(text, "pidfd");
	fd = open(path, O_RDONLY);
	memset(text, 0, sizeof(text));
	assert_true(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
	(void)snprintf(expected, sizeof(expected), "%d", (int)l.result.pid);
	assert_string_equal(text, expected);
	(void)strcat(path, ".runk");
	assert_int_equal(access(path, F_OK), -1);

	options = (struct launch_options){ .pid_file = "/nonexistent/pid" };
	assert_int_equal(launch_write_pid_file(&l, &err), -ENOENT);
	assert_non_null(strstr(err_text(&err), "write the pid file '/nonexistent/pid'"));
	options = (struct launch_options){ .pidfd_socket = "/nonexistent/sock" };
	assert_int_equal(launch_write_pid_file(&l, &err), -ENOENT);
	assert_non_null(strstr(err_text(&err), "send the pidfd to '/nonexistent/sock'"));
}

static void fds_of_socket_activation(void **state)
{
	static const char *const none[] = { NULL, "", "0", "-1", "x" };
	char home[] = "HOME=/", *env[] = { home };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
		struct oci_process p = { .env = { env, 1 } };

		assert_int_equal(none[i] ? setenv("LISTEN_FDS", none[i], 1) : unsetenv("LISTEN_FDS"), 0);
		assert_int_equal(launch_add_listen_env(NULL, &p, NULL), 0);
		assert_int_equal(p.env.n, 1);
	}
	{
		_autoarena_ struct arena arena = { 0 };
		struct oci_process p = { .env = { env, 1 } };

		assert_int_equal(setenv("LISTEN_FDS", "3", 1), 0);
		assert_int_equal(launch_add_listen_env(&arena, &p, NULL), 0);
		assert_int_equal(p.env.n, 3);
		assert_string_equal(p.env.v[0], "HOME=/");
		assert_string_equal(p.env.v[1], "LISTEN_FDS=3");
		assert_string_equal(p.env.v[2], "LISTEN_PID=1");
	}
	assert_int_equal(unsetenv("LISTEN_FDS"), 0);
}

int test_launch(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(released),
		cmocka_unit_test(never_released),
		cmocka_unit_test(a_released_one_lives_on),
		cmocka_unit_test(failures_in_engines_words),
		cmocka_unit_test(a_late_failure),
		cmocka_unit_test(no_child),
		cmocka_unit_test(hooks_before_pivot),
		cmocka_unit_test(a_terminal_is_kept),
		cmocka_unit_test_setup_teardown(a_terminal_is_sent, tempdir_setup, tempdir_teardown),
		cmocka_unit_test(nobody_takes_the_terminal),
		cmocka_unit_test(how_a_terminal_is_asked_for),
		cmocka_unit_test_setup_teardown(pid_file, tempdir_setup, tempdir_teardown),
		cmocka_unit_test(fds_of_socket_activation),
	};

	return cmocka_run_group_tests_name("launch", tests, NULL, NULL);
}
