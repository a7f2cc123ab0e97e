/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/tempdir.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/unit.h"

int tempdir_setup(void **state)
{
	struct tempdir *dir = calloc(1, sizeof(*dir));

	if (!dir)
		return -1;
	(void)strcpy(dir->path, "/tmp/kata-unit-XXXXXX");
	if (!mkdtemp(dir->path))
		return -1;
	dir->fd = open(dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = dir;
	return dir->fd < 0 ? -1 : 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

int tempdir_teardown(void **state)
{
	struct tempdir *dir = *state;

	(void)close(dir->fd);
	(void)nftw(dir->path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	free(dir);
	return 0;
}

void tempdir_write(const struct tempdir *dir, const char *name, const char *text)
{
	int fd = openat(dir->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	size_t len = strlen(text);

	if (fd < 0 || write(fd, text, len) != (ssize_t)len)
		fail_msg("cannot write '%s' below '%s'", name, dir->path);
	(void)close(fd);
}
