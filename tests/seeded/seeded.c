/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent with one fault, to judge the conformance kit: linked from the agent's own archives, with some of its
 * functions wrapped (the file `wrap`). KATA_SEED names the fault, none = the agent as it is; KATA_SEED=list prints all
 * names and ends. Nothing of this is in a product build.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/cgroups/cgroup.h"
#include "agent/cgroups/stats.h"
#include "agent/container.h"
#include "agent/copyfile.h"
#include "agent/lookup.h"
#include "agent/oom.h"
#include "agent/process.h"
#include "agent/rpc/call.h"
#include "agent/rpc/conn.h"
#include "agent/stream.h"
#include "lib/pty.h"
#include "lib/ttrpc.h"
#include "proto/agent.pb-c.h"
#include "proto/health.pb-c.h"

/* An answer on its way out, for a fault to change. */
struct answer {
	struct rpc_conn *conn;
	uint32_t stream;
	int code;
	const char *text;
	const ProtobufCMessage *message;
	const ProtobufCBinaryData *packed;
	bool twice;
};

uint64_t __real_rpc_conn_reply(struct rpc_conn *conn, uint32_t stream, int code, const char *text,
                               const ProtobufCMessage *message, const ProtobufCBinaryData *packed);
uint64_t __wrap_rpc_conn_reply(struct rpc_conn *conn, uint32_t stream, int code, const char *text,
                               const ProtobufCMessage *message, const ProtobufCBinaryData *packed);

static bool is_fault(const char *name)
{
	const char *seed = getenv("KATA_SEED");

	return seed && strcmp(seed, name) == 0;
}

static bool has_text(const struct answer *a, const char *text)
{
	return a->text && strstr(a->text, text);
}

static bool is_reply(const struct answer *a, const ProtobufCMessageDescriptor *type)
{
	return a->message && a->message->descriptor == type;
}

/* --- errors that are none, or others ------------------------------------------------------------------------------ */

static void be_empty(struct answer *a)
{
	a->code = RPC_OK;
	a->text = NULL;
	a->message = NULL;
	a->packed = NULL;
}

static void unknown_exec_code(struct answer *a)
{
	if (a->code == RPC_NOT_FOUND)
		a->code = RPC_INTERNAL;
}

static void unknown_container_code(struct answer *a)
{
	if (a->code == RPC_INVALID_ARGUMENT && has_text(a, "Invalid container id"))
		a->code = RPC_NOT_FOUND;
}

static void stats_code(struct answer *a)
{
	if (a->code == RPC_INVALID_ARGUMENT && has_text(a, "invalid container id"))
		a->code = RPC_INTERNAL;
}

static void unknown_is_ok(struct answer *a)
{
	if (a->code == RPC_NOT_FOUND)
		be_empty(a);
}

static void duplicate_container(struct answer *a)
{
	if (has_text(a, "exists already"))
		be_empty(a);
}

static void duplicate_exec(struct answer *a)
{
	if (has_text(a, "is in use"))
		be_empty(a);
}

static void start_twice(struct answer *a)
{
	if (has_text(a, "it is running") || has_text(a, "it is stopped"))
		be_empty(a);
}

static void no_tty_code(struct answer *a)
{
	if (has_text(a, "no tty"))
		a->code = RPC_INTERNAL;
}

static void link_text(struct answer *a)
{
	if (has_text(a, "Link not found"))
		a->text = "update interface: No such device";
}

static void program_text(struct answer *a)
{
	if (has_text(a, "was not found"))
		a->text = "No such file or directory";
}

static void unknown_method_code(struct answer *a)
{
	if (a->code == RPC_UNIMPLEMENTED)
		a->code = RPC_UNKNOWN;
}

/* --- answers ------------------------------------------------------------------------------------------------------ */

static void status_of_signal(struct answer *a)
{
	static Grpc__WaitProcessResponse wrong;

	if (!is_reply(a, &grpc__wait_process_response__descriptor))
		return;
	wrong = *(const Grpc__WaitProcessResponse *)a->message;
	wrong.status -= wrong.status > 128 ? 128 : 0;
	a->message = &wrong.base;
}

static void status_is_zero(struct answer *a)
{
	static Grpc__WaitProcessResponse wrong = GRPC__WAIT_PROCESS_RESPONSE__INIT;

	if (is_reply(a, &grpc__wait_process_response__descriptor))
		a->message = &wrong.base;
}

/* Changes a chunk of output; `change` gets a copy. */
static void change_chunk(struct answer *a, void (*change)(Grpc__ReadStreamResponse *chunk))
{
	static Grpc__ReadStreamResponse wrong;
	static uint8_t bytes[STREAM_CHUNK_MAX];

	if (!is_reply(a, &grpc__read_stream_response__descriptor))
		return;
	wrong = *(const Grpc__ReadStreamResponse *)a->message;
	if (wrong.data.len == 0 || wrong.data.len > sizeof(bytes))
		return;
	memcpy(bytes, wrong.data.data, wrong.data.len);
	wrong.data.data = bytes;
	change(&wrong);
	a->message = &wrong.base;
}

static void drop_last(Grpc__ReadStreamResponse *chunk)
{
	if (chunk->data.len > 4096)
		chunk->data.len--;
}

static void flip_one(Grpc__ReadStreamResponse *chunk)
{
	if (chunk->data.len > 4096)
		chunk->data.data[4096] ^= 1;
}

static void end_now(Grpc__ReadStreamResponse *chunk)
{
	static size_t seen;

	seen += chunk->data.len;
	if (seen > 1000000)
		chunk->data.len = 0;
}

static void lost_byte(struct answer *a)
{
	change_chunk(a, drop_last);
}

static void wrong_byte(struct answer *a)
{
	change_chunk(a, flip_one);
}

static void early_end(struct answer *a)
{
	change_chunk(a, end_now);
}

static void short_write(struct answer *a)
{
	static Grpc__WriteStreamResponse wrong;

	if (!is_reply(a, &grpc__write_stream_response__descriptor))
		return;
	wrong = *(const Grpc__WriteStreamResponse *)a->message;
	wrong.len /= 2;
	a->message = &wrong.base;
}

static void lost_metrics(struct answer *a)
{
	static Grpc__Metrics wrong = GRPC__METRICS__INIT;
	static char text[1 << 20];

	if (!is_reply(a, &grpc__metrics__descriptor))
		return;
	(void)snprintf(text, sizeof(text), "%s", ((const Grpc__Metrics *)a->message)->metrics);
	for (char *at = strstr(text, "kata_guest_meminfo"); at; at = strstr(at, "kata_guest_meminfo"))
		*at = 'x';
	wrong.metrics = text;
	a->message = &wrong.base;
}

static void lost_routes(struct answer *a)
{
	static Grpc__Routes wrong;

	if (!is_reply(a, &grpc__routes__descriptor))
		return;
	wrong = *(const Grpc__Routes *)a->message;
	wrong.n_routes = 0;
	a->message = &wrong.base;
}

static void not_serving(struct answer *a)
{
	static Grpc__HealthCheckResponse wrong = GRPC__HEALTH_CHECK_RESPONSE__INIT;

	wrong.status = GRPC__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING;
	if (is_reply(a, &grpc__health_check_response__descriptor))
		a->message = &wrong.base;
}

static void wrong_stream(struct answer *a)
{
	static unsigned n;

	if (++n % 100 == 0)
		a->stream += 2;
}

static void said_twice(struct answer *a)
{
	a->twice = is_reply(a, &grpc__health_check_response__descriptor);
}

static const struct {
	const char *name;
	void (*change)(struct answer *a);
} faults[] = {
	{ "unknown-exec-code", unknown_exec_code },
	{ "unknown-container-code", unknown_container_code },
	{ "stats-code", stats_code },
	{ "unknown-is-ok", unknown_is_ok },
	{ "duplicate-container", duplicate_container },
	{ "duplicate-exec", duplicate_exec },
	{ "start-twice", start_twice },
	{ "no-tty-code", no_tty_code },
	{ "link-text", link_text },
	{ "program-text", program_text },
	{ "unknown-method-code", unknown_method_code },
	{ "status-of-signal", status_of_signal },
	{ "status-is-zero", status_is_zero },
	{ "lost-byte", lost_byte },
	{ "wrong-byte", wrong_byte },
	{ "early-end", early_end },
	{ "short-write", short_write },
	{ "lost-metrics", lost_metrics },
	{ "lost-routes", lost_routes },
	{ "not-serving", not_serving },
	{ "wrong-stream", wrong_stream },
	{ "said-twice", said_twice },
};

/* Faults of other functions, below. */
static const char *const others[] = {
	"swapped-outputs", "deaf-close",      "size-ignored",  "signal-to-init", "early-wait", "pause-lie",
	"remove-lie",      "leaked-record",   "wrong-cpu",     "lost-variable",  "copy-mode",  "copy-offset",
	"no-timeouts",     "long-frame-ends", "invented-kill", "lost-kill",      "deaf-kill",
};

uint64_t __wrap_rpc_conn_reply(struct rpc_conn *conn, uint32_t stream, int code, const char *text,
                               const ProtobufCMessage *message, const ProtobufCBinaryData *packed)
{
	struct answer a = { conn, stream, code, text, message, packed, false };

	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		if (is_fault(faults[i].name))
			faults[i].change(&a);
	}
	if (a.twice)
		(void)__real_rpc_conn_reply(a.conn, a.stream, a.code, a.text, a.message, a.packed);
	return __real_rpc_conn_reply(a.conn, a.stream, a.code, a.text, a.message, a.packed);
}

/* --- other functions ---------------------------------------------------------------------------------------------- */

#define WRAP(type, name, ...)                                                                                          \
	type __real_##name(__VA_ARGS__);                                                                               \
	type __wrap_##name(__VA_ARGS__);                                                                               \
	type __wrap_##name(__VA_ARGS__)

WRAP(int, process_attach_pipes, struct process *p, int in, int out, int err_fd)
{
	bool swapped = is_fault("swapped-outputs");

	return __real_process_attach_pipes(p, in, swapped ? err_fd : out, swapped ? out : err_fd);
}

WRAP(int, instream_close, struct instream *s)
{
	return is_fault("deaf-close") ? 0 : __real_instream_close(s);
}

WRAP(int, pty_resize, int master, unsigned short rows, unsigned short columns)
{
	return is_fault("size-ignored") ? 0 : __real_pty_resize(master, rows, columns);
}

WRAP(int, process_signal, struct process *p, int sig, struct err *err)
{
	return __real_process_signal(is_fault("signal-to-init") ? p->container->init : p, sig, err);
}

WRAP(void, process_wait, struct process *p, struct process_waiter *waiter)
{
	if (is_fault("early-wait"))
		waiter->done(waiter, 0);
	else
		__real_process_wait(p, waiter);
}

WRAP(int, container_pause, struct container *c, struct completion *done, struct err *err)
{
	if (!is_fault("pause-lie"))
		return __real_container_pause(c, done, err);
	done->done(done, 0, NULL);
	return 0;
}

WRAP(int, container_remove, struct container *c, unsigned timeout_s, struct completion *done, struct err *err)
{
	if (!is_fault("remove-lie"))
		return __real_container_remove(c, timeout_s, done, err);
	done->done(done, 0, NULL);
	return 0;
}

WRAP(int, container_kill_all, struct container *c, struct err *err)
{
	return is_fault("deaf-kill") ? 0 : __real_container_kill_all(c, err);
}

/* Each exec id once in the life of an agent: its record is never given up. */
WRAP(int, container_exec, struct container *c, struct exec_config *config, struct completion *done, struct err *err)
{
	static char *seen[10000];
	static size_t n;
	char *name = NULL;

	if (is_fault("leaked-record") && n < ARRAY_SIZE(seen) && asprintf(&name, "%s/%s", c->id, config->id) > 0) {
		for (size_t i = 0; i < n; i++) {
			if (strcmp(seen[i], name) == 0) {
				free(name);
				exec_config_free(config);
				return err_say(err, EEXIST, "the exec id was used before");
			}
		}
		seen[n++] = name;
	}
	return __real_container_exec(c, config, done, err);
}

WRAP(int, cgroup_stats_read, const struct cgroup_host *host, const char *path, struct arena *arena,
     struct cgroup_stats *ret, struct err *err)
{
	int r = __real_cgroup_stats_read(host, path, arena, ret, err);

	/* Microseconds, as the kernel's file says them. */
	if (r == 0 && is_fault("wrong-cpu"))
		ret->cpu_total /= 1000;
	return r;
}

WRAP(int, lookup_environment, const struct oci_strings *env, int dirfd, uid_t uid, char ***ret)
{
	struct oci_strings fewer = *env;

	fewer.n -= is_fault("lost-variable") && fewer.n > 1;
	return __real_lookup_environment(&fewer, dirfd, uid, ret);
}

WRAP(int, copyfile_apply, const char *root, const struct copyfile *file, struct err *err)
{
	struct copyfile changed = *file;

	if (is_fault("copy-mode"))
		changed.mode &= ~0040u;
	if (is_fault("copy-offset") && changed.offset > 0 && changed.size < 4096)
		changed.offset--;
	return __real_copyfile_apply(root, &changed, err);
}

WRAP(void, rpc_call_set_timeout, struct rpc_call *call, int64_t nanoseconds)
{
	__real_rpc_call_set_timeout(call, is_fault("no-timeouts") ? 0 : nanoseconds);
}

WRAP(int, ttrpc_cutter_feed, struct ttrpc_cutter *c, const uint8_t *data, size_t n, size_t *ret_used)
{
	int r = __real_ttrpc_cutter_feed(c, data, n, ret_used);

	return r == TTRPC_TOO_LONG && is_fault("long-frame-ends") ? TTRPC_HOPELESS : r;
}

WRAP(void, oom_wait, struct oom *oom, struct oom_waiter *waiter)
{
	if (is_fault("invented-kill"))
		waiter->told(waiter, "nobody");
	else if (!is_fault("lost-kill"))
		__real_oom_wait(oom, waiter);
}

/* Before main, which knows no such option. */
__attribute__((constructor)) static void list(void)
{
	if (!is_fault("list"))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
		puts(faults[i].name);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		puts(others[i]);
	(void)fflush(stdout);
	_exit(0);
}
