/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hypervisor/qemu_args.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "runtime/hypervisor/disks.h"
#include "runtime/hypervisor/kernel_params.h"

#define WORDS_MAX            128
#define WORD_MAX             8192
#define VIRTIO_MEM_BLOCK_MIB 128

struct words {
	struct arena *arena;
	char **v;
	size_t n;
	bool failed; /* memory or room ran out */
};

static void add(struct words *w, const char *word)
{
	char *copy = w->n + 1 < WORDS_MAX ? arena_strdup(w->arena, word) : NULL;

	if (copy)
		w->v[w->n++] = copy;
	else
		w->failed = true;
}

/* An option and its formatted value. */
_printf_(3, 4) static void option(struct words *w, const char *name, const char *fmt, ...)
{
	char value[WORD_MAX];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	add(w, name);
	add(w, value);
	if (n < 0 || (size_t)n >= sizeof(value))
		w->failed = true;
}

/* What differs between QEMU's machines. */
struct machine {
	const char *type;
	const char *bus;  /* behind the names of its virtio devices */
	bool has_hotplug; /* of CPUs and memory: then there are spare sockets, slots and buses */
	bool has_nvdimm;
	void (*add_buses)(struct words *w, const struct vm_spec *vm);
};

static void add_pci_buses(struct words *w, const struct vm_spec *vm);

/* The daemons behind vhost-user know the modern kind of device only. */
static void add_mmio_buses(struct words *w, const struct vm_spec *vm)
{
	(void)vm;
	option(w, "-global", "virtio-mmio.force-legacy=%s", "false");
	/* Disks can be plugged into it, on a machine that has no other room. */
	add(w, "-device");
	add(w, "virtio-scsi-device,id=scsi0");
}

static const struct machine machines[] = {
	{ "q35", "pci", true, true, add_pci_buses },
	{ "virt", "pci", true, true, add_pci_buses },
	{ "microvm", "device", false, false, add_mmio_buses },
};

/* An unknown one is QEMU's to refuse, by name. */
static const struct machine *machine_of(const struct vm_spec *vm)
{
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++)
		if (strcmp(machines[i].type, vm->config->machine_type) == 0)
			return &machines[i];
	return &machines[0];
}

static bool is_micro(const struct vm_spec *vm)
{
	return !machine_of(vm)->has_hotplug;
}

/* "virtio-net-pci" on a machine with PCI, "virtio-net-device" on one without. */
static const char *bus(const struct vm_spec *vm)
{
	return machine_of(vm)->bus;
}

bool qemu_args_has_hotplug(const struct vm_spec *vm)
{
	return machine_of(vm)->has_hotplug;
}

unsigned qemu_args_count_disk_bridges(const struct vm_spec *vm)
{
	bool is_virtio = strcmp(vm->config->block_device_driver, "virtio-blk") == 0;

	return is_virtio && qemu_args_has_hotplug(vm) ? (unsigned)vm->config->default_bridges : 0;
}

/* By the PC's first serial port, which the others do not have. */
bool qemu_args_has_early(const struct vm_spec *vm)
{
	return vm->early_fd > 0 && strcmp(vm->config->machine_type, "virt") != 0;
}

bool qemu_args_is_image_nvdimm(const struct vm_spec *vm)
{
	return *vm->config->image && !vm->config->disable_image_nvdimm && machine_of(vm)->has_nvdimm;
}

/* vhost-user backends and virtiofsd map the guest's memory. */
static bool is_shared(const struct vm_spec *vm)
{
	return vm->share_socket || vm->vsock == VM_VSOCK_VHOST_USER;
}

static void add_machine(struct words *w, const struct vm_spec *vm)
{
	const struct config_hypervisor *c = vm->config;
	const char *model = *c->cpu_model ? c->cpu_model : vm->is_kvm ? "host" : "max";
	bool nvdimm = qemu_args_is_image_nvdimm(vm);

	option(w, "-machine", "%s,accel=%s,memory-backend=m0%s%s%s", c->machine_type, vm->is_kvm ? "kvm" : "tcg",
	       nvdimm ? ",nvdimm=on" : "", *c->machine_accelerators ? "," : "", c->machine_accelerators);
	/* Emulation has no such feature to switch off. */
	option(w, "-cpu", "%s%s%s", model, vm->is_kvm && *c->cpu_features ? "," : "",
	       vm->is_kvm ? c->cpu_features : "");
	option(w, "-smp", "%" PRId64 ",cores=1,threads=1,sockets=%" PRId64 ",maxcpus=%" PRId64, vm->vcpus,
	       is_micro(vm) ? vm->vcpus : c->default_maxvcpus, is_micro(vm) ? vm->vcpus : c->default_maxvcpus);
}

static void add_memory(struct words *w, const struct vm_spec *vm)
{
	const struct config_hypervisor *c = vm->config;
	/* Room for the slots, and for what virtio-mem and DIMMs align to. */
	int64_t most = c->default_maxmemory + 1024;

	if (is_micro(vm))
		option(w, "-m", "%" PRId64 "M", vm->memory_mib);
	else
		option(w, "-m", "%" PRId64 "M,slots=%" PRId64 ",maxmem=%" PRId64 "M", vm->memory_mib, c->memory_slots,
		       most > vm->memory_mib ? most : vm->memory_mib + 1024);
	if (c->enable_hugepages)
		option(w, "-object",
		       "memory-backend-file,id=m0,size=%" PRId64 "M,mem-path=/dev/hugepages,share=on,prealloc=on",
		       vm->memory_mib);
	else
		option(w, "-object", "memory-backend-memfd,id=m0,size=%" PRId64 "M,share=%s%s", vm->memory_mib,
		       is_shared(vm) ? "on" : "off", c->enable_mem_prealloc ? ",prealloc=on" : "");
}

static void add_console(struct words *w, const struct vm_spec *vm)
{
	option(w, "-chardev", "socket,id=charconsole0,path=%s/console.sock,server=on,wait=off", vm->dir);
	option(w, "-device", "virtio-serial-%s,id=serial0", bus(vm));
	option(w, "-device", "virtconsole,chardev=charconsole0,id=console0");
	/* The driver of the other may be a module of the initrd: who panics before that could not say so. */
	if (qemu_args_has_early(vm)) {
		option(w, "-chardev", "socket,id=charearly0,fd=%d", vm->early_fd);
		option(w, "-serial", "chardev:%s", "charearly0");
	}
}

static void add_vsock(struct words *w, const struct vm_spec *vm)
{
	if (vm->vsock == VM_VSOCK_VHOST) {
		option(w, "-device", "vhost-vsock-%s,vhostfd=%d,id=vsock0,guest-cid=%" PRIu32, bus(vm), vm->vsock_fd,
		       vm->vsock_cid);
		return;
	}
	option(w, "-chardev", "socket,id=charvsock0,path=%s", vm->vsock_socket);
	option(w, "-device", "vhost-user-vsock-%s,chardev=charvsock0,id=vsock0", bus(vm));
}

/* A bridge takes the hotplugged devices, so that they get addresses the agent can be told. */
static void add_pci_buses(struct words *w, const struct vm_spec *vm)
{
	const struct config_hypervisor *c = vm->config;

	for (int64_t i = 0; i < c->default_bridges; i++)
		option(w, "-device",
		       "pci-bridge,bus=pcie.0,id=pci-bridge-%" PRId64 ",chassis_nr=%" PRId64 ",shpc=off,addr=%" PRIx64
		       ",io-reserve=4k,mem-reserve=1m,pref64-reserve=1m",
		       i, i + 1, (uint64_t)(DISKS_BRIDGE_SLOT + i));
	if (c->enable_iothreads)
		option(w, "-object", "iothread,id=iothread0");
	option(w, "-device", "virtio-scsi-pci,id=scsi0%s", c->enable_iothreads ? ",iothread=iothread0" : "");
	if (c->enable_virtio_mem && c->default_maxmemory > vm->memory_mib) {
		option(w, "-object", "memory-backend-memfd,id=vmem0,size=%" PRId64 "M,share=%s",
		       (c->default_maxmemory - vm->memory_mib) / VIRTIO_MEM_BLOCK_MIB * VIRTIO_MEM_BLOCK_MIB,
		       is_shared(vm) ? "on" : "off");
		option(w, "-device", "virtio-mem-pci,id=virtiomem0,memdev=vmem0,requested-size=0");
	}
}

static void add_image(struct words *w, const struct vm_spec *vm)
{
	const struct config_hypervisor *c = vm->config;

	if (!*c->image)
		return;
	if (qemu_args_is_image_nvdimm(vm)) {
		option(w, "-object", "memory-backend-file,id=image0,mem-path=%s,size=%" PRId64 ",share=on,readonly=on",
		       c->image, vm->image_bytes);
		option(w, "-device", "nvdimm,id=nv0,memdev=image0,unarmed=on");
		return;
	}
	option(w, "-drive", "id=image0,file=%s,aio=%s,format=raw,if=none,readonly=on", c->image, c->block_device_aio);
	option(w, "-device", "virtio-blk-%s,drive=image0,share-rw=on,serial=kata-image", bus(vm));
}

/* QEMU opens its file by the number of the set that holds our fd. */
static void add_disk(struct words *w, const struct vm_spec *vm)
{
	const struct vm_disk *d = &vm->disk;

	if (d->fd <= 0)
		return;
	option(w, "-add-fd", "fd=%d,set=%d", d->fd, d->fd);
	option(w, "-blockdev",
	       "driver=raw,node-name=disk0,read-only=%s,file.driver=%s,file.filename=/dev/fdset/%d,file.aio=%s",
	       d->read_only ? "on" : "off", d->is_device ? "host_device" : "file", d->fd, vm->config->block_device_aio);
	if (is_micro(vm))
		option(w, "-device", "virtio-blk-device,drive=disk0,share-rw=on,serial=kata-root");
	else
		option(w, "-device", "virtio-blk-pci,drive=disk0,share-rw=on,serial=kata-root,bus=pcie.0,addr=%x",
		       VM_DISK_SLOT);
}

static void add_nics(struct words *w, const struct vm_spec *vm)
{
	for (size_t i = 0; i < vm->n_nics; i++) {
		const struct vm_nic *nic = &vm->nics[i];

		if (nic->tap_fd < 0)
			option(w, "-netdev", "user,id=network-%zu", i);
		else if (nic->vhost_fd < 0)
			option(w, "-netdev", "tap,id=network-%zu,fd=%d", i, nic->tap_fd);
		else
			option(w, "-netdev", "tap,id=network-%zu,fd=%d,vhost=on,vhostfd=%d", i, nic->tap_fd,
			       nic->vhost_fd);
		if (is_micro(vm))
			option(w, "-device", "virtio-net-device,netdev=network-%zu,mac=%s", i, nic->mac);
		else
			option(w, "-device", "virtio-net-pci,netdev=network-%zu,mac=%s,romfile=,bus=pcie.0,addr=%zx", i,
			       nic->mac, VM_NIC_SLOT + i);
	}
}

static void add_boot(struct words *w, const struct vm_spec *vm)
{
	const struct config_hypervisor *c = vm->config;
	const char *params = kernel_params(w->arena, vm);

	option(w, "-kernel", "%s", c->kernel);
	if (*c->initrd)
		option(w, "-initrd", "%s", c->initrd);
	else if (*c->boot_initrd)
		option(w, "-initrd", "%s", c->boot_initrd);
	option(w, "-append", "%s", params ? params : "");
	if (!params)
		w->failed = true;
	if (*c->firmware)
		option(w, "-bios", "%s", c->firmware);
}

/* A comma in a path would begin another property. */
static int check_paths(const struct vm_spec *vm, struct err *err)
{
	const char *const paths[] = { vm->dir, vm->share_socket, vm->vsock_socket, vm->config->image };

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		if (paths[i] && strchr(paths[i], ','))
			return err_say(err, EINVAL, "make QEMU's command line: '%s' has a comma", paths[i]);
	return 0;
}

char **qemu_args(struct arena *arena, const struct vm_spec *vm, struct err *err)
{
	struct words w = { .arena = arena, .v = arena_array(arena, WORDS_MAX, sizeof(char *)) };
	const struct config_hypervisor *c = vm->config;

	if (check_paths(vm, err) < 0)
		return NULL;
	if (!w.v) {
		(void)err_set(err, ENOMEM, "make QEMU's command line");
		return NULL;
	}
	add(&w, c->path);
	option(&w, "-name", "sandbox-%s,debug-threads=on", vm->id);
	add_machine(&w, vm);
	option(&w, "-qmp", "unix:fd=%d,server=on,wait=off", vm->qmp_fd);
	add_memory(&w, vm);
	machine_of(vm)->add_buses(&w, vm);
	add_console(&w, vm);
	add_image(&w, vm);
	option(&w, "-object", "rng-random,id=rng0,filename=%s", c->entropy_source);
	option(&w, "-device", "virtio-rng-%s,rng=rng0", bus(vm));
	add_vsock(&w, vm);
	if (vm->share_socket) {
		option(&w, "-chardev", "socket,id=charshare0,path=%s", vm->share_socket);
		option(&w, "-device", "vhost-user-fs-%s,chardev=charshare0,tag=kataShared,queue-size=1024", bus(vm));
	}
	add_disk(&w, vm);
	add_nics(&w, vm);
	option(&w, "-rtc", "base=utc,driftfix=slew,clock=host");
	add(&w, "-vga");
	add(&w, "none");
	add(&w, "-no-user-config");
	add(&w, "-nodefaults");
	add(&w, "-nographic");
	add(&w, "-no-reboot");
	if (!c->disable_seccomp && *c->seccompsandbox)
		option(&w, "-sandbox", "%s", c->seccompsandbox);
	add_boot(&w, vm);
	if (w.failed) {
		(void)err_set(err, ENOMEM, "make QEMU's command line");
		return NULL;
	}
	return w.v;
}
