/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "lib/fd.h"
#include "tests/lib/unit.h"
#include "tests/unit/runtime/fakesandbox.h"

#define MIB     ((int64_t)1 << 20)
#define DONE    "{\"result\":null}"
#define STOPPED "{\"errno\":3,\"error\":\"container not running: 'old' is stopped\"}"
#define UPDATE                                                                                                         \
	"{\"verb\":\"update\",\"id\":\"web\",\"resources\":\"{\\\"cpu\\\":{\\\"quota\\\":150000,"                      \
	"\\\"period\\\":100000}}\"}"

static void pauses_and_resumes(void **state)
{
	struct fakesandbox *f = *state;
	_autoclose_ int pause = -EBADF, again = -EBADF, resume = -EBADF, twice = -EBADF;

	(void)fakesandbox_add(f, "web", CONTAINER_RUNNING);
	pause = fakesandbox_ask(f, sandbox_pause, "{\"verb\":\"pause\",\"id\":\"web\"}");
	assert_string_equal(fakesandbox_heard(f), "PauseContainer {\"container_id\":\"web\"}");
	assert_string_equal(fakesandbox_said(f, pause), "");
	fakesandbox_answer(f, "{}");
	assert_string_equal(fakesandbox_said(f, pause), DONE);
	assert_string_equal(fakesandbox_state(f, "containers.0.status"), "paused");
	again = fakesandbox_ask(f, sandbox_pause, "{\"verb\":\"pause\",\"id\":\"web\"}");
	assert_string_equal(fakesandbox_said(f, again),
	                    "{\"errno\":22,\"error\":\"container 'web' is paused already\"}");
	resume = fakesandbox_ask(f, sandbox_pause, "{\"verb\":\"resume\",\"id\":\"web\"}");
	assert_string_equal(fakesandbox_heard(f), "ResumeContainer {\"container_id\":\"web\"}");
	fakesandbox_answer(f, "{}");
	assert_string_equal(fakesandbox_said(f, resume), DONE);
	assert_string_equal(fakesandbox_state(f, "containers.0.status"), "running");
	twice = fakesandbox_ask(f, sandbox_pause, "{\"verb\":\"resume\",\"id\":\"web\"}");
	assert_string_equal(fakesandbox_said(f, twice), "{\"errno\":22,\"error\":\"container 'web' is not paused\"}");
}

static void the_agent_refuses(void **state)
{
	struct fakesandbox *f = *state;
	struct container *c = fakesandbox_add(f, "web", CONTAINER_RUNNING);
	_autoclose_ int verb = fakesandbox_ask(f, sandbox_pause, "{\"verb\":\"pause\",\"id\":\"web\"}");

	(void)fakesandbox_heard(f);
	fakesandbox_refuse(f, RPC_INTERNAL, "freeze: Device or resource busy");
	assert_string_equal(fakesandbox_said(f, verb), "{\"errno\":5,\"error\":\"pause container 'web': INTERNAL: "
	                                               "freeze: Device or resource busy\"}");
	assert_false(c->is_paused);
}

/* Who waits for an agent that goes away is told. */
static void the_agent_goes_away(void **state)
{
	struct fakesandbox *f = *state;
	_autoclose_ int verb = -EBADF, later = -EBADF;

	(void)fakesandbox_add(f, "web", CONTAINER_RUNNING);
	verb = fakesandbox_ask(f, sandbox_stats, "{\"verb\":\"stats\",\"id\":\"web\"}");
	(void)fakesandbox_heard(f);
	fakesandbox_hang_up(f);
	assert_non_null(strstr(fakesandbox_said(f, verb), "{\"errno\":107,\"error\":\"stats container 'web': "));
	later = fakesandbox_ask(f, sandbox_stats, "{\"verb\":\"stats\",\"id\":\"web\"}");
	for (int i = 0; i < 20; i++)
		assert_int_equal(loop_turn(f->loop, 5), 0);
	assert_non_null(strstr(fakesandbox_said(f, later), "stats container 'web': "));
}

static void only_what_lives_is_controlled(void **state)
{
	static void (*const verbs[])(struct sandbox * sb,
	                             struct wire_request * request) = { sandbox_pause, sandbox_update, sandbox_stats,
		                                                        sandbox_ps };
	struct fakesandbox *f = *state;

	(void)fakesandbox_add(f, "old", CONTAINER_STOPPED);
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		_autoclose_ int stopped = fakesandbox_ask(f, verbs[i], "{\"verb\":\"pause\",\"id\":\"old\"}");
		_autoclose_ int none = -EBADF;

		assert_string_equal(fakesandbox_said(f, stopped), STOPPED);
		none = fakesandbox_ask(f, verbs[i], "{\"verb\":\"pause\",\"id\":\"none\"}");
		assert_string_equal(fakesandbox_said(f, none),
		                    "{\"errno\":2,\"error\":\"container 'none' does not exist\"}");
	}
	assert_string_equal(fakesandbox_heard(f), "");
}

/* The VM first, then the container's cgroup. */
static void an_update_waits_for_the_vm(void **state)
{
	struct fakesandbox *f = *state;
	struct container *c = fakesandbox_add(f, "web", CONTAINER_RUNNING);
	_autoclose_ int verb = -EBADF;
	const char *asked;

	c->demand.memory = 128 * MIB;
	f->sb.resize.block_mib = 128;
	verb = fakesandbox_ask(f, sandbox_update, UPDATE);
	assert_string_equal(fakesandbox_heard(f), "");
	assert_int_equal(f->vm.want.vcpus, 3);
	assert_int_equal(f->vm.want.memory_mib, 640);
	fakesandbox_resized(f, 3, 640, NULL);
	assert_string_equal(fakesandbox_heard(f), "OnlineCPUMem {\"nb_cpus\":3}");
	fakesandbox_answer(f, "{}");
	asked = fakesandbox_heard(f);
	assert_non_null(strstr(asked, "UpdateContainer {\"container_id\":\"web\""));
	assert_non_null(strstr(asked, "150000"));
	assert_string_equal(fakesandbox_said(f, verb), "");
	fakesandbox_answer(f, "{}");
	assert_string_equal(fakesandbox_said(f, verb), DONE);
}

/* The guest has the old limits, and so has the VM the old size. */
static void a_refused_update_is_taken_back(void **state)
{
	struct fakesandbox *f = *state;
	struct container *c = fakesandbox_add(f, "web", CONTAINER_RUNNING);
	_autoclose_ int verb = -EBADF;

	f->sb.resize.block_mib = 128;
	verb = fakesandbox_ask(f, sandbox_update, UPDATE);
	fakesandbox_resized(f, 3, 512, NULL);
	(void)fakesandbox_heard(f);
	fakesandbox_answer(f, "{}");
	(void)fakesandbox_heard(f);
	fakesandbox_refuse(f, RPC_INVALID_ARGUMENT, "cpu.max: Invalid argument");
	assert_string_equal(fakesandbox_said(f, verb), "{\"errno\":5,\"error\":\"update container 'web': "
	                                               "INVALID_ARGUMENT: cpu.max: Invalid argument\"}");
	assert_int_equal(c->demand.cpu_quota, 0);
	assert_int_equal(f->vm.want.vcpus, 1);
	assert_int_equal(f->vm.n_resizes, 2);
}

/* It ends while the VM grows for it. */
static void an_update_that_comes_too_late(void **state)
{
	struct fakesandbox *f = *state;
	struct container *c = fakesandbox_add(f, "old", CONTAINER_RUNNING);
	_autoclose_ int verb = -EBADF;

	f->sb.resize.block_mib = 128;
	verb = fakesandbox_ask(f, sandbox_update,
	                       "{\"verb\":\"update\",\"id\":\"old\",\"resources\":\"{\\\"memory\\\":{\\\"limit\\\":"
	                       "268435456}}\"}");
	assert_int_equal(f->vm.want.memory_mib, 768);
	c->status = CONTAINER_STOPPED;
	fakesandbox_resized(f, 1, 768, NULL);
	assert_string_equal(fakesandbox_heard(f), "OnlineCPUMem {}");
	fakesandbox_answer(f, "{}");
	assert_string_equal(fakesandbox_said(f, verb), STOPPED);
	assert_string_equal(fakesandbox_heard(f), "");
}

static void a_bad_update_changes_nothing(void **state)
{
	static const char *const requests[] = {
		"{\"verb\":\"update\",\"id\":\"web\"}",
		"{\"verb\":\"update\",\"id\":\"web\",\"resources\":\"[]\"}",
		"{\"verb\":\"update\",\"id\":\"web\",\"resources\":\"{\\\"cpu\\\":{\\\"quota\\\":\\\"x\\\"}}\"}",
	};
	struct fakesandbox *f = *state;

	(void)fakesandbox_add(f, "web", CONTAINER_RUNNING);
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		_autoclose_ int verb = fakesandbox_ask(f, sandbox_update, requests[i]);

		assert_non_null(strstr(fakesandbox_said(f, verb), "{\"errno\":22,\"error\":\""));
	}
	assert_string_equal(fakesandbox_heard(f), "");
	assert_int_equal(f->vm.n_resizes, 0);
}

static void it_is_measured(void **state)
{
	struct fakesandbox *f = *state;
	struct container *c = fakesandbox_add(f, "web", CONTAINER_RUNNING);
	_autoclose_ int verb = -EBADF;
	const char *said;

	c->ooms = 2;
	verb = fakesandbox_ask(f, sandbox_stats, "{\"verb\":\"stats\",\"id\":\"web\"}");
	assert_string_equal(fakesandbox_heard(f), "StatsContainer {\"container_id\":\"web\"}");
	fakesandbox_answer(f, "{\"cgroup_stats\":{\"memory_stats\":{\"usage\":{\"usage\":\"4711\"}}}}");
	said = fakesandbox_said(f, verb);
	assert_non_null(strstr(said, "\\\"usage\\\":4711"));
	assert_non_null(strstr(said, "\"ooms\":2"));
}

/* What the guest says is passed on if it is JSON at all. */
static void processes_are_listed(void **state)
{
	struct fakesandbox *f = *state;
	_autoclose_ int verb = -EBADF, bad = -EBADF;

	(void)fakesandbox_add(f, "web", CONTAINER_RUNNING);
	verb = fakesandbox_ask(f, sandbox_ps, "{\"verb\":\"ps\",\"id\":\"web\"}");
	assert_string_equal(fakesandbox_heard(f),
	                    "GetDiagnosticData {\"log_type\":\"processes\",\"container_id\":\"web\"}");
	fakesandbox_answer(f, "{\"data\":\"{\\\"processes\\\":[1,7]}\"}");
	assert_string_equal(fakesandbox_said(f, verb), "{\"result\":{\"processes\":[1,7]}}");
	bad = fakesandbox_ask(f, sandbox_ps, "{\"verb\":\"ps\",\"id\":\"web\"}");
	(void)fakesandbox_heard(f);
	fakesandbox_answer(f, "{\"data\":\"nonsense\"}");
	assert_non_null(strstr(fakesandbox_said(f, bad), "\"error\""));
}

/* Asked again after each; an agent that does not know it is left in peace. */
static void lack_of_memory_is_counted(void **state)
{
	struct fakesandbox *f = *state;
	const struct container *c = fakesandbox_add(f, "web", CONTAINER_RUNNING);

	sandbox_watch_ooms(&f->sb);
	for (int i = 0; i < 2; i++) {
		assert_string_equal(fakesandbox_heard(f), "GetOOMEvent {}");
		fakesandbox_answer(f, "{\"container_id\":\"web\"}");
	}
	assert_string_equal(fakesandbox_heard(f), "GetOOMEvent {}");
	fakesandbox_answer(f, "{\"container_id\":\"gone\"}");
	assert_int_equal(c->ooms, 2);
	assert_string_equal(fakesandbox_heard(f), "GetOOMEvent {}");
	fakesandbox_refuse(f, RPC_UNIMPLEMENTED, "no");
	assert_string_equal(fakesandbox_heard(f), "");
}

int test_sandbox_control(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(pauses_and_resumes, fakesandbox_setup, fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(the_agent_refuses, fakesandbox_setup, fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(the_agent_goes_away, fakesandbox_setup, fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(only_what_lives_is_controlled, fakesandbox_setup, fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(an_update_waits_for_the_vm, fakesandbox_setup, fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(a_refused_update_is_taken_back, fakesandbox_setup,
		                                fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(an_update_that_comes_too_late, fakesandbox_setup, fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(a_bad_update_changes_nothing, fakesandbox_setup, fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(it_is_measured, fakesandbox_setup, fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(processes_are_listed, fakesandbox_setup, fakesandbox_teardown),
		cmocka_unit_test_setup_teardown(lack_of_memory_is_counted, fakesandbox_setup, fakesandbox_teardown),
	};

	return cmocka_run_group_tests_name("sandbox_control", tests, NULL, NULL);
}
