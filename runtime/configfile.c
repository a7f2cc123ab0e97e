/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/configfile.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/mem.h"
#include "runtime/toml.h"

#define DROPINS_MAX 1024

void configfile_done(struct configfile *f)
{
	for (size_t i = 0; i < f->n_dropins; i++)
		free(f->dropins[i]);
	free(f->dropins);
	free(f->path);
	free(f->real);
	(void)json_object_put(f->tree);
	memset(f, 0, sizeof(*f));
}

const char *const *configfile_default_paths(void)
{
	static const char *const paths[] = {
		"/etc/kata-containers/configuration.toml",
		"/usr/share/defaults/kata-containers/configuration.toml",
		"/usr/local/share/defaults/kata-containers/configuration.toml",
		NULL,
	};

	return paths;
}

/* The file to read; NULL if there is none. */
static const char *choose(const char *given)
{
	const char *env = getenv("KATA_CONF_FILE");

	if (given)
		return given;
	if (env && *env)
		return env;
	for (const char *const *p = configfile_default_paths(); *p; p++)
		if (access(*p, F_OK) == 0)
			return *p;
	return NULL;
}

static int is_entry(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void free_entries(struct dirent **entries, int n)
{
	for (int i = 0; i < n; i++)
		free(entries[i]);
	free(entries);
}

/* The directory config.d beside the real file. */
static char *dropin_directory(const char *real)
{
	const char *slash = strrchr(real, '/');
	char *path;

	return asprintf(&path, "%.*s/config.d", (int)(slash - real), real) < 0 ? NULL : path;
}

static int list_dropins(struct configfile *f, struct err *err)
{
	_autofree_ char *directory = dropin_directory(f->real);
	struct dirent **entries;
	int n;

	if (!directory)
		return err_set(err, ENOMEM, "list the drop-ins of '%s'", f->real);
	n = scandir(directory, &entries, is_entry, by_name);
	if (n < 0)
		return errno == ENOENT ? 0 : err_set(err, errno, "list drop-ins '%s'", directory);
	f->dropins = calloc((size_t)n + 1, sizeof(*f->dropins));
	for (int i = 0; i < n && n <= DROPINS_MAX && f->dropins; i++) {
		if (asprintf(&f->dropins[i], "%s/%s", directory, entries[i]->d_name) < 0)
			break;
		f->n_dropins++;
	}
	free_entries(entries, n);
	if (n > DROPINS_MAX)
		return err_say(err, E2BIG, "list drop-ins '%s': %d files, at most %d", directory, n, DROPINS_MAX);
	return f->n_dropins == (size_t)n ? 0 : err_set(err, ENOMEM, "list drop-ins '%s'", directory);
}

static int read_dropin(struct configfile *f, const char *path, struct err *err)
{
	struct json_object *tree;
	int rc = toml_read(path, &tree, err);

	if (rc < 0) {
		(void)err_wrap(err, "read drop-in");
		return rc;
	}
	toml_merge(f->tree, tree);
	(void)json_object_put(tree);
	return 0;
}

int configfile_read(const char *given, struct configfile *ret, struct err *err)
{
	const char *path = choose(given);
	int rc;

	memset(ret, 0, sizeof(*ret));
	if (!path)
		return err_say(err, ENOENT, "read configuration: none of its default paths exists (%s, %s)",
		               configfile_default_paths()[0], configfile_default_paths()[1]);
	ret->path = strdup(path);
	ret->real = realpath(path, NULL);
	if (!ret->path || !ret->real)
		return err_set(err, errno, "read configuration '%s'", path);
	rc = toml_read(ret->real, &ret->tree, err);
	if (rc < 0) {
		(void)err_wrap(err, "read configuration");
		return rc;
	}
	rc = list_dropins(ret, err);
	for (size_t i = 0; rc == 0 && i < ret->n_dropins; i++)
		rc = read_dropin(ret, ret->dropins[i], err);
	return rc;
}
