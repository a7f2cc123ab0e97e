/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/generate.h"

#include <stdio.h>
#include <string.h>

#include "ctl/ident.h"

int generate_run(struct ctl *ctl, const struct ctl_command *self, int argc, char **argv)
{
	static const struct option_spec none[] = { { .kind = OPTION_END } };
	char name[IDENT_HEX_SIZE];
	int r, status;

	if (!ctl_parse(ctl, self, none, false, &argc, argv, 0, 0, &status))
		return status;
	r = ident_make_hex(name);
	if (r < 0) {
		(void)fprintf(stderr, "kata-agent-ctl: random numbers: %s\n", strerror(-r));
		return CTL_EXIT_FAILED;
	}
	(void)printf("%s\n", name);
	return CTL_EXIT_OK;
}
