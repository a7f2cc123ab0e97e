/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of `connect` in the spellings that scripts have: "-c A B C" as well as "-c A -c B -c C", and "-n" as
 * well as "-n true", which releases of upstream's tool insisted on. Rewrites words only; what options there are and
 * what they mean is connect's table.
 */
#pragma once

#include "lib/arena.h"
#include "lib/err.h"

/* argv as options_parse understands it, in the arena: one option, one value; flags without. 0 or -ENOMEM. */
int connect_args_rewrite(int argc, char **argv, struct arena *arena, int *ret_argc, char ***ret_argv, struct err *err);
