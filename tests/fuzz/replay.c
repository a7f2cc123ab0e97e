/* SPDX-License-Identifier: Apache-2.0 */
/* Feeds files to a fuzz target, once each: replay_X FILE... Fails when there is none. */
#include <stdio.h>

#include "lib/mem.h"
#include "tests/fuzz/fuzz.h"

static int replay(const char *path)
{
	_autofree_ uint8_t *data = NULL;
	static char room[FUZZ_INPUT_MAX];
	FILE *f = fopen(path, "re");
	size_t n;

	if (!f) {
		perror(path);
		return -1;
	}
	n = fread(room, 1, sizeof(room), f);
	(void)fclose(f);
	/* exactly as long as the input, so that a sanitizer sees a read beyond its end */
	data = malloc(n ? n : 1);
	if (!data)
		return -1;
	for (size_t i = 0; i < n; i++)
		data[i] = (uint8_t)room[i];
	return LLVMFuzzerTestOneInput(data, n);
}

int main(int argc, char **argv)
{
	int failed = argc < 2;

	for (int i = 1; i < argc; i++)
		failed |= replay(argv[i]) != 0;
	(void)printf("%s: %d inputs\n", argv[0], argc - 1);
	return failed;
}
