/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where things of a sandbox lie below the runtime's root: ROOT/SANDBOX/ with its sockets, logs, share and state.json,
 * and ROOT/.containers/ID, a link whose text is the name of the sandbox that ID lives in. Ids are checked here. Files
 * only; who runs and what it means is others' business.
 */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>

#include "lib/err.h"

#define PLACE_ROOT "/run/kata-runtime"

/* As agents want ids: letters, digits and "_.-", a letter or digit first, 2 to 128 of them; -EINVAL names it. */
int place_check_id(const char *id, struct err *err);

/* "ROOT/SANDBOX", or what that links to, or with a name "ROOT/SANDBOX/NAME"; to be freed by the caller, NULL when
 * memory is out. */
char *place_path(const char *root, const char *sandbox, const char *name);

/* Makes the root and ROOT/SANDBOX, elsewhere with a link if its sockets' paths would be too long; -EEXIST if it is
 * there. */
int place_make(const char *root, const char *sandbox, struct err *err);

/* Removes ROOT/SANDBOX, where nothing may be mounted any more, and the links to it. */
int place_remove(const char *root, const char *sandbox, struct err *err);

/* Links a container to its sandbox; -EEXIST if the id is taken. */
int place_link(const char *root, const char *id, const char *sandbox, struct err *err);

/* Removes a container's link. */
void place_unlink(const char *root, const char *id);

/* The sandbox that a container lives in, to be freed by the caller; -ENOENT: there is none of that name. */
int place_find(const char *root, const char *id, char **ret, struct err *err);

/* Writes ROOT/SANDBOX/state.json so that it is there in full or as it was before. */
int place_write_state(const char *root, const char *sandbox, struct json_object *state, struct err *err);

/* Reads it; the caller puts *ret. */
int place_read_state(const char *root, const char *sandbox, struct json_object **ret, struct err *err);

/* Calls `each` for every container's id, in no order; a value other than 0 ends it and is returned. */
int place_list(const char *root, int (*each)(void *arg, const char *id, const char *sandbox), void *arg,
               struct err *err);
