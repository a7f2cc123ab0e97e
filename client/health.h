/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is an agent there: Health.Check and Health.Version on a connection.
 */
#pragma once

#include "client/client.h"

/* Calls Health.Check within timeout_ms; 0, or -errno with a text that says what the agent or the connection said. */
int health_check(struct client *client, unsigned timeout_ms, struct err *err);

/* Calls Health.Version; *ret holds a Grpc__VersionCheckResponse. Errors as health_check. */
int health_version(struct client *client, unsigned timeout_ms, struct client_reply *ret, struct err *err);
