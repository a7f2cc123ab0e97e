/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What runk remembers of a container: a directory ROOT/ID that holds state.json (readable as OCI state), the
 * specification as it was given (config.json), and the FIFO on which the created process is parked. Writers hold the
 * directory's lock; state.json is replaced in one step, so readers need none. A crash at any point leaves a directory
 * that can be opened and removed. Nothing here acts on processes or cgroups.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/arena.h"
#include "lib/err.h"
#include "lib/oci.h"
#include "runk/runk.h"

#define STATE_FIFO "exec.fifo" /* there from creation until the process was started */
#define STATE_LATE "exec.err"  /* where a process that was released says why it cannot be executed */

#define STATE_SPEC_MAX (16 << 20) /* bytes of a config.json */

enum state_status {
	STATE_CREATING,
	STATE_CREATED,
	STATE_RUNNING,
	STATE_PAUSED,
	STATE_STOPPED,
};

struct state {
	struct arena arena; /* the strings below are in it */
	const char *id, *bundle, *rootfs, *version, *created;
	const char *cgroup;  /* path below the hierarchy, NULL = the container has none of its own */
	uid_t owner;         /* who made it */
	pid_t pid;           /* of the init, 0 = there is none yet */
	uint64_t start_time; /* of that process, since numbers come again */
	bool paused;
	bool systemd;       /* systemd made the cgroup */
	bool shares_mounts; /* no mount namespace of its own: what is mounted on the rootfs has to be unmounted */
	int mounts_before;  /* on the rootfs, before ours; with shares_mounts */
	bool shares_pids;   /* no pid namespace of its own: the end of its init is not the end of the others */
	bool has_userns;    /* runk, without privilege, made its user namespace */
	bool has_hooks;     /* the specification names some */
	struct oci_pairs annotations;
	int root, dir; /* the directory of states, the container's own */
	bool locked;
};

#define STATE_INIT                                                                                                     \
	{                                                                                                              \
		.root = -EBADF, .dir = -EBADF                                                                          \
	}
#define _autostate_ _cleanup_(state_done)

/* Frees, and unlocks. */
void state_done(struct state *s);

/* -EINVAL for an id that could be no file name of its own. */
int state_check_id(const char *id, struct err *err);

/* Makes the directory of a new container and locks it; -EEXIST if there is one. */
int state_create(const struct runk *runk, const char *id, struct state *ret, struct err *err);

/*
 * Opens a container; with `lock` waits until nobody else works on it. -ENOENT "container does not exist". One whose
 * maker died before its first state_save has pid 0.
 */
int state_open(const struct runk *runk, const char *id, bool lock, struct state *ret, struct err *err);

/* Lets others work on the container; it must not be saved any more. */
void state_unlock(struct state *s);

/* Replaces state.json. */
int state_save(const struct state *s, struct err *err);

/* What the container is doing now. */
enum state_status state_status(const struct state *s);

/* "created", ... */
const char *state_status_name(enum state_status status);

/* Appends the OCI state of the container as JSON, with the members that runc adds. */
int state_format(const struct state *s, bool pretty, struct buf *out);

/* Keeps the text of a specification. */
int state_save_spec(const struct state *s, const char *text, size_t len, struct err *err);

/* The specification that was kept; it lives in the state's arena. */
int state_load_spec(struct state *s, struct oci_spec **ret, struct err *err);

/* Removes the container's directory; the lock ends with state_done. */
int state_remove(struct state *s, struct err *err);

/* A pidfd of the container's init, or -ESRCH. */
int state_open_pid(const struct state *s);

/* Calls `each` for the id of every container, sorted by name; a value other than 0 ends it and is returned. */
int state_list(const struct runk *runk, int (*each)(const struct runk *runk, const char *id, void *arg), void *arg,
               struct err *err);
