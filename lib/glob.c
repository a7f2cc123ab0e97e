/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/glob.h"

#include <stddef.h>
#include <string.h>

/* Where to go on after a star has to take one byte more. */
struct retry {
	const char *pattern, *text; /* behind the star; the first byte it has not taken. NULL = there is none */
};

static bool again(struct retry *retry, bool any, const char **pattern, const char **text)
{
	if (!retry->pattern || *retry->text == '\0' || (!any && *retry->text == '/'))
		return false;
	*text = ++retry->text;
	*pattern = retry->pattern;
	return true;
}

/*
 * A later star makes the earlier ones of its kind needless: what it cannot reach they could not either. Only a `**`
 * reaches further than a `*` behind it, so that one is kept too.
 */
bool glob_match(const char *pattern, const char *text)
{
	struct retry star = { NULL, NULL }, stars = { NULL, NULL };

	if (strnlen(text, GLOB_TEXT_MAX + 1) > GLOB_TEXT_MAX)
		return false;
	for (;;) {
		if (pattern[0] == '*' && pattern[1] == '*') {
			while (*pattern == '*')
				pattern++;
			stars = (struct retry){ pattern, text };
			star.pattern = NULL;
		} else if (pattern[0] == '*') {
			star = (struct retry){ ++pattern, text };
		} else if (*text == '\0' && *pattern == '\0') {
			return true;
		} else if (*text && (*pattern == *text || (*pattern == '?' && *text != '/'))) {
			pattern++;
			text++;
		} else if (!again(&star, false, &pattern, &text)) {
			star.pattern = NULL;
			if (!again(&stars, true, &pattern, &text))
				return false;
		}
	}
}
