/* SPDX-License-Identifier: Apache-2.0 */
/* Names of the specification and the kernel's numbers for them. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>

#include <linux/capability.h>

#include "lib/mem.h"
#include "lib/oci.h"
#include "lib/oci_names.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

static const char *const capabilities[CAP_LAST_CAP + 1] = {
	[CAP_CHOWN] = "CAP_CHOWN",
	[CAP_DAC_OVERRIDE] = "CAP_DAC_OVERRIDE",
	[CAP_DAC_READ_SEARCH] = "CAP_DAC_READ_SEARCH",
	[CAP_FOWNER] = "CAP_FOWNER",
	[CAP_FSETID] = "CAP_FSETID",
	[CAP_KILL] = "CAP_KILL",
	[CAP_SETGID] = "CAP_SETGID",
	[CAP_SETUID] = "CAP_SETUID",
	[CAP_SETPCAP] = "CAP_SETPCAP",
	[CAP_LINUX_IMMUTABLE] = "CAP_LINUX_IMMUTABLE",
	[CAP_NET_BIND_SERVICE] = "CAP_NET_BIND_SERVICE",
	[CAP_NET_BROADCAST] = "CAP_NET_BROADCAST",
	[CAP_NET_ADMIN] = "CAP_NET_ADMIN",
	[CAP_NET_RAW] = "CAP_NET_RAW",
	[CAP_IPC_LOCK] = "CAP_IPC_LOCK",
	[CAP_IPC_OWNER] = "CAP_IPC_OWNER",
	[CAP_SYS_MODULE] = "CAP_SYS_MODULE",
	[CAP_SYS_RAWIO] = "CAP_SYS_RAWIO",
	[CAP_SYS_CHROOT] = "CAP_SYS_CHROOT",
	[CAP_SYS_PTRACE] = "CAP_SYS_PTRACE",
	[CAP_SYS_PACCT] = "CAP_SYS_PACCT",
	[CAP_SYS_ADMIN] = "CAP_SYS_ADMIN",
	[CAP_SYS_BOOT] = "CAP_SYS_BOOT",
	[CAP_SYS_NICE] = "CAP_SYS_NICE",
	[CAP_SYS_RESOURCE] = "CAP_SYS_RESOURCE",
	[CAP_SYS_TIME] = "CAP_SYS_TIME",
	[CAP_SYS_TTY_CONFIG] = "CAP_SYS_TTY_CONFIG",
	[CAP_MKNOD] = "CAP_MKNOD",
	[CAP_LEASE] = "CAP_LEASE",
	[CAP_AUDIT_WRITE] = "CAP_AUDIT_WRITE",
	[CAP_AUDIT_CONTROL] = "CAP_AUDIT_CONTROL",
	[CAP_SETFCAP] = "CAP_SETFCAP",
	[CAP_MAC_OVERRIDE] = "CAP_MAC_OVERRIDE",
	[CAP_MAC_ADMIN] = "CAP_MAC_ADMIN",
	[CAP_SYSLOG] = "CAP_SYSLOG",
	[CAP_WAKE_ALARM] = "CAP_WAKE_ALARM",
	[CAP_BLOCK_SUSPEND] = "CAP_BLOCK_SUSPEND",
	[CAP_AUDIT_READ] = "CAP_AUDIT_READ",
	[CAP_PERFMON] = "CAP_PERFMON",
	[CAP_BPF] = "CAP_BPF",
	[CAP_CHECKPOINT_RESTORE] = "CAP_CHECKPOINT_RESTORE",
};

static const struct {
	const char *name;
	int resource;
} rlimits[] = {
	{ "RLIMIT_AS", RLIMIT_AS },
	{ "RLIMIT_CORE", RLIMIT_CORE },
	{ "RLIMIT_CPU", RLIMIT_CPU },
	{ "RLIMIT_DATA", RLIMIT_DATA },
	{ "RLIMIT_FSIZE", RLIMIT_FSIZE },
	{ "RLIMIT_LOCKS", RLIMIT_LOCKS },
	{ "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK },
	{ "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE },
	{ "RLIMIT_NICE", RLIMIT_NICE },
	{ "RLIMIT_NOFILE", RLIMIT_NOFILE },
	{ "RLIMIT_NPROC", RLIMIT_NPROC },
	{ "RLIMIT_RSS", RLIMIT_RSS },
	{ "RLIMIT_RTPRIO", RLIMIT_RTPRIO },
	{ "RLIMIT_RTTIME", RLIMIT_RTTIME },
	{ "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING },
	{ "RLIMIT_STACK", RLIMIT_STACK },
};

static const struct {
	const char *name, *alias, *file;
	int flag;
} namespaces[] = {
	{ "mount", "mnt", "mnt", CLONE_NEWNS },
	{ "network", "net", "net", CLONE_NEWNET },
	{ "pid", "pid", "pid", CLONE_NEWPID },
	{ "ipc", "ipc", "ipc", CLONE_NEWIPC },
	{ "uts", "uts", "uts", CLONE_NEWUTS },
	{ "user", "user", "user", CLONE_NEWUSER },
	{ "cgroup", "cgroup", "cgroup", CLONE_NEWCGROUP },
	{ "time", "time", "time", CLONE_NEWTIME },
};

static const char *const seccomp_actions[] = {
	"SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO",  "SCMP_ACT_KILL",  "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD",
	"SCMP_ACT_LOG",   "SCMP_ACT_NOTIFY", "SCMP_ACT_TRACE", "SCMP_ACT_TRAP",
};

static const char *const seccomp_ops[] = {
	"SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ",
};

int oci_capability_parse(const char *name)
{
	if (strncasecmp(name, "CAP_", 4) == 0)
		name += 4;
	for (size_t i = 0; i < ARRAY_SIZE(capabilities); i++)
		if (capabilities[i] && strcasecmp(name, capabilities[i] + 4) == 0)
			return (int)i;
	return -EINVAL;
}

const char *oci_capability_name(int number)
{
	return number >= 0 && number <= CAP_LAST_CAP ? capabilities[number] : NULL;
}

int oci_rlimit_parse(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(rlimits); i++)
		if (strcmp(name, rlimits[i].name) == 0)
			return rlimits[i].resource;
	return -EINVAL;
}

const char *oci_rlimit_name(int resource)
{
	for (size_t i = 0; i < ARRAY_SIZE(rlimits); i++)
		if (resource == rlimits[i].resource)
			return rlimits[i].name;
	return NULL;
}

int oci_namespace_parse(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++)
		if (strcmp(name, namespaces[i].name) == 0 || strcmp(name, namespaces[i].alias) == 0)
			return namespaces[i].flag;
	return -EINVAL;
}

const char *oci_namespace_name(int flag)
{
	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++)
		if (flag == namespaces[i].flag)
			return namespaces[i].name;
	return NULL;
}

const char *oci_namespace_file(int flag)
{
	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++)
		if (flag == namespaces[i].flag)
			return namespaces[i].file;
	return NULL;
}

static bool is_in(const char *name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(name, list[i]) == 0)
			return true;
	return false;
}

bool oci_is_seccomp_action(const char *name)
{
	return is_in(name, seccomp_actions, ARRAY_SIZE(seccomp_actions));
}

bool oci_is_seccomp_op(const char *name)
{
	return is_in(name, seccomp_ops, ARRAY_SIZE(seccomp_ops));
}

int oci_device_access_parse(const char *text, char ret[4])
{
	char access[4] = "";
	size_t n = 0;

	for (const char *p = "rwm"; *p; p++)
		if (strchr(text, *p))
			access[n++] = *p;
	if (strspn(text, "rwm") != strlen(text))
		return -EINVAL;
	memcpy(ret, n ? access : "rwm", sizeof(access));
	return 0;
}

static int letter_in(const char *name, const char *letters)
{
	return name[0] && !name[1] && strchr(letters, name[0]) ? name[0] : -EINVAL;
}

int oci_device_type_parse(const char *name)
{
	return letter_in(name, "cbup");
}

int oci_device_rule_type_parse(const char *name)
{
	return name[0] ? letter_in(name, "acb") : 'a';
}
