/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container_build, in a process of its own where it must be: joining namespaces changes who calls it, and runk still
 * has to write its state, run hooks and clean up as the user that it was started by.
 */
#pragma once

#include "agent/child.h"
#include "lib/err.h"

/* As container_build. The child becomes ours in any case. */
int builder_run(struct build_request *request, struct build_result *ret, struct err *err);
