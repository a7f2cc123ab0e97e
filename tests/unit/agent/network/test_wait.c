/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/network/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fd.h"
#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

#define BRIDGE "devices/pci0000:00/0000:00:02.0"
#define DEVICE BRIDGE "/0000:01:03.0"

static struct {
	unsigned n;
	int r;
	char name[IF_NAMESIZE];
	struct err err;
} seen;

static void note(struct net_wait *wait, int r, const char *name, const struct err *err)
{
	(void)wait;
	seen.n++;
	seen.r = r;
	(void)snprintf(seen.name, sizeof(seen.name), "%s", r == 0 ? name : "");
	if (r < 0)
		seen.err = *err;
}

static void make(const struct tempdir *dir, const char *path)
{
	char part[512];

	for (const char *p = strchr(path, '/'); p; p = strchr(p + 1, '/')) {
		(void)snprintf(part, sizeof(part), "%.*s", (int)(p - path), path);
		(void)mkdirat(dir->fd, part, 0755);
	}
	assert_true(mkdirat(dir->fd, path, 0755) == 0 || errno == EEXIST);
}

/* A network device as sysfs shows it. */
static void plug(const struct tempdir *dir, const char *below, const char *name)
{
	char path[512], target[520], entry[64];

	(void)snprintf(path, sizeof(path), "%s/net/%s", below, name);
	(void)snprintf(target, sizeof(target), "../../%s", path);
	(void)snprintf(entry, sizeof(entry), "class/net/%s", name);
	make(dir, path);
	make(dir, "class/net");
	assert_int_equal(symlinkat(target, dir->fd, entry), 0);
}

static int find(const struct tempdir *dir, const char *text, char *name)
{
	struct pci_path path;

	assert_int_equal(pci_path_parse(text, &path, NULL), 0);
	return net_find_at_pci(dir->fd, &path, name);
}

static void found(void **state)
{
	const struct tempdir *dir = *state;
	char name[IF_NAMESIZE];

	make(dir, BRIDGE "/pci_bus/0000:01");
	assert_int_equal(find(dir, "02/03", name), -ENOENT);
	plug(dir, "devices/virtual", "lo");
	plug(dir, DEVICE "0/virtio9", "eth9");
	make(dir, DEVICE);
	assert_int_equal(find(dir, "02/03", name), -ENOENT);
	plug(dir, DEVICE "/virtio1", "eth0");
	assert_int_equal(find(dir, "02/03", name), 0);
	assert_string_equal(name, "eth0");
	assert_int_equal(find(dir, "02/03.1", name), -ENOENT);
}

struct scene {
	struct loop *loop;
	struct net_wait wait;
	int events; /* what is written there is an event */
};

/* Starts waiting; the subscription's socket is then replaced by one that the test can write to. */
static int begin(struct scene *s, const struct tempdir *dir, const char *path, unsigned timeout_s, char *name,
                 struct err *err)
{
	int pair[2], r;

	memset(&seen, 0, sizeof(seen));
	assert_int_equal(loop_new(&s->loop), 0);
	s->events = -EBADF;
	s->wait = (struct net_wait){ .path = path, .sysfs = dup(dir->fd), .timeout_s = timeout_s, .done = note };
	r = net_wait_start(s->loop, &s->wait, name, err);
	if (r != 0)
		return r;
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	s->events = pair[1];
	loop_remove(&s->wait.source);
	(void)close(s->wait.events.fd);
	s->wait.events.fd = s->wait.source.fd = pair[0];
	assert_int_equal(loop_add(s->loop, &s->wait.source), 0);
	return 0;
}

static void event(struct scene *s)
{
	assert_int_equal(send(s->events, "event", 5, 0), 5);
	assert_return_code(loop_turn(s->loop, 1000), 0);
}

static void end(struct scene *s)
{
	assert_int_equal(loop_count(s->loop), 0);
	assert_int_equal(s->wait.sysfs, -EBADF);
	assert_int_equal(s->wait.events.fd, -EBADF);
	assert_null(s->wait.events.answer);
	(void)fd_close(s->events);
	loop_free(s->loop);
}

static void there_already(void **state)
{
	char name[IF_NAMESIZE];
	struct scene s;

	plug(*state, BRIDGE "/virtio1", "eth0");
	assert_int_equal(begin(&s, *state, "02", 3, name, NULL), 1);
	assert_string_equal(name, "eth0");
	assert_int_equal(seen.n, 0);
	end(&s);
}

static void comes_later(void **state)
{
	char name[IF_NAMESIZE];
	struct scene s;

	assert_int_equal(begin(&s, *state, "02/03", 30, name, NULL), 0);
	make(*state, BRIDGE "/pci_bus/0000:01");
	event(&s);
	plug(*state, "devices/virtual", "dummy0");
	event(&s);
	assert_int_equal(seen.n, 0);
	plug(*state, DEVICE "/virtio1", "eth0");
	event(&s);
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.r, 0);
	assert_string_equal(seen.name, "eth0");
	end(&s);
}

static void does_not_come(void **state)
{
	char name[IF_NAMESIZE];
	struct scene s;

	assert_int_equal(begin(&s, *state, "02/03", 1, name, NULL), 0);
	for (int i = 0; i < 20 && seen.n == 0; i++)
		assert_return_code(loop_turn(s.loop, 100), 0);
	assert_int_equal(seen.r, -ETIMEDOUT);
	assert_string_equal(seen.err.text, "interface not available: no network device at PCI path '02/03' within 1 s "
	                                   "(agent.hotplug_timeout)");
	end(&s);
}

static void cancelled(void **state)
{
	char name[IF_NAMESIZE];
	struct scene s;

	assert_int_equal(begin(&s, *state, "02/03", 30, name, NULL), 0);
	net_wait_cancel(&s.wait);
	assert_int_equal(seen.n, 0);
	end(&s);
}

static void bad_path(void **state)
{
	struct err err = ERR_INIT;
	char name[IF_NAMESIZE];
	struct scene s;

	assert_int_equal(begin(&s, *state, "02/", 30, name, &err), -EINVAL);
	assert_string_equal(err.text, "Invalid PCI path '02/'");
	end(&s);
}

#define T(name) cmocka_unit_test_setup_teardown(name, tempdir_setup, tempdir_teardown)

int test_wait(void)
{
	const struct CMUnitTest tests[] = {
		T(found), T(there_already), T(comes_later), T(does_not_come), T(cancelled), T(bad_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
