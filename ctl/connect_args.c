/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/connect_args.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum kind {
	KIND_PLAIN, /* none of ours, or an operand */
	KIND_COMMANDS,
	KIND_FLAG,
	KIND_VALUE,
};

static const struct {
	const char *name;
	char letter;
	enum kind kind;
} known[] = {
	{ "cmd", 'c', KIND_COMMANDS },        { "interactive", 'i', KIND_FLAG },
	{ "ignore-errors", 0, KIND_FLAG },    { "hybrid-vsock", 0, KIND_FLAG },
	{ "no-auto-values", 'n', KIND_FLAG }, { "server-address", 0, KIND_VALUE },
	{ "bundle-dir", 0, KIND_VALUE },      { "hybrid-vsock-port", 0, KIND_VALUE },
	{ "timeout", 0, KIND_VALUE },         { "vm", 0, KIND_VALUE },
	{ "repeat", 0, KIND_VALUE },          { "address", 0, KIND_VALUE },
	{ "log-level", 'l', KIND_VALUE },
};

struct rewriter {
	char **in, **out;
	int n_in, next, n_out;
	enum kind last; /* of the option that a bare word would belong to */
};

static enum kind find_long(const char *name, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (strlen(known[i].name) == n && memcmp(known[i].name, name, n) == 0)
			return known[i].kind;
	}
	return KIND_PLAIN;
}

static enum kind find_letter(char letter)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (known[i].letter != 0 && known[i].letter == letter)
			return known[i].kind;
	}
	return KIND_PLAIN;
}

static bool is_no(const char *word)
{
	static const char *const words[] = { "false", "no", "off", "0" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcasecmp(word, words[i]) == 0)
			return true;
	}
	return false;
}

static void take_next(struct rewriter *w)
{
	if (w->next < w->n_in)
		w->out[w->n_out++] = w->in[w->next++];
}

static void rewrite_long(struct rewriter *w, char *word)
{
	char *equals = strchr(word, '=');
	enum kind kind = find_long(word + 2, equals ? (size_t)(equals - word - 2) : strlen(word + 2));

	w->last = kind;
	if (equals && kind == KIND_FLAG) {
		w->last = KIND_PLAIN;
		if (is_no(equals + 1))
			return;
		*equals = '\0';
	}
	w->out[w->n_out++] = word;
	if (!equals && (kind == KIND_COMMANDS || kind == KIND_VALUE))
		take_next(w);
}

/* "-n=true", "-in=no": the value belongs to the last letter. */
static void rewrite_equals(struct rewriter *w, char *word, char *equals)
{
	w->last = KIND_PLAIN;
	*(is_no(equals + 1) ? equals - 1 : equals) = '\0';
	if (word[1] != '\0')
		w->out[w->n_out++] = word;
}

/* A bunch of letters ends with the first one that has a value. */
static void rewrite_letters(struct rewriter *w, char *word)
{
	char *p = word + 1;
	enum kind kind = find_letter(*p);

	while (kind == KIND_FLAG && p[1] != '\0' && p[1] != '=')
		kind = find_letter(*++p);
	if (p[1] == '=' && kind == KIND_FLAG) {
		rewrite_equals(w, word, p + 1);
		return;
	}
	if (p[1] == '=')
		(void)memmove(p + 1, p + 2, strlen(p + 2) + 1);
	/* A "no" behind several flags would not say which. */
	w->last = kind == KIND_FLAG && p != word + 1 ? KIND_PLAIN : kind;
	w->out[w->n_out++] = word;
	if ((kind == KIND_COMMANDS || kind == KIND_VALUE) && p[1] == '\0')
		take_next(w);
}

static void rewrite_bare(struct rewriter *w, char *word)
{
	static char command[] = "--cmd";

	if (w->last == KIND_COMMANDS) {
		w->out[w->n_out++] = command;
		w->out[w->n_out++] = word;
		return;
	}
	if (w->last == KIND_FLAG)
		w->n_out -= is_no(word) ? 1 : 0;
	else
		w->out[w->n_out++] = word;
	w->last = KIND_PLAIN;
}

int connect_args_rewrite(int argc, char **argv, struct arena *arena, int *ret_argc, char ***ret_argv, struct err *err)
{
	struct rewriter w = { .in = argv, .n_in = argc };

	w.out = arena_array(arena, 2 * (size_t)argc + 1, sizeof(*w.out));
	if (!w.out)
		return err_set(err, ENOMEM, "read the command line");
	while (w.next < w.n_in) {
		char *word = w.in[w.next++];

		if (strcmp(word, "--") == 0) {
			w.out[w.n_out++] = word;
			while (w.next < w.n_in)
				take_next(&w);
		} else if (word[0] != '-' || word[1] == '\0') {
			rewrite_bare(&w, word);
		} else if (word[1] == '-') {
			rewrite_long(&w, word);
		} else {
			rewrite_letters(&w, word);
		}
	}
	*ret_argc = w.n_out;
	*ret_argv = w.out;
	return 0;
}
