/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hypervisor/patience.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "lib/fd.h"
#include "lib/mem.h"

#define SCHEDSTAT_MAX 256

void patience_begin(struct patience *p, unsigned exact_ms, int64_t now)
{
	*p = (struct patience){ .exact_ms = exact_ms, .begin = now, .alive = now, .looked = now };
}

void patience_heard(struct patience *p, int64_t now)
{
	p->alive = now;
}

bool patience_wants_work(const struct patience *p, int64_t now)
{
	return p->exact_ms == 0 && now - p->looked >= PATIENCE_WORK_MS;
}

void patience_worked(struct patience *p, uint64_t wanted_ns, int64_t now)
{
	int64_t passed_ms = now - p->looked;

	/* A thread that has ended takes its time with it. */
	if (passed_ms > 0 && wanted_ns > p->wanted_ns &&
	    (wanted_ns - p->wanted_ns) / 1000000 >= (uint64_t)passed_ms / 2)
		p->alive = now;
	p->wanted_ns = wanted_ns;
	p->looked = now;
}

bool patience_is_over(const struct patience *p, int64_t now)
{
	if (p->exact_ms != 0)
		return now - p->begin >= p->exact_ms;
	return now - p->alive >= PATIENCE_QUIET_MS || now - p->begin >= PATIENCE_BOOT_MS;
}

/* "RAN WAITED SLICES", in nanoseconds: on a busy host waiting is a sign of life as well. */
static uint64_t wanted_by(int tasks, const char *name)
{
	_autofree_ char *path = NULL, *text = NULL;
	uint64_t ran = 0, waited = 0;

	if (asprintf(&path, "%s/schedstat", name) < 0 || fd_read_file_at(tasks, path, SCHEDSTAT_MAX, &text, NULL) < 0 ||
	    sscanf(text, "%" SCNu64 " %" SCNu64, &ran, &waited) != 2)
		return 0;
	return ran + waited;
}

int patience_read_work(pid_t pid, uint64_t *ret_ns)
{
	_autodir_ DIR *tasks = NULL;
	const struct dirent *e;
	uint64_t sum = 0;
	char path[32];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	r = fd_opendir(AT_FDCWD, path, 0, &tasks);
	if (r < 0)
		return r;
	while ((e = readdir(tasks)))
		if (e->d_name[0] != '.')
			sum += wanted_by(dirfd(tasks), e->d_name);
	*ret_ns = sum;
	return sum > 0 ? 0 : -ENODATA;
}

unsigned patience_for_call(int64_t configured_s, unsigned boot_ms)
{
	if (configured_s != 0)
		return (unsigned)configured_s * 1000;
	if (boot_ms >= PATIENCE_CALL_MAX / PATIENCE_BOOTS)
		return PATIENCE_CALL_MAX;
	return boot_ms * PATIENCE_BOOTS > PATIENCE_CALL_MS ? boot_ms * PATIENCE_BOOTS : PATIENCE_CALL_MS;
}

unsigned patience_longest(int64_t dial_s, int64_t create_s)
{
	/* The boot; the connection; the agent's sandbox and its network, which are no matter of configuration. */
	unsigned boot_ms = dial_s != 0 ? (unsigned)dial_s * 1000 : PATIENCE_BOOT_MS;

	return boot_ms + patience_for_call(dial_s, boot_ms) + patience_for_call(0, boot_ms) +
	       patience_for_call(create_s, boot_ms);
}
