/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/fd.h"
#include "tests/lib/unit.h"
#include "tests/unit/runtime/fakesandbox.h"

#define ASK                                                                                                            \
	"{\"id\":\"web\",\"process\":\"{\\\"args\\\":[\\\"sh\\\"],\\\"cwd\\\":\\\"/\\\",\\\"terminal\\\":true,"        \
	"\\\"apparmorProfile\\\":\\\"docker-default\\\",\\\"selinuxLabel\\\":\\\"system_u\\\"}\"}"
#define RESULT(eid) "{\"result\":{\"exec\":\"" eid "\",\"terminal\":true,\"agent\":\"vsock:\\/\\/7:1024\"}}"
#define KILLED(eid) "SignalProcess {\"container_id\":\"web\",\"exec_id\":\"" eid "\",\"signal\":9}"

/* Starts one and answers for the agent. */
static void start_one(struct fakesandbox *f, const char *result)
{
	_autoclose_ int verb = fakesandbox_ask(f, sandbox_exec, ASK);

	assert_non_null(strstr(fakesandbox_heard(f), "ExecProcess "));
	fakesandbox_answer(f, "{}");
	assert_string_equal(fakesandbox_said(f, verb), result);
}

static int attach(struct fakesandbox *f, const char *eid, pid_t pid)
{
	char request[128];

	(void)snprintf(request, sizeof(request), "{\"id\":\"web\",\"exec\":\"%s\",\"pid\":%d}", eid, (int)pid);
	return fakesandbox_ask(f, sandbox_attach, request);
}

/* The agent gets all of it but what is the host's; the verb gets what its stdio process needs. */
static void it_starts(void **state)
{
	struct fakesandbox *f = *state;
	_autoclose_ int verb = -EBADF;
	const char *asked;

	(void)fakesandbox_add(f, "web", CONTAINER_RUNNING);
	verb = fakesandbox_ask(f, sandbox_exec, ASK);
	asked = fakesandbox_heard(f);
	assert_non_null(strstr(asked, "\"container_id\":\"web\",\"exec_id\":\"exec-1\""));
	assert_non_null(strstr(asked, "\"Args\":[\"sh\"]"));
	assert_null(strstr(asked, "docker-default"));
	assert_null(strstr(asked, "system_u"));
	fakesandbox_answer(f, "{}");
	assert_string_equal(fakesandbox_said(f, verb), RESULT("exec-1"));
	start_one(f, RESULT("exec-2"));
}

static void the_agent_refuses(void **state)
{
	struct fakesandbox *f = *state;
	_autoclose_ int verb = -EBADF, other = -EBADF;

	(void)fakesandbox_add(f, "web", CONTAINER_RUNNING);
	verb = fakesandbox_ask(f, sandbox_exec, ASK);
	(void)fakesandbox_heard(f);
	fakesandbox_refuse(f, RPC_INTERNAL, "start process: the file sh was not found");
	assert_string_equal(
		fakesandbox_said(f, verb),
		"{\"errno\":5,\"error\":\"exec in container 'web': INTERNAL: start process: the file sh was not found: "
		"executable file not found in $PATH\"}");
	assert_true(list_is_empty(&f->sb.execs));
	other = attach(f, "exec-1", getpid());
	assert_string_equal(fakesandbox_said(f, other), "{\"errno\":2,\"error\":\"exec 'exec-1' in container 'web': "
	                                                "nobody waits for its stdio process\"}");
}

static void what_cannot_be_asked(void **state)
{
	static const struct {
		const char *request, *answer;
	} rows[] = {
		{ "{\"id\":\"web\"}",
		  "{\"errno\":22,\"error\":\"exec in container 'web': the request has no process\"}" },
		{ "{\"id\":\"web\",\"process\":\"{\"}", "{\"errno\":22,\"error\":\"exec in container 'web': " },
		{ "{\"id\":\"old\",\"process\":\"{}\"}",
		  "{\"errno\":3,\"error\":\"exec in container 'old': it is not running\"}" },
		{ "{\"id\":\"new\",\"process\":\"{}\"}",
		  "{\"errno\":3,\"error\":\"exec in container 'new': it is not running\"}" },
		{ "{\"id\":\"none\",\"process\":\"{}\"}",
		  "{\"errno\":2,\"error\":\"container 'none' does not exist\"}" },
		{ "{\"process\":\"{}\"}", "{\"errno\":2,\"error\":\"container '' does not exist\"}" },
	};
	struct fakesandbox *f = *state;

	(void)fakesandbox_add(f, "web", CONTAINER_RUNNING);
	(void)fakesandbox_add(f, "old", CONTAINER_STOPPED);
	(void)fakesandbox_add(f, "new", CONTAINER_CREATING);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_autoclose_ int verb = fakesandbox_ask(f, sandbox_exec, rows[i].request);
		const char *said = fakesandbox_said(f, verb);

		if (strncmp(said, rows[i].answer, strlen(rows[i].answer)) != 0)
			fail_msg("'%s' was answered '%s'", rows[i].request, said);
	}
	assert_string_equal(fakesandbox_heard(f), "");
	assert_true(list_is_empty(&f->sb.execs));
}

/* Whoever kills the stdio process kills the process. */
static void it_ends_with_its_stdio(void **state)
{
	struct fakesandbox *f = *state;
	_autoclose_ int verb = -EBADF, twice = -EBADF;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)alarm(30);
		for (;;)
			(void)pause();
	}
	(void)fakesandbox_add(f, "web", CONTAINER_RUNNING);
	start_one(f, RESULT("exec-1"));
	verb = attach(f, "exec-1", pid);
	assert_string_equal(fakesandbox_said(f, verb), "{\"result\":null}");
	twice = attach(f, "exec-1", pid);
	assert_non_null(strstr(fakesandbox_said(f, twice), "nobody waits for its stdio process"));
	assert_string_equal(fakesandbox_heard(f), "");
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_string_equal(fakesandbox_heard(f), KILLED("exec-1"));
	assert_true(list_is_empty(&f->sb.execs));
}

/* A stdio process that is gone before it could be watched. */
static void nobody_to_watch(void **state)
{
	struct fakesandbox *f = *state;
	_autoclose_ int verb = -EBADF;

	(void)fakesandbox_add(f, "web", CONTAINER_RUNNING);
	start_one(f, RESULT("exec-1"));
	verb = attach(f, "exec-1", 0);
	assert_non_null(strstr(fakesandbox_said(f, verb), "watch the stdio process of exec 'exec-1'"));
	assert_string_equal(fakesandbox_heard(f), KILLED("exec-1"));
	assert_true(list_is_empty(&f->sb.execs));
}

/* One that nobody comes for: found by its timer, which is the only other source there is. */
static void it_is_not_left_alone(void **state)
{
	struct fakesandbox *f = *state;
	unsigned before;

	(void)fakesandbox_add(f, "web", CONTAINER_RUNNING);
	before = loop_count(f->loop);
	start_one(f, RESULT("exec-1"));
	assert_int_equal(loop_count(f->loop), before + 1);
	sandbox_forget_execs(&f->sb, "other");
	assert_int_equal(loop_count(f->loop), before + 1);
	sandbox_forget_execs(&f->sb, "web");
	assert_int_equal(loop_count(f->loop), before);
	assert_true(list_is_empty(&f->sb.execs));
	assert_string_equal(fakesandbox_heard(f), "");
}

/* A container that is removed meanwhile leaves the exec to the agent's answer. */
static void an_answer_is_awaited(void **state)
{
	struct fakesandbox *f = *state;
	_autoclose_ int verb = -EBADF;

	(void)fakesandbox_add(f, "web", CONTAINER_RUNNING);
	verb = fakesandbox_ask(f, sandbox_exec, ASK);
	(void)fakesandbox_heard(f);
	sandbox_forget_execs(&f->sb, "web");
	fakesandbox_refuse(f, RPC_NOT_FOUND, "no such container");
	assert_non_null(strstr(fakesandbox_said(f, verb), "NOT_FOUND: no such container"));
	assert_true(list_is_empty(&f->sb.execs));
}

int test_sandbox_exec(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_starts, fakesandbox_setup, fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(the_agent_refuses, fakesandbox_setup, fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_asked, fakesandbox_setup, fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(it_ends_with_its_stdio, fakesandbox_setup, fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(nobody_to_watch, fakesandbox_setup, fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(it_is_not_left_alone, fakesandbox_setup, fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(an_answer_is_awaited, fakesandbox_setup, fakesandbox_teardown),
	};

	return cmocka_run_group_tests_name("sandbox_exec", tests, NULL, NULL);
}
