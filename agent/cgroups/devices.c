/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cgroups/devices.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "lib/cgroupfs.h"
#include "lib/fd.h"
#include "lib/sys.h"

#define DISKS_MAX     256
#define MOUNTINFO_MAX (4 << 20)
#define DEV_TEXT_MAX  32
#define SYS_NAME_MAX  320 /* "<major>:<minor>/slaves/<name>/dev" */

/* What every container may use, as upstream and the OCI specification have it. */
static const struct oci_device_rule default_rules[] = {
	{ .allow = true, .type = 'c', .major = -1, .minor = -1, .access = "m" },
	{ .allow = true, .type = 'b', .major = -1, .minor = -1, .access = "m" },
	{ .allow = true, .type = 'c', .major = 1, .minor = 3, .access = "rwm" },    /* null */
	{ .allow = true, .type = 'c', .major = 1, .minor = 5, .access = "rwm" },    /* zero */
	{ .allow = true, .type = 'c', .major = 1, .minor = 7, .access = "rwm" },    /* full */
	{ .allow = true, .type = 'c', .major = 1, .minor = 8, .access = "rwm" },    /* random */
	{ .allow = true, .type = 'c', .major = 1, .minor = 9, .access = "rwm" },    /* urandom */
	{ .allow = true, .type = 'c', .major = 5, .minor = 0, .access = "rwm" },    /* tty */
	{ .allow = true, .type = 'c', .major = 5, .minor = 1, .access = "rwm" },    /* console */
	{ .allow = true, .type = 'c', .major = 5, .minor = 2, .access = "rwm" },    /* ptmx */
	{ .allow = true, .type = 'c', .major = 136, .minor = -1, .access = "rwm" }, /* pts */
	{ .allow = true, .type = 'c', .major = 10, .minor = 200, .access = "rwm" }, /* tun */
};

static bool denies_all(const struct oci_device_rule *r)
{
	return !r->allow && r->type == 'a' && r->major < 0 && r->minor < 0 && strpbrk(r->access, "r") &&
	       strpbrk(r->access, "w") && strpbrk(r->access, "m");
}

static int check_rule(const struct oci_device_rule *r, struct err *err)
{
	bool known = r->type == 'a' || r->type == 'b' || r->type == 'c';

	if (!known || r->major > INT_MAX || r->minor > INT_MAX)
		return err_say(err, EINVAL, "device rule '%c %lld:%lld' is not valid", known ? r->type : '?',
		               (long long)r->major, (long long)r->minor);
	return 0;
}

static size_t add_devices(struct oci_device_rule *list, const struct oci_linux *lin)
{
	size_t n = 0;

	for (size_t i = 0; i < lin->n_devices; i++) {
		const struct oci_device *d = &lin->devices[i];

		if (d->type == 'p')
			continue;
		list[n++] = (struct oci_device_rule){ .allow = true,
			                              .type = d->type == 'b' ? 'b' : 'c',
			                              .major = d->major,
			                              .minor = d->minor,
			                              .access = "rwm" };
	}
	return n;
}

int cgroup_device_rules(struct arena *arena, const struct oci_linux *lin, const struct cgroup_disks *own,
                        const struct oci_device_rule **ret, size_t *ret_n, struct err *err)
{
	const struct oci_device_rule *rules = lin->resources ? lin->resources->devices : NULL;
	size_t n_rules = lin->resources ? lin->resources->n_devices : 0, n = ARRAY_SIZE(default_rules);
	struct oci_device_rule *list;

	/*
	 * "Deny all" is how every generator begins: it states the initial state, not the end of /dev/null. docker 26
	 * says all of its rules twice; what stands before the last one is void.
	 */
	for (size_t i = n_rules; i > 0; i--) {
		if (!denies_all(&rules[i - 1]))
			continue;
		rules += i;
		n_rules -= i;
		break;
	}
	if (n_rules + lin->n_devices + own->n > CGROUP_RULES_MAX)
		return err_say(err, E2BIG, "more than %d device rules", CGROUP_RULES_MAX);
	list = arena_array(arena, n + n_rules + lin->n_devices + own->n, sizeof(*list));
	if (!list)
		return err_say(err, ENOMEM, "plan device rules: out of memory");
	memcpy(list, default_rules, sizeof(default_rules));
	n += add_devices(list + n, lin);
	for (size_t i = 0; i < n_rules; i++)
		list[n++] = rules[i];
	for (size_t i = 0; i < own->n; i++)
		list[n++] = (struct oci_device_rule){
			.type = 'b', .major = own->v[i].major, .minor = own->v[i].minor, .access = "rw"
		};
	for (size_t i = 0; i < n; i++) {
		int r = check_rule(&list[i], err);

		if (r < 0)
			return r;
	}
	*ret = list;
	*ret_n = n;
	return 0;
}

static int add_disk(struct arena *arena, struct cgroup_disks *list, unsigned major_nr, unsigned minor_nr)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->v[i].major == major_nr && list->v[i].minor == minor_nr)
			return 0;
	if (!list->v)
		list->v = arena_array(arena, DISKS_MAX, sizeof(*list->v));
	if (!list->v)
		return -ENOMEM;
	if (list->n == DISKS_MAX)
		return -E2BIG;
	list->v[list->n++] = (struct cgroup_disk){ .major = major_nr, .minor = minor_nr };
	return 0;
}

int cgroup_parse_disks(struct arena *arena, const char *mountinfo, struct cgroup_disks *ret)
{
	unsigned major_nr, minor_nr;
	int r = 0;

	for (const char *p = mountinfo; p && *p && r >= 0; p = strchr(p, '\n'), p = p ? p + 1 : NULL)
		if (sscanf(p, "%*u %*u %u:%u ", &major_nr, &minor_nr) == 2 && major_nr != 0)
			r = add_disk(arena, ret, major_nr, minor_nr);
	return r;
}

/* btrfs and its like have a number of their own, not their disk's: the source names that. */
static int add_sources(struct arena *arena, const char *mountinfo, struct cgroup_disks *ret)
{
	char source[PATH_MAX];
	struct stat st;
	int r = 0;

	for (const char *p = mountinfo; p && *p && r >= 0; p = strchr(p, '\n'), p = p ? p + 1 : NULL) {
		size_t len = strcspn(p, "\n");
		const char *dash = memmem(p, len, " - ", 3);

		if (!dash || sscanf(dash, " - %*s %4095s", source) != 1 || strncmp(source, "/dev/", 5) != 0)
			continue;
		if (sys_fstatat(AT_FDCWD, source, &st, 0) == 0 && S_ISBLK(st.st_mode))
			r = add_disk(arena, ret, major(st.st_rdev), minor(st.st_rdev));
	}
	return r;
}

static int add_dev_file(struct arena *arena, int sys, const char *file, struct cgroup_disks *ret)
{
	_autofree_ char *text = NULL;
	unsigned major_nr, minor_nr;

	if (fd_read_file_at(sys, file, DEV_TEXT_MAX, &text, NULL) < 0)
		return 0;
	return sscanf(text, "%u:%u", &major_nr, &minor_nr) == 2 ? add_disk(arena, ret, major_nr, minor_nr) : 0;
}

/* dm-verity, LVM, md: what lies below is reachable by its own number. */
static int add_slaves(struct arena *arena, int sys, const char *slaves, struct cgroup_disks *ret)
{
	_autoclose_ int fd = sys_openat(sys, slaves, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	_autodir_ DIR *dir = NULL;
	struct dirent *entry;
	int r;

	if (fd < 0)
		return 0;
	r = sys_fdopendir(fd, &dir);
	if (r < 0)
		return r;
	(void)take_fd(&fd);
	while ((r = sys_readdir(dir, &entry)) > 0) {
		char file[SYS_NAME_MAX];

		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(file, sizeof(file), "%s/dev", entry->d_name);
		r = add_dev_file(arena, dirfd(dir), file, ret);
		if (r < 0)
			return r;
	}
	return r;
}

/* The list grows while we go through it, so a slave's slaves and a partition's disk are found as well. */
static int add_underlying(struct arena *arena, int sys, struct cgroup_disks *ret)
{
	int r = 0;

	for (size_t i = 0; i < ret->n && r >= 0; i++) {
		char name[SYS_NAME_MAX];
		struct stat st;

		(void)snprintf(name, sizeof(name), "%u:%u/slaves", ret->v[i].major, ret->v[i].minor);
		r = add_slaves(arena, sys, name, ret);
		(void)snprintf(name, sizeof(name), "%u:%u/partition", ret->v[i].major, ret->v[i].minor);
		if (r < 0 || sys_fstatat(sys, name, &st, 0) < 0)
			continue;
		(void)snprintf(name, sizeof(name), "%u:%u/../dev", ret->v[i].major, ret->v[i].minor);
		r = add_dev_file(arena, sys, name, ret);
	}
	return r;
}

int cgroup_find_own_disks(struct arena *arena, const char *mountinfo, const char *sys_dev_block,
                          struct cgroup_disks *ret, struct err *err)
{
	_autoclose_ int sys = sys_openat(AT_FDCWD, sys_dev_block, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	_autofree_ char *text = NULL;
	struct cgroup_disks list = { 0 };
	int r = fd_read_file_at(AT_FDCWD, mountinfo, MOUNTINFO_MAX, &text, NULL);

	if (r < 0)
		return err_set(err, r, "read '%s'", mountinfo);
	r = cgroup_parse_disks(arena, text, &list);
	r = r < 0 ? r : add_sources(arena, text, &list);
	if (r >= 0 && sys >= 0)
		r = add_underlying(arena, sys, &list);
	if (r < 0)
		return err_set(err, r, "find the disks that '%s' names", mountinfo);
	*ret = list;
	return 0;
}
