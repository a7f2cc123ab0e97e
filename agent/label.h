/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Labels of the kernel's security modules for a container's program: an SELinux label is an error where SELinux is not
 * enabled, an AppArmor profile is applied where the kernel has AppArmor and left out where not (as Kata always did); in
 * a guest also where it knows no such profile, for then it is one of the host's.
 */
#pragma once

#include <stdbool.h>

#include "lib/err.h"
#include "lib/oci.h"

/* What the kernel has; found in its creator's /sys. */
struct label_host {
	bool selinux, apparmor;
	bool may_lack; /* an AppArmor profile that the kernel does not know is left out; set by the caller */
};

/* Looks below sys (a directory fd of a sysfs). */
void label_host_init(struct label_host *host, int sys);

/* An error if the process wants a label that this kernel cannot give. */
int label_check(const struct label_host *host, const struct oci_process *process, struct err *err);

/* Sets what the next exec of the calling process gets; proc is our own procfs of our pid namespace. */
int label_apply(const struct label_host *host, int proc, const struct oci_process *process, struct err *err);
