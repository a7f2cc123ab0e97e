/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "lib/features.h"
#include "runtime/command.h"

static const struct flag options[] = { { 0 } };

static int run(const struct runtime *rt, void *arg, int argc, char **argv, struct err *err)
{
	static const char *const hooks[] = { "prestart",  "createRuntime", "startContainer",
		                             "poststart", "poststop",      NULL };
	_autobuf_ struct buf text = BUF_INIT;
	int r = features_format(hooks, &text);

	(void)rt;
	(void)arg;
	(void)argc;
	(void)argv;
	if (r < 0)
		return err_set(err, -r, "print the features");
	(void)fputs(buf_str(&text), stdout);
	return 0;
}

const struct command cmd_features = {
	"features", "", "print what this runtime can do", 0, 0, options, 0, run,
};
