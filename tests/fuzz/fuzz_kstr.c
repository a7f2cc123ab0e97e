/* SPDX-License-Identifier: Apache-2.0 */
/* The stream port's header. It may arrive in pieces: what the whole says, every prefix must not contradict. */
#include <string.h>

#include "lib/kstr.h"
#include "lib/utf8.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct kstr_header h, again;
	uint8_t packed[KSTR_HEADER_MAX];
	size_t n = size < KSTR_HEADER_MAX ? size : KSTR_HEADER_MAX;
	int r = kstr_header_parse(data, n, &h);

	FUZZ_CHECK(r <= (int)n);
	/* A full kibibyte is a header, or never becomes one. */
	FUZZ_CHECK(r != 0 || n < KSTR_HEADER_MAX);
	if (r > 0) {
		FUZZ_CHECK(h.kind < KSTR_KIND_MAX && utf8_is_valid(h.cid, strlen(h.cid)));
		FUZZ_CHECK(kstr_header_pack(h.kind, h.flags, h.offset, h.cid, h.eid, packed) == r);
		FUZZ_CHECK(memcmp(packed, data, (size_t)r) == 0);
	}
	for (size_t k = 0; k < n; k++) {
		int part = kstr_header_parse(data, k, &again);

		FUZZ_CHECK(part == 0 || part == r);
		FUZZ_CHECK(part <= 0 || (size_t)part <= k);
		if (part < 0)
			break;
	}
	return 0;
}
