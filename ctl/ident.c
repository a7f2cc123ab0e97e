/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ident.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

char *ident_make(char *out, const char *prefix)
{
	uint64_t number;

	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != (ssize_t)sizeof(number))
		number = (uint64_t)time(NULL) << 32 | (uint64_t)getpid();
	(void)snprintf(out, IDENT_SIZE, "%s-%012llx", prefix, (unsigned long long)(number & 0xffffffffffff));
	return out;
}

int ident_make_hex(char *out)
{
	uint8_t bytes[(IDENT_HEX_SIZE - 1) / 2];
	ssize_t n = getrandom(bytes, sizeof(bytes), 0);

	/* So few bytes come all at once. */
	if (n != (ssize_t)sizeof(bytes))
		return n < 0 ? -errno : -EIO;
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

int ident_parse_signal(const char *text)
{
	const char *name;
	char *end;
	long number;

	if (isdigit((unsigned char)text[0])) {
		number = strtol(text, &end, 10);
		return *end == '\0' && number > 0 && number < NSIG ? (int)number : -EINVAL;
	}
	if (strncasecmp(text, "SIG", 3) == 0)
		text += 3;
	for (int i = 1; i < NSIG; i++) {
		name = sigabbrev_np(i);
		if (name && strcasecmp(name, text) == 0)
			return i;
	}
	return -EINVAL;
}
