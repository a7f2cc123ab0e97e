/* SPDX-License-Identifier: Apache-2.0 */
/* Frames out of a byte stream. The first byte says into pieces of which size the rest is cut. */
#include "lib/ttrpc.h"
#include "tests/fuzz/fuzz.h"

static int feed(struct ttrpc_cutter *c, const uint8_t *data, size_t n, size_t *frame_bytes)
{
	int event = TTRPC_NEED_MORE;

	while (n > 0 && event != TTRPC_HOPELESS) {
		size_t used = 0;

		event = ttrpc_cutter_feed(c, data, n, &used);
		FUZZ_CHECK(event >= 0 && used <= n);
		FUZZ_CHECK(used > 0 || event != TTRPC_NEED_MORE);
		if (event == TTRPC_FRAME) {
			FUZZ_CHECK(c->header.length <= TTRPC_MESSAGE_MAX);
			/* every byte must be there */
			for (size_t i = 0; i < c->header.length; i++)
				*frame_bytes += c->payload[i] != 0;
		}
		data += used;
		n -= used;
	}
	return event;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ttrpc_cutter c = { .complete = false };
	size_t piece, frame_bytes = 0;

	if (size == 0)
		return 0;
	piece = data[0] ? data[0] : size;
	for (size_t at = 1; at < size; at += piece)
		if (feed(&c, data + at, size - at < piece ? size - at : piece, &frame_bytes) == TTRPC_HOPELESS)
			break;
	FUZZ_CHECK(frame_bytes <= size);
	ttrpc_cutter_done(&c);
	return 0;
}
