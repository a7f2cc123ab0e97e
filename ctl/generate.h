/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What generate-cid and generate-sid do: print a random name. Owns nothing.
 */
#pragma once

#include "ctl/ctl.h"

/* Prints 64 random hexadecimal digits; the `run` of both commands. */
int generate_run(struct ctl *ctl, const struct ctl_command *self, int argc, char **argv);
