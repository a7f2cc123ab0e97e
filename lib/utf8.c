/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/utf8.h"

#include <string.h>

static bool in_range(uint8_t c, uint8_t low, uint8_t high)
{
	return c >= low && c <= high;
}

/* The second byte's range shuts out overlong forms and surrogates. */
size_t utf8_char_len(const void *text, size_t n)
{
	const uint8_t *s = text;
	uint8_t low = 0x80, high = 0xbf;
	size_t len;

	if (n == 0)
		return 0;
	if (s[0] < 0x80)
		return 1;
	if (in_range(s[0], 0xc2, 0xdf))
		len = 2;
	else if (in_range(s[0], 0xe0, 0xef))
		len = 3;
	else if (in_range(s[0], 0xf0, 0xf4))
		len = 4;
	else
		return 0;
	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	if (n < len || !in_range(s[1], low, high))
		return 0;
	for (size_t i = 2; i < len; i++)
		if (!in_range(s[i], 0x80, 0xbf))
			return 0;
	return len;
}

uint32_t utf8_decode(const void *text, size_t len)
{
	const uint8_t *s = text;
	uint32_t point = len > 1 ? s[0] & (0x7fu >> len) : s[0];

	for (size_t i = 1; i < len; i++)
		point = point << 6 | (s[i] & 0x3f);
	return point;
}

bool utf8_is_valid(const void *text, size_t n)
{
	const uint8_t *s = text;

	for (size_t i = 0; i < n;) {
		size_t len = utf8_char_len(s + i, n - i);

		if (len == 0)
			return false;
		i += len;
	}
	return true;
}

void utf8_clean(char *text, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t len = utf8_char_len(text + i, n - i);

		if (len == 0) {
			text[i] = '?';
			len = 1;
		}
		i += len;
	}
}
