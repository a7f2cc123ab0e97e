/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/selfexec.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>

#include "lib/fd.h"
#include "lib/sys.h"

#define SELF       "/proc/self/exe"
#define SEALS      (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define COPY_CHUNK (1 << 20)

bool selfexec_is_sealed(void)
{
	_autoclose_ int fd = sys_openat(AT_FDCWD, SELF, O_RDONLY | O_CLOEXEC, 0);
	struct statfs st;

	if (fd < 0)
		return false;
	if (sys_fstatfs(fd, &st) == 0 && (st.f_flags & ST_RDONLY))
		return true;
	return sys_fcntl(fd, F_GET_SEALS, 0) == SEALS;
}

/*
 * Once its fd is closed, which exec does, the mount belongs to no namespace, and the kernel lets nobody change the
 * attributes of such a mount.
 */
static int clone_mount(int file)
{
	const struct sys_mount_attr readonly = { .attr_set = MOUNT_ATTR_RDONLY };
	_autoclose_ int mount = sys_open_tree(file, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	int r = mount < 0 ? mount : sys_mount_setattr(mount, "", AT_EMPTY_PATH, &readonly);

	return r < 0 ? r : take_fd(&mount);
}

static int copy_all(int from, int to)
{
	ssize_t n;

	do {
		n = sys_sendfile(to, from, COPY_CHUNK);
	} while (n > 0 || n == -EINTR);
	return (int)n;
}

static int copy_to_memory(int file, const char *name)
{
	_autoclose_ int copy = sys_memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r = copy < 0 ? copy : copy_all(file, copy);

	r = r < 0 ? r : sys_fchmod(copy, 0500);
	r = r < 0 ? r : sys_fcntl(copy, F_ADD_SEALS, SEALS);
	return r < 0 ? r : take_fd(&copy);
}

static const char *base_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path ? path : "";
}

static int open_sealed(enum selfexec_means means, const char *path, const char *name)
{
	_autoclose_ int file = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	int r = file;

	if (r >= 0)
		r = means == SELFEXEC_MEMORY ? -EPERM : clone_mount(file);
	if (r >= 0 || means == SELFEXEC_MOUNT || file < 0)
		return r;
	return copy_to_memory(file, name);
}

int selfexec_run(enum selfexec_means means, const char *path, char *const argv[], char *const envp[], struct err *err)
{
	_autoclose_ int program = open_sealed(means, path, base_name(argv[0]));
	int r;

	if (program < 0)
		return err_set(err, program, "protect '%s' from being written", path);
	r = sys_fexecve(program, argv, envp);
	return err_set(err, r, "execute '%s'", path);
}

int selfexec_seal(enum selfexec_means means, char *const argv[], char *const envp[], struct err *err)
{
	if (!selfexec_is_sealed())
		return selfexec_run(means, SELF, argv, envp, err);
	/* Executed by fd it would be called by the fd's number. */
	(void)sys_prctl(PR_SET_NAME, (unsigned long)base_name(argv[0]), 0, 0, 0);
	return 0;
}
