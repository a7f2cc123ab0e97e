/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hypervisor/qemu_args.h"

#include <errno.h>
#include <string.h>

#include "tests/lib/unit.h"

struct fixture {
	struct arena arena;
	struct config config;
	struct vm_spec vm;
};

static int setup(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));

	arena_init(&f->arena, 0);
	assert_int_equal(config_init(&f->config, NULL), 0);
	assert_int_equal(config_set(&f->config, "hypervisor", "kernel", "/k", NULL), 0);
	assert_int_equal(config_set(&f->config, "hypervisor", "initrd", "/i", NULL), 0);
	f->config.hypervisor.default_maxvcpus = 4;
	f->config.hypervisor.default_maxmemory = 8192;
	f->vm = (struct vm_spec){ .id = "web",
		                  .dir = "/run/web",
		                  .config = &f->config.hypervisor,
		                  .vcpus = 1,
		                  .memory_mib = 2048,
		                  .vsock = VM_VSOCK_VHOST_USER,
		                  .vsock_socket = "/run/web/v",
		                  .qmp_fd = 5,
		                  .extra_params = "" };
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	config_done(&f->config);
	arena_done(&f->arena);
	test_free(f);
	return 0;
}

/* All words with a blank between them. */
static const char *command_line(struct fixture *f)
{
	char **argv = qemu_args(&f->arena, &f->vm, NULL);
	char *line = arena_strdup(&f->arena, "");

	assert_non_null(argv);
	for (size_t i = 0; argv[i]; i++)
		line = arena_printf(&f->arena, "%s%s%s", line, i ? " " : "", argv[i]);
	return line;
}

static void the_whole_line_for_a_plain_machine(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(
		command_line(f),
		"/usr/bin/qemu-system-x86_64 -name sandbox-web,debug-threads=on -machine "
		"q35,accel=tcg,memory-backend=m0 -cpu max "
		"-smp 1,cores=1,threads=1,sockets=4,maxcpus=4 -qmp unix:fd=5,server=on,wait=off -m "
		"2048M,slots=10,maxmem=9216M "
		"-object memory-backend-memfd,id=m0,size=2048M,share=on "
		"-device "
		"pci-bridge,bus=pcie.0,id=pci-bridge-0,chassis_nr=1,shpc=off,addr=2,io-reserve=4k,mem-reserve=1m,"
		"pref64-reserve=1m -device virtio-scsi-pci,id=scsi0 "
		"-chardev socket,id=charconsole0,path=/run/web/console.sock,server=on,wait=off "
		"-device virtio-serial-pci,id=serial0 -device virtconsole,chardev=charconsole0,id=console0 "
		"-object rng-random,id=rng0,filename=/dev/urandom -device virtio-rng-pci,rng=rng0 "
		"-chardev socket,id=charvsock0,path=/run/web/v -device "
		"vhost-user-vsock-pci,chardev=charvsock0,id=vsock0 "
		"-rtc base=utc,driftfix=slew,clock=host -vga none -no-user-config -nodefaults -nographic -no-reboot "
		"-sandbox on,obsolete=deny,elevateprivileges=deny,resourcecontrol=deny -kernel /k -initrd /i "
		"-append tsc=reliable no_timer_check rcupdate.rcu_expedited=1 i8042.direct=1 i8042.dumbkbd=1 "
		"i8042.nopnp=1 "
		"i8042.noaux=1 noreplace-smp reboot=k cryptomgr.notests net.ifnames=0 pci=lastbus=0 console=hvc0 "
		"console=hvc1 quiet "
		"systemd.show_status=false panic=1 nr_cpus=4 selinux=0 scsi_mod.scan=none");
}

static void settings_show_in_the_line(void **state)
{
	static const struct {
		const char *key, *value, *expected;
	} table[] = {
		{ "machine_type", "microvm", "-device vhost-user-vsock-device,chardev=charvsock0" },
		{ "machine_type", "microvm", "-smp 1,cores=1,threads=1,sockets=1,maxcpus=1" },
		{ "machine_type", "microvm", "-global virtio-mmio.force-legacy=false" },
		{ "machine_accelerators", "kernel_irqchip=split",
		  "-machine q35,accel=tcg,memory-backend=m0,kernel_irqchip=split" },
		{ "cpu_model", "EPYC", "-cpu EPYC" },
		{ "default_bridges", "2", "id=pci-bridge-1,chassis_nr=2,shpc=off,addr=3" },
		{ "enable_hugepages", "true", "mem-path=/dev/hugepages,share=on,prealloc=on" },
		{ "enable_mem_prealloc", "true", "size=2048M,share=on,prealloc=on" },
		{ "enable_virtio_mem", "true", "memory-backend-memfd,id=vmem0,size=6144M,share=on" },
		{ "enable_iothreads", "true", "virtio-scsi-pci,id=scsi0,iothread=iothread0" },
		{ "entropy_source", "/dev/hwrng", "rng-random,id=rng0,filename=/dev/hwrng" },
		{ "seccompsandbox", "on,spawn=deny", "-sandbox on,spawn=deny" },
		{ "firmware", "/fw", "-bios /fw" },
		{ "memory_slots", "3", "slots=3" },
		{ "enable_debug", "true", "debug systemd.show_status=true" },
		{ "kernel_params", "agent.log=trace", "scsi_mod.scan=none agent.log=trace" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct config_hypervisor before = f->config.hypervisor;

		assert_int_equal(config_set(&f->config, "hypervisor", table[i].key, table[i].value, NULL), 0);
		assert_non_null(strstr(command_line(f), table[i].expected));
		f->config.hypervisor = before;
	}
}

static void first_words_of_the_kernel(void **state)
{
	struct fixture *f = *state;

	assert_null(strstr(command_line(f), " -serial "));
	f->vm.early_fd = 9;
	assert_non_null(strstr(command_line(f), " -chardev socket,id=charearly0,fd=9 -serial chardev:charearly0 "));
	assert_non_null(strstr(command_line(f), " earlyprintk=ttyS0"));
	assert_int_equal(config_set(&f->config, "hypervisor", "machine_type", "virt", NULL), 0);
	assert_null(strstr(command_line(f), " -serial "));
	assert_null(strstr(command_line(f), "earlyprintk"));
}

static void kvm_and_vhost(void **state)
{
	struct fixture *f = *state;
	const char *line;

	f->vm.is_kvm = true;
	f->vm.vsock = VM_VSOCK_VHOST;
	f->vm.vsock_fd = 7;
	f->vm.vsock_cid = 4711;
	line = command_line(f);
	assert_non_null(strstr(line, "-machine q35,accel=kvm,"));
	assert_non_null(strstr(line, "-cpu host,pmu=off "));
	assert_non_null(strstr(line, "vhost-vsock-pci,vhostfd=7,id=vsock0,guest-cid=4711"));
	assert_non_null(strstr(line, "size=2048M,share=off"));
	assert_int_equal(config_set(&f->config, "hypervisor", "disable_seccomp", "true", NULL), 0);
	assert_null(strstr(command_line(f), "-sandbox"));
}

static void images_and_their_roots(void **state)
{
	struct fixture *f = *state;
	const char *line;

	assert_int_equal(config_set(&f->config, "hypervisor", "initrd", "", NULL), 0);
	assert_int_equal(config_set(&f->config, "hypervisor", "image", "/img", NULL), 0);
	f->vm.image_bytes = 134217728;
	line = command_line(f);
	assert_non_null(strstr(line, "memory-backend=m0,nvdimm=on"));
	assert_non_null(strstr(line, "mem-path=/img,size=134217728,share=on,readonly=on"));
	assert_non_null(
		strstr(line, " root=/dev/pmem0p1 rootflags=dax,data=ordered,errors=remount-ro ro rootfstype=ext4 "));
	assert_non_null(strstr(line, " systemd.unit=kata-containers.target "));
	assert_null(strstr(line, "-initrd"));
	assert_int_equal(config_set(&f->config, "hypervisor", "disable_image_nvdimm", "true", NULL), 0);
	line = command_line(f);
	assert_non_null(strstr(line, "-drive id=image0,file=/img,aio=threads,format=raw,if=none,readonly=on"));
	assert_non_null(strstr(line, " root=/dev/vda1 rootflags=data=ordered,errors=remount-ro ro rootfstype=ext4 "));
	/* The flags are those of one kind of file system. */
	assert_int_equal(config_set(&f->config, "hypervisor", "rootfs_type", "xfs", NULL), 0);
	assert_non_null(strstr(command_line(f), " root=/dev/vda1 ro rootfstype=xfs "));
	assert_int_equal(config_set(&f->config, "hypervisor", "disable_image_nvdimm", "false", NULL), 0);
	assert_non_null(strstr(command_line(f), " root=/dev/pmem0p1 rootflags=dax ro rootfstype=xfs "));
}

static void a_root_on_a_disk(void **state)
{
	struct fixture *f = *state;

	f->vm.disk = (struct vm_disk){ .fd = 4, .read_only = true };
	assert_non_null(strstr(command_line(f),
	                       "-add-fd fd=4,set=4 -blockdev driver=raw,node-name=disk0,read-only=on,"
	                       "file.driver=file,file.filename=/dev/fdset/4,file.aio=threads -device "
	                       "virtio-blk-pci,drive=disk0,share-rw=on,serial=kata-root,bus=pcie.0,addr=8"));
	f->vm.disk = (struct vm_disk){ .fd = 4, .is_device = true };
	assert_non_null(strstr(command_line(f), "read-only=off,file.driver=host_device,"));
	assert_int_equal(config_set(&f->config, "hypervisor", "machine_type", "microvm", NULL), 0);
	assert_non_null(strstr(command_line(f), "-device virtio-blk-device,drive=disk0,share-rw=on,serial=kata-root "));
	f->vm.tsc_khz = 2500000;
	assert_non_null(strstr(command_line(f), " tsc_early_khz=2500000"));
}

static void nics_by_tap_and_by_user_mode(void **state)
{
	struct fixture *f = *state;
	const char *line;

	f->vm.nics[0] = (struct vm_nic){ .mac = "02:00:00:00:00:01", .tap_fd = 8, .vhost_fd = -1 };
	f->vm.nics[1] = (struct vm_nic){ .mac = "02:00:00:00:00:02", .tap_fd = 9, .vhost_fd = 10 };
	f->vm.nics[2] = (struct vm_nic){ .mac = "02:00:00:00:00:03", .tap_fd = -1, .vhost_fd = -1 };
	f->vm.n_nics = 3;
	line = command_line(f);
	assert_non_null(strstr(line, "-netdev tap,id=network-0,fd=8 -device virtio-net-pci,netdev=network-0,"
	                             "mac=02:00:00:00:00:01,romfile=,bus=pcie.0,addr=10 "));
	assert_non_null(strstr(line, "-netdev tap,id=network-1,fd=9,vhost=on,vhostfd=10 "));
	assert_non_null(strstr(line, "-netdev user,id=network-2 "));
	assert_non_null(strstr(line, "mac=02:00:00:00:00:03,romfile=,bus=pcie.0,addr=12 "));
	f->config.hypervisor.machine_type = arena_strdup(&f->arena, "microvm");
	assert_non_null(strstr(command_line(f), "virtio-net-device,netdev=network-0,mac=02:00:00:00:00:01 "));
}

static void a_share_needs_shared_memory(void **state)
{
	struct fixture *f = *state;

	f->vm.vsock = VM_VSOCK_VHOST;
	f->vm.share_socket = "/run/web/fs";
	assert_non_null(strstr(command_line(f), "size=2048M,share=on"));
	assert_non_null(
		strstr(command_line(f), "-device vhost-user-fs-pci,chardev=charshare0,tag=kataShared,queue-size=1024"));
}

static void no_path_begins_another_property(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	f->vm.dir = "/run/a,server=off";
	assert_null(qemu_args(&f->arena, &f->vm, &err));
	assert_string_equal(err.text, "make QEMU's command line: '/run/a,server=off' has a comma");
}

static void disks_are_plugged_in_where_told(void **state)
{
	static const struct {
		const char *machine, *driver;
		unsigned bridges;
	} table[] = {
		{ "q35", "virtio-scsi", 0 },
		{ "q35", "virtio-blk", 3 },
		{ "virt", "virtio-blk", 3 },
		{ "microvm", "virtio-blk", 0 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		assert_int_equal(config_set(&f->config, "hypervisor", "machine_type", table[i].machine, NULL), 0);
		assert_int_equal(config_set(&f->config, "hypervisor", "block_device_driver", table[i].driver, NULL), 0);
		f->config.hypervisor.default_bridges = 3;
		assert_int_equal(qemu_args_count_disk_bridges(&f->vm), table[i].bridges);
	}
}

int test_qemu_args(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_whole_line_for_a_plain_machine, setup, teardown),
		cmocka_unit_test_setup_teardown(settings_show_in_the_line, setup, teardown),
		cmocka_unit_test_setup_teardown(first_words_of_the_kernel, setup, teardown),
		cmocka_unit_test_setup_teardown(kvm_and_vhost, setup, teardown),
		cmocka_unit_test_setup_teardown(images_and_their_roots, setup, teardown),
		cmocka_unit_test_setup_teardown(a_root_on_a_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(nics_by_tap_and_by_user_mode, setup, teardown),
		cmocka_unit_test_setup_teardown(a_share_needs_shared_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(no_path_begins_another_property, setup, teardown),
		cmocka_unit_test_setup_teardown(disks_are_plugged_in_where_told, setup, teardown),
	};

	return cmocka_run_group_tests_name("qemu_args", tests, NULL, NULL);
}
