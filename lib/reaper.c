/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/reaper.h"

#include <errno.h>

#include "lib/sys.h"

#define BUCKETS 64 /* power of two; pids are handed out in a row, so they spread by themselves */

struct reaper {
	struct list buckets[BUCKETS];
	unsigned long orphans;
};

int reaper_new(struct reaper **ret)
{
	struct reaper *reaper = calloc(1, sizeof(*reaper));

	if (!reaper)
		return -ENOMEM;
	for (size_t i = 0; i < BUCKETS; i++)
		list_init(&reaper->buckets[i]);
	*ret = reaper;
	return 0;
}

struct reaper *reaper_free(struct reaper *reaper)
{
	/* The entries outlive the table; their links must not point into it. */
	for (size_t i = 0; reaper && i < BUCKETS; i++)
		list_foreach(child, &reaper->buckets[i], struct reaper_child, link)
			list_remove(&child->link);
	free(reaper);
	return NULL;
}

static struct list *bucket_of(struct reaper *reaper, pid_t pid)
{
	return &reaper->buckets[(unsigned)pid % BUCKETS];
}

void reaper_add(struct reaper *reaper, struct reaper_child *child)
{
	list_append(bucket_of(reaper, child->pid), &child->link);
}

void reaper_remove(struct reaper_child *child)
{
	list_remove(&child->link);
}

static void tell_owner(struct reaper *reaper, const siginfo_t *info)
{
	int code = info->si_code == CLD_EXITED ? info->si_status : 128 + info->si_status;

	list_foreach(child, bucket_of(reaper, info->si_pid), struct reaper_child, link) {
		if (child->pid != info->si_pid)
			continue;
		list_remove(&child->link);
		child->exited(child, code);
		return;
	}
	reaper->orphans++;
}

int reaper_run(struct reaper *reaper)
{
	int n = 0, failures = 0;
	siginfo_t info;

	for (;;) {
		int r = sys_waitid(P_ALL, 0, &info, WEXITED | WNOHANG);

		if (r == 0 || r == -ECHILD)
			return n;
		/* SIGCHLD is not told twice: giving up here could leave a zombie, and its waiter, for ever. */
		if (r < 0 && ++failures > 1)
			return r;
		if (r > 0) {
			tell_owner(reaper, &info);
			n++;
		}
	}
}

unsigned long reaper_orphans(const struct reaper *reaper)
{
	return reaper->orphans;
}
