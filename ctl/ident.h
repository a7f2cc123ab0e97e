/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names for containers and processes that the user did not name, and signals by name. Owns nothing.
 */
#pragma once

#define IDENT_SIZE     32
#define IDENT_HEX_SIZE 65

/* Writes PREFIX and random hexadecimal digits to out[IDENT_SIZE]; returns out. */
char *ident_make(char *out, const char *prefix);

/* Writes 64 random hexadecimal digits to out[IDENT_HEX_SIZE], as container managers name things; 0 or -errno. */
int ident_make_hex(char *out);

/* "TERM", "SIGTERM", "term" or "15" to 15; -EINVAL. */
int ident_parse_signal(const char *text);
