/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's packet filter, by the programs of the image: iptables-save and iptables-restore, and theirs for IPv6.
 * They run and are waited for: call this from a job.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"

/* Saves the rules; a memfd with the program's output, which is the caller's. */
int net_iptables_save(bool v6, struct err *err);

/* Restores rules from the text; the error has what the program said. */
int net_iptables_restore(bool v6, const void *text, size_t n, struct err *err);
