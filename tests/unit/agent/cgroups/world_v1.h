/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory of a test's own, kata-test-unit-<pid>, in every v1 hierarchy of the machine and in the cgroup2 one beside
 * them. The host that the tests get knows nothing above these; all of it is gone after the test.
 */
#pragma once

#include "tests/unit/agent/cgroups/world.h"

#define NEEDS_CGROUP1(w) NEEDS_CGROUP2(w) /* the same: says why it skips */

#define IN_A_V1_WORLD(test) cmocka_unit_test_setup_teardown(test, world_v1_setup, world_v1_teardown)

/* Setup and teardown of a test; *state is the struct world. */
int world_v1_setup(void **state);
int world_v1_teardown(void **state);

/* A process that does nothing, or `body` (it never returns) once it is in the cgroup; the child of the test. */
pid_t world_v1_add(struct world *w, const char *path, void (*body)(void *arg), void *arg);

/* Whether the cgroup is in this controller's hierarchy. */
bool world_v1_has(const struct world *w, enum cgroup_controller controller, const char *path);
