/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/script.h"

#include <string.h>

#include "proto/envelope.h"
#include "tests/unit/ctl/play.h"

static void lines_become_requests(void **state)
{
	static const struct {
		const char *line, *log, *out;
	} rows[] = {
		{ "connect -c Check 'echo a  b' Version", "Check {}\nVersion {}\n",
		  "{\"status\":\"SERVING\"}\na  b\n{\"grpc_version\":\"\",\"agent_version\":\"4.5.6\"}\n" },
		{ "connect -c 'StartContainer cid=x' PauseContainer",
		  "StartContainer {\"container_id\":\"x\"}\nPauseContainer {\"container_id\":\"x\"}\n", "{}\n{}\n" },
		{ "connect -c 'StartContainer json://{\"container_id\":\"j\"}' 'WaitProcess'",
		  "StartContainer {\"container_id\":\"j\"}\nWaitProcess {\"container_id\":\"j\",\"exec_id\":\"j\"}\n",
		  "{}\n{\"status\":5}\n" },
		{ "connect -n -c StartContainer 'SignalProcess signal=usr1'",
		  "StartContainer {}\nSignalProcess {\"signal\":10}\n", "{}\n{}\n" },
		{ "connect -c 'SignalProcess cid=a exec_id=e' 'WaitProcess cid=b'",
		  "SignalProcess {\"container_id\":\"a\",\"exec_id\":\"e\",\"signal\":9}\n"
		  "WaitProcess {\"container_id\":\"b\",\"exec_id\":\"e\"}\n",
		  "{}\n{\"status\":5}\n" },
		{ "connect -c 'repeat 2' Check 'repeat 0' Check Version", "Check {}\nCheck {}\nVersion {}\n", NULL },
		{ "connect --repeat 2 -c Check", "Check {}\nCheck {}\n", NULL },
		{ "connect -c Check quit Version", "Check {}\n", NULL },
		{ "connect -c DestroySandbox Check", "DestroySandbox {}\n", "{}\n" },
		{ "connect -c 'SetIptables json://{\"data\":[104,105]}'", "SetIPTables {\"data\":\"aGk=\"}\n", NULL },
		{ "connect -c '# nothing' '' 'sleep 1ms'", "", "" },
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
		if (rows[i].out)
			assert_string_equal(result->out, rows[i].out);
	}
	free(result);
}

static void a_failure_ends_it_unless_ignored(void **state)
{
	struct play play = { .refuse = "StartContainer", .code = RPC_NOT_FOUND, .text = "no container" };
	struct play_result *result = calloc(1, sizeof(*result));

	(void)state;
	assert_non_null(result);
	play_run(&play, "connect -c 'StartContainer cid=x' Check", result);
	assert_int_equal(result->status, CTL_EXIT_FAILED);
	assert_string_equal(result->err, "StartContainer: NOT_FOUND: no container\n");
	assert_string_equal(result->out, "");
	play_run(&play, "connect --ignore-errors -c 'repeat 2' 'StartContainer cid=x' Nonsense Check", result);
	assert_int_equal(result->status, 0);
	assert_string_equal(result->out, "{\"status\":\"SERVING\"}\n");
	assert_string_equal(
		result->log,
		"StartContainer {\"container_id\":\"x\"}\nStartContainer {\"container_id\":\"x\"}\nCheck {}\n");
	free(result);
}

static void mistakes_send_nothing(void **state)
{
	static const char *const rows[] = {
		"connect",
		"connect word",
		"connect -c",
		"connect -c Nonsense",
		"connect -c 'sleep 5'",
		"connect -c 'repeat'",
		"connect -c 'repeat -2'",
		"connect -c 'WaitProcess word'",
		"connect -c 'ReadStdout cid=x len=much'",
		"connect -c 'ReadStdout json://{'",
		"connect -c 'ReadStdout json://[]'",
		"connect -c 'ReadStdout file:///nonexistent/x'",
		"connect -c 'CreateContainer json://{\"image\":\"x\",\"id\":\"y\"}'",
		"connect -c 'CreateContainer cid=x'",
		"connect -c 'ExecProcess cid=x exec_id=y'",
		"connect -c 'CreateContainer cid=x spec=file:///nonexistent/config.json'",
		"connect --bundle-dir /nonexistent -c 'CreateContainer cid=x'",
		"connect -c 'SetPolicy policy_file=/nonexistent/x'",
		"connect -c 'CopyFile src=/nonexistent/x dest=/y'",
		"connect -c 'CopyFile src=/etc/passwd'",
		"connect -c CopyFile",
		"connect --timeout soon -c Check",
		"connect --timeout 99999999d -c Check",
		"connect --vm qemu -c Check",
		"connect --hybrid-vsock --server-address vsock://3:1024 -c Check",
		"connect --hybrid-vsock-port 4294967296 -c Check",
		"connect --server-address nonsense -c Check",
		"connect --repeat -2 -c Check",
		"generate-cid x",
		"examples x",
	};
	struct play_result *result = calloc(1, sizeof(*result));

	(void)state;
	assert_non_null(result);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct play play = { 0 };

		play_run(&play, rows[i], result);
		assert_int_equal(result->status, CTL_EXIT_USAGE);
		assert_string_equal(result->log, "");
		assert_ptr_equal(strstr(result->err, "kata-agent-ctl: "), result->err);
		assert_ptr_equal(strchr(result->err, '\n'), result->err + strlen(result->err) - 1);
	}
	free(result);
}

static void the_list_names_every_command_once(void **state)
{
	struct play_result *result = calloc(1, sizeof(*result));
	char row[64];
	const char *name;

	(void)state;
	assert_non_null(result);
	play_run(&(struct play){ 0 }, "connect -c list", result);
	assert_int_equal(result->status, 0);
	for (size_t i = 0; (name = script_name_at(i)) != NULL; i++) {
		(void)snprintf(row, sizeof(row), "\n  %s ", name);
		assert_non_null(strstr(result->out, row));
		assert_null(strstr(strstr(result->out, row) + 1, row));
	}
	free(result);
}

int test_script(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_become_requests),
		cmocka_unit_test(a_failure_ends_it_unless_ignored),
		cmocka_unit_test(mistakes_send_nothing),
		cmocka_unit_test(the_list_names_every_command_once),
	};

	return cmocka_run_group_tests_name("ctl/script", tests, NULL, NULL);
}
