/* SPDX-License-Identifier: Apache-2.0 */
/* Mounts of type "cgroup": one cgroup2, or a tmpfs with a hierarchy of cgroup v1 in each directory. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mount/fsmount.h"
#include "agent/mount/plan.h"
#include "agent/mount/target.h"
#include "lib/fd.h"
#include "lib/path.h"
#include "lib/sys.h"

#define CGROUP_FILE_MAX 65536
#define CONTROLLERS_MAX 32 /* the kernel has 14, and a word more for a name */

/* A line of /proc/self/cgroup: "4:cpu,cpuacct:/x/y", cut into pieces. */
struct hierarchy {
	char *controllers, *path;
};

/* 1 and the line cut up, 0 at the end; advances *at. */
static int next_hierarchy(char **at, struct hierarchy *ret)
{
	char *line = strsep(at, "\n");
	char *colon = line ? strchr(line, ':') : NULL;
	char *second = colon ? strchr(colon + 1, ':') : NULL;

	if (!second)
		return 0;
	*second = '\0';
	*ret = (struct hierarchy){ .controllers = colon + 1, .path = second + 1 };
	return 1;
}

static const char *directory_of(const struct hierarchy *h)
{
	if (strncmp(h->controllers, "name=", 5) == 0)
		return h->controllers + 5;
	return h->controllers[0] ? h->controllers : "unified";
}

/*
 * Without a cgroup namespace a hierarchy shows everything: the container's part is cloned and put in its place. The
 * clone needs an attached mount, and the whole must not stay below it.
 */
static int attach_part(struct enter *e, int dir, const char *name, int mount, const char *path)
{
	_autoclose_ int target = path_open_in(dir, name, O_DIRECTORY), part = -EBADF, place = -EBADF;
	int r = target < 0 ? target : mount_attach(mount, target);

	if (r < 0 || e->plan->has_cgroupns || strcmp(path, "/") == 0)
		return r;
	place = path_open_in(mount, path, O_DIRECTORY);
	part = place < 0 ? place : mount_clone(place, false);
	r = part < 0 ? part : sys_fchdir(mount);
	r = r < 0 ? r : sys_umount2(".", MNT_DETACH);
	return r < 0 ? r : mount_attach(part, target);
}

/* "cpu" and "cpuacct" are links to "cpu,cpuacct". */
static int link_names(int dir, const char *name)
{
	char buf[NAME_MAX + 1], *at = buf, *one;
	int r = 0;

	if (!strchr(name, ',') || strlen(name) > NAME_MAX)
		return 0;
	(void)strcpy(buf, name);
	for (one = strsep(&at, ","); one && r >= 0; one = strsep(&at, ","))
		r = sys_symlinkat(name, dir, one);
	return r == -EEXIST ? 0 : r;
}

/* "cpu,cpuacct": each is an option. Cuts the text up; the words are at most CONTROLLERS_MAX. */
static size_t split_controllers(char *text, char **words)
{
	size_t n = 0;
	char *word;

	while (n < CONTROLLERS_MAX && (word = strsep(&text, ",")) != NULL)
		words[n++] = word;
	return n;
}

static int mount_hierarchy(struct enter *e, const struct step *step, int dir, const struct hierarchy *h,
                           struct err *err)
{
	const struct mount_options *asked = step->object;
	_autofree_ char *name = strdup(directory_of(h));
	char *words[CONTROLLERS_MAX];
	struct mount_options o = { .top = asked->top, .tree = asked->tree };
	struct mount_what what = { "cgroup", "cgroup", step->target, &o };
	_autoclose_ int mount = -EBADF;
	int r;

	if (!name)
		return err_set(err, ENOMEM, "mount 'cgroup' on '%s'", step->target);
	if (h->controllers[0])
		o.data = (struct oci_strings){ .v = words, .n = split_controllers(h->controllers, words) };
	else
		what.type = "cgroup2";
	r = sys_mkdirat(dir, name, 0755);
	if (r < 0)
		return err_set(err, r, "mount 'cgroup' on '%s': make '%s'", step->target, name);
	mount = mount_fs_new(&what, err);
	if (mount < 0)
		return err_wrap(err, "hierarchy '%s'", name);
	r = attach_part(e, dir, name, mount, h->path);
	r = r < 0 ? r : link_names(dir, name);
	return r < 0 ? err_set(err, r, "mount 'cgroup' on '%s': attach '%s'", step->target, name) : 0;
}

static int mount_hierarchies(struct enter *e, const struct step *step, int dir, struct err *err)
{
	_autofree_ char *text = NULL;
	struct hierarchy h;
	char *at;
	int r = fd_read_file_at(e->entry->proc, "self/cgroup", CGROUP_FILE_MAX, &text, NULL);

	if (r < 0)
		return err_set(err, r, "mount 'cgroup' on '%s': read our cgroups", step->target);
	at = text;
	while (r >= 0 && at && next_hierarchy(&at, &h) > 0)
		r = mount_hierarchy(e, step, dir, &h, err);
	return r;
}

/* The directory that the hierarchies go into; it takes the options that were asked for when they are there. */
static int mount_v1(struct enter *e, const struct step *step, int target, struct err *err)
{
	const struct mount_options *asked = step->object;
	char *words[] = { (char *)"mode=755", (char *)"size=64k", NULL };
	const struct mount_options o = { .data = { .v = words, .n = 2 } };
	const struct mount_what what = { "tmpfs", "cgroup", step->target, &o };
	_autoclose_ int mount = mount_fs_new(&what, err);
	int r;

	if (mount < 0)
		return mount;
	r = mount_attach(mount, target);
	if (r < 0)
		return err_set(err, r, "mount 'cgroup' on '%s': attach", step->target);
	r = mount_hierarchies(e, step, mount, err);
	if (r < 0)
		return r;
	r = mount_set_options(mount, asked);
	return r < 0 ? err_set(err, r, "mount 'cgroup' on '%s': set attributes", step->target) : 0;
}

static int mount_v2(const struct step *step, int target, struct err *err)
{
	const struct mount_what what = { "cgroup2", "cgroup", step->target, step->object };
	_autoclose_ int mount = mount_fs_new(&what, err);
	int r = mount;

	if (mount < 0)
		return mount;
	r = mount_attach(mount, target);
	return r < 0 ? err_set(err, r, "mount 'cgroup' on '%s': attach", step->target) : 0;
}

static int apply_cgroup(const struct step *step, void *context, struct err *err)
{
	struct enter *e = context;
	const struct target_want want = { .path = step->target, .is_dir = true };
	_autoclose_ int target = target_open(e->root, &want, err);
	int r = target;

	if (r >= 0)
		r = target_check_procfs(target, step->target, err);
	if (r < 0)
		return err_wrap(err, "mount 'cgroup' on '%s'", step->target);
	return e->plan->unified ? mount_v2(step, target, err) : mount_v1(e, step, target, err);
}

const struct step_kind step_cgroup = { "cgroup", apply_cgroup };
