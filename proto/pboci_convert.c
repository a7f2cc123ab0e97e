/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/pboci_convert.h"

#include <errno.h>
#include <stdio.h>

#include "proto/pbmem.h"

void pboci_fail(struct pboci *c, int num, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;

	if (c->r < 0)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	c->r = err_say(c->err, num, "%s", text);
}

static void *checked(struct pboci *c, void *p)
{
	if (!p)
		pboci_fail(c, ENOMEM, "convert OCI spec: Cannot allocate memory");
	return p;
}

void *pboci_new(struct pboci *c, size_t size)
{
	return c->r < 0 ? NULL : checked(c, arena_alloc(c->arena, size));
}

void *pboci_list(struct pboci *c, size_t n, size_t size, size_t *ret_n)
{
	void *v = NULL;

	*ret_n = 0;
	if (n > OCI_LIST_MAX)
		pboci_fail(c, E2BIG, "convert OCI spec: a list has more than %d elements", OCI_LIST_MAX);
	if (n > 0 && c->r == 0)
		v = checked(c, arena_array(c->arena, n, size));
	if (v)
		*ret_n = n;
	return v;
}

char *pboci_text(struct pboci *c, const char *s)
{
	return s && s[0] && c->r == 0 ? checked(c, arena_strdup(c->arena, s)) : NULL;
}

char *pboci_copy(struct pboci *c, const char *s)
{
	return c->r < 0 ? NULL : checked(c, arena_strdup(c->arena, s ? s : ""));
}

char *pboci_needed(struct pboci *c, const char *s, const char *list, size_t i, const char *member)
{
	if (!s || !s[0])
		pboci_fail(c, EINVAL, "%s[%zu].%s: missing", list, i, member);
	return pboci_text(c, s);
}

struct oci_strings pboci_strings(struct pboci *c, size_t n, char *const *v)
{
	struct oci_strings s = { 0 };
	size_t got;

	if (n >= OCI_LIST_MAX)
		pboci_fail(c, E2BIG, "convert OCI spec: a list has more than %d elements", OCI_LIST_MAX - 1);
	s.v = pboci_list(c, n + 1, sizeof(*s.v), &got);
	for (size_t i = 0; i + 1 < got; i++) {
		s.v[i] = pboci_copy(c, v[i]);
		s.n++;
	}
	return s;
}

void *pboci_message(struct pboci *c, const ProtobufCMessageDescriptor *type)
{
	return c->r < 0 ? NULL : checked(c, pb_new(type, c->arena));
}

void *pboci_messages(struct pboci *c, const ProtobufCMessageDescriptor *type, size_t n, size_t *ret_n)
{
	size_t got;
	void **v = pboci_list(c, n, sizeof(*v), &got);

	*ret_n = 0;
	for (size_t i = 0; i < got; i++) {
		v[i] = pboci_message(c, type);
		if (!v[i])
			return NULL;
	}
	*ret_n = got;
	return v;
}
