/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/options.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS_MAX 86400.0 /* a day: longer is a typing error */

void option_list_done(struct option_list *list)
{
	free(list->v);
	*list = (struct option_list){ 0 };
}

static int list_add(struct option_list *list, const char *value)
{
	const char **v = reallocarray(list->v, list->n + 1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	list->v = v;
	list->v[list->n++] = value;
	return 0;
}

static int parse_number(const char *text, int64_t *ret, const char **ret_end)
{
	long long value;
	char *end;

	if (!isdigit((unsigned char)text[0]) && strcmp(text, "-1") != 0)
		return -EINVAL;
	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno != 0)
		return -EINVAL;
	*ret = value;
	*ret_end = end;
	return 0;
}

int options_parse_bytes(const char *text, int64_t *ret)
{
	static const char units[] = "KMGT";
	const char *end, *unit;
	int64_t value;
	int r, shift = 0;

	r = parse_number(text, &value, &end);
	if (r < 0)
		return r;
	unit = *end != '\0' ? strchr(units, toupper((unsigned char)*end)) : NULL;
	if (unit) {
		shift = 10 * ((int)(unit - units) + 1);
		end++;
		if (value < 0 || value > (INT64_MAX >> shift))
			return -EINVAL;
	}
	if (*end != '\0')
		return -EINVAL;
	*ret = value << shift;
	return 0;
}

static int parse_seconds(const char *text, unsigned *ret)
{
	char *end;
	double value;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	value = strtod(text, &end);
	if (*end != '\0' || !isfinite(value) || value > SECONDS_MAX)
		return -EINVAL;
	*ret = (unsigned)(value * 1000.0 + 0.5);
	return 0;
}

static int store_number(const struct option_spec *o, const char *value)
{
	struct option_number *number = o->out;
	const char *end;
	int r;

	if (o->kind == OPTION_BYTES) {
		r = options_parse_bytes(value, &number->value);
	} else {
		r = parse_number(value, &number->value, &end);
		if (r == 0 && *end != '\0')
			r = -EINVAL;
	}
	number->is_set = r == 0;
	return r;
}

static int store(const struct option_spec *o, const char *value, struct err *err)
{
	int r = 0;

	switch (o->kind) {
	case OPTION_FLAG:
		*(bool *)o->out = true;
		break;
	case OPTION_TEXT:
		*(const char **)o->out = value;
		break;
	case OPTION_LIST:
		r = list_add(o->out, value);
		break;
	case OPTION_NUMBER:
	case OPTION_BYTES:
		r = store_number(o, value);
		break;
	case OPTION_SECONDS:
		r = parse_seconds(value, o->out);
		break;
	case OPTION_END:
		break;
	}
	if (r == -ENOMEM)
		return err_set(err, ENOMEM, "option '--%s'", o->name);
	if (r < 0)
		return err_say(err, EINVAL, "option '--%s': '%s' is no %s", o->name, value, o->arg);
	return 0;
}

static const struct option_spec *find_long(const struct option_spec *t, const char *name, size_t n)
{
	for (; t->kind != OPTION_END; t++) {
		if (strlen(t->name) == n && memcmp(t->name, name, n) == 0)
			return t;
	}
	return NULL;
}

static const struct option_spec *find_letter(const struct option_spec *t, char letter)
{
	for (; t->kind != OPTION_END; t++) {
		if (t->letter == letter)
			return t;
	}
	return NULL;
}

struct parser {
	const struct option_spec *a, *b;
	int n, next; /* next is the index of the argument behind the current one */
	char **argv;
	struct err *err;
};

static int take_value(struct parser *p, const struct option_spec *o, const char *value)
{
	if (o->kind == OPTION_FLAG)
		return value ? err_say(p->err, EINVAL, "option '--%s' takes no value", o->name)
		             : store(o, NULL, p->err);
	if (!value && p->next >= p->n)
		return err_say(p->err, EINVAL, "option '--%s' needs a value (%s)", o->name, o->arg);
	return store(o, value ? value : p->argv[p->next++], p->err);
}

static int parse_long(struct parser *p, const char *text)
{
	const char *equals = strchr(text, '=');
	size_t n = equals ? (size_t)(equals - text) : strlen(text);
	const struct option_spec *o = find_long(p->a, text, n);

	if (!o)
		o = find_long(p->b, text, n);
	if (!o && n == 4 && memcmp(text, "help", 4) == 0)
		return OPTION_HELP;
	if (!o)
		return err_say(p->err, EINVAL, "unknown option '--%.*s'", (int)n, text);
	return take_value(p, o, equals ? equals + 1 : NULL);
}

/* "-it" is two flags; the rest behind a letter with a value is that value. */
static int parse_letters(struct parser *p, const char *text)
{
	const struct option_spec *o;
	int r;

	for (; *text != '\0'; text++) {
		o = find_letter(p->a, *text);
		if (!o)
			o = find_letter(p->b, *text);
		if (!o && *text == 'h')
			return OPTION_HELP;
		if (!o)
			return err_say(p->err, EINVAL, "unknown option '-%c'", *text);
		if (o->kind != OPTION_FLAG)
			return take_value(p, o, text[1] != '\0' ? text + 1 : NULL);
		r = take_value(p, o, NULL);
		if (r < 0)
			return r;
	}
	return 0;
}

int options_parse(const struct option_spec *a, const struct option_spec *b, bool stop, int n, char **argv,
                  int *ret_operands, struct err *err)
{
	struct parser p = { .a = a, .b = b, .n = n, .argv = argv, .err = err };
	bool only_operands = false;
	int operands = 0, r = OPTION_OK;

	while (p.next < n && r == OPTION_OK) {
		char *arg = argv[p.next++];

		if (!only_operands && strcmp(arg, "--") == 0) {
			only_operands = true;
		} else if (only_operands || arg[0] != '-' || arg[1] == '\0') {
			argv[operands++] = arg;
			only_operands |= stop;
		} else {
			r = arg[1] == '-' ? parse_long(&p, arg + 2) : parse_letters(&p, arg + 1);
		}
	}
	*ret_operands = operands;
	return r;
}

void options_print(const struct option_spec *table, FILE *to)
{
	char left[64], letter[5];

	for (const struct option_spec *o = table; o->kind != OPTION_END; o++) {
		(void)snprintf(letter, sizeof(letter), o->letter ? "-%c, " : "    ", o->letter);
		(void)snprintf(left, sizeof(left), "%s--%s%s%s", letter, o->name, o->arg ? " " : "",
		               o->arg ? o->arg : "");
		(void)fprintf(to, "  %-28s %s%s\n", left, o->help, o->kind == OPTION_LIST ? " (again and again)" : "");
	}
}
