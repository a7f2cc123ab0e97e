/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/signame.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "lib/flags.h"

static int parse_realtime(const char *text)
{
	int64_t offset = 0;
	int base, signo;

	if (strncasecmp(text, "RTMIN", 5) == 0)
		base = SIGRTMIN;
	else if (strncasecmp(text, "RTMAX", 5) == 0)
		base = SIGRTMAX;
	else
		return -EINVAL;
	if (text[5] != '\0' && flag_parse_number(text + 5, &offset) < 0)
		return -EINVAL;
	if (offset < -SIGRTMAX || offset > SIGRTMAX)
		return -EINVAL;
	signo = base + (int)offset;
	return signo >= SIGRTMIN && signo <= SIGRTMAX ? signo : -EINVAL;
}

int signame_parse(const char *text)
{
	int64_t number;

	if (flag_parse_number(text, &number) == 0)
		return number > 0 && number <= SIGRTMAX ? (int)number : -EINVAL;
	if (strncasecmp(text, "SIG", 3) == 0)
		text += 3;
	for (int i = 1; i < 32; i++) {
		const char *name = sigabbrev_np(i);

		if (name && strcasecmp(name, text) == 0)
			return i;
	}
	if (strcasecmp(text, "IOT") == 0)
		return SIGABRT;
	if (strcasecmp(text, "CLD") == 0)
		return SIGCHLD;
	return parse_realtime(text);
}
