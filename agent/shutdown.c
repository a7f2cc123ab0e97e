/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/shutdown.h"

#include <sys/reboot.h>
#include <unistd.h>

#include "agent/rpc/server.h"
#include "lib/sys.h"

#define TURN_MS   20
#define NS_PER_MS 1000000ull

static void turn_until(const struct job_env *env, bool (*is_over)(void *arg), void *arg, uint64_t ms)
{
	uint64_t end = sys_now(CLOCK_MONOTONIC) + ms * NS_PER_MS;

	while (!is_over(arg) && sys_now(CLOCK_MONOTONIC) < end)
		if (loop_turn(env->loop, TURN_MS) < 0)
			return;
}

static bool has_no_output(void *arg)
{
	return rpc_server_is_flushed(arg);
}

void shutdown_server(const struct job_env *env, struct rpc_server *server)
{
	turn_until(env, has_no_output, server, SHUTDOWN_FLUSH_MS);
}

/* Runs in the job. */
static int run_sync(void *arg, struct job_reply *reply, struct err *err)
{
	(void)arg;
	(void)reply;
	(void)err;
	sys_sync();
	return 0;
}

static void on_synced(struct job *job, int r, struct job_reply *reply, const struct err *err)
{
	(void)reply;
	(void)err;
	*(bool *)job->arg = r >= 0;
}

static bool job_is_over(void *arg)
{
	return !job_is_running(arg);
}

static void sync_disks(struct console *console, const struct job_env *env)
{
	bool synced = false;
	struct job job = {
		.name = "sync", .run = run_sync, .arg = &synced, .done = on_synced, .deadline_ms = SHUTDOWN_SYNC_MS
	};
	struct err err = ERR_INIT;

	if (job_start(env, &job, &err) >= 0)
		turn_until(env, job_is_over, &job, SHUTDOWN_SYNC_MS + 1000);
	job_cancel(&job);
	if (!synced)
		console_say(console, "Cannot sync the disks in time, ignoring");
}

#ifdef SANITIZED
#include <sanitizer/lsan_interface.h>

/* PID 1 ends by reboot(2), so nothing else would look. */
static void check_leaks(void)
{
	(void)__lsan_do_recoverable_leak_check();
}
#else
static void check_leaks(void)
{
}
#endif

void shutdown_machine(struct console *console, const struct job_env *env)
{
	check_leaks();
	if (getpid() != 1)
		return;
	if (sys_owns_machine())
		sync_disks(console, env);
	console_say(console, "powering off");
	(void)sys_reboot(RB_POWER_OFF);
}

void shutdown_boot_failed(struct console *console, const char *why)
{
	console_open(console);
	console_say(console, "boot failed: %s", why);
	if (getpid() == 1) {
		sys_sync();
		console_say(console, "powering off");
		(void)sys_reboot(RB_POWER_OFF);
	}
	_exit(1);
}
