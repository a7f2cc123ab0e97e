/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/command.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/ctl/play.h"

/* True if the words stand in the text in this order. */
static bool has_in_order(const char *text, const char *const *words)
{
	for (; *words && text; words++) {
		text = strstr(text, *words);
		text = text ? text + strlen(*words) : NULL;
	}
	return text != NULL;
}

static void requests_are_what_the_protocol_wants(void **state)
{
	static const struct {
		const char *line, *log;
	} rows[] = {
		{ "kill c1", "SignalProcess {\"container_id\":\"c1\",\"exec_id\":\"c1\",\"signal\":15}\n" },
		{ "kill c1 USR1 --exec e1",
		  "SignalProcess {\"container_id\":\"c1\",\"exec_id\":\"e1\",\"signal\":10}\n" },
		{ "kill c1 --all", "SignalProcess {\"container_id\":\"c1\",\"signal\":9}\n" },
		{ "rm c1", "RemoveContainer {\"container_id\":\"c1\"}\n" },
		{ "rm -f c1", "SignalProcess {\"container_id\":\"c1\",\"signal\":9}\n"
		              "RemoveContainer {\"container_id\":\"c1\"}\n" },
		{ "pause c1", "PauseContainer {\"container_id\":\"c1\"}\n" },
		{ "resume c1", "ResumeContainer {\"container_id\":\"c1\"}\n" },
		{ "destroy", "DestroySandbox {}\n" },
		{ "update c1 --memory 1M --cpus 0.5 --pids -1",
		  "UpdateContainer {\"container_id\":\"c1\",\"resources\":{\"Memory\":{\"Limit\":\"1048576\"},"
		  "\"CPU\":{\"Quota\":\"50000\",\"Period\":\"100000\"},\"Pids\":{\"Limit\":\"-1\"}}}\n" },
	};
	struct play_result *result = calloc(1, sizeof(*result));

	(void)state;
	assert_non_null(result);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct play play = { 0 };

		play_run(&play, rows[i].line, result);
		assert_string_equal(result->err, "");
		assert_int_equal(result->status, 0);
		assert_string_equal(result->log, rows[i].log);
	}
	free(result);
}

static void mistakes_send_nothing(void **state)
{
	static const char *const rows[] = {
		"kill",
		"kill c1 NOPE",
		"kill c1 TERM --all",
		"rm",
		"rm a b",
		"update c1",
		"update c1 --cpus x",
		"run --nothing",
		"run",
		"run --rootfs / --bundle /",
		"run --rootfs / -d -i",
		"exec c1",
		"exec c1 --",
		"call",
		"call Nothing",
		"call CreateSandbox {\"x\":1}",
		"call CreateSandbox {",
		"check too many",
		"run --rootfs rel -- sh",
		"exec -u root c1 sh",
	};
	struct play_result *result = calloc(1, sizeof(*result));

	(void)state;
	assert_non_null(result);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct play play = { 0 };

		play_run(&play, rows[i], result);
		assert_int_equal(result->status, CTL_EXIT_USAGE);
		assert_string_equal(result->log, "");
		/* One line, with the program's name. */
		assert_ptr_equal(strstr(result->err, "kata-agent-ctl: "), result->err);
		assert_ptr_equal(strchr(result->err, '\n'), result->err + strlen(result->err) - 1);
	}
	free(result);
}

static void an_address_is_wrong_or_nobody_is_there(void **state)
{
	static const struct {
		const char *line;
		int status;
	} rows[] = {
		{ "check", CTL_EXIT_USAGE },
		{ "check --address nonsense", CTL_EXIT_USAGE },
		{ "wait-ready --address nonsense", CTL_EXIT_USAGE },
		{ "check --address unix:///nonexistent/socket", CTL_EXIT_CONNECTION },
		{ "wait-ready --timeout 0.1 --address unix:///nonexistent/socket", CTL_EXIT_CONNECTION },
		{ "run --rootfs / --address unix:///nonexistent/socket", CTL_EXIT_CONTAINER },
	};
	struct play_result *result = calloc(1, sizeof(*result));

	(void)state;
	assert_non_null(result);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct play play = { .no_client = true };

		play_run(&play, rows[i].line, result);
		assert_int_equal(result->status, rows[i].status);
		assert_ptr_equal(strstr(result->err, "kata-agent-ctl: "), result->err);
	}
	free(result);
}

static void every_command_has_help(void **state)
{
	static const char *const names[] = { "check",    "wait-ready",   "methods",     "call",    "run",
		                             "exec",     "ps",           "kill",        "stats",   "update",
		                             "pause",    "resume",       "rm",          "destroy", "connect",
		                             "examples", "generate-cid", "generate-sid" };
	struct play_result *result = calloc(1, sizeof(*result));
	char line[64];

	(void)state;
	assert_non_null(result);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct play play = { 0 };

		(void)snprintf(line, sizeof(line), "%s --help", names[i]);
		play_run(&play, line, result);
		assert_int_equal(result->status, 0);
		(void)snprintf(line, sizeof(line), "Usage: kata-agent-ctl %s ", names[i]);
		assert_ptr_equal(strstr(result->out, line), result->out);
		assert_string_equal(result->log, "");
	}
	free(result);
}

static void run_goes_through_the_life_of_a_container(void **state)
{
	static const char *const steps[] = { "CreateSandbox {\"hostname\":\"c1\",\"sandbox_id\":\"c1\"}",
		                             "CreateContainer {\"container_id\":\"c1\",\"exec_id\":\"c1\",",
		                             "\"Path\":\"/run/r\"",
		                             "StartContainer",
		                             "CloseStdin",
		                             "ReadStdout",
		                             "ReadStderr",
		                             "WaitProcess",
		                             "RemoveContainer",
		                             NULL };
	struct play play = { .refuse = "CreateSandbox", .code = RPC_ALREADY_EXISTS, .text = "there is one" };
	struct play_result *result = calloc(1, sizeof(*result));

	(void)state;
	assert_non_null(result);
	play_run(&play, "run --id c1 --rootfs /run/r -- echo hi", result);
	assert_string_equal(result->err, "");
	assert_int_equal(result->status, 5);
	assert_true(has_in_order(result->log, steps));
	/* The agent adds this one itself. */
	assert_null(strstr(result->log, "\"Type\":\"pid\""));
	assert_non_null(strstr(result->log, "\"Args\":[\"echo\",\"hi\"]"));
	free(result);
}

static void run_tells_why_a_container_was_not_made(void **state)
{
	struct play play = { .refuse = "CreateContainer",
		             .code = RPC_INTERNAL,
		             .text = "start 'c1': the file nope was not found\033[31m" };
	struct play_result *result = calloc(1, sizeof(*result));

	(void)state;
	assert_non_null(result);
	play_run(&play, "run --id c1 --no-sandbox --rootfs /run/r -- nope", result);
	assert_int_equal(result->status, 127);
	assert_string_equal(result->err, "CreateContainer: INTERNAL: start 'c1': the file nope was not found?[31m\n");
	assert_null(strstr(result->log, "CreateSandbox"));
	assert_null(strstr(result->log, "StartContainer"));
	free(result);
}

static void detach_prints_the_name_and_keeps_the_container(void **state)
{
	struct play play = { 0 };
	struct play_result *result = calloc(1, sizeof(*result));

	(void)state;
	assert_non_null(result);
	play_run(&play, "run --detach --id c9 --rootfs /run/r", result);
	assert_int_equal(result->status, 0);
	assert_string_equal(result->out, "c9\n");
	assert_null(strstr(result->log, "RemoveContainer"));
	assert_null(strstr(result->log, "WaitProcess"));
	free(result);
}

static void exec_runs_in_the_container(void **state)
{
	static const char *const steps[] = { "ExecProcess {\"container_id\":\"c1\",\"exec_id\":\"e1\"",
		                             "\"UID\":7",
		                             "\"Args\":[\"ls\",\"-l\"]",
		                             "A=1",
		                             "CloseStdin {\"container_id\":\"c1\",\"exec_id\":\"e1\"}",
		                             "WaitProcess {\"container_id\":\"c1\",\"exec_id\":\"e1\"}",
		                             NULL };
	struct play play = { 0 };
	struct play_result *result = calloc(1, sizeof(*result));

	(void)state;
	assert_non_null(result);
	play_run(&play, "exec --id e1 -e A=1 -u 7 c1 -- ls -l", result);
	assert_string_equal(result->err, "");
	assert_int_equal(result->status, 5);
	assert_true(has_in_order(result->log, steps));
	assert_null(strstr(result->log, "RemoveContainer"));
	free(result);
}

static void call_prints_json_or_the_error(void **state)
{
	struct play good = { 0 };
	struct play bad = { .refuse = "StartContainer", .code = RPC_NOT_FOUND, .text = "no container 'x'" };
	struct play odd = { .refuse = "StartContainer", .code = 77, .text = "odd" };
	struct play_result *result = calloc(1, sizeof(*result));

	(void)state;
	assert_non_null(result);
	play_run(&good, "call WaitProcess {\"container_id\":\"c1\"}", result);
	assert_int_equal(result->status, 0);
	assert_string_equal(result->out, "{\"status\":5}\n");
	play_run(&bad, "call grpc.AgentService/StartContainer {\"container_id\":\"x\"}", result);
	assert_int_equal(result->status, 1);
	assert_string_equal(result->out, "");
	assert_string_equal(result->err, "StartContainer: NOT_FOUND: no container 'x'\n");
	play_run(&odd, "call StartContainer", result);
	assert_string_equal(result->err, "StartContainer: 77: odd\n");
	free(result);
}

static void check_says_the_version(void **state)
{
	struct play play = { 0 };
	struct play refusing = { .refuse = "Check", .code = RPC_UNAVAILABLE, .text = "not yet" };
	struct play_result *result = calloc(1, sizeof(*result));

	(void)state;
	assert_non_null(result);
	play_run(&play, "check", result);
	assert_int_equal(result->status, 0);
	assert_string_equal(result->out, "serving, agent 4.5.6, protocol \n");
	play_run(&refusing, "check", result);
	assert_int_equal(result->status, 1);
	assert_string_equal(result->err, "Check: UNAVAILABLE: not yet\n");
	free(result);
}

static void ps_shows_a_table(void **state)
{
	struct play play = {
		.diagnostics = "{\"containers\":[{\"id\":\"c1\",\"state\":\"running\",\"pid\":12,\"processes\":"
			       "[{\"id\":\"c1\",\"pid\":12,\"state\":\"running\",\"stdout_in\":34}]}]}",
	};
	struct play upstream = { .refuse = "GetDiagnosticData", .code = RPC_INVALID_ARGUMENT, .text = "?" };
	static const char *const row[] = { "CONTAINER", "\nc1 ", "c1", "12", "running", "34", NULL };
	struct play_result *result = calloc(1, sizeof(*result));

	(void)state;
	assert_non_null(result);
	play_run(&play, "ps", result);
	assert_int_equal(result->status, 0);
	assert_true(has_in_order(result->out, row));
	play_run(&upstream, "ps", result);
	assert_int_equal(result->status, 1);
	assert_string_equal(result->err, "kata-agent-ctl: this agent cannot list containers\n");
	play.diagnostics = "{\"containers\":3}";
	play_run(&play, "ps", result);
	assert_int_equal(result->status, 1);
	free(result);
}

int test_commands(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_what_the_protocol_wants),
		cmocka_unit_test(mistakes_send_nothing),
		cmocka_unit_test(an_address_is_wrong_or_nobody_is_there),
		cmocka_unit_test(every_command_has_help),
		cmocka_unit_test(run_goes_through_the_life_of_a_container),
		cmocka_unit_test(run_tells_why_a_container_was_not_made),
		cmocka_unit_test(detach_prints_the_name_and_keeps_the_container),
		cmocka_unit_test(exec_runs_in_the_container),
		cmocka_unit_test(call_prints_json_or_the_error),
		cmocka_unit_test(check_says_the_version),
		cmocka_unit_test(ps_shows_a_table),
	};

	return cmocka_run_group_tests_name("ctl/commands", tests, NULL, NULL);
}
