/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/namespaces/nspace.h"

#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "lib/buf.h"
#include "lib/fd.h"
#include "lib/job.h"
#include "lib/sys.h"

#define ID_MAP_TEXT_MAX 4096 /* the kernel takes less than a page in one write */

static void plan_reset(struct nspace_plan *plan)
{
	*plan = (struct nspace_plan){ 0 };
	for (size_t i = 0; i < NSPACE_KINDS; i++)
		plan->join[i] = -EBADF;
}

static const char *kind_name(uint64_t flag)
{
	const char *name = oci_namespace_file((int)flag);

	return name ? name : "unknown";
}

/* Join order: the user namespace first, for the right to enter the others; the mount namespace last, since it changes
 * every path. */
static int join_rank(uint64_t flag)
{
	if (flag == CLONE_NEWUSER)
		return 0;
	return flag == CLONE_NEWNS ? 2 : 1;
}

static void plan_join(struct nspace_plan *plan, uint64_t flag, int fd)
{
	size_t at = plan->n_join;

	while (at > 0 && join_rank(plan->join_flag[at - 1]) > join_rank(flag)) {
		plan->join[at] = plan->join[at - 1];
		plan->join_flag[at] = plan->join_flag[at - 1];
		at--;
	}
	plan->join[at] = fd;
	plan->join_flag[at] = flag;
	plan->n_join++;
}

static void plan_create(struct nspace_plan *plan, uint64_t flag)
{
	if (flag == CLONE_NEWCGROUP)
		plan->create_cgroup = true;
	else
		plan->create |= flag;
}

bool nspace_plan_joins(const struct nspace_plan *plan, uint64_t flag)
{
	for (size_t i = 0; i < plan->n_join; i++)
		if (plan->join_flag[i] == flag)
			return true;
	return false;
}

/* An unknown kind or one named twice has no meaning that two readers of the spec would agree on. */
static int check_entry(const struct nspace_plan *plan, uint64_t flag, struct err *err)
{
	if (!oci_namespace_file((int)flag))
		return err_say(err, EINVAL, "namespace 0x%" PRIx64 " of the spec is of no known type", flag);
	if ((plan->create & flag) || nspace_plan_joins(plan, flag) || (flag == CLONE_NEWCGROUP && plan->create_cgroup))
		return err_say(err, EINVAL, "namespace '%s' is listed twice", kind_name(flag));
	return 0;
}

static int pin_for(const struct nspace_pins *pins, uint64_t flag, bool sandbox_pidns)
{
	if (flag == CLONE_NEWIPC)
		return pins->ipc;
	if (flag == CLONE_NEWUTS)
		return pins->uts;
	if (flag == CLONE_NEWPID && sandbox_pidns)
		return pins->pid;
	return -EBADF;
}

static void plan_entry(struct nspace_plan *plan, uint64_t flag, int fd)
{
	if (fd >= 0)
		plan_join(plan, flag, fd);
	else
		plan_create(plan, flag);
}

int nspace_plan_init(const struct oci_spec *spec, const struct nspace_pins *pins, bool sandbox_pidns,
                     struct nspace_plan *ret, struct err *err)
{
	const struct oci_linux *lin = spec->linux;
	struct nspace_plan plan;
	int r;

	plan_reset(&plan);
	for (size_t i = 0; i < lin->n_namespaces; i++) {
		uint64_t flag = (uint64_t)lin->namespaces[i].flag;

		r = check_entry(&plan, flag, err);
		if (r < 0)
			return r;
		plan_entry(&plan, flag, pin_for(pins, flag, sandbox_pidns));
	}
	/* The host takes the pid entry out before it sends the spec, and says sandbox_pidns instead. */
	if (!oci_find_namespace(lin, CLONE_NEWPID))
		plan_entry(&plan, CLONE_NEWPID, pin_for(pins, CLONE_NEWPID, sandbox_pidns));
	if (!(plan.create & CLONE_NEWNS))
		return err_say(err, EINVAL, "the spec lists no mount namespace");
	*ret = plan;
	return 0;
}

void nspace_plan_close(struct nspace_plan *plan)
{
	for (size_t i = 0; i < plan->n_join; i++)
		plan->join[i] = fd_close(plan->join[i]);
	plan->n_join = 0;
}

static int plan_path(struct nspace_plan *plan, const struct oci_namespace *entry, struct err *err)
{
	uint64_t flag = (uint64_t)entry->flag;
	int fd = -EBADF;

	if (entry->path && entry->path[0] != '\0') {
		if (flag == CLONE_NEWNS)
			return err_say(err, ENOTSUP, "join mount namespace '%s': a container has its own", entry->path);
		fd = sys_openat(AT_FDCWD, entry->path, O_RDONLY | O_CLOEXEC, 0);
		if (fd < 0)
			return err_set(err, fd, "open %s namespace '%s'", kind_name(flag), entry->path);
	}
	plan_entry(plan, flag, fd);
	return 0;
}

int nspace_plan_paths(const struct oci_linux *lin, struct nspace_plan *ret, struct err *err)
{
	struct nspace_plan plan;
	int r = 0;

	plan_reset(&plan);
	for (size_t i = 0; r == 0 && i < lin->n_namespaces; i++) {
		r = check_entry(&plan, (uint64_t)lin->namespaces[i].flag, err);
		if (r == 0)
			r = plan_path(&plan, &lin->namespaces[i], err);
	}
	if (r < 0) {
		nspace_plan_close(&plan);
		return r;
	}
	*ret = plan;
	return 0;
}

int nspace_join(const struct nspace_plan *plan, struct err *err)
{
	for (size_t i = 0; i < plan->n_join; i++) {
		int r = sys_setns(plan->join[i], (int)plan->join_flag[i]);

		if (r < 0)
			return err_set(err, r, "join %s namespace", kind_name(plan->join_flag[i]));
	}
	return 0;
}

static int format_maps(const struct oci_id_maps *maps, struct buf *text)
{
	text->max = ID_MAP_TEXT_MAX;
	for (size_t i = 0; i < maps->n; i++) {
		int r = buf_printf(text, "%" PRIu32 " %" PRIu32 " %" PRIu32 "\n", maps->v[i].container_id,
		                   maps->v[i].host_id, maps->v[i].size);

		if (r < 0)
			return r;
	}
	return 0;
}

static int write_map(pid_t pid, const char *file, const struct oci_id_maps *maps, struct err *err)
{
	_autobuf_ struct buf text = BUF_INIT;
	char path[64];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	if (maps->n == 0)
		return err_say(err, EINVAL, "write '%s': the user namespace has no id mappings", path);
	r = format_maps(maps, &text);
	if (r == 0)
		r = fd_write_file_at(AT_FDCWD, path, (const char *)text.data);
	if (r < 0)
		return err_set(err, r, "write %zu id mappings to '%s'", maps->n, path);
	return 0;
}

int nspace_write_maps(pid_t pid, const struct oci_linux *lin, struct err *err)
{
	char path[64];
	int r = write_map(pid, "uid_map", &lin->uid_maps, err);

	if (r < 0)
		return r;
	r = write_map(pid, "gid_map", &lin->gid_maps, err);
	if (r != -EPERM)
		return r;
	/* Without privilege over the groups (rootless) the kernel wants setgroups(2) given up first. */
	(void)snprintf(path, sizeof(path), "/proc/%d/setgroups", (int)pid);
	r = fd_write_file_at(AT_FDCWD, path, "deny");
	if (r < 0)
		return err_set(err, r, "write 'deny' to '%s'", path);
	return write_map(pid, "gid_map", &lin->gid_maps, err);
}

int nspace_loopback_up(struct err *err)
{
	_autoclose_ int fd = sys_socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq request = { .ifr_name = "lo" };
	int r = fd;

	if (r >= 0)
		r = sys_ioctl(fd, SIOCGIFFLAGS, &request);
	if (r >= 0) {
		request.ifr_flags |= IFF_UP | IFF_RUNNING;
		r = sys_ioctl(fd, SIOCSIFFLAGS, &request);
	}
	return r < 0 ? err_set(err, r, "take device 'lo' up") : 0;
}

static int add_pin(const char *file, struct job_reply *reply, struct err *err)
{
	char path[64];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", file);
	r = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	if (r >= 0)
		r = job_reply_add_fd(reply, r);
	return r < 0 ? err_set(err, r, "pin namespace '%s'", path) : 0;
}

int nspace_make_pins(const char *hostname, struct job_reply *reply, struct err *err)
{
	int r = sys_unshare(CLONE_NEWIPC | CLONE_NEWUTS);

	if (r < 0)
		return err_set(err, r, "make the sandbox's ipc and uts namespaces");
	if (hostname && hostname[0] != '\0') {
		r = sys_sethostname(hostname);
		if (r < 0)
			return err_set(err, r, "set the sandbox's hostname '%s'", hostname);
	}
	r = add_pin("ipc", reply, err);
	return r < 0 ? r : add_pin("uts", reply, err);
}
