/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/oci_update.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/options.h"

#define FILE_MAX_BYTES (16 << 20)

#define TO(member) offsetof(struct oci_update_options, member)

const struct flag oci_update_flags[] = {
	{ "resources", 'r', FLAG_TEXT, TO(resources), "file with resources as JSON, - for standard input" },
	{ "blkio-weight", 0, FLAG_NUMBER, TO(weight), "weight of block input and output, 10 to 1000" },
	{ "cpu-period", 0, FLAG_NUMBER, TO(period), "period of the CPU limit, in microseconds" },
	{ "cpu-quota", 0, FLAG_NUMBER, TO(quota), "CPU time in a period, in microseconds, -1 for no limit" },
	{ "cpu-burst", 0, FLAG_NUMBER, TO(burst), "CPU time that may be saved up, in microseconds" },
	{ "cpu-share", 0, FLAG_NUMBER, TO(share), "weight of CPU time" },
	{ "cpu-rt-period", 0, FLAG_NUMBER, TO(rt_period), "period of the realtime limit, in microseconds" },
	{ "cpu-rt-runtime", 0, FLAG_NUMBER, TO(rt_runtime), "realtime in a period, in microseconds" },
	{ "cpu-idle", 0, FLAG_NUMBER, TO(idle), "1: only when nobody else wants to run" },
	{ "cpuset-cpus", 0, FLAG_TEXT, TO(cpus), "CPUs to use" },
	{ "cpuset-mems", 0, FLAG_TEXT, TO(mems), "memory nodes to use" },
	{ "memory", 0, FLAG_TEXT, TO(memory), "memory limit in bytes, with K, M, G" },
	{ "memory-reservation", 0, FLAG_TEXT, TO(reservation), "memory that is kept under pressure" },
	{ "memory-swap", 0, FLAG_TEXT, TO(swap), "memory and swap together, -1 for no limit" },
	{ "kernel-memory", 0, FLAG_TEXT, TO(kernel), "kernel memory limit (cgroup v1)" },
	{ "kernel-memory-tcp", 0, FLAG_TEXT, TO(kernel_tcp), "kernel memory limit of TCP buffers (cgroup v1)" },
	{ "pids-limit", 0, FLAG_NUMBER, TO(pids), "number of processes, -1 for no limit" },
	{ "l3-cache-schema", 0, FLAG_TEXT, TO(l3), "refused: there is no Intel RDT here" },
	{ "mem-bw-schema", 0, FLAG_TEXT, TO(bandwidth), "refused: there is no Intel RDT here" },
	{ 0 },
};

static int read_stdin(struct buf *out)
{
	char chunk[4096];
	size_t n;

	out->max = FILE_MAX_BYTES;
	do {
		n = fread(chunk, 1, sizeof(chunk), stdin);
		if (buf_add(out, chunk, n) < 0)
			return -EMSGSIZE;
	} while (n > 0);
	return ferror(stdin) ? -EIO : 0;
}

static int from_file(struct arena *arena, const char *path, struct oci_resources **ret, struct err *err)
{
	_autofree_ char *text = NULL;
	_autobuf_ struct buf in = BUF_INIT;
	bool is_stdin = strcmp(path, "-") == 0;
	size_t len = 0;
	int r = is_stdin ? read_stdin(&in) : fd_read_file_at(AT_FDCWD, path, FILE_MAX_BYTES, &text, &len);

	if (r < 0)
		return err_set(err, r, "read the resources '%s'", path);
	r = oci_resources_parse(arena, is_stdin ? buf_str(&in) : text, is_stdin ? in.len : len, ret, err);
	return r < 0 ? err_wrap(err, "resources '%s'", path) : 0;
}

static int set_bytes(const char *name, const char *text, int64_t *ret, struct err *err)
{
	if (!text)
		return 0;
	return options_parse_bytes(text, ret) < 0 ? err_say(err, EINVAL, "invalid value '%s' for --%s", text, name) : 0;
}

static int set_memory(const struct oci_update_options *o, struct oci_memory *m, struct err *err)
{
	int r = set_bytes("memory", o->memory, &m->limit, err);

	if (r == 0)
		r = set_bytes("memory-reservation", o->reservation, &m->reservation, err);
	if (r == 0)
		r = set_bytes("memory-swap", o->swap, &m->swap, err);
	if (r == 0)
		r = set_bytes("kernel-memory", o->kernel, &m->kernel, err);
	return r < 0 ? r : set_bytes("kernel-memory-tcp", o->kernel_tcp, &m->kernel_tcp, err);
}

static int check_range(const char *name, const struct flag_number *n, int64_t low, int64_t high, struct err *err)
{
	if (!n->is_set || (n->value >= low && n->value <= high))
		return 0;
	return err_say(err, EINVAL, "invalid value %" PRId64 " for --%s", n->value, name);
}

static int check_numbers(const struct oci_update_options *o, struct err *err)
{
	int r = check_range("blkio-weight", &o->weight, 0, 1000, err);

	if (r == 0)
		r = check_range("cpu-period", &o->period, 0, INT64_MAX, err);
	if (r == 0)
		r = check_range("cpu-share", &o->share, 0, INT64_MAX, err);
	if (r == 0)
		r = check_range("cpu-burst", &o->burst, 0, INT64_MAX, err);
	if (r == 0)
		r = check_range("cpu-rt-period", &o->rt_period, 0, INT64_MAX, err);
	if (r == 0)
		r = check_range("cpu-idle", &o->idle, 0, 1, err);
	if (r == 0 && (o->l3 || o->bandwidth))
		r = err_say(err, ENOTSUP,
		            "Intel RDT is not supported: --l3-cache-schema and --mem-bw-schema are refused");
	return r;
}

static int from_options(struct arena *arena, const struct oci_update_options *o, struct oci_resources **ret,
                        struct err *err)
{
	struct oci_resources *res = arena_alloc(arena, sizeof(*res));
	struct oci_memory *memory = arena_alloc(arena, sizeof(*memory));
	struct oci_cpu *cpu = arena_alloc(arena, sizeof(*cpu));
	struct oci_block_io *io = arena_alloc(arena, sizeof(*io));
	int r = res && memory && cpu && io ? check_numbers(o, err) : err_set(err, ENOMEM, "plan the update");

	if (r == 0)
		r = set_memory(o, memory, err);
	if (r < 0)
		return r;
	*cpu = (struct oci_cpu){
		.shares = (uint64_t)o->share.value,
		.quota = o->quota.value,
		.period = (uint64_t)o->period.value,
		.realtime_runtime = o->rt_runtime.value,
		.realtime_period = (uint64_t)o->rt_period.value,
		.cpus = arena_strdup(arena, o->cpus),
		.mems = arena_strdup(arena, o->mems),
		.has_burst = o->burst.is_set,
		.burst = (uint64_t)o->burst.value,
		.has_idle = o->idle.is_set,
		.idle = o->idle.value,
	};
	io->weight = (uint16_t)o->weight.value;
	*res = (struct oci_resources){
		.memory = memory,
		.cpu = cpu,
		.block_io = io,
		.has_pids = o->pids.is_set,
		.pids_limit = o->pids.value,
	};
	*ret = res;
	return 0;
}

int oci_update_make(struct arena *arena, const struct oci_update_options *o, struct oci_resources **ret,
                    struct err *err)
{
	return o->resources ? from_file(arena, o->resources, ret, err) : from_options(arena, o, ret, err);
}
