/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "lib/fd.h"
#include "lib/sys.h"

#define SPEC_MAX (16u << 20)

/* A FIFO would keep the verb waiting for ever. */
static int check_is_file(const char *path, struct err *err)
{
	struct stat st;
	int r = sys_fstatat(AT_FDCWD, path, &st, 0);

	if (r < 0)
		return err_set(err, -r, "read '%s'", path);
	return S_ISREG(st.st_mode) ? 0 : err_say(err, EINVAL, "read '%s': it is no regular file", path);
}

/* What the guest would refuse too, but only when it has booted. */
static int check(const struct oci_spec *spec, const char *path, struct err *err)
{
	const struct oci_process *p = spec->process;

	if (!p || !spec->root_path)
		return err_say(err, EINVAL, "'%s': process and root are needed", path);
	if (!*spec->root_path)
		return err_say(err, EINVAL, "'%s': root.path is empty", path);
	if (p->args.n == 0)
		return err_say(err, EINVAL, "'%s': process.args is empty", path);
	if (p->cwd && *p->cwd && p->cwd[0] != '/')
		return err_say(err, EINVAL, "'%s': process.cwd '%s' is not absolute", path, p->cwd);
	for (size_t i = 0; i < spec->n_mounts; i++)
		if (!spec->mounts[i].destination || spec->mounts[i].destination[0] != '/')
			return err_say(err, EINVAL, "'%s': mounts[%zu].destination '%s' is not absolute", path, i,
			               spec->mounts[i].destination ? spec->mounts[i].destination : "");
	return 0;
}

int bundle_read(struct arena *arena, const char *bundle, struct oci_spec **ret, struct err *err)
{
	_autofree_ char *path = NULL, *text = NULL;
	struct oci_spec *spec = NULL;
	size_t n;
	int r;

	if (asprintf(&path, "%s/config.json", bundle) < 0)
		return err_set(err, ENOMEM, "read the bundle '%s'", bundle);
	r = check_is_file(path, err);
	if (r < 0)
		return r;
	r = fd_read_file_at(AT_FDCWD, path, SPEC_MAX, &text, &n);
	if (r < 0)
		return err_set(err, -r, "read '%s'", path);
	r = oci_spec_parse(arena, text, n, &spec, err);
	if (r < 0)
		return err_wrap(err, "'%s'", path);
	r = check(spec, path, err);
	if (r == 0)
		*ret = spec;
	return r;
}
