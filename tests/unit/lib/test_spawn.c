/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/sys.h"
#include "tests/lib/unit.h"

/* Runs `sh -c script` and returns what it wrote; *ret_code is its exit code. */
static char *output_of(const char *script, char *const env[], int input, int *ret_code)
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)script, NULL };
	struct err err = ERR_INIT;
	char *text = calloc(1, 4096);
	int fds[2], pidfd = -EBADF;
	size_t len = 0;
	ssize_t n;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	struct spawn_spec spec = { .path = "/bin/sh", .argv = argv, .env = env, .stdio = { input, fds[1], fds[1] } };
	if (spawn_run(&spec, &pidfd, &err) < 0)
		fail_msg("%s", err.text);
	(void)fd_close(fds[1]);
	while ((n = read(fds[0], text + len, 4095 - len)) > 0)
		len += (size_t)n;
	(void)fd_close(fds[0]);
	*ret_code = spawn_wait(pidfd, 10000);
	(void)fd_close(pidfd);
	return text;
}

static void a_program_runs_with_its_stdio_and_code(void **state)
{
	int code;
	char *text = output_of("read x; echo \"got=$x\"; echo oops >&2; exit 3", NULL, -1, &code);

	(void)state;
	assert_string_equal(text, "got=\noops\n"); /* stdin was /dev/null */
	assert_int_equal(code, 3);
	free(text);
}

static void the_environment_is_what_was_given(void **state)
{
	char *env[] = { (char *)"ONE=1", NULL };
	int code;
	char *text;

	(void)state;
	(void)setenv("LEAK", "yes", 1);
	text = output_of("echo $ONE-$LEAK-", env, -1, &code);
	assert_string_equal(text, "1--\n");
	free(text);
	text = output_of("echo $ONE-$LEAK-", NULL, -1, &code);
	(void)unsetenv("LEAK");
	assert_string_equal(text, "--\n");
	free(text);
}

static void nothing_else_is_inherited(void **state)
{
	int leak = fcntl(0, F_DUPFD, 200), code;
	char *text = output_of("for f in /proc/$$/fd/*; do [ ${f##*/} -lt 20 ] || echo -n \"${f##*/} \"; done", NULL,
	                       -1, &code);

	(void)state;
	assert_true(leak >= 200);
	assert_string_equal(text, "");
	(void)fd_close(leak);
	free(text);
}

/* In the other order than they lie here, and one of them where another goes. */
static void what_is_no_network_is_not_entered(void **state)
{
	char *argv[] = { (char *)"true", NULL };
	struct spawn_spec spec = { .path = "/bin/true", .argv = argv, .stdio = { -1, -1, -1 } };
	int pidfd = -EBADF;
	struct err err = ERR_INIT;

	(void)state;
	spec.netns = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(spawn_run(&spec, &pidfd, &err), -EINVAL);
	assert_string_equal(err.text, "enter the network namespace of '/bin/true': Invalid argument");
	(void)fd_close(spec.netns);
}

static void more_fds_become_3_and_4(void **state)
{
	char *argv[] = { (char *)"sh", (char *)"-c",
		         (char *)"read a <&3; read b <&4; [ \"$a$b\" = xy ] && [ ! -e /proc/$$/fd/5 ]", NULL };
	int x[2], y[2], fds[2], pidfd = -EBADF, low = fcntl(0, F_DUPFD, 4);
	struct spawn_spec spec = { .path = "/bin/sh", .argv = argv, .stdio = { -1, -1, -1 }, .fds = fds, .n_fds = 2 };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(pipe2(x, O_CLOEXEC), 0);
	assert_int_equal(pipe2(y, O_CLOEXEC), 0);
	assert_int_equal(write(x[1], "x\n", 2), 2);
	assert_int_equal(write(y[1], "y\n", 2), 2);
	fds[0] = fcntl(x[0], F_DUPFD_CLOEXEC, 4);
	(void)dup3(y[0], 3, O_CLOEXEC);
	fds[1] = 3;
	if (spawn_run(&spec, &pidfd, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(spawn_wait(pidfd, 10000), 0);
	(void)fd_close(pidfd);
	spec.n_fds = SPAWN_FDS_MAX + 1;
	assert_int_equal(spawn_run(&spec, &pidfd, &err), -E2BIG);
	for (int i = 0; i < 2; i++) {
		(void)fd_close(x[i]);
		(void)fd_close(y[i]);
	}
	(void)fd_close(fds[0]);
	(void)fd_close(low);
}

static void signals_are_reset(void **state)
{
	sigset_t mask, old;
	int code;
	char *text;

	(void)state;
	(void)sigfillset(&mask);
	(void)sigprocmask(SIG_BLOCK, &mask, &old);
	(void)signal(SIGPIPE, SIG_IGN);
	text = output_of("kill -PIPE $$; echo alive", NULL, -1, &code);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	assert_string_equal(text, "");
	assert_int_equal(code, 128 + SIGPIPE);
	free(text);
}

static void a_missing_program_is_the_callers_error(void **state)
{
	char *argv[] = { (char *)"x", NULL };
	struct spawn_spec spec = {
		.path = "/no/such/program", .argv = argv, .stdio = { -1, -1, -1 }, .death_signal = true
	};
	struct err err = ERR_INIT;
	int pidfd = -EBADF;
	siginfo_t info;

	(void)state;
	assert_int_equal(spawn_run(&spec, &pidfd, &err), -ENOENT);
	assert_string_equal(err.text, "run '/no/such/program': No such file or directory");
	assert_int_equal(pidfd, -EBADF);
	/* and it is no zombie */
	assert_int_equal(waitid(P_ALL, 0, &info, WEXITED | WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void bad_stdio_is_told(void **state)
{
	char *argv[] = { (char *)"true", NULL };
	struct spawn_spec spec = { .path = "/bin/true", .argv = argv, .stdio = { -1, 999, -1 } };
	struct err err = ERR_INIT;
	int pidfd = -EBADF;

	(void)state;
	assert_int_equal(spawn_run(&spec, &pidfd, &err), -EBADF);
	assert_string_equal(err.text, "set up stdio of '/bin/true': Bad file descriptor");
}

static void stdio_may_be_swapped(void **state)
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)"echo to-stdout; echo to-stderr >&2", NULL };
	int out[2], code, pidfd = -EBADF, saved1 = dup(1), saved2 = dup(2), sink = open("/dev/null", O_WRONLY);
	struct err err = ERR_INIT;
	char text[64] = "";
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	/* Our 2 becomes its 1, our 1 becomes its 2. */
	struct spawn_spec spec = { .path = "/bin/sh", .argv = argv, .stdio = { 0, 2, 1 }, .death_signal = true };
	(void)dup2(out[1], 2);
	(void)dup2(sink, 1);
	pid = spawn_run(&spec, &pidfd, &err);
	(void)dup2(saved1, 1);
	(void)dup2(saved2, 2);
	(void)fd_close(sink);
	(void)fd_close(saved1);
	(void)fd_close(saved2);
	(void)fd_close(out[1]);
	assert_true(pid > 0);
	code = spawn_wait(pidfd, -1);
	assert_int_equal(code, 0);
	assert_int_equal(read(out[0], text, sizeof(text) - 1), strlen("to-stdout\n"));
	assert_string_equal(text, "to-stdout\n");
	(void)fd_close(out[0]);
	(void)fd_close(pidfd);
}

static void waiting_has_a_deadline(void **state)
{
	char *argv[] = { (char *)"sleep", (char *)"60", NULL };
	struct spawn_spec spec = { .path = "/bin/sleep", .argv = argv, .stdio = { -1, -1, -1 }, .death_signal = true };
	int pidfd = -EBADF;

	(void)state;
	assert_true(spawn_run(&spec, &pidfd, NULL) > 0);
	assert_int_equal(spawn_wait(pidfd, 10), -ETIMEDOUT);
	assert_int_equal(sys_pidfd_send_signal(pidfd, SIGKILL), 0);
	assert_int_equal(spawn_wait(pidfd, 10000), 128 + SIGKILL);
	(void)fd_close(pidfd);
}

static void who_is_late_is_killed(void **state)
{
	char *late[] = { (char *)"sleep", (char *)"60", NULL }, *soon[] = { (char *)"sleep", (char *)"0", NULL };
	struct spawn_spec spec = { .path = "/bin/sleep", .argv = late, .stdio = { -1, -1, -1 }, .death_signal = true };
	int pidfd = -EBADF;

	(void)state;
	assert_true(spawn_run(&spec, &pidfd, NULL) > 0);
	assert_int_equal(spawn_wait_or_kill(pidfd, 10), -ETIMEDOUT);
	assert_int_equal(spawn_wait(pidfd, 10000), -ECHILD); /* it is gone, and reaped */
	(void)fd_close(pidfd);
	spec.argv = soon;
	assert_true(spawn_run(&spec, &pidfd, NULL) > 0);
	assert_int_equal(spawn_wait_or_kill(pidfd, 10000), 0);
	(void)fd_close(pidfd);
}

static int say_when_told(void *arg)
{
	int fd = *(int *)arg;
	char c;

	/* It holds no pipe of its caller's open. */
	if (fcntl(STDIN_FILENO, F_GETFD) >= 0 || fcntl(STDOUT_FILENO, F_GETFD) >= 0 ||
	    fcntl(STDERR_FILENO, F_GETFD) >= 0)
		return -EBADF;
	return read(fd, &c, 1) == 1 && write(fd, "+", 1) == 1 ? -ECHILD : -EIO;
}

static bool hears(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char c;

	return poll(&p, 1, 10000) == 1 && read(fd, &c, 1) == 1 && c == '+';
}

static void what_is_done_apart_has_a_result(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(write(fds[0], "-", 1), 1);
	assert_int_equal(spawn_apart(say_when_told, &fds[1], fds[1], 10000), -ECHILD);
	assert_true(hears(fds[0]));
	assert_int_equal(waitid(P_ALL, 0, &(siginfo_t){ 0 }, WEXITED | WNOHANG | __WALL), -1);
	assert_int_equal(errno, ECHILD);
	(void)fd_close(fds[0]);
	(void)fd_close(fds[1]);
}

static void it_goes_on_when_nobody_waits_and_leaves_nothing(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(spawn_apart(say_when_told, &fds[1], fds[1], 1), -ETIMEDOUT);
	assert_int_equal(write(fds[0], "-", 1), 1);
	assert_true(hears(fds[0]));
	/* Only who asks for the silent ones sees it. */
	assert_int_equal(waitid(P_ALL, 0, &(siginfo_t){ 0 }, WEXITED | WNOHANG), -1);
	assert_int_equal(waitid(P_ALL, 0, &(siginfo_t){ 0 }, WEXITED | WNOWAIT | __WALL), 0);
	assert_int_equal(write(fds[0], "-", 1), 1);
	assert_int_equal(spawn_apart(say_when_told, &fds[1], fds[1], 10000), -ECHILD);
	assert_int_equal(waitid(P_ALL, 0, &(siginfo_t){ 0 }, WEXITED | WNOHANG | __WALL), -1);
	(void)fd_close(fds[0]);
	(void)fd_close(fds[1]);
}

static void it_outlives_its_caller(void **state)
{
	int fds[2];
	pid_t pid;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	pid = fork();
	if (pid == 0) {
		(void)setsid();
		(void)spawn_apart(say_when_told, &fds[1], fds[1], 5);
		/* Its whole process group, as a terminal or an engine does it. */
		(void)kill(0, SIGKILL);
	}
	(void)fd_close(fds[1]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(write(fds[0], "-", 1), 1);
	assert_true(hears(fds[0]));
	(void)fd_close(fds[0]);
}

int test_spawn(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_runs_with_its_stdio_and_code),
		cmocka_unit_test(the_environment_is_what_was_given),
		cmocka_unit_test(nothing_else_is_inherited),
		cmocka_unit_test(what_is_no_network_is_not_entered),
		cmocka_unit_test(more_fds_become_3_and_4),
		cmocka_unit_test(signals_are_reset),
		cmocka_unit_test(a_missing_program_is_the_callers_error),
		cmocka_unit_test(bad_stdio_is_told),
		cmocka_unit_test(stdio_may_be_swapped),
		cmocka_unit_test(waiting_has_a_deadline),
		cmocka_unit_test(who_is_late_is_killed),
		cmocka_unit_test(what_is_done_apart_has_a_result),
		cmocka_unit_test(it_goes_on_when_nobody_waits_and_leaves_nothing),
		cmocka_unit_test(it_outlives_its_caller),
	};

	return cmocka_run_group_tests_name("spawn", tests, NULL, NULL);
}
