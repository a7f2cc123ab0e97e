/* SPDX-License-Identifier: Apache-2.0 */
/* config.json: what is taken prints as something that is taken, and prints the same again. */
#include <errno.h>
#include <string.h>

#include "lib/oci.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_autobuf_ struct buf first = BUF_INIT, second = BUF_INIT;
	struct oci_spec *spec = NULL, *again = NULL;
	struct err err = ERR_INIT;
	struct arena arena;

	arena_init(&arena, 64u << 20);
	if (oci_spec_parse(&arena, (const char *)data, size, &spec, NULL) == 0 && oci_spec_format(spec, &first) == 0) {
		if (oci_spec_parse(&arena, buf_str(&first), first.len, &again, &err) < 0) {
			FUZZ_CHECK(err.num == ENOMEM);
		} else {
			FUZZ_CHECK(oci_spec_format(again, &second) == 0);
			FUZZ_CHECK(strcmp(buf_str(&first), buf_str(&second)) == 0);
		}
	}
	arena_done(&arena);
	return 0;
}
