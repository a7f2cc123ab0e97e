/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Can KVM boot a guest on this machine? A /dev/kvm that opens is no proof (nested machines), so a kernel is booted
 * once; the verdict is kept in /run for this boot, kernel and QEMU version, in the file that scripts/kvm-usable shares.
 * Blocking, some seconds: for verbs.
 */
#pragma once

#include <stdbool.h>

#include "lib/err.h"
#include "runtime/config.h"

/* True if the sandbox shall use KVM: what `accel` says, or the probe's verdict. */
bool kvm_is_wanted(const struct config_hypervisor *c);

/* The verdict that was kept: 1 = KVM boots guests, 0 = it does not, -1 = nobody has tried. */
int kvm_recall(const struct config_hypervisor *c);

/* Boots a kernel with KVM now, whatever was found before, and keeps the verdict. */
bool kvm_try(const struct config_hypervisor *c);
