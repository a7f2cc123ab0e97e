/* SPDX-License-Identifier: Apache-2.0 */
/* A file system that is made before it is mounted, on the disk of a volume that is new with each pod. */
#include <errno.h>
#include <string.h>

#include "agent/mount/storage_common.h"
#include "lib/fd.h"
#include "lib/path.h"
#include "lib/spawn.h"
#include "lib/sys.h"

#define OPTION     "create_filesystem"
#define ENCRYPTION "encryption_key="
#define MKFS_MS    50000 /* a job has a minute */
#define SAID_MAX   256

static const char *const programs[] = { "/sbin/mkfs.ext4", "/usr/sbin/mkfs.ext4", "/bin/mkfs.ext4",
	                                "/usr/bin/mkfs.ext4" };

/* The last line that it said, which is the reason. */
static void read_reason(int fd, char ret[SAID_MAX])
{
	char *end, *line;
	ssize_t n;
	off_t size = sys_lseek(fd, 0, SEEK_END);

	n = sys_pread(fd, ret, SAID_MAX - 1, size > SAID_MAX - 1 ? size - (SAID_MAX - 1) : 0);
	ret[n > 0 ? n : 0] = '\0';
	end = ret + strlen(ret);
	while (end > ret && end[-1] == '\n')
		*--end = '\0';
	line = strrchr(ret, '\n');
	if (line)
		memmove(ret, line + 1, strlen(line));
}

static int run_mkfs(const char *program, const char *device, int said, struct err *err)
{
	const char *argv[] = {
		program, "-F", "-O", "^has_journal", "-m", "0", "-i", "163840", "-I", "128", device, NULL
	};
	const char *env[] = { "PATH=/sbin:/usr/sbin:/bin:/usr/bin", NULL };
	const struct spawn_spec spec = { .path = program,
		                         .argv = (char *const *)argv,
		                         .env = (char *const *)env,
		                         .stdio = { -EBADF, said, said },
		                         .death_signal = true };
	_autoclose_ int pidfd = -EBADF;
	pid_t pid = spawn_run(&spec, &pidfd, err);
	char reason[SAID_MAX];
	int status;

	if (pid < 0)
		return pid;
	status = spawn_wait(pidfd, MKFS_MS);
	if (status < 0)
		return err_set(err, status, "wait for '%s'", program);
	if (status == 0)
		return 0;
	read_reason(said, reason);
	return err_say(err, EIO, "'%s' ended with status %d: %s", program, status, reason);
}

static int apply_mkfs(const struct step *step, void *context, struct err *err)
{
	_autoclose_ int said = sys_memfd_create("mkfs", 0);
	const struct storage_run *run = context;
	struct stat st;
	int r;

	if (said < 0)
		return err_set(err, said, "make a file system on '%s'", step->source);
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		if (sys_fstatat(run->root, programs[i] + 1, &st, 0) < 0)
			continue;
		r = run_mkfs(programs[i], step->source, said, err);
		return r < 0 ? err_wrap(err, "make a file system on '%s'", step->source) : 0;
	}
	return err_say(err, ENOENT, "make a file system on '%s': the guest has no mkfs.ext4", step->source);
}

static const struct step_kind step_mkfs = { "mkfs", apply_mkfs };

int storage_plan_mkfs(struct arena *arena, struct step_list *list, const struct storage_config *config, struct err *err)
{
	const struct step step = { .kind = &step_mkfs, .source = config->source, .type = "ext4" };
	bool wanted = false;
	int r;

	for (size_t i = 0; i < config->driver_options.n; i++) {
		const char *option = config->driver_options.v[i];

		wanted = wanted || strcmp(option, OPTION) == 0;
		/* Better no volume than one that is not encrypted. */
		if (strncmp(option, ENCRYPTION, strlen(ENCRYPTION)) == 0)
			return err_say(err, EOPNOTSUPP,
			               "storage '%s' on '%s': '%s' needs a confidential data hub, which is not here",
			               config->driver, config->mount_point, option);
	}
	if (!wanted)
		return 0;
	if (!config->fstype || strcmp(config->fstype, "ext4") != 0)
		return err_say(err, EINVAL, "storage '%s' on '%s': '" OPTION "' makes ext4, not '%s'", config->driver,
		               config->mount_point, config->fstype ? config->fstype : "");
	if (!path_is_clean(config->source))
		return err_say(err, EINVAL, "storage '%s' on '%s': '%s' is no path of a disk", config->driver,
		               config->mount_point, config->source ? config->source : "");
	r = step_add(arena, list, &step);
	return r < 0 ? err_set(err, r, "plan a storage") : 0;
}
