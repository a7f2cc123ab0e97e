/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A monitor whose QEMU is the test itself: it reads what is asked, and answers by a script. Embedded in the fixture of
 * a test, whose asserts it uses.
 */
#pragma once

#include "lib/err.h"
#include "lib/loop.h"
#include "runtime/hypervisor/qmp.h"

#define FAKEQMP_NOTHING      "{\"return\": {}}\n"
#define FAKEQMP_REFUSED(why) "{\"error\": {\"class\": \"GenericError\", \"desc\": \"" why "\"}}\n"

struct fakeqmp {
	struct loop *loop;
	struct qmp *qmp;
	int peer;
	char told[ERR_TEXT_MAX]; /* whoever asked: "" = not told, "ok", or the reason */
};

/* What QEMU has to be asked, and what it says to that; a script ends with NULL. */
struct fakeqmp_turn {
	const char *asked, *said;
};

/* A connection that has not been greeted. */
void fakeqmp_open(struct fakeqmp *f, const struct qmp_watcher *watcher);

/* Greets, and takes the answer. */
void fakeqmp_greet(struct fakeqmp *f);

/* Frees all, and asserts that nothing is left on the loop. */
void fakeqmp_close(struct fakeqmp *f);

/* Lets everything happen that can. */
void fakeqmp_wait(struct fakeqmp *f);

/* QEMU says a line, and it is heeded. */
void fakeqmp_say(struct fakeqmp *f, const char *text);

/* What QEMU was sent since the last time; "" if nothing. Overwritten by the next call. */
const char *fakeqmp_heard(struct fakeqmp *f);

/* Whoever asked is told, for the first time. */
void fakeqmp_tell(struct fakeqmp *f, const struct err *err);

/* Plays QEMU to the script's end; before that nobody may be told. */
void fakeqmp_play(struct fakeqmp *f, const struct fakeqmp_turn *script);
