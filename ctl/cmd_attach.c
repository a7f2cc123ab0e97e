/* SPDX-License-Identifier: Apache-2.0 */
#include "client/attach.h"
#include "ctl/command.h"

static int run(struct ctl *ctl, const struct ctl_command *self, int argc, char **argv)
{
	struct attach_spec spec = { .is_late = true };
	const struct option_spec table[] = {
		ATTACH_OPTIONS(spec),
		{ OPTION_BYTES, 0, "have-stdout", "BYTES", &spec.have_out, "go on behind these; we have them" },
		{ OPTION_BYTES, 0, "have-stderr", "BYTES", &spec.have_err, "go on behind these; we have them" },
		{ OPTION_FLAG, 0, "take-over", NULL, &spec.take_over, "let go of a client that is still attached" },
		{ OPTION_FLAG, 0, "whole-stdin", NULL, &spec.skip_taken, "skip what the process has of our stdin" },
		{ .kind = OPTION_END },
	};
	int status;

	if (!ctl_parse(ctl, self, table, false, &argc, argv, 1, 2, &status))
		return status;
	if (spec.have_out.value < 0 || spec.have_err.value < 0)
		return ctl_usage_error("attach: a negative number of bytes");
	if (spec.skip_taken && !spec.interactive)
		return ctl_usage_error("attach: --whole-stdin goes with --interactive");
	status = ctl_open(ctl);
	if (status != CTL_EXIT_OK)
		return status;
	spec.cid = argv[0];
	spec.eid = argc > 1 ? argv[1] : argv[0];
	return attach_run(&ctl->session, &spec, NULL, NULL);
}

const struct ctl_command cmd_attach = {
	.name = "attach",
	.operands = "CID [EXECID]",
	.summary = "Take over the stdio of a running process, also after its last client was killed",
	.more = "What no client has acknowledged is still there. Exits as the process does, or with 125 after an error",
	.run = run,
};
