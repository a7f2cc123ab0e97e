/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cgroup of a test's own in the machine's unified hierarchy, with the processes that the test puts there; all of it
 * is gone after the test. Needs no controllers, enables none outside.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "agent/cgroups/cgroup.h"
#include "tests/lib/unit.h"

#define WORLD_CHILDREN_MAX 4

struct world {
	char root[128];
	const char *skip; /* why nothing can be tried here */
	struct cgroup_host host;
	struct arena arena;
	pid_t children[WORLD_CHILDREN_MAX];
	size_t n_children;
};

#define NEEDS_CGROUP2(w)                                                                                               \
	do {                                                                                                           \
		if ((w)->skip) {                                                                                       \
			print_message("skipped: %s\n", (w)->skip);                                                     \
			skip();                                                                                        \
		}                                                                                                      \
	} while (0)

/* Fails with the reason that the call gave for its `why`. */
#define OK(call)                                                                                                       \
	do {                                                                                                           \
		struct err why_ = ERR_INIT, *why = &why_;                                                              \
		int r_ = (call);                                                                                       \
		if (r_ < 0)                                                                                            \
			fail_msg("%s", err_text(why));                                                                 \
	} while (0)

#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

/* Setup and teardown of a test; *state is the struct world. */
int world_setup(void **state);
int world_teardown(void **state);

/* Plans and creates a cgroup. */
void world_create(struct world *w, const char *path, const struct oci_linux *lin);

/* A process in the cgroup that sleeps until it is killed. */
pid_t world_add_sleeper(struct world *w, const char *path);

/* Whether the cgroup is there. */
bool world_has(const struct world *w, const char *path);

/* Whether memory, cpu and pids controllers are delegated to us: on a machine that is not ours we enable none. */
bool world_has_controllers(const struct world *w);
