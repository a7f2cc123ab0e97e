/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/rpc/policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/rpc/fieldpath.h"
#include "agent/rpc/methods.h"
#include "lib/glob.h"
#include "lib/jsontext.h"
#include "proto/agent.pb-c.h"
#include "proto/health.pb-c.h"

#define POLICY_VERSION 1
#define ARENA_MAX      (64u << 20)
#define SHOWN_MAX      80 /* bytes of a value that a denial shows */

enum pattern_kind {
	PATTERN_EXACT,
	PATTERN_PREFIX,
	PATTERN_GLOB,
};

struct pattern {
	enum pattern_kind kind;
	const char *text;
};

struct condition {
	struct fieldpath path;
	const struct pattern *patterns;
	size_t n_patterns;
};

/* What a rule allows of one method; the paths are those of its request. */
struct grant {
	const char *method;
	const struct condition *conditions;
	size_t n_conditions;
};

struct rule {
	const char *name;
	const struct grant *grants;
	size_t n_grants;
};

struct policy {
	struct arena arena;
	struct rule *rules;
	size_t n_rules;
	const char *why; /* it denies everything; else NULL */
};

/* --- reading ----------------------------------------------------------------------------------------------------- */

struct reader {
	struct arena *arena;
	struct jsontext_path path;
	struct err *err;
};

static int no_memory(struct reader *r)
{
	return jsontext_say(&r->path, r->err, ENOMEM, "%s", strerror(ENOMEM));
}

static int read_string(struct reader *r, struct json_object *json, const char **ret)
{
	const char *s;
	int result = jsontext_string(&r->path, json, &s, r->err);

	if (result < 0)
		return result;
	*ret = arena_strdup(r->arena, s);
	return *ret ? 0 : no_memory(r);
}

/* {"prefix": "…"} or {"glob": "…"} */
static int read_pattern_object(struct reader *r, struct json_object *json, struct pattern *ret)
{
	struct json_object *value;

	if (json_object_object_length(json) == 1 && json_object_object_get_ex(json, "prefix", &value))
		ret->kind = PATTERN_PREFIX;
	else if (json_object_object_length(json) == 1 && json_object_object_get_ex(json, "glob", &value))
		ret->kind = PATTERN_GLOB;
	else
		return jsontext_say(&r->path, r->err, EINVAL,
		                    "expected a value, {\"prefix\": \"…\"} or {\"glob\": \"…\"}");
	return read_string(r, value, &ret->text);
}

static int read_pattern(struct reader *r, struct json_object *json, struct pattern *ret)
{
	ret->kind = PATTERN_EXACT;
	switch (json_object_get_type(json)) {
	case json_type_object:
		return read_pattern_object(r, json, ret);
	case json_type_string:
		return read_string(r, json, &ret->text);
	case json_type_int:
	case json_type_boolean:
		ret->text = arena_strdup(r->arena, json_object_get_string(json));
		return ret->text ? 0 : no_memory(r);
	case json_type_null:
	case json_type_double:
	case json_type_array:
		break;
	}
	return jsontext_expected(&r->path, r->err, "a string, a whole number, a truth value or a pattern", json);
}

static int read_patterns(struct reader *r, struct json_object *json, struct condition *condition)
{
	size_t n = json_object_is_type(json, json_type_array) ? json_object_array_length(json) : 0;
	struct pattern *patterns;

	if (n == 0)
		return jsontext_expected(&r->path, r->err, "a list of allowed values", json);
	patterns = arena_array(r->arena, n, sizeof(*patterns));
	if (!patterns)
		return no_memory(r);
	for (size_t i = 0; i < n; i++) {
		size_t mark = jsontext_path_push_index(&r->path, i);
		int result = read_pattern(r, json_object_array_get_idx(json, i), &patterns[i]);

		if (result < 0)
			return result;
		jsontext_path_pop(&r->path, mark);
	}
	condition->patterns = patterns;
	condition->n_patterns = n;
	return 0;
}

/* The paths are those of one method's request: a field that it lacks could never be looked at. */
static int read_conditions(struct reader *r, struct json_object *where, const ProtobufCMethodDescriptor *method,
                           struct grant *grant)
{
	size_t n = 0, max = where ? (size_t)json_object_object_length(where) : 0;
	struct condition *conditions = arena_array(r->arena, max, sizeof(*conditions));

	if (max > 0 && !conditions)
		return no_memory(r);
	if (max > 0 && !method)
		return jsontext_say(&r->path, r->err, EINVAL, "'%s' has no fields", grant->method);
	if (max > 0) {
		json_object_object_foreach(where, key, value)
		{
			size_t mark = jsontext_path_push(&r->path, key);
			struct err why = ERR_INIT;
			int result = fieldpath_parse(r->arena, method->input, key, &conditions[n].path, &why);

			if (result < 0)
				return jsontext_say(&r->path, r->err, -result, "%s", err_text(&why));
			result = read_patterns(r, value, &conditions[n++]);
			if (result < 0)
				return result;
			jsontext_path_pop(&r->path, mark);
		}
	}
	grant->conditions = conditions;
	grant->n_conditions = n;
	return 0;
}

/* All that a policy can name, by number; false behind the last. */
static bool method_at(size_t i, const char **ret_name, const ProtobufCMethodDescriptor **ret)
{
	const ProtobufCServiceDescriptor *services[] = { &grpc__agent_service__descriptor, &grpc__health__descriptor };

	for (size_t k = 0; k < ARRAY_SIZE(services); i -= services[k++]->n_methods) {
		if (i >= services[k]->n_methods)
			continue;
		*ret = &services[k]->methods[i];
		*ret_name = (*ret)->name;
		return true;
	}
	*ret = NULL;
	*ret_name = POLICY_DEBUG_CONSOLE;
	return i == 0;
}

/* Counts the methods that the patterns of "allow" name; `grants` NULL = only counts. */
static int read_grants(struct reader *r, struct json_object *allow, struct json_object *where, struct grant *grants,
                       size_t *ret_n)
{
	const ProtobufCMethodDescriptor *method;
	size_t n = 0;
	const char *name;

	for (size_t i = 0; i < json_object_array_length(allow); i++) {
		size_t mark = jsontext_path_push_index(&r->path, i), before = n;
		const char *pattern;
		int result = jsontext_string(&r->path, json_object_array_get_idx(allow, i), &pattern, r->err);

		if (result < 0)
			return result;
		for (size_t k = 0; method_at(k, &name, &method); k++) {
			if (!glob_match(pattern, name))
				continue;
			if (grants) {
				grants[n].method = name;
				result = read_conditions(r, where, method, &grants[n]);
				if (result < 0)
					return result;
			}
			n++;
		}
		if (n == before)
			return jsontext_say(&r->path, r->err, EINVAL, "'%s' names no method", pattern);
		jsontext_path_pop(&r->path, mark);
	}
	*ret_n = n;
	return 0;
}

static int read_rule_members(struct reader *r, struct json_object *json, struct json_object **ret_allow,
                             struct json_object **ret_where, struct rule *rule)
{
	json_object_object_foreach(json, key, value)
	{
		size_t mark = jsontext_path_push(&r->path, key);
		int result = 0;

		if (strcmp(key, "name") == 0)
			result = read_string(r, value, &rule->name);
		else if (strcmp(key, "allow") == 0 && json_object_is_type(value, json_type_array))
			*ret_allow = value;
		else if (strcmp(key, "where") == 0 && json_object_is_type(value, json_type_object))
			*ret_where = value;
		else if (strcmp(key, "allow") == 0)
			result = jsontext_expected(&r->path, r->err, "a list of methods", value);
		else if (strcmp(key, "where") == 0)
			result = jsontext_expected(&r->path, r->err, "an object of fields", value);
		else
			result = jsontext_say(&r->path, r->err, EINVAL, "unknown member");
		if (result < 0)
			return result;
		jsontext_path_pop(&r->path, mark);
	}
	return 0;
}

static int read_rule(struct reader *r, struct json_object *json, size_t index, struct rule *rule)
{
	struct json_object *allow = NULL, *where = NULL;
	struct grant *grants;
	size_t n = 0, mark;
	int result;

	if (!json_object_is_type(json, json_type_object))
		return jsontext_expected(&r->path, r->err, "a rule", json);
	result = read_rule_members(r, json, &allow, &where, rule);
	if (result < 0)
		return result;
	if (!rule->name)
		rule->name = arena_printf(r->arena, "%zu", index);
	if (!rule->name)
		return no_memory(r);
	mark = jsontext_path_push(&r->path, "allow");
	if (!allow)
		return jsontext_say(&r->path, r->err, EINVAL, "is missing");
	result = read_grants(r, allow, NULL, NULL, &n);
	if (result < 0)
		return result;
	grants = arena_array(r->arena, n, sizeof(*grants));
	if (n > 0 && !grants)
		return no_memory(r);
	result = read_grants(r, allow, where, grants, &n);
	if (result < 0)
		return result;
	jsontext_path_pop(&r->path, mark);
	rule->grants = grants;
	rule->n_grants = n;
	return 0;
}

static int read_rules(struct reader *r, struct json_object *json, struct policy *policy)
{
	size_t n = json_object_is_type(json, json_type_array) ? json_object_array_length(json) : POLICY_RULES_MAX + 1;

	if (n > POLICY_RULES_MAX)
		return jsontext_say(&r->path, r->err, EINVAL, "expected a list of at most %d rules", POLICY_RULES_MAX);
	policy->rules = arena_array(r->arena, n, sizeof(*policy->rules));
	if (n > 0 && !policy->rules)
		return no_memory(r);
	for (size_t i = 0; i < n; i++) {
		size_t mark = jsontext_path_push_index(&r->path, i);
		int result = read_rule(r, json_object_array_get_idx(json, i), i, &policy->rules[i]);

		if (result < 0)
			return result;
		policy->n_rules++;
		jsontext_path_pop(&r->path, mark);
	}
	return 0;
}

static int read_policy(struct reader *r, struct json_object *json, struct policy *policy)
{
	struct json_object *version = NULL, *rules = NULL;
	int64_t number = 0;
	int result;

	if (!json_object_is_type(json, json_type_object))
		return jsontext_expected(&r->path, r->err, "an object", json);
	json_object_object_foreach(json, key, value)
	{
		if (strcmp(key, "version") == 0)
			version = value;
		else if (strcmp(key, "rules") == 0)
			rules = value;
		else if (strcmp(key, "comment") != 0)
			return jsontext_say(&r->path, r->err, EINVAL, "unknown member '%s'", key);
	}
	(void)jsontext_path_push(&r->path, "version");
	result = version ? jsontext_int64(&r->path, version, 0, INT64_MAX, &number, r->err) : 0;
	if (result == 0 && number != POLICY_VERSION)
		result = jsontext_say(&r->path, r->err, EINVAL, "must be %d", POLICY_VERSION);
	if (result < 0)
		return result;
	jsontext_path_pop(&r->path, 0);
	(void)jsontext_path_push(&r->path, "rules");
	return read_rules(r, rules, policy);
}

/* Who sends Rego shall not have to guess from a parser's error what is wrong. */
static bool looks_like_rego(const char *text, size_t len)
{
	const char *at = memchr(text, 'p', len);

	for (; at; at = memchr(at + 1, 'p', len - (size_t)(at + 1 - text))) {
		size_t left = len - (size_t)(at - text);

		if (left > 8 && strncmp(at, "package ", 8) == 0 && (at == text || at[-1] == '\n'))
			return true;
	}
	return false;
}

static struct policy *new_policy(void)
{
	struct policy *policy = calloc(1, sizeof(*policy));

	if (policy)
		arena_init(&policy->arena, ARENA_MAX);
	return policy;
}

int policy_parse(const char *text, size_t len, struct policy **ret, struct err *err)
{
	_autojson_ struct json_object *json = NULL;
	struct policy *policy;
	struct reader r = { .err = err };
	int result;

	if (len > POLICY_TEXT_MAX)
		return err_say(err, EINVAL, "policy: %zu bytes are more than %u", len, POLICY_TEXT_MAX);
	if (looks_like_rego(text, len))
		return err_say(err, EINVAL,
		               "policy: this is Rego, which this agent does not evaluate; it takes JSON "
		               "rules (docs/POLICY.md)");
	result = jsontext_parse(text, len, &json, err);
	if (result < 0)
		return err_wrap(err, "policy");
	policy = new_policy();
	if (!policy)
		return err_set(err, ENOMEM, "read the policy");
	r.arena = &policy->arena;
	result = read_policy(&r, json, policy);
	if (result < 0) {
		(void)policy_free(policy);
		return err_wrap(err, "policy");
	}
	*ret = policy;
	return 0;
}

int policy_deny_all(const char *why, struct policy **ret)
{
	struct policy *policy = new_policy();

	if (!policy)
		return -ENOMEM;
	policy->why = arena_strdup(&policy->arena, why);
	if (!policy->why)
		policy->why = "out of memory";
	*ret = policy;
	return 0;
}

struct policy *policy_free(struct policy *policy)
{
	if (policy)
		arena_done(&policy->arena);
	free(policy);
	return NULL;
}

size_t policy_n_rules(const struct policy *policy)
{
	return policy->n_rules;
}

/* --- judging ----------------------------------------------------------------------------------------------------- */

/* "/run/x/../../etc" begins with "/run/x/", and is not what the rule's author meant. */
static bool climbs(const char *value)
{
	for (const char *p = value; (p = strstr(p, "..")); p += 2)
		if ((p == value || p[-1] == '/') && (p[2] == '/' || p[2] == '\0'))
			return true;
	return false;
}

static bool matches(const struct pattern *pattern, const char *value)
{
	switch (pattern->kind) {
	case PATTERN_EXACT:
		return strcmp(pattern->text, value) == 0;
	case PATTERN_PREFIX:
		return strncmp(pattern->text, value, strlen(pattern->text)) == 0 && !climbs(value);
	case PATTERN_GLOB:
		return glob_match(pattern->text, value) && !climbs(value);
	}
	return false;
}

struct judgement {
	const struct condition *condition;
	char refused[SHOWN_MAX + 1]; /* the value */
};

static bool accept(void *arg, const char *value)
{
	struct judgement *j = arg;

	for (size_t i = 0; i < j->condition->n_patterns; i++)
		if (matches(&j->condition->patterns[i], value))
			return true;
	(void)snprintf(j->refused, sizeof(j->refused), "%s", value);
	return false;
}

/* The value of a variable may be a secret, and denials are logged. */
static void conceal(struct judgement *j)
{
	const struct fieldpath *path = &j->condition->path;
	char *equals = strchr(j->refused, '=');

	if (strcmp(path->steps[path->n_steps - 1].field->name, "Env") == 0 && equals)
		(void)snprintf(equals, 5, "=…");
}

/* True if it allows; else `why` says what it does not allow. */
static bool allows(const struct rule *rule, const struct grant *grant, const ProtobufCMessage *request, char *why,
                   size_t size)
{
	for (size_t i = 0; i < grant->n_conditions; i++) {
		struct judgement j = { .condition = &grant->conditions[i] };

		if (request && fieldpath_each(&j.condition->path, request, accept, &j))
			continue;
		conceal(&j);
		(void)snprintf(why, size, "rule '%s' does not allow '%s' to be '%s'", rule->name,
		               j.condition->path.text, j.refused);
		return false;
	}
	return true;
}

int policy_check(const struct policy *policy, const char *method, const ProtobufCMessage *request, struct err *err)
{
	char text[ERR_TEXT_MAX / 2] = "";
	size_t len = 0;

	if (policy->why)
		return err_say(err, EPERM, "%s", policy->why);
	for (size_t i = 0; i < policy->n_rules; i++) {
		const struct rule *rule = &policy->rules[i];

		for (size_t k = 0; k < rule->n_grants; k++) {
			const char *separator = len > 0 ? "; " : "";

			if (strcmp(rule->grants[k].method, method) != 0)
				continue;
			if (len + 2 < sizeof(text)) {
				(void)strcpy(text + len, separator);
				len += strlen(separator);
			}
			if (allows(rule, &rule->grants[k], request, text + len, sizeof(text) - len))
				return 0;
			len += strlen(text + len);
		}
	}
	if (len > 0)
		return err_say(err, EPERM, "%s", text);
	return err_say(err, EPERM, "no rule allows '%s'", method);
}
