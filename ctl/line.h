/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One command of `connect`, as it stands behind -c or is typed: a name, then nothing, NAME=VALUE words, json://{...} or
 * file:///x.json. Splits only; it knows no commands. Everything lives in the caller's arena.
 */
#pragma once

#include <stddef.h>

#include "lib/arena.h"
#include "lib/err.h"

enum line_form {
	LINE_NONE,
	LINE_WORDS,
	LINE_JSON,
	LINE_FILE,
};

struct line {
	const char *name; /* "" for a line of blanks or a comment (#) */
	enum line_form form;
	const char *rest; /* behind the name, without blanks at its ends; for JSON and file without the scheme */
};

struct line_pair {
	const char *name, *value;
};

/* Splits a line; -EINVAL if it is no UTF-8, -ENOMEM. */
int line_parse(struct line *ret, struct arena *arena, const char *text, struct err *err);

/* Splits "a=b c=d" at white space; -EINVAL names the word that is no NAME=VALUE. */
int line_parse_pairs(const char *rest, struct arena *arena, struct line_pair **ret, size_t *ret_n, struct err *err);

/* The path behind "file://", or the text itself if it has no scheme. */
const char *line_path(const char *text);
