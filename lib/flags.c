/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/flags.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define INTERVAL_MAX_MS 86400000.0

static const struct flag *find(const struct flag *table, const char *name, size_t len)
{
	for (; table->name; table++) {
		if (strlen(table->name) == len && memcmp(table->name, name, len) == 0)
			return table;
		if (len == 1 && table->letter == name[0])
			return table;
	}
	return NULL;
}

int flag_parse_number(const char *text, int64_t *ret)
{
	char *end;
	long long value;

	if (!text[0] || strspn(text, "+-0123456789") != strlen(text))
		return -EINVAL;
	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno != 0 || *end != '\0' || end == text)
		return -EINVAL;
	*ret = value;
	return 0;
}

static int add(struct flag_list *list, const char *value)
{
	const char **v;

	if (list->n == FLAG_LIST_MAX)
		return -E2BIG;
	v = reallocarray(list->v, list->n + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	v[list->n++] = value;
	list->v = v;
	return 0;
}

void flag_list_done(struct flag_list *list)
{
	free(list->v);
	*list = (struct flag_list){ 0 };
}

static int set_flag(bool *flag, const char *value)
{
	if (!value || strcmp(value, "true") == 0 || strcmp(value, "1") == 0)
		*flag = true;
	else if (strcmp(value, "false") == 0 || strcmp(value, "0") == 0)
		*flag = false;
	else
		return -EINVAL;
	return 0;
}

static int set(const struct flag *option, void *into, const char *value, struct err *err)
{
	void *member = (char *)into + option->offset;
	struct flag_number *number = member;
	int r = 0;

	switch (option->kind) {
	case FLAG_BOOL:
		r = set_flag(member, value);
		break;
	case FLAG_TEXT:
		*(const char **)member = value;
		break;
	case FLAG_LIST:
		r = add(member, value);
		break;
	case FLAG_NUMBER:
		r = flag_parse_number(value, &number->value);
		number->is_set = r == 0;
		break;
	}
	return r < 0 ? err_set(err, r, "flag --%s: value '%s'", option->name, value) : 0;
}

/* One word that begins with a dash, and the next one if it is the value; returns how many words were used. */
static int parse_word(const struct flag *table, void *into, int left, char **word, struct err *err)
{
	const char *name = word[0] + (word[0][1] == '-' ? 2 : 1), *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	const struct flag *option = find(table, name, len);
	const char *value = equals ? equals + 1 : NULL;
	int r, used = 1;

	/* "-abc" as three letters is not of Go's making, but "-ti" is in everybody's fingers */
	if (!option && word[0][1] != '-' && !equals && len > 1) {
		for (size_t i = 0; i < len; i++) {
			const struct flag *one = find(table, name + i, 1);

			if (!one || one->kind != FLAG_BOOL)
				return err_say(err, EINVAL, "flag provided but not defined: -%s", name);
			(void)set(one, into, NULL, err);
		}
		return used;
	}
	if (!option)
		return err_say(err, EINVAL, "flag provided but not defined: -%.*s", (int)len, name);
	if (!value && option->kind != FLAG_BOOL) {
		if (left < 2)
			return err_say(err, EINVAL, "flag needs an argument: -%s", name);
		value = word[1];
		used = 2;
	}
	r = set(option, into, value, err);
	return r < 0 ? r : used;
}

int flags_parse(const struct flag *table, void *into, bool stop, int *argc, char **argv, struct err *err)
{
	int n = 0, i = 0;
	bool only_operands = false;

	while (i < *argc) {
		int used;

		if (!only_operands && strcmp(argv[i], "--") == 0) {
			only_operands = true;
			i++;
			continue;
		}
		if (only_operands || argv[i][0] != '-' || argv[i][1] == '\0') {
			argv[n++] = argv[i++];
			only_operands |= stop;
			continue;
		}
		used = parse_word(table, into, *argc - i, argv + i, err);
		if (used < 0)
			return used;
		i += used;
	}
	*argc = n;
	return 0;
}

void flags_print(const struct flag *table, FILE *to)
{
	for (; table->name; table++) {
		char left[64];

		(void)snprintf(left, sizeof(left), "--%s%s%s%c", table->name, table->kind == FLAG_BOOL ? "" : " value",
		               table->letter ? ", -" : "", table->letter ? table->letter : ' ');
		(void)fprintf(to, "   %-32s %s\n", left, table->help);
	}
}

int flag_parse_interval(const char *text, int *ret)
{
	static const struct {
		const char *unit;
		double ms;
	} units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 } };
	char *end;
	double value = strtod(text, &end);

	for (size_t i = 0; i < ARRAY_SIZE(units) && end != text; i++) {
		double ms = value * units[i].ms;

		if (strcmp(end, units[i].unit) != 0 || !(ms >= 1 && ms <= INTERVAL_MAX_MS))
			continue;
		*ret = (int)ms;
		return 0;
	}
	return -EINVAL;
}
