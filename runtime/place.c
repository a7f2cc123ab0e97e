/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/place.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/fd.h"
#include "lib/jsontext.h"
#include "lib/path.h"
#include "lib/sys.h"

#define ID_MAX         128
#define LINKS          ".containers"
#define STATE_MAX      (4u << 20)
#define SOCKET_MAX     107 /* bytes of a unix socket's path */
#define SHORT          "/run/kata-c/sandbox-"
#define LONGEST_SOCKET "/vsock.sock_1028" /* that we or the daemons make in a sandbox's directory */

static bool is_id(const char *id)
{
	size_t n = strlen(id);

	if (n < 2 || n > ID_MAX || !isalnum((unsigned char)id[0]))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)id[i]) && !strchr("_.-", id[i]))
			return false;
	return true;
}

int place_check_id(const char *id, struct err *err)
{
	if (is_id(id))
		return 0;
	return err_say(
		err, EINVAL,
		"invalid id '%.200s': it takes 2 to %d letters, digits, '_', '.' and '-', a letter or digit first", id,
		ID_MAX);
}

static char *join(const char *dir, const char *name)
{
	char *path = NULL;

	return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

/* docker's root and its ids leave no room for the names of sockets: there ROOT/SANDBOX is a link to one that does. */
static char *find_dir(const char *root, const char *sandbox)
{
	char *dir = join(root, sandbox);
	char text[SOCKET_MAX + 1];
	ssize_t n = dir ? sys_readlinkat(AT_FDCWD, dir, text, sizeof(text) - 1) : -ENOMEM;

	if (n <= (ssize_t)strlen(SHORT) || strncmp(text, SHORT, strlen(SHORT)) != 0)
		return dir;
	text[n] = '\0';
	free(dir);
	return strdup(text);
}

char *place_path(const char *root, const char *sandbox, const char *name)
{
	_autofree_ char *dir = find_dir(root, sandbox);

	return dir && name ? join(dir, name) : take_ptr(&dir);
}

/* containerd gives one below a directory that nobody has made. */
static int make_parents(const char *root, struct err *err)
{
	_autoclose_ int top = sys_openat(AT_FDCWD, root[0] == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	_autoclose_ int made = top < 0 ? top : path_make_dirs_in(top, root, 0711, err);

	return made < 0 ? err_set(err, -made, "make the directory '%s'", root) : 0;
}

static int make_root(const char *root, struct err *err)
{
	_autofree_ char *links = place_path(root, LINKS, NULL);
	int r = sys_mkdirat(AT_FDCWD, root, 0711);

	if (r == -ENOENT)
		r = make_parents(root, err);
	if (r < 0 && r != -EEXIST)
		return err_set(err, -r, "make the directory '%s'", root);
	r = links ? sys_mkdirat(AT_FDCWD, links, 0700) : -ENOMEM;
	return r < 0 && r != -EEXIST ? err_set(err, -r, "make the directory '%s/%s'", root, LINKS) : 0;
}

static int make_short(const char *dir, const char *sandbox, struct err *err)
{
	char path[] = SHORT "XXXXXX", parent[] = SHORT;
	int r;

	*strrchr(parent, '/') = '\0';
	r = sys_mkdirat(AT_FDCWD, parent, 0755);
	if (r < 0 && r != -EEXIST)
		return err_set(err, -r, "make the directory '%s'", parent);
	if (!mkdtemp(path))
		return err_set(err, errno, "make a directory for the sockets of sandbox '%s' in '%s'", sandbox, parent);
	r = sys_symlinkat(path, AT_FDCWD, dir);
	if (r == 0)
		return 0;
	(void)rmdir(path);
	return err_set(err, -r, "make the directory '%s'", dir);
}

int place_make(const char *root, const char *sandbox, struct err *err)
{
	_autofree_ char *dir = join(root, sandbox);
	int r = dir ? make_root(root, err) : err_set(err, ENOMEM, "make sandbox '%s'", sandbox);

	if (r < 0)
		return r;
	if (strlen(dir) + strlen(LONGEST_SOCKET) > SOCKET_MAX)
		return make_short(dir, sandbox, err);
	r = sys_mkdirat(AT_FDCWD, dir, 0700);
	return r < 0 ? err_set(err, -r, "make the directory '%s'", dir) : 0;
}

int place_link(const char *root, const char *id, const char *sandbox, struct err *err)
{
	_autofree_ char *path = place_path(root, LINKS, id);
	int r = path ? make_root(root, err) : err_set(err, ENOMEM, "link container '%s' to its sandbox", id);

	if (r < 0)
		return r;
	r = sys_symlinkat(sandbox, AT_FDCWD, path);
	if (r == -EEXIST)
		return err_say(err, EEXIST, "container with id '%s' exists already", id);
	return r < 0 ? err_set(err, -r, "link container '%s' to its sandbox", id) : 0;
}

void place_unlink(const char *root, const char *id)
{
	_autofree_ char *path = place_path(root, LINKS, id);

	if (path)
		(void)sys_unlinkat(AT_FDCWD, path, 0);
}

int place_find(const char *root, const char *id, char **ret, struct err *err)
{
	_autofree_ char *path = NULL;
	char text[ID_MAX + 2];
	ssize_t n;
	int r = place_check_id(id, err);

	if (r < 0)
		return r;
	path = place_path(root, LINKS, id);
	n = path ? sys_readlinkat(AT_FDCWD, path, text, sizeof(text) - 1) : -ENOMEM;
	if (n == -ENOENT)
		return err_say(err, ENOENT, "container '%s' does not exist", id);
	if (n < 0)
		return err_set(err, (int)-n, "find container '%s'", id);
	text[n] = '\0';
	r = place_check_id(text, err);
	if (r < 0)
		return r;
	*ret = strdup(text);
	return *ret ? 0 : err_set(err, ENOMEM, "find container '%s'", id);
}

int place_list(const char *root, int (*each)(void *arg, const char *id, const char *sandbox), void *arg,
               struct err *err)
{
	_autofree_ char *links = place_path(root, LINKS, NULL);
	_autodir_ DIR *dir = links ? opendir(links) : NULL;
	int r = 0;

	if (!dir)
		return errno == ENOENT ? 0 : err_set(err, errno, "list the containers in '%s'", root);
	for (struct dirent *e = readdir(dir); r == 0 && e; e = readdir(dir)) {
		_autofree_ char *sandbox = NULL;

		if (e->d_name[0] != '.' && place_find(root, e->d_name, &sandbox, NULL) == 0)
			r = each(arg, e->d_name, sandbox);
	}
	return r;
}

struct unlinking {
	const char *root, *sandbox;
};

static int unlink_of(void *arg, const char *id, const char *sandbox)
{
	const struct unlinking *u = arg;

	if (strcmp(sandbox, u->sandbox) == 0)
		place_unlink(u->root, id);
	return 0;
}

static int remove_short(const char *dir, struct err *err)
{
	_autofree_ char *parent = strndup(dir, (size_t)(strrchr(dir, '/') - dir));
	_autoclose_ int fd = parent ? sys_openat(AT_FDCWD, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0) : -ENOMEM;

	if (fd == -ENOENT)
		return 0;
	return fd < 0 ? err_set(err, -fd, "open '%s'", parent ? parent : dir)
	              : path_remove_tree(fd, strrchr(dir, '/') + 1, err);
}

int place_remove(const char *root, const char *sandbox, struct err *err)
{
	struct unlinking u = { root, sandbox };
	_autoclose_ int fd = sys_openat(AT_FDCWD, root, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	_autofree_ char *dir = find_dir(root, sandbox);
	int r = fd < 0 ? err_set(err, -fd, "open '%s'", root) : 0;

	/* The link last, for it is the only one who knows. */
	if (r == 0 && dir && strncmp(dir, SHORT, strlen(SHORT)) == 0)
		r = remove_short(dir, err);
	if (r == 0)
		r = path_remove_tree(fd, sandbox, err);

	return r < 0 ? r : place_list(root, unlink_of, &u, err);
}

int place_write_state(const char *root, const char *sandbox, struct json_object *state, struct err *err)
{
	const char *text = json_object_to_json_string_ext(state, JSON_C_TO_STRING_PRETTY);
	_autofree_ char *path = place_path(root, sandbox, "state.json"), *new = place_path(root, sandbox, "state.new");
	_autoclose_ int fd = -EBADF;
	int r;

	if (!text || !path || !new)
		return err_set(err, ENOMEM, "write the state of sandbox '%s'", sandbox);
	fd = sys_openat(AT_FDCWD, new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	r = fd < 0 ? fd : fd_write_all(fd, text, strlen(text));
	if (r == 0)
		r = sys_renameat(AT_FDCWD, new, AT_FDCWD, path);
	if (r == 0)
		return 0;
	/* A torso would take what little room there is. */
	(void)sys_unlinkat(AT_FDCWD, new, 0);
	return err_set(err, -r, "write '%s'", path);
}

int place_read_state(const char *root, const char *sandbox, struct json_object **ret, struct err *err)
{
	_autofree_ char *path = place_path(root, sandbox, "state.json"), *text = NULL;
	size_t n;
	int r = path ? fd_read_file_at(AT_FDCWD, path, STATE_MAX, &text, &n) : -ENOMEM;

	if (r < 0)
		return err_set(err, -r, "read the state of sandbox '%s'", sandbox);
	r = jsontext_parse(text, n, ret, err);
	return r < 0 ? err_wrap(err, "read '%s'", path) : 0;
}
