/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/command.h"
#include "ctl/generate.h"

const struct ctl_command cmd_generate_sid = {
	.name = "generate-sid",
	.operands = "",
	.summary = "Print a random name for a sandbox",
	.run = generate_run,
};
