/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/metrics/parse.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORD_MAX   128 /* longer ones are none of ours */
#define FIELDS_MAX 32

/* A line cut into words, of which only that many are looked at. */
struct line {
	char words[FIELDS_MAX][WORD_MAX];
	size_t n;
};

/* Cuts the line at *text at white space and the given separators, and goes on to the next; false at the end. */
static bool next_line(const char **text, const char *separators, struct line *ret)
{
	const char *p = *text, *end = p + strcspn(p, "\n");

	if (*p == '\0')
		return false;
	ret->n = 0;
	while (ret->n < FIELDS_MAX) {
		size_t len;

		while (p < end && (*p == ' ' || *p == '\t' || strchr(separators, *p)))
			p++;
		len = strcspn(p, "\n \t");
		len = separators[0] && strcspn(p, separators) < len ? strcspn(p, separators) : len;
		if (p >= end)
			break;
		(void)snprintf(ret->words[ret->n++], WORD_MAX, "%.*s", (int)len, p);
		p += len;
	}
	*text = *end ? end + 1 : end;
	return true;
}

/* --- /proc/PID/stat ----------------------------------------------------------------------------------------------- */

enum {
	STAT_UTIME = 14,
	STAT_STIME,
	STAT_CUTIME,
	STAT_CSTIME,
	STAT_THREADS = 20,
	STAT_VSIZE = 23,
	STAT_RSS = 24,
	STAT_BEHIND_NAME = 3, /* the first field behind the name, which may hold anything */
};

static bool cut_stat(const char *text, struct line *ret)
{
	const char *end = strrchr(text, ')');

	if (!end)
		return false;
	end++;
	return next_line(&end, "", ret) && ret->n > STAT_RSS - STAT_BEHIND_NAME;
}

static const char *stat_field(const struct line *line, int field)
{
	return line->words[field - STAT_BEHIND_NAME];
}

static uint64_t stat_number(const struct line *line, int field)
{
	return strtoull(stat_field(line, field), NULL, 10);
}

void metrics_parse_threads(struct metrics *m, const char *text)
{
	struct line line;

	if (cut_stat(text, &line))
		metrics_sample(m, stat_field(&line, STAT_THREADS), NULL);
}

void metrics_parse_total_time(struct metrics *m, const char *text)
{
	uint64_t hz = (uint64_t)sysconf(_SC_CLK_TCK), ticks;
	struct line line;
	char value[64];

	if (!cut_stat(text, &line))
		return;
	ticks = stat_number(&line, STAT_UTIME) + stat_number(&line, STAT_STIME);
	(void)snprintf(value, sizeof(value), "%llu.%02llu", (unsigned long long)(ticks / hz),
	               (unsigned long long)(ticks % hz * 100 / hz));
	metrics_sample(m, value, NULL);
}

void metrics_parse_total_vm(struct metrics *m, const char *text)
{
	struct line line;

	if (cut_stat(text, &line))
		metrics_sample(m, stat_field(&line, STAT_VSIZE), NULL);
}

void metrics_parse_total_rss(struct metrics *m, const char *text)
{
	struct line line;

	if (cut_stat(text, &line))
		metrics_number(m, stat_number(&line, STAT_RSS) * (uint64_t)sysconf(_SC_PAGESIZE), NULL);
}

void metrics_parse_proc_stat(struct metrics *m, const char *text)
{
	static const char *const items[] = { "utime", "stime", "cutime", "cstime" };
	struct line line;

	if (!cut_stat(text, &line))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(items); i++)
		metrics_sample(m, stat_field(&line, STAT_UTIME + (int)i), METRICS_LABELS("item", items[i]));
}

/* --- lines of a key and its value --------------------------------------------------------------------------------- */

static void lower(char *word)
{
	for (; *word; word++)
		*word = (char)tolower((unsigned char)*word);
}

static bool is_of_status(const char *key)
{
	return strncmp(key, "Vm", 2) == 0 || strncmp(key, "Rss", 3) == 0 || strcmp(key, "HugetlbPages") == 0 ||
	       strcmp(key, "voluntary_ctxt_switches") == 0 || strcmp(key, "nonvoluntary_ctxt_switches") == 0;
}

void metrics_parse_proc_status(struct metrics *m, const char *text)
{
	struct line line;

	while (next_line(&text, ":", &line)) {
		if (line.n < 2 || !is_of_status(line.words[0]))
			continue;
		lower(line.words[0]);
		metrics_sample(m, line.words[1], METRICS_LABELS("item", line.words[0]));
	}
}

void metrics_parse_pairs(struct metrics *m, const char *text)
{
	struct line line;

	while (next_line(&text, ":", &line))
		if (line.n == 2)
			metrics_sample(m, line.words[1], METRICS_LABELS("item", line.words[0]));
}

/* "Active(anon)" is active_anon, "SReclaimable" s_reclaimable, "DirectMap4k" direct_map_4k, "HugePages_Free"
 * hugepages_free. */
static void to_snake_case(const char *key, char *ret)
{
	char last = '_';

	if (strcmp(key, "Percpu") == 0)
		key = "PerCpu";
	for (const char *p = key; *p; p++) {
		bool starts =
			isupper((unsigned char)*p) && (islower((unsigned char)last) ||
		                                       (isupper((unsigned char)last) && islower((unsigned char)p[1])));

		if (strncmp(p, "Pages", 5) == 0 && p >= key + 4 && strncmp(p - 4, "Huge", 4) == 0)
			starts = false;
		if (isdigit((unsigned char)*p) && isalpha((unsigned char)last))
			starts = true;
		if (starts || (*p == '(' && last != '_'))
			*ret++ = '_';
		if (*p != '(' && *p != ')')
			*ret++ = (char)tolower((unsigned char)*p);
		last = *p == '(' ? '_' : *p;
	}
	*ret = '\0';
}

void metrics_parse_meminfo(struct metrics *m, const char *text)
{
	struct line line;

	while (next_line(&text, ":", &line)) {
		bool is_kb = line.n > 2 && strcmp(line.words[2], "kB") == 0;
		char item[2 * WORD_MAX];

		if (line.n < 2)
			continue;
		to_snake_case(line.words[0], item);
		metrics_number(m, strtoull(line.words[1], NULL, 10) * (is_kb ? 1024 : 1), item);
	}
}

/* --- /proc/loadavg ------------------------------------------------------------------------------------------------ */

void metrics_parse_load(struct metrics *m, const char *text)
{
	static const char *const items[] = { "load1", "load5", "load15" };
	struct line line;

	if (!next_line(&text, "/", &line))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(items) && i < line.n; i++)
		metrics_sample(m, line.words[i], METRICS_LABELS("item", items[i]));
}

void metrics_parse_tasks(struct metrics *m, const char *text)
{
	struct line line;

	if (!next_line(&text, "/", &line) || line.n < 5)
		return;
	metrics_sample(m, line.words[3], METRICS_LABELS("item", "cur"));
	metrics_sample(m, line.words[4], METRICS_LABELS("item", "max"));
}

/* --- tables: a thing's name and its figures ----------------------------------------------------------------------- */

static void table_row(struct metrics *m, const char *label, const char *name, const struct line *line, size_t first,
                      const char *const *items, size_t n)
{
	for (size_t i = 0; i < n && first + i < line->n; i++)
		metrics_sample(m, line->words[first + i], METRICS_LABELS(label, name, "item", items[i]));
}

void metrics_parse_cpu_time(struct metrics *m, const char *text)
{
	static const char *const items[] = { "user", "nice",    "system", "idle",  "iowait",
		                             "irq",  "softirq", "steal",  "guest", "guest_nice" };
	struct line line;

	while (next_line(&text, "", &line)) {
		const char *name = line.words[0] + 3;

		if (line.n < 2 || strncmp(line.words[0], "cpu", 3) != 0)
			continue;
		table_row(m, "cpu", *name ? name : "total", &line, 1, items, ARRAY_SIZE(items));
	}
}

void metrics_parse_netdev(struct metrics *m, const char *text)
{
	static const char *const items[] = {
		"recv_bytes",      "recv_packets",   "recv_errs",    "recv_drop",       "recv_fifo", "recv_frame",
		"recv_compressed", "recv_multicast", "sent_bytes",   "sent_packets",    "sent_errs", "sent_drop",
		"sent_fifo",       "sent_colls",     "sent_carrier", "sent_compressed",
	};
	struct line line;

	/* The two lines of headings have "|" in them. */
	while (next_line(&text, ":", &line))
		if (line.n == 1 + ARRAY_SIZE(items) && !strchr(line.words[1], '|'))
			table_row(m, "interface", line.words[0], &line, 1, items, ARRAY_SIZE(items));
}

void metrics_parse_diskstats(struct metrics *m, const char *text)
{
	static const char *const items[] = {
		"reads",
		"merged",
		"sectors_read",
		"time_reading",
		"writes",
		"writes_merged",
		"sectors_written",
		"time_writing",
		"in_progress",
		"time_in_progress",
		"weighted_time_in_progress",
		"discards",
		"discards_merged",
		"sectors_discarded",
		"time_discarding",
		"flushes",
		"time_flushing",
	};
	struct line line;

	while (next_line(&text, "", &line))
		if (line.n > 3)
			table_row(m, "disk", line.words[2], &line, 3, items, ARRAY_SIZE(items));
}
