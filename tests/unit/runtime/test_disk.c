/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/fd.h"
#include "tests/lib/unit.h"

#define BEGIN                                                                                                          \
	"{\"ociVersion\":\"1.1.0\",\"root\":{\"path\":\"/r\"},"                                                        \
	"\"process\":{\"user\":{\"uid\":0,\"gid\":0},\"args\":[\"sh\"],\"cwd\":\"/\"},"
#define MOUNT(to, from, options)                                                                                       \
	"{\"destination\":\"" to "\",\"type\":\"none\",\"source\":\"" from "\",\"options\":[\"bind\",\"" options "\"]" \
	"}"
/* Numbers that no machine has. */
#define ABSENT                                                                                                         \
	"\"linux\":{\"devices\":[{\"path\":\"/dev/fuse\",\"type\":\"c\",\"major\":10,\"minor\":229},"                  \
	"{\"path\":\"/dev/xvda\",\"type\":\"b\",\"major\":4095,\"minor\":1048575}]"

static struct oci_spec *parse(struct arena *arena, const char *text)
{
	struct oci_spec *spec;
	struct err err = ERR_INIT;

	if (oci_spec_parse(arena, text, strlen(text), &spec, &err) < 0)
		fail_msg("%s", err_text(&err));
	return spec;
}

static int take(struct arena *arena, const char *text, bool is_forbidden, struct oci_spec **ret, struct err *err)
{
	const struct disk_policy policy = { "web", is_forbidden };
	struct list disks;
	bool *is_guests;
	int r;

	list_init(&disks);
	*ret = parse(arena, text);
	r = disk_take_devices(arena, *ret, &policy, &disks, &is_guests, err);
	assert_true(list_is_empty(&disks));
	return r;
}

static void what_the_host_lacks_is_named(void **state)
{
	_autoarena_ struct arena arena = { .max = 0 };
	struct err err = ERR_INIT;
	struct oci_spec *spec;

	(void)state;
	assert_int_equal(take(&arena, BEGIN ABSENT "}}", false, &spec, &err), -ENODEV);
	assert_string_equal(err.text,
	                    "create container 'web': device '/dev/xvda': the host has no node of a block device "
	                    "4095:1048575");
	err = (struct err)ERR_INIT;
	assert_int_equal(take(&arena, BEGIN ABSENT "}}", true, &spec, &err), -EPERM);
	assert_string_equal(err.text,
	                    "create container 'web': device '/dev/xvda': disable_block_device_use forbids it");
}

static void who_has_everything_does_without(void **state)
{
	static const char all[] = BEGIN ABSENT ",\"resources\":{\"devices\":[{\"allow\":true,\"access\":\"rwm\"}]}}}";
	_autoarena_ struct arena arena = { .max = 0 };
	struct err err = ERR_INIT;
	struct oci_spec *spec;

	(void)state;
	for (int forbidden = 0; forbidden < 2; forbidden++) {
		assert_int_equal(take(&arena, all, forbidden, &spec, &err), 0);
		assert_int_equal(spec->linux->n_devices, 1);
		assert_string_equal(spec->linux->devices[0].path, "/dev/fuse");
	}
}

static void nodes_of_characters_are_the_guests(void **state)
{
	static const char text[] =
		BEGIN "\"mounts\":[{\"destination\":\"/etc/a\",\"type\":\"bind\",\"source\":\"/dev/null\"},"
		      "{\"destination\":\"/etc/b\",\"type\":\"bind\",\"source\":\"/etc\",\"options\":[\"ro\"]},"
		      "{\"destination\":\"/etc/c\",\"type\":\"bind\",\"source\":\"/no/such\"},"
		      "{\"destination\":\"/dev/null\",\"type\":\"tmpfs\",\"source\":\"/dev/null\"}]}";
	const struct disk_policy policy = { "web", false };
	_autoarena_ struct arena arena = { .max = 0 };
	struct oci_spec *spec = parse(&arena, text);
	struct list disks;
	bool *is_guests;

	(void)state;
	list_init(&disks);
	assert_int_equal(disk_take_devices(&arena, spec, &policy, &disks, &is_guests, NULL), 0);
	assert_true(list_is_empty(&disks));
	assert_int_equal(spec->n_mounts, 4);
	assert_true(is_guests[0]);
	for (int i = 1; i < 4; i++)
		assert_false(is_guests[i]);
}

static void a_list_owns_its_disks(void **state)
{
	struct list disks;
	struct disk *d;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	list_init(&disks);
	d = disk_add(&disks, "/dev/x");
	assert_non_null(d);
	assert_string_equal(d->path, "/dev/x");
	assert_int_equal(d->slot, -1);
	assert_true(d->source.fd < 0);
	d->source.fd = fd;
	assert_null(disk_add(&disks, NULL)->path);
	disk_free_all(&disks);
	assert_true(list_is_empty(&disks));
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_null(disk_free(NULL));
}

/* A directory that is mounted "ro"; what the guest has anyway and files stay as they are. */
static void directories_are_to_be_packed(void **state)
{
	_autoarena_ struct arena arena = { .max = 0 };
	const struct disk_policy policy = { "web", true };
	bool is_guests[4] = { false, true };
	struct err err = ERR_INIT;
	struct oci_spec *spec;
	struct list disks;
	struct disk *d;

	(void)state;
	list_init(&disks);
	spec = parse(
		&arena,
		BEGIN "\"mounts\":[" MOUNT("/dev/shm", "/tmp", "bind") "," MOUNT("/is", "/tmp", "bind") "," MOUNT(
			"/file", "/etc/passwd", "bind") "," MOUNT("/s", "etc/..", "ro\",\"rbind") "],\"linux\":{}}");
	assert_int_equal(disk_take_directories(&arena, spec, &policy, "/", &disks, is_guests, &err), 0);
	assert_true(!is_guests[0] && is_guests[1] && !is_guests[2] && is_guests[3]);
	d = list_first(&disks, struct disk, link);
	assert_string_equal(d->path, "/s");
	assert_string_equal(d->dir, "//etc/..");
	assert_string_equal(d->mount, "/run/kata-containers/web/volumes/3");
	assert_string_equal(spec->mounts[3].source, d->mount);
	assert_true(d->dir_read_only && d->source.fd < 0 && d->slot < 0);
	(void)disk_free(d);
	assert_true(list_is_empty(&disks));
}

static void what_would_be_written_to_is_refused(void **state)
{
	_autoarena_ struct arena arena = { .max = 0 };
	const struct disk_policy policy = { "web", false };
	bool is_guests[1] = { false };
	struct err err = ERR_INIT;
	struct oci_spec *spec;
	struct list disks;

	(void)state;
	list_init(&disks);
	spec = parse(&arena, BEGIN "\"mounts\":[" MOUNT("/d", "/tmp", "rbind") "],\"linux\":{}}");
	assert_int_equal(disk_take_directories(&arena, spec, &policy, "/", &disks, is_guests, &err), -EOPNOTSUPP);
	assert_string_equal(err.text,
	                    "create container 'web': mount '/d' of the directory '/tmp': without a share "
	                    "(shared_fs = \"none\") nothing could be written to it: mount it read-only, or set "
	                    "shared_fs = \"virtio-fs\"");
	assert_true(list_is_empty(&disks));
}

int test_disk(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(directories_are_to_be_packed),
		cmocka_unit_test(what_would_be_written_to_is_refused),
		cmocka_unit_test(what_the_host_lacks_is_named),
		cmocka_unit_test(who_has_everything_does_without),
		cmocka_unit_test(nodes_of_characters_are_the_guests),
		cmocka_unit_test(a_list_owns_its_disks),
	};

	return cmocka_run_group_tests_name("disk", tests, NULL, NULL);
}
