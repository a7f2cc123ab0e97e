/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/label.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/sys.h"

#define PROFILE_MAX 4096

void label_host_init(struct label_host *host, int sys)
{
	_autofree_ char *enabled = NULL;
	struct stat st;

	*host = (struct label_host){ 0 };
	/* The kernel makes this directory only when SELinux is enabled. */
	host->selinux = sys_fstatat(sys, "fs/selinux", &st, 0) == 0;
	host->apparmor = fd_read_file_at(sys, "module/apparmor/parameters/enabled", 16, &enabled, NULL) == 0 &&
	                 enabled[0] == 'Y';
}

static bool is_given(const char *label)
{
	return label && label[0] != '\0';
}

int label_check(const struct label_host *host, const struct oci_process *process, struct err *err)
{
	if (is_given(process->selinux_label) && !host->selinux)
		return err_say(err, ENOTSUP, "SELinux label '%s': SELinux is not enabled here", process->selinux_label);
	return 0;
}

static int write_attribute(int proc, const char *name, const char *text)
{
	_autoclose_ int fd = -EBADF;
	char path[64];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%d/attr/%s", (int)sys_getpid(), name);
	/* A forged file here would swallow the label (CVE-2019-16884, CVE-2025-52881): nothing but the procfs itself.
	 */
	fd = sys_openat2(proc, path, O_WRONLY | O_CLOEXEC, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
	if (fd < 0)
		return fd;
	n = sys_write(fd, text, strlen(text));
	return n < 0 ? (int)n : 0;
}

static int apply_apparmor(int proc, const char *profile)
{
	char text[PROFILE_MAX];
	int n = snprintf(text, sizeof(text), "exec %s", profile);
	int r;

	if (n < 0 || (size_t)n >= sizeof(text))
		return -ENAMETOOLONG;
	r = write_attribute(proc, "apparmor/exec", text);
	/* Kernels before 5.8 have one file for all modules. */
	return r == -ENOENT ? write_attribute(proc, "exec", text) : r;
}

int label_apply(const struct label_host *host, int proc, const struct oci_process *process, struct err *err)
{
	int r;

	if (is_given(process->selinux_label)) {
		r = write_attribute(proc, "exec", process->selinux_label);
		if (r < 0)
			return err_set(err, r, "set SELinux label '%s'", process->selinux_label);
	}
	if (is_given(process->apparmor_profile) && host->apparmor) {
		r = apply_apparmor(proc, process->apparmor_profile);
		if (r < 0 && !(r == -ENOENT && host->may_lack))
			return err_set(err, r, "set AppArmor profile '%s'", process->apparmor_profile);
	}
	return 0;
}
