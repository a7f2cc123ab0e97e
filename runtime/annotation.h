/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What annotations of a container's spec say to the runtime: whether it is a sandbox or a container in one, and which
 * keys of the configuration they change, as far as the configuration allows that.
 */
#pragma once

#include <stdint.h>

#include "lib/err.h"
#include "lib/oci.h"
#include "runtime/config.h"

#define ANNOTATION_PREFIX "io.katacontainers.config." /* of those that change the configuration */

enum pod_role {
	POD_SINGLE_CONTAINER, /* a sandbox of its own, named as the container */
	POD_SANDBOX,
	POD_CONTAINER, /* joins the sandbox that is named */
};

/*
 * The role that containerd's CRI, CRI-O, dockershim or podman gave; *ret_sandbox is set for POD_CONTAINER, owned by the
 * pairs.
 */
int annotation_role(const struct oci_pairs *annotations, enum pod_role *ret, const char **ret_sandbox, struct err *err);

/* "pod_sandbox", "pod_container" or "single_container", as the agent is told. */
const char *annotation_role_name(enum pod_role role);

/*
 * Applies io.katacontainers.config.*: keys of the hypervisor only if enable_annotations has a pattern for them, paths
 * only if they match their globs (config_check is the caller's next step). A denied or bad one is an error.
 */
int annotation_apply(struct config *c, const struct oci_pairs *annotations, struct err *err);

/* The pod's size as containerd's CRI tells it with the sandbox; 0 = not told. */
struct annotation_size {
	int64_t cpu_quota, cpu_period, cpu_shares; /* quota and period in microseconds */
	int64_t memory;                            /* bytes */
};

/* Reads io.kubernetes.cri.sandbox-*; a bad number is an error. */
int annotation_size(const struct oci_pairs *annotations, struct annotation_size *ret, struct err *err);
