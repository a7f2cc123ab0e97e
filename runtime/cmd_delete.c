/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/command.h"
#include "runtime/remove.h"

struct delete_options {
	bool force;
};

static const struct flag options[] = {
	{ "force", 'f', FLAG_BOOL, offsetof(struct delete_options, force), "end it first, if it runs" },
	{ 0 },
};

static int run(const struct runtime *rt, void *arg, int argc, char **argv, struct err *err)
{
	const struct delete_options *o = arg;
	int r = 0;

	/* The first that fails does not save the others. */
	for (int i = 0; i < argc; i++) {
		struct err one = ERR_INIT;

		if (remove_container(rt, argv[i], o->force, &one) < 0)
			r = err_copy(err, &one);
	}
	return r;
}

const struct command cmd_delete = {
	"delete",
	"<container-id>...",
	"remove containers, and the VM with the last of a sandbox",
	1,
	-1,
	options,
	sizeof(struct delete_options),
	run,
};
