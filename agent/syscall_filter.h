/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's seccomp filter: compiled from the spec into BPF by whoever creates the process, so that nothing is left
 * to the child but to hand it to the kernel. System calls that libseccomp does not know are left out, since profiles
 * name those of all architectures and kernels; an action, operator, architecture or flag that nobody knows is an error
 * that names it. A profile that forbids what it does not name cannot have meant calls that are newer than it: above the
 * highest number that it names they answer ENOSYS, which C libraries know how to handle, and not what the profile says
 * (as runc does).
 */
#pragma once

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "lib/mem.h"
#include "lib/oci.h"

/* Owned by the caller; all zeroes = no filter. */
struct syscall_filter {
	struct sock_filter *code;
	unsigned short n;
	unsigned flags; /* SECCOMP_FILTER_FLAG_* */
	bool notifies;  /* somebody has to hold its listener */
};

#define _autofilter_ _cleanup_(syscall_filter_done)

/* Compiles; a NULL spec is no filter. -EINVAL names the word that is wrong. */
int syscall_filter_build(const struct oci_seccomp *spec, struct syscall_filter *ret, struct err *err);

/*
 * Puts it into force for the calling process, for ever; nothing happens if there is none. With filter->notifies
 * *ret_listener is the caller's: an fd that has to get to the agent of the spec's listenerPath.
 */
int syscall_filter_load(const struct syscall_filter *filter, int *ret_listener, struct err *err);

/* Frees the code. */
void syscall_filter_done(struct syscall_filter *filter);
