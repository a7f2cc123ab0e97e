/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/modules.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/path.h"
#include "lib/sys.h"

#define LIST_MAX        (8 * 1024 * 1024) /* modules.alias of a Debian kernel is 1.4 MB */
#define NAME_LENGTH_MAX 255
#define FILES_MAX       64 /* a module with what it depends on */
#define PARAMETERS_MAX  4096
#define COMPRESSED_FILE 4 /* MODULE_INIT_COMPRESSED_FILE of <linux/module.h>, kernels since 5.17 */

/* What has to be loaded, in order; the strings are those of the list they were found in. */
struct found {
	const char *dir; /* in front of the files, "" = they are absolute */
	const char *files[FILES_MAX];
	size_t n;
	bool is_builtin;
};

/* The kernel and depmod mean the same by '-' and '_'. */
static bool is_same_name(const char *a, size_t n, const char *b)
{
	for (size_t i = 0; i < n; i++) {
		char x = a[i] == '-' ? '_' : a[i], y = b[i] == '-' ? '_' : b[i];

		if (x != y)
			return false;
	}
	return b[n] == '\0';
}

/* 0 and the text, or NULL if there is no such file. */
static int read_list(int root, const char *path, char **ret, struct err *err)
{
	int r = fd_read_file_at(root, path + (path[0] == '/'), LIST_MAX, ret, NULL);

	if (r == -ENOENT || r == -ENOTDIR) {
		*ret = NULL;
		return 0;
	}
	return r < 0 ? err_set(err, r, "read '%s'", path) : 0;
}

static int add_file(struct found *f, const char *file)
{
	if (f->n == FILES_MAX)
		return -E2BIG;
	f->files[f->n++] = file;
	return 0;
}

/* --- the builder's list ------------------------------------------------------------------------------------------- */

static bool has_name(const char *names, const char *name)
{
	while (*names) {
		size_t n = strcspn(names, ",");

		if (is_same_name(names, n, name))
			return true;
		names += n + (names[n] == ',');
	}
	return false;
}

static int find_in_list(char *list, const char *name, struct found *f)
{
	char *line;

	while ((line = strsep(&list, "\n"))) {
		char *names = strsep(&line, " "), *file;
		int r = 0;

		if (!line || !has_name(names, name))
			continue;
		f->dir = "";
		while (r >= 0 && (file = strsep(&line, " ")))
			r = *file ? add_file(f, file) : 0;
		return r;
	}
	return 0;
}

/* --- depmod's files ---------------------------------------------------------------------------------------------- */

/* "kernel/fs/xfs/xfs.ko.xz" is the file of "xfs". */
static bool is_file_of(const char *file, size_t len, const char *name)
{
	size_t n;

	for (size_t i = len; i > 0; i--) {
		if (file[i - 1] == '/') {
			file += i;
			len -= i;
			break;
		}
	}
	for (n = 0; n < len && strncmp(file + n, ".ko", 3) != 0; n++)
		;
	return n < len && is_same_name(file, n, name);
}

static bool is_in_builtins(const char *list, const char *name)
{
	while (list && *list) {
		size_t n = strcspn(list, "\n");

		if (is_file_of(list, n, name))
			return true;
		list += n + (list[n] == '\n');
	}
	return false;
}

/* "FILE: NEEDED...", which depmod sorts so that the last one has to be loaded first. */
static int find_in_deps(char *list, const char *name, struct found *f)
{
	char *line;

	while ((line = strsep(&list, "\n"))) {
		char *file = strsep(&line, ":"), *needed[FILES_MAX], *word;
		size_t n = 0;
		int r = 0;

		if (!line || !is_file_of(file, strlen(file), name))
			continue;
		while ((word = strsep(&line, " ")))
			if (*word && n < FILES_MAX)
				needed[n++] = word;
		while (n > 0 && r >= 0)
			r = add_file(f, needed[--n]);
		return r < 0 ? r : add_file(f, file);
	}
	return 0;
}

/* "alias PATTERN MODULE"; cut at the module's end, the rest of the list is not looked at. */
static const char *find_alias(char *list, const char *name)
{
	char *line;

	while ((line = strsep(&list, "\n"))) {
		char *word = strsep(&line, " "), *pattern = strsep(&line, " ");

		if (line && strcmp(word, "alias") == 0 &&
		    (is_same_name(pattern, strlen(pattern), name) || fnmatch(pattern, name, 0) == 0))
			return line;
	}
	return NULL;
}

/* The texts that a search keeps, for the strings of what it found. */
struct lists {
	char *demand, *builtin, *alias, *deps, *release;
	char dir[128];
};

static void lists_done(struct lists *l)
{
	free(l->demand);
	free(l->builtin);
	free(l->alias);
	free(l->deps);
	free(l->release);
}

static int read_below(int root, const struct lists *l, const char *name, char **ret, struct err *err)
{
	char path[160];

	(void)snprintf(path, sizeof(path), "%s/%s", l->dir, name);
	return read_list(root, path, ret, err);
}

static int find_by_depmod(int root, struct lists *l, const char *name, struct found *f, struct err *err)
{
	const char *alias;
	int r = read_list(root, "/proc/sys/kernel/osrelease", &l->release, err);

	if (r < 0 || !l->release)
		return r;
	l->release[strcspn(l->release, "\n")] = '\0';
	(void)snprintf(l->dir, sizeof(l->dir), "/lib/modules/%.64s", l->release);
	r = read_below(root, l, "modules.builtin", &l->builtin, err);
	r = r < 0 ? r : read_below(root, l, "modules.alias", &l->alias, err);
	r = r < 0 ? r : read_below(root, l, "modules.dep", &l->deps, err);
	if (r < 0 || !l->deps)
		return r;
	alias = l->alias ? find_alias(l->alias, name) : NULL;
	name = alias ? alias : name;
	f->is_builtin = is_in_builtins(l->builtin, name);
	f->dir = l->dir;
	r = f->is_builtin ? 0 : find_in_deps(l->deps, name, f);
	return r < 0 ? err_set(err, r, "find what it depends on") : 0;
}

static int find(int root, struct lists *l, const char *name, struct found *f, struct err *err)
{
	int r = read_list(root, MODULES_LIST, &l->demand, err);

	if (r >= 0 && l->demand)
		r = find_in_list(l->demand, name, f);
	if (r < 0)
		return err && err->num ? r : err_set(err, r, "read '%s'", MODULES_LIST);
	return f->n > 0 ? 0 : find_by_depmod(root, l, name, f, err);
}

/* --- loading ----------------------------------------------------------------------------------------------------- */

static bool is_compressed(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot && (strcmp(dot, ".xz") == 0 || strcmp(dot, ".zst") == 0 || strcmp(dot, ".gz") == 0);
}

int modules_find_parameters(const char *cmdline, const char *file, char *ret, size_t size)
{
	size_t at = 0;

	ret[0] = '\0';
	while (*cmdline) {
		size_t len = strcspn(cmdline, " \t\n"), name = strcspn(cmdline, ". \t\n=");
		char module[NAME_LENGTH_MAX + 1];

		if (name > 0 && name < len && name < sizeof(module) && cmdline[name] == '.' && name + 1 < len) {
			memcpy(module, cmdline, name);
			module[name] = '\0';
			if (is_file_of(file, strlen(file), module)) {
				at += (size_t)snprintf(ret + at, size - at, "%s%.*s", at > 0 ? " " : "",
				                       (int)(len - name - 1), cmdline + name + 1);
				if (at >= size)
					return -E2BIG;
			}
		}
		cmdline += len;
		cmdline += strspn(cmdline, " \t\n");
	}
	return 0;
}

bool modules_is_foreign(const char *file, const char *release)
{
	static const char dir[] = "/lib/modules/";
	size_t n = strcspn(release, "\n");

	if (strncmp(file, dir, strlen(dir)) != 0)
		return false;
	file += strlen(dir);
	return strncmp(file, release, n) != 0 || file[n] != '/';
}

/* The command line's come first, so that those of the request win. */
static int add_parameters(int root, const char *path, const char *given, char ret[PARAMETERS_MAX])
{
	_autofree_ char *cmdline = NULL;
	size_t n;
	int r = read_list(root, "/proc/cmdline", &cmdline, NULL);

	r = r < 0 || !cmdline ? r : modules_find_parameters(cmdline, path, ret, PARAMETERS_MAX);
	if (r < 0)
		return r;
	n = cmdline ? strlen(ret) : 0;
	return snprintf(ret + n, PARAMETERS_MAX - n, "%s%s", n > 0 && given[0] ? " " : "", given) <
	                       (int)(PARAMETERS_MAX - n)
	               ? 0
	               : -E2BIG;
}

static int load_file(int root, const struct found *f, size_t i, const char *given, struct err *err)
{
	char path[PATH_MAX], parameters[PARAMETERS_MAX];
	_autoclose_ int fd = -EBADF;
	int r;

	(void)snprintf(path, sizeof(path), "%s%s%s", f->dir, f->dir[0] ? "/" : "", f->files[i]);
	r = add_parameters(root, path, given, parameters);
	if (r < 0)
		return err_set(err, r, "read the parameters of '%s'", path);
	fd = sys_openat2(root, path, O_RDONLY | O_CLOEXEC, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
	r = fd < 0 ? fd : sys_finit_module(fd, parameters, is_compressed(path) ? COMPRESSED_FILE : 0);
	if (r >= 0 || r == -EEXIST)
		return 0;
	if (is_compressed(path) && (r == -EINVAL || r == -EOPNOTSUPP))
		return err_say(err, -r, "'%s': the kernel cannot unpack it", path);
	if (r == -ENOEXEC)
		return err_say(err, ENOEXEC, "'%s' is not for this kernel", path);
	return err_set(err, r, "'%s'%s%s%s", path, parameters[0] ? " with '" : "", parameters,
	               parameters[0] ? "'" : "");
}

static int join(const struct oci_strings *list, char ret[PARAMETERS_MAX])
{
	size_t at = 0;

	ret[0] = '\0';
	for (size_t i = 0; list && i < list->n; i++) {
		int n = snprintf(ret + at, PARAMETERS_MAX - at, "%s%s", i > 0 ? " " : "", list->v[i]);

		at += (size_t)n;
		if (at >= PARAMETERS_MAX)
			return -E2BIG;
	}
	return 0;
}

/* Loaded already, or built in and with parameters of its own. */
static bool is_there(int root, const char *name)
{
	char path[NAME_LENGTH_MAX + sizeof("sys/module/")];
	struct stat st;

	(void)snprintf(path, sizeof(path), "sys/module/%s", name);
	for (char *c = path; *c; c++)
		*c = *c == '-' ? '_' : *c;
	return sys_fstatat(root, path, &st, 0) == 0;
}

static int load(int root, const char *name, const struct oci_strings *list, struct err *err)
{
	_cleanup_(lists_done) struct lists lists = { 0 };
	char parameters[PARAMETERS_MAX];
	struct found f = { .dir = "" };
	int r = join(list, parameters);

	if (r < 0)
		return err_say(err, -r, "its parameters are longer than %d bytes", PARAMETERS_MAX);
	r = find(root, &lists, name, &f, err);
	if (r < 0 || f.is_builtin)
		return r;
	if (f.n == 0)
		return err_say(err, ENOENT, "the guest has no such module");
	for (size_t i = 0; i < f.n && r >= 0; i++)
		r = load_file(root, &f, i, i + 1 == f.n ? parameters : "", err);
	return r;
}

int modules_load(int root, const char *name, const struct oci_strings *parameters, struct err *err)
{
	struct err why = ERR_INIT;
	int r;

	if (!name[0] || strlen(name) > NAME_LENGTH_MAX || strchr(name, '/') || name[0] == '.')
		return err_say(err, EINVAL, "'%.64s' is no name of a module", name);
	if (is_there(root, name))
		return 0;
	r = load(root, name, parameters, &why);
	return r < 0 ? err_say(err, -r, "load module '%s': %s", name, err_text(&why)) : 0;
}

/* --- the kernel's helper ----------------------------------------------------------------------------------------- */

bool modules_is_helper(const char *argv0)
{
	const char *slash = strrchr(argv0, '/');

	return strcmp(slash ? slash + 1 : argv0, MODULES_HELPER) == 0;
}

static void say(const char *text)
{
	_autoclose_ int fd = sys_openat(AT_FDCWD, "/dev/kmsg", O_WRONLY | O_CLOEXEC, 0);
	char line[ERR_TEXT_MAX + 32];
	int n = snprintf(line, sizeof(line), "<4>kata-agent: %s\n", text);

	if (fd >= 0)
		(void)sys_write(fd, line, (size_t)n);
}

int modules_run_helper(int argc, char **argv)
{
	_autoclose_ int root = sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	struct oci_strings parameters = { argv, 0 };
	const char *name = NULL;
	struct err err = ERR_INIT;
	int r;

	/* iptables puts its options behind the name, the kernel in front of it. */
	for (int i = 1; i < argc; i++) {
		if (argv[i][0] == '-')
			continue;
		if (!name)
			name = argv[i];
		else
			parameters.v[parameters.n++] = argv[i];
	}
	if (!name || root < 0)
		return 1;
	r = modules_load(root, name, &parameters, &err);
	if (r < 0 && r != -ENOENT)
		say(err.text);
	return r < 0;
}

int modules_serve_kernel(const char *program, struct err *err)
{
	_autoclose_ int root = sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0), parent = -EBADF;
	const char *name;
	struct stat st;
	int r;

	if (root < 0)
		return err_set(err, root, "open '/'");
	if (!sys_owns_machine() || sys_fstatat(root, &MODULES_LIST[1], &st, 0) < 0)
		return 0;
	parent = path_open_parent_in(root, "/sbin/" MODULES_HELPER, 0755, &name, err);
	if (parent < 0)
		return parent;
	r = sys_symlinkat(program, parent, name);
	return r < 0 && r != -EEXIST ? err_set(err, r, "make '/sbin/" MODULES_HELPER "'") : 0;
}
