/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/sys.h"
#include "proto/agent.pb-c.h"
#include "runtime/hypervisor/qemu_args.h"
#include "runtime/sandbox.h"

#define COPY_MAX   (8u << 20) /* bytes of a file that is copied into the guest */
#define COPY_CHUNK (1u << 20) /* bytes in a request */

static bool is_shared(const struct sandbox *sb)
{
	return strcmp(sb->config.hypervisor.shared_fs, "none") != 0;
}

static int forbid(const char *id, const char *why, struct err *err)
{
	return err_say(err, EOPNOTSUPP, "create container '%s': %s", id, why);
}

int sandbox_find_root(struct sandbox *sb, const char *id, const char *bundle, const struct oci_spec *spec,
                      bool *ret_is_disk, struct err *err)
{
	_autofree_ char *path = NULL;
	struct rootfs found = { .fd = -EBADF };
	int r;

	if (asprintf(&path, "%s%s%s", spec->root_path[0] == '/' ? "" : bundle, spec->root_path[0] == '/' ? "" : "/",
	             spec->root_path) < 0)
		return err_set(err, ENOMEM, "create container '%s'", id);
	r = rootfs_find_device(path, spec->root_readonly, &found, err);
	if (r == 1 && sb->config.hypervisor.disable_block_device_use) {
		found.fd = fd_close(found.fd);
		r = 0;
	}
	if (r < 0)
		return r;
	if (r == 0 && is_shared(sb)) {
		*ret_is_disk = false;
		return 0;
	}
	/* Disks are there from the start; none is added to a VM that runs. */
	if (sb->is_booted) {
		(void)fd_close(found.fd);
		return forbid(id,
		              "in a pod whose VM runs its root file system has to be in the share (shared_fs = "
		              "\"virtio-fs\")",
		              err);
	}
	if (r == 0)
		r = rootfs_pack(path, spec->root_readonly, &found, err);
	if (r < 0)
		return r;
	sb->root_disk = found;
	*ret_is_disk = true;
	return 0;
}

/* --- what is not in a share goes by calls ------------------------------------------------------------------------- */

struct copying {
	unsigned pending;
	struct err err;
	const char *name;
};

static void on_copied(void *arg, struct client_reply *reply)
{
	struct copying *c = arg;
	struct err err = ERR_INIT;

	c->pending--;
	if (agentlink_check(reply, "copy", c->name, &err) < 0 && c->err.num == 0)
		c->err = err;
}

static int send_chunks(struct sandbox *sb, int fd, const struct stat *st, const char *target, struct copying *c)
{
	Grpc__CopyFileRequest request = GRPC__COPY_FILE_REQUEST__INIT;
	_autofree_ uint8_t *data = malloc(COPY_CHUNK);
	int64_t done = 0;
	int r = data ? 0 : -ENOMEM;

	request.path = (char *)target;
	request.file_size = st->st_size;
	request.file_mode = st->st_mode;
	request.dir_mode = 0755;
	request.uid = (int32_t)st->st_uid;
	request.gid = (int32_t)st->st_gid;
	do {
		ssize_t n = r < 0 ? r : sys_pread(fd, data, COPY_CHUNK, done);

		if (n < 0)
			return (int)n;
		request.offset = done;
		request.data.data = data;
		request.data.len = (size_t)n;
		c->pending++;
		r = agentlink_call(&sb->link, "CopyFile", &request.base, AGENTLINK_TIMEOUT_MS, on_copied, c);
		if (r < 0)
			c->pending--;
		/* One after the other: a chunk that comes too early would leave a gap. */
		while (c->pending > 0 && qemu_is_running(sb->qemu))
			(void)loop_turn(sb->loop, 1000);
		done += n;
		if (n == 0 || c->err.num != 0 || c->pending > 0)
			break;
	} while (r == 0 && done < st->st_size);
	return r;
}

static int copy_file(struct sandbox *sb, const struct guestspec_bind *bind, struct err *err)
{
	_autoclose_ int fd = sys_openat(AT_FDCWD, bind->source, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);
	struct copying c = { .err = ERR_INIT, .name = bind->source };
	_autofree_ char *target = NULL;
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(err, fd < 0 ? -fd : errno, "copy '%s' into the guest", bind->source);
	if (!S_ISREG(st.st_mode) || st.st_size > COPY_MAX)
		return err_say(
			err, EOPNOTSUPP,
			"copy '%s' into the guest: without a share (shared_fs = \"none\") only files of up to %u MiB "
			"can be mounted",
			bind->source, COPY_MAX >> 20);
	if (asprintf(&target, "%s/%s", GUEST_SHARE, bind->name) < 0)
		return err_set(err, ENOMEM, "copy '%s' into the guest", bind->source);
	r = send_chunks(sb, fd, &st, target, &c);
	if (r == 0 && c.pending > 0)
		return err_say(err, EIO, "copy '%s' into the guest: the VM has gone", bind->source);
	if (c.err.num != 0)
		return err_copy(err, &c.err);
	return r < 0 ? err_set(err, -r, "copy '%s' into the guest", bind->source) : 0;
}

int sandbox_copy_files(struct sandbox *sb, const struct guestspec *g, struct err *err)
{
	int r = 0;

	/* The first is the root file system. */
	for (size_t i = 1; r == 0 && !is_shared(sb) && i < g->n_binds; i++)
		r = copy_file(sb, &g->binds[i], err);
	return r;
}

int sandbox_root_storage(struct sandbox *sb, struct arena *arena, const struct oci_spec *spec,
                         Grpc__CreateContainerRequest *request, struct err *err)
{
	const struct vm_spec vm = { .config = &sb->config.hypervisor };
	Grpc__Storage *s = arena_alloc(arena, sizeof(*s));
	char **options = arena_array(arena, 1, sizeof(*options));

	request->storages = arena_array(arena, 1, sizeof(*request->storages));
	if (!s || !options || !request->storages)
		return err_set(err, ENOMEM, "make the root storage of '%s'", request->container_id);
	grpc__storage__init(s);
	if (qemu_args_has_hotplug(&vm)) {
		s->driver = (char *)"blk";
		s->source = arena_printf(arena, "%02x", VM_DISK_SLOT);
	} else {
		/* The image, if the guest boots from one, is the first. */
		s->driver = (char *)"mmioblk";
		s->source = arena_strdup(arena, *sb->config.hypervisor.image ? "/dev/vdb" : "/dev/vda");
	}
	options[0] = (char *)(sb->root_disk.read_only ? "ro" : "rw");
	s->options = options;
	s->n_options = 1;
	s->fstype = (char *)sb->root_disk.fstype;
	s->mount_point = spec->root_path;
	if (!s->source)
		return err_set(err, ENOMEM, "make the root storage of '%s'", request->container_id);
	request->storages[0] = s;
	request->n_storages = 1;
	return 0;
}
