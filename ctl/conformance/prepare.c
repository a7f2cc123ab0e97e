/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the cases need in the guest: a sandbox, and a root file system with a shell. Unless the user names one that the
 * guest sees already, a static busybox is copied there by CopyFile, as the Go shim does without a shared file system.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "ctl/conformance/run.h"
#include "lib/base64.h"
#include "lib/fd.h"
#include "proto/agent.pb-c.h"

#define CHUNK        (1u << 20)
#define PROGRAM_MAX  (16u << 20)
#define SHARE        "/run/kata-containers/shared/containers/"
#define ROOTFS       SHARE "conformance/rootfs"
#define CREATE_FLAGS "\"dir_mode\":493,\"uid\":0,\"gid\":0"

static const char *const applets[] = { "sh",    "cat",    "sleep",    "true",  "false",    "echo",   "head",   "tail",
	                               "tr",    "seq",    "stty",     "wc",    "kill",     "id",     "env",    "test",
	                               "od",    "md5sum", "readlink", "mkdir", "hostname", "touch",  "tty",    "ls",
	                               "mount", "grep",   "cut",      "yes",   "usleep",   "printf", "umount", "dd",
	                               "mknod", "nproc",  "ps",       "pwd",   "rm",       "stat",   "chmod",  "ln",
	                               "sync",  "df",     "mkfifo",   "sort" };
static const char *const directories[] = { "bin", "dev", "etc", "proc", "root", "sys", "tmp", "mnt" };

static bool create_sandbox(struct conform *c)
{
	_autofree_ char *share = NULL;

	if (c->share_tag && asprintf(&share,
	                             "{\"driver\":\"virtio-fs\",\"source\":\"%s\",\"fstype\":\"virtiofs\","
	                             "\"mount_point\":\"" SHARE "\"},",
	                             c->share_tag) < 0)
		return conform_fail(c, "out of memory");
	if (!conform_call(c, "CreateSandbox", IS_ANY,
	                  "{\"hostname\":\"conformance\",\"sandbox_id\":\"conformance\",\"storages\":[%s"
	                  "{\"driver\":\"ephemeral\",\"source\":\"shm\",\"fstype\":\"tmpfs\",\"mount_point\":"
	                  "\"/run/kata-containers/sandbox/shm\",\"options\":[\"noexec\",\"nosuid\",\"nodev\","
	                  "\"mode=1777\",\"size=16777216\"]}]}",
	                  share ? share : ""))
		return false;
	c->has_sandbox = c->reply.code == RPC_OK;
	return conform_check(c, c->has_sandbox || strstr(c->reply.text, "exist"), "CreateSandbox: %s", c->reply.text);
}

static bool make_directory(struct conform *c, const char *name)
{
	return conform_call(c, "CopyFile", IS_OK, "{\"path\":\"" ROOTFS "%s%s\",\"file_mode\":%u," CREATE_FLAGS "}",
	                    *name ? "/" : "", name, (unsigned)S_IFDIR | 0755u);
}

static bool make_link(struct conform *c, const char *name)
{
	/* "busybox" */
	return conform_call(c, "CopyFile", IS_OK,
	                    "{\"path\":\"" ROOTFS "/bin/%s\",\"file_mode\":%u,\"data\":\"YnVzeWJveA==\"," CREATE_FLAGS
	                    "}",
	                    name, (unsigned)S_IFLNK | 0777u);
}

static bool copy_program(struct conform *c, const char *data, size_t size)
{
	_autofree_ char *text = malloc(base64_encoded_size(CHUNK) + 1);

	if (!text)
		return conform_fail(c, "out of memory");
	for (size_t at = 0; at < size; at += CHUNK) {
		base64_encode((const uint8_t *)data + at, size - at < CHUNK ? size - at : CHUNK, text);
		if (!conform_call(c, "CopyFile", IS_OK,
		                  "{\"path\":\"" ROOTFS
		                  "/bin/busybox\",\"file_size\":%zu,\"file_mode\":%u,\"offset\":%zu,"
		                  "\"data\":\"%s\"," CREATE_FLAGS "}",
		                  size, (unsigned)S_IFREG | 0755u, at, text))
			return false;
	}
	return true;
}

static bool upload(struct conform *c)
{
	_autofree_ char *data = NULL;
	size_t size;
	bool done;
	int r = fd_read_file_at(AT_FDCWD, c->program_file, PROGRAM_MAX, &data, &size);

	if (r < 0)
		return conform_fail(c, "read '%s': %s (a static busybox, or give --rootfs-in-guest)", c->program_file,
		                    strerror(-r));
	done = make_directory(c, "");
	for (size_t i = 0; done && i < ARRAY_SIZE(directories); i++)
		done = make_directory(c, directories[i]);
	done = done && copy_program(c, data, size);
	for (size_t i = 0; done && i < ARRAY_SIZE(applets); i++)
		done = make_link(c, applets[i]);
	c->rootfs = ROOTFS;
	return done;
}

/* Cases about limits need the controllers; an agent that cannot make a container is found out by all the others. */
static void look_for_limits(struct conform *c)
{
	const Grpc__CgroupStats *s;

	if (!conform_run(c, &(struct conform_spec){ .script = "exec cat" }) ||
	    !conform_call(c, "StatsContainer", IS_OK, "{\"container_id\":\"$C\"}"))
		return;
	s = ((const Grpc__StatsContainerResponse *)c->reply.message)->cgroup_stats;
	c->has_limits = s && s->memory_stats && s->memory_stats->usage && s->memory_stats->usage->usage > 0;
}

bool conform_prepare(struct conform *c)
{
	if (!conform_call(c, "Health.Check", IS_OK, "{}") || !create_sandbox(c) || (!c->rootfs && !upload(c)))
		return false;
	look_for_limits(c);
	return true;
}
