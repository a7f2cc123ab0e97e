/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's table of mounts. */
#include <string.h>

#include "lib/mountinfo.h"
#include "tests/fuzz/fuzz.h"

static int look(const struct mountinfo_entry *e, void *arg)
{
	(void)arg;
	FUZZ_CHECK(strlen(e->target) + strlen(e->fstype) + strlen(e->source) + strlen(e->root) +
	                   strlen(e->fs_options) <=
	           FUZZ_INPUT_MAX);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_autofree_ char *text = calloc(1, size + 1);

	if (!text || size > FUZZ_INPUT_MAX)
		return 0;
	if (size > 0)
		memcpy(text, data, size);
	FUZZ_CHECK(mountinfo_parse(text, look, NULL) <= 0);
	return 0;
}
