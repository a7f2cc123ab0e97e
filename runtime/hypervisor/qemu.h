/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU with the daemons it needs (virtiofsd, the vsock daemon), its monitor and its console. */
#pragma once

#include "runtime/hypervisor/hypervisor.h"

extern const struct hypervisor_ops qemu_ops;
