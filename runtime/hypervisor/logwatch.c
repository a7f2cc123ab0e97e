/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hypervisor/logwatch.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

#include "lib/fd.h"
#include "lib/mem.h"
#include "lib/sys.h"

#define LOG_MAX (1u << 20) /* of a longer one nothing is said */

static void look(struct logwatch *w)
{
	_autofree_ char *text = NULL;
	char *at, *begin, *end;
	size_t n = 0;

	if (fd_read_file_at(AT_FDCWD, w->path, LOG_MAX, &text, &n) < 0)
		return;
	at = strstr(text, w->text);
	end = at ? strchr(at, '\n') : NULL;
	/* Half a line is not the reason yet. */
	if (!end)
		return;
	*end = '\0';
	begin = memrchr(text, '\n', (size_t)(at - text));
	logwatch_stop(w);
	w->found(w, begin ? begin + 1 : text);
}

static int on_change(struct loop_source *source, uint32_t events)
{
	char buffer[4096];

	(void)events;
	while (sys_read(source->fd, buffer, sizeof(buffer)) > 0)
		;
	look(container_of(source, struct logwatch, source));
	return LOOP_KEEP;
}

int logwatch_start(struct logwatch *w, struct loop *loop, struct err *err)
{
	_autoclose_ int fd = sys_inotify_init();
	int r = fd < 0 ? fd : sys_inotify_add_watch(fd, w->path, IN_MODIFY);

	if (r >= 0) {
		w->source = (struct loop_source){ "log", fd, EPOLLIN, on_change, NULL };
		r = loop_add(loop, &w->source);
	}
	if (r < 0)
		return err_set(err, -r, "watch '%s'", w->path);
	(void)take_fd(&fd);
	look(w);
	return 0;
}

void logwatch_stop(struct logwatch *w)
{
	if (!w->source.loop)
		return;
	loop_remove(&w->source);
	w->source.fd = fd_close(w->source.fd);
}
