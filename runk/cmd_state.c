/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "runk/command.h"
#include "runk/state.h"

static const struct flag options[] = { { 0 } };

static int run(const struct runk *runk, void *arg, int argc, char **argv, struct err *err)
{
	_autostate_ struct state s = STATE_INIT;
	_autobuf_ struct buf text = BUF_INIT;
	int r = state_open(runk, argv[0], false, &s, err);

	(void)arg;
	(void)argc;
	if (r < 0)
		return r;
	r = state_format(&s, true, &text);
	if (r < 0)
		return err_set(err, r, "print the state of container '%s'", s.id);
	(void)puts(buf_str(&text));
	return 0;
}

const struct command cmd_state = {
	"state", "<container-id>", "print the state of a container", 1, 1, false, options, 0, run, 0,
};
