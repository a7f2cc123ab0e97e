/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a guest is waited for. Where nobody configured a time, a guest that boots is given up when it shows no sign
 * of life for PATIENCE_QUIET_MS: nothing new on its console, and CPUs that do not want to run. One that shows some is
 * given up after PATIENCE_BOOT_MS. So a dead one fails fast on every host, and one on a host that is slow, emulated or
 * busy has its time. What it took to boot is the measure for calls. Embedded in its owner; the time is the caller's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PATIENCE_QUIET_MS 45000
#define PATIENCE_BOOT_MS  180000
#define PATIENCE_WORK_MS  2000 /* between two looks at the CPUs */
#define PATIENCE_CALL_MS  60000
#define PATIENCE_CALL_MAX 600000
#define PATIENCE_BOOTS    4 /* as many times its boot may a call take */

struct patience {
	unsigned exact_ms; /* configured; 0 = as above */
	int64_t begin, alive;
	int64_t looked; /* at the CPUs, when they had wanted: */
	uint64_t wanted_ns;
};

/* Starts to wait now; exact_ms other than 0 is the time, whatever the guest does. */
void patience_begin(struct patience *p, unsigned exact_ms, int64_t now);

/* The guest has said something. */
void patience_heard(struct patience *p, int64_t now);

/* True if it is time to look at the CPUs again. */
bool patience_wants_work(const struct patience *p, int64_t now);

/* What the VMM's threads have run or waited for a CPU, ever; a guest that wants half of one or more boots. */
void patience_worked(struct patience *p, uint64_t wanted_ns, int64_t now);

/* True if the guest is to be given up. */
bool patience_is_over(const struct patience *p, int64_t now);

/* For patience_worked, from /proc/PID/task/TID/schedstat; 0 or -errno: kernels without that tell nothing. */
int patience_read_work(pid_t pid, uint64_t *ret_ns);

/* For one call of a guest that took boot_ms to boot; configured_s other than 0 is the time. */
unsigned patience_for_call(int64_t configured_s, unsigned boot_ms);

/* The longest that a boot with its first container can take, for those who wait for all of it. */
unsigned patience_longest(int64_t dial_s, int64_t create_s);
