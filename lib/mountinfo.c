/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/mountinfo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/mem.h"

#define TABLE_MAX (64u << 20) /* a hundred thousand mounts, the kernel's limit in a namespace, have 20 MB */

#define DEFAULT_PATH "/proc/self/mountinfo"

/* In place: the kernel writes blanks, newlines, '#' and the backslash itself as three octal digits. */
static void decode(char *s)
{
	char *to = s;

	while (*s) {
		if (s[0] == '\\' && strspn(s + 1, "01234567") >= 3) {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = '\0';
}

/* Exactly one blank is between two fields; one may be empty, as the source of a tmpfs. */
static bool take_fields(char **line, const char **ret, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char *field = strsep(line, " ");

		if (!field)
			return false;
		decode(field);
		ret[i] = field;
	}
	return true;
}

/* ID PARENT DEVICE ROOT TARGET OPTIONS [TAG]... - TYPE SOURCE OPTIONS */
static int parse_line(char *line, struct mountinfo_entry *ret)
{
	enum { ID, PARENT, DEVICE, ROOT, TARGET, OPTIONS, FIELDS };
	enum { TYPE, SOURCE, FS_OPTIONS, FS_FIELDS };
	const char *field[FIELDS], *fs[FS_FIELDS], *tag = "";
	struct mountinfo_entry entry = { 0 };
	char *end;

	if (!take_fields(&line, field, FIELDS))
		return -EINVAL;
	while (strcmp(tag, "-") != 0) {
		if (!take_fields(&line, &tag, 1))
			return -EINVAL;
		entry.is_shared = entry.is_shared || strncmp(tag, "shared:", 7) == 0;
	}
	entry.id = (int)strtol(field[ID], &end, 10);
	if (!take_fields(&line, fs, FS_FIELDS) || end == field[ID] || *end)
		return -EINVAL;
	entry.root = field[ROOT];
	entry.target = field[TARGET];
	entry.fstype = fs[TYPE];
	entry.source = fs[SOURCE];
	entry.fs_options = fs[FS_OPTIONS];
	*ret = entry;
	return 0;
}

int mountinfo_parse(char *text, mountinfo_visit visit, void *arg)
{
	struct mountinfo_entry entry;

	while (text && *text) {
		char *line = strsep(&text, "\n");
		int r = parse_line(line, &entry);

		r = r < 0 ? r : visit(&entry, arg);
		if (r != 0)
			return r;
	}
	return 0;
}

/* A table that cannot be read is told from a visitor that does not like what it sees. */
struct visitor {
	mountinfo_visit visit;
	void *arg;
	bool has_stopped;
};

static int pass_on(const struct mountinfo_entry *entry, void *arg)
{
	struct visitor *v = arg;
	int r = v->visit(entry, v->arg);

	v->has_stopped = r != 0;
	return r;
}

int mountinfo_walk(const char *path, mountinfo_visit visit, void *arg, struct err *err)
{
	struct visitor visitor = { .visit = visit, .arg = arg };
	_autofree_ char *text = NULL;
	int r;

	if (!path)
		path = DEFAULT_PATH;
	r = fd_read_file_at(AT_FDCWD, path, TABLE_MAX, &text, NULL);
	r = r < 0 ? r : mountinfo_parse(text, pass_on, &visitor);
	return r < 0 && !visitor.has_stopped ? err_set(err, r, "read the mount table '%s'", path) : r;
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
