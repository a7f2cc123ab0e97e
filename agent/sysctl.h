/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sysctls of a container: which ones it may ask for, and writing them through a procfs that is ours. Only those that
 * belong to a namespace of the container (or, in a guest, to the pod's network) are let through.
 */
#pragma once

#include <stdbool.h>

#include "lib/err.h"
#include "lib/oci.h"

#define SYSCTL_PATH_MAX 256

/* "net.ipv4.ip_forward" or "net/ipv4/ip_forward" to the path below /proc/sys; -EINVAL for what is no such name. */
int sysctl_path(const char *key, char ret[SYSCTL_PATH_MAX]);

/* Checks all of lin->sysctl; pod_net: our network namespace belongs to the pod, so that "net." needs none of its own.
 */
int sysctl_check(const struct oci_linux *lin, bool pod_net, struct err *err);

/* Writes them through the procfs `proc`. One that this kernel does not have is left out, as Kata always did. */
int sysctl_apply(int proc, const struct oci_pairs *sysctl, struct err *err);
