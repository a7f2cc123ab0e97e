/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/client.h"
#include "client/method.h"
#include "client/session.h"
#include "lib/fd.h"
#include "lib/jsontext.h"
#include "proto/agent.pb-c.h"
#include "runtime/command.h"
#include "runtime/view.h"

#define CONNECT_MS 10000
#define CALL_MS    60000

/* A line of /proc/PID/status such as "VmRSS:	  1234 kB", as a number. */
static int64_t read_status(int64_t pid, const char *name)
{
	_autofree_ char *text = NULL;
	char path[64], *line;
	int64_t value = 0;

	(void)snprintf(path, sizeof(path), "/proc/%" PRId64 "/status", pid);
	if (fd_read_file_at(AT_FDCWD, path, 65536, &text, NULL) < 0)
		return 0;
	line = strstr(text, name);
	if (line)
		(void)sscanf(line + strlen(name), ": %" SCNd64, &value);
	return value;
}

static void print_process(const char *family, int64_t pid)
{
	if (pid <= 0)
		return;
	(void)printf("# TYPE kata_%s_threads gauge\nkata_%s_threads %" PRId64 "\n", family, family,
	             read_status(pid, "Threads"));
	(void)printf("# TYPE kata_%s_resident_memory_bytes gauge\nkata_%s_resident_memory_bytes %" PRId64 "\n", family,
	             family, read_status(pid, "VmRSS") * 1024);
}

/* Names of processes as metrics have them. */
static const char *family_of(const char *name)
{
	if (strcmp(name, "qemu") == 0)
		return "hypervisor";
	return strcmp(name, "virtiofsd") == 0 ? "virtiofsd" : "vsock_daemon";
}

static void print_host(const struct view *v)
{
	struct json_object *size = NULL, *supervisor = NULL, *processes = NULL;

	(void)json_object_object_get_ex(v->state, "supervisor", &supervisor);
	(void)json_object_object_get_ex(v->state, "processes", &processes);
	(void)json_object_object_get_ex(v->state, "size", &size);
	print_process("supervisor", jsontext_number(supervisor, "pid"));
	for (size_t i = 0; processes && i < json_object_array_length(processes); i++) {
		struct json_object *process = json_object_array_get_idx(processes, i);

		print_process(family_of(jsontext_text(process, "name")), jsontext_number(process, "pid"));
	}
	if (!size)
		return;
	(void)printf("# TYPE kata_sandbox_vcpus gauge\nkata_sandbox_vcpus %" PRId64 "\n",
	             jsontext_number(size, "vcpus"));
	(void)printf("# TYPE kata_sandbox_memory_bytes gauge\nkata_sandbox_memory_bytes %" PRId64 "\n",
	             jsontext_number(size, "memory_mib") * 1024 * 1024);
}

static int print_agent(const char *id, const char *address, struct err *err)
{
	Grpc__GetMetricsRequest request = GRPC__GET_METRICS_REQUEST__INIT;
	_autoclient_ struct client *client = NULL;
	_autoreply_ struct client_reply reply = { .code = RPC_OK };
	char text[ERR_TEXT_MAX - 128];
	struct client_method m;
	int r = client_open(&client, address, CONNECT_MS, err);

	if (r < 0)
		return r;
	r = method_find("GetMetrics", &m);
	if (r == 0)
		r = client_call(client, &m, &request.base, CALL_MS, &reply);
	if (r < 0)
		return err_set(err, -r, "ask sandbox '%s' for its metrics", id);
	if (reply.code != RPC_OK || !reply.message)
		return err_say(err, EIO, "ask sandbox '%s' for its metrics: %s", id,
		               session_format_failure(&reply, text, sizeof(text)));
	(void)fputs(((const Grpc__Metrics *)reply.message)->metrics, stdout);
	return 0;
}

static int run(const struct runtime *rt, void *arg, int argc, char **argv, struct err *err)
{
	_autoview_ struct view v = { .sandbox = NULL };
	int r = view_open_running(rt->root, argv[0], &v, err);

	(void)arg;
	(void)argc;
	if (r < 0)
		return r;
	if (!*jsontext_text(v.state, "agent"))
		return err_say(err, ENOTCONN, "ask sandbox '%s' for its metrics: its agent is not up", argv[0]);
	print_host(&v);
	return print_agent(argv[0], jsontext_text(v.state, "agent"), err);
}

static const struct flag options[] = { { 0 } };

const struct command cmd_metrics = {
	"metrics", "<sandbox-id>", "figures of a sandbox, as Prometheus reads them", 1, 1, options, 1, run,
};
