/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/boot.h"
#include "lib/fd.h"
#include "lib/sys.h"

#define TABLE_MAX     65536
#define NAME_BYTES    32
#define PATH_BYTES    64
#define MOUNT_FLAGS   (MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RELATIME)
#define TMPFS_FLAGS   (MS_NOSUID | MS_NODEV | MS_NOEXEC)
#define TMPFS_DATA    "mode=755"
#define CONTROLLERS   "/proc/cgroups"
#define USE_HIERARCHY CGROUP_ROOT "/memory/memory.use_hierarchy"

static int mount_unified(struct err *err)
{
	int r = sys_mount("cgroup2", CGROUP_ROOT, "cgroup2", MOUNT_FLAGS, "nsdelegate");

	return r < 0 ? err_set(err, r, "mount 'cgroup2' on '%s'", CGROUP_ROOT) : 0;
}

/* The next controller of /proc/cgroups that is not switched off and that we know; advances *at. */
static bool next_controller(const char **at, char name[NAME_BYTES])
{
	while (**at) {
		int is_enabled = 0;
		bool ours = sscanf(*at, "%31s %*d %*d %d", name, &is_enabled) == 2 && is_enabled &&
		            cgroup_controller_find(name) >= 0;

		*at += strcspn(*at, "\n");
		*at += **at == '\n';
		if (ours)
			return true;
	}
	return false;
}

/* One directory for each, nothing co-mounted. A failure is a limit less, no reason not to boot. */
static int mount_controller(struct console *console, const char *name)
{
	char path[PATH_BYTES];
	int r;

	(void)snprintf(path, sizeof(path), CGROUP_ROOT "/%s", name);
	r = sys_mkdirat(AT_FDCWD, path, 0755);
	r = r < 0 ? r : sys_mount("cgroup", path, "cgroup", MOUNT_FLAGS, name);
	if (r < 0) {
		console_say(console, "Cannot mount 'cgroup' on '%s': %s, ignoring", path, strerror(-r));
		(void)sys_unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
	}
	return r;
}

/* Number of controllers that are mounted now. */
static int mount_controllers(struct console *console, const char *table)
{
	char name[NAME_BYTES];
	int n = 0;

	while (next_controller(&table, name))
		n += mount_controller(console, name) >= 0;
	return n;
}

static int mount_v1(struct console *console, struct err *err)
{
	_autofree_ char *table = NULL;
	int r = fd_read_file_at(AT_FDCWD, CONTROLLERS, TABLE_MAX, &table, NULL);

	if (r < 0)
		return err_set(err, r, "read '%s'", CONTROLLERS);
	r = sys_mount("tmpfs", CGROUP_ROOT, "tmpfs", TMPFS_FLAGS, TMPFS_DATA);
	if (r < 0)
		return err_set(err, r, "mount 'tmpfs' on '%s'", CGROUP_ROOT);
	if (mount_controllers(console, table) == 0) {
		console_say(console, "The kernel has no controller for cgroup v1, going on with cgroup2");
		r = sys_umount2(CGROUP_ROOT, 0);
		return r < 0 ? err_set(err, r, "unmount '%s'", CGROUP_ROOT) : mount_unified(err);
	}
	/* Always so since 5.11; where there is no such file there is no memory controller either. */
	r = fd_write_file_at(AT_FDCWD, USE_HIERARCHY, "1");
	if (r < 0 && r != -ENOENT)
		console_say(console, "Cannot make memory cgroups hierarchical: %s, ignoring", strerror(-r));
	r = sys_mount("tmpfs", CGROUP_ROOT, "tmpfs", MS_REMOUNT | MS_RDONLY | TMPFS_FLAGS, TMPFS_DATA);
	return r < 0 ? err_set(err, r, "make '%s' read-only", CGROUP_ROOT) : 0;
}

int boot_mount_cgroups(struct console *console, bool unified, struct err *err)
{
	if (boot_is_mount_point(CGROUP_ROOT))
		return 0;
	return unified ? mount_unified(err) : mount_v1(console, err);
}
