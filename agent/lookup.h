/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the program of a container's process, as the user that it will run as and inside the container's root, and its
 * environment. For the child, after it has become that user. Results are the caller's (free).
 */
#pragma once

#include <sys/types.h>

#include "lib/err.h"
#include "lib/oci.h"

#define LOOKUP_DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define LOOKUP_PASSWD_MAX   (1024 * 1024) /* bytes of /etc/passwd that are looked at */

/*
 * A name with a slash must be an executable file; another is searched along PATH of env (the default path without one).
 * -ENOENT "the file NAME was not found" (callers of the agent look for these words), -EACCES if it cannot be executed.
 */
int lookup_program(const char *name, const struct oci_strings *env, char **ret, struct err *err);

/* The variable's value in env, or NULL; the last one counts. */
const char *lookup_variable(const struct oci_strings *env, const char *name);

/* The user's home in passwd (path below dirfd), "/" if it says nothing of him. NULL when out of memory. */
char *lookup_home(int dirfd, const char *passwd, uid_t uid);

/* Variables for execve, NULL-terminated, entries without '=' left out, HOME made up if it is absent or empty. */
int lookup_environment(const struct oci_strings *env, int dirfd, uid_t uid, char ***ret);

/* Frees what lookup_environment gave. */
void lookup_environment_free(char **env);
