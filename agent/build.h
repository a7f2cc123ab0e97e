/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the two sides of container_build share: the creator (build.c) prepares it, the cloned child (child.c) reads its
 * copy of it. Nobody else includes this.
 */
#pragma once

#include <stdbool.h>

#include "agent/child.h"
#include "agent/label.h"
#include "agent/mount/rootfs.h"
#include "agent/syscall_filter.h"

/* CHILD_MAPPED on the barrier. */
struct child_mapped {
	int kind;
	pid_t pid; /* the child's, as its creator knows it */
};

struct child_setup {
	const struct build_request *request;
	struct rootfs_sources sources;
	struct syscall_filter filter;
	struct label_host labels;
	int barrier;  /* the child's end; a struct child_mapped comes in */
	int listener; /* connected to the agent of a seccomp filter that notifies, else -EBADF */
	bool has_userns, new_net, new_uts, new_cgroupns;
	bool late_timens; /* our creator had no right to make the time namespace */
};

/* The child's whole life up to exec; never returns. */
void child_run(const struct child_setup *setup) __attribute__((noreturn));
