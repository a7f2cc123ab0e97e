/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/spec.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "lib/fd.h"

#define CPU_PERIOD   100000
#define CPUS_MAX     100000.0
#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

#define CAPABILITIES                                                                                                   \
	"[\"CAP_AUDIT_WRITE\",\"CAP_CHOWN\",\"CAP_DAC_OVERRIDE\",\"CAP_FOWNER\",\"CAP_FSETID\",\"CAP_KILL\","          \
	"\"CAP_MKNOD\",\"CAP_NET_BIND_SERVICE\",\"CAP_NET_RAW\",\"CAP_SETFCAP\",\"CAP_SETGID\",\"CAP_SETPCAP\","       \
	"\"CAP_SETUID\",\"CAP_SYS_CHROOT\"]"

static const char default_spec[] =
	"{\"ociVersion\":\"1.1.0\","
	"\"process\":{\"user\":{\"uid\":0,\"gid\":0},\"args\":[\"sh\"],\"cwd\":\"/\",\"noNewPrivileges\":false,"
	"\"capabilities\":{\"bounding\":" CAPABILITIES ",\"effective\":" CAPABILITIES ",\"permitted\":" CAPABILITIES
	"}},"
	"\"root\":{\"path\":\"/\"},"
	"\"mounts\":["
	"{\"destination\":\"/"
	"proc\",\"type\":\"proc\",\"source\":\"proc\",\"options\":[\"nosuid\",\"noexec\",\"nodev\"]},"
	"{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\","
	"\"options\":[\"nosuid\",\"strictatime\",\"mode=755\",\"size=65536k\"]},"
	"{\"destination\":\"/dev/pts\",\"type\":\"devpts\",\"source\":\"devpts\","
	"\"options\":[\"nosuid\",\"noexec\",\"newinstance\",\"ptmxmode=0666\",\"mode=0620\",\"gid=5\"]},"
	"{\"destination\":\"/dev/shm\",\"type\":\"tmpfs\",\"source\":\"shm\","
	"\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"mode=1777\",\"size=65536k\"]},"
	"{\"destination\":\"/dev/mqueue\",\"type\":\"mqueue\",\"source\":\"mqueue\","
	"\"options\":[\"nosuid\",\"noexec\",\"nodev\"]},"
	"{\"destination\":\"/sys\",\"type\":\"sysfs\",\"source\":\"sysfs\","
	"\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"ro\"]},"
	"{\"destination\":\"/sys/fs/cgroup\",\"type\":\"cgroup\",\"source\":\"cgroup\","
	"\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"relatime\",\"ro\"]}],"
	"\"linux\":{"
	"\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},{\"type\":\"mount\"},"
	"{\"type\":\"cgroup\"}],"
	"\"maskedPaths\":[\"/proc/acpi\",\"/proc/asound\",\"/proc/kcore\",\"/proc/keys\",\"/proc/latency_stats\","
	"\"/proc/timer_list\",\"/proc/timer_stats\",\"/proc/sched_debug\",\"/proc/scsi\",\"/sys/firmware\"],"
	"\"readonlyPaths\":[\"/proc/bus\",\"/proc/fs\",\"/proc/irq\",\"/proc/sys\",\"/proc/sysrq-trigger\"]}}";

int spec_parse_share(const char *text, struct arena *arena, struct spec_options *o, struct err *err)
{
	const char *colon = strchr(text, ':');
	_autofree_ char *real = NULL;
	char *host;

	if (!colon || colon == text || colon[1] != '/')
		return err_say(err, EINVAL, "share '%s' is no HOST:GUEST", text);
	host = arena_printf(arena, "%.*s", (int)(colon - text), text);
	real = host ? realpath(host, NULL) : NULL;
	if (!real)
		return err_set(err, errno, "share '%s'", text);
	o->share_host = arena_strdup(arena, real);
	o->share_guest = colon + 1;
	return o->share_host ? 0 : err_set(err, ENOMEM, "share '%s'", text);
}

static int parse_id(const char **text, uint32_t *ret)
{
	unsigned long long value;
	char *end;

	if (!isdigit((unsigned char)**text))
		return -EINVAL;
	errno = 0;
	value = strtoull(*text, &end, 10);
	if (errno != 0 || value >= UINT32_MAX)
		return -EINVAL;
	*ret = (uint32_t)value;
	*text = end;
	return 0;
}

int spec_parse_user(const char *text, uint32_t *ret_uid, uint32_t *ret_gid, struct err *err)
{
	const char *p = text;
	uint32_t uid, gid = 0;
	int r;

	r = parse_id(&p, &uid);
	if (r == 0 && *p == ':') {
		p++;
		r = parse_id(&p, &gid);
	}
	if (r < 0 || *p != '\0')
		return err_say(err, EINVAL, "user '%s' is no UID or UID:GID (numbers: the names are in the guest)",
		               text);
	*ret_uid = uid;
	*ret_gid = gid;
	return 0;
}

int spec_parse_cpus(const char *text, int64_t *ret_quota, struct err *err)
{
	char *end = NULL;
	double value;

	if (strcmp(text, "-1") == 0) {
		*ret_quota = -1;
		return 0;
	}
	value = isdigit((unsigned char)text[0]) ? strtod(text, &end) : -1.0;
	/* The kernel takes no quota below one millisecond. */
	if (value < 0.01 || value > CPUS_MAX || !end || *end != '\0')
		return err_say(err, EINVAL, "'%s' is no number of CPUs", text);
	*ret_quota = (int64_t)(value * CPU_PERIOD + 0.5);
	return 0;
}

/* The entry for the same variable as `entry`, or a new one at the end. */
static void put_env(struct oci_strings *env, char *entry)
{
	size_t key = strcspn(entry, "="), i;

	for (i = 0; i < env->n; i++) {
		if (strncmp(env->v[i], entry, key) == 0 && env->v[i][key] == '=')
			break;
	}
	env->v[i] = entry;
	env->n += i == env->n;
}

int spec_merge_env(const struct oci_strings *base, const struct option_list *more, bool tty, struct arena *arena,
                   struct oci_strings *ret)
{
	static char path[] = DEFAULT_PATH, term[] = "TERM=xterm";
	struct oci_strings env = { .v = arena_array(arena, base->n + more->n + 3, sizeof(*env.v)) };

	if (!env.v)
		return -ENOMEM;
	put_env(&env, path);
	if (tty)
		put_env(&env, term);
	for (size_t i = 0; i < base->n; i++)
		put_env(&env, base->v[i]);
	for (size_t i = 0; i < more->n; i++)
		put_env(&env, (char *)more->v[i]);
	*ret = env;
	return 0;
}

/* Replaces a host path below the share by the guest's name for it. */
static char *map_path(const struct spec_options *o, struct arena *arena, char *path)
{
	size_t n = o->share_host ? strlen(o->share_host) : 0;

	if (n == 0 || strncmp(path, o->share_host, n) != 0 || (path[n] != '/' && path[n] != '\0'))
		return path;
	return arena_printf(arena, "%s%s", o->share_guest, path + n);
}

static int map_root(const struct spec_options *o, struct arena *arena, char *path, struct oci_spec *spec,
                    struct err *err)
{
	_autofree_ char *real = NULL;

	/* Without a share the path means nothing on this side. */
	if (o->share_host) {
		real = realpath(path, NULL);
		if (!real)
			return err_set(err, errno, "root file system '%s'", path);
		path = arena_strdup(arena, real);
		if (!path)
			return err_set(err, ENOMEM, "root file system");
	}
	if (path[0] != '/')
		return err_say(err, EINVAL, "root file system '%s' is no absolute path", path);
	spec->root_path = map_path(o, arena, path);
	return spec->root_path ? 0 : err_set(err, ENOMEM, "root file system");
}

/* The configuration file, and the directory that its relative root file system is in. */
static int find_config(const struct spec_options *o, struct arena *arena, char **ret_file, char **ret_dir,
                       struct err *err)
{
	const char *given = o->bundle ? o->bundle : o->config;
	_autofree_ char *real = realpath(given, NULL);
	char *slash;

	if (!real)
		return err_set(err, errno, "%s '%s'", o->bundle ? "bundle" : "specification", given);
	*ret_dir = arena_strdup(arena, real);
	*ret_file = o->bundle ? arena_printf(arena, "%s/config.json", real) : arena_strdup(arena, real);
	if (!*ret_dir || !*ret_file)
		return err_set(err, ENOMEM, "bundle '%s'", given);
	slash = strrchr(*ret_dir, '/');
	if (!o->bundle)
		slash[slash == *ret_dir ? 1 : 0] = '\0';
	return 0;
}

static int load_bundle(const struct spec_options *o, struct arena *arena, struct oci_spec **ret, struct err *err)
{
	_autofree_ char *text = NULL;
	struct oci_spec *spec;
	char *path = NULL, *dir = NULL;
	size_t len;
	int r;

	r = find_config(o, arena, &path, &dir, err);
	if (r < 0)
		return r;
	r = fd_read_file_at(AT_FDCWD, path, CTL_PAYLOAD_MAX, &text, &len);
	if (r < 0)
		return err_set(err, -r, "read '%s'", path);
	r = oci_spec_parse(arena, text, len, &spec, err);
	if (r < 0)
		return err_wrap(err, "'%s'", path);
	if (!spec->process || !spec->root_path)
		return err_say(err, EINVAL, "'%s' has no process or no root", path);
	path = spec->root_path[0] == '/' ? spec->root_path : arena_printf(arena, "%s/%s", dir, spec->root_path);
	if (!path)
		return err_set(err, ENOMEM, "bundle '%s'", dir);
	*ret = spec;
	return map_root(o, arena, path, spec, err);
}

static int load_default(const struct spec_options *o, struct arena *arena, struct oci_spec **ret, struct err *err)
{
	char *path = arena_strdup(arena, o->rootfs);
	int r;

	r = oci_spec_parse(arena, default_spec, strlen(default_spec), ret, err);
	if (r < 0)
		return r;
	(*ret)->hostname = arena_strdup(arena, o->id);
	(*ret)->linux->cgroups_path = arena_printf(arena, "/kata/%s", o->id);
	if (!path || !(*ret)->hostname || !(*ret)->linux->cgroups_path)
		return err_set(err, ENOMEM, "default specification");
	return map_root(o, arena, path, *ret, err);
}

/* The agent adds the pid namespace itself; the network is the virtual machine's; a path is the host's. */
static void filter_namespaces(struct oci_linux *lin)
{
	size_t kept = 0;

	for (size_t i = 0; i < lin->n_namespaces; i++) {
		int flag = lin->namespaces[i].flag;

		if (flag != CLONE_NEWPID && flag != CLONE_NEWNET && flag != CLONE_NEWTIME)
			lin->namespaces[kept++] = (struct oci_namespace){ .flag = flag };
	}
	lin->n_namespaces = kept;
}

static int apply_resources(const struct spec_options *o, struct arena *arena, struct oci_linux *lin, struct err *err)
{
	struct oci_resources *res = lin->resources;
	int r = 0;

	if (!o->memory.is_set && !o->pids.is_set && !o->cpus)
		return 0;
	if (!res)
		res = lin->resources = arena_alloc(arena, sizeof(*res));
	if (res && !res->memory)
		res->memory = arena_alloc(arena, sizeof(*res->memory));
	if (res && !res->cpu)
		res->cpu = arena_alloc(arena, sizeof(*res->cpu));
	if (!res || !res->memory || !res->cpu)
		return err_set(err, ENOMEM, "resources");
	if (o->memory.is_set)
		res->memory->limit = o->memory.value;
	if (o->pids.is_set) {
		res->has_pids = true;
		res->pids_limit = o->pids.value;
	}
	if (o->cpus) {
		r = spec_parse_cpus(o->cpus, &res->cpu->quota, err);
		res->cpu->period = CPU_PERIOD;
	}
	return r;
}

static int apply_process(const struct spec_options *o, struct arena *arena, struct oci_process *process,
                         struct err *err)
{
	int r;

	process->terminal |= o->tty;
	if (o->n_args > 0)
		process->args = (struct oci_strings){ o->args, o->n_args };
	if (o->cwd)
		process->cwd = (char *)o->cwd;
	if (o->user) {
		r = spec_parse_user(o->user, &process->user.uid, &process->user.gid, err);
		if (r < 0)
			return r;
	}
	r = spec_merge_env(&process->env, &o->env, process->terminal, arena, &process->env);
	return r < 0 ? err_set(err, -r, "environment") : 0;
}

int spec_build(const struct spec_options *o, struct arena *arena, struct oci_spec **ret, struct err *err)
{
	struct oci_spec *spec;
	int r;

	r = o->bundle || o->config ? load_bundle(o, arena, &spec, err) : load_default(o, arena, &spec, err);
	if (r < 0)
		return r;
	filter_namespaces(spec->linux);
	for (size_t i = 0; i < spec->n_mounts; i++) {
		if (spec->mounts[i].source)
			spec->mounts[i].source = map_path(o, arena, spec->mounts[i].source);
	}
	spec->root_readonly |= o->readonly;
	if (o->hostname)
		spec->hostname = (char *)o->hostname;
	r = apply_process(o, arena, spec->process, err);
	if (r == 0)
		r = apply_resources(o, arena, spec->linux, err);
	if (r == 0)
		*ret = spec;
	return r;
}
