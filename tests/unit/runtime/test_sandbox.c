/* SPDX-License-Identifier: Apache-2.0 */
/* What needs no VM that boots: that is for the vm ring. */
#include "runtime/sandbox.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/fd.h"
#include "tests/lib/unit.h"
#include "tests/unit/runtime/fakesandbox.h"

#define DONE    "{\"result\":null}"
#define DETAILS "GetGuestDetails {\"mem_block_size\":true}"

/* Asks, and compares with what comes back at once. */
static void expect(struct fakesandbox *f, void (*serve)(struct sandbox *sb, struct wire_request *request),
                   const char *request, const char *answer)
{
	_autoclose_ int verb = fakesandbox_ask(f, serve, request);

	assert_string_equal(fakesandbox_said(f, verb), answer);
}

static pid_t start_sleeper(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid != 0)
		return pid;
	(void)alarm(30);
	for (;;)
		(void)pause();
}

static void end_sleeper(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void attach(struct fakesandbox *f, const char *id, pid_t pid)
{
	char request[64];

	(void)snprintf(request, sizeof(request), "{\"id\":\"%s\",\"pid\":%d}", id, (int)pid);
	expect(f, sandbox_attach, request, DONE);
}

static void it_starts_once(void **state)
{
	struct fakesandbox *f = *state;
	struct container *c = fakesandbox_add(f, "web", CONTAINER_CREATED);
	_autoclose_ int verb = fakesandbox_ask(f, sandbox_start, "{\"id\":\"web\"}");

	assert_string_equal(fakesandbox_heard(f), "StartContainer {\"container_id\":\"web\"}");
	expect(f, sandbox_start, "{\"id\":\"web\"}",
	       "{\"errno\":16,\"error\":\"container 'web': another request is under way\"}");
	expect(f, sandbox_delete, "{\"id\":\"web\"}",
	       "{\"errno\":16,\"error\":\"container 'web': another request is under way\"}");
	fakesandbox_answer(f, "{}");
	assert_string_equal(fakesandbox_said(f, verb), DONE);
	assert_int_equal(c->status, CONTAINER_RUNNING);
	assert_string_equal(fakesandbox_state(f, "containers.0.status"), "running");
	expect(f, sandbox_start, "{\"id\":\"web\"}",
	       "{\"errno\":22,\"error\":\"start container 'web': it is not 'created'\"}");
}

/* A short one has ended before its start is answered. */
static void an_end_may_overtake_the_start(void **state)
{
	struct fakesandbox *f = *state;
	struct container *c = fakesandbox_add(f, "web", CONTAINER_CREATED);
	_autoclose_ int verb = fakesandbox_ask(f, sandbox_start, "{\"id\":\"web\"}");

	(void)fakesandbox_heard(f);
	sandbox_exited(&f->sb, c, 3);
	fakesandbox_answer(f, "{}");
	assert_string_equal(fakesandbox_said(f, verb), DONE);
	assert_int_equal(c->status, CONTAINER_STOPPED);
	assert_int_equal(c->exit_code, 3);
	sandbox_exited(&f->sb, c, 4);
	assert_int_equal(c->exit_code, 3);
}

static void a_start_may_fail(void **state)
{
	struct fakesandbox *f = *state;
	struct container *c = fakesandbox_add(f, "web", CONTAINER_CREATED);
	_autoclose_ int verb = fakesandbox_ask(f, sandbox_start, "{\"id\":\"web\"}");

	(void)fakesandbox_heard(f);
	fakesandbox_refuse(f, RPC_INTERNAL, "no");
	assert_string_equal(fakesandbox_said(f, verb),
	                    "{\"errno\":5,\"error\":\"start container 'web': INTERNAL: no\"}");
	assert_int_equal(c->status, CONTAINER_CREATED);
}

/* KILL of a pod's container is no end of the pod, and other signals are for the process alone. */
static void signals_go_where_they_are_meant(void **state)
{
	static const struct {
		const char *request, *asked;
	} rows[] = {
		{ "{\"id\":\"web\",\"signal\":9}",
		  "SignalProcess {\"container_id\":\"web\",\"exec_id\":\"web\",\"signal\":9}" },
		{ "{\"id\":\"web\",\"signal\":10,\"all\":true}",
		  "SignalProcess {\"container_id\":\"web\",\"signal\":10}" },
		{ "{\"id\":\"pod\",\"signal\":1}",
		  "SignalProcess {\"container_id\":\"pod\",\"exec_id\":\"pod\",\"signal\":1}" },
		{ "{\"id\":\"old\",\"signal\":9,\"all\":true}",
		  "SignalProcess {\"container_id\":\"old\",\"signal\":9}" },
	};
	struct fakesandbox *f = *state;

	(void)fakesandbox_add(f, FAKESANDBOX_ID, CONTAINER_RUNNING);
	(void)fakesandbox_add(f, "web", CONTAINER_RUNNING);
	(void)fakesandbox_add(f, "old", CONTAINER_STOPPED);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_autoclose_ int verb = fakesandbox_ask(f, sandbox_kill, rows[i].request);

		assert_string_equal(fakesandbox_heard(f), rows[i].asked);
		fakesandbox_answer(f, "{}");
		assert_string_equal(fakesandbox_said(f, verb), DONE);
	}
	expect(f, sandbox_kill, "{\"id\":\"old\",\"signal\":15}",
	       "{\"errno\":3,\"error\":\"container not running: 'old' is stopped\"}");
	assert_int_equal(f->sb.end, END_NONE);
}

/* Nobody takes the output any more. */
static void a_container_ends_with_its_stdio(void **state)
{
	struct fakesandbox *f = *state;
	struct container *c = fakesandbox_add(f, "web", CONTAINER_RUNNING);
	pid_t pid = start_sleeper();
	char text[16];

	(void)snprintf(text, sizeof(text), "%d", (int)pid);
	attach(f, "web", pid);
	assert_string_equal(fakesandbox_state(f, "containers.0.pid"), text);
	end_sleeper(pid);
	assert_string_equal(fakesandbox_heard(f), "SignalProcess {\"container_id\":\"web\",\"signal\":9}");
	assert_int_equal(f->sb.end, END_NONE);
	assert_true(c->stdio.fd < 0);
}

static void a_sandbox_ends_with_its_own_stdio(void **state)
{
	struct fakesandbox *f = *state;
	pid_t pid = start_sleeper();

	(void)fakesandbox_add(f, FAKESANDBOX_ID, CONTAINER_RUNNING);
	attach(f, FAKESANDBOX_ID, pid);
	end_sleeper(pid);
	assert_string_equal(fakesandbox_heard(f), "SignalProcess {\"container_id\":\"pod\",\"signal\":9}");
	assert_int_equal(f->sb.end, END_SIGNALLED);
}

static void nobody_to_attach(void **state)
{
	struct fakesandbox *f = *state;
	_autoclose_ int verb = -EBADF;

	(void)fakesandbox_add(f, "web", CONTAINER_CREATED);
	verb = fakesandbox_ask(f, sandbox_attach, "{\"id\":\"web\"}");
	assert_non_null(strstr(fakesandbox_said(f, verb), "watch the stdio process of 'web'"));
}

/* The VM shrinks when it has gone. */
static void a_container_is_removed(void **state)
{
	struct fakesandbox *f = *state;
	_autoclose_ int refused = -EBADF, verb = -EBADF;

	(void)fakesandbox_add(f, "web", CONTAINER_STOPPED);
	refused = fakesandbox_ask(f, sandbox_delete, "{\"id\":\"web\"}");
	assert_string_equal(fakesandbox_heard(f), "RemoveContainer {\"container_id\":\"web\"}");
	fakesandbox_refuse(f, RPC_INTERNAL, "busy");
	assert_string_equal(fakesandbox_said(f, refused),
	                    "{\"errno\":5,\"error\":\"remove container 'web': INTERNAL: busy\"}");
	assert_non_null(sandbox_find(&f->sb, "web"));
	verb = fakesandbox_ask(f, sandbox_delete, "{\"id\":\"web\"}");
	(void)fakesandbox_heard(f);
	fakesandbox_answer(f, "{}");
	assert_string_equal(fakesandbox_said(f, verb), DONE);
	assert_null(sandbox_find(&f->sb, "web"));
	assert_string_equal(fakesandbox_state(f, "containers.0.id"), "");
	assert_string_equal(fakesandbox_heard(f), DETAILS);
}

/* What is deleted while the guest goes away has gone with it. */
static void a_removal_may_be_overtaken(void **state)
{
	struct fakesandbox *f = *state;
	_autoclose_ int verb = -EBADF;

	(void)fakesandbox_add(f, "web", CONTAINER_RUNNING);
	verb = fakesandbox_ask(f, sandbox_delete, "{\"id\":\"web\"}");
	assert_string_equal(fakesandbox_heard(f), "RemoveContainer {\"container_id\":\"web\"}");
	fakesandbox_hang_up(f);
	assert_string_equal(fakesandbox_said(f, verb), DONE);
	assert_null(sandbox_find(&f->sb, "web"));
}

/* The same while its sandbox ends: asked before, and asked in the middle. */
static void a_removal_in_the_end(void **state)
{
	struct fakesandbox *f = *state;
	_autoclose_ int before = -EBADF, later = -EBADF;

	(void)fakesandbox_add(f, "one", CONTAINER_RUNNING);
	(void)fakesandbox_add(f, "web", CONTAINER_RUNNING);
	before = fakesandbox_ask(f, sandbox_delete, "{\"verb\":\"delete\",\"id\":\"one\"}");
	(void)fakesandbox_heard(f);
	sandbox_end(&f->sb, SIGKILL);
	fakesandbox_refuse(f, RPC_INTERNAL, "Invalid container id");
	assert_string_equal(fakesandbox_said(f, before), DONE);
	assert_string_equal(fakesandbox_heard(f), "DestroySandbox {}");
	later = fakesandbox_ask(f, sandbox_delete, "{\"verb\":\"delete\",\"id\":\"web\"}");
	assert_string_equal(fakesandbox_heard(f), "");
	assert_string_equal(fakesandbox_said(f, later), "");
	fakesandbox_vm_ends(f);
	assert_string_equal(fakesandbox_said(f, later), DONE);
}

static void a_removal_whose_vm_goes(void **state)
{
	struct fakesandbox *f = *state;
	_autoclose_ int verb = -EBADF;

	(void)fakesandbox_add(f, "web", CONTAINER_RUNNING);
	verb = fakesandbox_ask(f, sandbox_delete, "{\"verb\":\"delete\",\"id\":\"web\"}");
	(void)fakesandbox_heard(f);
	fakesandbox_vm_ends(f);
	assert_string_equal(fakesandbox_said(f, verb), DONE);
}

/* One that stops gives back what it had; the sandbox's own one ends it all. */
static void an_exit_is_seen(void **state)
{
	struct fakesandbox *f = *state;
	struct container *own = fakesandbox_add(f, FAKESANDBOX_ID, CONTAINER_RUNNING);
	struct container *other = fakesandbox_add(f, "web", CONTAINER_RUNNING);

	sandbox_exited(&f->sb, other, 7);
	assert_string_equal(fakesandbox_state(f, "containers.1.exit_code"), "7");
	assert_string_equal(fakesandbox_heard(f), DETAILS);
	assert_int_equal(f->sb.end, END_NONE);
	sandbox_exited(&f->sb, own, 0);
	assert_string_equal(fakesandbox_heard(f), "DestroySandbox {}");
}

static void what_cannot_be_created(void **state)
{
	struct fakesandbox *f = *state;
	_autoclose_ int verb = -EBADF;

	(void)fakesandbox_add(f, "web", CONTAINER_RUNNING);
	expect(f, sandbox_create, "{\"id\":\"web\",\"bundle\":\"/b\"}",
	       "{\"errno\":17,\"error\":\"container with id 'web' exists already\"}");
	expect(f, sandbox_create, "{\"id\":\"new\"}",
	       "{\"errno\":22,\"error\":\"create container 'new': id and bundle are needed\"}");
	verb = fakesandbox_ask(f, sandbox_create, "{\"id\":\"new\",\"bundle\":\"/nonexistent\"}");
	assert_non_null(strstr(fakesandbox_said(f, verb), "read '\\/nonexistent\\/config.json': No such file"));
	sandbox_end(&f->sb, 0);
	expect(f, sandbox_create, "{\"id\":\"new\",\"bundle\":\"/b\"}",
	       "{\"errno\":22,\"error\":\"create container 'new': its sandbox ends\"}");
	assert_string_equal(fakesandbox_heard(f), "DestroySandbox {}");
}

/* The first request has to bring it; without, the supervisor does not stay. */
static void no_configuration(void **state)
{
	struct fakesandbox *f = *state;

	f->sb.is_booted = false;
	f->sb.vm = NULL;
	config_done(&f->sb.config);
	f->sb.config = (struct config){ .arena = { .max = 0 } };
	expect(f, sandbox_create, "{\"id\":\"pod\",\"bundle\":\"/b\"}",
	       "{\"errno\":22,\"error\":\"create sandbox 'pod': the request has no configuration\"}");
	assert_int_equal(f->sb.end, END_OVER);
}

/* The first one is watched; one that nobody knows of is refused as all else is. */
static void one_process_stands_for_it(void **state)
{
	struct fakesandbox *f = *state;
	struct container *c = fakesandbox_add(f, "web", CONTAINER_RUNNING);
	pid_t pid = start_sleeper(), other = start_sleeper();
	char request[64];

	attach(f, "web", pid);
	(void)snprintf(request, sizeof(request), "{\"id\":\"web\",\"pid\":%d}", (int)other);
	expect(f, sandbox_attach, request,
	       "{\"errno\":17,\"error\":\"container 'web': it has a stdio process already\"}");
	assert_int_equal(c->pid, pid);
	expect(f, sandbox_attach, "{\"id\":\"gone\",\"pid\":1}",
	       "{\"errno\":2,\"error\":\"container 'gone' does not exist\"}");
	end_sleeper(pid);
	end_sleeper(other);
}

int test_sandbox(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_process_stands_for_it, fakesandbox_setup, fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(it_starts_once, fakesandbox_setup, fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(an_end_may_overtake_the_start, fakesandbox_setup, fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(a_start_may_fail, fakesandbox_setup, fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(signals_go_where_they_are_meant, fakesandbox_setup,
		                                fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(a_container_ends_with_its_stdio, fakesandbox_setup,
		                                fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(a_sandbox_ends_with_its_own_stdio, fakesandbox_setup,
		                                fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(nobody_to_attach, fakesandbox_setup, fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(a_container_is_removed, fakesandbox_setup, fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(a_removal_may_be_overtaken, fakesandbox_setup, fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(a_removal_in_the_end, fakesandbox_setup, fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(a_removal_whose_vm_goes, fakesandbox_setup, fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(an_exit_is_seen, fakesandbox_setup, fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_created, fakesandbox_setup, fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(no_configuration, fakesandbox_setup, fakesandbox_teardown),
	};

	return cmocka_run_group_tests_name("sandbox", tests, NULL, NULL);
}
