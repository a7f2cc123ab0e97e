/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mount/plan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/unit.h"

#define LIST(...)                                                                                                      \
	{                                                                                                              \
		(char *[]){ __VA_ARGS__, NULL }, sizeof((char *[]){ __VA_ARGS__ }) / sizeof(char *)                    \
	}

static struct oci_linux bare_linux;

static void plan_text(const struct oci_spec *spec, char *ret, size_t size)
{
	_autoarena_ struct arena arena = { 0 };
	_autobuf_ struct buf out = BUF_INIT;
	const struct rootfs_request request = { .spec = spec, .root = "/c/rootfs", .unified = true };
	struct rootfs_plan *plan = NULL;
	struct err err = ERR_INIT;

	if (rootfs_plan(&arena, &request, &plan, &err) < 0) {
		(void)snprintf(ret, size, "%s", err.text);
		return;
	}
	assert_int_equal(rootfs_plan_print(plan, &out), 0);
	(void)snprintf(ret, size, "%s", buf_str(&out));
}

/* The shape of what containerd sends for a plain container. */
static void a_whole_spec(void **state)
{
	struct oci_mount mounts[] = {
		{ (char *)"/proc", (char *)"proc", (char *)"proc", LIST("nosuid", "noexec", "nodev") },
		{ (char *)"//dev/", (char *)"tmpfs", (char *)"tmpfs", LIST("nosuid", "mode=755", "ro") },
		{ (char *)"/dev/pts", (char *)"devpts", (char *)"devpts", LIST("newinstance", "gid=5") },
		{ (char *)"/sys", (char *)"sysfs", (char *)"sysfs", LIST("ro") },
		{ (char *)"/sys/fs/cgroup", (char *)"cgroup", (char *)"cgroup", LIST("ro", "nosuid") },
		{ (char *)"/etc/hosts", (char *)"/share/hosts", (char *)"bind", LIST("rbind", "rprivate", "rro") },
		{ (char *)"/data", (char *)"/share/data", (char *)"", LIST("bind", "noatime", "ro") },
		{ (char *)"/tmp", (char *)"", (char *)"tmpfs", LIST("size=1m", "sync", "rslave") },
	};
	struct oci_device devices[] = {
		{ .path = (char *)"/dev/null", .type = 'c', .major = 1, .minor = 3, .has_mode = true, .mode = 0600 },
		{ .path = (char *)"/dev/disk/a", .type = 'b', .major = 254, .minor = 16 },
		{ .path = (char *)"/dev/pipe", .type = 'p' },
	};
	struct oci_linux lin = { .devices = devices,
		                 .n_devices = ARRAY_SIZE(devices),
		                 .masked_paths = LIST("/proc/kcore", "/sys/firmware/"),
		                 .readonly_paths = LIST("/proc/sys"),
		                 .rootfs_propagation = (char *)"rshared" };
	struct oci_process process = { .cwd = (char *)"/work" };
	struct oci_spec spec = { .mounts = mounts,
		                 .n_mounts = ARRAY_SIZE(mounts),
		                 .linux = &lin,
		                 .process = &process,
		                 .root_readonly = true };
	static const char expected[] =
		"propagation target=/ flags=0x104000\n"
		"root source=/c/rootfs\n"
		"mount source=proc target=/proc type=proc flags=0xe\n"
		"mount source=tmpfs target=/dev type=tmpfs data=mode=755 flags=0x2 number=1\n"
		"mount source=devpts target=/dev/pts type=devpts data=newinstance,gid=5\n"
		"mount source=sysfs target=/sys type=sysfs flags=0x1\n"
		"cgroup source=cgroup target=/sys/fs/cgroup type=cgroup flags=0x3\n"
		"bind source=/share/hosts target=/etc/hosts type=rbind data=[rprivate][tree+0x1-0x0] number=1\n"
		"bind source=/share/data target=/data type=bind flags=0x11 clear=0x70 number=2\n"
		"mount target=/tmp type=tmpfs data=size=1m[rslave][fs 0x10]\n"
		"node target=/dev/zero data=1:5 number=8630\n"
		"node target=/dev/full data=1:7 number=8630\n"
		"node target=/dev/tty data=5:0 number=8630\n"
		"node target=/dev/urandom data=1:9 number=8630\n"
		"node target=/dev/random data=1:8 number=8630\n"
		"node target=/dev/null data=1:3 number=8576\n"
		"node target=/dev/disk/a data=254:16 number=25014\n"
		"node target=/dev/pipe number=4534\n"
		"link source=/proc/self/fd target=/dev/fd\n"
		"link source=/proc/self/fd/0 target=/dev/stdin\n"
		"link source=/proc/self/fd/1 target=/dev/stdout\n"
		"link source=/proc/self/fd/2 target=/dev/stderr\n"
		"link source=/proc/kcore target=/dev/core\n"
		"link source=pts/ptmx target=/dev/ptmx\n"
		"console source=container\n"
		"pivot\n"
		"cwd target=/work\n"
		"seal target=/dev number=1\n"
		"mask target=/proc/kcore\n"
		"mask target=/sys/firmware\n"
		"readonly target=/proc/sys\n"
		"share target=/ flags=0x104000\n"
		"readonly-root target=/\n";
	char text[4096];

	(void)state;
	plan_text(&spec, text, sizeof(text));
	assert_string_equal(text, expected);
}

static void a_bound_dev_is_left_alone(void **state)
{
	struct oci_mount mounts[] = { { (char *)"/dev", (char *)"/dev", (char *)"bind", LIST("rbind", "ro") } };
	struct oci_spec spec = { .mounts = mounts, .n_mounts = 1, .linux = &bare_linux };
	char text[4096];

	(void)state;
	plan_text(&spec, text, sizeof(text));
	assert_string_equal(text, "propagation target=/ flags=0x84000\n"
	                          "root source=/c/rootfs\n"
	                          "bind source=/dev target=/dev type=rbind flags=0x1 number=1\n"
	                          "console source=creator\n"
	                          "pivot\n");
}

/* One wrong mount each; the text names what is wrong. */
static void wrong_mounts_are_named(void **state)
{
	static const struct {
		const char *destination, *source, *type, *option, *expected;
	} rows[] = {
		{ "data", "/s", "bind", "bind", "mount on 'data': the path must be absolute and without '..'" },
		{ "/a/../b", "/s", "bind", "bind", "mount on '/a/../b': the path must be absolute and without '..'" },
		{ "", "/s", "bind", "bind", "mount on '': the path must be absolute and without '..'" },
		{ "/.//", "tmpfs", "tmpfs", "ro", "mount 'tmpfs' on '/': that is the rootfs" },
		{ "/a", "", "bind", "bind", "bind on '/a': no source" },
		{ "/a", "/s", "bind", "ridmap",
		  "bind on '/a': to map its ids takes mappings of users and groups, its own or those of a new user "
		  "namespace" },
		{ "/a", "tmpfs", "tmpfs", "idmap", "mount 'tmpfs' on '/a': ids are mapped for binds only" },
		{ "/a", "/s", "bind", "tmpcopyup", "mount 'bind' on '/a': 'tmpcopyup' is for tmpfs only" },
		{ "/a", "proc", "proc", "tmpcopyup", "mount 'proc' on '/a': 'tmpcopyup' is for tmpfs only" },
		{ "/a", "/s", "", "ro", "mount on '/a': neither a type nor 'bind'" },
		{ "/a", "/s", "none", "ro", "mount on '/a': neither a type nor 'bind'" },
		{ "/a", "/s", "ext4", "loop", "mount 'ext4' on '/a': mount option 'loop' is not supported" },
		{ "/proc/sys", "/s", "bind", "bind",
		  "mount 'bind' on '/proc/sys': nothing may be mounted there, it is inside /proc" },
		{ "//proc/./self/attr", "/s", "bind", "bind",
		  "mount 'bind' on '/proc/self/attr': nothing may be mounted there, it is inside /proc" },
		{ "/proc/cpuinfo/x", "/s", "bind", "bind",
		  "mount 'bind' on '/proc/cpuinfo/x': nothing may be mounted there, it is inside /proc" },
		{ "/proc", "tmpfs", "tmpfs", "ro",
		  "mount 'tmpfs' on '/proc': nothing may be mounted there, it is inside /proc" },
		{ "/proc/x", "tmpfs", "tmpfs", "ro",
		  "mount 'tmpfs' on '/proc/x': nothing may be mounted there, it is inside /proc" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct oci_mount mount = { (char *)rows[i].destination, (char *)rows[i].source, (char *)rows[i].type,
			                   LIST((char *)rows[i].option) };
		struct oci_spec spec = { .mounts = &mount, .n_mounts = 1, .linux = &bare_linux };
		char text[4096];

		plan_text(&spec, text, sizeof(text));
		assert_string_equal(text, rows[i].expected);
	}
}

static void files_of_proc_may_be_covered(void **state)
{
	static const char *const rows[] = { "/proc/cpuinfo", "/proc/uptime", "/proc/net/dev", "/proc", "/process" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct oci_mount mount = { (char *)rows[i], (char *)"/s", (char *)"bind", LIST("bind") };
		struct oci_spec spec = { .mounts = &mount, .n_mounts = 1, .linux = &bare_linux };
		char text[4096], line[128];

		plan_text(&spec, text, sizeof(text));
		(void)snprintf(line, sizeof(line), "bind source=/s target=%s type=bind number=1\n", rows[i]);
		assert_non_null(strstr(text, line));
	}
}

static void wrong_devices_are_named(void **state)
{
	static const struct {
		const char *path;
		char type;
		int64_t major;
		const char *expected;
	} rows[] = {
		{ "/proc/x", 'c', 1, "device '/proc/x': there cannot be one" },
		{ "/dev/../etc/x", 'c', 1, "device '/dev/../etc/x': the path must be absolute and without '..'" },
		{ "/dev", 'c', 1, "device '/dev': there cannot be one" },
		{ "/", 'c', 1, "device '/': there cannot be one" },
		{ "/dev/x", 'q', 1, "device '/dev/x': unknown type 'q'" },
		{ "/dev/x", 'c', -1, "device '/dev/x': impossible number" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct oci_device device = { .path = (char *)rows[i].path,
			                     .type = rows[i].type,
			                     .major = rows[i].major };
		struct oci_linux lin = { .devices = &device, .n_devices = 1 };
		struct oci_spec spec = { .linux = &lin };
		char text[4096];

		plan_text(&spec, text, sizeof(text));
		assert_string_equal(text, rows[i].expected);
	}
}

static void wrong_roots_are_named(void **state)
{
	struct oci_linux lin = { .rootfs_propagation = (char *)"sideways" };
	struct oci_spec spec = { .linux = &lin };
	struct rootfs_request request = { .spec = &spec };
	_autoarena_ struct arena arena = { 0 };
	struct rootfs_plan *plan = NULL;
	struct err err = ERR_INIT;
	char text[4096];

	(void)state;
	plan_text(&spec, text, sizeof(text));
	assert_string_equal(text, "unknown rootfs propagation 'sideways'");
	assert_int_equal(rootfs_plan(&arena, &request, &plan, &err), -EINVAL);
	assert_string_equal(err.text, "rootfs '' is not an absolute path");
	assert_null(plan);
}

static void every_lack_of_memory_is_an_error(void **state)
{
	struct oci_mount mount = { (char *)"/a", (char *)"/s", (char *)"bind", LIST("bind", "x=1", "rro") };
	struct oci_spec spec = { .mounts = &mount, .n_mounts = 1, .linux = &bare_linux };
	const struct rootfs_request request = { .spec = &spec, .root = "/r" };
	size_t max;

	(void)state;
	for (max = 16; max < 65536; max += 16) {
		_autoarena_ struct arena arena = { .max = max };
		struct rootfs_plan *plan = NULL;
		struct err err = ERR_INIT;
		int r = rootfs_plan(&arena, &request, &plan, &err);

		if (r == 0)
			break;
		assert_int_equal(r, -ENOMEM);
	}
	assert_in_range(max, 1024, 65535);
}

int test_plan(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_spec),
		cmocka_unit_test(a_bound_dev_is_left_alone),
		cmocka_unit_test(wrong_mounts_are_named),
		cmocka_unit_test(files_of_proc_may_be_covered),
		cmocka_unit_test(wrong_devices_are_named),
		cmocka_unit_test(wrong_roots_are_named),
		cmocka_unit_test(every_lack_of_memory_is_an_error),
	};

	return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
