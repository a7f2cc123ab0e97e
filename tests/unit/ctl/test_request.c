/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/request.h"

#include <errno.h>
#include <string.h>

#include "lib/jsontext.h"
#include "proto/agent.pb-c.h"
#include "tests/lib/unit.h"

static const char *text_of(struct json_object *json)
{
	return json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}

static void text_becomes_what_the_field_wants(void **state)
{
	static const struct {
		const ProtobufCMessageDescriptor *type;
		const char *field, *text, *json;
	} rows[] = {
		{ &grpc__start_container_request__descriptor, "container_id", "a", "{\"container_id\":\"a\"}" },
		{ &grpc__write_stream_request__descriptor, "data", "hi", "{\"data\":\"aGk=\"}" },
		{ &grpc__write_stream_request__descriptor, "data", "hex:6869", "{\"data\":\"aGk=\"}" },
		{ &grpc__write_stream_request__descriptor, "data", "", "{\"data\":\"\"}" },
		{ &grpc__online_cpumem_request__descriptor, "wait", "Yes", "{\"wait\":true}" },
		{ &grpc__online_cpumem_request__descriptor, "cpu_only", "0", "{\"cpu_only\":false}" },
		{ &grpc__online_cpumem_request__descriptor, "nb_cpus", "4", "{\"nb_cpus\":\"4\"}" },
		{ &grpc__online_cpumem_request__descriptor, "nb_cpus", "0x10", "{\"nb_cpus\":\"16\"}" },
		{ &grpc__signal_process_request__descriptor, "signal", "usr1", "{\"signal\":10}" },
		{ &grpc__signal_process_request__descriptor, "signal", "SIGKILL", "{\"signal\":9}" },
		{ &grpc__signal_process_request__descriptor, "signal", "15", "{\"signal\":\"15\"}" },
		{ &grpc__mem_hotplug_by_probe_request__descriptor, "memHotplugProbeAddr", "10,0x20",
		  "{\"memHotplugProbeAddr\":[\"16\",\"32\"]}" },
		{ &grpc__add_swap_request__descriptor, "pcipath", "1,2", "{\"PCIPath\":[\"1\",\"2\"]}" },
		{ &grpc__set_guest_date_time_request__descriptor, "sec", "7", "{\"Sec\":\"7\"}" },
		{ &grpc__start_container_request__descriptor, "no_such_field", "a", "{}" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_autojson_ struct json_object *json = json_object_new_object();
		struct err err = ERR_INIT;

		assert_int_equal(request_add(json, rows[i].type, rows[i].field, rows[i].text, &err), 0);
		assert_string_equal(text_of(json), rows[i].json);
	}
}

static void what_makes_no_sense_is_refused(void **state)
{
	static const struct {
		const ProtobufCMessageDescriptor *type;
		const char *field, *text, *why;
	} rows[] = {
		{ &grpc__write_stream_request__descriptor, "data", "hex:abc", "data: 'hex:abc' makes no sense" },
		{ &grpc__write_stream_request__descriptor, "data", "hex:0g", "data: 'hex:0g' makes no sense" },
		{ &grpc__online_cpumem_request__descriptor, "wait", "maybe", "wait: 'maybe'" },
		{ &grpc__online_cpumem_request__descriptor, "nb_cpus", "0x", "nb_cpus: '0x'" },
		{ &grpc__signal_process_request__descriptor, "signal", "nope", "signal: 'nope'" },
		{ &grpc__mem_hotplug_by_probe_request__descriptor, "memHotplugProbeAddr", "xyz", "'xyz' makes no" },
		{ &grpc__mem_hotplug_by_probe_request__descriptor, "memHotplugProbeAddr", "-1", "'-1' makes no" },
		{ &grpc__update_container_request__descriptor, "resources", "{}", "give it by json://" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_autojson_ struct json_object *json = json_object_new_object();
		struct err err = ERR_INIT;

		assert_int_equal(request_add(json, rows[i].type, rows[i].field, rows[i].text, &err), -EINVAL);
		if (!strstr(err_text(&err), rows[i].why))
			fail_msg("%s", err_text(&err));
		assert_string_equal(text_of(json), "{}");
	}
}

/* Both spellings of a field count; null does not. */
static void what_the_user_wrote_stays(void **state)
{
	const ProtobufCMessageDescriptor *type = &grpc__signal_process_request__descriptor;
	static const char text[] = "{\"containerId\":\"mine\",\"exec_id\":null}";
	_autojson_ struct json_object *json = NULL;
	struct values values = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(jsontext_parse(text, strlen(text), &json, &err), 0);
	assert_int_equal(values_set(&values, "cid", "other", false), 0);
	assert_int_equal(values_set(&values, "exec_id", "e", false), 0);
	assert_int_equal(values_set(&values, "signal", "term", false), 0);
	assert_int_equal(values_set(&values, "hostname", "of another command", false), 0);
	assert_int_equal(request_fill(json, type, &values, &err), 0);
	assert_string_equal(request_text(json, type, "container_id"), "mine");
	assert_string_equal(request_text(json, type, "exec_id"), "e");
	assert_null(request_text(json, type, "signal"));
	assert_true(request_has(json, type, "signal"));
	assert_false(request_has(json, type, "hostname"));
	values_done(&values);
}

int test_request(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_becomes_what_the_field_wants),
		cmocka_unit_test(what_makes_no_sense_is_refused),
		cmocka_unit_test(what_the_user_wrote_stays),
	};

	return cmocka_run_group_tests_name("ctl/request", tests, NULL, NULL);
}
