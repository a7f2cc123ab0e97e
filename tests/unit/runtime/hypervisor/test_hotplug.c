/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hypervisor/hotplug.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/fd.h"
#include "tests/lib/unit.h"
#include "tests/unit/runtime/hypervisor/fakeqmp.h"

#define CPU(socket, path)                                                                                              \
	"{\"type\": \"max-x86_64-cpu\", \"vcpus-count\": 1, \"props\": {\"socket-id\": " #socket                       \
	", \"core-id\": 0, \"thread-id\": 0}" path "}"
#define AT(path)      ", \"qom-path\": \"" path "\""
#define DIMM(n, size) "{\"type\": \"dimm\", \"data\": {\"id\": \"dimm" #n "\", \"size\": " #size "}}"
#define OST(device, source, status)                                                                                    \
	"{\"event\": \"ACPI_DEVICE_OST\", \"data\": {\"info\": {\"device\": \"" device "\", \"source\": " #source      \
	", \"status\": " #status "}}}\n"
#define SLOT(n)                                                                                                        \
	"{\"event\": \"ACPI_DEVICE_OST\", \"data\": {\"info\": {\"source\": 3, \"status\": 0, \"slot\": \"" #n         \
	"\", \"slot-type\": \"CPU\"}}}\n"
#define DELETED(what) "{\"event\": \"DEVICE_DELETED\", \"data\": {" what "}}\n"
#define SIZE(n)       "{\"event\": \"MEMORY_DEVICE_SIZE_CHANGE\", \"data\": {\"id\": \"virtiomem0\", \"size\": " #n "}}\n"
#define NOTHING       FAKEQMP_NOTHING
#define REFUSED       FAKEQMP_REFUSED

struct fixture {
	struct fakeqmp q;
	struct hotplug hotplug;
	struct hotplug_size now;
};

static void on_event(void *arg, const char *name, struct json_object *data)
{
	struct fixture *f = arg;

	hotplug_event(&f->hotplug, name, data);
}

static void on_done(void *arg, const struct hotplug_size *now, const struct err *err)
{
	struct fixture *f = arg;

	f->now = *now;
	fakeqmp_tell(&f->q, err);
}

static int setup(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));

	fakeqmp_open(&f->q, &(struct qmp_watcher){ on_event, NULL, f });
	hotplug_init(&f->hotplug, f->q.loop, f->q.qmp,
	             &(struct vm_spec){ .config = &(struct config_hypervisor){ .path = NULL },
	                                .is_kvm = true,
	                                .memory_mib = 512,
	                                .vsock = VM_VSOCK_VHOST_USER });
	fakeqmp_greet(&f->q);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	hotplug_end(&f->hotplug);
	fakeqmp_close(&f->q);
	test_free(f);
	return 0;
}

/* Asks for a size, and plays QEMU until it is told. */
static void resize(struct fixture *f, int64_t vcpus, int64_t mib, const struct fakeqmp_turn *script)
{
	const struct hotplug_size want = { vcpus, mib };

	f->q.told[0] = '\0';
	assert_int_equal(hotplug_resize(&f->hotplug, &want, on_done, f), 0);
	fakeqmp_play(&f->q, script);
}

static void expect(const struct fixture *f, const char *told, int64_t vcpus, int64_t mib)
{
	assert_string_equal(f->q.told, told);
	assert_int_equal(f->now.vcpus, vcpus);
	assert_int_equal(f->now.memory_mib, mib);
}

#define ASK_CPUS   "{\"execute\":\"query-hotpluggable-cpus\"}"
#define ASK_MEMORY "{\"execute\":\"query-memory-devices\"}"
#define ADD_CPU(n)                                                                                                     \
	"{\"execute\":\"device_add\",\"arguments\":{\"driver\":\"max-x86_64-cpu\",\"id\":\"cpu-" #n "-0-0\","          \
	"\"socket-id\":" #n ",\"core-id\":0,\"thread-id\":0}}"
#define DEL(id) "{\"execute\":\"device_del\",\"arguments\":{\"id\":\"" id "\"}}"
#define ADD_MEMORY(n, size)                                                                                            \
	"{\"execute\":\"object-add\",\"arguments\":{\"qom-type\":\"memory-backend-memfd\",\"id\":\"dimm-mem" #n        \
	"\",\"size\":" #size ",\"share\":true}}"
#define ADD_DIMM(n)                                                                                                    \
	"{\"execute\":\"device_add\",\"arguments\":{\"driver\":\"pc-dimm\",\"id\":\"dimm" #n                           \
	"\",\"memdev\":\"dimm-mem" #n "\"}}"
#define DEL_MEMORY(n) "{\"execute\":\"object-del\",\"arguments\":{\"id\":\"dimm-mem" #n "\"}}"
#define RETURN(list)  "{\"return\": [" list "]}\n"
#define BOOT_CPU      CPU(0, AT("/machine/unattached/device[0]"))

static void a_size_that_fits_changes_nothing(void **state)
{
	struct fixture *f = *state;
	const struct fakeqmp_turn script[] = {
		{ ASK_CPUS, RETURN(CPU(1, "") "," BOOT_CPU) },
		{ ASK_MEMORY, RETURN("") },
		{ NULL },
	};

	resize(f, 1, 512, script);
	expect(f, "ok", 1, 512);
}

static void cpus_and_memory_come(void **state)
{
	struct fixture *f = *state;
	const struct fakeqmp_turn script[] = {
		{ ASK_CPUS, RETURN(CPU(3, "") "," CPU(2, "") "," CPU(1, "") "," BOOT_CPU) },
		{ ADD_CPU(1), NOTHING },
		{ ADD_CPU(2), NOTHING OST("cpu-1-0-0", 1, 0) OST("cpu-2-0-0", 1, 0) },
		{ ASK_MEMORY, RETURN(DIMM(0, 134217728)) },
		{ ADD_MEMORY(1, 268435456), NOTHING },
		{ ADD_DIMM(1), NOTHING OST("dimm1", 1, 0) },
		{ ASK_MEMORY, RETURN(DIMM(0, 134217728) "," DIMM(1, 268435456)) },
		{ NULL },
	};

	resize(f, 3, 896, script);
	expect(f, "ok", 3, 896);
}

/* The one that came last goes first; one of those that were there at boot is named by its path. */
static void cpus_and_memory_go(void **state)
{
	struct fixture *f = *state;
	const struct fakeqmp_turn script[] = {
		{ ASK_CPUS, RETURN(CPU(2, AT("/machine/peripheral/cpu-2-0-0")) "," CPU(
				    1, AT("/machine/unattached/device[9]")) "," BOOT_CPU) },
		{ DEL("cpu-2-0-0"), NOTHING OST("cpu-2-0-0", 3, 132) DELETED("\"device\": \"cpu-2-0-0\"") },
		{ DEL("\\/machine\\/unattached\\/device[9]"),
		  NOTHING DELETED("\"path\": \"/machine/unattached/device[9]\"") },
		{ ASK_MEMORY, RETURN(DIMM(0, 268435456) "," DIMM(1, 134217728) "," DIMM(2, 536870912)) },
		{ DEL("dimm0"), NOTHING DELETED("\"device\": \"dimm0\"") },
		{ DEL_MEMORY(0), NOTHING },
		{ ASK_MEMORY, RETURN(DIMM(1, 134217728) "," DIMM(2, 536870912)) },
		{ DEL("dimm1"), NOTHING DELETED("\"device\": \"dimm1\"") },
		{ DEL_MEMORY(1), NOTHING },
		{ ASK_MEMORY, RETURN(DIMM(2, 536870912)) },
		{ NULL },
	};

	resize(f, 1, 1024, script);
	expect(f, "ok", 1, 1024);
}

/* Of a CPU that is gone QEMU tells the slot alone; one in another slot is not ours. */
static void a_cpu_may_go_without_a_name(void **state)
{
	struct fixture *f = *state;
	const struct fakeqmp_turn script[] = {
		{ ASK_CPUS, RETURN(CPU(2, "") "," CPU(1, AT("/machine/peripheral/cpu-1-0-0")) "," BOOT_CPU) },
		{ DEL("cpu-1-0-0"), NOTHING SLOT(2) DELETED("\"path\": \"/machine/peripheral/cpu-1-0-0/lapic\"") },
		{ NULL },
	};

	resize(f, 1, 512, script);
	assert_string_equal(f->q.told, "");
	fakeqmp_say(&f->q, SLOT(1));
	assert_string_equal(fakeqmp_heard(&f->q), ASK_MEMORY);
	fakeqmp_say(&f->q, RETURN(""));
	expect(f, "ok", 1, 512);
}

/* Its memory stays as it is from then on. */
static void an_emulator_that_lost_a_cpu_is_brittle(void **state)
{
	struct fixture *f = *state;
	const struct fakeqmp_turn script[] = {
		{ ASK_CPUS, RETURN(CPU(1, AT("/machine/peripheral/cpu-1-0-0")) "," BOOT_CPU) },
		{ DEL("cpu-1-0-0"), NOTHING SLOT(1) },
		{ ASK_MEMORY, RETURN("") },
		{ NULL },
	};

	f->hotplug.is_emulated = true;
	resize(f, 1, 640, script);
	expect(f, "plug: QEMU's emulation would crash, since a CPU was taken out before", 1, 512);
	resize(f, 2, 512,
	       (const struct fakeqmp_turn[]){
		       { ASK_CPUS, RETURN(CPU(1, "") "," BOOT_CPU) }, { ASK_MEMORY, RETURN("") }, { NULL } });
	expect(f, "plug: QEMU's emulation would crash, since a CPU was taken out before", 1, 512);
}

static void what_the_guest_refuses_is_told(void **state)
{
	struct fixture *f = *state;
	const struct fakeqmp_turn script[] = {
		{ ASK_CPUS, RETURN(CPU(1, AT("/machine/peripheral/cpu-1-0-0")) "," BOOT_CPU) },
		{ DEL("cpu-1-0-0"), NOTHING OST("cpu-1-0-0", 3, 1) },
		{ ASK_MEMORY, RETURN(DIMM(0, 134217728)) },
		{ DEL("dimm0"),
		  NOTHING "{\"event\": \"DEVICE_UNPLUG_GUEST_ERROR\", \"data\": {\"device\": \"dimm0\"}}\n" },
		{ NULL },
	};

	resize(f, 1, 512, script);
	expect(f, "take out 'cpu-1-0-0': the guest refuses (1)", 2, 640);
}

static void what_qemu_refuses_is_told_and_undone(void **state)
{
	struct fixture *f = *state;
	const struct fakeqmp_turn script[] = {
		{ ASK_CPUS, RETURN(CPU(2, "") "," CPU(1, "") "," BOOT_CPU) },
		{ ADD_CPU(1), NOTHING OST("cpu-1-0-0", 1, 0) },
		{ ADD_CPU(2), REFUSED("no CPUs today") },
		{ ASK_MEMORY, RETURN("") },
		{ ADD_MEMORY(0, 134217728), NOTHING },
		{ ADD_DIMM(0), REFUSED("a used vhost backend has no free memory slots left") },
		{ DEL_MEMORY(0), NOTHING },
		{ NULL },
	};

	resize(f, 3, 640, script);
	expect(f, "QMP device_add: no CPUs today", 2, 512);
}

static void there_are_no_more_cpus_than_qemu_has(void **state)
{
	struct fixture *f = *state;
	const struct fakeqmp_turn script[] = {
		{ ASK_CPUS, RETURN(BOOT_CPU) },
		{ ASK_MEMORY, RETURN("") },
		{ NULL },
	};

	resize(f, 2, 512, script);
	expect(f, "plug in a CPU: QEMU has no more of them", 1, 512);
}

static void a_dimm_cannot_be_cut(void **state)
{
	struct fixture *f = *state;
	const struct fakeqmp_turn script[] = {
		{ ASK_CPUS, RETURN(BOOT_CPU) },
		{ ASK_MEMORY, RETURN(DIMM(0, 268435456)) },
		{ NULL },
	};

	resize(f, 1, 640, script);
	expect(f, "take out memory: no DIMM has 128 MiB or less", 1, 768);
	/* Less than at boot is no failure: that much stays. */
	resize(f, 1, 256,
	       (const struct fakeqmp_turn[]){ { ASK_CPUS, RETURN(BOOT_CPU) }, { ASK_MEMORY, RETURN("") }, { NULL } });
	expect(f, "ok", 1, 512);
}

#define VIRTIO(requested, size)                                                                                        \
	"{\"type\": \"virtio-mem\", \"data\": {\"id\": \"virtiomem0\", \"block-size\": 2097152, \"max-size\": "        \
	"1073741824, "                                                                                                 \
	"\"requested-size\": " #requested ", \"size\": " #size "}}"
#define ASK_VIRTIO(size)                                                                                               \
	"{\"execute\":\"qom-set\",\"arguments\":{\"path\":\"\\/machine\\/peripheral\\/virtiomem0\","                   \
	"\"property\":\"requested-size\",\"value\":" #size "}}"

static void virtio_mem_grows_and_shrinks(void **state)
{
	struct fixture *f = *state;
	const struct fakeqmp_turn grow[] = {
		{ ASK_CPUS, RETURN(BOOT_CPU) },
		{ ASK_MEMORY, RETURN(VIRTIO(0, 0)) },
		{ ASK_VIRTIO(268435456), NOTHING SIZE(134217728) SIZE(268435456) },
		{ NULL },
	};
	const struct fakeqmp_turn shrink[] = {
		{ ASK_CPUS, RETURN(BOOT_CPU) },
		{ ASK_MEMORY, RETURN(VIRTIO(268435456, 268435456)) },
		{ ASK_VIRTIO(0), SIZE(0) NOTHING },
		{ NULL },
	};
	const struct fakeqmp_turn most[] = {
		{ ASK_CPUS, RETURN(BOOT_CPU) },
		{ ASK_MEMORY, RETURN(VIRTIO(0, 0)) },
		{ ASK_VIRTIO(1073741824), REFUSED("no") },
		{ NULL },
	};

	resize(f, 1, 768, grow);
	expect(f, "ok", 1, 768);
	resize(f, 1, 100, shrink);
	expect(f, "ok", 1, 512);
	resize(f, 1, 999999, most);
	expect(f, "QMP qom-set: no", 1, 512);
}

static void one_at_a_time(void **state)
{
	struct fixture *f = *state;
	const struct hotplug_size want = { 1, 512 };

	assert_int_equal(hotplug_resize(&f->hotplug, &want, on_done, f), 0);
	assert_int_equal(hotplug_resize(&f->hotplug, &want, on_done, f), -EBUSY);
	hotplug_end(&f->hotplug);
	assert_int_equal(hotplug_resize(&f->hotplug, &want, on_done, f), -ENOTCONN);
	assert_string_equal(f->q.told, "");
}

/* A guest that says nothing is waited for, but not for ever: QEMU has what was plugged in. */
static void silence_is_no_refusal(void **state)
{
	struct fixture *f = *state;
	const struct fakeqmp_turn script[] = {
		{ ASK_CPUS, RETURN(CPU(1, "") "," BOOT_CPU) },
		{ ADD_CPU(1), NOTHING },
		{ NULL },
	};

	resize(f, 2, 512, script);
	for (int i = 0; i < 100 && f->hotplug.arriving > 0; i++)
		assert_int_equal(loop_turn(f->q.loop, 100), 0);
	assert_string_equal(fakeqmp_heard(&f->q), ASK_MEMORY);
	fakeqmp_say(&f->q, RETURN(""));
	expect(f, "ok", 2, 512);
}

static void the_end_of_qemu_ends_it(void **state)
{
	struct fixture *f = *state;
	const struct hotplug_size want = { 2, 512 };

	assert_int_equal(hotplug_resize(&f->hotplug, &want, on_done, f), 0);
	f->q.peer = fd_close(f->q.peer);
	for (int i = 0; i < 20 && f->q.told[0] == '\0'; i++)
		fakeqmp_wait(&f->q);
	assert_non_null(strstr(f->q.told, "QMP"));
}

int test_hotplug(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_size_that_fits_changes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(cpus_and_memory_come, setup, teardown),
		cmocka_unit_test_setup_teardown(cpus_and_memory_go, setup, teardown),
		cmocka_unit_test_setup_teardown(a_cpu_may_go_without_a_name, setup, teardown),
		cmocka_unit_test_setup_teardown(an_emulator_that_lost_a_cpu_is_brittle, setup, teardown),
		cmocka_unit_test_setup_teardown(what_the_guest_refuses_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(what_qemu_refuses_is_told_and_undone, setup, teardown),
		cmocka_unit_test_setup_teardown(there_are_no_more_cpus_than_qemu_has, setup, teardown),
		cmocka_unit_test_setup_teardown(a_dimm_cannot_be_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(virtio_mem_grows_and_shrinks, setup, teardown),
		cmocka_unit_test_setup_teardown(one_at_a_time, setup, teardown),
		cmocka_unit_test_setup_teardown(silence_is_no_refusal, setup, teardown),
		cmocka_unit_test_setup_teardown(the_end_of_qemu_ends_it, setup, teardown),
	};

	return cmocka_run_group_tests_name("hotplug", tests, NULL, NULL);
}
