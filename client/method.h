/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The methods of the services that an agent serves, by name, from the generated descriptors. Owns nothing.
 */
#pragma once

#include "client/client.h"

/*
 * Finds "CreateContainer", "Health.Check", "grpc.Health/Check"; a name without a service is looked for in all of them.
 * 0 or -ENOENT.
 */
int method_find(const char *name, struct client_method *ret);

/* The method of that index over all services, -ENOENT behind the last one. */
int method_at(size_t index, struct client_method *ret);

/* Up to n names that look most like `name`, best first; returns how many were put at ret. */
size_t method_close_names(const char *name, const char **ret, size_t n);
