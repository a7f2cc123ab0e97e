/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "lib/fd.h"
#include "lib/sys.h"

#define CAPS_MAX      64
#define CAP_NAME_SIZE 32
#define UMASK         022

static const struct {
	int resource;
	rlim_t soft, hard;
} default_limits[] = {
	{ RLIMIT_CPU, RLIM_INFINITY, RLIM_INFINITY },
	{ RLIMIT_FSIZE, RLIM_INFINITY, RLIM_INFINITY },
	{ RLIMIT_DATA, RLIM_INFINITY, RLIM_INFINITY },
	{ RLIMIT_STACK, 8 << 20, RLIM_INFINITY },
	{ RLIMIT_CORE, 0, RLIM_INFINITY },
	{ RLIMIT_RSS, RLIM_INFINITY, RLIM_INFINITY },
	{ RLIMIT_NPROC, RLIM_INFINITY, RLIM_INFINITY },
	{ RLIMIT_NOFILE, 1024, 1048576 },
	{ RLIMIT_MEMLOCK, 8 << 20, 8 << 20 },
	{ RLIMIT_AS, RLIM_INFINITY, RLIM_INFINITY },
	{ RLIMIT_LOCKS, RLIM_INFINITY, RLIM_INFINITY },
	{ RLIMIT_MSGQUEUE, 819200, 819200 },
	{ RLIMIT_NICE, 0, 0 },
	{ RLIMIT_RTPRIO, 0, 0 },
	{ RLIMIT_RTTIME, RLIM_INFINITY, RLIM_INFINITY },
};

static const struct oci_rlimit *find_limit(const struct oci_process *process, int resource)
{
	for (size_t i = 0; i < process->n_rlimits; i++)
		if (process->rlimits[i].resource == resource)
			return &process->rlimits[i];
	return NULL;
}

static rlim_t lesser(rlim_t a, rlim_t b)
{
	return a < b ? a : b; /* RLIM_INFINITY is the largest value */
}

/* Raises the hard limit if it is below `hard`; the soft one is left for later. */
static int raise_limit(pid_t pid, int resource, rlim_t hard)
{
	struct rlimit now;
	int r = sys_prlimit_of(pid, resource, NULL, &now);

	if (r < 0 || now.rlim_max >= hard)
		return r;
	now.rlim_max = hard;
	return sys_prlimit_of(pid, resource, &now, NULL);
}

int credentials_raise_limits(pid_t pid, const struct oci_process *process, struct err *err)
{
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(default_limits); i++) {
		int resource = default_limits[i].resource;

		r = find_limit(process, resource) ? 0 : raise_limit(pid, resource, default_limits[i].hard);
		if (r < 0 && r != -EPERM)
			return err_set(err, r, "raise the limit of resource %d", resource);
	}
	for (size_t i = 0; i < process->n_rlimits; i++) {
		const struct oci_rlimit *l = &process->rlimits[i];

		r = raise_limit(pid, l->resource, l->hard);
		if (r < 0)
			return err_set(err, r, "raise the hard limit of resource %d to %" PRIu64, l->resource, l->hard);
	}
	return 0;
}

static int set_default(int resource, rlim_t soft, rlim_t hard)
{
	struct rlimit limit;
	int r = sys_prlimit(resource, NULL, &limit);

	if (r < 0)
		return r;
	limit.rlim_max = lesser(hard, limit.rlim_max);
	limit.rlim_cur = lesser(soft, limit.rlim_max);
	return sys_prlimit(resource, &limit, NULL);
}

int credentials_limit(const struct oci_process *process, struct err *err)
{
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(default_limits); i++) {
		int resource = default_limits[i].resource;

		r = find_limit(process, resource)
		            ? 0
		            : set_default(resource, default_limits[i].soft, default_limits[i].hard);
		if (r < 0)
			return err_set(err, r, "set default limit of resource %d", resource);
	}
	for (size_t i = 0; i < process->n_rlimits; i++) {
		const struct oci_rlimit *l = &process->rlimits[i];
		struct rlimit limit = { l->soft, l->hard };

		r = sys_prlimit(l->resource, &limit, NULL);
		if (r < 0)
			return err_set(err, r, "set limit of resource %d to %" PRIu64 ":%" PRIu64, l->resource, l->soft,
			               l->hard);
	}
	return 0;
}

int credentials_set_oom_score(pid_t pid, const struct oci_process *process, const struct oci_process *container,
                              struct err *err)
{
	const struct oci_process *from = process->has_oom_score_adj || !container ? process : container;
	int r, score = from->has_oom_score_adj ? from->oom_score_adj : 0;
	char path[64], text[16];

	(void)snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)pid);
	(void)snprintf(text, sizeof(text), "%d", score);
	r = fd_write_file_at(AT_FDCWD, path, text);
	if ((r == -EACCES || r == -EPERM) && !from->has_oom_score_adj)
		return 0;
	return r < 0 ? err_set(err, r, "set oom_score_adj to '%s'", text) : 0;
}

int credentials_reset(bool new_keyring, struct err *err)
{
	int r = sys_setpriority(0);

	/* Only an inherited positive value needs a right to be left, and then it is the weaker one that stays. */
	if (r == 0 || r == -EACCES || r == -EPERM)
		r = sys_sched_reset();
	if (r < 0)
		return err_set(err, r, "reset nice value and scheduler");
	r = sys_personality(0);
	if (r < 0)
		return err_set(err, r, "reset personality");
	(void)sys_umask(UMASK);
	r = new_keyring ? sys_join_session_keyring(NULL) : 0;
	if (r < 0 && r != -ENOSYS)
		return err_set(err, r, "make a session keyring");
	return 0;
}

int credentials_become_root(struct err *err)
{
	int r = sys_setgid(0);

	if (r == 0)
		r = sys_setuid(0);
	return r < 0 ? err_set(err, r, "become uid and gid 0 of the user namespace") : 0;
}

static const char *capability_name(unsigned cap, char buffer[CAP_NAME_SIZE])
{
	char *name = cap_to_name((cap_value_t)cap);

	(void)snprintf(buffer, CAP_NAME_SIZE, "%s", name ? name : "unknown");
	(void)cap_free(name);
	return buffer;
}

/*
 * The capabilities that there are and those in the bounding set, asked of the kernel itself: a file below /proc/sys can
 * be a container's forgery. Only EINVAL is the end of the list; taking another failure for it would leave what is
 * behind.
 */
static int read_bounding(uint64_t *ret_known, uint64_t *ret_bounding, struct err *err)
{
	uint64_t known = 0, bounding = 0;

	for (unsigned cap = 0; cap < CAPS_MAX; cap++) {
		int r = sys_prctl(PR_CAPBSET_READ, cap, 0, 0, 0);

		if (r == -EINVAL)
			break;
		if (r < 0)
			return err_set(err, r, "read capability '%u' of the bounding set", cap);
		known |= UINT64_C(1) << cap;
		if (r > 0)
			bounding |= UINT64_C(1) << cap;
	}
	*ret_known = known;
	*ret_bounding = bounding;
	return 0;
}

int credentials_drop_bounding(uint64_t keep, struct err *err)
{
	uint64_t known, bounding;
	char name[CAP_NAME_SIZE];
	int r = read_bounding(&known, &bounding, err);

	if (r < 0)
		return r;
	for (unsigned cap = 0; cap < CAPS_MAX; cap++) {
		if (!(bounding & ~keep & (UINT64_C(1) << cap)))
			continue;
		r = sys_prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
		if (r < 0)
			return err_set(err, r, "drop capability '%s' from the bounding set",
			               capability_name(cap, name));
	}
	r = read_bounding(&known, &bounding, err);
	if (r == 0 && (bounding & ~keep))
		r = err_say(err, EPERM, "capabilities 0x%" PRIx64 " are still in the bounding set", bounding & ~keep);
	return r;
}

int credentials_become(const struct oci_user *user, struct err *err)
{
	int r = sys_prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);

	if (r < 0)
		return err_set(err, r, "keep capabilities over setuid");
	r = sys_setgroups(user->n_groups, user->groups);
	/* A rootless user namespace forbids it, and has no groups to give. */
	if (r < 0 && !(r == -EPERM && user->n_groups == 0))
		return err_set(err, r, "set %zu additional groups", user->n_groups);
	r = sys_setgid(user->gid);
	if (r < 0)
		return err_set(err, r, "set gid '%u'", user->gid);
	r = sys_setuid(user->uid);
	if (r < 0)
		return err_set(err, r, "set uid '%u'", user->uid);
	return 0;
}

int credentials_raise(struct err *err)
{
	uint64_t effective, permitted, inheritable;
	int r = sys_capget(&effective, &permitted, &inheritable);

	if (r == 0)
		r = sys_capset(permitted, permitted, inheritable);
	return r < 0 ? err_set(err, r, "raise permitted capabilities") : 0;
}

static int set_ambient(uint64_t set, struct err *err)
{
	int r = sys_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	char name[CAP_NAME_SIZE];

	if (r < 0)
		return err_set(err, r, "clear ambient capabilities");
	for (unsigned cap = 0; cap < CAPS_MAX; cap++) {
		if (!(set & (UINT64_C(1) << cap)))
			continue;
		r = sys_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0);
		if (r < 0)
			return err_set(err, r, "raise ambient capability '%s'", capability_name(cap, name));
	}
	return 0;
}

/* The kernel's bare EPERM does not say which one; we do. */
static int explain(uint64_t wanted, int r, struct err *err)
{
	uint64_t effective, permitted, inheritable, missing;
	char name[CAP_NAME_SIZE];

	if (sys_capget(&effective, &permitted, &inheritable) == 0) {
		missing = wanted & ~permitted;
		for (unsigned cap = 0; cap < CAPS_MAX; cap++)
			if (missing & (UINT64_C(1) << cap))
				return err_set(err, r, "set capability '%s', which is not ours to give",
				               capability_name(cap, name));
	}
	return err_set(err, r, "set capabilities");
}

int credentials_apply(const struct oci_capabilities *caps, struct err *err)
{
	static const struct oci_capabilities none;
	uint64_t known, bounding;
	int r = read_bounding(&known, &bounding, err);

	if (r < 0)
		return r;
	if (!caps)
		caps = &none;
	r = sys_capset(caps->effective & known, caps->permitted & known, caps->inheritable & known);
	if (r < 0)
		return explain((caps->permitted | caps->effective) & known, r, err);
	r = sys_prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
	if (r < 0)
		return err_set(err, r, "stop keeping capabilities");
	return set_ambient(caps->ambient & caps->permitted & caps->inheritable & known, err);
}
