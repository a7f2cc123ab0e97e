/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cgroups/v1_devices.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/cgroups/v1_files.h"

#define ANY            (-1)
#define LINE_MAX_BYTES 64

enum access {
	ACCESS_READ = 1,
	ACCESS_WRITE = 2,
	ACCESS_MKNOD = 4,
	ACCESS_ALL = 7,
};

static int bits_of(const char *access)
{
	return (strchr(access, 'r') ? ACCESS_READ : 0) | (strchr(access, 'w') ? ACCESS_WRITE : 0) |
	       (strchr(access, 'm') ? ACCESS_MKNOD : 0);
}

static void set_access(struct cgroup_v1_exception *e, int bits)
{
	char *p = e->access;

	if (bits & ACCESS_READ)
		*p++ = 'r';
	if (bits & ACCESS_WRITE)
		*p++ = 'w';
	if (bits & ACCESS_MKNOD)
		*p++ = 'm';
	*p = '\0';
}

static bool covers_number(int64_t wide, int64_t narrow)
{
	return wide == ANY || wide == narrow;
}

/* Every device that b stands for is one of a's. */
static bool covers(const struct cgroup_v1_exception *a, const struct cgroup_v1_exception *b)
{
	return a->type == b->type && covers_number(a->major, b->major) && covers_number(a->minor, b->minor);
}

static bool meets_number(int64_t a, int64_t b)
{
	return a == ANY || b == ANY || a == b;
}

static bool meets(const struct cgroup_v1_exception *a, const struct cgroup_v1_exception *b)
{
	return a->type == b->type && meets_number(a->major, b->major) && meets_number(a->minor, b->minor);
}

/* What differs from the default. An access is one exception's whole, so a narrow one gets what a wide one has. */
static void add(struct cgroup_v1_devices *d, const struct cgroup_v1_exception *e)
{
	int bits = bits_of(e->access);

	if (bits == 0)
		return;
	for (size_t i = 0; i < d->n; i++)
		if (covers(e, &d->v[i]))
			set_access(&d->v[i], bits_of(d->v[i].access) | bits);
	for (size_t i = 0; i < d->n; i++)
		if (covers(&d->v[i], e))
			bits |= bits_of(d->v[i].access);
	for (size_t i = 0; i < d->n; i++)
		if (covers(e, &d->v[i]) && covers(&d->v[i], e))
			return;
	d->v[d->n] = *e;
	set_access(&d->v[d->n++], bits);
}

/* Nodes that may be made, of all devices mostly: without the right to open them they are names. */
static bool is_for_nodes(const struct cgroup_v1_devices *d, const struct cgroup_v1_exception *e)
{
	return !d->allow && bits_of(e->access) == ACCESS_MKNOD;
}

/*
 * Back to the default: exceptions within the rule lose these bits; one that reaches beyond cannot be cut. Docker denies
 * a device of which nothing was allowed but, by our own list, to make a node: that stays.
 */
static bool take_away(struct cgroup_v1_devices *d, const struct cgroup_v1_exception *e)
{
	int bits = bits_of(e->access);

	for (size_t i = 0; i < d->n; i++)
		if (meets(&d->v[i], e) && (bits_of(d->v[i].access) & bits) && !covers(e, &d->v[i]) &&
		    !is_for_nodes(d, &d->v[i]))
			return false;
	for (size_t i = 0; i < d->n; i++)
		if (covers(e, &d->v[i]))
			set_access(&d->v[i], bits_of(d->v[i].access) & ~bits);
	return true;
}

static bool is_for_all(const struct oci_device_rule *r)
{
	return r->type == 'a' && r->major < 0 && r->minor < 0 && bits_of(r->access) == ACCESS_ALL;
}

static int apply_rule(struct cgroup_v1_devices *d, const struct oci_device_rule *r, char type, struct err *err)
{
	struct cgroup_v1_exception e = { .type = type, .major = r->major, .minor = r->minor };

	set_access(&e, bits_of(r->access));
	if (r->allow != d->allow)
		add(d, &e);
	else if (!take_away(d, &e))
		return err_say(err, EOPNOTSUPP,
		               "device rule '%s %c %" PRId64 ":%" PRId64 " %s' is an exception from an earlier rule: "
		               "cgroup v1 has no such thing",
		               r->allow ? "allow" : "deny", r->type, r->major, r->minor, r->access);
	return 0;
}

int cgroup_v1_devices_compile(struct arena *arena, const struct oci_device_rule *rules, size_t n,
                              struct cgroup_v1_devices *ret, struct err *err)
{
	struct cgroup_v1_devices d = { .v = arena_array(arena, 2 * n + 1, sizeof(*d.v)) };
	int r = 0;

	if (!d.v)
		return err_say(err, ENOMEM, "plan device rules: out of memory");
	for (size_t i = 0; i < n && r >= 0; i++) {
		if (is_for_all(&rules[i])) {
			d.allow = rules[i].allow;
			d.n = 0;
			continue;
		}
		if (rules[i].type != 'c')
			r = apply_rule(&d, &rules[i], 'b', err);
		if (r >= 0 && rules[i].type != 'b')
			r = apply_rule(&d, &rules[i], 'c', err);
	}
	if (r >= 0)
		*ret = d;
	return r;
}

static void print_number(char *buf, size_t n, int64_t number)
{
	if (number == ANY)
		(void)snprintf(buf, n, "*");
	else
		(void)snprintf(buf, n, "%" PRId64, number);
}

static int write_line(const struct cgroup_at *at, bool allow, const char *line, struct err *err)
{
	const char *file = allow ? "devices.allow" : "devices.deny";
	int r = cgroup_v1_write(at, CGROUP_DEVICES, file, line);

	return r < 0 ? err_set(err, r, "set %s of cgroup '%s' to '%s'", file, at->path, line) : 0;
}

int cgroup_v1_devices_apply(const struct cgroup_at *at, const struct oci_device_rule *rules, size_t n, struct err *err)
{
	_autoarena_ struct arena arena = { 0 };
	struct cgroup_v1_devices d = { 0 };
	int r = cgroup_v1_devices_compile(&arena, rules, n, &d, err);

	r = r < 0 ? r : write_line(at, d.allow, "a", err);
	for (size_t i = 0; i < d.n && r >= 0; i++) {
		char line[LINE_MAX_BYTES], major_nr[24], minor_nr[24];

		if (!d.v[i].access[0])
			continue;
		print_number(major_nr, sizeof(major_nr), d.v[i].major);
		print_number(minor_nr, sizeof(minor_nr), d.v[i].minor);
		(void)snprintf(line, sizeof(line), "%c %s:%s %s", d.v[i].type, major_nr, minor_nr, d.v[i].access);
		r = write_line(at, !d.allow, line, err);
	}
	return r;
}
