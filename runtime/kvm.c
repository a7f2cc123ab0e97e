/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/kvm.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/sys.h"
#include "runtime/helper.h"

#define DIR_PATH  "/run/kata-c"
#define FILE_PATH DIR_PATH "/kvm-usable"
#define PROBE_MS  60000 /* a host that is emulated itself takes its time */

/* "BOOT-ID KERNEL QEMU-VERSION", which the verdict belongs to. */
static char *make_key(const char *qemu)
{
	char *argv[] = { (char *)qemu, (char *)"--version", NULL };
	_autofree_ char *boot = NULL;
	_autobuf_ struct buf out = BUF_INIT;
	struct utsname name;
	char *key = NULL;
	size_t n;

	if (helper_run(argv, PROBE_MS, &out, NULL) < 0 || uname(&name) < 0 ||
	    fd_read_file_at(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64, &boot, &n) < 0)
		return NULL;
	boot[strcspn(boot, "\n")] = '\0';
	if (asprintf(&key, "%s %s %.*s", boot, name.release, (int)strcspn(buf_str(&out), "\n"), buf_str(&out)) < 0)
		return NULL;
	return key;
}

/* -1 = not known. */
static int read_verdict(const char *key)
{
	_autofree_ char *text = NULL;
	size_t n, len = strlen(key);

	if (fd_read_file_at(AT_FDCWD, FILE_PATH, 4096, &text, &n) < 0 || strncmp(text, key, len) != 0 ||
	    text[len] != '\n')
		return -1;
	return strncmp(text + len + 1, "yes ", 4) == 0;
}

static void write_verdict(const char *key, bool good)
{
	_autofree_ char *text = NULL, *new = NULL;
	_autoclose_ int fd = -EBADF;

	(void)sys_mkdirat(AT_FDCWD, DIR_PATH, 0755);
	if (asprintf(&text, "%s\n%s\n", key, good ? "yes a kernel booted" : "no a kernel did not boot") < 0 ||
	    asprintf(&new, "%s.%d", FILE_PATH, (int)getpid()) < 0)
		return;
	fd = sys_openat(AT_FDCWD, new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return;
	if (fd_write_all(fd, text, strlen(text)) < 0 || sys_renameat(AT_FDCWD, new, AT_FDCWD, FILE_PATH) < 0)
		(void)sys_unlinkat(AT_FDCWD, new, 0);
}

/* Without a root file system a kernel that works panics, and -no-reboot makes that QEMU's end. */
static bool probe(const struct config_hypervisor *c)
{
	char *argv[] = { c->path,
		         (char *)"-M",
		         (char *)"q35",
		         (char *)"-accel",
		         (char *)"kvm",
		         (char *)"-cpu",
		         (char *)"host",
		         (char *)"-m",
		         (char *)"256",
		         (char *)"-nodefaults",
		         (char *)"-no-user-config",
		         (char *)"-display",
		         (char *)"none",
		         (char *)"-serial",
		         (char *)"stdio",
		         (char *)"-no-reboot",
		         (char *)"-kernel",
		         c->kernel,
		         (char *)"-append",
		         (char *)"console=ttyS0 quiet panic=-1",
		         NULL };
	_autobuf_ struct buf out = BUF_INIT;

	if (sys_faccessat(AT_FDCWD, "/dev/kvm", R_OK | W_OK) < 0)
		return false;
	return helper_run(argv, PROBE_MS, &out, NULL) == 0 && memmem(out.data, out.len, "Kernel panic", 12) != NULL;
}

bool kvm_try(const struct config_hypervisor *c)
{
	_autofree_ char *key = make_key(c->path);
	bool verdict = probe(c);

	if (key)
		write_verdict(key, verdict);
	return verdict;
}

int kvm_recall(const struct config_hypervisor *c)
{
	_autofree_ char *key = make_key(c->path);

	return key ? read_verdict(key) : -1;
}

bool kvm_is_wanted(const struct config_hypervisor *c)
{
	int verdict;

	if (strcmp(c->accel, "auto") != 0)
		return strcmp(c->accel, "kvm") == 0;
	verdict = kvm_recall(c);
	return verdict < 0 ? kvm_try(c) : verdict;
}
