/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A place where containers can be built without touching the machine: PID 1 of fresh pid, mount, network, uts and ipc
 * namespaces with a tmpfs as its own world, a bundle's rootfs with busybox in it, and a driver for one container.
 * A test's body runs in there by sandboxed_run; it returns 0 or the line that was wrong.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "agent/child.h"
#include "lib/arena.h"
#include "lib/buf.h"
#include "lib/oci.h"

#define SANDBOXED_ROOT "/tmp/world/rootfs" /* the rootfs with busybox */

/* Returns the body's result, or 128 + the signal that ended it; ends after a minute. */
int sandboxed_run(int (*body)(void));

/* One process of a container, from container_build to its exit. */
struct sandboxed_process {
	struct arena arena;
	struct oci_spec *spec;
	struct build_request request;
	struct nspace_plan nspaces;
	struct build_result built;
	int report, park, out, master;
	struct buf output; /* stdout and stderr */
	struct err err;
};

/* Prepares a container of a config.json; nothing runs yet, so the request may still be changed. 0 or -errno, p->err. */
int sandboxed_container(struct sandboxed_process *p, const char *json);

/* Prepares an exec in a container that runs. */
int sandboxed_exec(struct sandboxed_process *p, const struct sandboxed_process *container, const char *json);

/* Builds; the end of building as the owner sees it: 0 when parked and ready, else what was reported, text in p->err. */
int sandboxed_build(struct sandboxed_process *p);

/* Lets it go; 0 when exec worked, else the reported error. */
int sandboxed_release(struct sandboxed_process *p);

/* Reads its output up to the end of the first line. 0 or -errno. */
int sandboxed_read_line(struct sandboxed_process *p);

/* Reads its output to the end and waits for it; the exit code, 128 + signal. */
int sandboxed_wait(struct sandboxed_process *p);

/* All of it: builds, releases, waits. Exit code, or -errno when it did not get so far. */
int sandboxed_whole(struct sandboxed_process *p, const char *json);

/* Kills what still runs, closes and frees. */
void sandboxed_done(struct sandboxed_process *p);
