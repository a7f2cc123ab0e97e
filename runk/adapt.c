/* SPDX-License-Identifier: Apache-2.0 */
#include "runk/adapt.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>

#include "agent/label.h"
#include "lib/fd.h"
#include "lib/oci_names.h"
#include "lib/sys.h"

/* "a/../b/./c" and "/../b//c" to "/b/c"; `to` has room for one byte more than `from`. */
static void clean(const char *from, char *to)
{
	char *start = to;

	while (*from) {
		size_t n = strcspn(from, "/");

		if (n == 2 && memcmp(from, "..", 2) == 0) {
			while (to > start && *--to != '/')
				;
		} else if (n > 0 && !(n == 1 && *from == '.')) {
			*to++ = '/';
			to = mempcpy(to, from, n);
		}
		from += n + (from[n] == '/');
	}
	if (to == start)
		*to++ = '/';
	*to = '\0';
}

int adapt_spec(struct arena *arena, struct oci_spec *spec, struct err *err)
{
	for (size_t i = 0; i < spec->n_mounts; i++) {
		const char *old = spec->mounts[i].destination;
		char *made;

		if (!old || old[0] == '\0')
			continue; /* refused later */
		made = arena_alloc(arena, strlen(old) + 2);
		if (!made)
			return err_set(err, ENOMEM, "mount on '%s'", old);
		clean(old, made);
		spec->mounts[i].destination = made;
	}
	return 0;
}

static int name_missing(uint64_t missing, struct buf *ignored)
{
	int r = 0;

	for (int cap = 0; cap < 64 && r == 0; cap++) {
		const char *name = missing >> cap & 1 ? oci_capability_name(cap) : NULL;

		if (name)
			r = buf_printf(ignored, "%s%s", ignored->len > 0 ? " " : "", name);
	}
	return r;
}

int adapt_capabilities(const struct oci_spec *spec, struct oci_process *process, struct buf *ignored, struct err *err)
{
	const struct oci_namespace *user = oci_find_namespace(spec->linux, CLONE_NEWUSER);
	struct oci_capabilities *caps = process->capabilities;
	uint64_t effective, ours, inheritable, wanted;
	int r;

	if (!caps || user)
		return 0;
	r = sys_capget(&effective, &ours, &inheritable);
	if (r < 0)
		return err_set(err, r, "find out our capabilities");
	wanted = caps->bounding | caps->effective | caps->permitted | caps->inheritable | caps->ambient;
	caps->bounding &= ours;
	caps->effective &= ours;
	caps->permitted &= ours;
	caps->inheritable &= ours;
	caps->ambient &= ours;
	r = name_missing(wanted & ~ours, ignored);
	return r < 0 ? err_set(err, r, "list the capabilities that cannot be given") : 0;
}

static bool is_given(const char *label)
{
	return label && label[0] != '\0';
}

int adapt_check_labels(const struct oci_spec *spec, const struct oci_process *process, struct err *err)
{
	_autoclose_ int sys = -EBADF;
	struct label_host host;

	if (!is_given(process->apparmor_profile) && !is_given(spec->linux->mount_label))
		return 0;
	sys = sys_openat(AT_FDCWD, "/sys", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	if (sys < 0)
		return err_set(err, sys, "open '/sys'");
	label_host_init(&host, sys);
	if (is_given(process->apparmor_profile) && !host.apparmor &&
	    strcmp(process->apparmor_profile, "unconfined") != 0)
		return err_say(err, ENOTSUP, "AppArmor profile '%s': AppArmor is not enabled here",
		               process->apparmor_profile);
	if (is_given(spec->linux->mount_label) && !host.selinux)
		return err_say(err, ENOTSUP, "linux.mountLabel '%s': SELinux is not enabled here",
		               spec->linux->mount_label);
	return 0;
}
