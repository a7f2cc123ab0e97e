/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/guestspec.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#define KEY_TYPE   "io.katacontainers.pkg.oci.container_type"
#define KEY_BUNDLE "io.katacontainers.pkg.oci.bundle_path"

/*
 * Those of the host are the verbs' (runtime/hosthooks.h). startContainer runs in the container, so it goes along.
 * createContainer would be a program of the host in namespaces of the guest.
 */
static int constrain_hooks(struct arena *arena, struct oci_spec *spec, struct err *err)
{
	struct oci_hook_list start = spec->hooks->start_container;

	if (spec->hooks->create_container.n > 0)
		return err_say(err, EOPNOTSUPP, "run createContainer hook '%s': its namespaces are in the guest",
		               spec->hooks->create_container.v[0].path);
	spec->hooks = start.n > 0 ? arena_alloc(arena, sizeof(*spec->hooks)) : NULL;
	if (start.n > 0 && !spec->hooks)
		return err_set(err, ENOMEM, "take the hooks over");
	if (spec->hooks)
		*spec->hooks = (struct oci_hooks){ .start_container = start };
	return 0;
}

void guestspec_constrain_resources(struct oci_resources *r)
{
	if (!r)
		return;
	r->devices = NULL;
	r->n_devices = 0;
	r->block_io = NULL;
	r->network = NULL;
	if (r->cpu)
		r->cpu->cpus = r->cpu->mems = NULL;
}

/* Paths of namespaces are the host's. A PID namespace with a path is the pod's. */
static void constrain_namespaces(struct oci_linux *lin, bool *ret_sandbox_pidns)
{
	size_t n = 0;

	for (size_t i = 0; i < lin->n_namespaces; i++) {
		struct oci_namespace ns = lin->namespaces[i];

		if (ns.flag == CLONE_NEWPID && ns.path && *ns.path) {
			*ret_sandbox_pidns = true;
			continue;
		}
		if (ns.flag == CLONE_NEWNET || ns.flag == CLONE_NEWCGROUP || ns.flag == CLONE_NEWTIME)
			continue;
		ns.path = NULL;
		lin->namespaces[n++] = ns;
	}
	lin->n_namespaces = n;
}

bool guestspec_is_bind(const struct oci_mount *m)
{
	if (m->type && strcmp(m->type, "bind") == 0)
		return true;
	for (size_t i = 0; i < m->options.n; i++)
		if (strcmp(m->options.v[i], "bind") == 0 || strcmp(m->options.v[i], "rbind") == 0)
			return true;
	return false;
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : "mount";
}

static const char *absolute(struct arena *arena, const char *bundle, const char *path)
{
	return path[0] == '/' ? path : arena_printf(arena, "%s/%s", bundle, path);
}

static int share_mount(struct arena *arena, struct oci_mount *m, const struct guestspec_options *o, size_t number,
                       struct guestspec *g)
{
	struct guestspec_bind *bind = &g->binds[g->n_binds];

	if (strcmp(m->destination, "/dev/shm") == 0) {
		m->source = arena_strdup(arena, GUEST_SHM);
		return m->source ? 0 : -ENOMEM;
	}
	bind->source = absolute(arena, o->bundle, m->source);
	bind->name = arena_printf(arena, "%s/%zu-%s", o->id, number, base_of(m->destination));
	m->source = bind->name ? arena_printf(arena, "%s/%s", GUEST_SHARE, bind->name) : NULL;
	g->n_binds++;
	return m->source && bind->source ? 0 : -ENOMEM;
}

static int share_all(struct arena *arena, struct oci_spec *spec, const struct guestspec_options *o, struct guestspec *g,
                     struct err *err)
{
	int r = 0;

	g->binds = arena_array(arena, spec->n_mounts + 1, sizeof(*g->binds));
	if (!g->binds)
		return err_set(err, ENOMEM, "share the mounts of '%s'", o->id);
	g->binds[0].source = absolute(arena, o->bundle, spec->root_path);
	g->binds[0].name = arena_printf(arena, "%s/rootfs", o->id);
	g->n_binds = 1;
	spec->root_path = arena_printf(arena, "%s/%s/rootfs", o->is_root_disk ? GUEST_ROOTS : GUEST_SHARE, o->id);
	if (!g->binds[0].source || !g->binds[0].name || !spec->root_path)
		r = -ENOMEM;
	for (size_t i = 0; r == 0 && i < spec->n_mounts; i++) {
		struct oci_mount *m = &spec->mounts[i];

		if (!guestspec_is_bind(m) || (o->is_guests && o->is_guests[i]))
			continue;
		if (!m->source || !*m->source)
			return err_say(err, EINVAL, "mount '%s': a bind needs a source", m->destination);
		r = share_mount(arena, m, o, i, g);
	}
	return r < 0 ? err_set(err, -r, "share the mounts of '%s'", o->id) : 0;
}

static int annotate(struct arena *arena, struct oci_spec *spec, const struct guestspec_options *o)
{
	struct oci_pair *v = arena_array(arena, spec->annotations.n + 2, sizeof(*v));
	size_t n = spec->annotations.n;

	if (!v)
		return -ENOMEM;
	if (n > 0)
		memcpy(v, spec->annotations.v, n * sizeof(*v));
	v[n] = (struct oci_pair){ (char *)KEY_TYPE, arena_strdup(arena, annotation_role_name(o->role)) };
	v[n + 1] = (struct oci_pair){ (char *)KEY_BUNDLE, arena_strdup(arena, o->bundle) };
	if (!v[n].value || !v[n + 1].value)
		return -ENOMEM;
	spec->annotations.v = v;
	spec->annotations.n = n + 2;
	return 0;
}

int guestspec_constrain(struct arena *arena, struct oci_spec *spec, const struct guestspec_options *o,
                        struct guestspec *ret, struct err *err)
{
	struct guestspec g = { .is_root_disk = o->is_root_disk };
	int r = spec->hooks ? constrain_hooks(arena, spec, err) : 0;

	if (r < 0)
		return r;
	if (!spec->process || !spec->root_path)
		return err_say(err, EINVAL, "specification of '%s': process and root are needed", o->id);
	spec->process->apparmor_profile = spec->process->selinux_label = spec->linux->mount_label = NULL;
	if (!o->keep_seccomp)
		spec->linux->seccomp = NULL;
	guestspec_constrain_resources(spec->linux->resources);
	constrain_namespaces(spec->linux, &g.sandbox_pidns);
	r = share_all(arena, spec, o, &g, err);
	if (r < 0)
		return r;
	r = annotate(arena, spec, o);
	if (r < 0)
		return err_set(err, -r, "annotate '%s'", o->id);
	*ret = g;
	return 0;
}
