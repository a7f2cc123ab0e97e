/* SPDX-License-Identifier: Apache-2.0 */
/* grpc.Spec and grpc.Process to our structs. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "lib/oci_names.h"
#include "proto/pboci.h"
#include "proto/pboci_convert.h"

/* "CAP_KILL", or with JSON quotes around it, as older hosts send it. */
static int capability_number(const char *name)
{
	char plain[64];
	size_t len = strlen(name);

	if (len > 2 && len < sizeof(plain) && name[0] == '"' && name[len - 1] == '"') {
		memcpy(plain, name + 1, len - 2);
		plain[len - 2] = '\0';
		name = plain;
	}
	return oci_capability_parse(name);
}

static uint64_t read_capability_set(struct pboci *c, const char *set, size_t n, char *const *names)
{
	uint64_t mask = 0;

	for (size_t i = 0; i < n; i++) {
		int number = capability_number(names[i]);

		if (number < 0) {
			pboci_fail(c, EINVAL, "Process.Capabilities.%s[%zu]: unknown capability '%s'", set, i,
			           names[i]);
			return 0;
		}
		mask |= UINT64_C(1) << number;
	}
	return mask;
}

static struct oci_capabilities *read_capabilities(struct pboci *c, const Grpc__LinuxCapabilities *in)
{
	struct oci_capabilities *out = in ? pboci_new(c, sizeof(*out)) : NULL;

	if (!out)
		return NULL;
	out->bounding = read_capability_set(c, "Bounding", in->n_bounding, in->bounding);
	out->effective = read_capability_set(c, "Effective", in->n_effective, in->effective);
	out->inheritable = read_capability_set(c, "Inheritable", in->n_inheritable, in->inheritable);
	out->permitted = read_capability_set(c, "Permitted", in->n_permitted, in->permitted);
	out->ambient = read_capability_set(c, "Ambient", in->n_ambient, in->ambient);
	return out;
}

static void read_rlimits(struct pboci *c, const Grpc__Process *in, struct oci_process *out)
{
	out->rlimits = pboci_list(c, in->n_rlimits, sizeof(*out->rlimits), &out->n_rlimits);
	for (size_t i = 0; i < out->n_rlimits; i++) {
		const Grpc__POSIXRlimit *limit = in->rlimits[i];
		int resource = oci_rlimit_parse(limit->type);

		if (resource < 0)
			pboci_fail(c, EINVAL, "Process.Rlimits[%zu].Type: unknown resource limit '%s'", i, limit->type);
		out->rlimits[i] = (struct oci_rlimit){ .resource = resource, .soft = limit->soft, .hard = limit->hard };
	}
}

static void read_user(struct pboci *c, const Grpc__User *in, struct oci_user *out)
{
	if (!in)
		return;
	out->uid = in->uid;
	out->gid = in->gid;
	out->username = pboci_text(c, in->username);
	out->groups = pboci_list(c, in->n_additionalgids, sizeof(*out->groups), &out->n_groups);
	for (size_t i = 0; i < out->n_groups; i++)
		out->groups[i] = in->additionalgids[i];
}

static void read_oom_score(struct pboci *c, int64_t score, struct oci_process *out)
{
	if (score < INT_MIN || score > INT_MAX) {
		pboci_fail(c, ERANGE, "Process.OOMScoreAdj: %" PRId64 " is no score", score);
		return;
	}
	out->has_oom_score_adj = score != 0;
	out->oom_score_adj = (int)score;
}

static struct oci_process *read_process(struct pboci *c, const Grpc__Process *in)
{
	struct oci_process *out = in ? pboci_new(c, sizeof(*out)) : NULL;

	if (!out)
		return NULL;
	out->terminal = in->terminal;
	if (in->consolesize) {
		out->console_rows = in->consolesize->height;
		out->console_columns = in->consolesize->width;
	}
	read_user(c, in->user, &out->user);
	out->args = pboci_strings(c, in->n_args, in->args);
	out->env = pboci_strings(c, in->n_env, in->env);
	out->cwd = pboci_text(c, in->cwd);
	out->capabilities = read_capabilities(c, in->capabilities);
	read_rlimits(c, in, out);
	out->no_new_privileges = in->nonewprivileges;
	out->apparmor_profile = pboci_text(c, in->apparmorprofile);
	read_oom_score(c, in->oomscoreadj, out);
	out->selinux_label = pboci_text(c, in->selinuxlabel);
	return out;
}

static void read_mounts(struct pboci *c, const Grpc__Spec *in, struct oci_spec *out)
{
	out->mounts = pboci_list(c, in->n_mounts, sizeof(*out->mounts), &out->n_mounts);
	for (size_t i = 0; i < out->n_mounts; i++) {
		const Grpc__Mount *m = in->mounts[i];

		out->mounts[i] = (struct oci_mount){
			.destination = pboci_needed(c, m->destination, "Mounts", i, "destination"),
			.source = pboci_text(c, m->source),
			.type = pboci_text(c, m->type),
			.options = pboci_strings(c, m->n_options, m->options),
		};
	}
}

static struct oci_hook_list read_hook_list(struct pboci *c, const char *name, size_t n, Grpc__Hook *const *in)
{
	struct oci_hook_list out = { 0 };

	out.v = pboci_list(c, n, sizeof(*out.v), &out.n);
	for (size_t i = 0; i < out.n; i++)
		out.v[i] = (struct oci_hook){
			.path = pboci_needed(c, in[i]->path, name, i, "Path"),
			.args = pboci_strings(c, in[i]->n_args, in[i]->args),
			.env = pboci_strings(c, in[i]->n_env, in[i]->env),
			.timeout = in[i]->timeout,
		};
	return out;
}

static struct oci_hooks *read_hooks(struct pboci *c, const Grpc__Hooks *in)
{
	struct oci_hooks *out = in ? pboci_new(c, sizeof(*out)) : NULL;

	if (!out)
		return NULL;
	out->prestart = read_hook_list(c, "Hooks.Prestart", in->n_prestart, in->prestart);
	out->create_runtime = read_hook_list(c, "Hooks.CreateRuntime", in->n_createruntime, in->createruntime);
	out->create_container = read_hook_list(c, "Hooks.CreateContainer", in->n_createcontainer, in->createcontainer);
	out->start_container = read_hook_list(c, "Hooks.StartContainer", in->n_startcontainer, in->startcontainer);
	out->poststart = read_hook_list(c, "Hooks.Poststart", in->n_poststart, in->poststart);
	out->poststop = read_hook_list(c, "Hooks.Poststop", in->n_poststop, in->poststop);
	return out;
}

static struct oci_id_maps read_id_maps(struct pboci *c, size_t n, Grpc__LinuxIDMapping *const *in)
{
	struct oci_id_maps out = { 0 };

	out.v = pboci_list(c, n, sizeof(*out.v), &out.n);
	for (size_t i = 0; i < out.n; i++)
		out.v[i] = (struct oci_id_map){
			.host_id = in[i]->hostid,
			.container_id = in[i]->containerid,
			.size = in[i]->size,
		};
	return out;
}

static void read_namespaces(struct pboci *c, const Grpc__Linux *in, struct oci_linux *out)
{
	out->namespaces = pboci_list(c, in->n_namespaces, sizeof(*out->namespaces), &out->n_namespaces);
	for (size_t i = 0; i < out->n_namespaces; i++) {
		int flag = oci_namespace_parse(in->namespaces[i]->type);

		if (flag < 0)
			pboci_fail(c, EINVAL, "Linux.Namespaces[%zu].Type: unknown namespace '%s'", i,
			           in->namespaces[i]->type);
		out->namespaces[i] =
			(struct oci_namespace){ .flag = flag, .path = pboci_text(c, in->namespaces[i]->path) };
	}
}

static void read_devices(struct pboci *c, const Grpc__Linux *in, struct oci_linux *out)
{
	out->devices = pboci_list(c, in->n_devices, sizeof(*out->devices), &out->n_devices);
	for (size_t i = 0; i < out->n_devices; i++) {
		const Grpc__LinuxDevice *d = in->devices[i];
		int type = oci_device_type_parse(d->type);

		if (type < 0)
			pboci_fail(c, EINVAL, "Linux.Devices[%zu].Type: unknown device type '%s'", i, d->type);
		out->devices[i] = (struct oci_device){
			.path = pboci_needed(c, d->path, "Linux.Devices", i, "Path"),
			.type = (char)type,
			.major = d->major,
			.minor = d->minor,
			.has_mode = d->filemode != 0,
			.mode = d->filemode,
			.uid = d->uid,
			.gid = d->gid,
		};
	}
}

static void read_seccomp_args(struct pboci *c, const Grpc__LinuxSyscall *in, size_t rule, struct oci_seccomp_rule *out)
{
	out->args = pboci_list(c, in->n_args, sizeof(*out->args), &out->n_args);
	for (size_t i = 0; i < out->n_args; i++) {
		const Grpc__LinuxSeccompArg *a = in->args[i];

		if (a->index > UINT_MAX)
			pboci_fail(c, ERANGE, "Linux.Seccomp.Syscalls[%zu].Args[%zu].Index: %" PRIu64 " is too large",
			           rule, i, a->index);
		if (!oci_is_seccomp_op(a->op))
			pboci_fail(c, EINVAL, "Linux.Seccomp.Syscalls[%zu].Args[%zu].Op: unknown operator '%s'", rule,
			           i, a->op);
		out->args[i] = (struct oci_seccomp_arg){
			.index = (unsigned)a->index,
			.value = a->value,
			.value_two = a->valuetwo,
			.op = pboci_text(c, a->op),
		};
	}
}

static struct oci_seccomp *read_seccomp(struct pboci *c, const Grpc__LinuxSeccomp *in)
{
	struct oci_seccomp *out = in ? pboci_new(c, sizeof(*out)) : NULL;

	if (!out)
		return NULL;
	if (!oci_is_seccomp_action(in->defaultaction))
		pboci_fail(c, EINVAL, "Linux.Seccomp.DefaultAction: unknown action '%s'", in->defaultaction);
	out->default_action = pboci_text(c, in->defaultaction);
	out->architectures = pboci_strings(c, in->n_architectures, in->architectures);
	out->flags = pboci_strings(c, in->n_flags, in->flags);
	out->rules = pboci_list(c, in->n_syscalls, sizeof(*out->rules), &out->n_rules);
	for (size_t i = 0; i < out->n_rules; i++) {
		const Grpc__LinuxSyscall *s = in->syscalls[i];
		struct oci_seccomp_rule *rule = &out->rules[i];

		if (!oci_is_seccomp_action(s->action))
			pboci_fail(c, EINVAL, "Linux.Seccomp.Syscalls[%zu].Action: unknown action '%s'", i, s->action);
		rule->names = pboci_strings(c, s->n_names, s->names);
		rule->action = pboci_text(c, s->action);
		rule->has_errno = s->errno_ret_case == GRPC__LINUX_SYSCALL__ERRNO_RET_ERRNORET;
		rule->errno_ret = rule->has_errno ? s->errnoret : 0;
		read_seccomp_args(c, s, i, rule);
	}
	return out;
}

static void read_linux(struct pboci *c, const Grpc__Linux *in, struct oci_linux *out)
{
	out->uid_maps = read_id_maps(c, in->n_uidmappings, in->uidmappings);
	out->gid_maps = read_id_maps(c, in->n_gidmappings, in->gidmappings);
	out->sysctl.v = pboci_list(c, in->n_sysctl, sizeof(*out->sysctl.v), &out->sysctl.n);
	for (size_t i = 0; i < out->sysctl.n; i++) {
		out->sysctl.v[i].key = pboci_needed(c, in->sysctl[i]->key, "Linux.Sysctl", i, "key");
		out->sysctl.v[i].value = pboci_copy(c, in->sysctl[i]->value);
	}
	out->resources = pboci_read_resources(c, in->resources);
	out->cgroups_path = pboci_text(c, in->cgroupspath);
	read_namespaces(c, in, out);
	read_devices(c, in, out);
	out->seccomp = read_seccomp(c, in->seccomp);
	out->rootfs_propagation = pboci_text(c, in->rootfspropagation);
	out->masked_paths = pboci_strings(c, in->n_maskedpaths, in->maskedpaths);
	out->readonly_paths = pboci_strings(c, in->n_readonlypaths, in->readonlypaths);
	out->mount_label = pboci_text(c, in->mountlabel);
	out->has_intel_rdt = in->intelrdt != NULL;
}

static struct oci_spec *read_spec(struct pboci *c, const Grpc__Spec *in)
{
	struct oci_spec *out = pboci_new(c, sizeof(*out));

	if (!out)
		return NULL;
	out->version = pboci_text(c, in->version);
	out->hostname = pboci_text(c, in->hostname);
	out->process = read_process(c, in->process);
	if (in->root) {
		out->root_path = pboci_text(c, in->root->path);
		out->root_readonly = in->root->readonly;
	}
	read_mounts(c, in, out);
	out->hooks = read_hooks(c, in->hooks);
	out->annotations.v = pboci_list(c, in->n_annotations, sizeof(*out->annotations.v), &out->annotations.n);
	for (size_t i = 0; i < out->annotations.n; i++) {
		out->annotations.v[i].key = pboci_copy(c, in->annotations[i]->key);
		out->annotations.v[i].value = pboci_copy(c, in->annotations[i]->value);
	}
	out->linux = pboci_new(c, sizeof(*out->linux));
	if (out->linux && in->linux)
		read_linux(c, in->linux, out->linux);
	return out;
}

int pboci_spec_from_pb(struct arena *arena, const Grpc__Spec *in, struct oci_spec **ret, struct err *err)
{
	struct pboci c = { .arena = arena, .err = err };
	struct oci_spec *spec = read_spec(&c, in);

	if (c.r == 0)
		*ret = spec;
	return c.r;
}

int pboci_process_from_pb(struct arena *arena, const Grpc__Process *in, struct oci_process **ret, struct err *err)
{
	struct pboci c = { .arena = arena, .err = err };
	struct oci_process *process = read_process(&c, in);

	if (c.r == 0)
		*ret = process;
	return c.r;
}

int pboci_resources_from_pb(struct arena *arena, const Grpc__LinuxResources *in, struct oci_resources **ret,
                            struct err *err)
{
	struct pboci c = { .arena = arena, .err = err };
	struct oci_resources *resources = pboci_read_resources(&c, in);

	if (c.r == 0)
		*ret = resources;
	return c.r;
}
