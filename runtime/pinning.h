/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of the host's CPUs the threads of the guest's CPUs run on (enable_vcpus_pinning): one each, if the containers'
 * cpusets have as many as the guest has; else all of those. Found anew each time, nothing is remembered.
 */
#pragma once

#include <sys/types.h>

#include "lib/err.h"
#include "runtime/sizing.h"

/* The CPUs for thread number i of n. */
void pinning_find(const struct sizing_cpus *set, size_t n, size_t i, struct sizing_cpus *ret);

/* Does it for a VMM; an empty set = wherever we may run. 0 or -errno. */
int pinning_apply(pid_t vmm, const struct sizing_cpus *set, struct err *err);
