/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/duration.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_SECOND UINT64_C(1000000000)
#define UNITS_TEXT    "ns, us, ms, s, m, h, d"

static const struct {
	const char *name;
	uint64_t ns;
} units[] = {
	{ "ns", 1 },
	{ "nsec", 1 },
	{ "us", 1000 },
	{ "usec", 1000 },
	{ "ms", 1000000 },
	{ "msec", 1000000 },
	{ "s", NS_PER_SECOND },
	{ "sec", NS_PER_SECOND },
	{ "secs", NS_PER_SECOND },
	{ "second", NS_PER_SECOND },
	{ "seconds", NS_PER_SECOND },
	{ "m", 60 * NS_PER_SECOND },
	{ "min", 60 * NS_PER_SECOND },
	{ "mins", 60 * NS_PER_SECOND },
	{ "minute", 60 * NS_PER_SECOND },
	{ "minutes", 60 * NS_PER_SECOND },
	{ "h", 3600 * NS_PER_SECOND },
	{ "hr", 3600 * NS_PER_SECOND },
	{ "hrs", 3600 * NS_PER_SECOND },
	{ "hour", 3600 * NS_PER_SECOND },
	{ "hours", 3600 * NS_PER_SECOND },
	{ "d", 86400 * NS_PER_SECOND },
	{ "day", 86400 * NS_PER_SECOND },
	{ "days", 86400 * NS_PER_SECOND },
};

static uint64_t find_unit(const char *name, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strlen(units[i].name) == n && memcmp(units[i].name, name, n) == 0)
			return units[i].ns;
	}
	return 0;
}

static const char *skip_blanks(const char *p)
{
	return p + strspn(p, " \t");
}

/* One number with its unit, which is what stands behind it up to a blank or the next digit. */
static int parse_part(const char **text, bool plain_is_ns, uint64_t *ret, const char *whole, struct err *err)
{
	const char *unit;
	uint64_t factor;
	char *end;
	size_t n;
	unsigned long long value;

	if (!isdigit((unsigned char)**text))
		return err_say(err, EINVAL, "'%s' is no span of time, as 5s or 1m 30s", whole);
	errno = 0;
	value = strtoull(*text, &end, 10);
	unit = skip_blanks(end);
	for (n = 0; isalpha((unsigned char)unit[n]); n++)
		;
	factor = n > 0 ? find_unit(unit, n) : plain_is_ns || value == 0;
	if (factor == 0 && n == 0)
		return err_say(err, EINVAL, "'%s' lacks a unit (%s)", whole, UNITS_TEXT);
	if (factor == 0)
		return err_say(err, EINVAL, "'%s': unknown unit '%.*s' (%s)", whole, (int)(n < 32 ? n : 32), unit,
		               UNITS_TEXT);
	if (errno != 0 || __builtin_mul_overflow(value, factor, ret))
		return err_say(err, EINVAL, "'%s' is too long a time", whole);
	*text = skip_blanks(unit + n);
	return 0;
}

int duration_parse(const char *text, bool plain_is_ns, uint64_t *ret_ns, struct err *err)
{
	const char *p = skip_blanks(text);
	uint64_t sum = 0, part = 0;
	int r;

	do {
		r = parse_part(&p, plain_is_ns, &part, text, err);
		if (r < 0)
			return r;
		if (__builtin_add_overflow(sum, part, &sum))
			return err_say(err, EINVAL, "'%s' is too long a time", text);
	} while (*p != '\0');
	*ret_ns = sum;
	return 0;
}
