/* SPDX-License-Identifier: Apache-2.0 */
/* CDI's edits: the first line is an annotation, the rest edits of a specification, which can be written afterwards. */
#include <string.h>

#include "agent/cdi.h"
#include "tests/fuzz/fuzz.h"

static const char base[] =
	"{\"ociVersion\":\"1.1.0\",\"process\":{\"args\":[\"sh\"],\"env\":[\"A=1\"],\"cwd\":\"/\"},"
	"\"root\":{\"path\":\"/r\"},\"mounts\":[{\"destination\":\"/a\",\"source\":\"x\",\"type\":\"bind\"}]}";

static void find(struct arena *arena, const struct oci_spec *spec)
{
	struct oci_strings wanted;
	struct err err = ERR_INIT;
	int r = cdi_find_wanted(arena, spec, &wanted, &err);

	FUZZ_CHECK(r == 0 ? wanted.n <= CDI_DEVICES_MAX : err.num == -r && err.text[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = memchr(data, '\n', size);
	_autobuf_ struct buf text = BUF_INIT;
	struct oci_spec *spec = NULL;
	struct err err = ERR_INIT;
	struct arena arena;
	int r;

	if (!end)
		return 0;
	arena_init(&arena, 0);
	FUZZ_CHECK(oci_spec_parse(&arena, base, sizeof(base) - 1, &spec, &err) == 0);
	spec->annotations.v = arena_array(&arena, 1, sizeof(*spec->annotations.v));
	spec->annotations.n = 1;
	spec->annotations.v[0].key = arena_strdup(&arena, "cdi.k8s.io/x");
	spec->annotations.v[0].value = arena_printf(&arena, "%.*s", (int)(end - data), (const char *)data);
	find(&arena, spec);
	r = cdi_apply(&arena, spec, (const char *)end + 1, size - (size_t)(end + 1 - data), &err);
	FUZZ_CHECK(r == 0 || (r < 0 && err.num == -r && err.text[0]));
	if (r == 0)
		FUZZ_CHECK(oci_spec_format(spec, &text) == 0);
	arena_done(&arena);
	return 0;
}
