/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "lib/fd.h"
#include "tests/lib/unit.h"
#include "tests/unit/runtime/fakesandbox.h"

#define TERM    "SignalProcess {\"container_id\":\"pod\",\"exec_id\":\"pod\",\"signal\":15}"
#define KILL    "SignalProcess {\"container_id\":\"pod\",\"signal\":9}"
#define DESTROY "DestroySandbox {}"
#define DONE    "{\"result\":null}"

/* The time of the step under way is over. */
static void late(struct fakesandbox *f)
{
	assert_ptr_equal(f->sb.end_timer.source.loop, f->loop);
	f->sb.end_timer.expired(&f->sb.end_timer);
}

/* Ends the VM, and the loop with it. */
static void expect_over(struct fakesandbox *f)
{
	assert_int_equal(f->sb.end, END_OVER);
	assert_true(f->vm.is_freed);
	assert_null(f->sb.link.client);
	assert_null(f->sb.end_timer.source.loop);
	/* It was told to stop; else this would wait for ever. */
	(void)alarm(30);
	assert_int_equal(loop_run(f->loop), 0);
	(void)alarm(0);
}

/* Each step ends when its aim is reached, and nobody is answered before the VM has gone. */
static void the_whole_way(void **state)
{
	struct fakesandbox *f = *state;
	struct container *own = fakesandbox_add(f, FAKESANDBOX_ID, CONTAINER_RUNNING);
	_autoclose_ int verb = fakesandbox_ask(f, sandbox_kill, "{\"id\":\"pod\",\"signal\":15}");

	assert_string_equal(fakesandbox_heard(f), TERM);
	fakesandbox_answer(f, "{}");
	assert_string_equal(fakesandbox_heard(f), "");
	sandbox_exited(&f->sb, own, 3);
	assert_string_equal(fakesandbox_heard(f), DESTROY);
	fakesandbox_answer(f, "{}");
	assert_string_equal(fakesandbox_said(f, verb), "");
	fakesandbox_vm_ends(f);
	assert_string_equal(fakesandbox_said(f, verb), DONE);
	assert_string_equal(fakesandbox_state(f, "containers.0.status"), "stopped");
	assert_string_equal(fakesandbox_state(f, "containers.0.exit_code"), "3");
	assert_int_equal(f->vm.n_quits + f->vm.n_kills, 0);
	expect_over(f);
}

/* Nobody does what he is asked. */
static void the_ladder(void **state)
{
	struct fakesandbox *f = *state;

	(void)fakesandbox_add(f, FAKESANDBOX_ID, CONTAINER_RUNNING);
	sandbox_end(&f->sb, SIGTERM);
	assert_string_equal(fakesandbox_heard(f), TERM);
	late(f);
	assert_string_equal(fakesandbox_heard(f), KILL);
	late(f);
	assert_string_equal(fakesandbox_heard(f), DESTROY);
	late(f);
	assert_int_equal(f->vm.n_quits, 1);
	assert_int_equal(f->vm.n_kills, 0);
	late(f);
	assert_int_equal(f->vm.n_kills, 1);
	assert_int_equal(f->sb.end, END_REAP);
	fakesandbox_vm_ends(f);
	assert_string_equal(fakesandbox_state(f, "containers.0.exit_code"), "137");
	expect_over(f);
}

/* Not even the kernel could end it. */
static void the_last_step_ends_too(void **state)
{
	struct fakesandbox *f = *state;

	sandbox_end(&f->sb, 0);
	assert_string_equal(fakesandbox_heard(f), DESTROY);
	for (int i = 0; i < 3; i++)
		late(f);
	fakesandbox_turn(f);
	expect_over(f);
}

/* KILL does not wait for what TERM does; TERM after it changes nothing. */
static void kill_overtakes_term(void **state)
{
	struct fakesandbox *f = *state;
	_autoclose_ int term = -EBADF, kill = -EBADF, again = -EBADF;

	(void)fakesandbox_add(f, FAKESANDBOX_ID, CONTAINER_RUNNING);
	term = fakesandbox_ask(f, sandbox_kill, "{\"id\":\"pod\",\"signal\":15}");
	assert_string_equal(fakesandbox_heard(f), TERM);
	kill = fakesandbox_ask(f, sandbox_kill, "{\"id\":\"pod\",\"signal\":9}");
	assert_string_equal(fakesandbox_heard(f), KILL);
	again = fakesandbox_ask(f, sandbox_kill, "{\"id\":\"pod\",\"signal\":15}");
	assert_string_equal(fakesandbox_heard(f), "");
	fakesandbox_vm_ends(f);
	assert_string_equal(fakesandbox_said(f, term), DONE);
	assert_string_equal(fakesandbox_said(f, kill), DONE);
	assert_string_equal(fakesandbox_said(f, again), DONE);
}

/* What the stopped container has written goes out first; those of containers that run end with the VM. */
static void stdio_is_waited_for(void **state)
{
	struct fakesandbox *f = *state;
	struct container *own = fakesandbox_add(f, FAKESANDBOX_ID, CONTAINER_RUNNING);
	struct container *other = fakesandbox_add(f, "web", CONTAINER_RUNNING);

	own->stdio.fd = dup(0);
	other->stdio.fd = dup(0);
	sandbox_exited(&f->sb, own, 0);
	assert_int_equal(f->sb.end, END_STDIO);
	assert_string_equal(fakesandbox_heard(f), "");
	own->stdio.fd = fd_close(own->stdio.fd);
	sandbox_end_check(&f->sb);
	assert_string_equal(fakesandbox_heard(f), DESTROY);
	late(f);
	assert_int_equal(f->vm.n_quits, 1);
}

/* Somebody killed QEMU: verbs that wait for the agent are told, and containers have ended as by SIGKILL. */
static void a_vm_that_goes_by_itself(void **state)
{
	struct fakesandbox *f = *state;
	struct container *own = fakesandbox_add(f, FAKESANDBOX_ID, CONTAINER_CREATED);
	struct container *done = fakesandbox_add(f, "web", CONTAINER_STOPPED);
	_autoclose_ int verb = fakesandbox_ask(f, sandbox_start, "{\"id\":\"pod\"}");

	done->exit_code = 4;
	assert_string_equal(fakesandbox_heard(f), "StartContainer {\"container_id\":\"pod\"}");
	fakesandbox_vm_ends(f);
	assert_string_equal(fakesandbox_said(f, verb), "{\"errno\":104,\"error\":\"sandbox 'pod' has ended\"}");
	assert_int_equal(own->exit_code, 128 + SIGKILL);
	assert_int_equal(own->status, CONTAINER_STOPPED);
	assert_int_equal(done->exit_code, 4);
	assert_string_equal(fakesandbox_state(f, "ended"), "QEMU ended with status 0");
	assert_int_equal(f->vm.n_quits + f->vm.n_kills, 0);
	expect_over(f);
}

/* The connection to the agent goes first, and the end has begun when QEMU's comes. */
static void a_panic_is_kept(void **state)
{
	struct fakesandbox *f = *state;
	struct container *own = fakesandbox_add(f, FAKESANDBOX_ID, CONTAINER_RUNNING);

	f->vm.panic = "Kernel panic - not syncing: x";
	sandbox_exited(&f->sb, own, 128 + SIGKILL);
	assert_int_not_equal(f->sb.end, END_NONE);
	fakesandbox_vm_ends(f);
	assert_string_equal(fakesandbox_state(f, "ended"), "Kernel panic - not syncing: x");
}

/* Only an end that nobody asked for has a reason. */
static void who_asked_needs_no_reason(void **state)
{
	struct fakesandbox *f = *state;

	(void)fakesandbox_add(f, FAKESANDBOX_ID, CONTAINER_RUNNING);
	sandbox_end(&f->sb, SIGKILL);
	fakesandbox_vm_ends(f);
	assert_null(f->sb.ended);
}

/* A container that has never been is not signalled. */
static void nothing_to_signal(void **state)
{
	struct fakesandbox *f = *state;

	(void)fakesandbox_add(f, FAKESANDBOX_ID, CONTAINER_CREATING);
	sandbox_end(&f->sb, SIGKILL);
	assert_string_equal(fakesandbox_heard(f), DESTROY);
	sandbox_end(&f->sb, SIGKILL);
	assert_string_equal(fakesandbox_heard(f), "");
}

/* A create whose VM never booted. */
static void without_a_vm(void **state)
{
	struct fakesandbox *f = *state;
	_autoclose_ int verb = -EBADF;

	(void)fakesandbox_add(f, FAKESANDBOX_ID, CONTAINER_CREATING);
	f->sb.vm = NULL;
	verb = fakesandbox_ask(f, sandbox_delete, "{\"id\":\"pod\"}");
	assert_string_equal(fakesandbox_said(f, verb), DONE);
	assert_int_equal(f->sb.end, END_OVER);
}

int test_sandbox_end(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_whole_way, fakesandbox_setup, fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(the_ladder, fakesandbox_setup, fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(the_last_step_ends_too, fakesandbox_setup, fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(kill_overtakes_term, fakesandbox_setup, fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(stdio_is_waited_for, fakesandbox_setup, fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(a_panic_is_kept, fakesandbox_setup, fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(who_asked_needs_no_reason, fakesandbox_setup, fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(a_vm_that_goes_by_itself, fakesandbox_setup, fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(nothing_to_signal, fakesandbox_setup, fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(without_a_vm, fakesandbox_setup, fakesandbox_teardown),
	};

	return cmocka_run_group_tests_name("sandbox_end", tests, NULL, NULL);
}
