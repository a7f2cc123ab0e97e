/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU's command line for a virtual machine; pure: what it names is made by others. */
#pragma once

#include "lib/arena.h"
#include "lib/err.h"
#include "runtime/hypervisor/vm.h"

/* NULL-terminated argv in the arena, or NULL and the error. Fds keep their numbers. */
char **qemu_args(struct arena *arena, const struct vm_spec *vm, struct err *err);
