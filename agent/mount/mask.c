/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>

#include "agent/mount/fsmount.h"
#include "agent/mount/plan.h"
#include "lib/fd.h"
#include "lib/path.h"
#include "lib/sys.h"

/* Paths that are not there need no mask. */
static bool is_absent(int r)
{
	return r == -ENOENT || r == -ENOTDIR;
}

/*
 * One mount serves many targets: the first use attaches it, later ones attach a clone of it. Only an attached mount can
 * be cloned.
 */
static int attach_again(int mount, bool *attached, int target)
{
	_autoclose_ int copy = -EBADF;
	int r;

	if (!*attached) {
		r = mount_attach(mount, target);
		*attached = r >= 0;
		return r;
	}
	copy = mount_clone(mount, false);
	return copy < 0 ? copy : mount_attach(copy, target);
}

static int mask_dir(struct enter *e, int target, struct err *err)
{
	char *words[] = { (char *)"size=4k", (char *)"nr_inodes=2", (char *)"mode=755", NULL };
	const struct mount_options o = {
		.top.set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
		.data = { .v = words, .n = ARRAY_SIZE(words) - 1 },
	};
	const struct mount_what what = { "tmpfs", "masked", "masked path", &o };
	int r;

	if (e->empty < 0) {
		e->empty = mount_fs_new(&what, err);
		if (e->empty < 0)
			return e->empty;
	}
	r = attach_again(e->empty, &e->empty_attached, target);
	return r < 0 ? err_set(err, r, "attach an empty directory") : 0;
}

static int mask_file(struct enter *e, int target, struct err *err)
{
	int r = e->null;

	if (r < 0)
		return err_set(err, r, "no /dev/null of the creator's to mask with");
	r = attach_again(e->null, &e->null_attached, target);
	return r < 0 ? err_set(err, r, "attach /dev/null") : 0;
}

static int apply_mask(const struct step *step, void *context, struct err *err)
{
	struct enter *e = context;
	_autoclose_ int target = path_open_in(e->root, step->target, 0);
	struct stat st;
	int r;

	if (is_absent(target))
		return 0;
	r = target < 0 ? target : sys_fstatat(target, "", &st, AT_EMPTY_PATH);
	if (r < 0)
		return err_set(err, r, "mask '%s'", step->target);
	r = S_ISDIR(st.st_mode) ? mask_dir(e, target, err) : mask_file(e, target, err);
	return r < 0 ? err_wrap(err, "mask '%s'", step->target) : 0;
}

const struct step_kind step_mask = { "mask", apply_mask };

static int apply_readonly(const struct step *step, void *context, struct err *err)
{
	const struct mount_attrs ro = { .set = MOUNT_ATTR_RDONLY };
	struct enter *e = context;
	_autoclose_ int target = path_open_in(e->root, step->target, 0), copy = -EBADF;
	int r;

	if (is_absent(target))
		return 0;
	copy = target < 0 ? target : mount_clone(target, true);
	r = copy < 0 ? copy : mount_set_attrs(copy, &ro, true);
	r = r < 0 ? r : mount_attach(copy, target);
	return r < 0 ? err_set(err, r, "make '%s' read-only", step->target) : 0;
}

const struct step_kind step_readonly = { "readonly", apply_readonly };
