/* SPDX-License-Identifier: Apache-2.0 */
#include "client/method.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "proto/agent.pb-c.h"
#include "proto/health.pb-c.h"

#define NAME_MAX_LEN 64

static const ProtobufCServiceDescriptor *const services[] = {
	&grpc__agent_service__descriptor,
	&grpc__health__descriptor,
};

/* True if the n bytes at `name` are the service's full name, or that without its package. */
static bool is_service(const ProtobufCServiceDescriptor *service, const char *name, size_t n)
{
	const char *bare = strrchr(service->name, '.');

	bare = bare ? bare + 1 : service->name;
	return (strlen(service->name) == n && memcmp(service->name, name, n) == 0) ||
	       (strlen(bare) == n && memcmp(bare, name, n) == 0);
}

int method_at(size_t index, struct client_method *ret)
{
	for (size_t s = 0; s < ARRAY_SIZE(services); s++) {
		if (index < services[s]->n_methods) {
			*ret = (struct client_method){ services[s], &services[s]->methods[index] };
			return 0;
		}
		index -= services[s]->n_methods;
	}
	return -ENOENT;
}

int method_find(const char *name, struct client_method *ret)
{
	const char *slash = strrchr(name, '/'), *dot = slash ? slash : strrchr(name, '.');
	const char *method = dot ? dot + 1 : name;
	struct client_method m;

	for (size_t i = 0; method_at(i, &m) == 0; i++) {
		if (strcmp(m.method->name, method) != 0)
			continue;
		if (dot && !is_service(m.service, name, (size_t)(dot - name)))
			continue;
		*ret = m;
		return 0;
	}
	return -ENOENT;
}

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/* Edit distance without regard to case. */
static size_t distance(const char *a, const char *b)
{
	size_t n = strnlen(b, NAME_MAX_LEN), row[NAME_MAX_LEN + 1], diagonal, up;

	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 0; a[i] != '\0'; i++) {
		diagonal = row[0];
		row[0] = i + 1;
		for (size_t j = 0; j < n; j++) {
			up = row[j + 1];
			row[j + 1] = min3(up + 1, row[j] + 1,
			                  diagonal + (tolower((unsigned char)a[i]) != tolower((unsigned char)b[j])));
			diagonal = up;
		}
	}
	return row[n];
}

/* Smaller is closer; a name that contains the other one is close however long it is. */
static size_t score(const char *wanted, const char *name)
{
	size_t d = distance(wanted, name);

	if (*wanted != '\0' && strcasestr(name, wanted))
		return d < 2 ? d : 2;
	return d;
}

size_t method_close_names(const char *name, const char **ret, size_t n)
{
	const char *dot = strpbrk(name, "/.") ? strrchr(name, strrchr(name, '/') ? '/' : '.') : NULL;
	const char *wanted = dot ? dot + 1 : name;
	size_t limit = strlen(wanted) / 4 + 1, found = 0;
	struct client_method m;

	/* Comparing takes the product of the lengths. */
	if (strlen(wanted) > NAME_MAX_LEN)
		return 0;
	for (size_t want = 0; want <= limit; want++) {
		for (size_t i = 0; found < n && method_at(i, &m) == 0; i++) {
			if (score(wanted, m.method->name) == want)
				ret[found++] = m.method->name;
		}
	}
	return found;
}
