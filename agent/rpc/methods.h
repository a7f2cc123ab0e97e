/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of all methods that the agent is asked for, and their handlers. A handler gets a decoded, checked request
 * and answers the call or parks it (call.h). No state.
 */
#pragma once

#include <protobuf-c/protobuf-c.h>

struct rpc_call;

typedef void (*rpc_handler)(struct rpc_call *call);

struct rpc_method {
	const ProtobufCServiceDescriptor *service;
	const ProtobufCMethodDescriptor *descriptor; /* name, request and reply type */
	rpc_handler handler;                         /* NULL = not implemented */
};

/* The service, or NULL. */
const ProtobufCServiceDescriptor *rpc_find_service(const char *name);

/* Finds a method of one of our services: 0, or -ENOENT. */
int rpc_find_method(const ProtobufCServiceDescriptor *service, const char *name, struct rpc_method *ret);
