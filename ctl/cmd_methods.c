/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "client/method.h"
#include "ctl/command.h"

static int run(struct ctl *ctl, const struct ctl_command *self, int argc, char **argv)
{
	static const struct option_spec none[] = { { .kind = OPTION_END } };
	struct client_method m;
	int status;

	if (!ctl_parse(ctl, self, none, false, &argc, argv, 0, 0, &status))
		return status;
	for (size_t i = 0; method_at(i, &m) == 0; i++)
		(void)printf("%s/%s %s %s\n", m.service->name, m.method->name, m.method->input->name,
		             m.method->output->name);
	return CTL_EXIT_OK;
}

const struct ctl_command cmd_methods = {
	.name = "methods",
	.operands = "",
	.summary = "List the methods that call knows: name, request type, answer type",
	.run = run,
};
