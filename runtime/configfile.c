/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/configfile.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/mem.h"
#include "runtime/helper.h"
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

/* Where `make install` has put it, seen from our program, so that any PREFIX will do. */
static char *path_beside_us(void)
{
	_autofree_ char *directory = helper_own_directory();
	char *path;
	size_t n = directory ? strlen(directory) : 0;

	if (n < 5 || strcmp(directory + n - 5, "/bin/") != 0)
		return NULL;
	return asprintf(&path, "%.*s/share/defaults/kata-containers/configuration.toml", (int)n - 5, directory) < 0
	               ? NULL
	               : path;
}

char *configfile_default_path(size_t i)
{
	static const char *const paths[] = {
		"/etc/kata-containers/configuration.toml",
		"/usr/share/defaults/kata-containers/configuration.toml",
	};
	char *ours;

	if (i < ARRAY_SIZE(paths))
		return strdup(paths[i]);
	ours = i == ARRAY_SIZE(paths) ? path_beside_us() : NULL;
	if (ours && strcmp(ours, paths[1]) == 0) {
		free(ours);
		return NULL;
	}
	return ours;
}

/* The file to read, to be freed; NULL if there is none. */
static char *choose(const char *given)
{
	const char *env = getenv("KATA_CONF_FILE");
	char *path;

	if (given)
		return strdup(given);
	if (env && *env)
		return strdup(env);
	for (size_t i = 0; (path = configfile_default_path(i)) != NULL; i++) {
		if (access(path, F_OK) == 0)
			return path;
		free(path);
	}
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
	int rc;

	memset(ret, 0, sizeof(*ret));
	ret->path = choose(given);
	if (!ret->path)
		return err_say(err, ENOENT,
		               "read configuration: none of its default paths exists, see --show-default-config-paths");
	ret->real = realpath(ret->path, NULL);
	if (!ret->real)
		return err_set(err, errno, "read configuration '%s'", ret->path);
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
