/* SPDX-License-Identifier: Apache-2.0 */
/* Our structs to grpc.Spec and grpc.Process. */
#include <errno.h>

#include "lib/oci_names.h"
#include "proto/pboci.h"
#include "proto/pboci_convert.h"

/* A message's string is never NULL. */
static void put(char **to, char *s)
{
	if (s)
		*to = s;
}

static char **write_capability_set(struct pboci *c, uint64_t mask, size_t *ret_n)
{
	size_t room, n = 0;
	char **v = mask ? pboci_list(c, 64, sizeof(*v), &room) : NULL;

	for (int i = 0; v && i < 64; i++)
		if (mask >> i & 1 && oci_capability_name(i))
			v[n++] = (char *)oci_capability_name(i);
	*ret_n = n;
	return v;
}

static Grpc__LinuxCapabilities *write_capabilities(struct pboci *c, const struct oci_capabilities *in)
{
	Grpc__LinuxCapabilities *out = in ? pboci_message(c, &grpc__linux_capabilities__descriptor) : NULL;

	if (!out)
		return NULL;
	out->bounding = write_capability_set(c, in->bounding, &out->n_bounding);
	out->effective = write_capability_set(c, in->effective, &out->n_effective);
	out->inheritable = write_capability_set(c, in->inheritable, &out->n_inheritable);
	out->permitted = write_capability_set(c, in->permitted, &out->n_permitted);
	out->ambient = write_capability_set(c, in->ambient, &out->n_ambient);
	return out;
}

static Grpc__User *write_user(struct pboci *c, const struct oci_user *in)
{
	Grpc__User *out = pboci_message(c, &grpc__user__descriptor);

	if (!out)
		return NULL;
	out->uid = in->uid;
	out->gid = in->gid;
	out->n_additionalgids = in->n_groups;
	out->additionalgids = in->groups;
	put(&out->username, in->username);
	return out;
}

static void write_rlimits(struct pboci *c, const struct oci_process *in, Grpc__Process *out)
{
	out->rlimits = pboci_messages(c, &grpc__posixrlimit__descriptor, in->n_rlimits, &out->n_rlimits);
	for (size_t i = 0; i < out->n_rlimits; i++) {
		put(&out->rlimits[i]->type, (char *)oci_rlimit_name(in->rlimits[i].resource));
		out->rlimits[i]->hard = in->rlimits[i].hard;
		out->rlimits[i]->soft = in->rlimits[i].soft;
	}
}

static Grpc__Process *write_process(struct pboci *c, const struct oci_process *in)
{
	Grpc__Process *out = in ? pboci_message(c, &grpc__process__descriptor) : NULL;

	if (!out)
		return NULL;
	out->terminal = in->terminal;
	if (in->console_rows || in->console_columns)
		out->consolesize = pboci_message(c, &grpc__box__descriptor);
	if (out->consolesize) {
		out->consolesize->height = in->console_rows;
		out->consolesize->width = in->console_columns;
	}
	out->user = write_user(c, &in->user);
	out->n_args = in->args.n;
	out->args = in->args.v;
	out->n_env = in->env.n;
	out->env = in->env.v;
	put(&out->cwd, in->cwd);
	out->capabilities = write_capabilities(c, in->capabilities);
	write_rlimits(c, in, out);
	out->nonewprivileges = in->no_new_privileges;
	put(&out->apparmorprofile, in->apparmor_profile);
	out->oomscoreadj = in->has_oom_score_adj ? in->oom_score_adj : 0;
	put(&out->selinuxlabel, in->selinux_label);
	return out;
}

static void write_mounts(struct pboci *c, const struct oci_spec *in, Grpc__Spec *out)
{
	out->mounts = pboci_messages(c, &grpc__mount__descriptor, in->n_mounts, &out->n_mounts);
	for (size_t i = 0; i < out->n_mounts; i++) {
		put(&out->mounts[i]->destination, in->mounts[i].destination);
		put(&out->mounts[i]->source, in->mounts[i].source);
		put(&out->mounts[i]->type, in->mounts[i].type);
		out->mounts[i]->n_options = in->mounts[i].options.n;
		out->mounts[i]->options = in->mounts[i].options.v;
	}
}

static Grpc__Hook **write_hook_list(struct pboci *c, const struct oci_hook_list *in, size_t *ret_n)
{
	Grpc__Hook **out = pboci_messages(c, &grpc__hook__descriptor, in->n, ret_n);

	for (size_t i = 0; i < *ret_n; i++) {
		put(&out[i]->path, in->v[i].path);
		out[i]->n_args = in->v[i].args.n;
		out[i]->args = in->v[i].args.v;
		out[i]->n_env = in->v[i].env.n;
		out[i]->env = in->v[i].env.v;
		out[i]->timeout = in->v[i].timeout;
	}
	return out;
}

static Grpc__Hooks *write_hooks(struct pboci *c, const struct oci_hooks *in)
{
	Grpc__Hooks *out = in ? pboci_message(c, &grpc__hooks__descriptor) : NULL;

	if (!out)
		return NULL;
	out->prestart = write_hook_list(c, &in->prestart, &out->n_prestart);
	out->createruntime = write_hook_list(c, &in->create_runtime, &out->n_createruntime);
	out->createcontainer = write_hook_list(c, &in->create_container, &out->n_createcontainer);
	out->startcontainer = write_hook_list(c, &in->start_container, &out->n_startcontainer);
	out->poststart = write_hook_list(c, &in->poststart, &out->n_poststart);
	out->poststop = write_hook_list(c, &in->poststop, &out->n_poststop);
	return out;
}

static Grpc__LinuxIDMapping **write_id_maps(struct pboci *c, const struct oci_id_maps *in, size_t *ret_n)
{
	Grpc__LinuxIDMapping **out = pboci_messages(c, &grpc__linux_idmapping__descriptor, in->n, ret_n);

	for (size_t i = 0; i < *ret_n; i++) {
		out[i]->hostid = in->v[i].host_id;
		out[i]->containerid = in->v[i].container_id;
		out[i]->size = in->v[i].size;
	}
	return out;
}

static void write_devices(struct pboci *c, const struct oci_linux *in, Grpc__Linux *out)
{
	out->devices = pboci_messages(c, &grpc__linux_device__descriptor, in->n_devices, &out->n_devices);
	for (size_t i = 0; i < out->n_devices; i++) {
		const struct oci_device *d = &in->devices[i];
		char type[2] = { d->type, '\0' };

		put(&out->devices[i]->path, d->path);
		out->devices[i]->type = pboci_text(c, type);
		out->devices[i]->major = d->major;
		out->devices[i]->minor = d->minor;
		out->devices[i]->filemode = d->has_mode ? d->mode : 0;
		out->devices[i]->uid = d->uid;
		out->devices[i]->gid = d->gid;
	}
}

static void write_seccomp_args(struct pboci *c, const struct oci_seccomp_rule *in, Grpc__LinuxSyscall *out)
{
	out->args = pboci_messages(c, &grpc__linux_seccomp_arg__descriptor, in->n_args, &out->n_args);
	for (size_t i = 0; i < out->n_args; i++) {
		out->args[i]->index = in->args[i].index;
		out->args[i]->value = in->args[i].value;
		out->args[i]->valuetwo = in->args[i].value_two;
		put(&out->args[i]->op, in->args[i].op);
	}
}

static Grpc__LinuxSeccomp *write_seccomp(struct pboci *c, const struct oci_seccomp *in)
{
	Grpc__LinuxSeccomp *out = in ? pboci_message(c, &grpc__linux_seccomp__descriptor) : NULL;

	if (!out)
		return NULL;
	put(&out->defaultaction, in->default_action);
	out->n_architectures = in->architectures.n;
	out->architectures = in->architectures.v;
	out->n_flags = in->flags.n;
	out->flags = in->flags.v;
	out->syscalls = pboci_messages(c, &grpc__linux_syscall__descriptor, in->n_rules, &out->n_syscalls);
	for (size_t i = 0; i < out->n_syscalls; i++) {
		const struct oci_seccomp_rule *rule = &in->rules[i];
		Grpc__LinuxSyscall *s = out->syscalls[i];

		s->n_names = rule->names.n;
		s->names = rule->names.v;
		put(&s->action, rule->action);
		if (rule->has_errno) {
			s->errno_ret_case = GRPC__LINUX_SYSCALL__ERRNO_RET_ERRNORET;
			s->errnoret = rule->errno_ret;
		}
		write_seccomp_args(c, rule, s);
	}
	return out;
}

static Grpc__Linux *write_linux(struct pboci *c, const struct oci_linux *in)
{
	Grpc__Linux *out = in ? pboci_message(c, &grpc__linux__descriptor) : NULL;

	if (!out)
		return NULL;
	out->uidmappings = write_id_maps(c, &in->uid_maps, &out->n_uidmappings);
	out->gidmappings = write_id_maps(c, &in->gid_maps, &out->n_gidmappings);
	out->sysctl = pboci_messages(c, &grpc__linux__sysctl_entry__descriptor, in->sysctl.n, &out->n_sysctl);
	for (size_t i = 0; i < out->n_sysctl; i++) {
		put(&out->sysctl[i]->key, in->sysctl.v[i].key);
		put(&out->sysctl[i]->value, in->sysctl.v[i].value);
	}
	out->resources = pboci_write_resources(c, in->resources);
	put(&out->cgroupspath, in->cgroups_path);
	out->namespaces = pboci_messages(c, &grpc__linux_namespace__descriptor, in->n_namespaces, &out->n_namespaces);
	for (size_t i = 0; i < out->n_namespaces; i++) {
		put(&out->namespaces[i]->type, (char *)oci_namespace_name(in->namespaces[i].flag));
		put(&out->namespaces[i]->path, in->namespaces[i].path);
	}
	write_devices(c, in, out);
	out->seccomp = write_seccomp(c, in->seccomp);
	put(&out->rootfspropagation, in->rootfs_propagation);
	out->n_maskedpaths = in->masked_paths.n;
	out->maskedpaths = in->masked_paths.v;
	out->n_readonlypaths = in->readonly_paths.n;
	out->readonlypaths = in->readonly_paths.v;
	put(&out->mountlabel, in->mount_label);
	out->intelrdt = in->has_intel_rdt ? pboci_message(c, &grpc__linux_intel_rdt__descriptor) : NULL;
	return out;
}

static Grpc__Spec *write_spec(struct pboci *c, const struct oci_spec *in)
{
	Grpc__Spec *out = pboci_message(c, &grpc__spec__descriptor);

	if (!out)
		return NULL;
	put(&out->version, in->version);
	put(&out->hostname, in->hostname);
	out->process = write_process(c, in->process);
	out->root = in->root_path ? pboci_message(c, &grpc__root__descriptor) : NULL;
	if (out->root) {
		out->root->path = in->root_path;
		out->root->readonly = in->root_readonly;
	}
	write_mounts(c, in, out);
	out->hooks = write_hooks(c, in->hooks);
	out->annotations =
		pboci_messages(c, &grpc__spec__annotations_entry__descriptor, in->annotations.n, &out->n_annotations);
	for (size_t i = 0; i < out->n_annotations; i++) {
		put(&out->annotations[i]->key, in->annotations.v[i].key);
		put(&out->annotations[i]->value, in->annotations.v[i].value);
	}
	out->linux = write_linux(c, in->linux);
	return out;
}

int pboci_spec_to_pb(struct arena *arena, const struct oci_spec *in, Grpc__Spec **ret, struct err *err)
{
	struct pboci c = { .arena = arena, .err = err };
	Grpc__Spec *out = write_spec(&c, in);

	if (c.r == 0)
		*ret = out;
	return c.r;
}

int pboci_process_to_pb(struct arena *arena, const struct oci_process *in, Grpc__Process **ret, struct err *err)
{
	struct pboci c = { .arena = arena, .err = err };
	Grpc__Process *out = write_process(&c, in);

	if (c.r == 0)
		*ret = out;
	return c.r;
}

int pboci_resources_to_pb(struct arena *arena, const struct oci_resources *in, Grpc__LinuxResources **ret,
                          struct err *err)
{
	struct pboci c = { .arena = arena, .err = err };
	Grpc__LinuxResources *out = pboci_write_resources(&c, in);

	if (c.r == 0)
		*ret = out;
	return c.r;
}
