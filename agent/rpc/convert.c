/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/rpc/convert.h"

#include <errno.h>
#include <string.h>

#include "agent/shared_mounts.h"
#include "proto/pbmem.h"
#include "proto/pboci.h"

#define CONFIG_MAX (4 * PB_BUDGET) /* what a config may grow to; its request was bounded already */

static int no_memory(struct err *err)
{
	return err_set(err, ENOMEM, "copy the request");
}

/* A copy, or NULL for "": absent on the wire. */
static int copy_text(struct arena *arena, const char *text, char **ret)
{
	if (!text || !text[0])
		return 0;
	*ret = arena_strdup(arena, text);
	return *ret ? 0 : -ENOMEM;
}

static int copy_texts(struct arena *arena, size_t n, char **texts, struct oci_strings *ret)
{
	ret->v = arena_array(arena, n + 1, sizeof(*ret->v));
	if (!ret->v)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		ret->v[i] = arena_strdup(arena, texts[i]);
		if (!ret->v[i])
			return -ENOMEM;
	}
	ret->n = n;
	return 0;
}

static int copy_storage(struct arena *arena, const Grpc__Storage *s, struct storage_config *ret)
{
	int r = 0;

	r = r < 0 ? r : copy_text(arena, s->driver, &ret->driver);
	r = r < 0 ? r : copy_text(arena, s->source, &ret->source);
	r = r < 0 ? r : copy_text(arena, s->fstype, &ret->fstype);
	r = r < 0 ? r : copy_text(arena, s->mount_point, &ret->mount_point);
	r = r < 0 ? r : copy_texts(arena, s->n_driver_options, s->driver_options, &ret->driver_options);
	r = r < 0 ? r : copy_texts(arena, s->n_options, s->options, &ret->options);
	ret->shared = s->shared;
	if (s->fs_group) {
		ret->has_fs_group = true;
		ret->fs_group = s->fs_group->group_id;
		ret->fs_group_on_root_mismatch =
			s->fs_group->group_change_policy == TYPES__FSGROUP_CHANGE_POLICY__OnRootMismatch;
	}
	return r;
}

int rpc_storage_configs(struct arena *arena, size_t n, Grpc__Storage **storages, struct storage_config **ret,
                        size_t *ret_n)
{
	struct storage_config *copies = arena_array(arena, n, sizeof(*copies));

	if (!copies)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		int r = copy_storage(arena, storages[i], &copies[i]);

		if (r < 0)
			return r;
	}
	*ret = copies;
	*ret_n = n;
	return 0;
}

static int copy_device(struct arena *arena, const Grpc__Device *d, struct device_config *ret)
{
	int r = 0;

	r = r < 0 ? r : copy_text(arena, d->id, &ret->id);
	r = r < 0 ? r : copy_text(arena, d->type, &ret->type);
	r = r < 0 ? r : copy_text(arena, d->vm_path, &ret->vm_path);
	r = r < 0 ? r : copy_text(arena, d->container_path, &ret->container_path);
	return r < 0 ? r : copy_texts(arena, d->n_options, d->options, &ret->options);
}

static int copy_devices(struct container_config *config, const Grpc__CreateContainerRequest *req)
{
	int r = 0;

	config->devices = arena_array(&config->arena, req->n_devices, sizeof(*config->devices));
	if (!config->devices)
		return -ENOMEM;
	config->n_devices = req->n_devices;
	for (size_t i = 0; i < req->n_devices && r >= 0; i++)
		r = copy_device(&config->arena, req->devices[i], &config->devices[i]);
	return r;
}

static int copy_shared_mounts(struct container_config *config, const Grpc__CreateContainerRequest *req)
{
	struct arena *arena = &config->arena;

	config->shared_mounts = arena_array(arena, req->n_shared_mounts, sizeof(*config->shared_mounts));
	if (!config->shared_mounts)
		return -ENOMEM;
	for (size_t i = 0; i < req->n_shared_mounts; i++) {
		const Grpc__SharedMount *m = req->shared_mounts[i];
		struct shared_mount copy = { arena_strdup(arena, m->name), arena_strdup(arena, m->src_ctr),
			                     arena_strdup(arena, m->src_path), arena_strdup(arena, m->dst_ctr),
			                     arena_strdup(arena, m->dst_path) };

		if (!copy.name || !copy.src_ctr || !copy.src_path || !copy.dst_ctr || !copy.dst_path)
			return -ENOMEM;
		config->shared_mounts[i] = copy;
	}
	config->n_shared_mounts = req->n_shared_mounts;
	return 0;
}

static int fill_container(struct container_config *config, const Grpc__CreateContainerRequest *req, struct err *err)
{
	int r;

	config->sandbox_pidns = req->sandbox_pidns;
	config->id = arena_strdup(&config->arena, req->container_id);
	if (!config->id)
		return no_memory(err);
	r = rpc_storage_configs(&config->arena, req->n_storages, req->storages, &config->storages, &config->n_storages);
	r = r < 0 ? r : copy_devices(config, req);
	if (r < 0)
		return no_memory(err);
	if (copy_shared_mounts(config, req) < 0)
		return no_memory(err);
	r = pboci_spec_from_pb(&config->arena, req->oci, &config->spec, err);
	if (r < 0)
		return err_wrap(err, "create container '%s'", config->id);
	return 0;
}

int rpc_container_config(const Grpc__CreateContainerRequest *req, struct container_config **ret, struct err *err)
{
	struct container_config *config;
	int r;

	if (!req->oci)
		return err_set(err, EINVAL, "create container '%s': the request has no OCI spec", req->container_id);
	config = calloc(1, sizeof(*config));
	if (!config)
		return no_memory(err);
	arena_init(&config->arena, CONFIG_MAX);
	r = fill_container(config, req, err);
	if (r < 0) {
		container_config_free(config);
		return r;
	}
	*ret = config;
	return 0;
}

static int fill_exec(struct exec_config *config, const Grpc__ExecProcessRequest *req, const struct oci_spec *spec,
                     struct err *err)
{
	const struct oci_capabilities *own = spec && spec->process ? spec->process->capabilities : NULL;
	int r;

	config->id = arena_strdup(&config->arena, req->exec_id);
	if (!config->id)
		return no_memory(err);
	r = pboci_process_from_pb(&config->arena, req->process, &config->process, err);
	if (r < 0)
		return err_wrap(err, "exec '%s' in '%s'", req->exec_id, req->container_id);
	if (config->process->capabilities || !own)
		return 0;
	config->process->capabilities = arena_memdup(&config->arena, own, sizeof(*own));
	return config->process->capabilities ? 0 : no_memory(err);
}

int rpc_exec_config(const Grpc__ExecProcessRequest *req, const struct oci_spec *spec, struct exec_config **ret,
                    struct err *err)
{
	struct exec_config *config;
	int r;

	if (!req->process)
		return err_set(err, EINVAL, "exec '%s' in '%s': the request has no process", req->exec_id,
		               req->container_id);
	config = calloc(1, sizeof(*config));
	if (!config)
		return no_memory(err);
	arena_init(&config->arena, CONFIG_MAX);
	r = fill_exec(config, req, spec, err);
	if (r < 0) {
		exec_config_free(config);
		return r;
	}
	*ret = config;
	return 0;
}

static int copy_modules(struct arena *arena, const Grpc__CreateSandboxRequest *req, struct sandbox_config *config)
{
	config->modules = arena_array(arena, req->n_kernel_modules, sizeof(*config->modules));
	if (!config->modules)
		return -ENOMEM;
	for (size_t i = 0; i < req->n_kernel_modules; i++) {
		const Grpc__KernelModule *m = req->kernel_modules[i];
		struct module_config *copy = &config->modules[i];

		copy->name = arena_strdup(arena, m->name);
		if (!copy->name || copy_texts(arena, m->n_parameters, m->parameters, &copy->parameters) < 0)
			return -ENOMEM;
	}
	config->n_modules = req->n_kernel_modules;
	return 0;
}

static int fill_sandbox(struct sandbox_config *config, const Grpc__CreateSandboxRequest *req)
{
	struct arena *arena = &config->arena;
	int r = 0;

	r = r < 0 ? r : copy_text(arena, req->sandbox_id, &config->id);
	r = r < 0 ? r : copy_text(arena, req->hostname, &config->hostname);
	r = r < 0 ? r : copy_text(arena, req->guest_hook_path, &config->guest_hook_path);
	r = r < 0 ? r : copy_texts(arena, req->n_dns, req->dns, &config->dns);
	r = r < 0 ? r
	          : rpc_storage_configs(arena, req->n_storages, req->storages, &config->storages, &config->n_storages);
	r = r < 0 ? r : copy_modules(arena, req, config);
	return r;
}

int rpc_sandbox_config(const Grpc__CreateSandboxRequest *req, struct sandbox_config **ret, struct err *err)
{
	struct sandbox_config *config = calloc(1, sizeof(*config));

	if (!config)
		return no_memory(err);
	arena_init(&config->arena, CONFIG_MAX);
	if (fill_sandbox(config, req) < 0) {
		sandbox_config_free(config);
		return no_memory(err);
	}
	*ret = config;
	return 0;
}
