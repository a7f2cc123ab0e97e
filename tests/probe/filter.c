/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A static program for the inside of containers: says what the syscall filter that it runs under does with every call
 * and many arguments, one line each: "NUMBER PATTERN VERDICT". No call is made: a second filter on top of the first
 * turns what the first lets pass into a question to a tracer, and there is none, which is ENOSYS. Calls that no profile
 * names may really be ENOSYS by the first; about them a supervisor is asked, who has an error of his own.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CALLS    470
#define NAMED    439 /* the newest call that a profile here names */
#define PATTERNS 24
#define MAGIC    0x6b617461 /* the sixth argument of a call that is a question */
#define PASSED   3999       /* no errno of the kernel's */
#define TRAPPED  4001
#define KILLED   4002
#define X32      0x40000000

struct answers {
	volatile int listener, next;
	volatile int verdict[2 * CALLS * PATTERNS];
};

static struct answers *answers;
static volatile sig_atomic_t is_trapped;

/* The values that profiles compare with, and their neighbours. */
static uint64_t value(unsigned i)
{
	static const uint64_t values[] = {
		0,         1,       2,          8,          9,          16,          40,
		0x20000,   0x20008, 0x10000000, 0x7e020000, 0xffffffff, 0x100000000, 0x7fffffffffffffff,
		UINT64_MAX
	};

	return values[i % (sizeof(values) / sizeof(values[0]))];
}

static void trapped(int signal)
{
	(void)signal;
	is_trapped = 1;
}

static int add_filter(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[5])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MAGIC, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, ~(unsigned)X32),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, NAMED, 2, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
	};
	struct sock_fprog program = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

/* Asks from where the last one ended. */
_Noreturn static void ask(void)
{
	int listener = add_filter();

	if (listener < 0) {
		perror("filter: add a filter");
		_exit(2);
	}
	(void)signal(SIGSYS, trapped);
	answers->listener = listener;
	while (answers->next < 2 * CALLS * PATTERNS) {
		int n = answers->next, call = n / PATTERNS;
		unsigned p = (unsigned)(n % PATTERNS);
		long nr = call < CALLS ? call : (call - CALLS) | X32;
		long r;

		is_trapped = 0;
		if (p > 0 && (nr >= X32 || nr > NAMED)) { /* a death each, and a question each */
			answers->verdict[n] = answers->verdict[n - 1];
			answers->next = n + 1;
			continue;
		}
		r = syscall(nr, value(p), value(p * 2 + 5), value(p * 3 + 1), value(p + 7), value(p * 5), MAGIC);

		answers->verdict[n] = is_trapped ? TRAPPED : r < 0 ? errno : 0;
		answers->next = n + 1;
	}
	_exit(0);
}

/* Everything that gets here was let pass. Ends with the one who asks. */
static void answer_all(int listener)
{
	struct seccomp_notif question;
	struct pollfd fd = { .fd = listener, .events = POLLIN };

	for (;;) {
		int r = poll(&fd, 1, -1);

		if (r < 0 || !(fd.revents & POLLIN))
			return;
		question = (struct seccomp_notif){ 0 };
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &question) < 0)
			continue;
		(void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND,
		            &(struct seccomp_notif_resp){ .id = question.id, .error = -PASSED });
	}
}

static void print_verdict(int i)
{
	int v = answers->verdict[i], call = i / PATTERNS;
	long nr = call < CALLS ? call : (call - CALLS) | X32;

	printf("%ld %d ", nr, i % PATTERNS);
	if (v == (nr % X32 > NAMED ? PASSED : ENOSYS))
		printf("passes\n");
	else if (v == TRAPPED || v == KILLED)
		printf("%s\n", v == KILLED ? "kills" : "traps");
	else
		printf("error %d\n", v);
}

/* One process until it is killed, then the next one, which goes on behind that. Shared fds bring the listener here. */
static int ask_until_done(void)
{
	while (answers->next < 2 * CALLS * PATTERNS) {
		int status = 0;
		long pid;

		answers->listener = -1;
		pid = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
		if (pid == 0)
			ask();
		while (pid > 0 && answers->listener < 0 && waitpid((pid_t)pid, &status, WNOHANG) == 0)
			(void)poll(NULL, 0, 1);
		if (pid < 0 || answers->listener < 0)
			return -1;
		answer_all(answers->listener);
		(void)close(answers->listener);
		(void)waitpid((pid_t)pid, &status, 0);
		if (WIFSIGNALED(status))
			answers->verdict[answers->next++] = KILLED;
	}
	return 0;
}

int main(void)
{
	answers = mmap(NULL, sizeof(*answers), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (answers == MAP_FAILED || ask_until_done() < 0) {
		fprintf(stderr, "filter: could not ask\n");
		return 1;
	}
	for (int i = 0; i < 2 * CALLS * PATTERNS; i++)
		print_verdict(i);
	return 0;
}
