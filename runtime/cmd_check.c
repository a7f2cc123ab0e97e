/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/fd.h"
#include "runtime/command.h"
#include "runtime/configload.h"
#include "runtime/helper.h"
#include "runtime/kvm.h"

#define VERSION_MS 10000

struct check_options {
	bool verbose, no_network, strict;
};

static const struct flag options[] = {
	{ "verbose", 'v', FLAG_BOOL, offsetof(struct check_options, verbose), "tell each check" },
	{ "no-network-checks", 'n', FLAG_BOOL, offsetof(struct check_options, no_network),
	  "accepted: nothing is asked of the network" },
	{ "strict", 's', FLAG_BOOL, offsetof(struct check_options, strict), "what is only slow is a failure too" },
	{ 0 },
};

struct check {
	const struct check_options *o;
	unsigned bad, slow;
};

_printf_(2, 3) static void good(const struct check *k, const char *fmt, ...)
{
	va_list ap;

	if (!k->o->verbose)
		return;
	va_start(ap, fmt);
	(void)fputs("ok: ", stdout);
	(void)vprintf(fmt, ap);
	(void)fputc('\n', stdout);
	va_end(ap);
}

/* What does not work, or only slowly, is always told, with what to do about it. */
_printf_(3, 4) static void tell(unsigned *count, const char *kind, const char *fmt, ...)
{
	va_list ap;

	++*count;
	va_start(ap, fmt);
	(void)printf("%s: ", kind);
	(void)vprintf(fmt, ap);
	(void)fputc('\n', stdout);
	va_end(ap);
}

static bool has_word(const char *text, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = strstr(text, word); p; p = strstr(p + 1, word))
		if ((p == text || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\n' || !p[n]))
			return true;
	return false;
}

static void check_cpu(struct check *k)
{
	_autofree_ char *text = NULL;
	char *flags;

	if (fd_read_file_at(AT_FDCWD, "/proc/cpuinfo", 1 << 20, &text, NULL) < 0 || !(flags = strstr(text, "flags"))) {
		good(k, "the CPU's flags are not known");
		return;
	}
	flags[strcspn(flags, "\n")] = '\0';
	if (has_word(flags, "vmx") || has_word(flags, "svm"))
		good(k, "the CPU has virtualization");
	else
		tell(&k->slow, "slow",
		     "the CPU shows no virtualization (vmx or svm): switch it on in the firmware, or, "
		     "in a VM, let its host allow nested ones");
}

static void check_modules(const struct check *k)
{
	static const char *const modules[] = { "kvm", "kvm_intel", "kvm_amd", "vhost", "vhost_net", "vhost_vsock" };
	char path[64];

	for (size_t i = 0; i < ARRAY_SIZE(modules); i++) {
		(void)snprintf(path, sizeof(path), "/sys/module/%s", modules[i]);
		good(k, "kernel module '%s' is %s", modules[i], access(path, F_OK) == 0 ? "there" : "not loaded");
	}
}

static void check_programs(struct check *k, const struct config_hypervisor *h)
{
	char *argv[] = { h->path, (char *)"--version", NULL };
	_autobuf_ struct buf out = { .max = 65536 };
	struct err err = ERR_INIT;

	if (helper_run(argv, VERSION_MS, &out, &err) < 0)
		tell(&k->bad, "fail", "%s: install qemu-system-x86, or set hypervisor.path", err_text(&err));
	else
		good(k, "%.*s", (int)strcspn(buf_str(&out), "\n"), buf_str(&out));
	if (strcmp(h->shared_fs, "virtio-fs") != 0)
		good(k, "files are shared by '%s'", h->shared_fs);
	else if (*h->virtio_fs_daemon && access(h->virtio_fs_daemon, X_OK) == 0)
		good(k, "virtiofsd is '%s'", h->virtio_fs_daemon);
	else
		tell(&k->bad, "fail", "no virtiofsd: install it, or set hypervisor.virtio_fs_daemon");
}

static void check_vsock(struct check *k, const struct config_hypervisor *h)
{
	bool device = access("/dev/vhost-vsock", R_OK | W_OK) == 0;
	bool daemon = *h->vhost_user_vsock_daemon && access(h->vhost_user_vsock_daemon, X_OK) == 0;

	if (device && strcmp(h->vsock_backend, "vhost-user") != 0)
		good(k, "/dev/vhost-vsock opens");
	else if (daemon && strcmp(h->vsock_backend, "vhost") != 0)
		good(k, "vhost-device-vsock is '%s'", h->vhost_user_vsock_daemon);
	else
		tell(&k->bad, "fail",
		     "no way to the agent: load the module vhost_vsock, or install vhost-device-vsock and "
		     "set hypervisor.vhost_user_vsock_daemon (vsock_backend is '%s')",
		     h->vsock_backend);
}

/* That /dev/kvm opens is no proof, so a guest is booted. */
static void check_kvm(struct check *k, const struct config_hypervisor *h)
{
	if (strcmp(h->accel, "tcg") == 0) {
		good(k, "guests are emulated, as hypervisor.accel says");
		return;
	}
	if (geteuid() != 0) {
		good(k, "whether a guest boots with KVM is seen as root only");
		return;
	}
	if (kvm_try(h)) {
		good(k, "a guest boots with KVM");
		return;
	}
	if (strcmp(h->accel, "kvm") == 0)
		tell(&k->bad, "fail", "no guest boots with KVM: set hypervisor.accel to \"auto\" to have it emulated");
	else
		tell(&k->slow, "slow", "no guest boots with KVM (/dev/kvm %s): guests are emulated",
		     access("/dev/kvm", R_OK | W_OK) == 0 ? "opens" : "does not open");
}

static int run(const struct runtime *rt, void *arg, int argc, char **argv, struct err *err)
{
	struct check k = { .o = arg };
	_autoconfigfile_ struct configfile file = { .path = NULL };
	_autoconfig_ struct config c = { .arena = { .max = 0 } };
	int r = configload(rt->config, NULL, &file, &c, err);

	(void)argc;
	(void)argv;
	if (r == 0)
		r = config_check_files(&c, err);
	if (r < 0)
		return r;
	good(&k, "configuration '%s'", file.real);
	for (size_t i = 0; i < c.unknown.n; i++)
		good(&k, "configuration: there is no key '%s', ignoring", c.unknown.v[i]);
	check_cpu(&k);
	check_modules(&k);
	check_programs(&k, &c.hypervisor);
	check_vsock(&k, &c.hypervisor);
	check_kvm(&k, &c.hypervisor);
	good(&k, "nothing was asked of the network");
	if (k.bad > 0 || (k.o->strict && k.slow > 0))
		return err_say(err, ENOSYS, "this system cannot run sandboxes: %u checks failed", k.bad + k.slow);
	(void)puts("System is capable of running Kata Containers");
	if (geteuid() == 0)
		(void)puts("System can currently create Kata Containers");
	return 0;
}

const struct command cmd_check = {
	"check", "", "can this system run sandboxes?", 0, 0, options, sizeof(struct check_options), run,
};
