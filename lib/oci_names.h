/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of the OCI specification that stand for a number, a letter or one of a fixed set; the more common half is in
 * lib/oci.h. No memory, no state.
 */
#pragma once

#include <stdbool.h>

/* CAP_NET_RAW to "CAP_NET_RAW", NULL for a number without a name. */
const char *oci_capability_name(int number);

/* RLIMIT_NOFILE to "RLIMIT_NOFILE", or NULL. */
const char *oci_rlimit_name(int resource);

/* CLONE_NEWNS to "mount" and so on, the spelling of the specification, or NULL. */
const char *oci_namespace_name(int flag);

/* True for SCMP_ACT_* names that the specification knows. */
bool oci_is_seccomp_action(const char *name);

/* True for SCMP_CMP_* names that the specification knows. */
bool oci_is_seccomp_op(const char *name);

/* "c", "b", "u" or "p" to the letter, or -EINVAL. */
int oci_device_type_parse(const char *name);

/* "a", "c" or "b" to the letter, "" to 'a', or -EINVAL. */
int oci_device_rule_type_parse(const char *name);

/* A subset of "rwm" in this order, all of it for ""; -EINVAL for other letters. */
int oci_device_access_parse(const char *text, char ret[4]);
