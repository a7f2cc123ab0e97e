/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "lib/features.h"
#include "lib/hooks.h"
#include "runk/command.h"

static const struct flag options[] = { { 0 } };

static int run(const struct runk *runk, void *arg, int argc, char **argv, struct err *err)
{
	_autobuf_ struct buf text = BUF_INIT;
	const char *hooks[HOOK_KIND_MAX + 1] = { NULL };
	int r;

	(void)runk;
	(void)arg;
	(void)argc;
	(void)argv;
	for (int i = 0; i < HOOK_KIND_MAX; i++)
		hooks[i] = hooks_name((enum hook_kind)i);
	r = features_format(hooks, &text);
	if (r < 0)
		return err_set(err, r, "print the features");
	(void)fputs(buf_str(&text), stdout);
	return 0;
}

const struct command cmd_features = {
	"features", "", "print what this runtime can do", 0, 0, false, options, 0, run, 0,
};
