/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OCI hooks, run one after the other in the calling process's namespaces. It blocks until they have ended: in the agent
 * it runs in jobs (hookjob.h) and in the container's child, in runk in the verb itself. When each kind is due:
 *   prestart, createRuntime  the creator's namespaces, the container's stand and it waits before pivot_root
 *   createContainer          the container's namespaces, before pivot_root; their paths are the creator's
 *   startContainer           the container, released and about to exec
 *   poststart                the creator's namespaces, exec has worked
 *   poststop                 the creator's namespaces, nothing is left of the container
 * Owns nothing.
 */
#pragma once

#include <stdbool.h>

#include "lib/arena.h"
#include "lib/err.h"
#include "lib/oci.h"
#include "lib/oci_state.h"

#define HOOKS_TIMEOUT_MAX  86400 /* seconds that a hook may ask for; more is as much */
#define HOOKS_SCANNED_MAX  64    /* files of a directory of guest hooks */
#define HOOKS_STDERR_BYTES 512   /* the last bytes of what a failed hook has said, for the error */

enum hook_kind {
	HOOK_PRESTART,
	HOOK_CREATE_RUNTIME,
	HOOK_CREATE_CONTAINER,
	HOOK_START_CONTAINER,
	HOOK_POSTSTART,
	HOOK_POSTSTOP,
	HOOK_KIND_MAX,
	HOOK_KIND_INVALID = -22, /* -EINVAL */
};

/* "createRuntime" and so on, as in config.json. */
const char *hooks_name(enum hook_kind kind);

/* The spec's hooks of a kind; an empty list if there are none, never NULL. */
const struct oci_hook_list *hooks_of(const struct oci_spec *spec, enum hook_kind kind);

/* The list of the kind that config.json calls so, to add to it; NULL for a name that is none. */
struct oci_hook_list *hooks_find(struct oci_hooks *hooks, const char *name);

/* True if the container has to wait before pivot_root: prestart, createRuntime or createContainer hooks. */
bool hooks_stop_before_pivot(const struct oci_spec *spec);

/* How long the list may take, in milliseconds; default_s for hooks that do not say (0 = no limit: counts nothing). */
unsigned hooks_budget_ms(const struct oci_hook_list *list, unsigned default_s);

/*
 * Runs the list; each hook gets the state on stdin, its own environment and nothing else, and default_s seconds if it
 * does not say how many (0 = no limit). The first failure ends it: an error that names kind, path, exit status, and the
 * end of its stderr.
 */
int hooks_run(const struct oci_hook_list *list, enum hook_kind kind, const struct oci_state *state, unsigned default_s,
              struct err *err);

/* As hooks_run, but goes on after a failure; `warnings` gets a line for each. Only -ENOMEM is an error. */
int hooks_run_all(const struct oci_hook_list *list, enum hook_kind kind, const struct oci_state *state,
                  unsigned default_s, struct buf *warnings);

/*
 * The executables in DIR/KIND, sorted by name, as hooks with the arguments (name, kind): the guest hooks of Kata. None
 * if that directory does not exist; -ENOENT if DIR does not.
 */
int hooks_scan(struct arena *arena, const char *dir, enum hook_kind kind, struct oci_hook_list *ret, struct err *err);
