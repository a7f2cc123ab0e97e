/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "lib/cgroup_scope.h"
#include "lib/oci_update.h"
#include "runk/command.h"
#include "runk/groups.h"
#include "runk/state.h"

static int run(const struct runk *runk, void *arg, int argc, char **argv, struct err *err)
{
	const struct oci_update_options *o = arg;
	_autostate_ struct state s = STATE_INIT;
	struct oci_resources *res = NULL;
	struct groups g;
	int r = state_open(runk, argv[0], true, &s, err);

	(void)argc;
	if (r == 0)
		r = oci_update_make(&s.arena, o, &res, err);
	if (r < 0)
		return r;
	if (state_status(&s) == STATE_STOPPED)
		return err_say(err, EINVAL, "container not running: '%s' is stopped", s.id);
	r = groups_open(runk, &s, "update", &g, err);
	/* First systemd, which writes all it knows; then what it does not know, or would round. */
	if (r == 0 && s.systemd)
		r = cgroup_scope_update(CGROUP_SYSTEMCTL, s.cgroup, res, g.host.unified, runk->is_rootless, err);
	return r < 0 ? r : cgroup_update(&g.host, s.cgroup, res, err);
}

const struct command cmd_update = {
	"update", "<container-id>", "change the limits of a container", 1,   1,
	false,    oci_update_flags, sizeof(struct oci_update_options),  run, 0,
};
