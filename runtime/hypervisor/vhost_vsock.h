/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host kernel's vsock for guests, /dev/vhost-vsock: claims a context id that no other guest of the machine has. The
 * fd is the claim; QEMU gets it. Does not connect anywhere.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

/* True if the machine has it. */
bool vhost_vsock_exists(void);

/* True if the sandbox shall use it: what `vsock_backend` says, or, with "auto", whether it opens. */
bool vhost_vsock_is_wanted(const char *backend);

/* The fd of a claim, the caller's, or -errno; *ret_cid is the id, never below 3. */
int vhost_vsock_claim(uint32_t *ret_cid, struct err *err);
