/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/rpc/policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/arena.h"
#include "lib/mem.h"
#include "proto/agent.pb-c.h"
#include "proto/health.pb-c.h"
#include "proto/pbjson.h"
#include "tests/lib/unit.h"

static struct policy *parse(const char *text)
{
	struct policy *policy = NULL;
	struct err err = ERR_INIT;

	if (policy_parse(text, strlen(text), &policy, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	return policy;
}

/* The verdict over a request of this method, given as JSON. */
static int judge(const struct policy *policy, const char *method, const char *json, struct err *err)
{
	const ProtobufCMethodDescriptor *m =
		protobuf_c_service_descriptor_get_method_by_name(&grpc__agent_service__descriptor, method);
	ProtobufCMessage *msg;
	struct arena arena;
	int r;

	assert_non_null(m);
	arena_init(&arena, 0);
	assert_return_code(pbjson_parse(m->input, &arena, json, strlen(json), &msg, NULL), 0);
	r = policy_check(policy, method, msg, err);
	arena_done(&arena);
	return r;
}

static void nothing_is_allowed_but_what_a_rule_says(void **state)
{
	const ProtobufCServiceDescriptor *services[] = { &grpc__agent_service__descriptor, &grpc__health__descriptor };
	unsigned n = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
		for (unsigned k = 0; k < services[i]->n_methods; k++, n++) {
			const char *name = services[i]->methods[k].name;
			char text[256], why[128];
			struct policy *none = parse("{\"version\": 1, \"rules\": []}"), *all, *one;
			struct err err = ERR_INIT;

			(void)snprintf(text, sizeof(text), "{\"version\": 1, \"rules\": [{\"allow\": [\"%s\"]}]}",
			               name);
			one = parse(text);
			all = parse("{\"version\": 1, \"rules\": [{\"allow\": [\"*\"]}]}");
			assert_int_equal(policy_check(none, name, NULL, &err), -EPERM);
			(void)snprintf(why, sizeof(why), "no rule allows '%s'", name);
			assert_string_equal(err.text, why);
			assert_return_code(policy_check(all, name, NULL, NULL), 0);
			assert_return_code(policy_check(one, name, NULL, NULL), 0);
			for (unsigned other = 0; other < services[i]->n_methods; other++)
				if (other != k)
					assert_int_equal(
						policy_check(one, services[i]->methods[other].name, NULL, NULL),
						-EPERM);
			(void)policy_free(none);
			(void)policy_free(all);
			(void)policy_free(one);
		}
	}
	assert_int_equal(n, 42 + 2);
}

static void fields_have_allowed_values(void **state)
{
	static const struct {
		const char *patterns, *path;
		bool allowed;
	} table[] = {
		{ "\"/a\"", "/a", true },
		{ "\"/a\"", "/a/b", false },
		{ "\"/a\", \"/b\"", "/b", true },
		{ "\"\"", "", true },
		{ "{\"prefix\": \"/run/\"}", "/run/x", true },
		{ "{\"prefix\": \"/run/\"}", "/var/run/x", false },
		{ "{\"prefix\": \"/run/\"}", "/run/../etc/passwd", false },
		{ "{\"prefix\": \"/run/\"}", "/run/x/..", false },
		{ "{\"prefix\": \"/run/\"}", "/run/x..y", true },
		{ "{\"prefix\": \"/run/\"}", "/run/..y", true },
		{ "{\"glob\": \"/run/*/x\"}", "/run/web/x", true },
		{ "{\"glob\": \"/run/**\"}", "/run/a/../../etc", false },
		{ "{\"glob\": \"**\"}", "..", false },
		{ "\"/a\", {\"prefix\": \"/b\"}, {\"glob\": \"*\"}", "c", true },
		{ "\"..\"", "..", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		_autofree_ char *text = NULL, *request = NULL;
		struct policy *policy;

		assert_true(asprintf(&text,
		                     "{\"version\": 1, \"rules\": [{\"allow\": [\"CopyFile\"], \"where\": {\"path\": "
		                     "[%s]}}]}",
		                     table[i].patterns) > 0);
		assert_true(asprintf(&request, "{\"path\": \"%s\"}", table[i].path) > 0);
		policy = parse(text);
		if ((judge(policy, "CopyFile", request, NULL) == 0) != table[i].allowed)
			fail_msg("'%s' and '%s'", table[i].patterns, table[i].path);
		(void)policy_free(policy);
	}
}

static const char rules[] =
	"{\"version\": 1, \"comment\": \"for the test\", \"rules\": ["
	"{\"name\": \"pause\", \"allow\": [\"CreateContainer\"],"
	" \"where\": {\"OCI.Process.Args[*]\": [\"/pause\"], \"OCI.Process.Args[#]\": [1], \"devices[#]\": [0]}},"
	"{\"name\": \"shell\", \"allow\": [\"CreateContainer\", \"ExecProcess\"],"
	" \"where\": {\"container_id\": [{\"prefix\": \"dev-\"}]}},"
	"{\"name\": \"env\", \"allow\": [\"UpdateInterface\"], \"where\": {\"interface.mtu\": [1500, 9000]}},"
	"{\"name\": \"privacy\", \"allow\": [\"StartContainer\"], \"where\": {\"container_id\": [\"x\"]}}]}";

static void rules_are_tried_in_order(void **state)
{
	struct policy *policy = parse(rules);
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(policy_n_rules(policy), 4);
	assert_return_code(judge(policy, "CreateContainer", "{\"OCI\": {\"Process\": {\"Args\": [\"/pause\"]}}}", &err),
	                   0);
	assert_return_code(judge(policy, "CreateContainer", "{\"container_id\": \"dev-1\"}", &err), 0);
	assert_int_equal(
		judge(policy, "CreateContainer", "{\"OCI\": {\"Process\": {\"Args\": [\"/pause\", \"x\"]}}}", &err),
		-EPERM);
	assert_string_equal(err.text, "rule 'pause' does not allow 'OCI.Process.Args[*]' to be 'x'; "
	                              "rule 'shell' does not allow 'container_id' to be ''");
	assert_int_equal(judge(policy, "ExecProcess", "{\"container_id\": \"web\"}", &err), -EPERM);
	assert_string_equal(err.text, "rule 'shell' does not allow 'container_id' to be 'web'");
	assert_return_code(judge(policy, "UpdateInterface", "{\"interface\": {\"mtu\": \"9000\"}}", &err), 0);
	assert_int_equal(judge(policy, "UpdateInterface", "{}", &err), -EPERM);
	assert_string_equal(err.text, "rule 'env' does not allow 'interface.mtu' to be '0'");
	/* A condition cannot hold for a request that is not there. */
	assert_int_equal(policy_check(policy, "StartContainer", NULL, &err), -EPERM);
	(void)policy_free(policy);
}

static void secrets_are_not_shown(void **state)
{
	struct policy *policy = parse("{\"version\": 1, \"rules\": [{\"allow\": [\"CreateContainer\"],"
	                              " \"where\": {\"OCI.Process.Env[*]\": [\"A=b\"]}}]}");
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(judge(policy, "CreateContainer",
	                       "{\"OCI\": {\"Process\": {\"Env\": [\"A=b\", \"PASSWORD=secret\"]}}}", &err),
	                 -EPERM);
	assert_string_equal(err.text, "rule '0' does not allow 'OCI.Process.Env[*]' to be 'PASSWORD=…'");
	(void)policy_free(policy);
}

/* However many rules there are, the error fits. */
static void many_refusals_are_cut(void **state)
{
	char text[65536] = "{\"version\": 1, \"rules\": [";
	struct policy *policy;
	struct err err = ERR_INIT;

	(void)state;
	for (int i = 0; i < 200; i++)
		(void)strcat(text, "{\"name\": \"a rule with some name\", \"allow\": [\"CopyFile\"], \"where\": "
		                   "{\"path\": [\"x\"]}}, ");
	(void)strcat(text, "{\"allow\": [\"Check\"]}]}");
	policy = parse(text);
	assert_int_equal(judge(policy, "CopyFile", "{\"path\": \"y\"}", &err), -EPERM);
	assert_true(strlen(err.text) < ERR_TEXT_MAX / 2);
	assert_non_null(strstr(err.text, "rule 'a rule with some name' does not allow 'path' to be 'y'; rule"));
	(void)policy_free(policy);
}

static void the_console_is_asked_for_by_name(void **state)
{
	struct policy *policy = parse("{\"version\": 1, \"rules\": [{\"allow\": [\"DebugConsole\"]}]}");

	(void)state;
	assert_return_code(policy_check(policy, POLICY_DEBUG_CONSOLE, NULL, NULL), 0);
	(void)policy_free(policy);
	policy = parse("{\"version\": 1, \"rules\": [{\"allow\": [\"Check\"]}]}");
	assert_int_equal(policy_check(policy, POLICY_DEBUG_CONSOLE, NULL, NULL), -EPERM);
	(void)policy_free(policy);
}

static void a_reason_denies_everything(void **state)
{
	struct policy *policy;
	struct err err = ERR_INIT;

	(void)state;
	assert_return_code(policy_deny_all("no policy to be had", &policy), 0);
	assert_int_equal(judge(policy, "SetPolicy", "{}", &err), -EPERM);
	assert_string_equal(err.text, "no policy to be had");
	(void)policy_free(policy);
}

static void bad_policies(void **state)
{
	static const struct {
		const char *text, *why;
	} table[] = {
		{ "", "policy: parse JSON" },
		{ "[]", "expected an object" },
		{ "{}", "version: must be 1" },
		{ "{\"version\": 2, \"rules\": []}", "version: must be 1" },
		{ "{\"version\": 1}", "rules: expected a list of at most 1024 rules" },
		{ "{\"version\": 1, \"rules\": {}}", "rules: expected a list of at most 1024 rules" },
		{ "{\"version\": 1, \"rules\": [], \"default\": \"allow\"}", "unknown member 'default'" },
		{ "{\"version\": 1, \"rules\": [5]}", "rules[0]: expected a rule" },
		{ "{\"version\": 1, \"rules\": [{}]}", "rules[0].allow: is missing" },
		{ "{\"version\": 1, \"rules\": [{\"allow\": \"*\"}]}", "rules[0].allow: expected a list of methods" },
		{ "{\"version\": 1, \"rules\": [{\"allow\": [5]}]}", "rules[0].allow[0]: expected a string" },
		{ "{\"version\": 1, \"rules\": [{\"allow\": [\"Chek\"]}]}",
		  "rules[0].allow[0]: 'Chek' names no method" },
		{ "{\"version\": 1, \"rules\": [{\"allow\": [\"*\"], \"deny\": []}]}",
		  "rules[0].deny: unknown member" },
		{ "{\"version\": 1, \"rules\": [{\"allow\": [\"CopyFile\"], \"where\": []}]}",
		  "rules[0].where: expected an object" },
		{ "{\"version\": 1, \"rules\": [{\"allow\": [\"CopyFile\"], \"where\": {\"pat\": [\"x\"]}}]}",
		  "'grpc.CopyFileRequest' has no field 'pat'" },
		{ "{\"version\": 1, \"rules\": [{\"allow\": [\"*\"], \"where\": {\"path\": [\"x\"]}}]}",
		  "has no field 'path'" },
		{ "{\"version\": 1, \"rules\": [{\"allow\": [\"DebugConsole\"], \"where\": {\"path\": [\"x\"]}}]}",
		  "has no fields" },
		{ "{\"version\": 1, \"rules\": [{\"allow\": [\"CopyFile\"], \"where\": {\"path\": []}}]}",
		  "expected a list of allowed values" },
		{ "{\"version\": 1, \"rules\": [{\"allow\": [\"CopyFile\"], \"where\": {\"path\": \"x\"}}]}",
		  "expected a list of allowed values" },
		{ "{\"version\": 1, \"rules\": [{\"allow\": [\"CopyFile\"], \"where\": {\"path\": [1.5]}}]}",
		  "expected a string" },
		{ "{\"version\": 1, \"rules\": [{\"allow\": [\"CopyFile\"], \"where\": {\"path\": [{\"regex\": "
		  "\"x\"}]}}]}",
		  "\"prefix\"" },
		{ "{\"version\": 1, \"rules\": [{\"allow\": [\"CopyFile\"], \"where\": {\"path\": [{\"prefix\": "
		  "5}]}}]}",
		  "expected a string" },
		{ "package agent_policy\n\ndefault CreateContainerRequest := true\n", "this is Rego" },
		{ "# Copyright\n\npackage agent_policy\n", "this is Rego" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct policy *policy = NULL;
		struct err err = ERR_INIT;

		assert_int_equal(policy_parse(table[i].text, strlen(table[i].text), &policy, &err), -EINVAL);
		assert_null(policy);
		if (!strstr(err.text, table[i].why))
			fail_msg("%s: %s", table[i].text, err.text);
	}
}

static void size_is_limited(void **state)
{
	size_t len = POLICY_TEXT_MAX + 1;
	_autofree_ char *text = malloc(len);
	struct policy *policy = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_non_null(text);
	memset(text, ' ', len);
	assert_int_equal(policy_parse(text, len, &policy, &err), -EINVAL);
	assert_non_null(strstr(err.text, "1048577 bytes are more than 1048576"));
	memcpy(text + 5, "{\"version\": 1, \"rules\": []}", 27);
	assert_return_code(policy_parse(text, len - 1, &policy, &err), 0);
	(void)policy_free(policy);
}

int test_policy(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_allowed_but_what_a_rule_says),
		cmocka_unit_test(fields_have_allowed_values),
		cmocka_unit_test(rules_are_tried_in_order),
		cmocka_unit_test(secrets_are_not_shown),
		cmocka_unit_test(many_refusals_are_cut),
		cmocka_unit_test(the_console_is_asked_for_by_name),
		cmocka_unit_test(a_reason_denies_everything),
		cmocka_unit_test(bad_policies),
		cmocka_unit_test(size_is_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
