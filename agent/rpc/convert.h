/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests as the plain structs that the core takes: the last place that knows protobuf. Everything is copied, the
 * results own themselves. Pure.
 */
#pragma once

#include "agent/sandbox.h"
#include "proto/agent.pb-c.h"

/* CreateContainer; *ret is the caller's. -EINVAL without a spec. */
int rpc_container_config(const Grpc__CreateContainerRequest *req, struct container_config **ret, struct err *err);

/* ExecProcess; a process without capabilities gets those of the container's spec. *ret is the caller's. */
int rpc_exec_config(const Grpc__ExecProcessRequest *req, const struct oci_spec *spec, struct exec_config **ret,
                    struct err *err);

/* CreateSandbox; *ret is the caller's. */
int rpc_sandbox_config(const Grpc__CreateSandboxRequest *req, struct sandbox_config **ret, struct err *err);

/* The storages of a request, copied to the arena; -ENOMEM. */
int rpc_storage_configs(struct arena *arena, size_t n, Grpc__Storage **storages, struct storage_config **ret,
                        size_t *ret_n);
