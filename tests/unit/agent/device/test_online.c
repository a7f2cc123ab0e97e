/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/device/online.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/sys.h"
#include "lib/uevent.h"
#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"
#include "tests/unit/agent/device/sysfs.h"

/* A /sys/devices/system in a directory. Opening cpuN/online for writing is what puts it online. */
static struct {
	struct tempdir *dir;
	bool outside; /* of a guest */
	int refuse;   /* what opening for writing says */
	bool is_late; /* it is online all the same */
	int events[2];
	unsigned opened;
} fake;

bool __wrap_sys_owns_machine(void);
int __wrap_sys_open_machine_file(const char *path, int flags);
int __wrap_uevent_open(void);

bool __wrap_sys_owns_machine(void)
{
	return !fake.outside;
}

int __wrap_uevent_open(void)
{
	return dup(fake.dir ? fake.events[0] : sysfs_events());
}

/* What the kernel would do with the list of CPUs. */
static void count_again(void)
{
	char list[64] = "0";

	for (int i = 1; i < 8; i++) {
		char name[32], c = '0';
		int fd;

		(void)snprintf(name, sizeof(name), "cpu/cpu%d/online", i);
		fd = openat(fake.dir->fd, name, O_RDONLY | O_CLOEXEC);
		if (fd >= 0 && read(fd, &c, 1) == 1 && c == '1')
			(void)snprintf(list + strlen(list), sizeof(list) - strlen(list), ",%d", i);
		(void)fd_close(fd);
	}
	tempdir_write(fake.dir, "cpu/online", list);
}

int __wrap_sys_open_machine_file(const char *path, int flags)
{
	int fd;

	fake.opened++;
	if (fake.refuse < 0 && !fake.is_late)
		return fake.refuse;
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* Written at once, since nobody tells us of the write that follows. */
	if (strstr(path, "/online") && write(fd, "1", 1) == 1 && strstr(path, "/cpu"))
		count_again();
	if (fake.refuse < 0) {
		(void)close(fd);
		return fake.refuse;
	}
	(void)lseek(fd, 0, SEEK_SET);
	return fd;
}

static void plug(const char *kind, int n, const char *online)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "%s/%s%d", kind, kind, n);
	assert_int_equal(mkdirat(fake.dir->fd, name, 0755), 0);
	(void)snprintf(name, sizeof(name), "%s/%s%d/online", kind, kind, n);
	tempdir_write(fake.dir, name, online);
}

/* CPU 0 cannot be put offline, so it has no file; CPU 1 is online; "cpufreq" is no CPU. */
static int setup(void **state)
{
	void *dir;

	(void)state;
	memset(&fake, 0, sizeof(fake));
	assert_int_equal(tempdir_setup(&dir), 0);
	fake.dir = dir;
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fake.events), 0);
	assert_int_equal(mkdirat(fake.dir->fd, "cpu", 0755), 0);
	assert_int_equal(mkdirat(fake.dir->fd, "cpu/cpu0", 0755), 0);
	assert_int_equal(mkdirat(fake.dir->fd, "cpu/cpufreq", 0755), 0);
	assert_int_equal(mkdirat(fake.dir->fd, "memory", 0755), 0);
	plug("cpu", 1, "1\n");
	tempdir_write(fake.dir, "cpu/online", "0-1\n");
	return 0;
}

static int teardown(void **state)
{
	void *dir = fake.dir;

	(void)state;
	(void)close(fake.events[0]);
	(void)close(fake.events[1]);
	memset(&fake, 0, sizeof(fake)); /* the other tests of this program use the same seams */
	return tempdir_teardown(&dir);
}

static int online(unsigned cpus, bool memory, unsigned ms, struct err *err)
{
	const struct device_online want = { cpus, memory, ms };

	*err = (struct err)ERR_INIT;
	return device_online(fake.dir->path, &want, err);
}

static void assert_file(const char *name, const char *text)
{
	_autofree_ char *content = NULL;

	assert_int_equal(fd_read_file_at(fake.dir->fd, name, 4096, &content, NULL), 0);
	assert_string_equal(content, text);
}

static void lists_are_counted(void **state)
{
	static const struct {
		const char *text;
		int n;
	} rows[] = {
		{ "0\n", 1 },
		{ "0-3\n", 4 },
		{ "0-1,4,6-7", 5 },
		{ "", 0 },
		{ "\n", 0 },
		{ "3-1\n", -EINVAL },
		{ "a", -EINVAL },
		{ "0-", -EINVAL },
		{ "0;1", -EINVAL },
		{ "-1", -EINVAL },
		{ "0-4294967295", -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(device_count_list(rows[i].text), rows[i].n);
}

static void what_is_there_is_put_online(void **state)
{
	struct err err;

	(void)state;
	plug("cpu", 2, "0\n");
	plug("memory", 32, "0\n");
	assert_int_equal(online(3, false, 1000, &err), 0);
	assert_file("cpu/cpu2/online", "1\n");
	assert_file("memory/memory32/online", "0\n");
	assert_int_equal(fake.opened, 1);
	assert_int_equal(online(3, true, 1000, &err), 0);
	assert_file("memory/memory32/online", "1\n");
	assert_int_equal(fake.opened, 2);
}

/* The number is the total: with enough of them nothing is touched. */
static void enough_is_enough(void **state)
{
	struct err err;

	(void)state;
	plug("cpu", 2, "0\n");
	assert_int_equal(online(2, false, 1000, &err), 0);
	assert_int_equal(online(0, false, 1000, &err), 0);
	assert_int_equal(fake.opened, 0);
	assert_file("cpu/cpu2/online", "0\n");
}

/* One is there, the other comes later, and only the event tells. */
static void what_comes_later_is_waited_for(void **state)
{
	struct err err;
	pid_t pid;

	(void)state;
	plug("cpu", 2, "0\n");
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)usleep(100000);
		plug("cpu", 3, "0\n");
		_exit(write(fake.events[1], "add@/devices/system/cpu/cpu3", 28) != 28);
	}
	assert_int_equal(online(4, false, 10000, &err), 0);
	assert_file("cpu/cpu3/online", "1\n");
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void the_guest_did_it_itself(void **state)
{
	struct err err;
	pid_t pid;

	(void)state;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)usleep(100000);
		plug("cpu", 2, "1\n");
		count_again();
		_exit(write(fake.events[1], "online@/devices/system/cpu/cpu2", 31) != 31);
	}
	assert_int_equal(online(3, false, 10000, &err), 0);
	assert_int_equal(fake.opened, 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* The write fails, since somebody else was faster: that is what was wanted. */
static void a_lost_race_is_won(void **state)
{
	struct err err;

	(void)state;
	fake.refuse = -EBUSY;
	fake.is_late = true;
	plug("cpu", 2, "0\n");
	assert_int_equal(online(3, false, 1000, &err), 0);
}

static void too_few_are_counted(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(online(4, false, 50, &err), -ETIMEDOUT);
	assert_string_equal(err.text, "2 of 4 CPUs are online after 50 ms");
	plug("cpu", 2, "0\n");
	assert_int_equal(online(4, false, 50, &err), -ETIMEDOUT);
	assert_string_equal(err.text, "3 of 4 CPUs are online after 50 ms");
	plug("cpu", 3, "0\n");
	fake.refuse = -EIO;
	assert_int_equal(online(4, false, 50, &err), -ETIMEDOUT);
	assert_string_equal(err.text, "3 of 4 CPUs are online after 50 ms: put 'cpu3' online: Input/output error");
}

static void memory_that_refuses_is_named(void **state)
{
	struct err err;

	(void)state;
	plug("memory", 40, "0\n");
	fake.refuse = -ENOMEM;
	assert_int_equal(online(0, true, 50, &err), -ENOMEM);
	assert_string_equal(err.text, "put 'memory40' online: Cannot allocate memory");
}

static void not_outside_of_a_guest(void **state)
{
	struct err err;

	(void)state;
	plug("cpu", 2, "0\n");
	fake.outside = true;
	assert_int_equal(online(3, true, 1000, &err), -EPERM);
	assert_string_equal(err.text, "put CPUs and memory online: Operation not permitted");
	assert_int_equal(fake.opened, 0);
}

static void no_list_is_an_error(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(unlinkat(fake.dir->fd, "cpu/online", 0), 0);
	assert_int_equal(online(1, false, 50, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/cpu/online': No such file or directory"));
}

static int probe(const uint64_t *addresses, size_t n, struct err *err)
{
	char meminfo[256];

	(void)snprintf(meminfo, sizeof(meminfo), "%s/meminfo", fake.dir->path);
	return device_probe_memory(fake.dir->path, meminfo, addresses, n, err);
}

static void memory_is_probed(void **state)
{
	const uint64_t addresses[] = { 0x120000000, 0xFFFFFFFFFFFFFFFF };
	struct err err = ERR_INIT;
	char expected[256];

	(void)state;
	assert_int_equal(probe(NULL, 0, &err), 0);
	(void)snprintf(expected, sizeof(expected),
	               "write '0x120000000' to '%s/memory/probe': No such file or directory", fake.dir->path);
	assert_int_equal(probe(addresses, 1, &err), -ENOENT);
	assert_string_equal(err.text, expected);
	tempdir_write(fake.dir, "memory/probe", "");
	assert_int_equal(probe(addresses, 2, &err), 0);
	/* Each is a write of its own, from the start. */
	assert_file("memory/probe", "0xFFFFFFFFFFFFFFFF");
}

/* 256 MiB are 65536 pages of 4 KiB: 4 MiB to describe them. */
static void memory_that_cannot_be_described_is_refused(void **state)
{
	const uint64_t addresses[] = { 0x120000000, 0x130000000, 0x140000000 };
	struct err err = ERR_INIT;

	(void)state;
	if (sysconf(_SC_PAGESIZE) != 4096)
		skip();
	tempdir_write(fake.dir, "memory/probe", "untouched");
	tempdir_write(fake.dir, "memory/block_size_bytes", "10000000\n");
	tempdir_write(fake.dir, "meminfo", "MemTotal:  500000 kB\nMemAvailable:    12287 kB\n");
	assert_int_equal(probe(addresses, 3, &err), -ENOMEM);
	assert_string_equal(err.text, "add 3 blocks of 262144 KiB: to describe their pages takes 12288 KiB, "
	                              "12287 KiB are available");
	assert_file("memory/probe", "untouched");
	assert_int_equal(probe(addresses, 2, &err), 0);
	tempdir_write(fake.dir, "meminfo", "MemAvailable:    12288 kB\n");
	assert_int_equal(probe(addresses, 3, &err), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int test_online(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_are_counted),
		T(what_is_there_is_put_online),
		T(enough_is_enough),
		T(what_comes_later_is_waited_for),
		T(the_guest_did_it_itself),
		T(a_lost_race_is_won),
		T(too_few_are_counted),
		T(memory_that_refuses_is_named),
		T(not_outside_of_a_guest),
		T(no_list_is_an_error),
		T(memory_is_probed),
		T(memory_that_cannot_be_described_is_refused),
	};

	return cmocka_run_group_tests_name("online", tests, NULL, NULL);
}
