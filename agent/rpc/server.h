/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's ttrpc server: one listening socket, its connections, and the calls whose client is gone. Knows nothing of
 * frames (conn.h) and methods (methods.h). Owned by main; borrows the loop and the sandbox.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/gate.h"
#include "lib/addr.h"
#include "lib/err.h"
#include "lib/list.h"
#include "lib/loop.h"

#define RPC_CONNS_MAX         256
#define RPC_SILENT_MS         30000 /* … without a byte and without an open call, and a connection may have to go */
#define RPC_BACKLOG           128
#define RPC_READ_MAX          65536       /* bytes taken from one connection in one turn */
#define RPC_REQUEST_BYTES_MAX (64u << 20) /* memory of all decoded requests that are open */
#define RPC_STATS_MAX         64          /* StatsContainer jobs at once */
#define RPC_IPTABLES_MAX      8           /* jobs of Get- and SetIPTables at once */
#define RPC_JOBS_MAX          64          /* jobs of other calls (jobcall.h) at once */
#define RPC_ACCEPT_RETRY_MS   1000

struct sandbox;
struct policy;

struct rpc_counters {
	unsigned long accepted, refused, too_many, ignored_frames, silent;
};

/* The members are for agent/rpc only. */
struct rpc_server {
	struct loop *loop;
	struct sandbox *sandbox;
	struct loop_source listener;
	struct loop_timer retry; /* accepting is tried again */
	int reserve_fd;          /* given up to refuse a connection when fds are out */
	struct list conns;       /* struct rpc_conn */
	size_t n_conns;
	unsigned silent_ms;   /* RPC_SILENT_MS; tests have less time */
	struct list detached; /* struct rpc_call whose client is gone or was answered already */
	struct list finished; /* struct rpc_call to be freed at the end of the turn */
	struct loop_deferred sweep;
	size_t request_bytes;  /* of all calls */
	unsigned n_stats;      /* jobs of StatsContainer */
	unsigned n_jobs;       /* of jobcall.h */
	uint64_t n_scrapes;    /* GetMetrics so far */
	unsigned n_iptables;   /* jobs of Get- and SetIPTables */
	struct policy *policy; /* NULL = everything is allowed */
	struct gate gate;      /* the same for what is no call */
	struct rpc_counters counters;
	void (*first_call)(struct rpc_server *server); /* main's: called once, with the first request; may be NULL */
	uint8_t *input;                                /* RPC_READ_MAX bytes that all connections read into */
};

/* Listens at the address; freed with rpc_server_free. */
int rpc_server_new(struct loop *loop, struct sandbox *sandbox, const struct addr *addr, struct rpc_server **ret,
                   struct err *err);

/* True if no reply waits for a client to read it: nothing is lost by an end. */
bool rpc_server_is_flushed(const struct rpc_server *server);

/*
 * Stops listening, ends all connections and calls. What the core still does for a call must never complete after this,
 * so it comes right before the end of the sandbox. Returns NULL.
 */
struct rpc_server *rpc_server_free(struct rpc_server *server);
