/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/jsontext.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "lib/utf8.h"

static void free_tokener(struct json_tokener **tok)
{
	if (*tok)
		json_tokener_free(*tok);
}

/* A text on its way through the tokener. */
struct feed {
	struct json_tokener *tok;
	const char *text;
	size_t len, pos;
	struct json_object *value; /* set when it is complete */
};

static bool is_ascii(char c)
{
	return (unsigned char)c < 0x80;
}

/* Length of the run of ASCII from pos on. */
static size_t ascii_run(const struct feed *f)
{
	size_t n = 0;

	while (f->pos + n < f->len && is_ascii(f->text[f->pos + n]))
		n++;
	return n;
}

/* True if the text so far ends inside an escape, where only ASCII may follow. */
static bool ends_in_backslash(const struct feed *f)
{
	size_t n = 0;

	while (n < f->pos && f->text[f->pos - n - 1] == '\\')
		n++;
	return n % 2 == 1;
}

/* Hands over the next run of ASCII, or the next other character as an escape; the tokener says what came of it. */
static enum json_tokener_error feed_next(struct feed *f)
{
	size_t n = ascii_run(f);
	char escape[16];
	uint32_t c;

	if (n > 0) {
		f->value = json_tokener_parse_ex(f->tok, f->text + f->pos, (int)n);
		f->pos += json_tokener_get_parse_end(f->tok);
		return json_tokener_get_error(f->tok);
	}
	if (ends_in_backslash(f))
		return json_tokener_error_parse_string;
	n = utf8_char_len(f->text + f->pos, f->len - f->pos);
	c = utf8_decode(f->text + f->pos, n);
	if (c < 0x10000)
		(void)snprintf(escape, sizeof(escape), "\\u%04x", c);
	else
		(void)snprintf(escape, sizeof(escape), "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10),
		               0xdc00 + (c & 0x3ff));
	f->value = json_tokener_parse_ex(f->tok, escape, (int)strlen(escape));
	if (json_tokener_get_error(f->tok) == json_tokener_continue)
		f->pos += n;
	return json_tokener_get_error(f->tok);
}

/* json-c 0.18 (Debian 13), when strict, refuses every byte above 0x7f in a string; so it gets to see ASCII only. */
int jsontext_parse(const char *text, size_t len, struct json_object **ret, struct err *err)
{
	_cleanup_(free_tokener) struct json_tokener *tok = json_tokener_new_ex(JSONTEXT_DEPTH_MAX);
	enum json_tokener_error state = json_tokener_continue;
	struct feed feed = { .tok = tok, .text = text, .len = len };

	if (!tok)
		return err_set(err, ENOMEM, "parse JSON");
	if (len > INT_MAX)
		return err_set(err, E2BIG, "parse JSON of %zu bytes", len);
	if (!utf8_is_valid(text, len))
		return err_say(err, EINVAL, "parse JSON: invalid UTF-8");
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT);
	while (state == json_tokener_continue && feed.pos < len)
		state = feed_next(&feed);
	if (state == json_tokener_continue)
		return err_say(err, EINVAL, "parse JSON: the text ends too early, after %zu bytes", len);
	if (state != json_tokener_success)
		return err_say(err, EINVAL, "parse JSON: %s at byte %zu", json_tokener_error_desc(state), feed.pos);
	if (feed.pos != len) {
		(void)json_object_put(feed.value);
		return err_say(err, EINVAL, "parse JSON: unexpected data at byte %zu", feed.pos);
	}
	*ret = feed.value;
	return 0;
}

_printf_(2, 3) static size_t append(struct jsontext_path *p, const char *fmt, ...)
{
	size_t old = p->len, room = sizeof(p->text) - p->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(p->text + p->len, room, fmt, ap);
	va_end(ap);
	if (n > 0)
		p->len += (size_t)n < room ? (size_t)n : room - 1;
	return old;
}

size_t jsontext_path_push(struct jsontext_path *p, const char *name)
{
	return append(p, "%s%s", p->len ? "." : "", name);
}

size_t jsontext_path_push_index(struct jsontext_path *p, size_t i)
{
	return append(p, "[%zu]", i);
}

void jsontext_path_pop(struct jsontext_path *p, size_t len)
{
	p->len = len;
	p->text[len] = '\0';
}

int jsontext_say(const struct jsontext_path *p, struct err *err, int num, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0)
		text[0] = '\0';
	return err_say(err, num, "%s%s%s", p->text, p->len ? ": " : "", text);
}

int jsontext_expected(const struct jsontext_path *p, struct err *err, const char *what, struct json_object *value)
{
	return jsontext_say(p, err, EINVAL, "expected %s, not %s", what,
	                    json_type_to_name(json_object_get_type(value)));
}

int jsontext_string(const struct jsontext_path *p, struct json_object *value, const char **ret, struct err *err)
{
	const char *s;
	size_t len;

	if (!json_object_is_type(value, json_type_string))
		return jsontext_expected(p, err, "a string", value);
	s = json_object_get_string(value);
	len = (size_t)json_object_get_string_len(value);
	if (strlen(s) != len)
		return jsontext_say(p, err, EINVAL, "contains a NUL");
	/* json-c checks the text, but not what its escapes make. */
	if (!utf8_is_valid(s, len))
		return jsontext_say(p, err, EINVAL, "is not UTF-8");
	*ret = s;
	return 0;
}

int jsontext_strdup(const struct jsontext_path *p, struct json_object *value, struct arena *arena, char **ret,
                    struct err *err)
{
	const char *s = NULL;
	int rc = jsontext_string(p, value, &s, err);

	if (!s)
		return rc;
	*ret = arena_strdup(arena, s);
	return *ret ? 0 : jsontext_say(p, err, ENOMEM, "%s", strerror(ENOMEM));
}

int jsontext_int64(const struct jsontext_path *p, struct json_object *value, int64_t low, int64_t high, int64_t *ret,
                   struct err *err)
{
	int64_t n;

	if (!json_object_is_type(value, json_type_int))
		return jsontext_expected(p, err, "a whole number", value);
	n = json_object_get_int64(value);
	if (n < low || n > high || (n == INT64_MAX && json_object_get_uint64(value) > INT64_MAX))
		return jsontext_say(p, err, ERANGE, "%s is not between %" PRId64 " and %" PRId64,
		                    json_object_get_string(value), low, high);
	*ret = n;
	return 0;
}

int jsontext_uint64(const struct jsontext_path *p, struct json_object *value, uint64_t high, uint64_t *ret,
                    struct err *err)
{
	uint64_t n;

	if (!json_object_is_type(value, json_type_int))
		return jsontext_expected(p, err, "a whole number", value);
	n = json_object_get_uint64(value);
	if (json_object_get_int64(value) < 0 || n > high)
		return jsontext_say(p, err, ERANGE, "%s is not between 0 and %" PRIu64, json_object_get_string(value),
		                    high);
	*ret = n;
	return 0;
}

struct json_object *jsontext_member(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;

	(void)json_object_object_get_ex(object, name, &value);
	return value;
}

const char *jsontext_text(struct json_object *object, const char *name)
{
	struct json_object *value = jsontext_member(object, name);

	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

int64_t jsontext_number(struct json_object *object, const char *name)
{
	return json_object_get_int64(jsontext_member(object, name));
}

int jsontext_add(struct json_object *object, const char *name, struct json_object *value)
{
	if (object && value && json_object_object_add(object, name, value) == 0)
		return 0;
	(void)json_object_put(value);
	return -ENOMEM;
}

int jsontext_append(struct json_object *array, struct json_object *value)
{
	if (array && value && json_object_array_add(array, value) == 0)
		return 0;
	(void)json_object_put(value);
	return -ENOMEM;
}
