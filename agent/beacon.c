/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/beacon.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/addr.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "lib/sys.h"

#define BEACON_TIMEOUT_MS 5000
#define HOST_CID          2

struct beacon {
	struct job job;
	uint64_t ms;
	uint32_t port;
};

/* Runs in the job. */
static int run(void *arg, struct job_reply *reply, struct err *err)
{
	const struct beacon *b = arg;
	struct addr addr = { .kind = ADDR_VSOCK, .cid = HOST_CID, .port = b->port };
	_autoclose_ int fd = -EBADF;
	char line[64];
	int n, r;

	(void)reply;
	fd = addr_connect(&addr, BEACON_TIMEOUT_MS, err);
	if (fd < 0)
		return fd;
	n = snprintf(line, sizeof(line), "ready %" PRIu64 "\n", b->ms);
	r = fd_write_all(fd, line, (size_t)n);
	return r < 0 ? err_set(err, r, "tell the host's port %u that we are ready", b->port) : 0;
}

static void on_done(struct job *job, int r, struct job_reply *reply, const struct err *err)
{
	(void)reply;
	if (r < 0)
		log_warning("beacon", "The host was not told that we are ready: %s", err_text(err));
	free(container_of(job, struct beacon, job));
}

void beacon_send(const struct job_env *env, const struct options *options)
{
	struct err err = ERR_INIT;
	struct beacon *b;

	if (options->ready_vport == 0)
		return;
	b = calloc(1, sizeof(*b));
	if (!b)
		return;
	b->ms = sys_now(CLOCK_BOOTTIME) / 1000000;
	b->port = options->ready_vport;
	b->job = (struct job){ .name = "beacon", .run = run, .arg = b, .done = on_done };
	b->job.deadline_ms = BEACON_TIMEOUT_MS + 1000;
	if (job_start(env, &b->job, &err) < 0) {
		log_warning("beacon", "The host was not told that we are ready: %s", err_text(&err));
		free(b);
	}
}
