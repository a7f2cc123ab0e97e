/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/mountinfo.h"
#include "lib/sys.h"
#include "runtime/helper.h"

#define PACK_MS    600000
#define BLOCK      4096u
#define IMAGES_DIR "/var/tmp" /* a disk, not memory */

/* --- block devices ----------------------------------------------------------------------------------------------- */

struct search {
	const char *target;
	char *source; /* of a whole file system that is on a block device and read-only */
};

static int look(const struct mountinfo_entry *entry, void *arg)
{
	struct search *s = arg;
	bool fits = strcmp(entry->target, s->target) == 0;

	if (!fits)
		return 0;
	/* The last one is on top. */
	free(s->source);
	s->source = NULL;
	if (strcmp(entry->root, "/") != 0 || strncmp(entry->source, "/dev/", 5) != 0 ||
	    (strncmp(entry->fs_options, "ro", 2) != 0) || (entry->fs_options[2] != ',' && entry->fs_options[2] != '\0'))
		return 0;
	s->source = strdup(entry->source);
	return s->source ? 0 : -ENOMEM;
}

static int open_device(const char *device, bool read_only, struct rootfs *ret, struct err *err)
{
	int fd = sys_openat(AT_FDCWD, device, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC, 0);

	if (fd < 0)
		return err_set(err, fd, "open the root file system's device '%s'", device);
	*ret = (struct rootfs){ .fd = fd, .is_device = true, .read_only = read_only, .fstype = "" };
	return 1;
}

int rootfs_find_device(const char *path, bool read_only, struct rootfs *ret, struct err *err)
{
	_autofree_ char *real = realpath(path, NULL), *source = NULL;
	struct search s = { .target = real };
	struct stat st;
	int r;

	if (!real || stat(real, &st) < 0)
		return err_set(err, errno, "find the root file system '%s'", path);
	if (S_ISBLK(st.st_mode))
		return open_device(real, read_only, ret, err);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ENOTDIR, "find the root file system '%s'", path);
	r = mountinfo_walk(NULL, look, &s, err);
	source = s.source;
	if (r < 0 || !source || stat(source, &st) < 0 || !S_ISBLK(st.st_mode))
		return r < 0 ? r : 0;
	return open_device(source, true, ret, err);
}

/* --- images ------------------------------------------------------------------------------------------------------ */

/* What has to fit: bytes in whole blocks, and files. */
static int measure(const char *dir, uint64_t *bytes, uint64_t *entries, struct err *err)
{
	char *paths[] = { (char *)dir, NULL };
	FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
	FTSENT *e;

	if (!tree)
		return err_set(err, errno, "read the directory '%s'", dir);
	while ((e = fts_read(tree)) != NULL) {
		if (e->fts_info == FTS_DP)
			continue;
		++*entries;
		if (e->fts_info == FTS_F)
			*bytes += ((uint64_t)e->fts_statp->st_size + BLOCK - 1) / BLOCK * BLOCK;
		else
			*bytes += BLOCK;
	}
	(void)fts_close(tree);
	return 0;
}

static const char *find_program(const char *const *places)
{
	while (*places && access(*places, X_OK) < 0)
		places++;
	return *places;
}

char **rootfs_pack_args(struct arena *arena, const char *mkfs, bool is_erofs, const char *dir, const char *image,
                        uint64_t entries)
{
	/* Inodes: twice what is there, and as many as a shell session makes. */
	char *inodes = arena_printf(arena, "%" PRIu64, entries * 2 + 65536);
	const char *const ext4[] = { mkfs,           "-q", "-t",   "ext4", "-F", "-m",  "0", "-O",
		                     "^has_journal", "-N", inodes, "-d",   dir,  image, NULL };
	const char *const erofs[] = { mkfs, "--quiet", image, dir, NULL };
	size_t size = is_erofs ? sizeof(erofs) : sizeof(ext4);
	char **v = inodes ? arena_array(arena, ARRAY_SIZE(ext4), sizeof(*v)) : NULL;

	if (v)
		memcpy(v, is_erofs ? erofs : ext4, size);
	return v;
}

int rootfs_open_image(struct err *err)
{
	int fd = sys_openat(AT_FDCWD, IMAGES_DIR, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	return fd < 0 ? err_set(err, fd, "make an image in '%s'", IMAGES_DIR) : fd;
}

static const char *find_mkerofs(bool read_only)
{
	static const char *const mkerofs[] = { "/usr/bin/mkfs.erofs", "/usr/sbin/mkfs.erofs", NULL };

	return read_only ? find_program(mkerofs) : NULL;
}

int rootfs_fill_image(int fd, const char *dir, bool read_only, struct err *err)
{
	static const char *const mke2fs[] = { "/usr/sbin/mke2fs", "/sbin/mke2fs", NULL };
	const char *erofs = find_mkerofs(read_only), *mkfs = erofs ? erofs : find_program(mke2fs);
	_autoarena_ struct arena arena = { .max = 0 };
	_autobuf_ struct buf out = { .max = BLOCK };
	uint64_t bytes = 0, entries = 0;
	char image[64], **argv;
	int r;

	if (!mkfs)
		return err_say(err, ENOENT, "pack the directory '%s': neither mke2fs nor mkfs.erofs is there", dir);
	r = measure(dir, &bytes, &entries, err);
	if (r < 0)
		return r;
	/* Tables, inodes and the last blocks of directories come on top. */
	bytes += bytes / 4 + entries * 512 + (64u << 20) + (read_only ? 0 : (uint64_t)ROOTFS_FREE_MIB << 20);
	r = erofs ? 0 : sys_ftruncate(fd, (off_t)(bytes / BLOCK * BLOCK));
	if (r < 0)
		return err_set(err, r, "make an image of %" PRIu64 " bytes", bytes);
	(void)snprintf(image, sizeof(image), "/proc/%d/fd/%d", (int)getpid(), fd);
	argv = rootfs_pack_args(&arena, mkfs, erofs != NULL, dir, image, entries);
	if (!argv)
		return err_set(err, ENOMEM, "pack the directory '%s'", dir);
	if (helper_run(argv, PACK_MS, &out, err) < 0)
		return err_wrap(err, "pack the directory '%s'", dir);
	return 0;
}

int rootfs_take_image(int fd, bool read_only, struct rootfs *ret, struct err *err)
{
	char path[64];
	int r;

	/* Whoever may only read the disk opens it so. */
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = sys_openat(AT_FDCWD, path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC, 0);
	if (r < 0)
		return err_set(err, r, "open the root file system's image");
	*ret = (struct rootfs){ .fd = r, .read_only = read_only, .fstype = find_mkerofs(read_only) ? "erofs" : "ext4" };
	return 0;
}

int rootfs_pack(const char *dir, bool read_only, struct rootfs *ret, struct err *err)
{
	_autoclose_ int fd = rootfs_open_image(err);
	int r = fd < 0 ? fd : rootfs_fill_image(fd, dir, read_only, err);

	return r < 0 ? r : rootfs_take_image(fd, read_only, ret, err);
}

/* --- mount points ------------------------------------------------------------------------------------------------ */

static bool is_below(const char *path, const char *top)
{
	size_t n = strlen(top);

	return n > 1 && strncmp(path, top, n) == 0 && path[n] == '/';
}

static bool is_in_mount(const struct oci_spec *spec, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (is_below(spec->mounts[i].destination, spec->mounts[k].destination))
			return true;
	return false;
}

bool rootfs_has_mount_points(const char *dir, const struct oci_spec *spec)
{
	_autoclose_ int top = sys_openat(AT_FDCWD, dir, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);

	for (size_t i = 0; top >= 0 && i < spec->n_mounts; i++) {
		_autoclose_ int fd = -EBADF;

		if (is_in_mount(spec, i))
			continue;
		fd = sys_openat2(top, spec->mounts[i].destination, O_PATH | O_CLOEXEC, 0, RESOLVE_IN_ROOT);
		if (fd < 0)
			return false;
	}
	return top >= 0;
}
