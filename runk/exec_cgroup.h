/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the process of an exec goes below the container's cgroup: what --cgroup [CONTROLLER[,CONTROLLER]:]PATH asks
 * for. On v1 each hierarchy may have a path of its own. The strings live in the caller's arena.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "lib/arena.h"
#include "lib/err.h"
#include "lib/flags.h"
#include "runk/groups.h"
#include "runk/state.h"

struct exec_place {
	uint32_t controllers; /* a bit for each enum cgroup_controller */
	const char *path;
};

struct exec_cgroup {
	const struct cgroup_host *host;
	const char *path; /* in the hierarchies that are not named */
	struct exec_place *places;
	size_t n;
};

/* Reads the options; none: the container's own cgroup. */
int exec_cgroup_parse(struct arena *arena, const struct state *s, const struct cgroup_host *host,
                      const struct flag_list *given, struct exec_cgroup *ret, struct err *err);

/* Moves a process, which is at `path` everywhere, to where the named hierarchies want it; `arg` is the exec_cgroup. */
int exec_cgroup_move(pid_t pid, void *arg, struct err *err);
