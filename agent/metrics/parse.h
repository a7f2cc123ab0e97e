/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of /proc as samples of one family each, which has been begun. Pure; what cannot be understood is left out.
 */
#pragma once

#include "agent/metrics/text.h"

typedef void (*metrics_parse)(struct metrics *m, const char *text);

/* /proc/PID/stat: threads; CPU time in seconds; bytes of address space; bytes of memory; and the times in ticks. */
void metrics_parse_threads(struct metrics *m, const char *text);
void metrics_parse_total_time(struct metrics *m, const char *text);
void metrics_parse_total_vm(struct metrics *m, const char *text);
void metrics_parse_total_rss(struct metrics *m, const char *text);
void metrics_parse_proc_stat(struct metrics *m, const char *text);

/* /proc/PID/status: memory in kB and context switches. */
void metrics_parse_proc_status(struct metrics *m, const char *text);

/* "key: value" lines (/proc/PID/io) and "key value" lines (/proc/vmstat). */
void metrics_parse_pairs(struct metrics *m, const char *text);

/* /proc/loadavg: the three loads; tasks that run and that there are. */
void metrics_parse_load(struct metrics *m, const char *text);
void metrics_parse_tasks(struct metrics *m, const char *text);

/* /proc/stat in ticks, /proc/net/dev, /proc/diskstats, /proc/meminfo in bytes. */
void metrics_parse_cpu_time(struct metrics *m, const char *text);
void metrics_parse_netdev(struct metrics *m, const char *text);
void metrics_parse_diskstats(struct metrics *m, const char *text);
void metrics_parse_meminfo(struct metrics *m, const char *text);
