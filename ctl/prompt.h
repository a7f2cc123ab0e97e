/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interactive mode of `connect`: on a terminal a prompt with line editing, history and completion of command names
 * (libedit), else lines of stdin. What lines mean is script.h's.
 */
#pragma once

#include "ctl/script.h"

/*
 * Runs lines until `quit` or the end of the input. On a terminal a failure is just shown; else it ends the run, unless
 * errors are ignored. An exit status, of the last line that ran.
 */
int prompt_run(struct script *script);
