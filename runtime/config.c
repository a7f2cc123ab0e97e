/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/jsontext.h"
#include "runtime/config_keys.h"
#include "runtime/toml.h"

/* The place of each section in the file. */
static const struct {
	const char *section, *outer, *inner;
} places[] = {
	{ "hypervisor", "hypervisor", "qemu" },
	{ "agent", "agent", "kata" },
	{ "runtime", "runtime", NULL },
};

void config_done(struct config *c)
{
	arena_done(&c->arena);
	memset(c, 0, sizeof(*c));
}

static void *slot(struct config *c, const struct config_key *key)
{
	return (char *)c + key->offset;
}

static int no_memory(struct err *err)
{
	return err_set(err, ENOMEM, "read the configuration");
}

static int bad_value(struct err *err, const struct config_key *key, const char *wanted, const char *text)
{
	return err_say(err, EINVAL, "%s.%s: expected %s, not '%s'", key->section, key->name, wanted, text);
}

static int list_add(struct config *c, struct config_list *list, const char *text, struct err *err)
{
	char **v = arena_array(&c->arena, list->n + 2, sizeof(*v));
	char *copy = arena_strdup(&c->arena, text);

	if (!v || !copy)
		return no_memory(err);
	if (list->n > 0)
		memcpy(v, list->v, list->n * sizeof(*v));
	v[list->n++] = copy;
	list->v = v;
	return 0;
}

static int set_words(struct config *c, struct config_list *list, const char *text, struct err *err)
{
	_autofree_ char *copy = strdup(text);
	char *rest = copy;
	int rc = copy ? 0 : no_memory(err);

	*list = (struct config_list){ NULL, 0 };
	for (char *word = strtok_r(copy, " ", &rest); rc == 0 && word; word = strtok_r(NULL, " ", &rest))
		rc = list_add(c, list, word, err);
	return rc;
}

static int set_integer(const struct config_key *key, const char *text, int64_t *out, struct err *err)
{
	char *end;

	errno = 0;
	*out = strtoll(text, &end, 10);
	return errno || end == text || *end ? bad_value(err, key, "a whole number", text) : 0;
}

static int set_number(const struct config_key *key, const char *text, double *out, struct err *err)
{
	char *end;

	errno = 0;
	*out = strtod(text, &end);
	return errno || end == text || *end || *out != *out || *out > 1e9 || *out < -1e9
	               ? bad_value(err, key, "a number", text)
	               : 0;
}

static int set_text(struct config *c, const struct config_key *key, const char *text, struct err *err)
{
	switch (key->type) {
	case CONFIG_STRING:
		*(char **)slot(c, key) = arena_strdup(&c->arena, text);
		return *(char **)slot(c, key) ? 0 : no_memory(err);
	case CONFIG_LIST:
		return set_words(c, slot(c, key), text, err);
	case CONFIG_BOOL:
		if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
			return bad_value(err, key, "true or false", text);
		*(bool *)slot(c, key) = strcmp(text, "true") == 0;
		return 0;
	case CONFIG_INTEGER:
		return set_integer(key, text, slot(c, key), err);
	case CONFIG_NUMBER:
		return set_number(key, text, slot(c, key), err);
	}
	return -EINVAL;
}

int config_set(struct config *c, const char *section, const char *name, const char *text, struct err *err)
{
	const struct config_key *key = config_key_find(section, name);

	if (!key)
		return err_say(err, ENOENT, "%s.%s: there is no such key", section, name);
	return set_text(c, key, text, err);
}

int config_init(struct config *c, struct err *err)
{
	int rc = 0;

	memset(c, 0, sizeof(*c));
	arena_init(&c->arena, 0);
	for (size_t i = 0; rc == 0 && i < config_keys_count; i++)
		if (config_keys[i].fallback)
			rc = set_text(c, &config_keys[i], config_keys[i].fallback, err);
		else if (config_keys[i].type == CONFIG_STRING)
			rc = set_text(c, &config_keys[i], "", err);
	return rc;
}

/* A list of strings; tables and other types are refused by name. */
static int read_list(struct config *c, const struct config_key *key, struct json_object *node, struct err *err)
{
	struct config_list *list = slot(c, key);
	int rc = 0;

	if (!json_object_is_type(node, json_type_array))
		return bad_value(err, key, "an array of strings", toml_type_name(node));
	*list = (struct config_list){ NULL, 0 };
	for (size_t i = 0; rc == 0 && i < json_object_array_length(node); i++) {
		struct json_object *element = json_object_array_get_idx(node, i);
		const char *text = toml_scalar(element, "string");

		rc = text ? list_add(c, list, text, err) : bad_value(err, key, "strings only", toml_type_name(element));
	}
	return rc;
}

static int read_key(struct config *c, const struct config_key *key, struct json_object *node, struct err *err)
{
	static const char *const types[] = { [CONFIG_STRING] = "string",
		                             [CONFIG_BOOL] = "bool",
		                             [CONFIG_INTEGER] = "integer",
		                             [CONFIG_NUMBER] = "float" };
	const char *text;

	if (key->type == CONFIG_LIST)
		return read_list(c, key, node, err);
	text = toml_scalar(node, types[key->type]);
	if (!text && key->type == CONFIG_NUMBER)
		text = toml_scalar(node, "integer");
	if (!text)
		return bad_value(err, key, types[key->type], toml_type_name(node));
	return set_text(c, key, text, err);
}

static int note_key(struct config *c, struct config_list *list, const char *section, const char *name, struct err *err)
{
	char *full = arena_printf(&c->arena, "%s.%s", section, name);

	return full ? list_add(c, list, full, err) : no_memory(err);
}

static int read_section(struct config *c, const char *section, struct json_object *table, struct err *err)
{
	int rc = 0;

	json_object_object_foreach(table, name, node)
	{
		const struct config_key *key = config_key_find(section, name);

		if (rc < 0)
			break;
		if (key)
			rc = read_key(c, key, node, err);
		else
			rc = note_key(c, config_is_unused(section, name) ? &c->unused : &c->unknown, section, name,
			              err);
	}
	return rc;
}

/* [hypervisor.clh] and the like: the file wants a hypervisor that this runtime does not drive. */
static int check_hypervisors(struct json_object *table, struct err *err)
{
	json_object_object_foreach(table, name, node)
	{
		(void)node;
		if (strcmp(name, "qemu") != 0)
			return err_say(err, EINVAL, "hypervisor.%s: this runtime drives qemu only", name);
	}
	return 0;
}

static int want_table(struct json_object *node, const char *name, struct err *err)
{
	return toml_is_table(node) ? 0
	                           : err_say(err, EINVAL, "%s: expected a table, not %s", name, toml_type_name(node));
}

int config_read(struct config *c, struct json_object *tree, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(places); i++) {
		struct json_object *table;

		if (!json_object_object_get_ex(tree, places[i].outer, &table))
			continue;
		rc = want_table(table, places[i].outer, err);
		if (rc == 0 && strcmp(places[i].section, "hypervisor") == 0)
			rc = check_hypervisors(table, err);
		if (rc < 0)
			break;
		if (places[i].inner && !json_object_object_get_ex(table, places[i].inner, &table))
			continue;
		rc = want_table(table, places[i].inner ? places[i].inner : places[i].outer, err);
		if (rc == 0)
			rc = read_section(c, places[i].section, table, err);
	}
	return rc;
}

static struct json_object *format_list(const struct config_list *list)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; array && i < list->n; i++)
		(void)json_object_array_add(array, json_object_new_string(list->v[i]));
	return array;
}

static struct json_object *format_key(const struct config *c, const struct config_key *key)
{
	const void *member = (const char *)c + key->offset;

	switch (key->type) {
	case CONFIG_STRING:
		return json_object_new_string(*(char *const *)member);
	case CONFIG_LIST:
		return format_list(member);
	case CONFIG_BOOL:
		return json_object_new_boolean(*(const bool *)member);
	case CONFIG_INTEGER:
		return json_object_new_int64(*(const int64_t *)member);
	case CONFIG_NUMBER:
		return json_object_new_double(*(const double *)member);
	}
	return NULL;
}

struct json_object *config_format(const struct config *c)
{
	struct json_object *json = json_object_new_object();

	for (size_t i = 0; json && i < ARRAY_SIZE(places); i++)
		(void)json_object_object_add(json, places[i].section, json_object_new_object());
	for (size_t i = 0; json && i < config_keys_count; i++) {
		struct json_object *section = NULL;

		if (json_object_object_get_ex(json, config_keys[i].section, &section))
			(void)json_object_object_add(section, config_keys[i].name, format_key(c, &config_keys[i]));
	}
	return json;
}

static int parse_list(struct config *c, const struct config_key *key, struct json_object *array, struct err *err)
{
	struct config_list *list = slot(c, key);
	int rc = 0;

	*list = (struct config_list){ NULL, 0 };
	for (size_t i = 0; rc == 0 && i < json_object_array_length(array); i++)
		rc = list_add(c, list, json_object_get_string(json_object_array_get_idx(array, i)), err);
	return rc;
}

int config_parse(struct config *c, struct json_object *json, struct err *err)
{
	int rc = config_init(c, err);

	for (size_t i = 0; rc == 0 && i < config_keys_count; i++) {
		const struct config_key *key = &config_keys[i];
		struct json_object *section, *node;

		if (!json_object_object_get_ex(json, key->section, &section) ||
		    !json_object_object_get_ex(section, key->name, &node))
			return err_say(err, EINVAL, "%s.%s: missing in what the verb sent", key->section, key->name);
		if (key->type == CONFIG_LIST)
			rc = json_object_is_type(node, json_type_array) ? parse_list(c, key, node, err) : -EINVAL;
		else
			rc = set_text(c, key, json_object_get_string(node), err);
	}
	return rc;
}
