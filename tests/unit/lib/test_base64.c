/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base64.h"

#include <errno.h>
#include <string.h>

#include "tests/lib/unit.h"

static void known_values(void **state)
{
	static const struct {
		const char *plain, *encoded;
	} table[] = {
		{ "", "" },        { "f", "Zg==" },        { "fo", "Zm8=" },
		{ "foo", "Zm9v" }, { "foob", "Zm9vYg==" }, { "\xfb\xff\xbf", "+/+/" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		uint8_t plain[16];
		char text[16];
		size_t n = strlen(table[i].plain);

		base64_encode((const uint8_t *)table[i].plain, n, text);
		assert_string_equal(text, table[i].encoded);
		assert_int_equal(strlen(text), base64_encoded_size(n));
		assert_int_equal(base64_decode(text, strlen(text), plain), n);
		assert_memory_equal(plain, table[i].plain, n);
	}
}

static void lenient_and_strict(void **state)
{
	static const struct {
		const char *text;
		ssize_t expected;
	} table[] = {
		{ "Zg", 1 },           { "Zm8", 2 },        { "-_-_", 3 },
		{ "Z", -EINVAL },      { "Zg=", -EINVAL },  { "Zg= =", -EINVAL },
		{ "Zm 9v", -EINVAL },  { "====", -EINVAL }, { "Zg==Zg==", -EINVAL },
		{ "Zm9v\n", -EINVAL },
	};
	uint8_t plain[16];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (base64_decode(table[i].text, strlen(table[i].text), plain) != table[i].expected)
			fail_msg("%s", table[i].text);
}

int test_base64(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_values),
		cmocka_unit_test(lenient_and_strict),
	};

	return cmocka_run_group_tests_name("base64", tests, NULL, NULL);
}
