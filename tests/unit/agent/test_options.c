/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/options.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/unit.h"

static char complaints[1024];

static void complain(const char *text)
{
	size_t len = strlen(complaints);

	(void)snprintf(complaints + len, sizeof(complaints) - len, "%s\n", text);
}

static void parse(struct options *o, const char *cmdline)
{
	complaints[0] = '\0';
	options_init(o);
	options_parse_cmdline(o, cmdline, complain);
}

static void defaults(void **state)
{
	struct options o;

	(void)state;
	parse(&o, "");
	assert_string_equal(o.server_addr, "vsock://-1:1024");
	assert_int_equal(o.log_level, LOG_LEVEL_INFO);
	assert_int_equal(o.hotplug_timeout_s, 3);
	assert_true(o.unified);
	assert_string_equal(complaints, "");
	options_done(&o);
}

static void a_shim_line_is_understood(void **state)
{
	struct options o;

	(void)state;
	parse(&o, "tsc=reliable quiet agent.log=debug agent.debug_console agent.debug_console_vport=1026\n"
	          "agent.container_pipe_size=131072 agent.log_vport=1025 cgroup_no_v1=all "
	          "systemd.unified_cgroup_hierarchy=1 agent.hotplug_timeout=0 agent.cdh_api_timeout=50");
	assert_int_equal(o.log_level, LOG_LEVEL_DEBUG);
	assert_true(o.debug_console);
	assert_int_equal(o.debug_console_vport, 1026);
	assert_int_equal(o.container_pipe_size, 131072);
	assert_int_equal(o.log_vport, 1025);
	assert_int_equal(o.hotplug_timeout_s, 3);
	assert_true(o.unified);
	assert_string_equal(complaints, "");
	options_done(&o);
}

static void the_stream_port_can_be_moved_and_switched_off(void **state)
{
	struct options o;

	(void)state;
	parse(&o, "");
	assert_int_equal(o.stream_vport, 1028);
	options_done(&o);
	parse(&o, "agent.stream_vport=2000");
	assert_int_equal(o.stream_vport, 2000);
	options_done(&o);
	parse(&o, "agent.stream_vport=0");
	assert_int_equal(o.stream_vport, 0);
	options_done(&o);
	parse(&o, "agent.stream_vport=x");
	assert_int_equal(o.stream_vport, 1028);
	assert_non_null(strstr(complaints, "agent.stream_vport=x"));
	options_done(&o);
}

static void v1_only_when_asked(void **state)
{
	struct options o;

	(void)state;
	parse(&o, "systemd.unified_cgroup_hierarchy=0");
	assert_false(o.unified || o.no_v1);
	options_done(&o);
	parse(&o, "agent.unified_cgroup_hierarchy=false cgroup_no_v1=memory");
	assert_false(o.unified || o.no_v1);
	options_done(&o);
	parse(&o, "cgroup_no_v1=all systemd.unified_cgroup_hierarchy=0");
	assert_true(o.no_v1);
	assert_int_equal(o.unknown, 0);
	options_done(&o);
}

static void bad_values_are_named_and_defaults_stay(void **state)
{
	static const char *const bad[] = {
		"agent.log=loud",         "agent.log_vport=x",
		"agent.log_vport=-1",     "agent.log_vport=4294967296",
		"agent.server_addr=ftp:", "agent.debug_console=yes",
		"agent.hotplug_timeout",  "agent.container_pipe_size=1k",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct options o;

		parse(&o, bad[i]);
		assert_non_null(strstr(complaints, bad[i]));
		assert_int_equal(o.log_level, LOG_LEVEL_INFO);
		assert_int_equal(o.log_vport, 0);
		assert_int_equal(o.container_pipe_size, 0);
		assert_false(o.debug_console);
		assert_string_equal(o.server_addr, "vsock://-1:1024");
		options_done(&o);
	}
}

static void unknown_agent_words_are_counted(void **state)
{
	struct options o;

	(void)state;
	parse(&o, "agent.new_thing=1 other=2 agentx=3");
	assert_int_equal(o.unknown, 1);
	assert_non_null(strstr(complaints, "agent.new_thing=1"));
	options_done(&o);
}

static char *fake_env(const char *name)
{
	static char addr[] = "unix:///run/x.sock", level[] = "loud";

	if (strcmp(name, "KATA_AGENT_SERVER_ADDR") == 0)
		return addr;
	return strcmp(name, "KATA_AGENT_LOG_LEVEL") == 0 ? level : NULL;
}

static void environment_overrides(void **state)
{
	struct options o;

	(void)state;
	parse(&o, "agent.server_addr=vsock://3:9 agent.log=error");
	options_parse_env(&o, fake_env, complain);
	assert_string_equal(o.server_addr, "unix:///run/x.sock");
	assert_int_equal(o.log_level, LOG_LEVEL_ERROR);
	assert_non_null(strstr(complaints, "KATA_AGENT_LOG_LEVEL"));
	options_done(&o);
}

static void a_file_takes_the_place_of_what_follows(void **state)
{
	struct options o;

	(void)state;
	parse(&o, "agent.log=debug agent.config_file=/etc/agent.toml agent.log=error agent.bogus");
	assert_string_equal(o.config_file, "/etc/agent.toml");
	assert_int_equal(o.log_level, LOG_LEVEL_DEBUG);
	assert_string_equal(complaints, "");
	options_done(&o);
}

static void read_file(struct options *o, const char *text)
{
	complaints[0] = '\0';
	options_init(o);
	options_parse_file(o, text, complain);
}

static void a_file_of_upstream_is_understood(void **state)
{
	struct options o;

	(void)state;
	read_file(&o, "# comment\n\ndev_mode = true\nlog_level = \"trace\" # more\r\n"
	              "hotplug_timeout = { secs = 8, nanos = 0 }\n  debug_console=false\n"
	              "debug_console_vport = 1_026\nserver_addr = 'vsock://8:2048'\ncdi_timeout = 7\n"
	              "unified_cgroup_hierarchy = false\npolicy_file = \"/p \\\"x\\\"\"\nmem_agent_enable = "
	              "false\nnobody = 1\n"
	              "[endpoints]\nallowed = [\n\"x\"\n]\nlog_level = \"error\"\n");
	assert_string_equal(complaints, "");
	assert_true(o.dev_mode && !o.debug_console && !o.unified);
	assert_int_equal(o.log_level, LOG_LEVEL_TRACE);
	assert_int_equal(o.hotplug_timeout_s, 8);
	assert_int_equal(o.cdi_timeout_s, 7);
	assert_int_equal(o.debug_console_vport, 1026);
	assert_string_equal(o.server_addr, "vsock://8:2048");
	assert_string_equal(o.policy_file, "/p \"x\"");
	options_done(&o);
}

static void bad_lines_of_a_file_are_told(void **state)
{
	static const char *const lines[] = {
		"log_level",
		"log_level = ",
		"log_level = \"debug",
		"log_level = \"debug\" x",
		"= 1",
		"debug_console = 1",
		"log_level = \"loud\"",
		"hotplug_timeout = {}",
		"hotplug_timeout = {secs = 1",
		"log_level = 'a\\",
		"hotplug_timeout = {nanos = 1}",
		"policy_file = \"\\q\"",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct options o;

		read_file(&o, lines[i]);
		if (!strstr(complaints, "Bad line 1 in the configuration file: '"))
			fail_msg("'%s' was taken", lines[i]);
		assert_int_equal(o.log_level, LOG_LEVEL_INFO);
		options_done(&o);
	}
}

int test_options(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(a_file_takes_the_place_of_what_follows),
		cmocka_unit_test(a_file_of_upstream_is_understood),
		cmocka_unit_test(bad_lines_of_a_file_are_told),
		cmocka_unit_test(a_shim_line_is_understood),
		cmocka_unit_test(the_stream_port_can_be_moved_and_switched_off),
		cmocka_unit_test(v1_only_when_asked),
		cmocka_unit_test(bad_values_are_named_and_defaults_stay),
		cmocka_unit_test(unknown_agent_words_are_counted),
		cmocka_unit_test(environment_overrides),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
