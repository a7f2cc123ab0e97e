/* SPDX-License-Identifier: Apache-2.0 */
#include "client/console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/fd.h"
#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

#define LONG        (4u << 20) /* more than all buffers between two ends hold */
#define PATIENCE_MS 30000

/* The console in a process of its own, whose stdin and stdout are files; its connection's other end is the test's. */
struct fixture {
	void *dir;
	char in[96], out[96];
	pid_t pid;
	int fd;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const struct tempdir *dir;

	if (!f || tempdir_setup(&f->dir) < 0)
		return -1;
	dir = f->dir;
	(void)snprintf(f->in, sizeof(f->in), "%s/in", dir->path);
	(void)snprintf(f->out, sizeof(f->out), "%s/out", dir->path);
	f->fd = -EBADF;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	(void)fd_close(f->fd);
	if (f->pid > 0) {
		(void)kill(f->pid, SIGKILL);
		(void)waitpid(f->pid, NULL, 0);
	}
	(void)tempdir_teardown(&f->dir);
	free(f);
	return 0;
}

static void start(struct fixture *f)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	f->pid = fork();
	assert_true(f->pid >= 0);
	if (f->pid == 0) {
		int in = open(f->in, O_RDONLY), out = open(f->out, O_WRONLY | O_CREAT | O_TRUNC, 0600);

		(void)alarm(60);
		(void)signal(SIGPIPE, SIG_IGN); /* as programs have it */
		(void)close(pair[0]);
		if (dup2(in, 0) < 0 || dup2(out, 1) < 0)
			_exit(120);
		_exit(console_talk(pair[1]) == 0 ? 0 : 1);
	}
	(void)close(pair[1]);
	f->fd = pair[0];
}

static int reap(struct fixture *f)
{
	int status = 0;

	assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
	f->pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Reads until `n` bytes or the end have come; their number. */
static size_t take(struct fixture *f, char *data, size_t n)
{
	struct pollfd p = { .fd = f->fd, .events = POLLIN };
	size_t len = 0;

	while (len < n && poll(&p, 1, PATIENCE_MS) == 1) {
		ssize_t r = read(f->fd, data + len, n - len);

		if (r <= 0)
			break;
		len += (size_t)r;
	}
	return len;
}

static void expect_output(struct fixture *f, const char *expected)
{
	_autofree_ char *text = NULL;
	size_t n;

	assert_int_equal(fd_read_file_at(AT_FDCWD, f->out, 4096, &text, &n), 0);
	assert_string_equal(text, expected);
}

/* The end of the input is typed; what the shell says after that is shown. */
static void words_go_both_ways(void **state)
{
	struct fixture *f = *state;
	char text[64];

	tempdir_write(f->dir, "in", "id\n");
	start(f);
	assert_int_equal(take(f, text, 8), 8);
	assert_memory_equal(text, "id\nexit\n", 8);
	assert_int_equal(fd_write_all(f->fd, "root\nbye\n", 9), 0);
	f->fd = fd_close(f->fd);
	assert_int_equal(reap(f), 0);
	expect_output(f, "root\nbye\n");
}

/* The shell ends first: nothing is waited for. */
static void a_shell_that_ends_is_the_end(void **state)
{
	struct fixture *f = *state;

	tempdir_write(f->dir, "in", "");
	start(f);
	assert_int_equal(fd_write_all(f->fd, "last words", 10), 0);
	f->fd = fd_close(f->fd);
	assert_int_equal(reap(f), 0);
	expect_output(f, "last words");
}

/* A shell that talks and does not listen meanwhile: neither end may wait for the other for ever. */
static void much_of_both_does_not_stop_it(void **state)
{
	struct fixture *f = *state;
	char *data = malloc(LONG + 1);

	assert_non_null(data);
	memset(data, 'x', LONG);
	data[LONG] = '\0';
	tempdir_write(f->dir, "in", data);
	start(f);
	for (size_t done = 0; done < LONG;) {
		struct pollfd p = { .fd = f->fd, .events = POLLOUT };
		ssize_t n = 0;

		assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
		n = send(f->fd, data, LONG - done, MSG_DONTWAIT | MSG_NOSIGNAL);
		assert_true(n > 0);
		done += (size_t)n;
	}
	assert_int_equal(take(f, data, LONG), LONG);
	assert_int_equal(take(f, data, 5), 5);
	assert_memory_equal(data, "exit\n", 5);
	f->fd = fd_close(f->fd);
	assert_int_equal(reap(f), 0);
	free(data);
}

int test_console(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(words_go_both_ways, setup, teardown),
		cmocka_unit_test_setup_teardown(a_shell_that_ends_is_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(much_of_both_does_not_stop_it, setup, teardown),
	};

	return cmocka_run_group_tests_name("console", tests, NULL, NULL);
}
