/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mount/fsmount.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/mount/overlay.h"
#include "lib/fd.h"
#include "lib/sys.h"

#define FSCONFIG_TEXT_MAX 255  /* bytes of a key or value that fsconfig(2) takes */
#define CLASSIC_DATA_MAX  4095 /* mount(2) copies one page, with its NUL */
#define FS_LOG_MAX        8    /* messages that a file system context keeps */

/*
 * File systems of which there is one for all who mount it, or whose read-only state we may have to set late: read-only
 * is what the mount is, never the file system. For the others (ext4 on a read-only disk) the file system has to know.
 */
static const char *const mount_only_ro[] = { "cgroup", "cgroup2", "devpts", "mqueue", "proc", "sysfs", "tmpfs" };

static const struct {
	unsigned long flag;
	const char *name;
} sb_words[] = {
	{ MS_SYNCHRONOUS, "sync" },
	{ MS_DIRSYNC, "dirsync" },
	{ MS_LAZYTIME, "lazytime" },
};

int mount_set_attrs(int mount, const struct mount_attrs *attrs, bool tree)
{
	struct sys_mount_attr attr = { .attr_set = attrs->set, .attr_clr = attrs->clear };

	if (!attrs->set && !attrs->clear)
		return 0;
	return sys_mount_setattr(mount, "", AT_EMPTY_PATH | (tree ? AT_RECURSIVE : 0U), &attr);
}

int mount_set_propagation(int mount, uint64_t propagation, bool tree)
{
	struct sys_mount_attr attr = { .propagation = propagation };

	if (!propagation)
		return 0;
	return sys_mount_setattr(mount, "", AT_EMPTY_PATH | (tree ? AT_RECURSIVE : 0U), &attr);
}

int mount_set_options(int mount, const struct mount_options *options)
{
	int r = mount_set_attrs(mount, &options->tree, true);

	r = r < 0 ? r : mount_set_attrs(mount, &options->top, false);
	return r < 0 ? r : mount_set_propagation(mount, options->propagation, options->propagation_tree);
}

int mount_attach(int mount, int target)
{
	return sys_move_mount(mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

int mount_clone(int fd, bool tree)
{
	return sys_open_tree(fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | (tree ? AT_RECURSIVE : 0U));
}

/* "e tmpfs: Unknown parameter 'foo'" -> "Unknown parameter 'foo'" */
static const char *strip_message(char *line, const char *type)
{
	size_t n = strlen(type);
	char *text = line + 2;

	text[strcspn(text, "\n")] = '\0';
	if (strncmp(text, type, n) == 0 && text[n] == ':' && text[n + 1] == ' ')
		text += n + 2;
	return text;
}

/* The file system's own words are better than an errno; the last error said is the reason. */
static int fs_error(int context, int num, const struct mount_what *what, struct err *err)
{
	char line[512], said[512] = "";

	for (int i = 0; i < FS_LOG_MAX; i++) {
		ssize_t n = sys_read(context, line, sizeof(line) - 1);

		if (n < 0)
			break;
		line[n] = '\0';
		if (n > 2 && line[0] == 'e' && line[1] == ' ')
			(void)snprintf(said, sizeof(said), "%s", strip_message(line, what->type));
	}
	if (said[0])
		return err_say(err, num, "mount '%s' on '%s': %s", what->type, what->target, said);
	return err_set(err, num, "mount '%s' on '%s'", what->type, what->target);
}

/* One "key=value" or "flag" of the data. */
static int config_word(int context, const char *word)
{
	const char *equals = strchr(word, '=');
	char key[FSCONFIG_TEXT_MAX + 1];

	if (!equals)
		return sys_fsconfig(context, FSCONFIG_SET_FLAG, word, NULL, 0);
	(void)snprintf(key, sizeof(key), "%.*s", (int)(equals - word), word);
	return sys_fsconfig(context, FSCONFIG_SET_STRING, key, equals + 1, 0);
}

static bool is_mount_only_ro(const char *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(mount_only_ro); i++)
		if (strcmp(type, mount_only_ro[i]) == 0)
			return true;
	return false;
}

static bool wants_ro(const struct mount_what *what)
{
	return ((what->options->top.set | what->options->tree.set) & MOUNT_ATTR_RDONLY) &&
	       !is_mount_only_ro(what->type);
}

/* A layer's path may hold an escaped comma, which fsconfig(2) of kernels before 6.5 refuses. */
static bool is_long_word(const char *word)
{
	const char *equals = strchr(word, '=');

	return strlen(equals ? equals + 1 : word) > FSCONFIG_TEXT_MAX || strstr(word, "\\,");
}

static bool is_long_overlay(const struct mount_what *what, const char *word)
{
	return strcmp(what->type, "overlay") == 0 && overlay_layers(word) && is_long_word(word);
}

static int config_all(int context, const struct mount_what *what)
{
	const struct mount_options *o = what->options;
	int r = 0;

	if (what->source && what->source[0])
		r = sys_fsconfig(context, FSCONFIG_SET_STRING, "source", what->source, 0);
	for (size_t i = 0; i < ARRAY_SIZE(sb_words) && r >= 0; i++)
		if (o->sb_flags & sb_words[i].flag)
			r = sys_fsconfig(context, FSCONFIG_SET_FLAG, sb_words[i].name, NULL, 0);
	if (r >= 0 && wants_ro(what))
		r = sys_fsconfig(context, FSCONFIG_SET_FLAG, "ro", NULL, 0);
	for (size_t i = 0; i < o->data.n && r >= 0; i++)
		r = is_long_overlay(what, o->data.v[i]) ? overlay_add_layers(context, overlay_layers(o->data.v[i]))
		                                        : config_word(context, o->data.v[i]);
	return r < 0 ? r : sys_fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
}

int mount_fs_new(const struct mount_what *what, struct err *err)
{
	_autoclose_ int context = sys_fsopen(what->type, FSOPEN_CLOEXEC), mount = -EBADF;
	int r;

	if (context == -ENODEV)
		return err_say(err, ENODEV,
		               "mount '%s' on '%s': the kernel has no such file system, and the guest no module for it",
		               what->type, what->target);
	if (context < 0)
		return err_set(err, context, "mount '%s' on '%s'", what->type, what->target);
	r = config_all(context, what);
	if (r < 0)
		return fs_error(context, r, what, err);
	mount = sys_fsmount(context, FSMOUNT_CLOEXEC, 0);
	if (mount < 0)
		return fs_error(context, mount, what, err);
	r = mount_set_options(mount, what->options);
	if (r < 0)
		return err_set(err, r, "mount '%s' on '%s': set attributes", what->type, what->target);
	return take_fd(&mount);
}

bool mount_fs_is_long(const struct mount_what *what)
{
	if (what->source && strlen(what->source) > FSCONFIG_TEXT_MAX)
		return true;
	for (size_t i = 0; i < what->options->data.n; i++)
		if (is_long_word(what->options->data.v[i]) &&
		    !(is_long_overlay(what, what->options->data.v[i]) &&
		      overlay_takes_layers(overlay_layers(what->options->data.v[i]))))
			return true;
	return false;
}

/* mount(2) from within the directory of our fds, so that the target, and the layers, have short names. */
static int mount_here(const struct mount_what *what, int proc, int target, unsigned long flags, const char *data,
                      struct err *err)
{
	char name[16];
	int r = sys_fchdir(proc);

	r = r < 0 ? r : sys_chdir("self/fd");
	if (r < 0)
		return err_set(err, r, "mount '%s' on '%s': go to our procfs", what->type, what->target);
	(void)snprintf(name, sizeof(name), "%d", target);
	r = sys_mount(what->source && what->source[0] ? what->source : what->type, name, what->type, flags,
	              data[0] ? data : NULL);
	(void)sys_fchdir(proc);
	return r < 0 ? err_set(err, r, "mount '%s' on '%s'", what->type, what->target) : 0;
}

static int classic(const struct mount_what *what, int proc, int target, unsigned long flags, struct err *err)
{
	_autoarena_ struct arena arena = { 0 };
	_cleanup_(overlay_fds_done) struct overlay_fds layers = { 0 };
	struct oci_strings words = what->options->data;
	const char *data = mount_options_join(&arena, &words);
	int r;

	if (data && strlen(data) > CLASSIC_DATA_MAX && strcmp(what->type, "overlay") == 0) {
		r = overlay_name_layers(&arena, &what->options->data, &layers, &words, err);
		if (r < 0)
			return err_wrap(err, "mount '%s' on '%s'", what->type, what->target);
		data = mount_options_join(&arena, &words);
	}
	if (!data)
		return err_set(err, ENOMEM, "mount '%s' on '%s'", what->type, what->target);
	if (strlen(data) > CLASSIC_DATA_MAX)
		return err_say(err, E2BIG, "mount '%s' on '%s': %zu bytes of options, mount(2) takes %d", what->type,
		               what->target, strlen(data), CLASSIC_DATA_MAX);
	return mount_here(what, proc, target, flags, data, err);
}

int mount_fs_classic(const struct mount_what *what, int proc, int target, struct err *err)
{
	return classic(what, proc, target, mount_options_classic(what->options), err);
}

int mount_fs_remount(const struct mount_what *what, int proc, int target, struct err *err)
{
	return classic(what, proc, target, MS_REMOUNT | mount_options_classic(what->options), err);
}
