/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rate of the machine's time stamp counter. An emulated guest sees that counter as it is; a microvm has no other
 * clock to measure it by, and hangs at that. Stateless.
 */
#pragma once

#include <stdint.h>

/* In kHz, measured for some milliseconds; 0 where there is no such counter. */
uint32_t tsc_khz(void);
