/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sandbox in its supervisor: the VM, the agent's connection, the containers that live in it, and its end. Requests
 * come in with what the verbs read (runtime/wire.h) and are answered when the thing is done, which is later. The same
 * object serves any front end. Private members are for sandbox*.c.
 */
#pragma once

#include <json-c/json.h>

#include "lib/arena.h"
#include "lib/err.h"
#include "lib/list.h"
#include "lib/loop.h"
#include "proto/agent.pb-c.h"
#include "runtime/agentlink.h"
#include "runtime/annotation.h"
#include "runtime/config.h"
#include "runtime/disk.h"
#include "runtime/ephemeral.h"
#include "runtime/guestspec.h"
#include "runtime/hostcgroup/hostcgroup.h"
#include "runtime/hypervisor/hypervisor.h"
#include "runtime/network/network.h"
#include "runtime/resize.h"
#include "runtime/rootfs.h"
#include "runtime/wire.h"

enum container_status {
	CONTAINER_CREATING,
	CONTAINER_CREATED,
	CONTAINER_RUNNING,
	CONTAINER_STOPPED,
};

/* Where the end of a sandbox stands; each step has a deadline, after which the next is tried. */
enum sandbox_end {
	END_NONE,
	END_SIGNALLED, /* the container got its signal */
	END_KILLED,    /* the agent was asked for SIGKILL */
	END_STDIO,     /* exited; its stdio process takes out what is left */
	END_DESTROY,   /* the agent was asked to end the guest */
	END_QUIT,      /* QEMU was asked to end */
	END_REAP,      /* QEMU was killed */
	END_OVER,
};

struct container {
	struct list link;
	struct sandbox *sandbox;
	char *id, *bundle;
	enum container_status status;
	int exit_code;
	int64_t created; /* seconds since 1970 */
	bool is_terminal, is_paused;
	bool is_waited, is_removed; /* WaitProcess is out; removed meanwhile */
	uint64_t ooms;              /* how often the guest killed in it for lack of memory */
	struct json_object *annotations;
	struct sizing_demand demand, demand_before; /* the last update */
	char *cpuset;                               /* of the demand */
	struct creation *creation;                  /* until the agent has made it */
	struct list disks;                          /* runtime/disk.h: plugged in for it */
	struct list volumes;                        /* runtime/ephemeral.h */
	void (*unplugged)(struct container *c);
	pid_t pid; /* of its stdio process, 0 = none yet */
	uint64_t start_time;
	struct loop_source stdio;     /* pidfd of that */
	struct wire_request *pending; /* create, start or delete that waits for the agent */
	struct wire_request *deleter; /* delete that ends a create */
};

struct sandbox {
	struct loop *loop;
	const char *root, *id; /* the caller's */
	char *dir;
	struct config config;
	bool is_kvm;
	struct network network;
	struct hostcgroup cgroups;
	struct hypervisor *vm;
	struct resize resize;
	struct rootfs root_disk; /* of the first container, its fd until QEMU has it */
	char **dns;              /* the lines of its resolv.conf; in the arena of its create, until it is booted */
	size_t n_dns;
	struct agentlink link;
	struct list containers, execs;
	unsigned n_execs; /* ever */
	enum sandbox_end end;
	struct loop_timer end_timer;
	struct loop_deferred end_deferred;
	int end_signal;
	struct list enders; /* requests that wait for the end */
	bool is_booted;
	unsigned boot_ms; /* what that took */
	char *ended;      /* why its VM went away when nobody had asked for that; NULL = it did not */
};

/* A sandbox without a VM; its directory is there. 0 or -errno. */
int sandbox_init(struct sandbox *sb, struct loop *loop, const char *root, const char *id, struct err *err);

/* Stops what still runs, at once, and frees. */
void sandbox_done(struct sandbox *sb);

/* Creates a container; the first one boots the VM, meanwhile nothing else is served. */
void sandbox_create(struct sandbox *sb, struct wire_request *request);

/* Starts a container. */
void sandbox_start(struct sandbox *sb, struct wire_request *request);

/* A container's stdio process exists: {"pid"}; with "exec" that of an exec. */
void sandbox_attach(struct sandbox *sb, struct wire_request *request);

/* Sends a signal; TERM and KILL of the sandbox's own container are answered when the VM is gone. */
void sandbox_kill(struct sandbox *sb, struct wire_request *request);

/* Removes a stopped container; the sandbox's own one ends the sandbox. */
void sandbox_delete(struct sandbox *sb, struct wire_request *request);

/* Starts another process in a container: {"process"} as text; answers {"exec", "terminal"}. */
void sandbox_exec(struct sandbox *sb, struct wire_request *request);

/* Freezes or thaws a container, as the verb says. */
void sandbox_pause(struct sandbox *sb, struct wire_request *request);

/* Changes the limits of a container: {"resources"} as text. */
void sandbox_update(struct sandbox *sb, struct wire_request *request);

/* Answers {"stats"}, the line that events prints, and {"ooms"}. */
void sandbox_stats(struct sandbox *sb, struct wire_request *request);

/* Answers the processes of a container as the guest numbers them: {"processes"}. */
void sandbox_ps(struct sandbox *sb, struct wire_request *request);

/* Begins the end: signo to the sandbox's container first, if that still runs (0 = none, at once). Idempotent. */
void sandbox_end(struct sandbox *sb, int signo);

/* --- between sandbox*.c ------------------------------------------------------------------------------------------ */

/* Boots the VM and creates the agent's sandbox. */
int sandbox_boot(struct sandbox *sb, const struct oci_spec *spec, struct err *err);

/* Tells the agent its interfaces, routes and neighbours. */
int sandbox_tell_network(struct sandbox *sb, struct err *err);

/* Reads the resolv.conf that the container gets (sb->dns); its mounts must still be the host's. */
void sandbox_find_dns(struct sandbox *sb, const struct oci_spec *spec, struct arena *arena);

/* Takes all disks of the container out of the VM; failures are logged. fn may be called at once. */
void sandbox_unplug(struct container *c, void (*fn)(struct container *c));

/* Ends a create that is under way, which undoes it and answers the request. */
void sandbox_cancel_creation(struct container *c, struct wire_request *request);

/* Forgets what only a create needs. */
void sandbox_forget_creation(struct container *c);

/* Fails the request that waits for the container, if any. */
void sandbox_fail_pending(struct container *c, const struct err *err);

/* Has the container's end told. */
void sandbox_watch_exit(struct sandbox *sb, struct container *c);

/* The container is no more; the sandbox's own one ends the sandbox. */
void sandbox_drop(struct sandbox *sb, struct container *c);

/* Frees what is in no list of anybody any more. */
void sandbox_free_container(struct container *c);

/* The container of that id, or NULL. */
struct container *sandbox_find(struct sandbox *sb, const char *id);

/* The request's container, or NULL after an answer. */
struct container *sandbox_find_for(struct sandbox *sb, struct wire_request *request);

/* Sends a signal to a process (eid "": to all of the container) and forgets about it. */
void sandbox_signal(struct sandbox *sb, const char *cid, const char *eid, int signo);

/* Watches the stdio process of an exec, or answers why not. */
void sandbox_attach_exec(struct sandbox *sb, const char *eid, struct wire_request *request);

/* Ends what is kept of execs, of all containers (NULL) or one. */
void sandbox_forget_execs(struct sandbox *sb, const char *cid);

/* Counts what dies for lack of memory, from now on. */
void sandbox_watch_ooms(struct sandbox *sb);

/* Writes state.json: for what must not happen unless it can be known. 0 or -errno. */
int sandbox_try_save(struct sandbox *sb, struct err *err);

/* The same for what has happened already; a failure is logged. */
void sandbox_save(struct sandbox *sb);

/* The agent said, or is gone and can't say any more, that the container has exited. */
void sandbox_exited(struct sandbox *sb, struct container *c, int code);

/* Something that the end waits for may have happened. */
void sandbox_end_check(struct sandbox *sb);

/* QEMU has ended. */
void sandbox_vm_gone(void *arg, int status);
