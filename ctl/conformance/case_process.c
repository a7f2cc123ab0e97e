/* SPDX-License-Identifier: Apache-2.0 */
/* SignalProcess, WaitProcess, TtyWinResize. */
#include <string.h>

#include "ctl/conformance/suites.h"
#include "proto/agent.pb-c.h"

#define SIGNAL(n) "{\"container_id\":\"$C\",\"exec_id\":\"$C\",\"signal\":" n "}"

/* --- SignalProcess ----------------------------------------------------------------------------------------------- */

/* `cat` handles no SIGTERM, and the kernel drops it for pid 1: the agent sends SIGKILL instead. */
static bool term_becomes_kill(struct conform *c)
{
	return conform_call(c, "SignalProcess", IS_OK, SIGNAL("15")) && conform_exits(c, "", 137);
}

static bool term_is_handled(struct conform *c)
{
	return conform_run(
		       c,
		       &(struct conform_spec){
			       .script =
				       "trap 'echo caught; exit 9' TERM; echo ready; while :; do sleep 0.05; done" }) &&
	       conform_call(c, "ReadStdout", IS_OK, "{\"container_id\":\"$C\",\"exec_id\":\"\",\"len\":100}") &&
	       conform_call(c, "SignalProcess", IS_OK, "{\"container_id\":\"$C\",\"signal\":15}") &&
	       conform_prints(c, "", "caught\n") && conform_exits(c, "", 9);
}

static bool kill_before_start(struct conform *c)
{
	return conform_call(c, "SignalProcess", IS_OK, "{\"container_id\":\"$C\",\"signal\":9}") &&
	       conform_exits(c, "", 137);
}

/* All-mode: also what the init has forked, execs and all. */
static bool kill_all(struct conform *c)
{
	return conform_exec(c, "one", "sleep 1000 & sleep 1000", NULL, IS_OK) &&
	       conform_call(c, "SignalProcess", IS_OK, "{\"container_id\":\"$C\",\"signal\":9}") &&
	       conform_exits(c, "one", 137) && conform_exits(c, "", 137);
}

/* One process only. */
static bool kill_exec(struct conform *c)
{
	return conform_exec(c, "one", "exec sleep 1000", NULL, IS_OK) &&
	       conform_exec(c, "two", "exec cat", NULL, IS_OK) &&
	       conform_call(c, "SignalProcess", IS_OK, "{\"container_id\":\"$C\",\"exec_id\":\"one\",\"signal\":9}") &&
	       conform_exits(c, "one", 137) && conform_write(c, "two", "lives", 5) &&
	       conform_call(c, "CloseStdin", IS_OK, "{\"container_id\":\"$C\",\"exec_id\":\"two\"}") &&
	       conform_prints(c, "two", "lives") && conform_exits(c, "two", 0);
}

/* SIGTERM to an exec is SIGTERM. */
static bool term_exec(struct conform *c)
{
	return conform_exec(c, "one", "exec sleep 1000", NULL, IS_OK) &&
	       conform_call(c, "SignalProcess", IS_OK, "{\"container_id\":\"$C\",\"exec_id\":\"one\",\"signal\":15}") &&
	       conform_exits(c, "one", 143);
}

static bool zero(struct conform *c)
{
	return conform_call(c, "SignalProcess", IS_OK, SIGNAL("0")) && conform_write(c, "", "x", 1);
}

/* --- WaitProcess ------------------------------------------------------------------------------------------------- */

static bool status_of(struct conform *c, const char *script, int status)
{
	return conform_run(c, &(struct conform_spec){ .script = script }) && conform_exits(c, "", status);
}

static bool exit_codes(struct conform *c)
{
	return status_of(c, "exit 0", 0) && conform_remove(c, c->cid) && status_of(c, "exit 255", 255);
}

static bool signalled(struct conform *c)
{
	return conform_exec(c, "one", "kill -SEGV $$", NULL, IS_OK) && conform_exits(c, "one", 139);
}

/* Before, and several at once: all get the code. */
static bool many_wait(struct conform *c)
{
	struct conform_pending *p[8];

	for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = conform_use(c, (unsigned)i % 2) ? conform_send(c, 0, "WaitProcess", JSON_INIT) : NULL;
		if (!p[i])
			return false;
	}
	if (!conform_still_waits(c, p[0], 50) || !conform_call(c, "CloseStdin", IS_OK, JSON_C))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
		if (!conform_await(c, p[i], IS_OK))
			return false;
		if (!conform_check(c, ((const Grpc__WaitProcessResponse *)c->reply.message)->status == 0,
		                   "waiter %zu: status %d instead of 0", i,
		                   ((const Grpc__WaitProcessResponse *)c->reply.message)->status))
			return false;
	}
	return true;
}

static bool wait_is_not_early(struct conform *c)
{
	struct conform_pending *p = conform_send(c, 0, "WaitProcess", JSON_C);

	return p && conform_still_waits(c, p, 300) && conform_call(c, "CloseStdin", IS_OK, JSON_C) &&
	       conform_await(c, p, IS_OK);
}

/* Upstream has forgotten it by then; a host that reconnects would never learn the code. */
static bool wait_again(struct conform *c)
{
	return conform_exits(c, "", 7) && conform_exits(c, c->cid, 7);
}

/* The lost client's wait takes nothing away from the next one. */
static bool wait_after_reconnect(struct conform *c)
{
	struct conform_pending *p = conform_send(c, 0, "WaitProcess", JSON_C);

	if (!p || !conform_still_waits(c, p, 50))
		return false;
	conform_hang_up(c, 0);
	return conform_call(c, "CloseStdin", IS_OK, JSON_C) && conform_exits(c, "", 0);
}

/* --- TtyWinResize ------------------------------------------------------------------------------------------------ */

static bool resize(struct conform *c)
{
	return conform_create(c, &(struct conform_spec){ .tty = true, .script = "stty size; read x; stty size" }) &&
	       conform_call(c, "TtyWinResize", IS_OK,
	                    "{\"container_id\":\"$C\",\"exec_id\":\"$C\",\"row\":33,\"column\":111}") &&
	       conform_call(c, "StartContainer", IS_OK, JSON_C) && conform_prints_first(c, "", "33 111\r\n") &&
	       conform_call(c, "TtyWinResize", IS_OK,
	                    "{\"container_id\":\"$C\",\"exec_id\":\"\",\"row\":44,\"column\":122}") &&
	       conform_write(c, "", "\n", 1) && conform_prints(c, "", "\r\n44 122\r\n") && conform_exits(c, "", 0);
}

static const struct conform_case process[] = {
	CASE(WORKS, "SignalProcess/term-becomes-kill", CONFORM_RUNNING, term_becomes_kill),
	CASE(WORKS, "SignalProcess/term-is-handled", CONFORM_NOTHING, term_is_handled),
	CASE(WORKS, "SignalProcess/before-start", CONFORM_CREATED, kill_before_start),
	CASE(WORKS, "SignalProcess/all", CONFORM_RUNNING, kill_all),
	CASE(WORKS, "SignalProcess/one-exec", CONFORM_STANDING, kill_exec),
	CASE(WORKS, "SignalProcess/term-exec", CONFORM_STANDING, term_exec),
	CASE(WORKS, "SignalProcess/zero", CONFORM_RUNNING, zero),
	CALL(WORKS, "SignalProcess/after-exit", CONFORM_EXITED, SIGNAL("15"), IS_OK | IS_NOT_FOUND, NULL),
	CALL(WORKS, "SignalProcess/after-wait", CONFORM_WAITED, SIGNAL("15"), IS_OK | IS_NOT_FOUND, NULL),
	CALL(WORKS_STRICT, "SignalProcess/kept-after-wait", CONFORM_WAITED, SIGNAL("15"), IS_OK, NULL),
	CALL(WORKS, "SignalProcess/all-after-exit", CONFORM_EXITED, "{\"container_id\":\"$C\",\"signal\":9}", IS_OK,
	     NULL),
	CALL(REFUSED, "SignalProcess/unknown-container", CONFORM_NOTHING, SIGNAL("15"), IS_INVALID,
	     "invalid container id"),
	CALL(REFUSED, "SignalProcess/all-unknown", CONFORM_NOTHING, "{\"container_id\":\"$C\",\"signal\":9}",
	     IS_INTERNAL, "invalid container id"),
	CALL(REFUSED, "SignalProcess/unknown-exec", CONFORM_STANDING,
	     "{\"container_id\":\"$C\",\"exec_id\":\"nobody\",\"signal\":9}", IS_NOT_FOUND, "invalid exec id"),
	CALL(REFUSED, "SignalProcess/no-signal", CONFORM_STANDING, SIGNAL("4096"), IS_REFUSED, NULL),

	CASE(WORKS, "WaitProcess/codes", CONFORM_NOTHING, exit_codes),
	CASE(WORKS, "WaitProcess/signal", CONFORM_STANDING, signalled),
	CASE(WORKS, "WaitProcess/many-wait", CONFORM_RUNNING, many_wait),
	CASE(WORKS, "WaitProcess/not-early", CONFORM_RUNNING, wait_is_not_early),
	CALL(WORKS, "WaitProcess/after-exit", CONFORM_EXITED, JSON_INIT, IS_OK, NULL),
	CALL(WORKS, "WaitProcess/again", CONFORM_WAITED, JSON_INIT, IS_OK | IS_NOT_FOUND, NULL),
	CASE(WORKS_STRICT, "WaitProcess/again-gives-the-code", CONFORM_WAITED, wait_again),
	CASE(WORKS, "WaitProcess/after-reconnect", CONFORM_RUNNING, wait_after_reconnect),
	CALL(REFUSED, "WaitProcess/unknown-container", CONFORM_NOTHING, JSON_INIT, IS_INVALID, "invalid container id"),
	CALL(REFUSED, "WaitProcess/unknown-exec", CONFORM_STANDING, JSON_NO_EXEC, IS_NOT_FOUND, "invalid exec id"),
	CALL(REFUSED, "WaitProcess/removed", CONFORM_REMOVED, JSON_INIT, IS_INVALID, NULL),

	CASE(WORKS, "TtyWinResize/before-and-after-start", CONFORM_NOTHING, resize),
	CALL(REFUSED, "TtyWinResize/no-terminal", CONFORM_STANDING,
	     "{\"container_id\":\"$C\",\"exec_id\":\"$C\",\"row\":1,\"column\":1}", IS_UNAVAILABLE, "no tty"),
	CALL(REFUSED, "TtyWinResize/unknown-container", CONFORM_NOTHING, JSON_INIT, IS_INVALID, "invalid container id"),
	CALL(REFUSED, "TtyWinResize/unknown-exec", CONFORM_STANDING, JSON_NO_EXEC, IS_NOT_FOUND, "invalid exec id"),
};

SUITE(conform_suite_process, process);

/* --- ExecProcess ------------------------------------------------------------------------------------------------- */

static bool exec_life(struct conform *c)
{
	return conform_exec(c, "one", "echo inside; exit 6", NULL, IS_OK) && conform_prints(c, "one", "inside\n") &&
	       conform_exits(c, "one", 6);
}

static bool exec_shares(struct conform *c)
{
	return conform_exec(c, "one",
	                    "for n in mnt pid ipc uts net; do [ $(readlink /proc/1/ns/$n) = $(readlink "
	                    "/proc/self/ns/$n) ] ||"
	                    " echo other $n; done",
	                    NULL, IS_OK) &&
	       conform_prints(c, "one", "") && conform_exits(c, "one", 0);
}

static bool exec_user(struct conform *c)
{
	return conform_exec(c, "one", "id -u; id -g; pwd; echo $X",
	                    ",\"User\":{\"UID\":12,\"GID\":34},\"Cwd\":\"/tmp\","
	                    "\"Env\":[\"PATH=/bin\",\"X=y\"]",
	                    IS_OK) &&
	       conform_prints(c, "one", "12\n34\n/tmp\ny\n") && conform_exits(c, "one", 0);
}

static bool exec_terminal(struct conform *c)
{
	return conform_exec(c, "one", "tty >/dev/null && echo yes; exit 3", ",\"Terminal\":true", IS_OK) &&
	       conform_prints(c, "one", "yes\r\n") && conform_exits(c, "one", 3);
}

static bool exec_duplicate(struct conform *c)
{
	return conform_exec(c, "one", "exec cat", NULL, IS_OK) && conform_exec(c, "one", "true", NULL, IS_REFUSED) &&
	       conform_write(c, "one", "first", 5) &&
	       conform_call(c, "CloseStdin", IS_OK, "{\"container_id\":\"$C\",\"exec_id\":\"one\"}") &&
	       conform_prints(c, "one", "first") && conform_exits(c, "one", 0);
}

static bool exec_again(struct conform *c)
{
	return conform_exec(c, "one", "exit 1", NULL, IS_OK) && conform_exits(c, "one", 1) &&
	       conform_exec(c, "one", "exit 2", NULL, IS_OK) && conform_exits(c, "one", 2);
}

static bool exec_in(struct conform *c)
{
	return conform_exec(c, "one", "true", NULL, IS_REFUSED);
}

static bool exec_in_created(struct conform *c)
{
	return conform_exec(c, "one", "echo early", NULL, IS_OK) && conform_prints(c, "one", "early\n") &&
	       conform_exits(c, "one", 0) && conform_call(c, "StartContainer", IS_OK, JSON_C);
}

static bool exec_no_program(struct conform *c)
{
	static const char request[] = "{\"container_id\":\"$C\",\"exec_id\":\"one\",\"process\":{\"User\":{},"
				      "\"Args\":[\"no-such-program\"],\"Env\":[\"PATH=/bin\"],\"Cwd\":\"/\"}}";

	return conform_call_json(c, "ExecProcess", IS_REFUSED, request) &&
	       conform_says(c, "the file no-such-program was not found") &&
	       conform_exec(c, "one", "exit 8", NULL, IS_OK) && conform_exits(c, "one", 8);
}

static bool exec_container_id(struct conform *c)
{
	return conform_exec(c, c->cid, "true", NULL, IS_REFUSED) && conform_call(c, "StatsContainer", IS_OK, JSON_C);
}

static bool exec_no_id(struct conform *c)
{
	return conform_exec(c, "", "true", NULL, IS_REFUSED);
}

/* A grandchild that holds the output keeps neither the code nor, for long, the end of the output. */
static bool exec_orphan(struct conform *c)
{
	return conform_exec(c, "one", "sleep 1000 & echo own", NULL, IS_OK) && conform_exits(c, "one", 0);
}

static bool exec_orphan_ends(struct conform *c)
{
	return conform_exec(c, "one", "sleep 1000 & echo own", NULL, IS_OK) && conform_prints(c, "one", "own\n") &&
	       conform_exits(c, "one", 0);
}

static bool exec_after_init(struct conform *c)
{
	return conform_call(c, "CloseStdin", IS_OK, JSON_C) && conform_exits(c, "", 0) &&
	       conform_exec(c, "late", "true", NULL, IS_REFUSED);
}

static const struct conform_case exec[] = {
	CASE(WORKS, "ExecProcess/life", CONFORM_STANDING, exec_life),
	CASE(WORKS, "ExecProcess/shares-namespaces", CONFORM_STANDING, exec_shares),
	CASE(WORKS, "ExecProcess/user", CONFORM_STANDING, exec_user),
	CASE(WORKS, "ExecProcess/terminal", CONFORM_STANDING, exec_terminal),
	CASE(WORKS, "ExecProcess/again-after-wait", CONFORM_STANDING, exec_again),
	CASE(WORKS, "ExecProcess/orphan-exits", CONFORM_RUNNING, exec_orphan),
	CASE(WORKS_STRICT, "ExecProcess/orphan-ends", CONFORM_RUNNING, exec_orphan_ends),
	CASE(WORKS_STRICT, "ExecProcess/before-start", CONFORM_CREATED, exec_in_created),
	CASE(REFUSED_STRICT, "ExecProcess/duplicate", CONFORM_STANDING, exec_duplicate),
	CASE(REFUSED_STRICT, "ExecProcess/container-id", CONFORM_STANDING, exec_container_id),
	CASE(REFUSED_STRICT, "ExecProcess/no-id", CONFORM_STANDING, exec_no_id),
	CASE(REFUSED, "ExecProcess/no-program", CONFORM_STANDING, exec_no_program),
	CASE(REFUSED, "ExecProcess/after-exit", CONFORM_RUNNING, exec_after_init),
	CASE(REFUSED_STRICT, "ExecProcess/paused", CONFORM_PAUSED, exec_in),
	CASE(REFUSED, "ExecProcess/unknown", CONFORM_NOTHING, exec_in),
	CASE(REFUSED, "ExecProcess/removed", CONFORM_REMOVED, exec_in),
	CALL(REFUSED, "ExecProcess/no-process", CONFORM_STANDING, "{\"container_id\":\"$C\",\"exec_id\":\"one\"}",
	     IS_REFUSED, NULL),
	/* Passfd streams: its output would go nowhere. */
	CALL(REFUSED_STRICT, "ExecProcess/no-stream", CONFORM_STANDING,
	     "{\"container_id\":\"$C\",\"exec_id\":\"one\",\"stdout_port\":4294967294,\"process\":{\"Args\":[\"true\"],"
	     "\"Cwd\":\"/\",\"User\":{}}}",
	     IS_REFUSED | IS_UNIMPLEMENTED, "stdout_port"),
};

SUITE(conform_suite_exec, exec);
