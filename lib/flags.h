/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options as runc's users write them: "--name value", "--name=value", one dash or two, letters, flags with "=false".
 * A table says which member of a verb's struct an option fills, and prints the help. Strings point into argv.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/err.h"

enum flag_kind {
	FLAG_BOOL,   /* bool */
	FLAG_TEXT,   /* const char * */
	FLAG_LIST,   /* struct flag_list: may come again */
	FLAG_NUMBER, /* struct flag_number */
};

#define FLAG_LIST_MAX 1024

struct flag_list {
	const char **v;
	size_t n;
};

struct flag_number {
	bool is_set;
	int64_t value;
};

struct flag {
	const char *name; /* NULL ends the table */
	char letter;      /* 0 = long form only */
	enum flag_kind kind;
	size_t offset; /* of the member */
	const char *help;
};

/*
 * Parses argv[0..*argc) into the struct `into` and leaves the operands, in order, in argv[0..*argc). With `stop` the
 * first operand ends the options, "--" always does and is dropped. An unknown option or a bad value is -EINVAL.
 */
int flags_parse(const struct flag *table, void *into, bool stop, int *argc, char **argv, struct err *err);

/* Prints the table as help. */
void flags_print(const struct flag *table, FILE *to);

/* Frees a list's memory, not its strings. */
void flag_list_done(struct flag_list *list);

/* A whole decimal number with an optional sign and nothing behind it; 0 or -EINVAL. */
int flag_parse_number(const char *text, int64_t *ret);

/* A duration of Go with one unit, as 5s, 500ms, 1m, at most a day, in milliseconds; 0 or -EINVAL. */
int flag_parse_interval(const char *text, int *ret);
