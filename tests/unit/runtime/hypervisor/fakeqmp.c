/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/runtime/hypervisor/fakeqmp.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/fd.h"
#include "tests/lib/unit.h"

#define TURNS 3 /* more than an answer and what follows from it need */

void fakeqmp_open(struct fakeqmp *f, const struct qmp_watcher *watcher)
{
	int pair[2];

	assert_int_equal(loop_new(&f->loop), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(fcntl(pair[1], F_SETFL, O_NONBLOCK), 0);
	f->peer = pair[1];
	assert_int_equal(qmp_new(f->loop, pair[0], watcher, &f->qmp), 0);
}

void fakeqmp_greet(struct fakeqmp *f)
{
	fakeqmp_say(f, "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n" FAKEQMP_NOTHING);
	(void)fakeqmp_heard(f);
}

void fakeqmp_close(struct fakeqmp *f)
{
	f->qmp = qmp_free(f->qmp);
	assert_int_equal(loop_count(f->loop), 0);
	f->loop = loop_free(f->loop);
	(void)fd_close(f->peer);
}

void fakeqmp_wait(struct fakeqmp *f)
{
	for (int i = 0; i < TURNS; i++)
		assert_int_equal(loop_turn(f->loop, 0), 0);
}

void fakeqmp_say(struct fakeqmp *f, const char *text)
{
	assert_int_equal(write(f->peer, text, strlen(text)), (ssize_t)strlen(text));
	fakeqmp_wait(f);
}

const char *fakeqmp_heard(struct fakeqmp *f)
{
	static char text[1024];
	ssize_t n = read(f->peer, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

void fakeqmp_tell(struct fakeqmp *f, const struct err *err)
{
	assert_string_equal(f->told, "");
	(void)snprintf(f->told, sizeof(f->told), "%s", err ? err->text : "ok");
}

void fakeqmp_play(struct fakeqmp *f, const struct fakeqmp_turn *script)
{
	fakeqmp_wait(f);
	for (; script->asked; script++) {
		assert_string_equal(f->told, "");
		assert_string_equal(fakeqmp_heard(f), script->asked);
		fakeqmp_say(f, script->said);
	}
	assert_string_equal(fakeqmp_heard(f), "");
}
