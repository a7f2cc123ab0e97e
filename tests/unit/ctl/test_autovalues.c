/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/autovalues.h"

#include <string.h>

#include "ctl/ident.h"
#include "ctl/request.h"
#include "lib/jsontext.h"
#include "lib/log.h"
#include "proto/agent.pb-c.h"
#include "tests/lib/unit.h"

static void swallow(void *arg, enum log_level level, const char *line, size_t len)
{
	(void)level;
	(void)line;
	*(size_t *)arg += len;
}

/* Makes a request of this type from nothing but what is remembered. */
static struct json_object *make(struct values *values, const ProtobufCMessageDescriptor *type)
{
	struct json_object *json = json_object_new_object();
	struct err err = ERR_INIT;
	size_t said = 0;

	log_set_sink(swallow, &said);
	assert_int_equal(autovalues_make_ids(values, json, type, &err), 0);
	log_set_sink(NULL, NULL);
	assert_int_equal(request_fill(json, type, values, &err), 0);
	assert_int_equal(autovalues_add_defaults(json, type, &err), 0);
	assert_int_equal(autovalues_remember(values, json, type, &err), 0);
	return json;
}

static void names_are_made_once_and_used_again(void **state)
{
	const ProtobufCMessageDescriptor *create = &grpc__create_container_request__descriptor;
	const ProtobufCMessageDescriptor *wait = &grpc__wait_process_request__descriptor;
	struct values values = { 0 };
	_autojson_ struct json_object *first = make(&values, create), *second = make(&values, wait);
	const char *cid = request_text(first, create, "container_id");

	(void)state;
	assert_int_equal(strlen(cid), IDENT_HEX_SIZE - 1);
	assert_string_equal(request_text(first, create, "exec_id"), cid);
	assert_string_equal(request_text(second, wait, "container_id"), cid);
	assert_string_equal(request_text(second, wait, "exec_id"), cid);
	values_done(&values);
}

/* What follows an ExecProcess is about its process, until another container is meant. */
static void an_exec_gets_a_name_of_its_own(void **state)
{
	const ProtobufCMessageDescriptor *exec = &grpc__exec_process_request__descriptor;
	const ProtobufCMessageDescriptor *wait = &grpc__wait_process_request__descriptor;
	static const char other_text[] = "{\"container_id\":\"other\"}";
	struct values values = { 0 };
	_autojson_ struct json_object *first = NULL, *again = NULL, *waited = NULL, *elsewhere = NULL, *other = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(values_set(&values, "cid", "c", false), 0);
	first = make(&values, exec);
	assert_memory_equal(request_text(first, exec, "exec_id"), "exec-", 5);
	waited = make(&values, wait);
	assert_string_equal(request_text(waited, wait, "exec_id"), request_text(first, exec, "exec_id"));
	again = make(&values, exec);
	assert_string_not_equal(request_text(again, exec, "exec_id"), request_text(first, exec, "exec_id"));
	assert_int_equal(jsontext_parse(other_text, strlen(other_text), &other, &err), 0);
	assert_int_equal(autovalues_remember(&values, other, wait, &err), 0);
	elsewhere = make(&values, wait);
	assert_string_equal(request_text(elsewhere, wait, "container_id"), "other");
	assert_string_equal(request_text(elsewhere, wait, "exec_id"), "other");
	values_done(&values);
}

static void other_fields_have_their_defaults(void **state)
{
	static const struct {
		const ProtobufCMessageDescriptor *type;
		const char *json;
	} rows[] = {
		{ &grpc__guest_details_request__descriptor, "{\"mem_block_size\":true,\"mem_hotplug_probe\":true}" },
		{ &grpc__signal_process_request__descriptor,
		  "{\"container_id\":\"c\",\"exec_id\":\"c\",\"signal\":\"9\"}" },
		{ &grpc__read_stream_request__descriptor,
		  "{\"container_id\":\"c\",\"exec_id\":\"c\",\"len\":\"65536\"}" },
		{ &grpc__remove_container_request__descriptor, "{\"container_id\":\"c\"}" },
		{ &grpc__list_routes_request__descriptor, "{}" },
	};
	const ProtobufCMessageDescriptor *clock = &grpc__set_guest_date_time_request__descriptor;
	const ProtobufCMessageDescriptor *seed = &grpc__reseed_random_dev_request__descriptor;
	struct values values = { 0 };
	_autojson_ struct json_object *now = make(&values, clock), *random = make(&values, seed);

	(void)state;
	assert_true(request_has(now, clock, "Sec") && request_has(now, clock, "Usec"));
	assert_true(strlen(request_text(random, seed, "data")) > 40);
	assert_int_equal(values_set(&values, "cid", "c", false), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_autojson_ struct json_object *json = make(&values, rows[i].type);

		assert_string_equal(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN), rows[i].json);
	}
	values_done(&values);
}

int test_autovalues(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_made_once_and_used_again),
		cmocka_unit_test(an_exec_gets_a_name_of_its_own),
		cmocka_unit_test(other_fields_have_their_defaults),
	};

	return cmocka_run_group_tests_name("ctl/autovalues", tests, NULL, NULL);
}
