/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a command and prints what it and the processes that it waited for have cost: the largest resident set in kB
 * (this program's own, which is a libc's, is the least it can tell), microseconds of CPU time, and instructions, "-"
 * where the machine has no counter for them. Decides nothing; its status is the command's.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Counts from the exec on, in all children too; -1 where there is no such counter. */
static int count_instructions(pid_t pid)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_HARDWARE,
		.config = PERF_COUNT_HW_INSTRUCTIONS,
		.disabled = 1,
		.inherit = 1,
		.enable_on_exec = 1,
	};

	return (int)syscall(SYS_perf_event_open, &attr, pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

/* Waits for the counter before it becomes the command. */
_Noreturn static void run(char **argv, int go)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	char c;

	if (read(go, &c, 1) == 1 && null >= 0 && dup2(null, 0) == 0 && dup2(null, 1) == 1)
		(void)execvp(argv[0], argv);
	_exit(127);
}

static long long microseconds(const struct timeval *t)
{
	return t->tv_sec * 1000000LL + t->tv_usec;
}

int main(int argc, char **argv)
{
	struct rusage usage = { 0 };
	int go[2], counter, status = 0;
	uint64_t n = 0;
	pid_t pid;

	if (argc < 2 || pipe2(go, O_CLOEXEC) < 0) {
		fprintf(stderr, "usage: footprint COMMAND [ARG]...\n");
		return 2;
	}
	pid = fork();
	if (pid == 0)
		run(argv + 1, go[0]);
	counter = pid < 0 ? -1 : count_instructions(pid);
	if (pid < 0 || write(go[1], "", 1) != 1 || wait4(pid, &status, 0, &usage) != pid) {
		fprintf(stderr, "footprint: %s: %s\n", argv[1], strerror(errno));
		return 2;
	}
	printf("%ld %lld ", usage.ru_maxrss, microseconds(&usage.ru_utime) + microseconds(&usage.ru_stime));
	if (counter >= 0 && read(counter, &n, sizeof(n)) == (ssize_t)sizeof(n) && n > 0)
		printf("%llu\n", (unsigned long long)n);
	else
		puts("-");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
