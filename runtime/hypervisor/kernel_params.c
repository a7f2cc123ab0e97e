/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hypervisor/kernel_params.h"

#include <inttypes.h>
#include <string.h>

/* What a guest without real hardware need not wait for. */
#define USUAL                                                                                                          \
	"tsc=reliable no_timer_check rcupdate.rcu_expedited=1 i8042.direct=1 i8042.dumbkbd=1 i8042.nopnp=1 "           \
	"i8042.noaux=1 "                                                                                               \
	"noreplace-smp reboot=k cryptomgr.notests net.ifnames=0 pci=lastbus=0"
#define SYSTEMD                                                                                                        \
	" systemd.unit=kata-containers.target systemd.mask=systemd-networkd.service "                                  \
	"systemd.mask=systemd-networkd.socket"

static const char *root(const struct config_hypervisor *c)
{
	if (!*c->image)
		return "";
	if (strcmp(c->rootfs_type, "erofs") == 0)
		return c->disable_image_nvdimm ? " root=/dev/vda1 ro rootfstype=erofs"
		                               : " root=/dev/pmem0p1 rootflags=dax ro rootfstype=erofs";
	if (strcmp(c->rootfs_type, "xfs") == 0)
		return c->disable_image_nvdimm ? " root=/dev/vda1 ro rootfstype=xfs"
		                               : " root=/dev/pmem0p1 rootflags=dax ro rootfstype=xfs";
	return c->disable_image_nvdimm
	               ? " root=/dev/vda1 rootflags=data=ordered,errors=remount-ro ro rootfstype=ext4"
	               : " root=/dev/pmem0p1 rootflags=dax,data=ordered,errors=remount-ro ro rootfstype=ext4";
}

char *kernel_params(struct arena *arena, const struct vm_spec *vm)
{
	const struct config_hypervisor *c = vm->config;

	return arena_printf(arena,
	                    USUAL "%s console=hvc0 console=hvc1 %s panic=1 nr_cpus=%" PRId64
	                          " selinux=0%s scsi_mod.scan=none%s%s%s%s",
	                    root(c),
	                    c->enable_debug ? "debug systemd.show_status=true systemd.log_level=debug"
	                                    : "quiet systemd.show_status=false",
	                    c->default_maxvcpus, *c->image ? SYSTEMD : "", *vm->extra_params ? " " : "",
	                    vm->extra_params, *c->kernel_params ? " " : "", c->kernel_params);
}
