/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/features.h"

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>

#include "lib/jsontext.h"
#include "lib/oci_names.h"
#include "lib/oci_state.h"

#define VERSION_MIN        "1.0.0"
#define FEATURES_CGROUP_V1 true
#define FEATURES_IDMAP     true

static const char *const mount_options[] = {
	"acl",
	"async",
	"atime",
	"bind",
	"defaults",
	"dev",
	"diratime",
	"dirsync",
	"exec",
	"idmap",
	"iversion",
	"lazytime",
	"loud",
	"mand",
	"noacl",
	"noatime",
	"nodev",
	"nodiratime",
	"noexec",
	"noiversion",
	"nolazytime",
	"nomand",
	"norelatime",
	"nostrictatime",
	"nosuid",
	"nosymfollow",
	"private",
	"ratime",
	"rbind",
	"rdev",
	"rdiratime",
	"relatime",
	"remount",
	"rexec",
	"ridmap",
	"rnoatime",
	"rnodev",
	"rnodiratime",
	"rnoexec",
	"rnorelatime",
	"rnostrictatime",
	"rnosuid",
	"rnosymfollow",
	"ro",
	"rprivate",
	"rrelatime",
	"rro",
	"rrw",
	"rshared",
	"rslave",
	"rstrictatime",
	"rsuid",
	"rsymfollow",
	"runbindable",
	"rw",
	"shared",
	"silent",
	"slave",
	"strictatime",
	"suid",
	"symfollow",
	"sync",
	"tmpcopyup",
	"unbindable",
	NULL,
};

static const char *const seccomp_actions[] = {
	"SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO",  "SCMP_ACT_KILL",  "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD",
	"SCMP_ACT_LOG",   "SCMP_ACT_NOTIFY", "SCMP_ACT_TRACE", "SCMP_ACT_TRAP",         NULL,
};

static const char *const seccomp_operators[] = {
	"SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE",        "SCMP_CMP_EQ",
	"SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ", NULL,
};

static const char *const seccomp_flags[] = {
	"SECCOMP_FILTER_FLAG_LOG",
	"SECCOMP_FILTER_FLAG_SPEC_ALLOW",
	"SECCOMP_FILTER_FLAG_TSYNC",
	"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
	NULL,
};

static const char *const seccomp_archs[] = {
	"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM",      "SCMP_ARCH_MIPS",        "SCMP_ARCH_MIPS64",  "SCMP_ARCH_MIPS64N32",
	"SCMP_ARCH_MIPSEL",  "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_PARISC",  "SCMP_ARCH_PARISC64",
	"SCMP_ARCH_PPC",     "SCMP_ARCH_PPC64",    "SCMP_ARCH_PPC64LE",     "SCMP_ARCH_RISCV64", "SCMP_ARCH_S390",
	"SCMP_ARCH_S390X",   "SCMP_ARCH_X32",      "SCMP_ARCH_X86",         "SCMP_ARCH_X86_64",  NULL,
};

const char *const *features_mount_options(void)
{
	return mount_options;
}

const char *const *features_seccomp_actions(void)
{
	return seccomp_actions;
}

const char *const *features_seccomp_flags(void)
{
	return seccomp_flags;
}

static int add_flag(struct json_object *to, const char *name, bool value)
{
	return jsontext_add(to, name, json_object_new_boolean(value));
}

static int add_list(struct json_object *to, const char *name, const char *const *v)
{
	_autojson_ struct json_object *array = json_object_new_array();
	int r = array ? 0 : -ENOMEM;

	for (; r == 0 && *v; v++)
		r = jsontext_append(array, json_object_new_string(*v));
	return r < 0 ? r : jsontext_add(to, name, take_ptr(&array));
}

/* A list of names that a function knows by number. */
static int add_names(struct json_object *to, const char *name, const char *(*name_of)(int), int first, int n)
{
	_autojson_ struct json_object *array = json_object_new_array();
	int r = array ? 0 : -ENOMEM;

	for (int i = first; r == 0 && i < n; i++) {
		const char *text = name_of(i);

		r = text ? jsontext_append(array, json_object_new_string(text)) : 0;
	}
	return r < 0 ? r : jsontext_add(to, name, take_ptr(&array));
}

static const char *namespace_name(int bit)
{
	return oci_namespace_name(1 << bit);
}

static int add_seccomp(struct json_object *lin)
{
	struct json_object *seccomp = json_object_new_object();
	int r = jsontext_add(lin, "seccomp", seccomp);

	if (r == 0)
		r = add_flag(seccomp, "enabled", true);
	if (r == 0)
		r = add_list(seccomp, "actions", seccomp_actions);
	if (r == 0)
		r = add_list(seccomp, "operators", seccomp_operators);
	if (r == 0)
		r = add_list(seccomp, "archs", seccomp_archs);
	return r < 0 ? r : add_list(seccomp, "knownFlags", seccomp_flags);
}

static int add_cgroup(struct json_object *lin)
{
	struct json_object *cgroup = json_object_new_object();
	int r = jsontext_add(lin, "cgroup", cgroup);

	if (r == 0)
		r = add_flag(cgroup, "v1", FEATURES_CGROUP_V1);
	if (r == 0)
		r = add_flag(cgroup, "v2", true);
	if (r == 0)
		r = add_flag(cgroup, "systemd", true);
	return r < 0 ? r : add_flag(cgroup, "systemdUser", false);
}

static int add_switch(struct json_object *to, const char *name, bool enabled)
{
	struct json_object *object = json_object_new_object();
	int r = jsontext_add(to, name, object);

	return r < 0 ? r : add_flag(object, "enabled", enabled);
}

static int add_linux(struct json_object *to)
{
	struct json_object *lin = json_object_new_object(), *extensions;
	int r = jsontext_add(to, "linux", lin);

	if (r == 0)
		r = add_names(lin, "namespaces", namespace_name, 0, 31);
	if (r == 0)
		r = add_names(lin, "capabilities", oci_capability_name, 0, CAP_LAST_CAP + 1);
	if (r == 0)
		r = add_cgroup(lin);
	if (r == 0)
		r = add_seccomp(lin);
	if (r == 0)
		r = add_switch(lin, "apparmor", true);
	if (r == 0)
		r = add_switch(lin, "selinux", true);
	if (r == 0)
		r = add_switch(lin, "intelRdt", false);
	if (r < 0)
		return r;
	extensions = json_object_new_object();
	r = jsontext_add(lin, "mountExtensions", extensions);
	return r < 0 ? r : add_switch(extensions, "idmap", FEATURES_IDMAP);
}

int features_format(const char *const *hooks, struct buf *out)
{
	_autojson_ struct json_object *object = json_object_new_object();
	int r = object ? jsontext_add(object, "ociVersionMin", json_object_new_string(VERSION_MIN)) : -ENOMEM;
	const char *text;

	if (r == 0)
		r = jsontext_add(object, "ociVersionMax", json_object_new_string(OCI_STATE_VERSION));
	if (r == 0)
		r = add_list(object, "hooks", hooks);
	if (r == 0)
		r = add_list(object, "mountOptions", mount_options);
	if (r == 0)
		r = add_linux(object);
	if (r < 0)
		return r;
	text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
	                                                      JSON_C_TO_STRING_NOSLASHESCAPE);
	return text ? buf_printf(out, "%s\n", text) : -ENOMEM;
}
