/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/fake_agent.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/fd.h"

#define CHILD_SECONDS 30

static void child(int fd, fake_script script, void *arg)
{
	struct fake_peer peer = { .fd = fd };
	int status;

	(void)alarm(CHILD_SECONDS);
	status = script(&peer, arg);
	ttrpc_cutter_done(&peer.cutter);
	arena_done(&peer.arena);
	(void)fd_close(fd);
	_exit(status);
}

int fake_agent_start(struct fake_agent *agent, fake_script script, void *arg)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	agent->pid = fork();
	if (agent->pid == 0) {
		(void)close(pair[0]);
		child(pair[1], script, arg);
	}
	(void)close(pair[1]);
	agent->fd = pair[0];
	return agent->pid < 0 ? -errno : 0;
}

int fake_agent_stop(struct fake_agent *agent)
{
	int status = 0;

	agent->fd = fd_close(agent->fd);
	if (waitpid(agent->pid, &status, 0) < 0)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int fake_peer_read(struct fake_peer *peer, struct fake_request *ret)
{
	ssize_t n;
	size_t used;
	int r;

	arena_done(&peer->arena);
	for (;;) {
		while (peer->in_pos < peer->in_len) {
			r = ttrpc_cutter_feed(&peer->cutter, peer->in + peer->in_pos, peer->in_len - peer->in_pos,
			                      &used);
			if (r < 0)
				return r;
			peer->in_pos += used;
			if (r != TTRPC_FRAME)
				continue;
			ret->stream = peer->cutter.header.stream;
			r = envelope_request_unpack(&peer->arena, peer->cutter.payload, peer->cutter.header.length,
			                            &ret->envelope);
			return r < 0 ? r : 1;
		}
		n = read(peer->fd, peer->in, sizeof(peer->in));
		if (n <= 0)
			return n == 0 ? 0 : -errno;
		peer->in_pos = 0;
		peer->in_len = (size_t)n;
	}
}

void fake_peer_write(struct fake_peer *peer, const void *data, size_t n)
{
	/* A client that went away shows at the next read. */
	(void)fd_write_all(peer->fd, data, n);
}

void fake_peer_answer(struct fake_peer *peer, uint32_t stream, const ProtobufCMessage *reply)
{
	_autobuf_ struct buf out = BUF_INIT;

	if (envelope_response_pack(&out, stream, RPC_OK, NULL, reply) == 0)
		fake_peer_write(peer, out.data, out.len);
}

void fake_peer_fail(struct fake_peer *peer, uint32_t stream, int code, const char *text)
{
	_autobuf_ struct buf out = BUF_INIT;

	if (envelope_response_pack(&out, stream, code, text, NULL) == 0)
		fake_peer_write(peer, out.data, out.len);
}
