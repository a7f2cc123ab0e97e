/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs one subcommand against an agent that only pretends, for tests of what is sent, printed and exited with. The
 * structs are the test's.
 */
#pragma once

#include <stdbool.h>
#include <stdlib.h>

#include "tests/lib/unit.h"

#define PLAY_TEXT_SIZE 8192

/* An agent that writes down what it is asked and answers with success, or as `refuse` says. */
struct play {
	int log; /* an anonymous file, one "Method {json}" a line */
	const char *refuse, *text;
	int code;
	const char *diagnostics;
	const char *input; /* our stdin, NULL = empty */
	bool no_client;    /* the command has to connect by itself */
};

struct play_result {
	int status;
	char log[PLAY_TEXT_SIZE], out[PLAY_TEXT_SIZE], err[PLAY_TEXT_SIZE];
};

/* Runs a command line, split at blanks but for 'single quotes', with our own stdin, stdout and stderr in files. */
void play_run(struct play *play, const char *line, struct play_result *ret);
