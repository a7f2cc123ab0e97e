/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/validate.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <string.h>

#include "agent/attributes.h"
#include "agent/sysctl.h"
#include "lib/hooks.h"
#include "lib/path.h"

#define HOSTNAME_MAX      64 /* __NEW_UTS_LEN */
#define OOM_SCORE_ADJ_MAX 1000
#define ID_MAPS_MAX       340 /* the kernel's limit */

static bool has(const struct oci_linux *lin, int flag)
{
	return oci_find_namespace(lin, flag) != NULL;
}

static int check_namespaces(const struct oci_linux *lin, bool in_guest, struct err *err)
{
	for (size_t i = 0; i < lin->n_namespaces; i++)
		for (size_t j = i + 1; j < lin->n_namespaces; j++)
			if (lin->namespaces[i].flag == lin->namespaces[j].flag)
				return err_say(err, EINVAL, "linux.namespaces: '%s' is listed twice",
				               oci_namespace_file(lin->namespaces[i].flag));
	if (in_guest && !has(lin, CLONE_NEWNS))
		return err_say(err, EINVAL, "linux.namespaces: a container needs a mount namespace");
	return 0;
}

static int check_uts(const struct oci_spec *spec, struct err *err)
{
	const char *const names[] = { spec->hostname, spec->domainname };
	static const char *const members[] = { "hostname", "domainname" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!names[i] || names[i][0] == '\0')
			continue;
		if (!has(spec->linux, CLONE_NEWUTS))
			return err_say(err, EINVAL, "%s '%s' needs a uts namespace", members[i], names[i]);
		if (strlen(names[i]) > HOSTNAME_MAX)
			return err_say(err, EINVAL, "%s '%s' is longer than %d bytes", members[i], names[i],
			               HOSTNAME_MAX);
	}
	return 0;
}

static int check_maps(const struct oci_linux *lin, const struct oci_id_maps *maps, const char *member, struct err *err)
{
	bool userns = has(lin, CLONE_NEWUSER), joined = userns && oci_find_namespace(lin, CLONE_NEWUSER)->path;

	if (maps->n > 0 && !userns)
		return err_say(err, EINVAL, "linux.%s needs a user namespace", member);
	if (maps->n == 0 && userns && !joined)
		return err_say(err, EINVAL, "linux.%s is missing for the user namespace", member);
	if (maps->n > ID_MAPS_MAX)
		return err_say(err, EINVAL, "linux.%s has %zu entries, the kernel takes %d", member, maps->n,
		               ID_MAPS_MAX);
	for (size_t i = 0; i < maps->n; i++)
		if (maps->v[i].size == 0)
			return err_say(err, EINVAL, "linux.%s[%zu] has size 0", member, i);
	return 0;
}

static int check_masks(const struct oci_linux *lin, struct err *err)
{
	const struct oci_strings *const lists[] = { &lin->masked_paths, &lin->readonly_paths };
	static const char *const members[] = { "maskedPaths", "readonlyPaths" };

	for (size_t l = 0; l < ARRAY_SIZE(lists); l++)
		for (size_t i = 0; i < lists[l]->n; i++)
			if (!path_is_clean(lists[l]->v[i]))
				return err_say(err, EINVAL, "linux.%s '%s' is not absolute or has '..'", members[l],
				               lists[l]->v[i]);
	return 0;
}

/* user:role:type or user:role:type:level; it ends up between quotes in mount options, so the characters are few. */
static int check_label(const char *label, const char *member, struct err *err)
{
	size_t parts = 1, len = 0;

	if (!label || label[0] == '\0')
		return 0;
	for (const char *p = label; *p != '\0'; p++) {
		bool colon = *p == ':' && parts < 4;

		if (colon && len == 0)
			break;
		if (!isalnum((unsigned char)*p) && !strchr("_.,:-", *p))
			return err_say(err, EINVAL, "%s '%s' is no SELinux label", member, label);
		len = colon ? 0 : len + 1;
		parts += colon;
	}
	if (parts < 3 || len == 0)
		return err_say(err, EINVAL, "%s '%s' is no SELinux label", member, label);
	return 0;
}

static int check_rlimits(const struct oci_process *process, struct err *err)
{
	for (size_t i = 0; i < process->n_rlimits; i++) {
		const struct oci_rlimit *limit = &process->rlimits[i];

		if (limit->soft > limit->hard)
			return err_say(err, EINVAL,
			               "process.rlimits[%zu]: soft limit %" PRIu64 " is above the hard limit %" PRIu64,
			               i, limit->soft, limit->hard);
		for (size_t j = i + 1; j < process->n_rlimits; j++)
			if (process->rlimits[j].resource == limit->resource)
				return err_say(err, EINVAL, "process.rlimits[%zu]: resource %d is listed twice", j,
				               limit->resource);
	}
	return 0;
}

/* To the kernel this number means "as it is", which would be root. */
static int check_user(const struct oci_user *user, struct err *err)
{
	if (user->uid == (uid_t)-1)
		return err_say(err, EINVAL, "process.user.uid '%u' is nobody's", user->uid);
	if (user->gid == (gid_t)-1)
		return err_say(err, EINVAL, "process.user.gid '%u' is nobody's", user->gid);
	return 0;
}

int container_validate_process(const struct oci_process *process, struct err *err)
{
	int score = process->has_oom_score_adj ? process->oom_score_adj : 0;
	int r;

	if (process->args.n == 0 || process->args.v[0][0] == '\0')
		return err_say(err, EINVAL, "process.args is empty");
	if (!process->cwd || process->cwd[0] != '/')
		return err_say(err, EINVAL, "process.cwd '%s' is not absolute", process->cwd ? process->cwd : "");
	if (score < -OOM_SCORE_ADJ_MAX || score > OOM_SCORE_ADJ_MAX)
		return err_say(err, EINVAL, "process.oomScoreAdj '%d' is not between -%d and %d", score,
		               OOM_SCORE_ADJ_MAX, OOM_SCORE_ADJ_MAX);
	r = check_user(&process->user, err);
	if (r == 0)
		r = check_label(process->selinux_label, "process.selinuxLabel", err);
	if (r == 0)
		r = attributes_check_process(process, err);
	return r < 0 ? r : check_rlimits(process, err);
}

/* Better a clear no than a container without what it asked for. */
static int check_missing(const struct oci_linux *lin, struct err *err)
{
	if (lin->has_intel_rdt)
		return err_say(err, EOPNOTSUPP, "linux.intelRdt is not supported");
	if (lin->has_net_devices)
		return err_say(err, EOPNOTSUPP, "linux.netDevices is not supported");
	return 0;
}

static int check_hook_list(const struct oci_hook_list *list, const char *member, struct err *err)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct oci_hook *hook = &list->v[i];

		if (!hook->path || hook->path[0] != '/')
			return err_say(err, EINVAL, "hooks.%s[%zu].path '%s' is not absolute", member, i,
			               hook->path ? hook->path : "");
		if (hook->timeout < 0)
			return err_say(err, EINVAL, "hooks.%s[%zu].timeout '%" PRId64 "' is negative", member, i,
			               hook->timeout);
	}
	return 0;
}

static int check_hooks(const struct oci_spec *spec, struct err *err)
{
	int r = 0;

	for (enum hook_kind kind = 0; r == 0 && kind < HOOK_KIND_MAX; kind++)
		r = check_hook_list(hooks_of(spec, kind), hooks_name(kind), err);
	return r;
}

int container_validate(const struct oci_spec *spec, bool in_guest, struct err *err)
{
	const struct oci_linux *lin = spec->linux;
	int r;

	if (!spec->process)
		return err_say(err, EINVAL, "process is missing");
	if (!spec->root_path || spec->root_path[0] == '\0')
		return err_say(err, EINVAL, "root.path is missing");
	/* A runtime's own may be relative to the bundle; the guest knows no bundle. */
	if (in_guest && spec->root_path[0] != '/')
		return err_say(err, EINVAL, "root.path '%s' is not absolute", spec->root_path);
	r = check_hooks(spec, err);
	if (r == 0)
		r = check_namespaces(lin, in_guest, err);
	if (r == 0)
		r = check_missing(lin, err);
	if (r == 0)
		r = attributes_check_linux(lin, err);
	if (r == 0)
		r = check_uts(spec, err);
	if (r == 0)
		r = check_maps(lin, &lin->uid_maps, "uidMappings", err);
	if (r == 0)
		r = check_maps(lin, &lin->gid_maps, "gidMappings", err);
	if (r == 0)
		r = check_masks(lin, err);
	if (r == 0)
		r = check_label(lin->mount_label, "linux.mountLabel", err);
	if (r == 0)
		r = sysctl_check(lin, in_guest, err);
	return r < 0 ? r : container_validate_process(spec->process, err);
}
