/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/processlist.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/jsontext.h"
#include "lib/sys.h"
#include "lib/utf8.h"

#define STAT_MAX      4096
#define PTS_MAJOR     136 /* eight majors of terminals of devpts */
#define PTS_MAJOR_END 144

/* The name may hold blanks and brackets, so what follows is looked for behind the last one. */
bool processlist_parse_stat(const char *text, struct processlist_stat *ret)
{
	const char *open = strchr(text, '('), *close = strrchr(text, ')');
	struct processlist_stat s = { .ppid = 0 };
	uint64_t utime, stime;
	int len;

	if (!open || !close || close < open)
		return false;
	if (sscanf(close + 1,
	           " %*c %d %*d %*d %d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64
	           " %*d %*d %*d %*d %*d %*d %" SCNu64,
	           &s.ppid, &s.tty, &utime, &stime, &s.start_ticks) != 5)
		return false;
	len = (int)(close - open - 1);
	(void)snprintf(s.command, sizeof(s.command), "[%.*s]", len < 60 ? len : 60, open + 1);
	utf8_clean(s.command, strlen(s.command));
	s.cpu_ticks = utime + stime;
	*ret = s;
	return true;
}

static void format_tty(int tty, char *out, size_t n)
{
	unsigned major = ((unsigned)tty >> 8) & 0xfff,
		 minor = ((unsigned)tty & 0xff) | (((unsigned)tty >> 12) & 0xfff00);

	if (major >= PTS_MAJOR && major < PTS_MAJOR_END)
		(void)snprintf(out, n, "pts/%u", (major - PTS_MAJOR) * 256 + minor);
	else
		(void)snprintf(out, n, "%s", tty == 0 ? "?" : "console");
}

/* Arguments are separated by NULs; whoever named itself otherwise is shown so. */
static char *read_command(int dir, const char *fallback)
{
	char *text = NULL;
	size_t n = 0;
	int r = fd_read_file_at(dir, "cmdline", PROCESSLIST_COMMAND_MAX, &text, &n);

	if (r < 0 || n == 0) {
		free(text);
		return strdup(fallback);
	}
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 127)
			text[i] = ' ';
	while (n > 0 && text[n - 1] == ' ')
		text[--n] = '\0';
	utf8_clean(text, n);
	return text;
}

static int fill(struct json_object *o, pid_t pid, uid_t uid, const struct processlist_stat *s, const char *command)
{
	uint64_t hz = (uint64_t)sysconf(_SC_CLK_TCK), up = sys_now(CLOCK_BOOTTIME) / 1000000000;
	uint64_t start = s->start_ticks / hz;
	char tty[16];
	int r = jsontext_add(o, "pid", json_object_new_int(pid));

	format_tty(s->tty, tty, sizeof(tty));
	r = r < 0 ? r : jsontext_add(o, "ppid", json_object_new_int(s->ppid));
	r = r < 0 ? r : jsontext_add(o, "uid", json_object_new_int64(uid));
	r = r < 0 ? r : jsontext_add(o, "tty", json_object_new_string(tty));
	r = r < 0 ? r : jsontext_add(o, "age_s", json_object_new_uint64(up > start ? up - start : 0));
	r = r < 0 ? r : jsontext_add(o, "cpu_ms", json_object_new_uint64(s->cpu_ticks * 1000 / hz));
	return r < 0 ? r : jsontext_add(o, "command", json_object_new_string(command));
}

/* One that has ended is no error. */
static int add_process(struct json_object *array, int proc, pid_t pid)
{
	_autofree_ char *text = NULL, *command = NULL;
	_autoclose_ int dir = -EBADF;
	struct processlist_stat s;
	struct json_object *o;
	struct stat st;
	char name[16];
	size_t n;
	int r;

	(void)snprintf(name, sizeof(name), "%d", (int)pid);
	dir = sys_openat(proc, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (dir < 0 || fd_read_file_at(dir, "stat", STAT_MAX, &text, &n) < 0 ||
	    sys_fstatat(dir, "", &st, AT_EMPTY_PATH) < 0 || !processlist_parse_stat(text, &s))
		return 0;
	command = read_command(dir, s.command);
	if (!command)
		return -ENOMEM;
	o = json_object_new_object();
	r = jsontext_append(array, o);
	return r < 0 ? r : fill(o, pid, st.st_uid, &s, command);
}

int processlist_write(const struct cgroup_host *host, const char *path, int proc, struct buf *out, struct err *err)
{
	_autojson_ struct json_object *o = json_object_new_object();
	struct json_object *array = json_object_new_array();
	_autofree_ pid_t *pids = NULL;
	const char *text;
	size_t n = 0;
	int r = jsontext_add(o, "processes", array);

	if (r < 0)
		return err_set(err, -r, "list the processes of '%s'", path);
	r = cgroup_pids(host, path, &pids, &n);
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = pids[i] > 0 ? add_process(array, proc, pids[i]) : 0;
	if (r < 0)
		return err_set(err, -r, "list the processes of '%s'", path);
	text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	r = text ? buf_add(out, text, strlen(text)) : -ENOMEM;
	return r < 0 ? err_set(err, -r, "list the processes of '%s'", path) : 0;
}
