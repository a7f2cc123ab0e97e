/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/sys.h"
#include "proto/agent.pb-c.h"
#include "runtime/sandbox_create.h"

#define COPY_MAX   (8u << 20) /* bytes of a file that is copied into the guest */
#define COPY_CHUNK (1u << 20) /* bytes in a request */

static void copy_next(struct sandbox_copying *c);

static void fail(struct sandbox_copying *c, const struct err *err)
{
	c->fd = fd_close(c->fd);
	c->fn(c->arg, err);
}

static const char *source_of(const struct sandbox_copying *c)
{
	return c->guest->binds[c->next].source;
}

static void send_chunk(struct sandbox_copying *c);

static void on_chunk(void *arg, struct client_reply *reply)
{
	struct sandbox_copying *c = arg;
	struct err err = ERR_INIT;

	if (agentlink_check(reply, "copy", source_of(c), &err) < 0) {
		fail(c, &err);
		return;
	}
	if (c->done < c->stat.st_size) {
		send_chunk(c);
		return;
	}
	c->fd = fd_close(c->fd);
	c->next++;
	copy_next(c);
}

/* One after the other: a chunk that comes too early would leave a gap. */
static void send_chunk(struct sandbox_copying *c)
{
	Grpc__CopyFileRequest request = GRPC__COPY_FILE_REQUEST__INIT;
	_autofree_ uint8_t *data = malloc(COPY_CHUNK);
	_autofree_ char *target = NULL;
	struct err err = ERR_INIT;
	ssize_t n = data ? sys_pread(c->fd, data, COPY_CHUNK, c->done) : -ENOMEM;
	int r = n < 0 ? (int)n : 0;

	if (r == 0 && asprintf(&target, "%s/%s", GUEST_SHARE, c->guest->binds[c->next].name) < 0)
		r = -ENOMEM;
	request.path = target;
	request.file_size = c->stat.st_size;
	request.file_mode = c->stat.st_mode;
	request.dir_mode = 0755;
	request.uid = (int32_t)c->stat.st_uid;
	request.gid = (int32_t)c->stat.st_gid;
	request.offset = c->done;
	request.data.data = data;
	request.data.len = n > 0 ? (size_t)n : 0;
	/* One that has become shorter meanwhile ends where it ends. */
	c->done = n > 0 ? c->done + n : c->stat.st_size;
	if (r == 0)
		r = agentlink_call(&c->sandbox->link, "CopyFile", &request.base, AGENTLINK_TIMEOUT_MS, on_chunk, c);
	if (r == 0)
		return;
	(void)err_set(&err, -r, "copy '%s' into the guest", source_of(c));
	fail(c, &err);
}

static int open_next(struct sandbox_copying *c, struct err *err)
{
	const char *source = source_of(c);
	struct stat st;

	c->fd = sys_openat(AT_FDCWD, source, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);
	if (c->fd < 0)
		return err_set(err, c->fd, "copy '%s' into the guest", source);
	if (fstat(c->fd, &st) < 0)
		return err_set(err, errno, "copy '%s' into the guest", source);
	if (!S_ISREG(st.st_mode) || st.st_size > COPY_MAX)
		return err_say(
			err, EOPNOTSUPP,
			"copy '%s' into the guest: without a share (shared_fs = \"none\") only files of up to %u MiB "
			"can be mounted",
			source, COPY_MAX >> 20);
	c->stat = st;
	c->done = 0;
	return 0;
}

static void copy_next(struct sandbox_copying *c)
{
	struct err err = ERR_INIT;

	if (c->next >= c->guest->n_binds)
		c->fn(c->arg, NULL);
	else if (open_next(c, &err) < 0)
		fail(c, &err);
	else
		send_chunk(c);
}

void sandbox_copy_files(struct sandbox *sb, const struct guestspec *g, struct sandbox_copying *copying,
                        void (*fn)(void *arg, const struct err *err), void *arg)
{
	bool is_shared = strcmp(sb->config.hypervisor.shared_fs, "none") != 0;

	/* The first is the root file system. */
	*copying = (struct sandbox_copying){
		.sandbox = sb, .guest = g, .next = is_shared ? g->n_binds : 1, .fd = -EBADF, .fn = fn, .arg = arg
	};
	copy_next(copying);
}

void sandbox_copy_end(struct sandbox_copying *copying)
{
	if (copying->sandbox)
		copying->fd = fd_close(copying->fd);
}
