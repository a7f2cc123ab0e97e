/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/device/host.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/device/disk.h"
#include "agent/device/swap.h"
#include "agent/device/vfio.h"
#include "lib/uevent.h"
#include "tests/lib/openfds.h"
#include "tests/lib/unit.h"
#include "tests/unit/agent/device/sysfs.h"

/* --- waiting ----------------------------------------------------------------------------------------------------- */

struct counts {
	unsigned looks, pokes, there_at;
	int r;
};

static int look(const struct device_host *host, void *arg, struct err *err)
{
	struct counts *c = arg;

	(void)host;
	if (c->r < 0 && c->looks == 1)
		return err_set(err, c->r, "look");
	return ++c->looks == c->there_at;
}

static int poke(const struct device_host *host, void *arg, struct err *err)
{
	(void)host;
	(void)err;
	((struct counts *)arg)->pokes++;
	return 0;
}

static int wait_for(const struct sysfs *s, struct counts *c, bool pokes, struct err *err)
{
	const struct device_look what = { .look = look, .poke = pokes ? poke : NULL, .arg = c, .what = "thing" };

	*err = (struct err)ERR_INIT;
	return device_wait(&s->host, &what, err);
}

/* Whatever the event is about, it is a reason to look; without one nobody looks. */
static void every_event_is_a_look(void **state)
{
	struct sysfs *s = *state;
	struct counts c = { .there_at = 1 };
	struct err err;

	assert_int_equal(wait_for(s, &c, false, &err), 0);
	assert_int_equal(c.looks, 1);
	c = (struct counts){ 0 };
	assert_int_equal(wait_for(s, &c, false, &err), -ETIMEDOUT);
	assert_string_equal(err.text, "no thing within 100 ms (agent.hotplug_timeout)");
	assert_int_equal(c.looks, 2); /* at once and at the end */
	/* All that are there at once are one reason. */
	sysfs_tell(s);
	sysfs_tell(s);
	c = (struct counts){ .there_at = 2 };
	s->host.timeout_ms = 20000;
	assert_int_equal(wait_for(s, &c, false, &err), 0);
	c = (struct counts){ .there_at = 99, .r = -EIO };
	sysfs_tell(s);
	assert_int_equal(wait_for(s, &c, false, &err), -EIO);
	assert_string_equal(err.text, "look: Input/output error");
}

/* More events than the socket can hold: the kernel says so once, and what was lost may have been the one. */
static void lost_events_are_a_look(void **state)
{
	struct sysfs *s = *state;
	struct counts c = { .there_at = 2 };
	struct err err;

	s->host.timeout_ms = 20000;
	sysfs_tell(s);
	sysfs_fail_at(1, ENOBUFS); /* after the poll */
	assert_int_equal(wait_for(s, &c, false, &err), 0);
	assert_true(sysfs_has_failed());
	assert_int_equal(c.looks, 2);
	c = (struct counts){ .there_at = 2 };
	sysfs_tell(s);
	sysfs_fail_at(1, ENETDOWN);
	assert_int_equal(wait_for(s, &c, false, &err), -ENETDOWN);
	assert_string_equal(err.text, "wait for thing: Network is down");
}

static void what_has_to_be_asked_is_asked_again(void **state)
{
	struct sysfs *s = *state;
	struct counts c = { .there_at = 3 };
	struct err err;

	s->host.timeout_ms = 20000;
	assert_int_equal(wait_for(s, &c, true, &err), 0);
	assert_int_equal(c.pokes, 3); /* no event came: after each DEVICE_POKE_MS */
}

static void no_time_is_one_look(void **state)
{
	struct sysfs *s = *state;
	struct counts c = { .there_at = 2 };
	struct err err;

	s->host.timeout_ms = 0;
	assert_int_equal(wait_for(s, &c, false, &err), -ETIMEDOUT);
	assert_int_equal(c.looks, 1);
}

static void what_cannot_be_opened_is_named(void **state)
{
	const struct sysfs *s = *state;
	struct device_host host;
	struct err err = ERR_INIT;

	assert_int_equal(device_host_init(&host, "/none/sys", s->dev, 1, &err), -ENOENT);
	assert_string_equal(err.text, "open '/none/sys': No such file or directory");
	assert_int_equal(device_host_init(&host, s->sys, "/none/dev", 1, &err), -ENOENT);
}

/* --- the k-th call fails ----------------------------------------------------------------------------------------- */

static void plug_everything(const struct sysfs *s)
{
	sysfs_mkdir(s, SYSFS_BRIDGE "/pci_bus/0000:01");
	sysfs_plug_disk(s, SYSFS_BRIDGE "/0000:01:05.0/virtio2", "vda");
	sysfs_make_node(s, "vda", "b 254:0");
	sysfs_write(s, "class/scsi_host/host0/scan", "");
	sysfs_plug_disk(s, "devices/host0/target0:0:1/0:0:1:2", "sda");
	sysfs_link(s, "bus/scsi/devices/0:0:1:2", "../../../devices/host0/target0:0:1/0:0:1:2");
	sysfs_make_node(s, "sda", "b 8:0");
	sysfs_write(s, "bus/pci/devices/0000:01:05.0/driver_override", "");
	sysfs_link(s, "bus/pci/devices/0000:01:05.0/driver", "../../drivers/vfio-pci");
	sysfs_link(s, "bus/pci/devices/0000:01:05.0/iommu_group", "../../../../kernel/iommu_groups/3");
	assert_int_equal(mkdirat(s->host.dev, "vfio", 0755), 0);
	sysfs_make_node(s, "vfio/3", "c 243:0");
}

/* Everything that is looked for, in a row; the first failure ends it. */
static int find_everything(const struct sysfs *s, struct err *err)
{
	struct pci_address address;
	struct device_host host;
	struct device_disk disk;
	struct device_node node;
	unsigned group;
	int r = device_host_init(&host, s->sys, s->dev, 0, err);

	if (r < 0)
		return r;
	r = device_wait_disk(&host, "blk", "1e/05", &disk, err);
	r = r < 0 ? r : device_wait_disk(&host, "blk", "/dev/vda", &disk, err);
	r = r < 0 ? r : device_wait_disk(&host, "scsi", "1:2", &disk, err);
	r = r < 0 ? r : device_wait_pci(&host, "1e/05", &address, err);
	r = r < 0 ? r : device_bind_vfio(&host, &address, &group, err);
	r = r < 0 ? r : device_wait_vfio_group(&host, group, &node, err);
	r = r < 0 ? r : device_list_nodes(&host, "vfio", &node, 1, err);
	device_host_done(&host);
	return r < 0 ? r : 0;
}

/* Each failure is told or made up for, and leaves nothing open. */
static void sweep(const struct sysfs *s, int errnum, int *ret_k, int *ret_failed)
{
	int before = count_fds();

	for (*ret_k = *ret_failed = 0; *ret_k < 1000; ++*ret_k) {
		struct err err = ERR_INIT;
		int r;

		sysfs_fail_at(*ret_k, errnum);
		r = find_everything(s, &err);
		if (!sysfs_has_failed()) {
			sysfs_fail_at(-1, 0);
			assert_int_equal(r, 0);
			return;
		}
		assert_true(r == 0 || (err.num == -r && err.text[0]));
		assert_int_equal(count_fds(), before);
		*ret_failed += r < 0;
	}
	fail_msg("it does not end");
}

static void every_call_may_fail(void **state)
{
	const struct sysfs *s = *state;
	struct err err = ERR_INIT;
	int k, failed;

	plug_everything(s);
	assert_int_equal(find_everything(s, &err), 0);
	sweep(s, EIO, &k, &failed);
	assert_true(k >= 30 && failed >= k - 6);
	sweep(s, ENOMEM, &k, &failed);
	assert_true(failed >= k - 6);
	/* What is gone when it is looked at was not there; that is told as such, at the deadline. */
	sweep(s, ENOENT, &k, &failed);
	assert_true(failed >= k / 2);
}

#define T(name) cmocka_unit_test_setup_teardown(name, sysfs_setup, sysfs_teardown)

int test_host(void)
{
	const struct CMUnitTest tests[] = {
		T(every_event_is_a_look), T(lost_events_are_a_look),         T(what_has_to_be_asked_is_asked_again),
		T(no_time_is_one_look),   T(what_cannot_be_opened_is_named), T(every_call_may_fail),
	};

	return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
