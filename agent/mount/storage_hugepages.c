/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mount/storage_common.h"
#include "lib/fd.h"
#include "lib/sys.h"

/* "2M", "2Mi", "2MB", "2097152" */
static int parse_size(const char *text, uint64_t *ret)
{
	static const char units[] = "KMGT";
	char *end;
	uint64_t value = strtoull(text, &end, 10);
	const char *unit = *end ? strchr(units, *end >= 'a' ? *end - 32 : *end) : NULL;
	unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;

	if (text[0] < '0' || text[0] > '9' || value == 0 || (*end && !unit && strcmp(end, "B") != 0))
		return -EINVAL;
	if (value > UINT64_MAX >> shift)
		return -ERANGE;
	*ret = value << shift;
	return 0;
}

static const char *find_value(const struct oci_strings *data, const char *key)
{
	size_t n = strlen(key);

	for (size_t i = 0; i < data->n; i++)
		if (strncmp(data->v[i], key, n) == 0 && data->v[i][n] == '=')
			return data->v[i] + n + 1;
	return NULL;
}

static int read_count(int fd, uint64_t *ret)
{
	char text[32];
	ssize_t n = sys_pread(fd, text, sizeof(text) - 1, 0);

	if (n < 0)
		return (int)n;
	text[n] = '\0';
	*ret = strtoull(text, NULL, 10);
	return 0;
}

/* Only ever raised: another volume of this sandbox may use the pages that are there. */
static int raise_count(int fd, uint64_t wanted, uint64_t *ret)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%" PRIu64, wanted), r = read_count(fd, ret);

	if (r < 0 || *ret >= wanted)
		return r;
	r = fd_write_all(fd, text, (size_t)n);
	return r < 0 ? r : read_count(fd, ret);
}

static int apply_hugepages(const struct step *step, void *context, struct err *err)
{
	uint64_t wanted = step->flags, has = 0;
	_autoclose_ int fd = sys_open_machine_file(step->target, O_RDWR);
	int r = fd < 0 ? fd : raise_count(fd, wanted, &has);

	(void)context;
	if (r < 0)
		return err_set(err, r, "allocate %" PRIu64 " huge pages by '%s'", wanted, step->target);
	if (has < wanted)
		return err_say(err, ENOMEM, "Only allocated %" PRIu64 " of %" PRIu64 " hugepages of size %s", has,
		               wanted, step->data);
	return 0;
}

static const struct step_kind step_hugepages = { "hugepages", apply_hugepages };

int storage_plan_hugepages(struct arena *arena, struct step_list *list, const struct mount_options *options,
                           struct err *err)
{
	const char *page_text = find_value(&options->data, "pagesize"), *text = find_value(&options->data, "size");
	struct step step = { .kind = &step_hugepages, .data = page_text };
	uint64_t page = 0, size = 0;
	int r;

	if (!page_text || !text || parse_size(page_text, &page) < 0 || parse_size(text, &size) < 0 || page < 1024)
		return err_say(err, EINVAL, "hugetlbfs: 'pagesize=%s' and 'size=%s' are no two sizes",
		               page_text ? page_text : "", text ? text : "");
	step.target = arena_printf(arena, "/sys/kernel/mm/hugepages/hugepages-%" PRIu64 "kB/nr_hugepages", page / 1024);
	step.flags = size / page;
	r = step.target ? step_add(arena, list, &step) : -ENOMEM;
	return r < 0 ? err_set(err, r, "plan huge pages") : 0;
}
