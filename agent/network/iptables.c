/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/network/iptables.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/fd.h"
#include "lib/spawn.h"
#include "lib/sys.h"

#define TIMEOUT_MS 30000
#define WORDS_MAX  512 /* of what a program that failed has said */

/* For modprobe, which the legacy programs may call. */
static char *const environment[] = { (char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };

static int open_memory(const char *name, struct err *err)
{
	int fd = sys_memfd_create(name, MFD_CLOEXEC);

	return fd < 0 ? err_set(err, fd, "make memory for '%s'", name) : fd;
}

/* What the program complained about, on one line. */
static int say_failure(int complaints, const char *name, int status, struct err *err)
{
	char words[WORDS_MAX];
	ssize_t n = sys_pread(complaints, words, sizeof(words) - 1, 0);

	words[n > 0 ? n : 0] = '\0';
	words[strcspn(words, "\n")] = '\0';
	if (status == -ETIMEDOUT)
		return err_say(err, ETIMEDOUT, "'%s' did not end within %d ms", name, TIMEOUT_MS);
	if (status < 0)
		return err_set(err, status, "wait for '%s'", name);
	return err_say(err, EIO, "'%s' ended with status %d%s%s", name, status, words[0] ? ": " : "", words);
}

static pid_t start(const char *name, char *const *argv, const int *stdio, int *ret_pidfd, struct err *err)
{
	static const char *const dirs[] = { "/usr/sbin", "/sbin" };
	pid_t pid = -ENOENT;

	for (size_t i = 0; pid == -ENOENT && i < ARRAY_SIZE(dirs); i++) {
		char path[64];
		struct spawn_spec spec = {
			.path = path,
			.argv = argv,
			.env = environment,
			.stdio = { stdio[0], stdio[1], stdio[2] },
			.death_signal = true,
		};

		(void)snprintf(path, sizeof(path), "%s/%s", dirs[i], name);
		pid = spawn_run(&spec, ret_pidfd, err);
	}
	if (pid == -ENOENT)
		return err_say(err, ENOENT, "this guest image has no '%s' in '/usr/sbin' or '/sbin'", name);
	return pid;
}

static int run(const char *name, char *const *argv, int in, int out, struct err *err)
{
	_autoclose_ int complaints = open_memory("complaints", err), pidfd = -EBADF;
	const int stdio[] = { in, out, complaints };
	pid_t pid;
	int status;

	if (complaints < 0)
		return complaints;
	pid = start(name, argv, stdio, &pidfd, err);
	if (pid < 0)
		return pid;
	status = spawn_wait(pidfd, TIMEOUT_MS);
	/* One that still runs ends with the job. */
	return status == 0 ? 0 : say_failure(complaints, name, status, err);
}

int net_iptables_save(bool v6, struct err *err)
{
	const char *name = v6 ? "ip6tables-save" : "iptables-save";
	char *const argv[] = { (char *)(uintptr_t)name, NULL };
	_autoclose_ int out = open_memory("rules", err);
	int r = out < 0 ? out : run(name, argv, -EBADF, out, err);

	return r < 0 ? r : take_fd(&out);
}

int net_iptables_restore(bool v6, const void *text, size_t n, struct err *err)
{
	const char *name = v6 ? "ip6tables-restore" : "iptables-restore";
	char *const argv[] = { (char *)(uintptr_t)name, (char *)"--wait", (char *)"5", NULL };
	_autoclose_ int in = open_memory("rules", err);
	int r = in;

	if (in >= 0) {
		r = fd_write_all(in, text, n);
		if (r == 0)
			r = (int)sys_lseek(in, 0, SEEK_SET);
		if (r < 0)
			return err_set(err, r, "hand the rules to '%s'", name);
		r = run(name, argv, in, -EBADF, err);
	}
	return r;
}
