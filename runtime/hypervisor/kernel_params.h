/* SPDX-License-Identifier: Apache-2.0 */
/* The guest kernel's command line for a virtual machine; pure. */
#pragma once

#include "lib/arena.h"
#include "runtime/hypervisor/vm.h"

/* The command line, in the arena; NULL when memory is out. */
char *kernel_params(struct arena *arena, const struct vm_spec *vm);
