/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/line.h"

#include <errno.h>
#include <string.h>

#include "lib/utf8.h"

#define BLANKS      " \t\r\n\v\f"
#define JSON_SCHEME "json://"
#define FILE_SCHEME "file://"

static const char *behind(const char *text, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(text, prefix, n) == 0 ? text + n : NULL;
}

int line_parse(struct line *ret, struct arena *arena, const char *text, struct err *err)
{
	struct line line = { .name = "", .rest = "" };
	const char *start = text + strspn(text, BLANKS), *rest, *end;
	size_t name = strcspn(start, BLANKS);

	if (!utf8_is_valid(text, strlen(text)))
		return err_say(err, EINVAL, "a command is no UTF-8 text");
	if (name == 0 || *start == '#') {
		*ret = line;
		return 0;
	}
	rest = start + name + strspn(start + name, BLANKS);
	for (end = rest + strlen(rest); end > rest && strchr(BLANKS, end[-1]); end--)
		;
	line.name = arena_memdup(arena, start, name);
	line.rest = arena_memdup(arena, rest, (size_t)(end - rest));
	if (!line.name || !line.rest)
		return err_set(err, ENOMEM, "read a command");
	line.form = line.rest[0] != '\0' ? LINE_WORDS : LINE_NONE;
	if (behind(line.rest, JSON_SCHEME)) {
		line.form = LINE_JSON;
		line.rest = behind(line.rest, JSON_SCHEME);
	} else if (behind(line.rest, FILE_SCHEME)) {
		line.form = LINE_FILE;
		line.rest = behind(line.rest, FILE_SCHEME);
	}
	*ret = line;
	return 0;
}

int line_parse_pairs(const char *rest, struct arena *arena, struct line_pair **ret, size_t *ret_n, struct err *err)
{
	size_t max = strlen(rest) / 2 + 1, n = 0, len;
	struct line_pair *pairs = arena_array(arena, max, sizeof(*pairs));
	const char *equals;

	if (!pairs)
		return err_set(err, ENOMEM, "read a command");
	for (const char *p = rest + strspn(rest, BLANKS); *p != '\0'; p += len + strspn(p + len, BLANKS)) {
		len = strcspn(p, BLANKS);
		equals = memchr(p, '=', len);
		if (!equals || equals == p)
			return err_say(err, EINVAL, "'%.*s' is neither NAME=VALUE nor json://{...} nor file:///PATH",
			               (int)(len < 200 ? len : 200), p);
		pairs[n].name = arena_memdup(arena, p, (size_t)(equals - p));
		pairs[n].value = arena_memdup(arena, equals + 1, (size_t)(p + len - equals - 1));
		if (!pairs[n].name || !pairs[n].value)
			return err_set(err, ENOMEM, "read a command");
		n++;
	}
	*ret = pairs;
	*ret_n = n;
	return 0;
}

const char *line_path(const char *text)
{
	const char *path = behind(text, FILE_SCHEME);

	return path ? path : text;
}
