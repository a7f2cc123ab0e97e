/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seals itself (mount, memory or any means; "plain" does not) and attacks the file it runs from as a container would:
 * opening it for writing, asking for its mount to be writable again, and, from a program that is executed meanwhile,
 * writing through the fd. Prints what the kernel said, a line per attempt.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/selfexec.h"
#include "lib/sys.h"

static const char *word(int r)
{
	return r >= 0 ? "allowed" : strerrorname_np(-r);
}

/* The attacker's program outlives ours: nothing executes the file any more when it writes. */
static int attack_later(int fd)
{
	char script[256];

	(void)snprintf(script, sizeof(script),
	               "i=0; while [ -e /proc/%d ] && [ $i -lt 100 ]; do sleep 0.05; i=$((i+1)); done; "
	               "(echo owned >/proc/self/fd/%d) 2>/dev/null && echo write: allowed || echo write: refused",
	               (int)getpid(), fd);
	if (fork() == 0)
		return execl("/bin/sh", "sh", "-c", script, NULL);
	return 0;
}

int main(int argc, char **argv)
{
	const struct sys_mount_attr writable = { .attr_clr = MOUNT_ATTR_RDONLY };
	const char *means = argc > 1 ? argv[1] : "any";
	struct err err = ERR_INIT;
	int fd, r = 0;

	if (strcmp(means, "plain") != 0)
		r = selfexec_seal(strcmp(means, "mount") == 0    ? SELFEXEC_MOUNT
		                  : strcmp(means, "memory") == 0 ? SELFEXEC_MEMORY
		                                                 : SELFEXEC_ANY,
		                  argv, environ, &err);
	if (r < 0) {
		printf("seal: %s\n", err.text);
		return 1;
	}
	printf("sealed: %s\n", selfexec_is_sealed() ? "yes" : "no");
	printf("open: %s\n", word(sys_openat(AT_FDCWD, "/proc/self/exe", O_WRONLY | O_CLOEXEC, 0)));
	printf("mount: %s\n", word(sys_mount_setattr(AT_FDCWD, "/proc/self/exe", 0, &writable)));
	fflush(stdout);
	fd = open("/proc/self/exe", O_PATH);
	return fd < 0 ? 1 : attack_later(fd);
}
