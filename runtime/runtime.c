/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/runtime.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/mem.h"
#include "runtime/logline.h"
#include "runtime/place.h"

/* Who asks for a log wants to read there what went wrong. */
static int check_log(const char *path, struct err *err)
{
	FILE *log = fopen(path, "ae");

	if (!log)
		return err_set(err, errno, "open the log '%s'", path);
	(void)fclose(log);
	return 0;
}

int runtime_init(struct runtime *rt, struct err *err)
{
	if (rt->log_format && strcmp(rt->log_format, "text") != 0 && strcmp(rt->log_format, "json") != 0)
		return err_say(err, EINVAL, "unknown log-format \"%s\"", rt->log_format);
	if (rt->rootless && strcmp(rt->rootless, "true") == 0)
		return err_say(err, EOPNOTSUPP, "--rootless: a VM needs root");
	if (!rt->root)
		rt->root = PLACE_ROOT;
	if (rt->root[0] != '/')
		return err_say(err, EINVAL, "--root '%s': not an absolute path", rt->root);
	/* It would begin another option of QEMU's or virtiofsd's. */
	if (strchr(rt->root, ','))
		return err_say(err, EINVAL, "--root '%s': a path with a comma cannot be told to QEMU", rt->root);
	return rt->log ? check_log(rt->log, err) : 0;
}

/* To the logs alone: what goes wrong there must not become the verb's failure. */
static void write_log(const struct runtime *rt, const char *level, const char *text)
{
	bool is_json = rt->log_format && strcmp(rt->log_format, "json") == 0;
	_autobuf_ struct buf line = BUF_INIT;
	FILE *log = rt->log ? fopen(rt->log, "ae") : NULL;

	if (log && logline_format(is_json, level, text, &line) == 0)
		(void)fputs(buf_str(&line), log);
	if (log)
		(void)fclose(log);
	logline_to_syslog(level, text);
}

void runtime_log(const struct runtime *rt, const char *level, const char *fmt, ...)
{
	_autofree_ char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		text = NULL;
	else
		write_log(rt, level, text);
}

void runtime_log_error(const struct runtime *rt, const struct err *err)
{
	write_log(rt, "error", err_text(err));
	(void)fprintf(stderr, "kata-runtime: %s\n", err_text(err));
}
