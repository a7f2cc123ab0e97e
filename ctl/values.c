/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/values.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

struct value {
	char *name, *value;
	bool is_made;
};

static const char *short_form(const char *name)
{
	if (strcasecmp(name, "container_id") == 0)
		return "cid";
	return strcasecmp(name, "sandbox_id") == 0 ? "sid" : name;
}

static struct value *find(const struct values *values, const char *name)
{
	name = short_form(name);
	for (size_t i = 0; i < values->n; i++) {
		if (strcasecmp(values->v[i].name, name) == 0)
			return &values->v[i];
	}
	return NULL;
}

static struct value *add(struct values *values, const char *name)
{
	struct value *v = reallocarray(values->v, values->n + 1, sizeof(*v));
	char *copy = strdup(short_form(name));

	if (v)
		values->v = v;
	if (!v || !copy) {
		free(copy);
		return NULL;
	}
	v[values->n] = (struct value){ .name = copy };
	return &v[values->n++];
}

int values_set(struct values *values, const char *name, const char *value, bool is_made)
{
	_autofree_ char *copy = strdup(value);
	struct value *v = find(values, name);

	if (!v)
		v = add(values, name);
	if (!v || !copy)
		return -ENOMEM;
	free(v->value);
	v->value = take_ptr(&copy);
	v->is_made = is_made;
	return 0;
}

const char *values_get(const struct values *values, const char *name)
{
	const struct value *v = find(values, name);

	return v ? v->value : NULL;
}

void values_forget(struct values *values, const char *name, bool only_made)
{
	struct value *v = find(values, name);

	if (!v || (only_made && !v->is_made))
		return;
	free(v->name);
	free(v->value);
	*v = values->v[--values->n];
}

void values_done(struct values *values)
{
	for (size_t i = 0; i < values->n; i++) {
		free(values->v[i].name);
		free(values->v[i].value);
	}
	free(values->v);
	*values = (struct values){ 0 };
}
