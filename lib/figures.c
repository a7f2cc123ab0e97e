/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/figures.h"

#include <errno.h>
#include <string.h>

#include "lib/jsontext.h"

static int add_number(struct json_object *to, const char *name, uint64_t value)
{
	return jsontext_add(to, name, json_object_new_uint64(value));
}

/* An empty object that is `to`'s already, or NULL. */
static struct json_object *add_object(struct json_object *to, const char *name)
{
	struct json_object *object = json_object_new_object();

	return jsontext_add(to, name, object) < 0 ? NULL : object;
}

static int format_cpu(struct json_object *data, const struct cgroup_stats *s)
{
	struct json_object *cpu = add_object(data, "cpu");
	struct json_object *usage = cpu ? add_object(cpu, "usage") : NULL;
	struct json_object *throttling = cpu ? add_object(cpu, "throttling") : NULL;
	_autojson_ struct json_object *each = json_object_new_array();
	int r = usage && throttling && each ? add_number(usage, "total", s->cpu_total) : -ENOMEM;

	for (size_t i = 0; r == 0 && i < s->n_per_cpu; i++)
		r = json_object_array_add(each, json_object_new_uint64(s->per_cpu[i])) < 0 ? -ENOMEM : 0;
	if (r == 0 && s->n_per_cpu > 0)
		r = jsontext_add(usage, "percpu", take_ptr(&each));
	if (r == 0)
		r = add_number(usage, "kernel", s->cpu_kernel);
	if (r == 0)
		r = add_number(usage, "user", s->cpu_user);
	if (r == 0)
		r = add_number(throttling, "periods", s->periods);
	if (r == 0)
		r = add_number(throttling, "throttledPeriods", s->throttled_periods);
	return r < 0 ? r : add_number(throttling, "throttledTime", s->throttled_time);
}

static int format_usage(struct json_object *to, const char *name, const struct cgroup_memory_usage *u)
{
	struct json_object *object = add_object(to, name);
	int r = object ? add_number(object, "limit", u->limit) : -ENOMEM;

	if (r == 0)
		r = add_number(object, "usage", u->usage);
	if (r == 0)
		r = add_number(object, "max", u->max_usage);
	return r < 0 ? r : add_number(object, "failcnt", u->failcnt);
}

static int format_memory(struct json_object *data, const struct cgroup_stats *s)
{
	struct json_object *memory = add_object(data, "memory"), *raw;
	int r = memory ? add_number(memory, "cache", s->cache) : -ENOMEM;

	if (r == 0)
		r = format_usage(memory, "usage", &s->memory);
	if (r == 0)
		r = format_usage(memory, "swap", &s->swap);
	if (r == 0)
		r = format_usage(memory, "kernel", &s->kernel);
	if (r < 0)
		return r;
	raw = add_object(memory, "raw");
	r = raw ? 0 : -ENOMEM;
	for (size_t i = 0; r == 0 && i < s->n_memory_stat; i++)
		r = add_number(raw, s->memory_stat[i].key, s->memory_stat[i].value);
	return r;
}

static int format_io_list(struct json_object *to, const char *name, const struct cgroup_io_entry *v, size_t n)
{
	_autojson_ struct json_object *array = json_object_new_array();
	int r = array ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < n; i++) {
		struct json_object *entry = json_object_new_object();

		if (!entry || json_object_array_add(array, entry) < 0)
			return -ENOMEM;
		r = add_number(entry, "major", v[i].major);
		if (r == 0)
			r = add_number(entry, "minor", v[i].minor);
		if (r == 0)
			r = jsontext_add(entry, "op", json_object_new_string(v[i].op));
		if (r == 0)
			r = add_number(entry, "value", v[i].value);
	}
	return r < 0 ? r : jsontext_add(to, name, take_ptr(&array));
}

static int format_io(struct json_object *data, const struct cgroup_stats *s)
{
	struct json_object *io = add_object(data, "blkio");
	int r = io ? format_io_list(io, "ioServiceBytesRecursive", s->io_bytes, s->n_io_bytes) : -ENOMEM;

	return r < 0 ? r : format_io_list(io, "ioServicedRecursive", s->io_ops, s->n_io_ops);
}

static int format_rest(struct json_object *data, const struct cgroup_stats *s)
{
	struct json_object *pids = add_object(data, "pids");
	struct json_object *hugetlb = add_object(data, "hugetlb");
	int r = pids && hugetlb ? add_number(pids, "current", s->pids_current) : -ENOMEM;

	if (r == 0 && s->pids_limit > 0)
		r = add_number(pids, "limit", s->pids_limit);
	for (size_t i = 0; r == 0 && i < s->n_hugetlb; i++) {
		const struct cgroup_hugetlb *h = &s->hugetlb[i];
		struct json_object *size = add_object(hugetlb, h->page_size);

		r = size ? add_number(size, "usage", h->usage) : -ENOMEM;
		if (r == 0)
			r = add_number(size, "max", h->max_usage);
		if (r == 0)
			r = add_number(size, "failcnt", h->failcnt);
	}
	return r;
}

int figures_format(const char *id, const struct cgroup_stats *stats, struct buf *out)
{
	_autojson_ struct json_object *line = json_object_new_object();
	struct json_object *data;
	const char *text;
	int r = line ? jsontext_add(line, "type", json_object_new_string("stats")) : -ENOMEM;

	if (r == 0)
		r = jsontext_add(line, "id", json_object_new_string(id));
	if (r < 0)
		return r;
	data = add_object(line, "data");
	r = data ? format_cpu(data, stats) : -ENOMEM;
	if (r == 0)
		r = format_memory(data, stats);
	if (r == 0)
		r = format_rest(data, stats);
	if (r == 0)
		r = format_io(data, stats);
	if (r < 0)
		return r;
	text = json_object_to_json_string_ext(line, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	return text ? buf_printf(out, "%s\n", text) : -ENOMEM;
}
