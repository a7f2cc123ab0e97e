/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cgroups/stats_common.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/cgroupfs.h"
#include "lib/fd.h"
#include "lib/sys.h"

#define HUGETLB_MAX   16 /* page sizes of one kernel */
#define PAGE_SIZE_MAX 15
#define PREFIX_MAX    (sizeof("hugetlb.") + PAGE_SIZE_MAX)

size_t cgroup_stats_lines(const char *text)
{
	size_t n = 0;

	for (; *text && n < CGROUP_STATS_MAX; n++) {
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	return n;
}

int cgroup_stats_pairs(const char *text, struct arena *arena, struct cgroup_stats *ret)
{
	size_t n = 0, max = cgroup_stats_lines(text);
	struct cgroup_stat_pair *list = arena_array(arena, max, sizeof(*list));
	struct cgroupfs_pair pair;

	if (max > 0 && !list)
		return -ENOMEM;
	while (n < max && cgroupfs_next_line(&text, &pair)) {
		list[n].value = pair.value;
		list[n].key = arena_memdup(arena, pair.key, pair.key_len);
		if (!list[n++].key)
			return -ENOMEM;
	}
	ret->memory_stat = list;
	ret->n_memory_stat = n;
	return 0;
}

/* A cgroup that died under us answers ENODEV, a file that this kernel cannot read (blkio without a disk) EIO. */
static bool is_absent(int r)
{
	return r == -ENOENT || r == -EOPNOTSUPP || r == -EIO;
}

int cgroup_stats_text(int dir, const char *file, char **ret)
{
	int r = fd_read_file_at(dir, file, CGROUPFS_FILE_MAX, ret, NULL);

	return is_absent(r) ? 0 : r;
}

int cgroup_stats_number(int dir, const char *file, uint64_t *ret)
{
	int r = cgroupfs_read_value(dir, file, ret);

	return is_absent(r) || r == -EINVAL ? 0 : r;
}

static int add_hugetlb(int dir, const char *prefix, cgroup_stats_usage read, struct arena *arena,
                       struct cgroup_stats *ret)
{
	struct cgroup_memory_usage usage = { 0 };
	struct cgroup_hugetlb *entry;
	int r = read(dir, prefix, &usage);

	if (r < 0)
		return r;
	if (!ret->hugetlb)
		ret->hugetlb = arena_array(arena, HUGETLB_MAX, sizeof(*ret->hugetlb));
	if (!ret->hugetlb)
		return -ENOMEM;
	entry = &ret->hugetlb[ret->n_hugetlb];
	entry->page_size = arena_strdup(arena, prefix + strlen("hugetlb."));
	if (!entry->page_size)
		return -ENOMEM;
	entry->usage = usage.usage;
	entry->max_usage = usage.max_usage;
	entry->failcnt = usage.failcnt;
	ret->n_hugetlb++;
	return 0;
}

/* "hugetlb.2MB.current" names a page size; "hugetlb.2MB.rsvd.current" is the same one's reservations. */
int cgroup_stats_hugetlb(int dir, const char *suffix, cgroup_stats_usage read, struct arena *arena,
                         struct cgroup_stats *ret)
{
	_autoclose_ int fd = cgroupfs_open(dir, "/");
	_autodir_ DIR *list = NULL;
	struct dirent *entry;
	int r = fd < 0 ? fd : sys_fdopendir(fd, &list);

	if (r < 0)
		return r;
	(void)take_fd(&fd);
	while ((r = sys_readdir(list, &entry)) > 0 && ret->n_hugetlb < HUGETLB_MAX) {
		const char *size = entry->d_name + strlen("hugetlb.");
		char prefix[PREFIX_MAX];
		size_t len;

		if (strncmp(entry->d_name, "hugetlb.", strlen("hugetlb.")) != 0)
			continue;
		len = strcspn(size, ".");
		if (len == 0 || len > PAGE_SIZE_MAX || strcmp(size + len, suffix) != 0)
			continue;
		(void)snprintf(prefix, sizeof(prefix), "hugetlb.%.*s", (int)len, size);
		r = add_hugetlb(dir, prefix, read, arena, ret);
		if (r < 0)
			return r;
	}
	return r < 0 ? r : 0;
}
