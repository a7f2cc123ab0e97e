/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration file of the agent, as upstream's reads it: a flat list of keys. Declared in options.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/options.h"
#include "lib/mem.h"

#define NAME_MAX_BYTES 64
#define VALUE_MAX      4096
#define COMPLAINT_MAX  256
#define BLANKS         " \t\r"

/* Keys that are not the word without "agent.". */
static const char *const names[][2] = {
	{ "dev_mode", "agent.devmode" },    { "log_level", "agent.log" },
	{ "tracing", "agent.trace" },       { "unified_cgroup_hierarchy", "systemd.unified_cgroup_hierarchy" },
	{ "cgroup_no_v1", "cgroup_no_v1" },
};

static const char *skip_blanks(const char *p)
{
	return p + strspn(p, BLANKS);
}

/* What may follow a value. */
static bool is_end(const char *p)
{
	p = skip_blanks(p);
	return *p == '\0' || *p == '#';
}

static int unescape(char c)
{
	static const char from[] = "\\\"nrt", to[] = "\\\"\n\r\t";
	const char *found = c ? strchr(from, c) : NULL;

	return found ? to[found - from] : -EINVAL;
}

/* "basic" or 'literal'. */
static int read_string(const char **p, char ret[VALUE_MAX])
{
	char quote = *(*p)++;
	size_t n = 0;

	while (**p && **p != quote) {
		int c = (unsigned char)*(*p)++;

		if (c == '\\' && quote == '"')
			c = unescape(*(*p)++);
		if (c < 0 || n + 1 == VALUE_MAX)
			return -EINVAL;
		ret[n++] = (char)c;
	}
	ret[n] = '\0';
	return *(*p)++ == quote ? 0 : -EINVAL;
}

/* A number, true, false; an underscore between digits is TOML's. */
static int read_word(const char **p, char ret[VALUE_MAX])
{
	size_t n = 0;

	for (; **p && !strchr(" \t\r#,}", **p); (*p)++) {
		if (**p == '_')
			continue;
		if (n + 1 == VALUE_MAX)
			return -EINVAL;
		ret[n++] = **p;
	}
	ret[n] = '\0';
	return n > 0 ? 0 : -EINVAL;
}

/* {secs = S, nanos = N}: whole seconds are what counts. */
static int read_duration(const char **p, char ret[VALUE_MAX])
{
	char word[VALUE_MAX] = "";
	bool has_secs = false;

	for ((*p)++;;) {
		bool secs;
		size_t n;
		int r;

		*p = skip_blanks(*p);
		n = strcspn(*p, " \t=,}");
		secs = n == 4 && strncmp(*p, "secs", n) == 0;
		if (!secs && !(n == 5 && strncmp(*p, "nanos", n) == 0))
			return -EINVAL;
		*p = skip_blanks(*p + n);
		if (*(*p)++ != '=')
			return -EINVAL;
		*p = skip_blanks(*p);
		r = read_word(p, secs ? ret : word);
		if (r < 0)
			return r;
		has_secs |= secs;
		*p = skip_blanks(*p);
		if (**p == '}')
			break;
		if (*(*p)++ != ',')
			return -EINVAL;
	}
	(*p)++;
	return has_secs ? 0 : -EINVAL;
}

static int read_value(const char *p, char ret[VALUE_MAX])
{
	int r;

	if (*p == '"' || *p == '\'')
		r = read_string(&p, ret);
	else if (*p == '{')
		r = read_duration(&p, ret);
	else
		r = read_word(&p, ret);
	return r < 0 || is_end(p) ? r : -EINVAL;
}

static void find_name(const char *key, size_t len, char ret[NAME_MAX_BYTES])
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strlen(names[i][0]) == len && strncmp(key, names[i][0], len) == 0) {
			(void)snprintf(ret, NAME_MAX_BYTES, "%s", names[i][1]);
			return;
		}
	}
	(void)snprintf(ret, NAME_MAX_BYTES, "agent.%.*s", (int)len, key);
}

/* 0, or -errno for a line that is wrong; a key that nobody knows is fine. */
static int parse_line(struct options *o, const char *line)
{
	size_t len = strcspn(line, " \t=#");
	char name[NAME_MAX_BYTES], value[VALUE_MAX];
	const char *p = skip_blanks(line + len);
	int r;

	if (len == 0 || len >= NAME_MAX_BYTES - sizeof("agent.") || *p++ != '=')
		return -EINVAL;
	r = read_value(skip_blanks(p), value);
	if (r < 0)
		return r;
	find_name(line, len, name);
	r = options_set(o, name, value);
	return r == -ENOENT ? 0 : r;
}

void options_parse_file(struct options *o, const char *text, void (*complain)(const char *text))
{
	_autofree_ char *copy = strdup(text);
	char *rest = copy, *line, complaint[COMPLAINT_MAX];
	bool in_table = false;

	if (!copy) {
		complain("No memory to read the configuration file, keeping the defaults");
		return;
	}
	for (unsigned n = 1; (line = strsep(&rest, "\n")); n++) {
		const char *start = skip_blanks(line);

		if (*start == '[')
			in_table = true;
		if (in_table || is_end(start) || parse_line(o, start) == 0)
			continue;
		(void)snprintf(complaint, sizeof(complaint),
		               "Bad line %u in the configuration file: '%.128s', ignoring", n, start);
		complain(complaint);
	}
}
