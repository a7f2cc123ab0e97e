/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/bindmount.h"

#include <errno.h>
#include <string.h>

#define KEY "runtime.sandbox_bind_mounts"

/* Cuts the mode off, if there is one; true if that is "rw". */
static bool take_mode(char *path)
{
	char *colon = strrchr(path, ':');
	bool is_rw = colon && strcmp(colon, ":rw") == 0;

	if (is_rw || (colon && strcmp(colon, ":ro") == 0))
		*colon = '\0';
	return is_rw;
}

int bindmount_parse(struct arena *arena, const char *text, struct bindmount *ret, struct err *err)
{
	char *path = arena_strdup(arena, text);
	const char *name;
	size_t len;

	if (!path)
		return err_set(err, ENOMEM, "%s: '%s'", KEY, text);
	ret->is_writable = take_mode(path);
	for (len = strlen(path); len > 1 && path[len - 1] == '/'; len--)
		path[len - 1] = '\0';
	name = strrchr(path, '/');
	if (path[0] != '/' || strcmp(name, "/") == 0 || strcmp(name, "/.") == 0 || strcmp(name, "/..") == 0)
		return err_say(err, EINVAL, "%s: '%s' is no absolute path that ends with a name", KEY, text);
	ret->path = path;
	ret->name = name + 1;
	return 0;
}

int bindmount_check(char *const *texts, size_t n, struct err *err)
{
	_autoarena_ struct arena arena = { .max = 0 };
	struct bindmount one, other;
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		r = bindmount_parse(&arena, texts[i], &one, err);
		for (size_t k = 0; r == 0 && k < i; k++) {
			r = bindmount_parse(&arena, texts[k], &other, err);
			if (r == 0 && strcmp(one.name, other.name) == 0)
				r = err_say(err, EINVAL, "%s: '%s' and '%s' have the same name", KEY, texts[k],
				            texts[i]);
		}
	}
	return r;
}
