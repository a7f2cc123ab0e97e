/* SPDX-License-Identifier: Apache-2.0 */
/* Removing a container, for delete and run. */
#pragma once

#include <stdbool.h>

#include "lib/err.h"
#include "runtime/runtime.h"

/* Removes a container; one that is not stopped only with `force`, which also makes a missing one no error. */
int remove_container(const struct runtime *rt, const char *id, bool force, struct err *err);
