/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/shell.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/cgroups/cgroup.h"
#include "lib/fd.h"
#include "lib/spawn.h"
#include "lib/sys.h"

#define STAT_MAX   4096
#define PASSES_MAX 4 /* a process that forks while it is looked for */

/* In the order of upstream's agent. */
static const char *const shells[] = { "/run/kata-extensions/devkit/bin/devkit-sh", "/bin/bash", "/bin/sh" };

static const char *find_shell(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(shells); i++)
		if (sys_faccessat(AT_FDCWD, shells[i], X_OK) == 0)
			return shells[i];
	return NULL;
}

pid_t shell_start(int terminal, int *ret_pidfd, struct err *err)
{
	static char home[] = "HOME=/", term[] = "TERM=vt100", option[] = "-i";
	static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	const char *shell = find_shell();
	char *argv[] = { (char *)(uintptr_t)shell, option, NULL };
	char *env[] = { path, home, term, NULL };
	struct spawn_spec spec = { .path = shell,
		                   .argv = argv,
		                   .env = env,
		                   .stdio = { terminal, terminal, terminal },
		                   .new_session = true,
		                   .interactive = true };
	_autoclose_ int cgroup = -EBADF;
	pid_t pid;

	if (!shell)
		return err_say(err, ENOENT, "no shell in this image: none of '%s', '%s', '%s'", shells[0], shells[1],
		               shells[2]);
	/* Out of the agent's own cgroup, whose memory is protected; where that is not possible it has to share it. */
	if (sys_owns_machine() && sys_getpid() == 1)
		cgroup = sys_openat(AT_FDCWD, CGROUP_ROOT, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	spec.cgroup_fd = cgroup;
	pid = spawn_run(&spec, ret_pidfd, err);
	if (pid < 0 && cgroup >= 0) {
		spec.cgroup_fd = -EBADF;
		pid = spawn_run(&spec, ret_pidfd, err);
	}
	return pid;
}

/* Field 6 of /proc/PID/stat; the command name before it may hold anything. Zombies do not count. */
static bool is_of_session(int proc, const char *name, pid_t session)
{
	_autofree_ char *stat = NULL;
	char path[300];
	const char *end;
	char state;
	int of = 0;

	(void)snprintf(path, sizeof(path), "%s/stat", name);
	if (fd_read_file_at(proc, path, STAT_MAX, &stat, NULL) < 0)
		return false;
	end = strrchr(stat, ')');
	return end && sscanf(end + 1, " %c %*d %*d %d", &state, &of) == 2 && of == session && state != 'Z';
}

/* How many were killed. */
static int kill_once(pid_t session)
{
	_autodir_ DIR *dir = NULL;
	struct dirent *entry;
	int n = 0, r = fd_opendir(AT_FDCWD, "/proc", 0, &dir);

	if (r < 0)
		return r;
	while ((r = sys_readdir(dir, &entry)) == 1) {
		_autoclose_ int pidfd = -EBADF;

		if (!isdigit((unsigned char)entry->d_name[0]) || !is_of_session(dirfd(dir), entry->d_name, session))
			continue;
		/* Looked at again through the pidfd's lifetime: the number may be somebody else's by now. */
		pidfd = sys_pidfd_open((pid_t)strtol(entry->d_name, NULL, 10));
		if (pidfd >= 0 && is_of_session(dirfd(dir), entry->d_name, session) &&
		    sys_pidfd_send_signal(pidfd, SIGKILL) == 0)
			n++;
	}
	return r < 0 ? r : n;
}

int shell_kill_session(pid_t session, struct err *err)
{
	int n = 1;

	for (int i = 0; i < PASSES_MAX && n > 0; i++)
		n = kill_once(session);
	return n < 0 ? err_set(err, n, "look for the processes of session %d", (int)session) : 0;
}
