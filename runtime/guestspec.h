/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's specification as it goes to the agent: what belongs to the host is taken out, paths of the host become
 * paths of the share. Pure: it says what has to be shared, somebody else does it. Everything lives in the spec's arena.
 */
#pragma once

#include <stdbool.h>

#include "lib/arena.h"
#include "lib/err.h"
#include "lib/oci.h"
#include "runtime/annotation.h"

#define GUEST_SHARE "/run/kata-containers/shared/containers" /* where the guest sees the share */
#define GUEST_ROOTS "/run/kata-containers"                   /* ID/rootfs: where a root is mounted that is a disk */
#define GUEST_SHM   "/run/kata-containers/sandbox/shm"

struct guestspec_options {
	const char *id, *bundle;
	enum pod_role role;
	bool keep_seccomp;
	bool is_root_disk;     /* the root file system is a disk of the VM, not in the share */
	const bool *is_guests; /* of each mount: its source is the guest's own; NULL = of none */
};

/* What has to appear in the share. */
struct guestspec_bind {
	const char *source; /* on the host */
	const char *name;   /* below the share's directory */
};

struct guestspec {
	struct guestspec_bind *binds; /* the root file system first */
	size_t n_binds;
	bool is_root_disk;
	bool sandbox_pidns; /* the container shares the sandbox's PID namespace */
};

/* True for a bind mount, whether its type or its options say so. */
bool guestspec_is_bind(const struct oci_mount *m);

/* Takes out of the resources what means something on the host only; NULL is fine. */
void guestspec_constrain_resources(struct oci_resources *r);

/* Changes the spec; -EOPNOTSUPP names what is not done yet. */
int guestspec_constrain(struct arena *arena, struct oci_spec *spec, const struct guestspec_options *o,
                        struct guestspec *ret, struct err *err);
