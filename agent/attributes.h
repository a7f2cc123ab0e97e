/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a container's process is scheduled and what kernel it believes to run on: scheduler, I/O priority, CPU affinity,
 * personality, and the offsets of its clocks. Checked when a specification comes in, applied by its creator or its
 * child; words that nobody knows are errors that name them. Owns nothing.
 */
#pragma once

#include "lib/err.h"
#include "lib/oci.h"

#define ATTRIBUTES_CPUS_MAX 8192

/* Checks scheduler, ioPriority and execCPUAffinity; -EINVAL naming the member. */
int attributes_check_process(const struct oci_process *process, struct err *err);

/* Checks personality and timeOffsets; -EINVAL naming the member. */
int attributes_check_linux(const struct oci_linux *lin, struct err *err);

/* Sets the calling process's scheduler, I/O priority and personality, as far as they are given. */
int attributes_apply(const struct oci_process *process, const struct oci_linux *lin, struct err *err);

/* Sets the calling process's CPU affinity to a list of CPUs ("0-3,7"); NULL or "" leaves it alone. */
int attributes_set_affinity(const char *cpus, struct err *err);

/*
 * A new time namespace for children to come (and for ourselves after an exec), with the offsets of the spec. proc is a
 * procfs of our pid namespace, or AT_FDCWD for /proc.
 */
int attributes_make_timens(int proc, const struct oci_time_offsets *offsets, struct err *err);
