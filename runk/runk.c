/* SPDX-License-Identifier: Apache-2.0 */
#include "runk/runk.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/jsontext.h"
#include "lib/sys.h"

#define ROOT_DIR "/run/runk"

/* True if our user namespace maps less than the machine's, whoever we are inside of it. */
static bool in_user_namespace(void)
{
	unsigned inside, outside, size = 0;
	FILE *f = fopen("/proc/self/uid_map", "re");
	int n = f ? fscanf(f, "%u %u %u", &inside, &outside, &size) : 0;

	if (f)
		(void)fclose(f);
	return n == 3 && !(inside == 0 && outside == 0 && size == UINT32_MAX);
}

static int find_root(struct runk *runk, struct err *err)
{
	const char *runtime_dir = getenv("XDG_RUNTIME_DIR"), *user = getenv("USER");
	/* As runc has it: a rootless podman tells us no USER. */
	bool is_users = sys_geteuid() != 0 || (runk->is_rootless && (!user || strcmp(user, "root") != 0));

	if (runk->root)
		return 0;
	if (!is_users || !runtime_dir || runtime_dir[0] != '/') {
		runk->root = ROOT_DIR;
		return 0;
	}
	runk->root = arena_printf(runk->arena, "%s/runk", runtime_dir);
	return runk->root ? 0 : err_set(err, ENOMEM, "name the directory for states");
}

int runk_make_absolute(const struct runk *runk, const char **path, struct err *err)
{
	char here[PATH_MAX], *made;
	ssize_t n;

	if (!*path || (*path)[0] == '/' || (*path)[0] == '\0')
		return 0;
	n = sys_getcwd(here, sizeof(here));
	if (n < 0)
		return err_set(err, (int)n, "find out where '%s' is", *path);
	made = arena_printf(runk->arena, "%s/%s", here, *path);
	if (!made)
		return err_set(err, ENOMEM, "find out where '%s' is", *path);
	*path = made;
	return 0;
}

static int choose_manager(struct runk *runk, struct err *err)
{
	const char *manager = runk->cgroup_manager ? runk->cgroup_manager : "cgroupfs";

	runk->no_cgroups = strcmp(manager, "disabled") == 0;
	runk->systemd_cgroup |= strcmp(manager, "systemd") == 0;
	if (runk->no_cgroups || strcmp(manager, "systemd") == 0 || strcmp(manager, "cgroupfs") == 0)
		return 0;
	return err_say(err, EINVAL, "--cgroup-manager '%s' is none of cgroupfs, systemd and disabled", manager);
}

/* Who asks for a log reads his errors there, and must learn that there is none. */
static int check_log(struct runk *runk, struct err *err)
{
	const char *path = runk->log;
	_autoclose_ int fd = -EBADF;

	if (!path || path[0] == '\0')
		return 0;
	fd = sys_openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (fd >= 0)
		return 0;
	runk->log = NULL;
	return err_set(err, fd, "open the log '%s'", path);
}

int runk_init(struct runk *runk, struct err *err)
{
	const char *rootless = runk->rootless;
	int r = runk_make_absolute(runk, &runk->log, err);

	r = r < 0 ? r : check_log(runk, err);
	r = r < 0 ? r : runk_make_absolute(runk, &runk->root, err);

	r = r < 0 ? r : choose_manager(runk, err);
	if (r < 0)
		return r;

	if (runk->log_format && strcmp(runk->log_format, "text") != 0 && strcmp(runk->log_format, "json") != 0)
		return err_say(err, EINVAL, "unknown log-format \"%s\"", runk->log_format);
	if (!rootless || strcmp(rootless, "auto") == 0)
		runk->is_rootless = sys_geteuid() != 0 || in_user_namespace();
	else if (strcmp(rootless, "true") == 0 || strcmp(rootless, "false") == 0)
		runk->is_rootless = rootless[0] == 't';
	else
		return err_say(err, EINVAL, "--rootless '%s' is none of auto, true and false", rootless);
	return find_root(runk, err);
}

static void write_json(FILE *to, const char *level, const char *text, const char *when)
{
	_autojson_ struct json_object *line = json_object_new_object();
	const char *out = NULL;

	if (line && json_object_object_add(line, "level", json_object_new_string(level)) == 0 &&
	    json_object_object_add(line, "msg", json_object_new_string(text)) == 0 &&
	    json_object_object_add(line, "time", json_object_new_string(when)) == 0)
		out = json_object_to_json_string_ext(line, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	if (out)
		(void)fprintf(to, "%s\n", out);
}

/* Quoted as logrus does. */
static void write_text(FILE *to, const char *level, const char *text, const char *when)
{
	(void)fprintf(to, "time=\"%s\" level=%s msg=\"", when, level);
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			(void)fputc('\\', to);
		if (*text == '\n')
			(void)fputs("\\n", to);
		else
			(void)fputc(*text, to);
	}
	(void)fputs("\"\n", to);
}

static void write_line(const struct runk *runk, FILE *to, const char *level, const char *text)
{
	time_t now = time(NULL);
	struct tm tm;
	char when[32] = "";

	if (gmtime_r(&now, &tm))
		(void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (runk->log_format && strcmp(runk->log_format, "json") == 0)
		write_json(to, level, text, when);
	else
		write_text(to, level, text, when);
}

/* Opened for each line, since there is hardly ever more than one. Engines read the file's last line of level error. */
static void log_line(const struct runk *runk, const char *level, const char *text)
{
	int fd = runk->log && runk->log[0]
	                 ? sys_openat(AT_FDCWD, runk->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)
	                 : -EBADF;
	FILE *file = fd >= 0 ? fdopen(fd, "a") : NULL;

	if (file) {
		write_line(runk, file, level, text);
		(void)fclose(file);
	} else if (fd >= 0) {
		(void)fd_close(fd);
	}
	/* Who watches stderr wants the plain reason; who gave no log gets it in the log's form, as with runc. */
	if (file && strcmp(level, "error") == 0)
		(void)fprintf(stderr, "%s\n", text);
	else if (!file)
		write_line(runk, stderr, level, text);
}

void runk_log_error(const struct runk *runk, const struct err *err)
{
	log_line(runk, "error", err_text(err));
}

void runk_log_warning(const struct runk *runk, const char *fmt, ...)
{
	_autofree_ char *text = NULL;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vasprintf(&text, fmt, args);
	va_end(args);
	if (n >= 0)
		log_line(runk, "warning", text);
}
