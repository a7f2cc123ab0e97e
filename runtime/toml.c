/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/toml.h"

#include <errno.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/jsontext.h"
#include "runtime/helper.h"

#define TOML_TIMEOUT_MS 30000

int toml_read(const char *path, struct json_object **ret, struct err *err)
{
	_autofree_ char *helper = helper_path("kata-toml", err);
	_autobuf_ struct buf out = { .max = HELPER_OUTPUT_MAX };
	char *argv[] = { helper, (char *)path, NULL };
	int rc;

	if (!helper)
		return -ENOENT;
	rc = helper_run(argv, TOML_TIMEOUT_MS, &out, err);
	if (rc < 0)
		return rc;
	/* A NUL would end a name or a value early for everybody who reads it as a string. */
	if (strstr(buf_str(&out), "\\u0000"))
		return err_say(err, EINVAL, "%s: a string contains a NUL", path);
	rc = jsontext_parse(buf_str(&out), out.len, ret, err);
	if (rc < 0)
		(void)err_wrap(err, "%s", path);
	return rc;
}

static struct json_object *member(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;

	(void)json_object_object_get_ex(object, name, &value);
	return value;
}

bool toml_is_table(struct json_object *node)
{
	return json_object_is_type(node, json_type_object) &&
	       !json_object_is_type(member(node, "type"), json_type_string);
}

const char *toml_type_name(struct json_object *node)
{
	if (toml_is_table(node))
		return "table";
	if (json_object_is_type(node, json_type_array))
		return "array";
	return json_object_get_string(member(node, "type"));
}

const char *toml_scalar(struct json_object *node, const char *type)
{
	if (!json_object_is_type(node, json_type_object) || toml_is_table(node) ||
	    strcmp(toml_type_name(node), type) != 0)
		return NULL;
	return json_object_get_string(member(node, "value"));
}

/* The depth of both trees has been bounded by the parser. */
void toml_merge(struct json_object *into, struct json_object *from) // NOLINT(misc-no-recursion)
{
	json_object_object_foreach(from, name, value)
	{
		struct json_object *old = member(into, name);

		if (toml_is_table(value) && toml_is_table(old))
			toml_merge(old, value);
		else
			(void)json_object_object_add(into, name, json_object_get(value));
	}
}
