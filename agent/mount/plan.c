/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mount/plan.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "lib/path.h"

static const char *const proc_files[] = {
	"/proc/cpuinfo", "/proc/diskstats", "/proc/loadavg", "/proc/meminfo",
	"/proc/net/dev", "/proc/stat",      "/proc/swaps",   "/proc/uptime",
};

static const struct oci_device default_devices[] = {
	{ .path = (char *)"/dev/null", .type = 'c', .major = 1, .minor = 3 },
	{ .path = (char *)"/dev/zero", .type = 'c', .major = 1, .minor = 5 },
	{ .path = (char *)"/dev/full", .type = 'c', .major = 1, .minor = 7 },
	{ .path = (char *)"/dev/tty", .type = 'c', .major = 5, .minor = 0 },
	{ .path = (char *)"/dev/urandom", .type = 'c', .major = 1, .minor = 9 },
	{ .path = (char *)"/dev/random", .type = 'c', .major = 1, .minor = 8 },
};

static const struct {
	const char *name, *text;
} default_links[] = {
	{ "/dev/fd", "/proc/self/fd" },       { "/dev/stdin", "/proc/self/fd/0" }, { "/dev/stdout", "/proc/self/fd/1" },
	{ "/dev/stderr", "/proc/self/fd/2" }, { "/dev/core", "/proc/kcore" },      { "/dev/ptmx", "pts/ptmx" },
};

struct planner {
	struct arena *arena;
	const struct rootfs_request *request;
	struct rootfs_plan *plan;
	bool dev_is_bound, has_devpts;
};

bool plan_may_cover_proc(const char *destination)
{
	for (size_t i = 0; i < ARRAY_SIZE(proc_files); i++)
		if (strcmp(destination, proc_files[i]) == 0)
			return true;
	return false;
}

bool plan_is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

static int add(struct planner *p, const struct step *step, struct err *err)
{
	int r = step_add(p->arena, &p->plan->steps, step);

	return r < 0 ? err_set(err, r, "plan the rootfs") : 0;
}

/* One slash between names, none at the end, no "."; so that "//proc/./x" is known for what it is. */
static char *normalize(struct arena *arena, const char *path)
{
	char *clean = arena_alloc(arena, strlen(path) + 2), *at = clean;

	while (clean && *path) {
		size_t n = strcspn(path, "/");

		if (n > 0 && !(n == 1 && path[0] == '.')) {
			*at++ = '/';
			memcpy(at, path, n);
			at += n;
		}
		path += n + (path[n] == '/');
	}
	if (clean && at == clean)
		*at = '/';
	return clean;
}

static int clean_path(struct planner *p, const char *path, const char *what, char **ret, struct err *err)
{
	if (!path || !path_is_clean(path))
		return err_say(err, EINVAL, "%s '%s': the path must be absolute and without '..'", what,
		               path ? path : "");
	*ret = normalize(p->arena, path);
	return *ret ? 0 : err_set(err, ENOMEM, "%s '%s'", what, path);
}

static int add_source(struct planner *p, const char *path, const char *target, bool tree)
{
	p->plan->sources[p->plan->n_sources] = (struct plan_source){ .path = path, .target = target, .tree = tree };
	return (int)p->plan->n_sources++;
}

/* What the step's numbers do not show, for the printed plan. */
static char *describe(struct planner *p, const struct mount_options *o)
{
	static const char *const names[] = { "shared", "slave", "private", "unbindable" };
	static const uint64_t flags[] = { MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE };
	char *text = mount_options_join(p->arena, &o->data);

	for (size_t i = 0; text && i < ARRAY_SIZE(flags); i++)
		if (o->propagation == flags[i])
			text = arena_printf(p->arena, "%s[%s%s]", text, o->propagation_tree ? "r" : "", names[i]);
	if (text && (o->tree.set || o->tree.clear))
		text = arena_printf(p->arena, "%s[tree+0x%llx-0x%llx]", text, (unsigned long long)o->tree.set,
		                    (unsigned long long)o->tree.clear);
	if (text && (o->idmap || o->copy_up))
		text = arena_printf(p->arena, "%s%s", text,
		                    o->copy_up      ? "[copy up]"
		                    : o->idmap_tree ? "[ridmap]"
		                                    : "[idmap]");
	if (text && o->sb_flags)
		text = arena_printf(p->arena, "%s[fs 0x%lx]", text, o->sb_flags);
	return text;
}

static int check_proc(const char *type, const char *destination, const struct mount_options *o, struct err *err)
{
	if (strcmp(destination, "/proc") == 0 && (o->bind || o->remount || strcmp(type, "proc") == 0))
		return 0; /* a bind's source is looked at when it is there */
	if (!plan_is_below(destination, "/proc") || plan_may_cover_proc(destination))
		return 0;
	return err_say(err, EPERM, "mount '%s' on '%s': nothing may be mounted there, it is inside /proc", type,
	               destination);
}

/* Later steps create things in there: read-only comes at the end. */
static bool is_sealed(const struct step *step, const struct mount_options *o)
{
	return step->kind == &step_mount && (o->top.set & MOUNT_ATTR_RDONLY) &&
	       (strcmp(step->type, "tmpfs") == 0 || strcmp(step->target, "/dev") == 0);
}

/* A mount's own mappings, or those of the container's user namespace. */
static int set_idmap(struct planner *p, const struct oci_mount *m, const struct mount_options *o,
                     const struct step *step, struct err *err)
{
	const struct oci_linux *lin = p->request->spec->linux;
	bool own = m->uid_maps.n > 0 || m->gid_maps.n > 0;
	struct plan_source *source;

	if (!o->idmap && !own)
		return 0;
	if (step->kind != &step_bind || !o->bind)
		return err_say(err, EINVAL, "mount '%s' on '%s': ids are mapped for binds only", step->type,
		               step->target);
	source = &p->plan->sources[step->number];
	source->uids = own ? &m->uid_maps : &lin->uid_maps;
	source->gids = own ? &m->gid_maps : &lin->gid_maps;
	source->idmap_tree = o->idmap_tree;
	if (source->uids->n == 0 || source->gids->n == 0)
		return err_say(err, EINVAL,
		               "bind on '%s': to map its ids takes mappings of users and groups, its own or those of a "
		               "new user "
		               "namespace",
		               step->target);
	return 0;
}

static int check_copy_up(const struct mount_options *o, const struct step *step, struct err *err)
{
	if (!o->copy_up || (step->kind == &step_mount && strcmp(step->type, "tmpfs") == 0))
		return 0;
	return err_say(err, EINVAL, "mount '%s' on '%s': 'tmpcopyup' is for tmpfs only", step->type, step->target);
}

static int set_kind(struct planner *p, const struct oci_mount *m, struct mount_options *o, struct step *step,
                    struct err *err)
{
	if (strcmp(step->target, "/") == 0)
		return err_say(err, EINVAL, "mount '%s' on '/': that is the rootfs", step->type);
	if (o->remount) {
		step->kind = &step_remount;
	} else if (o->bind) {
		if (!m->source || !m->source[0])
			return err_say(err, EINVAL, "bind on '%s': no source", step->target);
		step->kind = &step_bind;
		step->type = o->bind_tree ? "rbind" : "bind";
		step->number = add_source(p, m->source, step->target, o->bind_tree);
	} else if (!step->type[0] || strcmp(step->type, "none") == 0) {
		return err_say(err, EINVAL, "mount on '%s': neither a type nor 'bind'", step->target);
	} else if (strcmp(step->type, "mqueue") == 0 && p->request->has_userns && p->request->joins_ipc) {
		/* The ipc namespace belongs to another user namespace than the container's, where the kernel refuses.
		 */
		step->kind = &step_bind;
		step->number = add_source(p, m->source, step->target, false);
		p->plan->sources[step->number].fstype = step->type;
		p->plan->sources[step->number].options = o;
	} else {
		step->kind = strcmp(step->type, "cgroup") == 0 ? &step_cgroup : &step_mount;
	}
	return 0;
}

static int plan_mount(struct planner *p, const struct oci_mount *m, struct err *err)
{
	struct mount_options *o = arena_alloc(p->arena, sizeof(*o));
	struct step step = { .source = m->source && m->source[0] ? m->source : NULL,
		             .type = m->type ? m->type : "",
		             .object = o };
	char *target = NULL;
	int r = o ? clean_path(p, m->destination, "mount on", &target, err) : err_set(err, ENOMEM, "plan the rootfs");

	if (r < 0)
		return r;
	step.target = target;
	r = mount_options_parse(p->arena, &m->options, o, err);
	if (r < 0)
		return err_wrap(err, "mount '%s' on '%s'", step.type, target);
	o->bind = o->bind || strcmp(step.type, "bind") == 0;
	r = set_kind(p, m, o, &step, err);
	r = r < 0 ? r : set_idmap(p, m, o, &step, err);
	r = r < 0 ? r : check_copy_up(o, &step, err);
	r = r < 0 ? r : check_proc(step.type, target, o, err);
	if (r < 0)
		return r;
	p->dev_is_bound = strcmp(target, "/dev") == 0 ? o->bind : p->dev_is_bound;
	p->has_devpts = p->has_devpts || (strcmp(target, "/dev/pts") == 0 && step.kind == &step_mount);
	if (is_sealed(&step, o)) {
		o->top.set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
		step.number = (int)++p->plan->n_sealed;
	}
	step.data = describe(p, o);
	if (!step.data)
		return err_set(err, ENOMEM, "plan the rootfs");
	step.data = step.data[0] ? step.data : NULL;
	step.flags = o->top.set;
	step.clear = o->top.clear;
	return add(p, &step, err);
}

static int plan_mounts(struct planner *p, struct err *err)
{
	const struct oci_spec *spec = p->request->spec;

	for (size_t i = 0; i < spec->n_mounts; i++) {
		int r = plan_mount(p, &spec->mounts[i], err);

		if (r < 0)
			return r;
	}
	return 0;
}

static mode_t device_format(char type)
{
	switch (type) {
	case 'c':
	case 'u':
		return S_IFCHR;
	case 'b':
		return S_IFBLK;
	case 'p':
		return S_IFIFO;
	default:
		return 0;
	}
}

static int plan_device(struct planner *p, const struct oci_device *d, struct err *err)
{
	mode_t format = device_format(d->type);
	struct step step = { .kind = &step_node, .object = d };
	char *target = NULL;
	int r = clean_path(p, d->path, "device", &target, err);

	if (r < 0)
		return r;
	if (strcmp(target, "/dev") == 0 || strcmp(target, "/") == 0 || plan_is_below(target, "/proc"))
		return err_say(err, EINVAL, "device '%s': there cannot be one", target);
	if (!format)
		return err_say(err, EINVAL, "device '%s': unknown type '%c'", target, d->type);
	if (d->major < 0 || d->minor < 0 || d->major > UINT32_MAX || d->minor > UINT32_MAX)
		return err_say(err, EINVAL, "device '%s': impossible number", target);
	step.target = target;
	step.number = (int)(format | (d->has_mode ? d->mode & 07777 : 0666));
	step.data = format == S_IFIFO ? NULL
	                              : arena_printf(p->arena, "%lld:%lld", (long long)d->major, (long long)d->minor);
	return add(p, &step, err);
}

/* The spec's own /dev/null replaces the default one. */
static bool spec_has_device(const struct oci_linux *lin, const char *path)
{
	for (size_t i = 0; i < lin->n_devices; i++)
		if (lin->devices[i].path && strcmp(lin->devices[i].path, path) == 0)
			return true;
	return false;
}

static int plan_dev(struct planner *p, struct err *err)
{
	const struct oci_linux *lin = p->request->spec->linux;
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(default_devices) && r >= 0; i++)
		if (!spec_has_device(lin, default_devices[i].path))
			r = plan_device(p, &default_devices[i], err);
	for (size_t i = 0; i < lin->n_devices && r >= 0; i++)
		r = plan_device(p, &lin->devices[i], err);
	for (size_t i = 0; i < ARRAY_SIZE(default_links) && r >= 0; i++) {
		struct step step = { .kind = &step_link,
			             .source = default_links[i].text,
			             .target = default_links[i].name };

		r = add(p, &step, err);
	}
	return r;
}

static int plan_seals(struct planner *p, struct err *err)
{
	int r = 0;

	for (size_t i = 0, n = p->plan->steps.n; i < n && r >= 0; i++) {
		const struct step *mount = &p->plan->steps.v[i];
		struct step step = { .kind = &step_seal, .target = mount->target, .number = mount->number };

		if (mount->kind == &step_mount && mount->number > 0)
			r = add(p, &step, err);
	}
	return r;
}

static int plan_paths(struct planner *p, const struct step_kind *kind, const struct oci_strings *paths, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < paths->n && r >= 0; i++) {
		struct step step = { .kind = kind };
		char *target = NULL;

		r = clean_path(p, paths->v[i], kind->name, &target, err);
		step.target = target;
		r = r < 0 ? r : add(p, &step, err);
	}
	return r;
}

static int plan_propagation(struct planner *p, struct err *err)
{
	const char *word = p->request->spec->linux->rootfs_propagation;
	struct rootfs_plan *plan = p->plan;
	struct step step = { .kind = &step_propagation, .target = "/" };

	plan->propagation = MS_SLAVE | MS_REC;
	if (word && word[0] && mount_propagation_parse(word, &plan->propagation) < 0)
		return err_say(err, EINVAL, "unknown rootfs propagation '%s'", word);
	/* Private it is already; for what the spec does not mention, mounts keep what their own options said. */
	plan->shares = word && word[0] && !(plan->propagation & MS_PRIVATE);
	step.flags = plan->propagation;
	return plan->shares_mntns ? 0 : add(p, &step, err);
}

static int plan_before_pivot(struct planner *p, struct err *err)
{
	const struct rootfs_request *q = p->request;
	const char *root = q->root ? q->root : q->spec->root_path;
	struct step attach = { .kind = &step_root, .source = root }, console = { .kind = &step_console };
	int r;

	if (!root || root[0] != '/')
		return err_say(err, EINVAL, "rootfs '%s' is not an absolute path", root ? root : "");
	p->plan->sources = arena_array(p->arena, q->spec->n_mounts + 1, sizeof(*p->plan->sources));
	if (!p->plan->sources)
		return err_set(err, ENOMEM, "plan the rootfs");
	(void)add_source(p, root, "/", true);
	r = plan_propagation(p, err);
	r = r < 0 ? r : add(p, &attach, err);
	r = r < 0 ? r : plan_mounts(p, err);
	r = r < 0 || p->dev_is_bound ? r : plan_dev(p, err);
	console.source = p->has_devpts ? "container" : "creator";
	return r < 0 ? r : add(p, &console, err);
}

static int plan_after_pivot(struct planner *p, struct err *err)
{
	const struct oci_spec *spec = p->request->spec;
	struct step share = { .kind = &step_share, .target = "/", .flags = p->plan->propagation };
	struct step cwd = { .kind = &step_cwd }, readonly = { .kind = &step_readonly_root, .target = "/" };
	struct step pivot = { .kind = &step_pivot };
	int r;

	cwd.target = spec->process && spec->process->cwd && spec->process->cwd[0] == '/' ? spec->process->cwd : NULL;
	r = add(p, &pivot, err);
	r = r < 0 || !cwd.target ? r : add(p, &cwd, err);
	r = r < 0 ? r : plan_seals(p, err);
	r = r < 0 ? r : plan_paths(p, &step_mask, &spec->linux->masked_paths, err);
	r = r < 0 ? r : plan_paths(p, &step_readonly, &spec->linux->readonly_paths, err);
	r = r < 0 || !p->plan->shares ? r : add(p, &share, err);
	return r < 0 || !spec->root_readonly ? r : add(p, &readonly, err);
}

int rootfs_plan(struct arena *arena, const struct rootfs_request *request, struct rootfs_plan **ret, struct err *err)
{
	struct planner p = { .arena = arena, .request = request, .plan = arena_alloc(arena, sizeof(*p.plan)) };
	int r;

	if (!p.plan)
		return err_set(err, ENOMEM, "plan the rootfs");
	p.plan->has_userns = request->has_userns;
	p.plan->has_cgroupns = request->has_cgroupns;
	p.plan->unified = request->unified;
	p.plan->shares_mntns = request->shares_mntns;
	r = plan_before_pivot(&p, err);
	r = r < 0 ? r : plan_after_pivot(&p, err);
	if (r < 0)
		return r;
	*ret = p.plan;
	return 0;
}

int rootfs_plan_print(const struct rootfs_plan *plan, struct buf *out)
{
	return step_list_print(&plan->steps, out);
}
