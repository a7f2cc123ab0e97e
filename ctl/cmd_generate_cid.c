/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/command.h"
#include "ctl/generate.h"

const struct ctl_command cmd_generate_cid = {
	.name = "generate-cid",
	.operands = "",
	.summary = "Print a random name for a container",
	.run = generate_run,
};
