/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How large a sandbox should be: a pure function of the configuration and of the containers that live in it now, never
 * of what was there before. Whoever asks carries it out.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/oci.h"
#include "runtime/annotation.h"
#include "runtime/config.h"

#define SIZING_CPUS_MAX 4096

/* A set of CPUs, laid out as the kernel's masks are on little-endian machines. */
struct sizing_cpus {
	unsigned char bits[SIZING_CPUS_MAX / 8];
};

/* What one container asks for; what is not given is 0, and so is what has no limit. */
struct sizing_demand {
	int64_t cpu_quota;   /* microseconds */
	uint64_t cpu_period; /* microseconds */
	const char *cpuset;  /* a list such as "0-3,7", or NULL; the caller's */
	int64_t memory;      /* bytes */
	uint64_t hugepages;  /* bytes */
};

struct sizing_result {
	int64_t vcpus;
	int64_t memory_mib;
};

/* Adds a list such as "0-3,7"; what is no list adds nothing, the guest's kernel will complain of it. */
void sizing_add_cpus(struct sizing_cpus *mask, const char *list);

/* How many are in the set. */
int64_t sizing_count_cpus(const struct sizing_cpus *mask);

/* The demand that a spec's resources make; NULL makes none. */
struct sizing_demand sizing_demand_of(const struct oci_resources *resources);

/*
 * Puts an update's figures over a demand. A figure that is not given, or 0, leaves the old one; -1 takes the limit
 * away.
 */
void sizing_update(struct sizing_demand *demand, const struct oci_resources *update);

/*
 * The size for n live containers: vCPUs are the default plus the sum of quota/period, rounded up once (without any
 * quota, the union of the cpusets counts instead); memory is the default plus all limits, what is added rounded up to
 * the guest's block of block_mib (0 = 1). Both are capped by the configured maxima.
 */
struct sizing_result sizing_for(const struct config_hypervisor *c, const struct sizing_demand *demands, size_t n,
                                int64_t block_mib);

/* The size at boot when nothing will be plugged in later: what the pod's annotations say, else the one container. */
struct sizing_result sizing_static(const struct config_hypervisor *c, const struct annotation_size *pod,
                                   const struct sizing_demand *container);
