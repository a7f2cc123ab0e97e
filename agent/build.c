/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/build.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/sysmacros.h>

#include "agent/attributes.h"
#include "agent/credentials.h"
#include "agent/listener.h"
#include "lib/fd.h"
#include "lib/sys.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

#define DEATH_MS 2000 /* how long a killed child may take until we give up on its cgroup */

/* Everything that has to be undone when building fails. */
struct build {
	const struct build_request *request;
	struct child_setup setup;
	int barrier, cgroup;
	bool made_cgroup, must_attach, must_move;
	pid_t pid;
	int pidfd;
};

static void build_done(struct build *b)
{
	rootfs_close_sources(&b->setup.sources);
	syscall_filter_done(&b->setup.filter);
	b->setup.barrier = fd_close(b->setup.barrier);
	b->setup.listener = fd_close(b->setup.listener);
	b->barrier = fd_close(b->barrier);
	b->cgroup = fd_close(b->cgroup);
	b->pidfd = fd_close(b->pidfd);
}

static void kill_child(struct build *b)
{
	struct pollfd poll = { .fd = b->pidfd, .events = POLLIN };
	siginfo_t info;

	if (b->pidfd < 0)
		return;
	(void)sys_pidfd_send_signal(b->pidfd, SIGKILL);
	(void)sys_poll(&poll, 1, DEATH_MS);
	/* A sibling is reaped by our common parent. */
	if (!b->request->as_sibling)
		(void)sys_waitid(P_PIDFD, (id_t)b->pidfd, &info, WEXITED | WNOHANG);
}

static void undo(struct build *b)
{
	kill_child(b);
	if (b->made_cgroup)
		(void)cgroup_remove(b->request->cgroup_host, b->request->cgroup->path, NULL);
}

static uid_t host_uid(const struct oci_linux *lin, uid_t uid)
{
	for (size_t i = 0; i < lin->uid_maps.n; i++) {
		const struct oci_id_map *map = &lin->uid_maps.v[i];

		if (uid >= map->container_id && uid - map->container_id < map->size)
			return map->host_id + (uid - map->container_id);
	}
	return uid;
}

/* The program may want to open /dev/stdout anew. Done here, where no user namespace limits us. */
static int give_stdio(const struct build_request *request, bool has_userns, struct err *err)
{
	uid_t uid = request->process->user.uid;

	if (request->process->terminal || (uid == 0 && !has_userns))
		return 0;
	if (has_userns)
		uid = host_uid(request->spec->linux, uid);
	for (int i = 0; i < 3; i++) {
		int fd = request->stdio[i], r;
		struct stat st;

		if (fd < 0 || sys_fstatat(fd, "", &st, AT_EMPTY_PATH) < 0)
			continue;
		if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3)) /* /dev/null belongs to all */
			continue;
		r = sys_fchownat(fd, "", uid, (gid_t)-1, AT_EMPTY_PATH);
		/* A caller's own file that cannot be given away stays his. */
		if (r < 0 && r != -EPERM && r != -EROFS && r != -EINVAL && r != -EACCES)
			return err_set(err, r, "give stdio fd %d to uid '%u'", i, uid);
	}
	return 0;
}

static int prepare(struct build *b, struct err *err)
{
	const struct build_request *q = b->request;
	struct child_setup *s = &b->setup;
	_autoclose_ int sys = sys_openat(AT_FDCWD, "/sys", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	int r;

	s->has_userns = oci_find_namespace(q->spec->linux, CLONE_NEWUSER) != NULL;
	if (!q->is_exec) {
		s->new_net = q->nspaces->create & CLONE_NEWNET;
		s->new_uts = q->nspaces->create & CLONE_NEWUTS;
		s->new_cgroupns = q->nspaces->create_cgroup;
	}
	label_host_init(&s->labels, sys);
	s->labels.may_lack = q->may_lack_profile;
	r = label_check(&s->labels, q->process, err);
	if (r == 0 && s->labels.selinux && q->spec->linux->mount_label && q->spec->linux->mount_label[0])
		r = err_say(err, EOPNOTSUPP, "linux.mountLabel '%s' is not supported", q->spec->linux->mount_label);
	if (r == 0)
		r = syscall_filter_build(q->spec->linux->seccomp, &s->filter, err);
	if (r == 0 && s->filter.notifies) {
		s->listener = listener_connect(q->spec->linux->seccomp->listener_path, err);
		r = s->listener < 0 ? s->listener : 0;
	}
	if (r == 0)
		r = give_stdio(q, s->has_userns, err);
	if (r == 0 && !q->is_exec)
		r = rootfs_open_sources(q->rootfs, &s->sources, err);
	return r;
}

static const char *cgroup_of(const struct build_request *q)
{
	return q->cgroup_path ? q->cgroup_path : q->cgroup ? q->cgroup->path : NULL;
}

static int enter_cgroup(struct build *b, struct err *err)
{
	const struct build_request *q = b->request;
	const char *path = cgroup_of(q);
	int r;

	if (q->cgroup) {
		r = cgroup_create(q->cgroup_host, q->cgroup, err);
		if (r != 0) /* 1: rootless, and none could be made */
			return r < 0 ? r : 0;
		b->made_cgroup = true;
	}
	if (!path)
		return 0;
	r = q->no_clone_into_cgroup ? -EOPNOTSUPP : cgroup_open(q->cgroup_host, path, err);
	b->must_attach = r == -EOPNOTSUPP;
	if (r >= 0)
		b->cgroup = r;
	return r < 0 && !b->must_attach ? r : 0;
}

static int join(struct build *b, struct err *err)
{
	const struct build_request *q = b->request;
	int r;

	if (!q->is_exec)
		return nspace_join(q->nspaces, err);
	r = sys_setns(q->init_pidfd, CLONE_NEWPID);
	if (r == -ESRCH)
		return err_say(err, ESRCH, "join the pid namespace of '%s': its init is gone", q->id);
	return r < 0 ? err_set(err, r, "join the pid namespace of '%s'", q->id) : 0;
}

/*
 * clone3 would let the child in at once, and then its offsets cannot be set any more. So we make it, and the child is
 * born into it. Without privilege only the child can, in its own user namespace; its exec takes it in (since 6.3).
 */
static int make_timens(struct build *b, struct err *err)
{
	const struct build_request *q = b->request;
	struct err own = ERR_INIT;
	int r;

	if (q->is_exec)
		return attributes_set_affinity(q->process->exec_affinity ? q->process->exec_affinity->initial : NULL,
		                               err);
	if (!(q->nspaces->create & CLONE_NEWTIME))
		return 0;
	r = attributes_make_timens(AT_FDCWD, q->spec->linux->time_offsets, &own);
	b->setup.late_timens = r == -EPERM && (q->nspaces->create & CLONE_NEWUSER);
	return b->setup.late_timens || r == 0 ? 0 : err_copy(err, &own);
}

static pid_t clone_once(struct build *b, int cgroup)
{
	const struct sys_clone_args args = {
		.flags = b->request->is_exec ? 0 : b->request->nspaces->create & ~(uint64_t)CLONE_NEWTIME,
		.cgroup_fd = cgroup,
		.ret_pidfd = &b->pidfd,
		.as_sibling = b->request->as_sibling,
	};

	return sys_clone3(&args);
}

static int clone_child(struct build *b, struct err *err)
{
	int pair[2], r;
	pid_t pid;

	r = sys_socketpair(SOCK_SEQPACKET, pair);
	if (r < 0)
		return err_set(err, r, "make the barrier of '%s'", b->request->id);
	b->barrier = pair[0];
	b->setup.barrier = pair[1];
	pid = clone_once(b, b->cgroup);
	/* Before 5.7 the kernel does not know the argument. */
	if (b->cgroup >= 0 && (pid == -E2BIG || pid == -EINVAL)) {
		b->must_attach = true;
		pid = clone_once(b, -EBADF);
	}
	/* The cgroup is the user's, but what is above his and ours is not. */
	if (b->cgroup >= 0 && pid == -EACCES && b->request->move) {
		b->must_move = true;
		pid = clone_once(b, -EBADF);
	}
	if (pid == 0)
		child_run(&b->setup);
	b->setup.barrier = fd_close(b->setup.barrier);
	if (pid == -ENOMEM && !b->request->is_exec && nspace_plan_joins(b->request->nspaces, CLONE_NEWPID))
		return err_say(err, ENOMEM, "the pid namespace that it should share has no init any more");
	if (pid == -EACCES && b->cgroup >= 0)
		return err_say(err, EACCES,
		               "create the child of '%s' in cgroup '%s': permission denied, the cgroup that we are in "
		               "is not delegated with it",
		               b->request->id, cgroup_of(b->request));
	if (pid < 0)
		return err_set(err, pid, "create the child of '%s'", b->request->id);
	b->pid = pid;
	return 0;
}

static int send_mapped(struct build *b, struct err *err)
{
	struct child_mapped mapped = { .kind = CHILD_MAPPED, .pid = b->pid };
	struct iovec iov = { &mapped, sizeof(mapped) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n = sys_sendmsg(b->barrier, &msg, 0);

	return n < 0 ? err_set(err, (int)n, "tell the child of '%s' to go on", b->request->id) : 0;
}

/* What only a process outside of the new namespaces can do to the child, which waits meanwhile. */
static int equip_child(struct build *b, struct err *err)
{
	const struct build_request *q = b->request;
	int r = 0;

	if (b->must_attach)
		r = cgroup_attach(q->cgroup_host, cgroup_of(q), b->pid, err);
	if (r == 0 && q->move && (b->must_attach || b->must_move))
		r = q->move(b->pid, q->move_arg, err);
	if (r == 0)
		r = credentials_set_oom_score(b->pid, q->process, q->spec->process, err);
	if (r == 0)
		r = credentials_raise_limits(b->pid, q->process, err);
	if (r == 0 && !q->is_exec && (q->nspaces->create & CLONE_NEWUSER))
		r = nspace_write_maps(b->pid, q->spec->linux, err);
	return r == 0 ? send_mapped(b, err) : r;
}

/* From its first moment on the child can be seen by a container that shares its pid namespace (CVE-2016-9962). */
static int hide(struct err *err)
{
	int r = 0;

	/* Without privilege, the files below /proc that take the id maps are ours only while we are dumpable. */
	if (sys_geteuid() == 0)
		r = sys_prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	return r < 0 ? err_set(err, r, "make the process undumpable") : 0;
}

int container_build(const struct build_request *request, struct build_result *ret, struct err *err)
{
	_cleanup_(build_done) struct build b = {
		.request = request,
		.setup = { .request = request, .barrier = -EBADF, .listener = -EBADF },
		.barrier = -EBADF,
		.cgroup = -EBADF,
		.pidfd = -EBADF,
	};
	int r = hide(err);

	if (r == 0)
		r = prepare(&b, err);
	if (r == 0)
		r = enter_cgroup(&b, err);
	if (r == 0)
		r = join(&b, err);
	if (r == 0 && !request->is_exec)
		r = rootfs_make_sources(request->rootfs, &b.setup.sources, err);
	if (r == 0)
		r = make_timens(&b, err);
	if (r == 0)
		r = clone_child(&b, err);
	if (r == 0)
		r = equip_child(&b, err);
	ret->made_cgroup = b.made_cgroup;
	if (r < 0) {
		undo(&b);
		return r;
	}
	ret->pid = b.pid;
	ret->pidfd = take_fd(&b.pidfd);
	return 0;
}
