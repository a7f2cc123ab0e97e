/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/termination.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/path.h"
#include "lib/sys.h"
#include "lib/utf8.h"

#define ANNOTATION "io.kubernetes.container.terminationMessagePath"

const char *termination_source(const struct oci_spec *spec)
{
	const char *destination = NULL, *source = NULL;

	for (size_t i = 0; i < spec->annotations.n; i++)
		if (strcmp(spec->annotations.v[i].key, ANNOTATION) == 0)
			destination = spec->annotations.v[i].value;
	for (size_t i = 0; destination && i < spec->n_mounts; i++)
		if (strcmp(spec->mounts[i].destination, destination) == 0)
			source = spec->mounts[i].source;
	return source;
}

/* An fd that only names it: opening a fifo or a device may have effects. */
static int find_file(const char *share, const char *path)
{
	size_t len = strlen(share);
	bool shared = strncmp(path, share, len) == 0 && path[len] == '/';
	_autoclose_ int root = sys_openat(AT_FDCWD, shared ? share : "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);

	return root < 0 ? root : path_open_in(root, shared ? path + len : path, 0);
}

static int open_regular(int found)
{
	char path[32];
	struct stat st;
	int r = sys_fstatat(found, "", &st, AT_EMPTY_PATH);

	if (r < 0)
		return r;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", found);
	return sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
}

static ssize_t read_up_to(int fd, char *text, size_t max)
{
	size_t n = 0;

	while (n < max) {
		ssize_t r = sys_pread(fd, text + n, max - n, (off_t)n);

		if (r == -EINTR)
			continue;
		if (r < 0)
			return r;
		if (r == 0)
			break;
		n += (size_t)r;
	}
	return (ssize_t)n;
}

static void clean(char *text, size_t n)
{
	utf8_clean(text, n);
	for (size_t i = 0; i < n; i++)
		if (text[i] == '\0')
			text[i] = '?';
}

int termination_read(const char *share, const char *path, struct buf *out, struct err *err)
{
	_autoclose_ int found = -EBADF, fd = -EBADF;
	char text[TERMINATION_LOG_MAX];
	ssize_t n;

	if (!path_is_clean(path))
		return err_say(err, EINVAL, "termination log '%s': the path must be absolute, without '..'", path);
	found = find_file(share, path);
	if (found == -ENOENT || found == -ENOTDIR)
		return 0;
	fd = found < 0 ? found : open_regular(found);
	n = fd < 0 ? fd : read_up_to(fd, text, sizeof(text));
	if (n < 0)
		return err_set(err, (int)n, "read the termination log '%s'", path);
	clean(text, (size_t)n);
	n = buf_add(out, text, (size_t)n);
	return n < 0 ? err_set(err, (int)n, "read the termination log '%s'", path) : 0;
}
