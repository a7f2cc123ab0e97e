/* SPDX-License-Identifier: Apache-2.0 */
#include "runk/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "agent/validate.h"
#include "lib/fd.h"
#include "lib/sys.h"
#include "runk/adapt.h"
#include "runk/state.h"

static int read_spec(struct arena *arena, struct bundle *b, struct err *err)
{
	_autofree_ char *text = NULL;
	_autobuf_ struct buf ignored = BUF_INIT;
	int r = fd_read_file_at(AT_FDCWD, "config.json", STATE_SPEC_MAX, &text, &b->len);

	if (r == -ENOENT)
		return err_say(err, ENOENT, "JSON specification file config.json not found in '%s'", b->path);
	if (r < 0)
		return err_set(err, r, "read '%s/config.json'", b->path);
	b->text = arena_memdup(arena, text, b->len);
	if (!b->text)
		return err_set(err, ENOMEM, "read '%s/config.json'", b->path);
	r = oci_spec_parse_host(arena, b->text, b->len, &ignored, &b->spec, err);
	if (r == 0) {
		b->ignored = arena_strdup(arena, buf_str(&ignored));
		r = b->ignored ? adapt_spec(arena, b->spec, err) : err_set(err, ENOMEM, "read it");
	}
	if (r == 0)
		r = container_validate(b->spec, false, err);
	return r < 0 ? err_wrap(err, "'%s/config.json'", b->path) : 0;
}

static int find_root(struct arena *arena, struct bundle *b, struct err *err)
{
	const char *root = b->spec->root_path;
	struct stat st;
	int r;

	b->root = root[0] == '/' ? arena_strdup(arena, root) : arena_printf(arena, "%s/%s", b->path, root);
	if (!b->root)
		return err_set(err, ENOMEM, "find the rootfs '%s'", root);
	r = sys_fstatat(AT_FDCWD, b->root, &st, 0);
	if (r < 0)
		return err_set(err, r, "rootfs '%s'", b->root);
	return S_ISDIR(st.st_mode) ? 0 : err_set(err, ENOTDIR, "rootfs '%s'", b->root);
}

int bundle_load(struct arena *arena, const char *path, struct bundle *ret, struct err *err)
{
	struct bundle b = { 0 };
	char here[PATH_MAX];
	ssize_t n;
	int r = path ? sys_chdir(path) : 0;

	if (r < 0)
		return err_set(err, r, "chdir to the bundle '%s'", path);
	n = sys_getcwd(here, sizeof(here));
	if (n < 0)
		return err_set(err, (int)n, "find out the path of the bundle '%s'", path ? path : ".");
	b.path = arena_strdup(arena, here);
	if (!b.path)
		return err_set(err, ENOMEM, "load the bundle '%s'", here);
	r = read_spec(arena, &b, err);
	if (r == 0)
		r = find_root(arena, &b, err);
	if (r == 0)
		*ret = b;
	return r;
}
