/* SPDX-License-Identifier: Apache-2.0 */
/* How many fds the test itself has open, to be compared before and after. */
#pragma once

#include <dirent.h>

#include "tests/lib/unit.h"

/* The one that looks is counted, each time. */
static inline int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n;
}
