/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "runk/command.h"
#include "runk/lifecycle.h"

static const struct flag options[] = { { 0 } };

static int run(const struct runk *runk, void *arg, int argc, char **argv, struct err *err)
{
	_autostate_ struct state s = STATE_INIT;
	enum state_status status;
	int r = state_open(runk, argv[0], true, &s, err);

	(void)arg;
	(void)argc;
	if (r < 0)
		return r;
	status = state_status(&s);
	if (status == STATE_STOPPED)
		return err_say(err, EINVAL, "cannot start a container that has stopped: '%s'", s.id);
	if (status == STATE_PAUSED)
		return err_say(err, EINVAL, "cannot start a container in the paused state: '%s'", s.id);
	if (status != STATE_CREATED)
		return err_say(err, EINVAL, "cannot start an already running container: '%s' is %s", s.id,
		               state_status_name(status));
	return lifecycle_start(runk, &s, err);
}

const struct command cmd_start = {
	"start", "<container-id>", "start the process of a created container", 1, 1, false, options, 0, run, 0,
};
