/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hooks of a specification that run on the host: prestart and createRuntime before the VM boots or the container
 * joins it, poststart after the start, poststop when nothing is left. Verbs run them, in the sandbox's network
 * namespace, so that nobody else waits. What the later ones need is kept in ROOT/SANDBOX/hooks-ID.json from the
 * creation on, for the bundle may change. What belongs into the container is the guest's (runtime/guestspec.h).
 */
#pragma once

#include <json-c/json.h>

#include "lib/hooks.h"
#include "runtime/runtime.h"

struct hosthooks {
	const char *id, *bundle;
	const char *netns; /* where they run, if it is still there; NULL = here */
	const struct oci_spec *spec;
};

/* Keeps those that are due later; nothing if there are none. */
int hosthooks_keep(const char *root, const char *sandbox, const struct hosthooks *h, struct err *err);

/* Runs prestart and createRuntime, in the caller's namespaces: the caller has entered the network. */
int hosthooks_create(const struct hosthooks *h, struct err *err);

/* Runs poststart for the container whose process is known by this pid; what fails is logged. */
void hosthooks_start(const struct runtime *rt, const char *sandbox, const char *id, pid_t pid);

/*
 * Takes what was kept for a container, or with id NULL for all of the sandbox, out of the sandbox's directory: an array
 * for hosthooks_stop, to be put by the caller; NULL if there is none.
 */
struct json_object *hosthooks_take(const char *root, const char *sandbox, const char *id);

/* Runs poststop of all of them; what fails is logged. NULL is fine. */
void hosthooks_stop(const struct runtime *rt, struct json_object *kept);
