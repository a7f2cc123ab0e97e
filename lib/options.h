/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command line options from tables: each option says where its value goes, and the same table prints the help. Values
 * point into argv; only the list of a repeated option is allocated.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/err.h"

enum option_kind {
	OPTION_END,
	OPTION_FLAG,   /* bool */
	OPTION_TEXT,   /* const char * */
	OPTION_LIST,   /* struct option_list: the option may come again */
	OPTION_NUMBER, /* struct option_number: a decimal number, -1 allowed */
	OPTION_BYTES,  /* struct option_number: with K, M, G behind it */
	OPTION_SECONDS /* unsigned, in milliseconds: "1.5" */
};

struct option_list {
	const char **v;
	size_t n;
};

struct option_number {
	bool is_set;
	int64_t value;
};

struct option_spec {
	enum option_kind kind;
	char letter;      /* 0 = long form only */
	const char *name; /* without the dashes */
	const char *arg;  /* what stands for the value in the help */
	void *out;
	const char *help;
};

enum option_result {
	OPTION_OK,
	OPTION_HELP, /* --help was seen */
};

/*
 * Parses argv[0..n) by the tables a and then b (each ends with OPTION_END). Operands are moved to the front of argv, in
 * order; *ret_operands counts them. With `stop`, the first operand ends the options; "--" always does and is dropped.
 * Returns an enum option_result, or -EINVAL with one line.
 */
int options_parse(const struct option_spec *a, const struct option_spec *b, bool stop, int n, char **argv,
                  int *ret_operands, struct err *err);

/* Prints a table as help lines. */
void options_print(const struct option_spec *table, FILE *to);

/* Parses "512M" and the like, or "-1"; 0 or -EINVAL. */
int options_parse_bytes(const char *text, int64_t *ret);

/* Frees a list's memory, not its strings. */
void option_list_done(struct option_list *list);
#define _autolist_ _cleanup_(option_list_done)
