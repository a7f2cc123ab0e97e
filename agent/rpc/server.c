/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/rpc/server.h"

#include <errno.h>
#include <string.h>

#include "agent/rpc/call.h"
#include "agent/rpc/conn.h"
#include "agent/rpc/policy.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "lib/sys.h"

#define ACCEPTS_PER_TURN 16

static int open_reserve(void)
{
	return sys_openat(AT_FDCWD, "/dev/null", O_RDONLY | O_CLOEXEC, 0);
}

/* Without a free fd the client would wait for ever and the listener would stay readable. */
static int refuse_without_fds(struct rpc_server *server)
{
	int fd;

	if (server->reserve_fd < 0)
		return -EMFILE;
	server->reserve_fd = fd_close(server->reserve_fd);
	fd = sys_accept(server->listener.fd, NULL, NULL);
	(void)fd_close(fd);
	server->reserve_fd = open_reserve();
	if (server->counters.too_many++ == 0)
		log_warning("rpc", "Connection refused: no file descriptors left");
	return fd < 0 ? fd : 0;
}

/* Not every transport tells of a client's death, so the one that has been silent longest is taken for dead. */
static bool make_room(struct rpc_server *server)
{
	struct rpc_conn *oldest = NULL;

	list_foreach(conn, &server->conns, struct rpc_conn, link)
		if (!conn->ended && conn->n_calls == 0 && (!oldest || conn->last_byte < oldest->last_byte))
			oldest = conn;
	if (!oldest || sys_now_ms() - oldest->last_byte < server->silent_ms)
		return false;
	if (server->counters.silent++ == 0)
		log_warning("rpc", "There are %d connections: the one that was silent longest ends", RPC_CONNS_MAX);
	rpc_conn_end(oldest, "others want to come in");
	return true;
}

static void welcome(struct rpc_server *server, int fd_arg)
{
	_autoclose_ int fd = fd_arg;
	struct err err = ERR_INIT;
	int r;

	if (addr_check_peer(fd, &err) < 0) {
		if (server->counters.refused++ == 0)
			log_warning("rpc", "Peer refused: %s", err_text(&err));
		return;
	}
	if (server->n_conns >= RPC_CONNS_MAX && !make_room(server)) {
		if (server->counters.too_many++ == 0)
			log_warning("rpc", "Connection refused: there are %d already", RPC_CONNS_MAX);
		return;
	}
	r = rpc_conn_new(server, fd);
	if (r < 0) {
		log_warning("rpc", "Connection refused: %s", strerror(-r));
		return;
	}
	(void)take_fd(&fd);
	server->counters.accepted++;
}

static void try_again(struct loop_timer *timer)
{
	struct rpc_server *server = container_of(timer, struct rpc_server, retry);

	if (loop_modify(&server->listener, EPOLLIN) < 0)
		(void)loop_timer_start(server->loop, timer, RPC_ACCEPT_RETRY_MS);
}

static int incoming(struct loop_source *source, uint32_t events)
{
	struct rpc_server *server = container_of(source, struct rpc_server, listener);

	(void)events;
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		int fd = sys_accept(source->fd, NULL, NULL);

		if (fd >= 0) {
			welcome(server, fd);
			continue;
		}
		if (fd == -EMFILE || fd == -ENFILE)
			fd = refuse_without_fds(server);
		if (fd == -EAGAIN)
			break;
		if (fd == 0 || fd == -ECONNABORTED || fd == -EINTR)
			continue;
		/* The listener must neither be given up nor keep the loop spinning. */
		if (loop_timer_start(server->loop, &server->retry, RPC_ACCEPT_RETRY_MS) == 0) {
			log_warning("rpc", "Accepting a connection: %s, trying again", strerror(-fd));
			(void)loop_modify(source, 0);
		}
		break;
	}
	return LOOP_KEEP;
}

static void sweep(struct loop_deferred *deferred)
{
	struct rpc_server *server = container_of(deferred, struct rpc_server, sweep);

	while (!list_is_empty(&server->finished))
		rpc_call_free(list_first(&server->finished, struct rpc_call, link));
}

int rpc_server_new(struct loop *loop, struct sandbox *sandbox, const struct addr *addr, struct rpc_server **ret,
                   struct err *err)
{
	struct rpc_server *server = calloc(1, sizeof(*server));
	int r;

	if (!server)
		return err_set(err, ENOMEM, "start the server");
	server->loop = loop;
	server->sandbox = sandbox;
	server->sweep.run = sweep;
	server->retry.expired = try_again;
	server->reserve_fd = open_reserve();
	server->silent_ms = RPC_SILENT_MS;
	list_init(&server->conns);
	list_init(&server->detached);
	list_init(&server->finished);
	list_init(&server->sweep.link);
	server->listener = (struct loop_source){ .name = "rpc", .events = EPOLLIN, .callback = incoming };
	server->input = malloc(RPC_READ_MAX);
	server->listener.fd = addr_listen(addr, RPC_BACKLOG, err);
	r = server->listener.fd < 0 ? server->listener.fd : 0;
	if (r == 0 && !server->input)
		r = err_set(err, ENOMEM, "start the server");
	if (r == 0) {
		r = loop_add(loop, &server->listener);
		if (r < 0)
			r = err_set(err, -r, "watch the server's socket");
	}
	if (r < 0) {
		rpc_server_free(server);
		return r;
	}
	*ret = server;
	return 0;
}

bool rpc_server_is_flushed(const struct rpc_server *server)
{
	for (const struct list *l = server->conns.next; l != &server->conns; l = l->next)
		if (container_of(l, struct rpc_conn, link)->out.len > 0)
			return false;
	return true;
}

struct rpc_server *rpc_server_free(struct rpc_server *server)
{
	if (!server)
		return NULL;
	loop_timer_stop(&server->retry);
	loop_remove(&server->listener);
	(void)fd_close(server->listener.fd);
	(void)fd_close(server->reserve_fd);
	while (!list_is_empty(&server->conns))
		rpc_conn_free(list_first(&server->conns, struct rpc_conn, link));
	while (!list_is_empty(&server->detached))
		rpc_call_free(list_first(&server->detached, struct rpc_call, link));
	sweep(&server->sweep);
	list_remove(&server->sweep.link);
	(void)policy_free(server->policy);
	free(server->input);
	free(server);
	return NULL;
}
