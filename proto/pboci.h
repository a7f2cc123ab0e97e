/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grpc.Spec, which is how an OCI spec crosses the wire, to struct oci_spec and back. The one place that knows what the
 * wire form cannot say: 0 and "" mean "not given", capabilities may carry JSON quotes, a file mode of 0 is none, major
 * and minor numbers of a device rule are "any" unless above 0. Unknown names are errors that name the member. What is
 * made lives in the arena; from_pb copies strings, to_pb borrows them from the spec.
 */
#pragma once

#include "lib/arena.h"
#include "lib/err.h"
#include "lib/oci.h"
#include "proto/oci.pb-c.h"

/* A spec from its message; -EINVAL, -E2BIG or -ENOMEM. */
int pboci_spec_from_pb(struct arena *arena, const Grpc__Spec *in, struct oci_spec **ret, struct err *err);

/* A process (exec) from its message; errors as above. */
int pboci_process_from_pb(struct arena *arena, const Grpc__Process *in, struct oci_process **ret, struct err *err);

/* Resources (update) from their message; errors as above. */
int pboci_resources_from_pb(struct arena *arena, const Grpc__LinuxResources *in, struct oci_resources **ret,
                            struct err *err);

/* The message for a spec; -ENOMEM. What the wire has no field for is left out: umask, domainname, unified, network. */
int pboci_spec_to_pb(struct arena *arena, const struct oci_spec *in, Grpc__Spec **ret, struct err *err);

/* The message for a process; -ENOMEM. */
int pboci_process_to_pb(struct arena *arena, const struct oci_process *in, Grpc__Process **ret, struct err *err);

/* The message for resources; -ENOMEM. */
int pboci_resources_to_pb(struct arena *arena, const struct oci_resources *in, Grpc__LinuxResources **ret,
                          struct err *err);
