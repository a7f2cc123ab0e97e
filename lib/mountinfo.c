/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/mountinfo.h"

#include <errno.h>
#include <fcntl.h>
#include <libmount.h>
#include <stdio.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/mem.h"

#define TABLE_MAX (64u << 20) /* a hundred thousand mounts, the kernel's limit in a namespace, have 20 MB */

#define DEFAULT_PATH "/proc/self/mountinfo"

static void unref_tablep(struct libmnt_table **table)
{
	mnt_unref_table(*table);
}

static void free_iterp(struct libmnt_iter **iter)
{
	mnt_free_iter(*iter);
}

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

static struct mountinfo_entry entry_of(struct libmnt_fs *fs)
{
	const char *optional = or_empty(mnt_fs_get_optional_fields(fs));

	return (struct mountinfo_entry){
		.target = or_empty(mnt_fs_get_target(fs)),
		.fstype = or_empty(mnt_fs_get_fstype(fs)),
		.source = or_empty(mnt_fs_get_source(fs)),
		.root = or_empty(mnt_fs_get_root(fs)),
		.fs_options = or_empty(mnt_fs_get_fs_options(fs)),
		.id = mnt_fs_get_id(fs),
		.is_shared = strstr(optional, "shared:") != NULL,
	};
}

/* A line that makes no sense is skipped by libmount unless it is told that this is an error. */
static int refuse_line(struct libmnt_table *table, const char *path, int line)
{
	(void)table;
	(void)path;
	(void)line;
	return -EINVAL;
}

/* libmount would open the file past lib/sys. */
static int parse(struct libmnt_table *table, const char *path)
{
	_autofree_ char *text = NULL;
	FILE *stream;
	size_t len;
	int r = fd_read_file_at(AT_FDCWD, path, TABLE_MAX, &text, &len);

	if (r < 0 || len == 0)
		return r;
	stream = fmemopen(text, len, "r");
	if (!stream)
		return -ENOMEM;
	r = mnt_table_parse_stream(table, stream, path);
	(void)fclose(stream);
	return r;
}

int mountinfo_walk(const char *path, mountinfo_visit visit, void *arg, struct err *err)
{
	_cleanup_(unref_tablep) struct libmnt_table *table = mnt_new_table();
	_cleanup_(free_iterp) struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_fs *fs;
	int r = -ENOMEM;

	if (!path)
		path = DEFAULT_PATH;
	if (table && iter) {
		(void)mnt_table_set_parser_errcb(table, refuse_line);
		r = parse(table, path);
	}
	if (r != 0)
		return err_set(err, r, "read the mount table '%s'", path);
	while (mnt_table_next_fs(table, iter, &fs) == 0) {
		struct mountinfo_entry entry = entry_of(fs);

		r = visit(&entry, arg);
		if (r != 0)
			return r;
	}
	return 0;
}

struct question {
	const char *target, *fstype;
	int count;
};

static int match_target(const struct mountinfo_entry *entry, void *arg)
{
	const struct question *q = arg;

	return strcmp(entry->target, q->target) == 0 && (!q->fstype || strcmp(entry->fstype, q->fstype) == 0);
}

int mountinfo_is_mounted(const char *target, const char *fstype)
{
	struct question q = { .target = target, .fstype = fstype };

	return mountinfo_walk(NULL, match_target, &q, NULL);
}

static bool is_at_or_below(const char *target, const char *prefix)
{
	size_t n = strlen(prefix);

	while (n > 0 && prefix[n - 1] == '/')
		n--;
	return strncmp(target, prefix, n) == 0 && (target[n] == '/' || target[n] == '\0');
}

static int count_target(const struct mountinfo_entry *entry, void *arg)
{
	struct question *q = arg;

	if (is_at_or_below(entry->target, q->target))
		q->count++;
	return 0;
}

int mountinfo_count(const char *prefix)
{
	struct question q = { .target = prefix };
	int r = mountinfo_walk(NULL, count_target, &q, NULL);

	return r < 0 ? r : q.count;
}
