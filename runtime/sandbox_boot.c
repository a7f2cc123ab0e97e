/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/sys.h"
#include "proto/agent.pb-c.h"
#include "runtime/hypervisor/patience.h"
#include "runtime/hypervisor/vhost_vsock.h"
#include "runtime/sandbox.h"
#include "runtime/sizing.h"

#define AGENT_PORT 1024
/* What kernels want memory to come in; a guest that starts with whole ones can be given more of them. */
#define GUEST_BLOCK_MIB 128

/* A microvm has nothing to plug into. */
static bool is_fixed_size(const struct sandbox *sb)
{
	return sb->config.runtime.static_sandbox_resource_mgmt ||
	       strcmp(sb->config.hypervisor.machine_type, "microvm") == 0;
}

/* With nothing to plug in later, what the pod's annotations say counts. */
static int find_size(const struct sandbox *sb, const struct oci_spec *spec, struct sizing_result *ret, struct err *err)
{
	const struct config_hypervisor *h = &sb->config.hypervisor;
	const struct sizing_demand demand = sizing_demand_of(spec->linux->resources);
	struct annotation_size pod;
	int r = annotation_size(&spec->annotations, &pod, err);

	if (r < 0)
		return r;
	*ret = is_fixed_size(sb) ? sizing_static(h, &pod, &demand) : sizing_for(h, &demand, 1, GUEST_BLOCK_MIB);
	return 0;
}

/* Words for the guest's kernel and agent; in the configuration's arena. */
static const char *find_params(struct sandbox *sb)
{
	const struct config_agent *a = &sb->config.agent;

	return arena_printf(&sb->config.arena, "%s%s%s",
	                    /* What was plugged in can be taken out again only if nothing of the kernel's lies in it. */
	                    is_fixed_size(sb) ? "" : "memhp_default_state=online_movable ",
	                    a->enable_debug ? "agent.log=debug " : "",
	                    a->debug_console_enabled ? "agent.debug_console agent.debug_console_vport=1026 " : "");
}

/* The configured program, or the first of the usual places that has it. */
static const char *find_program(const char *configured, const char *const *places)
{
	if (configured && *configured)
		return configured;
	while (*places && access(*places, X_OK) < 0)
		places++;
	return *places;
}

static int fill_vm(struct sandbox *sb, const struct oci_spec *spec, struct hypervisor_spec *q, struct err *err)
{
	static const char *const virtiofsds[] = { "/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd", NULL };
	static const char *const vsocks[] = { "/usr/libexec/vhost-device-vsock", "/usr/bin/vhost-device-vsock", NULL };
	const struct config_hypervisor *h = &sb->config.hypervisor;
	struct sizing_result size;
	bool is_shared = strcmp(h->shared_fs, "none") != 0;
	struct stat st;
	int r = find_size(sb, spec, &size, err);

	if (r < 0)
		return r;
	if (is_shared)
		q->virtiofsd = find_program(h->virtio_fs_daemon, virtiofsds);
	if (is_shared && !q->virtiofsd)
		return err_say(err, ENOENT, "find virtiofsd: it is in none of its places, set virtio_fs_daemon");
	q->vm.vsock = vhost_vsock_is_wanted(h->vsock_backend) ? VM_VSOCK_VHOST : VM_VSOCK_VHOST_USER;
	if (q->vm.vsock == VM_VSOCK_VHOST_USER)
		q->vsock_daemon = find_program(h->vhost_user_vsock_daemon, vsocks);
	if (q->vm.vsock == VM_VSOCK_VHOST_USER && !q->vsock_daemon)
		return err_say(err, ENOENT,
		               "find vhost-device-vsock: it is in none of its places, set "
		               "vhost_user_vsock_daemon (or vsock_backend = \"vhost\" and load vhost_vsock)");
	q->boot_ms = (unsigned)sb->config.agent.dial_timeout * 1000;
	q->vm.id = sb->id;
	q->vm.dir = sb->dir;
	q->vm.config = h;
	q->vm.is_kvm = sb->is_kvm;
	q->vm.vcpus = size.vcpus;
	q->vm.memory_mib = size.memory_mib;
	q->vm.image_bytes = *h->image && stat(h->image, &st) == 0 ? st.st_size : 0;
	q->vm.disk = (struct vm_disk){ sb->root_disk.fd > 0 ? sb->root_disk.fd : 0, sb->root_disk.is_device,
		                       sb->root_disk.read_only };
	q->agent_port = AGENT_PORT;
	q->vm.extra_params = find_params(sb);
	if (!q->vm.extra_params)
		return err_set(err, ENOMEM, "boot sandbox '%s'", sb->id);
	resize_started(&sb->resize, &size, is_fixed_size(sb));
	return 0;
}

static Grpc__Storage *storage(struct arena *arena, const char *driver, const char *source, const char *type,
                              const char *target)
{
	Grpc__Storage *s = arena_alloc(arena, sizeof(*s));

	if (!s)
		return NULL;
	grpc__storage__init(s);
	s->driver = (char *)driver;
	s->source = (char *)source;
	s->fstype = (char *)type;
	s->mount_point = (char *)target;
	return s;
}

struct booting {
	bool is_done;
	struct err err;
};

static void on_sandbox_created(void *arg, struct client_reply *reply)
{
	struct booting *b = arg;

	b->is_done = true;
	(void)agentlink_check(reply, "create", "sandbox", &b->err);
}

/* "e1000 debug=1 x=2": a name and its parameters. */
static int add_modules(const struct sandbox *sb, struct arena *arena, Grpc__CreateSandboxRequest *request)
{
	const struct config_list *names = &sb->config.agent.kernel_modules;
	Grpc__KernelModule **modules = arena_array(arena, names->n + 1, sizeof(*modules));

	if (!modules)
		return -ENOMEM;
	for (size_t i = 0; i < names->n; i++) {
		char *text = arena_strdup(arena, names->v[i]), *rest = text;
		char **words = arena_array(arena, strlen(names->v[i]) / 2 + 2, sizeof(*words));
		size_t n = 0;

		modules[i] = arena_alloc(arena, sizeof(*modules[i]));
		if (!text || !words || !modules[i])
			return -ENOMEM;
		grpc__kernel_module__init(modules[i]);
		for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
			words[n++] = word;
		if (n == 0)
			continue;
		modules[i]->name = words[0];
		modules[i]->parameters = words + 1;
		modules[i]->n_parameters = n - 1;
	}
	request->kernel_modules = modules;
	request->n_kernel_modules = names->n;
	return 0;
}

/* The only call that is waited for: nothing else can be served before. */
static int create_in_agent(struct sandbox *sb, const struct oci_spec *spec, struct err *err)
{
	static char *shm_options[] = { (char *)"noexec", (char *)"nosuid", (char *)"nodev", (char *)"mode=1777",
		                       (char *)"size=67108864" };
	Grpc__CreateSandboxRequest request = GRPC__CREATE_SANDBOX_REQUEST__INIT;
	_autoarena_ struct arena arena = { .max = 0 };
	struct booting b = { .err = ERR_INIT };
	Grpc__Storage *storages[2] = {
		storage(&arena, "virtio-fs", "kataShared", "virtiofs", GUEST_SHARE "/"),
		storage(&arena, "ephemeral", "shm", "tmpfs", GUEST_SHM),
	};
	bool is_shared = strcmp(sb->config.hypervisor.shared_fs, "none") != 0;
	int r;

	if (!storages[0] || !storages[1] || add_modules(sb, &arena, &request) < 0)
		return err_set(err, ENOMEM, "create the agent's sandbox");
	storages[1]->options = shm_options;
	storages[1]->n_options = ARRAY_SIZE(shm_options);
	request.sandbox_id = (char *)sb->id;
	request.hostname = (char *)(spec->hostname && *spec->hostname ? spec->hostname : sb->id);
	/* Without a share the first one stays out. */
	request.storages = storages + (is_shared ? 0 : 1);
	request.n_storages = ARRAY_SIZE(storages) - (is_shared ? 0 : 1);
	request.dns = sb->dns;
	request.n_dns = sb->n_dns;
	request.guest_hook_path = sb->config.hypervisor.guest_hook_path;
	r = agentlink_call(&sb->link, "CreateSandbox", &request.base, patience_for_call(0, sb->boot_ms),
	                   on_sandbox_created, &b);
	if (r < 0)
		return err_set(err, -r, "create the agent's sandbox");
	while (!b.is_done && hypervisor_is_running(sb->vm))
		(void)loop_turn(sb->loop, 1000);
	if (!b.is_done)
		(void)err_say(&b.err, EIO, "create the agent's sandbox: the VM has gone");
	return b.err.num != 0 ? err_copy(err, &b.err) : 0;
}

int sandbox_boot(struct sandbox *sb, const struct oci_spec *spec, struct err *err)
{
	struct hypervisor_spec q = { .share_dir = NULL };
	_autofree_ char *share = NULL;
	int64_t begin;
	int r;

	if (asprintf(&share, "%s/shared", sb->dir) < 0)
		return err_set(err, ENOMEM, "boot sandbox '%s'", sb->id);
	q.share_dir = share;
	q.is_up = agentlink_probe;
	q.netns = sb->network.netns;
	network_fill(&sb->network, &q.vm);
	r = fill_vm(sb, spec, &q, err);
	/* Before anything runs, for children are born where we are; and saved, so that somebody else can remove it. */
	if (r == 0)
		r = hostcgroup_open(&sb->cgroups, spec->linux, sb->id, sb->config.runtime.sandbox_cgroup_only, err);
	sandbox_save(sb);
	begin = sys_now_ms();
	if (r == 0)
		r = hypervisor_start(sb->loop, &q, sandbox_vm_gone, sb, &sb->vm, err);
	sb->boot_ms = (unsigned)(sys_now_ms() - begin);
	/* QEMU holds it now. */
	sb->root_disk.fd = fd_close(sb->root_disk.fd);
	if (r < 0)
		return r;
	network_release_fds(&sb->network);
	/* From here on somebody else could clean up after us. */
	sandbox_save(sb);
	r = hostcgroup_add_vmm(&sb->cgroups, hypervisor_pid(sb->vm), err);
	if (r < 0)
		return r;
	r = agentlink_open(&sb->link, sb->loop, hypervisor_agent(sb->vm),
	                   patience_for_call(sb->config.agent.dial_timeout, sb->boot_ms), err);
	if (r < 0)
		return hypervisor_explain(sb->vm, err);
	r = sandbox_tell_network(sb, err);
	if (r == 0)
		r = create_in_agent(sb, spec, err);
	sb->is_booted = r == 0;
	if (r == 0)
		sandbox_watch_ooms(sb);
	return r;
}
