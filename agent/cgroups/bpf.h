/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device filter of cgroup v2: rules become an eBPF program, the program is attached to a cgroup. The kernel owns
 * what was attached and frees it with the cgroup.
 */
#pragma once

#include <stddef.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/oci.h"

/*
 * Appends the instructions (struct bpf_insn) for these rules. Each kind of access is decided by the last rule that
 * matches the device and names it; what no rule names is denied.
 */
int cgroup_bpf_build(const struct oci_device_rule *rules, size_t n, struct buf *out);

/*
 * Builds, loads and attaches the program to the cgroup that dir is an fd of; path is for messages. Where the kernel
 * takes no program at all, as cgroup_bpf_probe has it, there is no filter, and no error.
 */
int cgroup_bpf_attach(int dir, const char *path, const struct oci_device_rule *rules, size_t n, struct err *err);

/* 1 if this kernel, and our rights, allow device programs, 0 if not, -errno if that can't be said. */
int cgroup_bpf_probe(void);
