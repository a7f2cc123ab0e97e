/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/log.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "tests/lib/unit.h"

struct catch
{
	struct buf lines;
	int records;
};

static void catch_record(void *arg, enum log_level level, const char *line, size_t len)
{
	struct catch *c = arg;

	(void)level;
	c->records++;
	(void)buf_add(&c->lines, line, len);
}

static int setup(void **state)
{
	struct catch *c = calloc(1, sizeof(*c));

	log_set_sink(catch_record, c);
	*state = c;
	return 0;
}

static int teardown(void **state)
{
	struct catch *c = *state;

	log_set_sink(NULL, NULL);
	log_set_level(LOG_LEVEL_INFO);
	buf_done(&c->lines);
	free(c);
	return 0;
}

static const char *member(struct json_object *record, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(record, key, &value) ? json_object_get_string(value) : NULL;
}

static void a_record_is_json_with_katas_members(void **state)
{
	const struct log_field fields[] = {
		{ "container", "web" }, { "exec", NULL }, { "method", "Start" }, { NULL, NULL }
	};
	struct catch *c = *state;
	struct json_object *record;
	char pid[16];

	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	log_write(LOG_LEVEL_WARNING, "rpc", fields, "Request %d failed", 7);
	assert_int_equal(c->lines.data[c->lines.len - 1], '\n');
	record = json_tokener_parse(buf_str(&c->lines));
	assert_non_null(record);
	assert_string_equal(member(record, "msg"), "Request 7 failed");
	assert_string_equal(member(record, "level"), "WARN");
	assert_string_equal(member(record, "subsystem"), "rpc");
	assert_string_equal(member(record, "source"), "agent");
	assert_string_equal(member(record, "name"), "kata-agent");
	assert_string_equal(member(record, "version"), KATA_VERSION);
	assert_string_equal(member(record, "pid"), pid);
	assert_string_equal(member(record, "container"), "web");
	assert_string_equal(member(record, "method"), "Start");
	assert_null(member(record, "exec"));
	assert_int_equal(strlen(member(record, "ts")), strlen("2026-01-02T03:04:05.123456789Z"));
	assert_int_equal(member(record, "ts")[10], 'T');
	json_object_put(record);
}

static void another_program_has_another_name(void **state)
{
	struct catch *c = *state;

	log_set_name("kata-agent-ctl", "agent-ctl");
	log_info("t", "hello");
	log_set_name("kata-agent", "agent");
	assert_non_null(strstr(buf_str(&c->lines), "\"name\":\"kata-agent-ctl\",\"source\":\"agent-ctl\""));
}

static void bad_text_stays_good_json(void **state)
{
	struct catch *c = *state;
	struct json_object *record;

	log_info("t", "%s", "q\" b\\ n\n t\t c\x01 \xc3\xa9 bad\xff\xc3");
	assert_non_null(strstr(buf_str(&c->lines), "q\\\" b\\\\ n\\n t\\t c\\u0001 \xc3\xa9 bad\\ufffd\\ufffd"));
	record = json_tokener_parse(buf_str(&c->lines));
	assert_non_null(record);
	json_object_put(record);
}

static void the_level_decides(void **state)
{
	struct catch *c = *state;

	log_debug("t", "not yet");
	assert_int_equal(c->records, 0);
	log_set_level(LOG_LEVEL_DEBUG);
	assert_int_equal(log_get_level(), LOG_LEVEL_DEBUG);
	log_debug("t", "now");
	log_write(LOG_LEVEL_TRACE, "t", NULL, "never");
	log_write(LOG_LEVEL_MAX, "t", NULL, "never");
	log_write(LOG_LEVEL_INVALID, "t", NULL, "never");
	assert_int_equal(c->records, 1);
	log_write(LOG_LEVEL_CRITICAL, "t", NULL, "always");
	assert_int_equal(c->records, 2);
}

static void level_words(void **state)
{
	static const struct {
		const char *word;
		int level;
	} rows[] = {
		{ "critical", LOG_LEVEL_CRITICAL },
		{ "fatal", LOG_LEVEL_CRITICAL },
		{ "panic", LOG_LEVEL_CRITICAL },
		{ "error", LOG_LEVEL_ERROR },
		{ "warn", LOG_LEVEL_WARNING },
		{ "warning", LOG_LEVEL_WARNING },
		{ "info", LOG_LEVEL_INFO },
		{ "debug", LOG_LEVEL_DEBUG },
		{ "trace", LOG_LEVEL_TRACE },
		{ "", -EINVAL },
		{ "loud", -EINVAL },
		{ NULL, -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(log_level_parse(rows[i].word), rows[i].level);
}

static void errno_survives(void **state)
{
	(void)state;
	errno = ENOTTY;
	log_info("t", "hello");
	assert_int_equal(errno, ENOTTY);
}

static void a_long_text_is_cut_and_a_huge_record_counted(void **state)
{
	struct catch *c = *state;
	unsigned long before = log_dropped();
	char *huge = malloc(200000);
	struct log_field fields[] = { { "huge", huge }, { NULL, NULL } };

	memset(huge, 'x', 199999);
	huge[199999] = '\0';
	log_info("t", "%s", huge);
	assert_int_equal(c->records, 1);
	assert_true(c->lines.len < 5000);
	log_write(LOG_LEVEL_INFO, "t", fields, "hello");
	assert_int_equal(c->records, 1);
	assert_int_equal(log_dropped(), before + 1);
	free(huge);
}

int test_log(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_record_is_json_with_katas_members, setup, teardown),
		cmocka_unit_test_setup_teardown(another_program_has_another_name, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_text_stays_good_json, setup, teardown),
		cmocka_unit_test_setup_teardown(the_level_decides, setup, teardown),
		cmocka_unit_test(level_words),
		cmocka_unit_test_setup_teardown(errno_survives, setup, teardown),
		cmocka_unit_test_setup_teardown(a_long_text_is_cut_and_a_huge_record_counted, setup, teardown),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
