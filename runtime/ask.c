/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/ask.h"

struct json_object *ask_new(const char *verb, const char *id)
{
	struct json_object *o = json_object_new_object();

	if (!o)
		return NULL;
	if (json_object_object_add(o, "verb", json_object_new_string(verb)) == 0 &&
	    json_object_object_add(o, "id", json_object_new_string(id)) == 0)
		return o;
	(void)json_object_put(o);
	return NULL;
}
