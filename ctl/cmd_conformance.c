/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "ctl/command.h"
#include "ctl/conformance/run.h"

#define CALL_MS 30000

static int run(struct ctl *ctl, const struct ctl_command *self, int argc, char **argv)
{
	struct conform c = { .program_file = "/bin/busybox" };
	struct conform_options o = { .only = NULL };
	const struct option_spec table[] = {
		{ OPTION_TEXT, 0, "case", "GLOB", &o.only, "only the cases of these names, as 'StartContainer/*'" },
		{ OPTION_FLAG, 0, "list", NULL, &o.list, "print the cases and try none" },
		{ OPTION_FLAG, 0, "strict", NULL, &o.strict, "fail for what is stricter than upstream, too" },
		{ OPTION_FLAG, 0, "keep", NULL, &c.keep, "do not destroy the sandbox in the end" },
		{ OPTION_TEXT, 0, "rootfs-in-guest", "PATH", &c.rootfs,
		  "a root file system that the guest sees, with sh" },
		{ OPTION_TEXT, 0, "busybox", "FILE", &c.program_file,
		  "static; copied into the guest without the above" },
		{ OPTION_TEXT, 0, "share-tag", "TAG", &c.share_tag, "a virtio-fs device for the sandbox to mount" },
		{ OPTION_TEXT, 0, "swap-path", "DEV", &c.swap_path, "a device of the guest with swap space on it" },
		{ OPTION_TEXT, 0, "swap-pci", "SLOTS", &c.swap_pci, "the PCI path of another one, as 3 or 2,1" },
		{ .kind = OPTION_END },
	};
	int status;

	if (!ctl_parse(ctl, self, table, false, &argc, argv, 0, 0, &status))
		return status;
	/* Cases connect by themselves, often; this tells what is wrong with the address. */
	status = o.list ? CTL_EXIT_OK : ctl_open(ctl);
	if (status != CTL_EXIT_OK)
		return status;
	ctl_done(ctl);
	c.address = ctl->session.address;
	c.timeout_ms = ctl_timeout(ctl, CALL_MS);
	o.json = ctl->json;
	return conform_run_suites(&c, &o);
}

const struct ctl_command cmd_conformance = {
	.name = "conformance",
	.operands = "",
	.summary = "Judge an agent: does it answer as hosts expect",
	.more = "Wants an agent that nobody uses, and destroys its sandbox in the end. Each case is a line: its "
		"verdict, "
		"whether\n"
		"upstream's agent does the same (compatible) or less (stricter), its name, the reason. Fails if a\n"
		"compatible case failed. docs/CONFORMANCE.md tells more",
	.run = run,
};
