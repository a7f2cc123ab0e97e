/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/cgroup_hierarchies.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "lib/mountinfo.h"

#define BIT(controller) (UINT32_C(1) << (controller))

static const char *const names[CGROUP_CONTROLLER_MAX] = {
	[CGROUP_CPU] = "cpu",         [CGROUP_CPUACCT] = "cpuacct",   [CGROUP_CPUSET] = "cpuset",
	[CGROUP_MEMORY] = "memory",   [CGROUP_DEVICES] = "devices",   [CGROUP_FREEZER] = "freezer",
	[CGROUP_PIDS] = "pids",       [CGROUP_BLKIO] = "blkio",       [CGROUP_HUGETLB] = "hugetlb",
	[CGROUP_NET_CLS] = "net_cls", [CGROUP_NET_PRIO] = "net_prio", [CGROUP_PERF_EVENT] = "perf_event",
	[CGROUP_RDMA] = "rdma",       [CGROUP_MISC] = "misc",
};

const char *cgroup_controller_name(enum cgroup_controller controller)
{
	return controller >= 0 && controller < CGROUP_CONTROLLER_MAX ? names[controller] : NULL;
}

static enum cgroup_controller find(const char *name, size_t len)
{
	for (int i = 0; i < CGROUP_CONTROLLER_MAX; i++)
		if (names[i] && strlen(names[i]) == len && memcmp(names[i], name, len) == 0)
			return (enum cgroup_controller)i;
	return CGROUP_CONTROLLER_INVALID;
}

enum cgroup_controller cgroup_controller_find(const char *name)
{
	return find(name, strlen(name));
}

/* "rw,cpu,cpuacct", "rw,xattr,name=systemd": words that are no controller say how it is mounted. */
static uint32_t controllers_of(const struct mountinfo_entry *entry)
{
	const char *word = entry->fs_options;
	uint32_t bits = 0;

	if (strcmp(entry->fstype, "cgroup2") == 0)
		return BIT(CGROUP_UNIFIED);
	for (size_t len; *word; word += len + (word[len] == ',')) {
		enum cgroup_controller c;

		len = strcspn(word, ",");
		c = find(word, len);
		if (c >= 0)
			bits |= BIT(c);
		else if (len > 5 && memcmp(word, "name=", 5) == 0)
			bits |= BIT(CGROUP_NAMED);
	}
	return bits;
}

struct reading {
	const char *root;
	struct cgroup_hierarchies *list;
};

static bool is_known(const struct cgroup_hierarchies *list, const char *dir, uint32_t bits)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->v[i].dir, dir) == 0 || (list->v[i].controllers & bits & ~BIT(CGROUP_NAMED)))
			return true;
	return false;
}

static int add(const struct mountinfo_entry *entry, void *arg)
{
	struct reading *reading = arg;
	struct cgroup_hierarchies *list = reading->list;
	size_t len = strlen(reading->root);
	const char *dir = entry->target + len + 1;
	uint32_t bits;

	if (strcmp(entry->fstype, "cgroup") != 0 && strcmp(entry->fstype, "cgroup2") != 0)
		return 0;
	if (strncmp(entry->target, reading->root, len) != 0 || entry->target[len] != '/' || strchr(dir, '/') ||
	    strlen(dir) >= CGROUP_DIRECTORY_MAX)
		return 0;
	bits = controllers_of(entry);
	if (bits == 0 || is_known(list, dir, bits))
		return 0;
	if (list->n == CGROUP_HIERARCHIES_MAX)
		return -E2BIG;
	list->v[list->n].controllers = bits;
	strcpy(list->v[list->n++].dir, dir);
	return 0;
}

int cgroup_hierarchies_read(const char *mountinfo, const char *root, struct cgroup_hierarchies *ret, struct err *err)
{
	struct cgroup_hierarchies list = { .n = 0 };
	struct reading reading = { .root = root, .list = &list };
	int r = mountinfo_walk(mountinfo, add, &reading, err);

	if (r == -E2BIG)
		return err_say(err, E2BIG, "more than %d cgroup hierarchies below '%s'", CGROUP_HIERARCHIES_MAX, root);
	if (r >= 0)
		*ret = list;
	return r;
}

const struct cgroup_hierarchy *cgroup_hierarchies_find(const struct cgroup_hierarchies *list,
                                                       enum cgroup_controller controller)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->v[i].controllers & BIT(controller))
			return &list->v[i];
	return NULL;
}
