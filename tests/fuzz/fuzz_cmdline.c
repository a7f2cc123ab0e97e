/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel command line, and the configuration file. */
#include <string.h>

#include "agent/options.h"
#include "tests/fuzz/fuzz.h"

static void complain(const char *text)
{
	FUZZ_CHECK(strlen(text) > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct options o;
	char *text = calloc(1, size + 1);

	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	options_init(&o);
	options_parse_cmdline(&o, text, complain);
	options_done(&o);
	options_init(&o);
	options_parse_file(&o, text, complain);
	options_done(&o);
	free(text);
	return 0;
}
