/* SPDX-License-Identifier: Apache-2.0 */
/* WriteStdin, CloseStdin, ReadStdout, ReadStderr: every byte, in order, once, and then the end. */
#include <string.h>

#include "ctl/conformance/suites.h"
#include "proto/agent.pb-c.h"

#define READ_C "{\"container_id\":\"$C\",\"exec_id\":\"$C\",\"len\":4096}"
#define BIG    (3u << 20)

static const Grpc__ReadStreamResponse *chunk(const struct conform *c)
{
	return (const Grpc__ReadStreamResponse *)c->reply.message;
}

static bool read_is(struct conform *c, const char *want)
{
	return conform_check(c, conform_same(chunk(c)->data.data, chunk(c)->data.len, want),
	                     "read %zu bytes '%.*s' instead of '%s'", chunk(c)->data.len, (int)chunk(c)->data.len,
	                     (const char *)chunk(c)->data.data, want);
}

/* --- output ------------------------------------------------------------------------------------------------------ */

static bool reads(struct conform *c)
{
	return conform_run(c, &(struct conform_spec){ .script = "echo out; echo err >&2" }) &&
	       conform_prints(c, "", "out\n") && conform_call(c, "ReadStderr", IS_OK, READ_C) && read_is(c, "err\n") &&
	       conform_call(c, "ReadStderr", IS_OK, READ_C) && read_is(c, "") && conform_exits(c, "", 0);
}

/* Output that is there when the process is not any more, and was not waited for. */
static bool reads_after_exit(struct conform *c)
{
	struct conform_pending *p;

	if (!conform_run(c, &(struct conform_spec){ .script = "seq 1000 | head -n 3; exit 2" }))
		return false;
	p = conform_send(c, 0, "ReadStderr", READ_C);
	/* The end of stderr is as good as the exit. */
	return p && conform_await(c, p, IS_OK) && read_is(c, "") && conform_prints(c, "", "1\n2\n3\n") &&
	       conform_exits(c, "", 2);
}

static bool reads_after_wait(struct conform *c)
{
	return conform_run(c, &(struct conform_spec){ .script = "echo kept" }) && conform_exits(c, "", 0) &&
	       conform_prints(c, "", "kept\n");
}

static bool length_is_kept(struct conform *c)
{
	return conform_write(c, "", "abcdef", 6) && conform_call(c, "CloseStdin", IS_OK, JSON_C) &&
	       conform_call(c, "ReadStdout", IS_OK, "{\"container_id\":\"$C\",\"exec_id\":\"\",\"len\":2}") &&
	       read_is(c, "ab") && conform_prints(c, "", "cdef");
}

static bool read_waits(struct conform *c)
{
	struct conform_pending *p = conform_send(c, 0, "ReadStdout", READ_C);

	return p && conform_still_waits(c, p, 200) && conform_write(c, "", "now", 3) && conform_await(c, p, IS_OK) &&
	       read_is(c, "now");
}

/* The agent's own clock for the orphan's sake must not cut what the process itself says late. */
static bool late_output(struct conform *c)
{
	return conform_script(c, &(struct conform_spec){ .script = "echo a; sleep 1.2; echo b; sleep 0.7; echo c" },
	                      "a\nb\nc\n");
}

static bool check_pattern(struct conform *c, const struct buf *out, size_t n)
{
	for (size_t i = 0; i < out->len && i < n; i++) {
		if (out->data[i] != (unsigned char)"0123456789abcde"[i % 15])
			return conform_fail(c, "byte %zu of the output is '%c' instead of '%c'", i, out->data[i],
			                    "0123456789abcde"[i % 15]);
	}
	return conform_check(c, out->len == n, "%zu bytes of output instead of %zu", out->len, n);
}

static bool big_output(struct conform *c)
{
	_autobuf_ struct buf out = BUF_INIT;

	return conform_run(c,
	                   &(struct conform_spec){ .script = "yes 0123456789abcde | tr -d '\\n' | head -c 3145728" }) &&
	       conform_read(c, "ReadStdout", "", &out) && check_pattern(c, &out, BIG) && conform_exits(c, "", 0);
}

static bool terminal_output(struct conform *c)
{
	return conform_run(c, &(struct conform_spec){ .tty = true, .script = "echo one; echo two >&2" }) &&
	       conform_prints(c, "", "one\r\ntwo\r\n") && conform_exits(c, "", 0);
}

/* A client that goes away while it waits takes no output with it. */
static bool lost_reader(struct conform *c)
{
	if (!conform_send(c, 0, "ReadStdout", READ_C) || !conform_call(c, "Health.Check", IS_OK, "{}"))
		return false;
	conform_hang_up(c, 0);
	return conform_write(c, "", "kept", 4) && conform_call(c, "ReadStdout", IS_OK, READ_C) && read_is(c, "kept");
}

/* Two who read share the stream; nothing comes twice, nothing is lost. */
static bool two_readers(struct conform *c)
{
	struct conform_pending *a = conform_send(c, 0, "ReadStdout", READ_C),
			       *b = conform_send(c, 0, "ReadStdout", READ_C);

	return a && b && conform_still_waits(c, b, 50) && conform_write(c, "", "1", 1) && conform_await(c, a, IS_OK) &&
	       read_is(c, "1") && conform_still_waits(c, b, 100) && conform_write(c, "", "2", 1) &&
	       conform_await(c, b, IS_OK) && read_is(c, "2");
}

static bool end_again(struct conform *c)
{
	return conform_call(c, "ReadStdout", IS_OK, READ_C) && read_is(c, "") &&
	       conform_call(c, "ReadStdout", IS_OK, READ_C) && read_is(c, "");
}

/* --- input ------------------------------------------------------------------------------------------------------- */

static bool writes(struct conform *c)
{
	return conform_write(c, "", "one ", 4) && conform_write(c, c->cid, "two", 3) &&
	       conform_call(c, "CloseStdin", IS_OK, JSON_C) && conform_prints(c, "", "one two") &&
	       conform_exits(c, "", 0);
}

/* runtime-rs ends the input so. */
static bool empty_write(struct conform *c)
{
	return conform_write(c, "", "x", 1) && conform_call(c, "WriteStdin", IS_OK, JSON_C) &&
	       conform_prints(c, "", "x") && conform_exits(c, "", 0);
}

/* Takes more than a pipe holds while somebody else reads; the echo is the input. */
static bool big_input(struct conform *c)
{
	_autofree_ char *data = malloc(BIG);
	struct conform_pending *p;

	if (!data)
		return conform_fail(c, "out of memory");
	for (size_t i = 0; i < BIG; i++)
		data[i] = "0123456789abcde"[i % 15];
	if (!conform_exec(c, "sum", "sleep 0.1; cat | md5sum", NULL, IS_OK))
		return false;
	for (size_t at = 0; at < BIG; at += 1u << 20) {
		if (!conform_write(c, "sum", data + at, 1u << 20))
			return false;
	}
	p = conform_send(c, 0, "CloseStdin", "{\"container_id\":\"$C\",\"exec_id\":\"sum\"}");
	return p && conform_await(c, p, IS_OK) && conform_prints(c, "sum", "34073cbf695bb008f0d4960a2a3051ce  -\n") &&
	       conform_exits(c, "sum", 0);
}

/* A write that waits for the process is in nobody's way. */
static bool blocked_write(struct conform *c)
{
	_autofree_ char *json = malloc((1 << 20) + 1);
	struct conform_pending *p;

	if (!json)
		return conform_fail(c, "out of memory");
	memset(json, 'A', 1 << 20); /* base64 of 786432 bytes, more than a pipe takes */
	json[1 << 20] = '\0';
	if (!conform_exec(c, "slow", "sleep 1000", NULL, IS_OK))
		return false;
	p = conform_send(c, 0, "WriteStdin", "{\"container_id\":\"$C\",\"exec_id\":\"slow\",\"data\":\"%s\"}", json);
	return p && conform_still_waits(c, p, 100) && conform_call(c, "Health.Check", IS_OK, "{}") &&
	       conform_call(c, "SignalProcess", IS_OK, "{\"container_id\":\"$C\",\"exec_id\":\"slow\",\"signal\":9}") &&
	       conform_await(c, p, IS_INTERNAL) && conform_exits(c, "slow", 137);
}

static bool terminal_input(struct conform *c)
{
	return conform_run(c, &(struct conform_spec){ .tty = true,
	                                              .script = "stty -echo; echo up; read x; echo \"got $x\"" }) &&
	       conform_prints_first(c, "", "up\r\n") && conform_write(c, "", "typed\n", 6) &&
	       conform_prints(c, "", "got typed\r\n") && conform_exits(c, "", 0);
}

static bool close_twice(struct conform *c)
{
	bool first = conform_call(c, "CloseStdin", IS_OK, JSON_C);

	return first && conform_call(c, "CloseStdin", IS_OK, JSON_C) && conform_exits(c, "", 0);
}

static bool write_after_close(struct conform *c)
{
	return conform_exec(c, "one", "cat; sleep 1000", NULL, IS_OK) &&
	       conform_call(c, "CloseStdin", IS_OK, "{\"container_id\":\"$C\",\"exec_id\":\"one\"}") &&
	       conform_call(c, "WriteStdin", IS_INTERNAL,
	                    "{\"container_id\":\"$C\",\"exec_id\":\"one\",\"data\":\"eA==\"}") &&
	       conform_call(c, "SignalProcess", IS_OK, "{\"container_id\":\"$C\",\"exec_id\":\"one\",\"signal\":9}") &&
	       conform_exits(c, "one", 137);
}

/* Upstream hangs up; here the program reads the end of its input. */
static bool close_terminal(struct conform *c)
{
	return conform_run(c, &(struct conform_spec){ .tty = true, .script = "cat >/dev/null; echo end; exit 4" }) &&
	       conform_call(c, "CloseStdin", IS_OK, JSON_C) && conform_exits(c, "", 4);
}

#define WRITE(exec) "{\"container_id\":\"$C\",\"exec_id\":\"" exec "\",\"data\":\"eA==\"}"

static const struct conform_case stdio[] = {
	CASE(WORKS, "ReadStdout/life", CONFORM_NOTHING, reads),
	CASE(WORKS, "ReadStdout/after-exit", CONFORM_NOTHING, reads_after_exit),
	CASE(WORKS_STRICT, "ReadStdout/after-wait", CONFORM_NOTHING, reads_after_wait),
	CASE(WORKS, "ReadStdout/length", CONFORM_RUNNING, length_is_kept),
	CASE(WORKS, "ReadStdout/waits", CONFORM_RUNNING, read_waits),
	CASE(WORKS, "ReadStdout/late", CONFORM_NOTHING, late_output),
	CASE(WORKS, "ReadStdout/big", CONFORM_NOTHING, big_output),
	CASE(WORKS_STRICT, "ReadStdout/terminal", CONFORM_NOTHING, terminal_output),
	CASE(WORKS_STRICT, "ReadStdout/lost-reader", CONFORM_RUNNING, lost_reader),
	CASE(WORKS, "ReadStdout/two-readers", CONFORM_RUNNING, two_readers),
	CASE(WORKS, "ReadStdout/end-again", CONFORM_EXITED, end_again),
	CALL(REFUSED, "ReadStdout/unknown-container", CONFORM_NOTHING, READ_C, IS_INVALID, "invalid container id"),
	CALL(REFUSED, "ReadStdout/unknown-exec", CONFORM_STANDING, JSON_NO_EXEC, IS_NOT_FOUND, "invalid exec id"),
	CALL(REFUSED, "ReadStdout/removed", CONFORM_REMOVED, READ_C, IS_INVALID, NULL),

	CASE(WORKS, "ReadStderr/life", CONFORM_NOTHING, reads),
	CALL(WORKS, "ReadStderr/after-wait", CONFORM_WAITED, READ_C, IS_OK | IS_NOT_FOUND, NULL),
	CALL(REFUSED, "ReadStderr/unknown-container", CONFORM_NOTHING, READ_C, IS_INVALID, "invalid container id"),
	CALL(REFUSED, "ReadStderr/unknown-exec", CONFORM_STANDING, JSON_NO_EXEC, IS_NOT_FOUND, "invalid exec id"),

	CASE(WORKS, "WriteStdin/life", CONFORM_RUNNING, writes),
	CASE(WORKS, "WriteStdin/empty-is-the-end", CONFORM_RUNNING, empty_write),
	CASE(WORKS, "WriteStdin/big", CONFORM_STANDING, big_input),
	CASE(WORKS, "WriteStdin/blocked", CONFORM_STANDING, blocked_write),
	CASE(WORKS, "WriteStdin/terminal", CONFORM_NOTHING, terminal_input),
	CASE(REFUSED, "WriteStdin/after-close", CONFORM_STANDING, write_after_close),
	CALL(REFUSED, "WriteStdin/after-exit", CONFORM_WAITED, WRITE("$C"), IS_INTERNAL, NULL),
	CALL(REFUSED, "WriteStdin/unknown-container", CONFORM_NOTHING, WRITE("$C"), IS_INTERNAL, NULL),
	CALL(REFUSED, "WriteStdin/unknown-exec", CONFORM_STANDING, WRITE("nobody"), IS_INTERNAL, NULL),

	CASE(WORKS, "CloseStdin/twice", CONFORM_RUNNING, close_twice),
	CASE(WORKS_STRICT, "CloseStdin/terminal", CONFORM_NOTHING, close_terminal),
	CALL(WORKS, "CloseStdin/after-exit", CONFORM_EXITED, JSON_INIT, IS_OK | IS_NOT_FOUND, NULL),
	CALL(REFUSED, "CloseStdin/unknown-container", CONFORM_NOTHING, JSON_INIT, IS_INVALID, "invalid container id"),
	CALL(REFUSED, "CloseStdin/unknown-exec", CONFORM_STANDING, JSON_NO_EXEC, IS_NOT_FOUND, "invalid exec id"),
};

SUITE(conform_suite_stdio, stdio);
