/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base64 as JSON carries bytes: writes the standard alphabet with padding, reads the standard and the URL alphabet with
 * or without padding. Memory is the caller's.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Characters that n bytes become, without the NUL. */
static inline size_t base64_encoded_size(size_t n)
{
	return (n + 2) / 3 * 4;
}

/* Bytes that n characters become at most. */
static inline size_t base64_decoded_max(size_t n)
{
	return n / 4 * 3 + 3;
}

/* Writes base64_encoded_size(n) characters and a NUL to out. */
void base64_encode(const uint8_t *data, size_t n, char *out);

/* Writes at most base64_decoded_max(n) bytes to out; returns how many, or -EINVAL. */
ssize_t base64_decode(const char *text, size_t n, uint8_t *out);
