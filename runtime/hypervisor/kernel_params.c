/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hypervisor/kernel_params.h"

#include <inttypes.h>
#include <string.h>

#include "runtime/hypervisor/qemu_args.h"

/* What a guest without real hardware need not wait for. */
#define USUAL                                                                                                          \
	"tsc=reliable no_timer_check rcupdate.rcu_expedited=1 i8042.direct=1 i8042.dumbkbd=1 i8042.nopnp=1 "           \
	"i8042.noaux=1 "                                                                                               \
	"noreplace-smp reboot=k cryptomgr.notests net.ifnames=0 pci=lastbus=0"
#define SYSTEMD                                                                                                        \
	" systemd.unit=kata-containers.target systemd.mask=systemd-networkd.service "                                  \
	"systemd.mask=systemd-networkd.socket"

/* The image's first partition, on an NVDIMM that is used in place, or on a disk. */
static char *root(struct arena *arena, const struct vm_spec *vm)
{
	const struct config_hypervisor *c = vm->config;
	bool is_nvdimm = qemu_args_is_image_nvdimm(vm), is_ext4 = strcmp(c->rootfs_type, "ext4") == 0;
	const char *flags = is_ext4 ? "data=ordered,errors=remount-ro" : "";

	if (!*c->image)
		return arena_strdup(arena, "");
	return arena_printf(arena, " root=/dev/%s%s%s%s%s ro rootfstype=%s", is_nvdimm ? "pmem0p1" : "vda1",
	                    is_nvdimm || is_ext4 ? " rootflags=" : "", is_nvdimm ? "dax" : "",
	                    is_nvdimm && is_ext4 ? "," : "", flags, c->rootfs_type);
}

char *kernel_params(struct arena *arena, const struct vm_spec *vm)
{
	const struct config_hypervisor *c = vm->config;
	const char *root_words = root(arena, vm);
	const char *tsc = vm->tsc_khz > 0 ? arena_printf(arena, " tsc_early_khz=%" PRIu32, vm->tsc_khz) : "";

	if (!root_words || !tsc)
		return NULL;
	return arena_printf(arena,
	                    USUAL "%s console=hvc0 console=hvc1 %s panic=1 nr_cpus=%" PRId64
	                          " selinux=0%s scsi_mod.scan=none%s%s%s%s%s%s",
	                    root_words,
	                    c->enable_debug ? "debug systemd.show_status=true systemd.log_level=debug"
	                                    : "quiet systemd.show_status=false",
	                    c->default_maxvcpus, *c->image ? SYSTEMD : "", tsc,
	                    /* Ends when a real console comes, so it costs a healthy guest nothing. */
	                    qemu_args_has_early(vm) ? " earlyprintk=ttyS0" : "", *vm->extra_params ? " " : "",
	                    vm->extra_params, *c->kernel_params ? " " : "", c->kernel_params);
}
