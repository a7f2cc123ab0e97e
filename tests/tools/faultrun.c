/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a command of the fault build again and again, with the k-th kernel call failing, for k = FIRST, FIRST + STRIDE,
 * ... until none fails any more, and after each run a second command, without a fault, that cleans up. The first one
 * must end in time, and either succeed, with a seccomp listener sent to SOCKET, or fail with a word. Afterwards there
 * must be no process and no cgroup that was not there before. For the inside of the fence. Prints "ok" and "not ok"
 * lines.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/sys.h"
#include "lib/sys_fault.h"
#include "tests/lib/holdings.h"
#include "tests/lib/hostside.h"

#define RUN_MS     10000
#define SETTLE_MS  5000
#define TEXT_MAX   4096
#define CGROUPS    "/sys/fs/cgroup"
#define QUIET_RUNS 2

struct run {
	const char *errno_name, *socket, *command, *clean_up;
	int errnum, stride, listener;
	long first;
	struct sys_fault_state *state;
	struct holdings base;
	unsigned problems, refused, survived;
	char text[TEXT_MAX]; /* what the command said on stderr */
};

static void problem(struct run *x, long k, const char *what)
{
	x->problems++;
	printf("not ok fault notify %s %ld (%s): %s; said: %s\n", x->errno_name, k, x->state->failed, what, x->text);
}

/* The exit status as waitpid has it, -1 if it took too long. */
static int run_command(struct run *x, const char *command)
{
	int ends[2], status = -1;
	ssize_t n;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		(void)setpgid(0, 0);
		(void)dup2(ends[1], STDERR_FILENO);
		(void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	(void)close(ends[1]);
	n = hostside_read(ends[0], x->text, sizeof(x->text) - 1, RUN_MS);
	x->text[n > 0 ? n : 0] = '\0';
	x->text[strcspn(x->text, "\n")] = '\0';
	if (n < 0)
		(void)kill(-pid, SIGKILL);
	(void)waitpid(pid, &status, 0);
	(void)close(ends[0]);
	return n < 0 ? -1 : status;
}

static void check_leftovers(struct run *x, long k)
{
	int64_t end = sys_now_ms() + SETTLE_MS;
	struct holdings now;
	char what[128];

	do {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		now = holdings_count(getpid(), CGROUPS);
		if (holdings_are_same(&now, &x->base))
			return;
		(void)usleep(5000);
	} while (sys_now_ms() < end);
	(void)snprintf(what, sizeof(what), "left over: mounts %d -> %d, children %d -> %d, cgroups %d -> %d",
	               x->base.mounts, now.mounts, x->base.children, now.children, x->base.cgroups, now.cgroups);
	problem(x, k, what);
	x->base = now;
}

static bool run_one(struct run *x, long k)
{
	int status, listeners;
	bool fired;

	memset(x->state, 0, sizeof(*x->state));
	x->state->countdown = k;
	x->state->errnum = x->errnum;
	__atomic_store_n(&x->state->armed, 1, __ATOMIC_SEQ_CST);
	status = run_command(x, x->command);
	__atomic_store_n(&x->state->armed, 0, __ATOMIC_SEQ_CST);
	fired = __atomic_load_n(&x->state->countdown, __ATOMIC_SEQ_CST) <= 0;
	listeners = hostside_take_listeners(x->listener);
	if (status == -1)
		problem(x, k, "it took too long");
	else if (status == 0 && listeners != 1)
		problem(x, k, "it succeeded, and no listener came");
	else if (status != 0 && x->text[0] == '\0')
		problem(x, k, "it failed without a word");
	else if (!WIFEXITED(status) || WEXITSTATUS(status) > 128)
		problem(x, k, "it crashed");
	else if (!fired && status != 0)
		problem(x, k, "it failed without a fault");
	x->survived += fired && status == 0;
	x->refused += status != 0;
	(void)run_command(x, x->clean_up);
	check_leftovers(x, k);
	return fired;
}

static int sweep(struct run *x)
{
	unsigned quiet = 0;
	long k, runs = 0;

	for (k = x->first; quiet < QUIET_RUNS; k += x->stride, runs++)
		quiet = run_one(x, k) ? 0 : quiet + 1;
	printf("# notify %s: %ld runs up to call %ld: %u failed, %u survived\n", x->errno_name, runs, k - x->stride,
	       x->refused, x->survived);
	if (x->problems == 0 && x->refused > 0)
		printf("ok fault notify %s\n", x->errno_name);
	else if (x->problems == 0)
		printf("not ok fault notify %s: nothing was tried\n", x->errno_name);
	return x->problems > 0;
}

int main(int argc, char **argv)
{
	struct run x = { .errno_name = "EIO", .stride = 1, .first = 1 };
	const char *state = argc > 1 ? argv[1] : "";
	int fd = open(state, O_RDWR | O_CLOEXEC);

	if (argc != 8) {
		fprintf(stderr, "usage: faultrun STATE_FILE SOCKET ERRNO FIRST STRIDE COMMAND CLEAN_UP\n");
		return 2;
	}
	x.socket = argv[2];
	x.errno_name = argv[3];
	x.errnum = hostside_errno(argv[3]);
	x.first = atol(argv[4]);
	x.stride = atoi(argv[5]);
	x.command = argv[6];
	x.clean_up = argv[7];
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	x.state = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*x.state), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	x.listener = hostside_listen(x.socket);
	if (x.state == MAP_FAILED || x.listener < 0 || x.errnum == 0 || x.first <= 0 || x.stride <= 0) {
		fprintf(stderr, "faultrun: cannot use '%s', '%s' and %s\n", state, x.socket, x.errno_name);
		return 2;
	}
	if (run_command(&x, x.command) != 0 || hostside_take_listeners(x.listener) != 1) {
		printf("not ok fault notify: without a fault: %s\n", x.text);
		return 1;
	}
	(void)run_command(&x, x.clean_up);
	x.base = holdings_count(getpid(), CGROUPS);
	return sweep(&x);
}
