/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fault build's way into lib/sys.c. In every other build sys_fault() is a constant and vanishes.
 */
#pragma once

#include <stdint.h>

/* Shared state of a fault run, mapped from the file that KATA_SYS_FAULT names in the environment. */
struct sys_fault_state {
	int64_t countdown; /* the call that brings it to 0 fails; negative: none */
	int64_t seen;      /* calls so far while armed */
	int32_t armed;     /* 0: calls are neither counted nor failed */
	int32_t errnum;    /* what the failing call answers, 0 = EIO */
	char failed[32];   /* name of the call that failed */
};

#ifdef SYS_FAULT

/* Counts the call named `call`; -errno if it is the one that has to fail, else 0. */
int sys_fault(const char *call);

#else

/* No faults in this build. */
static inline int sys_fault(const char *call)
{
	(void)call;
	return 0;
}

#endif
