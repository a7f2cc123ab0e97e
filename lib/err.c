/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int normal(int num)
{
	if (num < 0)
		num = -num;
	return num == 0 ? EINVAL : num;
}

_printf_(4, 0) static int store(struct err *err, int num, const char *reason, const char *fmt, va_list ap)
{
	size_t len;
	int n;

	err->num = num;
	n = vsnprintf(err->text, sizeof(err->text), fmt, ap);
	len = n < 0 ? 0 : (size_t)n;
	if (len >= sizeof(err->text))
		len = sizeof(err->text) - 1;
	if (reason)
		(void)snprintf(err->text + len, sizeof(err->text) - len, ": %s", reason);
	return -num;
}

int err_set(struct err *err, int num, const char *fmt, ...)
{
	va_list ap;

	num = normal(num);
	if (!err)
		return -num;
	va_start(ap, fmt);
	(void)store(err, num, strerror(num), fmt, ap);
	va_end(ap);
	return -num;
}

int err_say(struct err *err, int num, const char *fmt, ...)
{
	va_list ap;

	num = normal(num);
	if (!err)
		return -num;
	va_start(ap, fmt);
	(void)store(err, num, NULL, fmt, ap);
	va_end(ap);
	return -num;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
	char inner[ERR_TEXT_MAX];
	va_list ap;

	if (!err)
		return -EINVAL;
	memcpy(inner, err->text, sizeof(inner));
	va_start(ap, fmt);
	(void)store(err, normal(err->num), inner, fmt, ap);
	va_end(ap);
	return -err->num;
}

int err_copy(struct err *to, const struct err *from)
{
	if (to && from)
		*to = *from;
	return from ? -normal(from->num) : -EINVAL;
}

const char *err_text(const struct err *err)
{
	if (err->text[0] != '\0')
		return err->text;
	return strerror(err->num);
}
