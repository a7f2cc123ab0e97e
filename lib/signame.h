/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of signals. No state.
 */
#pragma once

/* "9", "KILL", "SIGKILL", "sigkill", "RTMIN+3" to the number; -EINVAL for what is none. */
int signame_parse(const char *text);
