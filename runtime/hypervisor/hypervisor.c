/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hypervisor/hypervisor.h"

#include "runtime/hypervisor/qemu.h"

/* The configuration knows no other. */
static const struct hypervisor_ops *const kind = &qemu_ops;

int hypervisor_start(struct loop *loop, const struct hypervisor_spec *spec, hypervisor_gone gone, void *arg,
                     struct hypervisor **ret, struct err *err)
{
	return kind->start(loop, spec, gone, arg, ret, err);
}

int hypervisor_name_disk(const struct vm_spec *vm, struct arena *arena, const char **driver, const char **source)
{
	return kind->name_disk(vm, arena, driver, source);
}

int hypervisor_resize(struct hypervisor *h, const struct hotplug_size *want, hotplug_fn fn, void *arg)
{
	return h->ops->resize(h, want, fn, arg);
}

int hypervisor_plug(struct hypervisor *h, const struct disks_spec *disk, disks_fn fn, void *arg)
{
	return h->ops->plug(h, disk, fn, arg);
}

int hypervisor_unplug(struct hypervisor *h, int slot, disks_fn fn, void *arg)
{
	return h->ops->unplug(h, slot, fn, arg);
}

int hypervisor_name_plugged(const struct hypervisor *h, int slot, struct arena *arena, const char **driver,
                            const char **source)
{
	return h->ops->name_plugged(h, slot, arena, driver, source);
}

void hypervisor_quit(struct hypervisor *h)
{
	h->ops->quit(h);
}

void hypervisor_kill(struct hypervisor *h)
{
	h->ops->kill(h);
}

pid_t hypervisor_pid(const struct hypervisor *h)
{
	return h->ops->pid(h);
}

bool hypervisor_is_running(const struct hypervisor *h)
{
	return h && h->ops->is_running(h);
}

const char *hypervisor_agent(const struct hypervisor *h)
{
	return h->ops->agent(h);
}

int hypervisor_list(const struct hypervisor *h, struct json_object *array)
{
	return h->ops->list(h, array);
}

int hypervisor_explain(const struct hypervisor *h, struct err *err)
{
	return h->ops->explain(h, err);
}

const char *hypervisor_panic(const struct hypervisor *h)
{
	return h->ops->panic(h);
}

struct hypervisor *hypervisor_free(struct hypervisor *h)
{
	if (h)
		h->ops->free(h);
	return NULL;
}
