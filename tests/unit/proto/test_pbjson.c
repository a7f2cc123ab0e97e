/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/pbjson.h"

#include <errno.h>
#include <string.h>

#include "proto/agent.pb-c.h"
#include "proto/health.pb-c.h"
#include "tests/lib/unit.h"

/* What is read and what it is printed as. */
static void golden_forms(void **state)
{
	static const struct {
		const ProtobufCMessageDescriptor *type;
		const char *in, *out;
		unsigned flags;
	} table[] = {
		{ &grpc__start_container_request__descriptor, "{}", "{}", 0 },
		{ &grpc__start_container_request__descriptor, "{}", "{\"container_id\":\"\"}", PBJSON_DEFAULTS },
		{ &grpc__start_container_request__descriptor, "{\"containerId\":\"w\\u00fcb/1\"}",
		  "{\"container_id\":\"w\xc3\xbc"
		  "b/1\"}",
		  0 },
		{ &grpc__start_container_request__descriptor, "{\"container_id\":null}", "{}", 0 },
		{ &grpc__create_container_request__descriptor,
		  "{\"OCI\":{\"Process\":{\"Args\":[\"a\",\"\"],\"OOMScoreAdj\":\"-5\"},\"Annotations\":{\"k\":\"v\","
		  "\"e\":\"\"}},"
		  "\"sandboxPidns\":true,\"storages\":[{\"fsGroup\":{\"groupId\":7,\"groupChangePolicy\":"
		  "\"OnRootMismatch\"}},{}]}",
		  "{\"storages\":[{\"fs_group\":{\"group_id\":7,\"group_change_policy\":\"OnRootMismatch\"}},{}],"
		  "\"OCI\":{\"Process\":{\"Args\":[\"a\",\"\"],\"OOMScoreAdj\":\"-5\"},\"Annotations\":{\"k\":\"v\","
		  "\"e\":\"\"}},"
		  "\"sandbox_pidns\":true}",
		  0 },
		{ &grpc__write_stream_request__descriptor, "{\"data\":\"-_8\"}", "{\"data\":\"+/8=\"}", 0 },
		{ &grpc__health_check_response__descriptor, "{\"status\":1}", "{\"status\":\"SERVING\"}", 0 },
		{ &grpc__health_check_response__descriptor, "{\"status\":\"NOT_SERVING\"}",
		  "{\"status\":\"NOT_SERVING\"}", 0 },
		{ &grpc__health_check_response__descriptor, "{\"status\":77}", "{\"status\":77}", 0 },
		{ &grpc__health_check_response__descriptor, "{}", "{\"status\":\"UNKNOWN\"}", PBJSON_DEFAULTS },
		/* optional: a given 0 is not nothing */
		{ &grpc__mem_agent_memcg_config__descriptor,
		  "{\"disabled\":false,\"swappiness_max\":0,\"periodSecs\":\"0\"}",
		  "{\"disabled\":false,\"swappiness_max\":0,\"period_secs\":\"0\"}", 0 },
		{ &grpc__mem_agent_memcg_config__descriptor, "{}", "{}", PBJSON_DEFAULTS },
		{ &grpc__linux_syscall__descriptor, "{\"errnoret\":0}", "{\"errnoret\":0}", 0 },
		{ &grpc__mem_hotplug_by_probe_request__descriptor,
		  "{\"memHotplugProbeAddr\":[1,\"18446744073709551615\",1e3,2.0]}",
		  "{\"memHotplugProbeAddr\":[\"1\",\"18446744073709551615\",\"1000\",\"2\"]}", 0 },
		{ &grpc__set_guest_date_time_request__descriptor, "{\"Sec\":-9223372036854775808,\"Usec\":\"-1\"}",
		  "{\"Sec\":\"-9223372036854775808\",\"Usec\":\"-1\"}", 0 },
		{ &grpc__copy_file_request__descriptor, "{\"uid\":-1,\"file_mode\":4294967295}",
		  "{\"file_mode\":4294967295,\"uid\":-1}", 0 },
		{ &grpc__cgroup_stats__descriptor, "{\"hugetlb_stats\":{\"2MB\":{\"usage\":5},\"1GB\":{}}}",
		  "{\"hugetlb_stats\":{\"2MB\":{\"usage\":\"5\"},\"1GB\":{}}}", 0 },
		{ &grpc__memory_stats__descriptor, "{\"stats\":{\"anon\":\"7\",\"file\":0}}",
		  "{\"stats\":{\"anon\":\"7\",\"file\":\"0\"}}", 0 },
		{ &grpc__blkio_stats__descriptor, "{\"io_time_recursive\":[{\"op\":\"Read\"}]}",
		  "{\"io_time_recursive\":[{\"op\":\"Read\"}]}", 0 },
		{ &grpc__list_routes_request__descriptor, " {\n} ", "{}", PBJSON_DEFAULTS },
		{ &grpc__interfaces__descriptor, "{\"Interfaces\":[]}", "{}", 0 },
		{ &grpc__write_stream_request__descriptor, "{\"data\":[104,105,255]}", "{\"data\":\"aGn/\"}", 0 },
		{ &grpc__write_stream_request__descriptor, "{\"data\":[]}", "{}", 0 },
		{ &grpc__device__descriptor, "{\"type_\":\"blk\"}", "{\"type\":\"blk\"}", 0 },
		{ &grpc__interfaces__descriptor, "{}", "{\"Interfaces\":[]}", PBJSON_DEFAULTS },
		{ &grpc__memory_stats__descriptor, "{}", "{\"cache\":\"0\",\"use_hierarchy\":false,\"stats\":{}}",
		  PBJSON_DEFAULTS },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		_autoarena_ struct arena arena = { 0 };
		_autobuf_ struct buf b = BUF_INIT;
		ProtobufCMessage *msg = NULL;
		struct err err = ERR_INIT;

		if (pbjson_parse(table[i].type, &arena, table[i].in, strlen(table[i].in), &msg, &err) < 0)
			fail_msg("%s: %s", table[i].in, err.text);
		assert_int_equal(pbjson_format_with(msg, table[i].flags, &b, &err), 0);
		assert_string_equal(buf_str(&b), table[i].out);
	}
}

static void errors_name_the_field(void **state)
{
	static const struct {
		const ProtobufCMessageDescriptor *type;
		const char *in, *expected;
	} table[] = {
		{ &grpc__start_container_request__descriptor, "{\"id\":\"x\"}",
		  "id: 'grpc.StartContainerRequest' has no such field" },
		{ &grpc__start_container_request__descriptor, "{\"ContainerId\":\"x\"}",
		  "ContainerId: 'grpc.StartContainerRequest' has no such field" },
		{ &grpc__start_container_request__descriptor, "{\"container_id\":5}",
		  "container_id: expected a string, not int" },
		{ &grpc__start_container_request__descriptor, "{\"container_id\":\"a\\u0000\"}",
		  "container_id: contains a NUL" },
		{ &grpc__start_container_request__descriptor, "[]", "expected an object, not array" },
		{ &grpc__start_container_request__descriptor, "{",
		  "parse JSON: the text ends too early, after 1 bytes" },
		{ &grpc__create_container_request__descriptor, "{\"storages\":[{},{\"fs_group\":{\"group_id\":-1}}]}",
		  "storages[1].fs_group.group_id: -1 is not between 0 and 4294967295" },
		{ &grpc__create_container_request__descriptor, "{\"storages\":{}}",
		  "storages: expected an array, not object" },
		{ &grpc__create_container_request__descriptor, "{\"storages\":[null]}",
		  "storages[0]: expected an object, not null" },
		{ &grpc__create_container_request__descriptor, "{\"sandbox_pidns\":\"true\"}",
		  "sandbox_pidns: expected true or false, not string" },
		{ &grpc__spec__descriptor, "{\"Annotations\":{\"a\":{}}}",
		  "Annotations.a: expected a string, not object" },
		{ &grpc__spec__descriptor, "{\"Annotations\":[]}", "Annotations: expected an object, not array" },
		{ &grpc__write_stream_request__descriptor, "{\"data\":\"a\"}", "data: is not base64" },
		{ &grpc__write_stream_request__descriptor, "{\"data\":[1,256]}",
		  "data[1]: 256 is not between 0 and 255" },
		{ &grpc__health_check_response__descriptor, "{\"status\":\"FINE\"}", "status: unknown value 'FINE'" },
		{ &grpc__mem_hotplug_by_probe_request__descriptor, "{\"memHotplugProbeAddr\":[\"12x\"]}",
		  "memHotplugProbeAddr[0]: '12x' is no whole number" },
		{ &grpc__mem_hotplug_by_probe_request__descriptor, "{\"memHotplugProbeAddr\":[\"\"]}",
		  "memHotplugProbeAddr[0]: '' is no whole number" },
		{ &grpc__mem_hotplug_by_probe_request__descriptor,
		  "{\"memHotplugProbeAddr\":[\"18446744073709551616\"]}",
		  "memHotplugProbeAddr[0]: '18446744073709551616' is no whole number" },
		{ &grpc__mem_hotplug_by_probe_request__descriptor, "{\"memHotplugProbeAddr\":[1.5]}",
		  "memHotplugProbeAddr[0]: expected a whole number, not double" },
		{ &grpc__mem_hotplug_by_probe_request__descriptor, "{\"memHotplugProbeAddr\":[NaN]}",
		  "memHotplugProbeAddr[0]: expected a whole number, not double" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		_autoarena_ struct arena arena = { 0 };
		ProtobufCMessage *msg = NULL;
		struct err err = ERR_INIT;

		assert_true(pbjson_parse(table[i].type, &arena, table[i].in, strlen(table[i].in), &msg, &err) < 0);
		assert_string_equal(err.text, table[i].expected);
		assert_null(msg);
	}
}

/* A message with every field of a type set to something, by descriptor, as JSON. */
static void fill(struct buf *b, const ProtobufCMessageDescriptor *type);

static void fill_value(struct buf *b, const ProtobufCFieldDescriptor *field)
{
	if (field->type == PROTOBUF_C_TYPE_MESSAGE)
		fill(b, field->descriptor);
	else if (field->type == PROTOBUF_C_TYPE_STRING)
		assert_int_equal(buf_printf(b, "\"%s\"", field->name), 0);
	else if (field->type == PROTOBUF_C_TYPE_BYTES)
		assert_int_equal(buf_printf(b, "\"AAEC\""), 0);
	else if (field->type == PROTOBUF_C_TYPE_BOOL)
		assert_int_equal(buf_printf(b, "true"), 0);
	else if (field->type == PROTOBUF_C_TYPE_ENUM)
		assert_int_equal(
			buf_printf(b, "\"%s\"", ((const ProtobufCEnumDescriptor *)field->descriptor)->values[1].name),
			0);
	else if (field->type == PROTOBUF_C_TYPE_INT64 || field->type == PROTOBUF_C_TYPE_UINT64)
		assert_int_equal(buf_printf(b, "\"%u\"", field->id), 0);
	else
		assert_int_equal(buf_printf(b, "%u", field->id), 0);
}

static void fill(struct buf *b, const ProtobufCMessageDescriptor *type)
{
	assert_int_equal(buf_printf(b, "{"), 0);
	for (unsigned i = 0; i < type->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &type->fields[i];
		const ProtobufCMessageDescriptor *entry = field->descriptor;

		assert_int_equal(buf_printf(b, "%s\"%s\":", i ? "," : "", field->name), 0);
		if (pbjson_is_map(type, field)) {
			assert_int_equal(buf_printf(b, "{\"key\":"), 0);
			fill_value(b, &entry->fields[1]);
			assert_int_equal(buf_printf(b, "}"), 0);
		} else if (field->label == PROTOBUF_C_LABEL_REPEATED) {
			assert_int_equal(buf_printf(b, "["), 0);
			fill_value(b, field);
			assert_int_equal(buf_printf(b, ","), 0);
			fill_value(b, field);
			assert_int_equal(buf_printf(b, "]"), 0);
		} else {
			fill_value(b, field);
		}
	}
	assert_int_equal(buf_printf(b, "}"), 0);
}

static void round_trip(const ProtobufCMessageDescriptor *type)
{
	_autoarena_ struct arena arena = { 0 };
	_autobuf_ struct buf in = BUF_INIT, out = BUF_INIT;
	ProtobufCMessage *msg = NULL, *again;
	struct err err = ERR_INIT;
	uint8_t *bytes;
	size_t len;

	fill(&in, type);
	if (pbjson_parse(type, &arena, buf_str(&in), in.len, &msg, &err) < 0)
		fail_msg("%s: %s", buf_str(&in), err.text);
	len = protobuf_c_message_get_packed_size(msg);
	bytes = arena_alloc(&arena, len);
	assert_non_null(bytes);
	assert_int_equal(protobuf_c_message_pack(msg, bytes), len);
	again = protobuf_c_message_unpack(type, NULL, len, bytes);
	assert_non_null(again);
	assert_int_equal(pbjson_format(again, &out, &err), 0);
	assert_string_equal(buf_str(&out), buf_str(&in));
	protobuf_c_message_free_unpacked(again, NULL);
}

/* JSON to message to wire to message to JSON, for everything that the agent can be sent or can answer. */
static void every_message_survives(void **state)
{
	const ProtobufCServiceDescriptor *s = &grpc__agent_service__descriptor;

	(void)state;
	assert_int_equal(s->n_methods, 42);
	for (unsigned i = 0; i < s->n_methods; i++) {
		round_trip(s->methods[i].input);
		round_trip(s->methods[i].output);
	}
}

static void pretty_is_the_same(void **state)
{
	Grpc__StartContainerRequest msg = GRPC__START_CONTAINER_REQUEST__INIT;
	_autobuf_ struct buf b = BUF_INIT;

	(void)state;
	msg.container_id = (char *)"a";
	assert_int_equal(pbjson_format_with(&msg.base, PBJSON_PRETTY, &b, NULL), 0);
	assert_string_equal(buf_str(&b), "{\n  \"container_id\": \"a\"\n}");
}

int test_pbjson(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_forms),
		cmocka_unit_test(errors_name_the_field),
		cmocka_unit_test(every_message_survives),
		cmocka_unit_test(pretty_is_the_same),
	};

	return cmocka_run_group_tests_name("pbjson", tests, NULL, NULL);
}
