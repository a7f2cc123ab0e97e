/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times things side by side: in each round one exec of /bin/true on an open connection to an agent (ExecProcess until
 * WaitProcess has answered), then each command once, from fork until it has ended. Prints medians in microseconds, the
 * exec's first; "failed" for a command that did not end with 0. Decides nothing.
 */
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "client/client.h"
#include "client/method.h"
#include "proto/agent.pb-c.h"

#define ROUNDS_MAX   10000
#define COMMANDS_MAX 16
#define WARM_UP      3 /* rounds that do not count */
#define CALL_MS      20000

extern char **environ;

struct watch {
	const char *container;
	struct client *client;
	char **commands[COMMANDS_MAX];
	size_t n_commands, n_rounds;
	unsigned n_execs;
	bool has_failed[COMMANDS_MAX];
	double *us[COMMANDS_MAX + 1];
};

static double now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static bool call(struct watch *w, const char *name, const void *request, int *ret_status)
{
	_autoreply_ struct client_reply reply = { .text = "" };
	struct client_method m;

	if (method_find(name, &m) < 0 || client_call(w->client, &m, request, CALL_MS, &reply) < 0)
		return false;
	if (reply.code != RPC_OK)
		fprintf(stderr, "stopwatch: %s: %s\n", name, reply.text);
	else if (ret_status)
		*ret_status = ((const Grpc__WaitProcessResponse *)reply.message)->status;
	return reply.code == RPC_OK;
}

static bool exec_true(struct watch *w)
{
	static char *args[] = { "/bin/true" }, *env[] = { "PATH=/bin" };
	char id[32];
	int status = -1;
	Grpc__User user = GRPC__USER__INIT;
	Grpc__Process process = GRPC__PROCESS__INIT;
	Grpc__ExecProcessRequest start = GRPC__EXEC_PROCESS_REQUEST__INIT;
	Grpc__WaitProcessRequest end = GRPC__WAIT_PROCESS_REQUEST__INIT;

	(void)snprintf(id, sizeof(id), "watch%d-%u", (int)getpid(), w->n_execs++);
	process.args = args;
	process.n_args = 1;
	process.env = env;
	process.n_env = 1;
	process.cwd = "/";
	process.user = &user;
	start.container_id = end.container_id = (char *)w->container;
	start.exec_id = end.exec_id = id;
	start.process = &process;
	return call(w, "ExecProcess", &start, NULL) && call(w, "WaitProcess", &end, &status) && status == 0;
}

static bool run_command(char **argv)
{
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int status = -1, r;

	if (posix_spawn_file_actions_init(&actions) != 0)
		return false;
	r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
	if (r == 0)
		r = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	return r == 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static bool run_round(struct watch *w, size_t sample)
{
	double start = now_us();

	if (!exec_true(w))
		return false;
	w->us[0][sample] = now_us() - start;
	for (size_t i = 0; i < w->n_commands; i++) {
		start = now_us();
		if (!w->has_failed[i] && !run_command(w->commands[i]))
			w->has_failed[i] = true;
		w->us[i + 1][sample] = now_us() - start;
	}
	return true;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print_median(double *us, size_t n)
{
	qsort(us, n, sizeof(*us), compare);
	printf("%.0f\n", us[n / 2]);
}

/* Cuts the command line at each "--". */
static bool take_commands(struct watch *w, char **argv)
{
	for (; *argv; argv++) {
		if (strcmp(*argv, "--") != 0)
			continue;
		*argv = NULL;
		if (w->n_commands == COMMANDS_MAX || !argv[1])
			return false;
		w->commands[w->n_commands++] = argv + 1;
	}
	return true;
}

int main(int argc, char **argv)
{
	_autoclient_ struct client *client = NULL;
	struct watch w = { 0 };
	struct err err = ERR_INIT;

	if (argc < 4 || (w.n_rounds = strtoul(argv[3], NULL, 10)) == 0 || w.n_rounds > ROUNDS_MAX ||
	    !take_commands(&w, argv + 4)) {
		fprintf(stderr, "usage: stopwatch ADDRESS CONTAINER ROUNDS [-- COMMAND...]...\n");
		return 2;
	}
	w.container = argv[2];
	if (client_open(&client, argv[1], CALL_MS, &err) < 0) {
		fprintf(stderr, "stopwatch: %s\n", err_text(&err));
		return 1;
	}
	w.client = client;
	for (size_t i = 0; i <= w.n_commands; i++) {
		w.us[i] = calloc(w.n_rounds, sizeof(double));
		if (!w.us[i])
			return 1;
	}
	for (size_t i = 0; i < w.n_rounds + WARM_UP; i++) {
		if (!run_round(&w, i < WARM_UP ? 0 : i - WARM_UP))
			return 1;
	}
	print_median(w.us[0], w.n_rounds);
	for (size_t i = 0; i < w.n_commands; i++) {
		if (w.has_failed[i])
			puts("failed");
		else
			print_median(w.us[i + 1], w.n_rounds);
	}
	return 0;
}
