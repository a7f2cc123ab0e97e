/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU's command line for a virtual machine; pure: what it names is made by others. */
#pragma once

#include "lib/arena.h"
#include "lib/err.h"
#include "runtime/hypervisor/vm.h"

/* True if CPUs and memory can be added to the configured machine while it runs. */
bool qemu_args_has_hotplug(const struct vm_spec *vm);

/* Behind how many PCI bridges disks are plugged in; 0 = into the SCSI controller. */
unsigned qemu_args_count_disk_bridges(const struct vm_spec *vm);

/* True if the guest sees the configured image as an NVDIMM, false if as a disk (or there is none). */
bool qemu_args_is_image_nvdimm(const struct vm_spec *vm);

/* True if what the guest's kernel says before it has its console is listened to, and the machine has a port for it. */
bool qemu_args_has_early(const struct vm_spec *vm);

/* NULL-terminated argv in the arena, or NULL and the error. Fds keep their numbers. */
char **qemu_args(struct arena *arena, const struct vm_spec *vm, struct err *err);
