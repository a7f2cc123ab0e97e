/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>

#include "lib/fd.h"
#include "lib/oci_template.h"
#include "lib/sys.h"
#include "runtime/command.h"

struct spec_options {
	const char *bundle;
};

static const struct flag options[] = {
	{ "bundle", 'b', FLAG_TEXT, offsetof(struct spec_options, bundle),
	  "where to write it (default: where you are)" },
	{ 0 },
};

static int run(const struct runtime *rt, void *arg, int argc, char **argv, struct err *err)
{
	const struct spec_options *o = arg;
	const char *bundle = o->bundle ? o->bundle : ".";
	_autobuf_ struct buf text = BUF_INIT;
	_autoclose_ int dir = sys_openat(AT_FDCWD, bundle, O_PATH | O_DIRECTORY | O_CLOEXEC, 0), fd = -EBADF;
	int r;

	(void)rt;
	(void)argc;
	(void)argv;
	if (dir < 0)
		return err_set(err, -dir, "chdir to the bundle '%s'", bundle);
	fd = sys_openat(dir, "config.json", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd == -EEXIST)
		return err_say(err, EEXIST, "File %s/config.json exists. Remove it first", bundle);
	r = fd < 0 ? fd : oci_template_format("kata", false, 0, 0, &text);
	r = r < 0 ? r : fd_write_all(fd, text.data, text.len);
	return r < 0 ? err_set(err, -r, "write '%s/config.json'", bundle) : 0;
}

const struct command cmd_spec = {
	"spec", "", "write an example of a config.json", 0, 0, options, sizeof(struct spec_options), run,
};
