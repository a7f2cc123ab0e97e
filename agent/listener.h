/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of a seccomp listener to its agent: whoever creates the process connects to the spec's listenerPath, the
 * process sends the fd of its filter there together with its state, in one message, and closes both. Owns nothing.
 */
#pragma once

#include "lib/buf.h"
#include "lib/err.h"

/* Connects to the agent's unix stream socket; the fd. */
int listener_connect(const char *path, struct err *err);

/* Sends the listener's fd with the text (oci_process_state_format), by sendmsg(2) alone: the filter is in force. */
int listener_send(int socket, int listener, const struct buf *text, struct err *err);
