/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base64.h"

#include <errno.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const uint8_t *data, size_t n, char *out)
{
	for (size_t i = 0; i < n; i += 3) {
		uint32_t group = (uint32_t)data[i] << 16;

		if (i + 1 < n)
			group |= (uint32_t)data[i + 1] << 8;
		if (i + 2 < n)
			group |= data[i + 2];
		*out++ = alphabet[group >> 18];
		*out++ = alphabet[group >> 12 & 63];
		*out++ = i + 1 < n ? alphabet[group >> 6 & 63] : '=';
		*out++ = i + 2 < n ? alphabet[group & 63] : '=';
	}
	*out = '\0';
}

static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	if (c == '/' || c == '_')
		return 63;
	return -EINVAL;
}

ssize_t base64_decode(const char *text, size_t n, uint8_t *out)
{
	uint8_t *start = out;
	uint32_t bits = 0;
	unsigned have = 0;

	if (n >= 4 && n % 4 == 0 && text[n - 1] == '=')
		n -= text[n - 2] == '=' ? 2 : 1;
	if (n % 4 == 1)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		int v = value_of(text[i]);

		if (v < 0)
			return v;
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have >= 8) {
			have -= 8;
			*out++ = (uint8_t)(bits >> have);
		}
	}
	return out - start;
}
