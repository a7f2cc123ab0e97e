/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one road from a request frame to its handler: envelope, method, decoding, logging. Owns nothing.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct rpc_conn;
struct rpc_call;

/* Turns the payload of a request frame into a call and hands it to its handler, or answers why not. */
void rpc_dispatch(struct rpc_conn *conn, uint32_t stream, const uint8_t *data, size_t len);

/* Logs a failed call with its method and the ids that it named. */
void rpc_log_failure(const struct rpc_call *call, int code, const char *text);
