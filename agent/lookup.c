/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/lookup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/sys.h"

const char *lookup_variable(const struct oci_strings *env, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = env->n; i > 0; i--)
		if (strncmp(env->v[i - 1], name, len) == 0 && env->v[i - 1][len] == '=')
			return env->v[i - 1] + len + 1;
	return NULL;
}

/* 0 if this is a file that we may execute. */
static int check_executable(const char *path)
{
	struct stat st;
	int r = sys_fstatat(AT_FDCWD, path, &st, 0);

	if (r < 0)
		return r;
	if (!S_ISREG(st.st_mode))
		return -EACCES;
	return sys_faccessat(AT_FDCWD, path, X_OK);
}

static int refuse(const char *name, int r, struct err *err)
{
	if (r == -ENOENT || r == -ENOTDIR)
		return err_say(err, ENOENT, "the file %s was not found", name);
	return err_set(err, r, "the file %s cannot be executed", name);
}

/* The path entry at *at joined with the name; NULL when it is too long. An empty entry means the working directory. */
static const char *next_candidate(const char **at, const char *name, char *buffer, size_t size)
{
	size_t len = strcspn(*at, ":");
	int n = snprintf(buffer, size, "%.*s%s%s", (int)len, *at, len > 0 ? "/" : "./", name);

	*at += len;
	if (n < 0 || (size_t)n >= size)
		return NULL;
	return buffer;
}

int lookup_program(const char *name, const struct oci_strings *env, char **ret, struct err *err)
{
	const char *at = lookup_variable(env, "PATH"), *candidate = name;
	char buffer[PATH_MAX];
	int r, worst = -ENOENT;

	if (strchr(name, '/')) {
		r = check_executable(name);
		if (r < 0)
			return refuse(name, r, err);
	} else {
		if (name[0] == '\0')
			return refuse("''", -ENOENT, err);
		if (!at || *at == '\0')
			at = LOOKUP_DEFAULT_PATH;
		for (;;) {
			candidate = next_candidate(&at, name, buffer, sizeof(buffer));
			r = candidate ? check_executable(candidate) : -ENAMETOOLONG;
			if (r == 0)
				break;
			if (r == -EACCES)
				worst = r; /* as execvp(3): keep looking, but do not say that it is not there */
			if (*at++ == '\0')
				return refuse(name, worst, err);
		}
	}
	*ret = strdup(candidate);
	return *ret ? 0 : err_set(err, ENOMEM, "look up '%s'", name);
}

/* Field `index` of a line of passwd, which ends at `end`. */
static const char *field(const char *line, const char *end, unsigned index, size_t *ret_len)
{
	while (index > 0 && line < end) {
		if (*line++ == ':')
			index--;
	}
	if (index > 0)
		return NULL;
	*ret_len = strcspn(line, ":\n");
	return line;
}

static char *home_in(const char *text, uid_t uid)
{
	char number[16];

	(void)snprintf(number, sizeof(number), "%u", uid);
	for (const char *line = text; *line != '\0';) {
		const char *end = line + strcspn(line, "\n"), *id, *home;
		size_t id_len = 0, home_len = 0;

		id = field(line, end, 2, &id_len);
		home = field(line, end, 5, &home_len);
		if (id && home && home_len > 0 && id_len == strlen(number) && memcmp(id, number, id_len) == 0)
			return strndup(home, home_len);
		line = *end == '\n' ? end + 1 : end;
	}
	return strdup("/");
}

/* The image may have put anything there: a FIFO must not stop us, nor a huge file eat us. */
static char *read_passwd(int dirfd, const char *path)
{
	_autoclose_ int fd = sys_openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
	_autofree_ char *text = NULL;
	struct stat st;
	size_t len = 0;

	if (fd < 0 || sys_fstatat(fd, "", &st, AT_EMPTY_PATH) < 0 || !S_ISREG(st.st_mode))
		return NULL;
	text = malloc(LOOKUP_PASSWD_MAX + 1);
	while (text && len < LOOKUP_PASSWD_MAX) {
		ssize_t n = sys_read(fd, text + len, LOOKUP_PASSWD_MAX - len);

		if (n <= 0)
			break;
		len += (size_t)n;
	}
	if (text)
		text[len] = '\0';
	return take_ptr(&text);
}

char *lookup_home(int dirfd, const char *passwd, uid_t uid)
{
	_autofree_ char *text = read_passwd(dirfd, passwd);

	return home_in(text ? text : "", uid);
}

void lookup_environment_free(char **env)
{
	for (size_t i = 0; env && env[i]; i++)
		free(env[i]);
	free(env);
}

static char *home_entry(int dirfd, uid_t uid)
{
	_autofree_ char *home = lookup_home(dirfd, "etc/passwd", uid);
	char *entry = NULL;

	if (home && asprintf(&entry, "HOME=%s", home) < 0)
		return NULL;
	return entry;
}

int lookup_environment(const struct oci_strings *env, int dirfd, uid_t uid, char ***ret)
{
	const char *home = lookup_variable(env, "HOME");
	bool has_home = home && home[0] != '\0';
	char **copy = calloc(env->n + 2, sizeof(*copy));
	size_t n = 0;

	if (!copy)
		return -ENOMEM;
	for (size_t i = 0; i < env->n; i++) {
		if (!strchr(env->v[i], '=') || (!has_home && strncmp(env->v[i], "HOME=", 5) == 0))
			continue;
		copy[n] = strdup(env->v[i]);
		if (!copy[n++])
			break;
	}
	if (!has_home && (n == 0 || copy[n - 1]))
		copy[n++] = home_entry(dirfd, uid);
	if (n > 0 && !copy[n - 1]) {
		lookup_environment_free(copy);
		return -ENOMEM;
	}
	*ret = copy;
	return 0;
}
