/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "lib/fd.h"

#define SPEC_MAX (16u << 20)

int bundle_read(struct arena *arena, const char *bundle, struct oci_spec **ret, struct err *err)
{
	_autofree_ char *path = NULL, *text = NULL;
	struct oci_spec *spec = NULL;
	size_t n;
	int r;

	if (asprintf(&path, "%s/config.json", bundle) < 0)
		return err_set(err, ENOMEM, "read the bundle '%s'", bundle);
	r = fd_read_file_at(AT_FDCWD, path, SPEC_MAX, &text, &n);
	if (r < 0)
		return err_set(err, -r, "read '%s'", path);
	r = oci_spec_parse(arena, text, n, &spec, err);
	if (r < 0)
		return err_wrap(err, "'%s'", path);
	if (!spec->process || !spec->root_path)
		return err_say(err, EINVAL, "'%s': process and root are needed", path);
	*ret = spec;
	return 0;
}
