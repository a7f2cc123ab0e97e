/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stages that turn a kernel's first process into an agent: mounts, modules, the way out of the initramfs, cgroups,
 * protection. Each can be skipped where somebody has done it already (a container, an init system, the test harness).
 * A failure of a stage that is needed is the caller's to announce.
 */
#pragma once

#include <stdbool.h>

#include "agent/cgroups/cgroup.h"
#include "agent/console.h"
#include "lib/err.h"

#define BOOT_MODULES_FILE  "/etc/kata-agent/modules"
#define BOOT_MANIFEST_FILE "/etc/kata-agent/manifest"
#define BOOT_PROGRAM       "/usr/bin/kata-agent" /* the agent, once the initramfs is left */
#define BOOT_RELOCATED_ENV "KATA_AGENT_RELOCATED"

/* proc, sys, dev, dev/pts, dev/shm, run, tmp, each unless it is mounted already; /dev/ptmx and the standard links. */
int boot_mount(struct err *err);

/* Loads the modules of the builder's list; each failure is said on the console and skipped. Number loaded or -errno. */
int boot_load_modules(struct console *console, struct err *err);

/* True if boot_relocate has something to do, and will execute us again. */
bool boot_must_relocate(void);

/*
 * Leaves the initramfs: copies what the manifest says is kept to a tmpfs, frees the rest, makes the tmpfs "/" and
 * executes ourselves there. Returns 0 if there is nothing to leave (not an initramfs, or done already).
 */
int boot_relocate(struct err *err);

/* True if something is mounted exactly there; needs no /proc. */
bool boot_is_mount_point(const char *path);

/*
 * Mounts cgroup2, or below a tmpfs every v1 controller that the kernel has, unless something is mounted there. A kernel
 * that has none of v1 gets cgroup2, which is said (boot_cgroups.c).
 */
int boot_mount_cgroups(struct console *console, bool unified, struct err *err);

/* Host name, loopback up, PATH: small things that the kernel leaves to init. Failures are said and skipped. */
void boot_set_identity(struct console *console);

/* Memory locked, lowest oom_score_adj, own cgroup, subreaper. Failures are said and skipped. */
void boot_protect(struct console *console);
