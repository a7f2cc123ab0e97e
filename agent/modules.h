/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel modules on demand: by name or by the alias that the kernel asks with ("fs-xfs"), with what they depend on, in
 * order. Where they are says the builder's list (/etc/kata-agent/modules.demand), or else depmod's files below
 * /lib/modules/RELEASE. Stateless, blocks: for jobs. Modules of the boot are boot.h's business.
 */
#pragma once

#include <stdbool.h>

#include "lib/err.h"
#include "lib/oci.h"

#define MODULES_LIST   "/etc/kata-agent/modules.demand" /* NAME[,ALIAS]... FILE..., the last file is the module's */
#define MODULES_HELPER "modprobe"                       /* our name when the kernel asks for a module */

/* A module that the host asks for with CreateSandbox. */
struct module_config {
	char *name;
	struct oci_strings parameters;
};

/*
 * Loads the module below the root directory fd ("/"; tests have their own) unless it is there. Parameters are the named
 * module's. -ENOENT if there is no such module; the error names module and file.
 */
int modules_load(int root, const char *name, const struct oci_strings *parameters, struct err *err);

/*
 * What a kernel command line says for the module in a file: "scsi_mod.scan=none" is "scan=none" of scsi_mod.ko, since
 * the kernel itself only looks at those of what is built in. Space-separated in ret, "" if nothing; -E2BIG.
 */
int modules_find_parameters(const char *cmdline, const char *file, char *ret, size_t size);

/* True if the file, below /lib/modules/RELEASE, belongs to a kernel of another release. */
bool modules_is_foreign(const char *file, const char *release);

/* True if the program was called as the kernel's helper. */
bool modules_is_helper(const char *argv0);

/* The helper: `modprobe [-OPTION]... NAME [PARAMETER]...`; an exit status. What is unknown is no news, the rest is
 * said. */
int modules_run_helper(int argc, char **argv);

/* Makes the program at the path, the agent, the kernel's helper, if the builder has left a list and the image has no
 * modprobe of its own. */
int modules_serve_kernel(const char *program, struct err *err);
