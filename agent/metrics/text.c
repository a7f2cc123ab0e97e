/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/metrics/text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static void add(struct metrics *m, const char *text, size_t len)
{
	if (m->r == 0)
		m->r = buf_add(m->out, text, len);
}

static void add_text(struct metrics *m, const char *text)
{
	add(m, text, strlen(text));
}

static void add_escaped(struct metrics *m, const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			add_text(m, "\\n");
		else if (*text == '"' || *text == '\\')
			add(m, (char[]){ '\\', *text }, 2);
		else
			add(m, text, 1);
	}
}

void metrics_begin(struct metrics *m, const char *family, const char *type, const char *help)
{
	m->family = family;
	if (m->r == 0)
		m->r = buf_printf(m->out, "# HELP %s %s\n# TYPE %s %s\n", family, help, family, type);
}

static bool is_number(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && text[0] != '.' && strspn(text, "0123456789.") == len;
}

void metrics_sample(struct metrics *m, const char *value, const char *const *labels)
{
	char before = '{';

	if (!is_number(value))
		return;
	add_text(m, m->family);
	for (size_t i = 0; labels && labels[i]; i += 2) {
		add(m, &before, 1);
		add_text(m, labels[i]);
		add_text(m, "=\"");
		add_escaped(m, labels[i + 1]);
		add_text(m, "\"");
		before = ',';
	}
	add_text(m, before == ',' ? "} " : " ");
	add_text(m, value);
	add_text(m, "\n");
}

void metrics_number(struct metrics *m, uint64_t value, const char *item)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%" PRIu64, value);
	if (item)
		metrics_sample(m, text, METRICS_LABELS("item", item));
	else
		metrics_sample(m, text, NULL);
}

void metrics_end(struct metrics *m, size_t start)
{
	const char *text = buf_str(m->out) + start;
	const char *last = m->out->len > start ? text : NULL;

	if (m->r < 0 || !last)
		return;
	/* Two lines of comment and no more. */
	for (int i = 0; i < 2 && last; i++) {
		last = strchr(last, '\n');
		last = last ? last + 1 : NULL;
	}
	if (last && *last == '\0')
		m->out->len = start;
	if (m->out->data)
		m->out->data[m->out->len] = '\0';
}
