/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that are played: spawn_run of a path "/fake/NAME" forks a process that runs a function of the test's in
 * place of the program, with the fds that it would have. And a clock that may go fast. Other programs are what they
 * are.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/spawn.h"

/* The program; its result is its exit status. It has fds 0 to 2 and what spec->fds became, and a minute to live. */
typedef int (*fakevmm_play)(const struct spawn_spec *spec, void *arg);

/* Who plays the program of that path; NULL = it is not there. */
struct fakevmm_role {
	const char *path;
	fakevmm_play play;
};

/* Plays so until fakevmm_stop. The roles stay the caller's and end with a NULL path. */
void fakevmm_start(const struct fakevmm_role *roles, void *arg);
void fakevmm_stop(void);

/* From now on each look at the clock is so much later than the one before; for plays also, who know when it is time. */
void fakevmm_hurry(int64_t ms);

/* --- for plays --------------------------------------------------------------------------------------------------- */

/* A listening unix socket at the path; ends the play when there is none. */
int fakevmm_listen(const char *path);

/* Accepts one connection. */
int fakevmm_accept(int listener);

/* Says it; reads until something with the text has come, false at the end of the connection. */
void fakevmm_say(int fd, const char *text);
bool fakevmm_hear(int fd, const char *text);

/* Waits to be killed. */
int fakevmm_wait(void);
