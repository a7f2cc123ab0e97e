/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/jsontext.h"
#include "runtime/command.h"
#include "runtime/configload.h"
#include "runtime/helper.h"
#include "runtime/hypervisor/vhost_vsock.h"
#include "runtime/kvm.h"

#define FORMAT     "1.0.27" /* upstream's, whose names these are */
#define VERSION_MS 10000

struct env_options {
	bool json;
};

static const struct flag options[] = {
	{ "json", 0, FLAG_BOOL, offsetof(struct env_options, json), "as JSON instead of TOML" },
	{ 0 },
};

static void add_text(struct json_object *table, const char *name, const char *text)
{
	(void)jsontext_add(table, name, json_object_new_string(text ? text : ""));
}

static void add_bool(struct json_object *table, const char *name, bool value)
{
	(void)jsontext_add(table, name, json_object_new_boolean(value));
}

static struct json_object *add_table(struct json_object *table, const char *name)
{
	struct json_object *inner = json_object_new_object();

	return jsontext_add(table, name, inner) == 0 ? inner : NULL;
}

static void add_list(struct json_object *table, const char *name, char *const *v, size_t n)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < n; i++)
		(void)jsontext_append(list, json_object_new_string(v[i]));
	(void)jsontext_add(table, name, list);
}

/* The first line that the program says to --version. */
static void add_version(struct json_object *table, const char *program)
{
	char *argv[] = { (char *)program, (char *)"--version", NULL };
	_autobuf_ struct buf out = { .max = 65536 };

	if (helper_run(argv, VERSION_MS, &out, NULL) == 0)
		(void)jsontext_add(table, "Version",
		                   json_object_new_string_len(buf_str(&out), (int)strcspn(buf_str(&out), "\n")));
	else
		add_text(table, "Version", "unknown");
}

static void add_runtime(struct json_object *all, const struct config *c, const struct configfile *file)
{
	struct json_object *runtime = add_table(all, "Runtime"), *inner;
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	path[n > 0 ? n : 0] = '\0';
	add_text(runtime, "Path", path);
	add_bool(runtime, "Debug", c->runtime.enable_debug);
	add_bool(runtime, "DisableGuestSeccomp", c->runtime.disable_guest_seccomp);
	add_bool(runtime, "DisableNewNetNs", c->runtime.disable_new_netns);
	add_bool(runtime, "SandboxCgroupOnly", c->runtime.sandbox_cgroup_only);
	add_bool(runtime, "StaticSandboxResourceMgmt", c->runtime.static_sandbox_resource_mgmt);
	add_text(runtime, "InterNetworkModel", c->runtime.internetworking_model);
	inner = add_table(runtime, "Config");
	add_text(inner, "Path", file->real);
	add_list(inner, "DropIns", file->dropins, file->n_dropins);
	add_list(inner, "UnusedKeys", c->unused.v, c->unused.n);
	add_list(inner, "UnknownKeys", c->unknown.v, c->unknown.n);
	inner = add_table(runtime, "Version");
	add_text(inner, "Semver", KATA_VERSION);
	add_text(inner, "OCI", "1.2.0");
}

/* What "auto" comes to; who may not find out by booting a guest sees what somebody else found. */
static void add_accel(struct json_object *table, const struct config_hypervisor *h)
{
	bool is_auto = strcmp(h->accel, "auto") == 0;
	int verdict = !is_auto ? strcmp(h->accel, "kvm") == 0 : geteuid() == 0 ? kvm_is_wanted(h) : kvm_recall(h);
	const char *why = verdict > 0 ? "a guest boots with KVM here" : "no guest boots with KVM here";

	if (!is_auto)
		why = "it is configured";
	else if (verdict < 0)
		why = "nobody has tried yet to boot a guest with KVM: kata-runtime check, as root, does";
	else if (verdict == 0 && access("/dev/kvm", R_OK | W_OK) < 0)
		why = "/dev/kvm does not open";
	add_text(table, "Accel", h->accel);
	add_text(table, "AccelUsed", verdict < 0 ? "unknown" : verdict ? "kvm" : "tcg");
	add_text(table, "AccelReason", why);
}

static void add_vsock(struct json_object *table, const struct config_hypervisor *h)
{
	bool is_vhost = vhost_vsock_is_wanted(h->vsock_backend);

	add_text(table, "VsockBackend", h->vsock_backend);
	add_text(table, "VsockBackendUsed", is_vhost ? "vhost" : "vhost-user");
	add_text(table, "VsockBackendReason",
	         strcmp(h->vsock_backend, "auto") != 0 ? "it is configured"
	         : is_vhost                            ? "/dev/vhost-vsock opens"
	                                               : "/dev/vhost-vsock does not open");
	add_text(table, "VsockDaemon", h->vhost_user_vsock_daemon);
}

static void add_hypervisor(struct json_object *all, const struct runtime *rt, const struct config *c)
{
	const struct config_hypervisor *h = &c->hypervisor;
	struct json_object *table = add_table(all, "Hypervisor");
	char socket[4096];

	add_version(table, h->path);
	add_text(table, "Path", h->path);
	add_text(table, "MachineType", h->machine_type);
	add_accel(table, h);
	add_vsock(table, h);
	add_text(table, "SharedFS", h->shared_fs);
	add_text(table, "VirtioFSDaemon", h->virtio_fs_daemon);
	add_text(table, "BlockDeviceDriver", h->block_device_driver);
	add_text(table, "EntropySource", h->entropy_source);
	/* {ID} is the sandbox's. */
	(void)snprintf(socket, sizeof(socket), "%s/{ID}/vsock.sock", rt->root);
	add_text(table, "SocketPath", socket);
	add_bool(table, "Debug", h->enable_debug);
	(void)jsontext_add(table, "DefaultVCPUs", json_object_new_double(h->default_vcpus));
	(void)jsontext_add(table, "MaxVCPUs", json_object_new_int64(h->default_maxvcpus));
	(void)jsontext_add(table, "DefaultMemory", json_object_new_int64(h->default_memory));
	(void)jsontext_add(table, "MaxMemory", json_object_new_int64(h->default_maxmemory));
	add_list(table, "EnableAnnotations", h->enable_annotations.v, h->enable_annotations.n);
}

static void add_guest(struct json_object *all, const struct config *c)
{
	struct json_object *table = add_table(all, "Kernel");

	add_text(table, "Path", c->hypervisor.kernel);
	add_text(table, "Parameters", c->hypervisor.kernel_params);
	add_text(add_table(all, "Image"), "Path", c->hypervisor.image);
	add_text(add_table(all, "Initrd"), "Path", c->hypervisor.initrd);
	table = add_table(all, "Agent");
	add_bool(table, "Debug", c->agent.enable_debug);
	add_bool(table, "DebugConsole", c->agent.debug_console_enabled);
	add_list(table, "KernelModules", c->agent.kernel_modules.v, c->agent.kernel_modules.n);
}

/* The value of a line "key<separator>value" of a file, without quotes; "unknown" if there is none. */
static void add_line(struct json_object *table, const char *name, const char *path, const char *key)
{
	_autofree_ char *text = NULL;
	char *line, *value, *end;

	if (fd_read_file_at(AT_FDCWD, path, 1 << 20, &text, NULL) < 0 || !(line = strstr(text, key))) {
		add_text(table, name, "unknown");
		return;
	}
	value = line + strlen(key);
	value += strspn(value, "\t :=\"");
	end = value + strcspn(value, "\"\n");
	*end = '\0';
	add_text(table, name, value);
}

static void add_host(struct json_object *all)
{
	struct json_object *host = add_table(all, "Host"), *inner;
	const struct config_host figures = config_host_now();
	struct utsname name;

	if (uname(&name) == 0) {
		add_text(host, "Kernel", name.release);
		add_text(host, "Architecture", name.machine);
	}
	add_bool(host, "KVMOpens", access("/dev/kvm", R_OK | W_OK) == 0);
	add_bool(host, "VhostVsockOpens", access("/dev/vhost-vsock", R_OK | W_OK) == 0);
	inner = add_table(host, "Distro");
	add_line(inner, "Name", "/etc/os-release", "PRETTY_NAME");
	inner = add_table(host, "CPU");
	add_line(inner, "Vendor", "/proc/cpuinfo", "vendor_id");
	add_line(inner, "Model", "/proc/cpuinfo", "model name");
	(void)jsontext_add(inner, "CPUs", json_object_new_int64(figures.cpus));
	inner = add_table(host, "Memory");
	(void)jsontext_add(inner, "TotalMiB", json_object_new_int64(figures.memory_mib));
}

/* TOML wants a table's own values before its inner tables; JSON's strings, numbers and lists are TOML's too. */
static void print_toml(struct json_object *table, const char *path) // NOLINT(misc-no-recursion)
{
	json_object_object_foreach(table, name, value)
	{
		if (!json_object_is_type(value, json_type_object))
			(void)printf("%s = %s\n", name,
			             json_object_to_json_string_ext(value, JSON_C_TO_STRING_NOSLASHESCAPE));
	}
	json_object_object_foreach(table, key, inner)
	{
		char full[128];

		if (!json_object_is_type(inner, json_type_object))
			continue;
		(void)snprintf(full, sizeof(full), "%s%s%s", path, *path ? "." : "", key);
		(void)printf("\n[%s]\n", full);
		print_toml(inner, full);
	}
}

static int run(const struct runtime *rt, void *arg, int argc, char **argv, struct err *err)
{
	const struct env_options *o = arg;
	_autoconfigfile_ struct configfile file = { .path = NULL };
	_autoconfig_ struct config c = { .arena = { .max = 0 } };
	_autojson_ struct json_object *all = json_object_new_object();
	int r = configload(rt->config, NULL, &file, &c, err);

	(void)argc;
	(void)argv;
	if (r < 0)
		return r;
	add_text(add_table(all, "Meta"), "Version", FORMAT);
	add_runtime(all, &c, &file);
	add_hypervisor(all, rt, &c);
	add_guest(all, &c);
	add_host(all);
	if (o->json)
		(void)puts(
			json_object_to_json_string_ext(all, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	else
		print_toml(all, "");
	return 0;
}

const struct command cmd_env = {
	"env", "", "what the runtime would use here", 0, 0, options, sizeof(struct env_options), run,
};
