/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process that somebody else started, told by its number and its start time, since numbers come again. No state.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Field 22 of /proc/PID/stat; -ESRCH if the process is gone or a zombie. */
int proc_start_time(pid_t pid, uint64_t *ret);

/* True if the process with that number is still the one that started then. */
bool proc_is_alive(pid_t pid, uint64_t start_time);

/* A pidfd of that very process, or -ESRCH and other -errno. */
int proc_open(pid_t pid, uint64_t start_time);
