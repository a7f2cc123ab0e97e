/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/rpc/fieldpath.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/mem.h"
#include "proto/agent.pb-c.h"
#include "proto/pbjson.h"
#include "tests/lib/unit.h"

static const char request[] =
	"{\"container_id\": \"web\", \"sandboxPidns\": true, \"stdin_port\": 7,"
	" \"storages\": [{\"driver\": \"blk\", \"options\": [\"ro\", \"sync\"], \"fs_group\": {\"group_id\": 5,"
	"  \"group_change_policy\": \"OnRootMismatch\"}}, {\"driver\": \"local\"}],"
	" \"OCI\": {\"Process\": {\"Args\": [\"sh\", \"-c\"], \"OOMScoreAdj\": -5, \"User\": {\"UID\": 1000}},"
	"  \"Annotations\": {\"a.b/c\": \"one\", \"d\": \"two\"},"
	"  \"Linux\": {\"Seccomp\": {\"Syscalls\": [{\"errnoret\": 38}, {}]}}}}";

static bool collect(void *arg, const char *value)
{
	char *text = arg;

	(void)strcat(text, value);
	(void)strcat(text, ";");
	return strcmp(value, "stop") != 0;
}

static void values(void **state)
{
	static const struct {
		const char *path, *values;
	} table[] = {
		{ "container_id", "web;" },
		{ "containerId", "web;" },
		{ "exec_id", ";" },
		{ "sandbox_pidns", "true;" },
		{ "stdinPort", "7;" },
		{ "storages[#]", "2;" },
		{ "storages[0].driver", "blk;" },
		{ "storages[*].driver", "blk;local;" },
		{ "storages[7].driver", ";" },
		{ "storages[*].options[*]", "ro;sync;" },
		{ "storages[*].options[#]", "2;0;" },
		{ "storages[*].options[1]", "sync;;" },
		{ "storages[*].fs_group.group_id", "5;0;" },
		{ "storages[*].fs_group.group_change_policy", "OnRootMismatch;Always;" },
		{ "storages[*].shared", "false;false;" },
		{ "devices[*].type", "" },
		{ "devices[#]", "0;" },
		{ "OCI.Process.Args[*]", "sh;-c;" },
		{ "OCI.Process.OOMScoreAdj", "-5;" },
		{ "OCI.Process.User.UID", "1000;" },
		{ "OCI.Process.ConsoleSize.Width", "0;" },
		{ "OCI.Annotations[\"a.b/c\"]", "one;" },
		{ "OCI.Annotations[\"none\"]", ";" },
		{ "OCI.Annotations[*]", "one;two;" },
		{ "OCI.Annotations[#]", "2;" },
		{ "OCI.Linux.Seccomp.Syscalls[*].errnoret", "38;0;" },
		{ "OCI.Linux.Resources.Memory.Limit", "0;" },
		{ "OCI.Windows.dummy", ";" },
	};
	ProtobufCMessage *msg;
	struct arena arena;

	(void)state;
	arena_init(&arena, 0);
	assert_return_code(pbjson_parse(&grpc__create_container_request__descriptor, &arena, request,
	                                sizeof(request) - 1, &msg, NULL),
	                   0);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		char text[256] = "";
		struct fieldpath path;
		struct err err = ERR_INIT;

		if (fieldpath_parse(&arena, msg->descriptor, table[i].path, &path, &err) < 0)
			fail_msg("'%s': %s", table[i].path, err.text);
		assert_true(fieldpath_each(&path, msg, collect, text));
		if (strcmp(text, table[i].values) != 0)
			fail_msg("'%s' is '%s'", table[i].path, text);
	}
	arena_done(&arena);
}

static void bad_paths(void **state)
{
	static const struct {
		const char *path, *why;
	} table[] = {
		{ "", "at byte 0: the name of a field was expected" },
		{ ".", "at byte 0: the name of a field was expected" },
		{ "nope", "'grpc.CreateContainerRequest' has no field 'nope'" },
		{ "OCI", "this is a message" },
		{ "OCI.", "the name of a field was expected" },
		{ "OCI.Nope", "'grpc.Spec' has no field 'Nope'" },
		{ "OCI[0]", "the field is no list and no map" },
		{ "container_id.x", "at byte 12: nothing can follow here" },
		{ "container_id x", "has no field 'container_id x'" },
		{ "storages", "needs [*], [#] or which one" },
		{ "storages.driver", "needs [*], [#] or which one" },
		{ "storages[*]", "this is a message" },
		{ "storages[*].fs_group", "this is a message" },
		{ "storages[#].driver", "nothing can follow here" },
		{ "storages[", "a number, \"a key\", * or # was expected" },
		{ "storages[-1].driver", "a number, \"a key\", * or # was expected" },
		{ "storages[0.driver", "']' was expected" },
		{ "storages[99999999999].driver", "the number is too large" },
		{ "storages[\"a\"].driver", "a list has numbers, not keys" },
		{ "OCI.Annotations[0]", "a map has keys, not numbers" },
		{ "OCI.Annotations[\"a", "the key has no end" },
		{ "storages[0]driver", "nothing can follow here" },
	};
	struct arena arena;

	(void)state;
	arena_init(&arena, 0);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct err err = ERR_INIT;
		struct fieldpath path;

		assert_int_equal(fieldpath_parse(&arena, &grpc__create_container_request__descriptor, table[i].path,
		                                 &path, &err),
		                 -EINVAL);
		if (!strstr(err.text, table[i].why))
			fail_msg("'%s': %s", table[i].path, err.text);
	}
	arena_done(&arena);
}

static void bytes_are_refused(void **state)
{
	struct arena arena;
	struct err err = ERR_INIT;
	struct fieldpath path;

	(void)state;
	arena_init(&arena, 0);
	assert_int_equal(fieldpath_parse(&arena, &grpc__copy_file_request__descriptor, "data", &path, &err), -EINVAL);
	assert_non_null(strstr(err.text, "bytes cannot be compared"));
	arena_done(&arena);
	arena_init(&arena, 8);
	assert_int_equal(fieldpath_parse(&arena, &grpc__copy_file_request__descriptor, "path", &path, &err), -ENOMEM);
	arena_done(&arena);
}

/* The first value that will not do ends the walk. */
static void refusal_stops(void **state)
{
	static const char text[] = "{\"storages\": [{\"driver\": \"a\"}, {\"driver\": \"stop\"}, {\"driver\": \"b\"}]}";
	char seen[64] = "";
	struct fieldpath path;
	ProtobufCMessage *msg;
	struct arena arena;

	(void)state;
	arena_init(&arena, 0);
	assert_return_code(
		pbjson_parse(&grpc__create_container_request__descriptor, &arena, text, sizeof(text) - 1, &msg, NULL),
		0);
	assert_return_code(fieldpath_parse(&arena, msg->descriptor, "storages[*].driver", &path, NULL), 0);
	assert_false(fieldpath_each(&path, msg, collect, seen));
	assert_string_equal(seen, "a;stop;");
	arena_done(&arena);
}

int test_fieldpath(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values),
		cmocka_unit_test(bad_paths),
		cmocka_unit_test(bytes_are_refused),
		cmocka_unit_test(refusal_stops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
