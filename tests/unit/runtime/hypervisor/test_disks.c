/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hypervisor/disks.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/fd.h"
#include "tests/lib/unit.h"
#include "tests/unit/runtime/hypervisor/fakeqmp.h"

#define NOTHING    FAKEQMP_NOTHING
#define REFUSED    FAKEQMP_REFUSED
#define DELETED(n) "{\"event\": \"DEVICE_DELETED\", \"data\": {\"device\": \"disk" #n "\", \"path\": \"x\"}}\n"

#define ADD_FD(n) "{\"execute\":\"add-fd\",\"arguments\":{\"fdset-id\":100" #n "}}"
#define ADD_NODE(n)                                                                                                    \
	"{\"execute\":\"blockdev-add\",\"arguments\":{\"driver\":\"raw\",\"node-name\":\"plug" #n                      \
	"\",\"read-only\":false,\"file\":{\"driver\":\"file\",\"aio\":\"threads\",\"read-only\":false,"                \
	"\"filename\":\"\\/dev\\/fdset\\/100" #n "\"}}}"
#define ADD_DEVICE(n)                                                                                                  \
	"{\"execute\":\"device_add\",\"arguments\":{\"driver\":\"scsi-hd\",\"id\":\"disk" #n "\",\"drive\":\"plug" #n  \
	"\",\"bus\":\"scsi0.0\",\"scsi-id\":" #n ",\"lun\":0,\"share-rw\":true}}"
#define DEL_DEVICE(n) "{\"execute\":\"device_del\",\"arguments\":{\"id\":\"disk" #n "\"}}"
#define DEL_NODE(n)   "{\"execute\":\"blockdev-del\",\"arguments\":{\"node-name\":\"plug" #n "\"}}"
#define DEL_FD(n)     "{\"execute\":\"remove-fd\",\"arguments\":{\"fdset-id\":100" #n "}}"

struct fixture {
	struct fakeqmp q;
	struct disks disks;
	int slot;
};

static void on_event(void *arg, const char *name, struct json_object *data)
{
	disks_event(&((struct fixture *)arg)->disks, name, data);
}

static void on_done(void *arg, int slot, const struct err *err)
{
	struct fixture *f = arg;

	f->slot = slot;
	fakeqmp_tell(&f->q, err);
}

static int setup(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));

	fakeqmp_open(&f->q, &(struct qmp_watcher){ on_event, NULL, f });
	disks_init(&f->disks, f->q.loop, f->q.qmp, 0);
	fakeqmp_greet(&f->q);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	disks_end(&f->disks);
	fakeqmp_close(&f->q);
	test_free(f);
	return 0;
}

/* Plays QEMU until it is told. */
static void play(struct fixture *f, const struct fakeqmp_turn *script, const char *told)
{
	fakeqmp_play(&f->q, script);
	assert_string_equal(f->q.told, told);
	f->q.told[0] = '\0';
}

static int plug(struct fixture *f)
{
	return disks_plug(&f->disks, &(struct disks_spec){ .fd = STDOUT_FILENO, .aio = "threads" }, on_done, f);
}

static const struct fakeqmp_turn plug_0[] = {
	{ ADD_FD(0), NOTHING },
	{ ADD_NODE(0), NOTHING },
	{ ADD_DEVICE(0), NOTHING },
	{ NULL },
};

static void a_disk_comes_and_goes(void **state)
{
	struct fixture *f = *state;
	const struct fakeqmp_turn out[] = {
		{ DEL_DEVICE(0), NOTHING DELETED(7) DELETED(0) },
		{ DEL_NODE(0), NOTHING },
		{ DEL_FD(0), NOTHING },
		{ NULL },
	};

	assert_int_equal(plug(f), 0);
	play(f, plug_0, "ok");
	assert_int_equal(f->slot, 0);
	assert_int_equal(disks_unplug(&f->disks, 1, on_done, f), -ENODEV);
	assert_int_equal(disks_unplug(&f->disks, -1, on_done, f), -ENODEV);
	assert_int_equal(disks_unplug(&f->disks, 0, on_done, f), 0);
	assert_int_equal(disks_unplug(&f->disks, 0, on_done, f), -ENODEV);
	play(f, out, "ok");
	assert_int_equal(disks_unplug(&f->disks, 0, on_done, f), -ENODEV);
}

static void the_event_may_come_first(void **state)
{
	struct fixture *f = *state;
	const struct fakeqmp_turn out[] = {
		{ DEL_DEVICE(0), DELETED(0) NOTHING },
		{ DEL_NODE(0), NOTHING },
		{ DEL_FD(0), NOTHING },
		{ NULL },
	};
	const struct fakeqmp_turn next[] = {
		{ ADD_FD(1), NOTHING },
		{ ADD_NODE(1), NOTHING },
		{ ADD_DEVICE(1), NOTHING },
		{ NULL },
	};

	assert_int_equal(plug(f), 0);
	play(f, plug_0, "ok");
	assert_int_equal(disks_unplug(&f->disks, 0, on_done, f), 0);
	play(f, out, "ok");
	/* Another number: the guest may still be busy with the one that went. */
	assert_int_equal(plug(f), 0);
	play(f, next, "ok");
	assert_int_equal(f->slot, 1);
}

static void a_failure_undoes_what_was_done(void **state)
{
	struct fixture *f = *state;
	const struct fakeqmp_turn no_device[] = {
		{ ADD_FD(0), NOTHING },   { ADD_NODE(0), NOTHING }, { ADD_DEVICE(0), REFUSED("no room") },
		{ DEL_NODE(0), NOTHING }, { DEL_FD(0), NOTHING },   { NULL },
	};
	const struct fakeqmp_turn no_node[] = {
		{ ADD_FD(1), NOTHING },
		{ ADD_NODE(1), REFUSED("no file") },
		{ DEL_FD(1), NOTHING },
		{ NULL },
	};
	const struct fakeqmp_turn no_fd[] = { { ADD_FD(2), REFUSED("no fd") }, { NULL } };

	assert_int_equal(plug(f), 0);
	play(f, no_device, "QMP device_add: no room");
	assert_int_equal(plug(f), 0);
	play(f, no_node, "QMP blockdev-add: no file");
	assert_int_equal(plug(f), 0);
	play(f, no_fd, "QMP add-fd: no fd");
}

static void what_does_not_go_is_not_used_again(void **state)
{
	struct fixture *f = *state;
	const struct fakeqmp_turn stuck[] = { { DEL_DEVICE(0), REFUSED("busy") }, { NULL } };

	assert_int_equal(plug(f), 0);
	play(f, plug_0, "ok");
	assert_int_equal(disks_unplug(&f->disks, 0, on_done, f), 0);
	play(f, stuck, "QMP device_del: busy");
	assert_int_equal(disks_unplug(&f->disks, 0, on_done, f), -ENODEV);
	for (int i = 1; i < DISKS_MAX; i++)
		assert_int_equal(plug(f), 0);
	assert_int_equal(plug(f), -ENOSPC);
}

static void assert_name(const struct fixture *f, int slot, const char *want_driver, const char *want_source)
{
	_autoarena_ struct arena arena = { .max = 0 };
	const char *driver = NULL, *source = NULL;

	assert_int_equal(disks_name(&f->disks, slot, &arena, &driver, &source), 0);
	assert_string_equal(driver, want_driver);
	assert_string_equal(source, want_source);
}

static void targets_have_names(void **state)
{
	assert_name(*state, 0, "scsi", "0:0");
	assert_name(*state, 127, "scsi", "127:0");
}

#define ADD_VIRTIO(n, bridge, room)                                                                                    \
	"{\"execute\":\"device_add\",\"arguments\":{\"driver\":\"virtio-blk-pci\",\"id\":\"disk" #n                    \
	"\",\"drive\":\"plug" #n "\",\"bus\":\"pci-bridge-" bridge "\",\"addr\":\"" room "\",\"share-rw\":true}}"
#define ADD_FD_2(n) "{\"execute\":\"add-fd\",\"arguments\":{\"fdset-id\":10" #n "}}"
#define ADD_NODE_2(n)                                                                                                  \
	"{\"execute\":\"blockdev-add\",\"arguments\":{\"driver\":\"raw\",\"node-name\":\"plug" #n                      \
	"\",\"read-only\":false,\"file\":{\"driver\":\"file\",\"aio\":\"threads\",\"read-only\":false,"                \
	"\"filename\":\"\\/dev\\/fdset\\/10" #n "\"}}}"

/* The address that QEMU is told is the one by which the agent finds it: the bridge's on the root bus, then the disk's.
 */
static void virtio_disks_are_behind_bridges(void **state)
{
	struct fixture *f = *state;
	const struct fakeqmp_turn last_of_the_first[] = {
		{ ADD_FD_2(29), NOTHING }, { ADD_NODE_2(29), NOTHING }, { ADD_VIRTIO(29, "0", "1e"), NOTHING }, { NULL }
	};
	const struct fakeqmp_turn first_of_the_next[] = {
		{ ADD_FD_2(30), NOTHING }, { ADD_NODE_2(30), NOTHING }, { ADD_VIRTIO(30, "1", "01"), NOTHING }, { NULL }
	};

	disks_init(&f->disks, f->q.loop, f->q.qmp, 2);
	f->disks.n_tried = 29;
	assert_int_equal(plug(f), 0);
	play(f, last_of_the_first, "ok");
	assert_name(f, f->slot, "blk", "02/1e");
	assert_int_equal(plug(f), 0);
	play(f, first_of_the_next, "ok");
	assert_name(f, f->slot, "blk", "03/01");
}

static void there_is_room_for_so_many(void **state)
{
	static const struct {
		unsigned n_bridges;
		int max;
	} table[] = { { 0, DISKS_MAX }, { 1, 30 }, { 4, 120 }, { 5, DISKS_MAX } };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		disks_init(&f->disks, f->q.loop, f->q.qmp, table[i].n_bridges);
		for (int k = 0; k < table[i].max; k++)
			assert_int_equal(plug(f), 0);
		assert_int_equal(plug(f), -ENOSPC);
		disks_end(&f->disks);
	}
}

static void an_end_is_told(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(plug(f), 0);
	fakeqmp_wait(&f->q);
	f->q.peer = fd_close(f->q.peer);
	fakeqmp_wait(&f->q);
	assert_true(strncmp(f->q.told, "QMP: ", 5) == 0);
	disks_end(&f->disks);
	f->q.told[0] = '\0';
	assert_int_equal(plug(f), -ENOTCONN);
	assert_int_equal(disks_unplug(&f->disks, 0, on_done, f), -ENOTCONN);
}

int test_disks(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_disk_comes_and_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(the_event_may_come_first, setup, teardown),
		cmocka_unit_test_setup_teardown(a_failure_undoes_what_was_done, setup, teardown),
		cmocka_unit_test_setup_teardown(what_does_not_go_is_not_used_again, setup, teardown),
		cmocka_unit_test_setup_teardown(targets_have_names, setup, teardown),
		cmocka_unit_test_setup_teardown(virtio_disks_are_behind_bridges, setup, teardown),
		cmocka_unit_test_setup_teardown(there_is_room_for_so_many, setup, teardown),
		cmocka_unit_test_setup_teardown(an_end_is_told, setup, teardown),
	};

	return cmocka_run_group_tests_name("disks", tests, NULL, NULL);
}
