/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is this text UTF-8? Strict: no overlong forms, no surrogates, nothing above U+10FFFF. Peers refuse a whole message
 * for one bad byte, so text of unknown origin is checked or cleaned before it is sent. No locale, no normal forms.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the well-formed character at text, of which n bytes are there; 0 if there is none. */
size_t utf8_char_len(const void *text, size_t n);

/* The code point of a well-formed character of len bytes. */
uint32_t utf8_decode(const void *text, size_t len);

/* True if the n bytes are well-formed UTF-8 (a NUL counts as a character). */
bool utf8_is_valid(const void *text, size_t n);

/* Replaces each byte that belongs to no well-formed character by '?'. */
void utf8_clean(char *text, size_t n);
