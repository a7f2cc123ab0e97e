/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hypervisor/tsc.h"

#ifdef __x86_64__
#include <time.h>
#include <x86intrin.h>

#define MEASURE_NS 20000000 /* for an error below a thousandth */

static uint64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint32_t tsc_khz(void)
{
	const struct timespec pause = { .tv_nsec = MEASURE_NS };
	uint64_t begin_ns = now_ns(), begin = __rdtsc();
	uint64_t ns, ticks;

	(void)nanosleep(&pause, NULL);
	ns = now_ns() - begin_ns;
	ticks = __rdtsc() - begin;
	return ns > 0 ? (uint32_t)(ticks * 1000000 / ns) : 0;
}
#else
uint32_t tsc_khz(void)
{
	return 0;
}
#endif
