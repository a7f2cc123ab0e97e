/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/device/online.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/sys.h"
#include "lib/uevent.h"

#define SMALL_MAX  65536 /* of a file in /sys */
#define NUMBER_MAX 100000
#define RETRY_MS   100 /* a CPU that refuses (EBUSY) tells nobody when it would not */
#define NS_PER_MS  1000000ull
#define KIB        1024u

#define PAGE_STRUCT_SIZE 64 /* of the kernel's `struct page`, on all 64-bit machines */

int device_count_list(const char *text)
{
	int n = 0;

	while (*text && *text != '\n') {
		unsigned first, last;
		int used = 0;

		if (!isdigit((unsigned char)*text) || sscanf(text, "%6u%n", &first, &used) != 1)
			return -EINVAL;
		text += used;
		last = first;
		if (*text == '-') {
			if (!isdigit((unsigned char)text[1]) || sscanf(text + 1, "%6u%n", &last, &used) != 1)
				return -EINVAL;
			text += used + 1;
		}
		if (last < first || last > NUMBER_MAX || (*text && *text != ',' && *text != '\n'))
			return -EINVAL;
		n += (int)(last - first) + 1;
		text += *text == ',';
	}
	return n;
}

static int count_cpus(const char *system, struct err *err)
{
	_autofree_ char *text = NULL;
	char path[PATH_MAX];
	int r;

	(void)snprintf(path, sizeof(path), "%s/cpu/online", system);
	r = fd_read_file_at(AT_FDCWD, path, SMALL_MAX, &text, NULL);
	r = r < 0 ? r : device_count_list(text);
	return r < 0 ? err_set(err, r, "count the CPUs in '%s'", path) : r;
}

/* Files of the whole machine are opened by path, behind the fence. */
static int write_machine_file(const char *path, const char *text)
{
	_autoclose_ int fd = sys_open_machine_file(path, O_WRONLY);

	return fd < 0 ? fd : fd_write_all(fd, text, strlen(text));
}

static bool is_offline(const char *path)
{
	_autofree_ char *text = NULL;

	return fd_read_file_at(AT_FDCWD, path, SMALL_MAX, &text, NULL) == 0 && text[0] == '0';
}

/* "cpu12" for the prefix "cpu", not "cpufreq". */
static bool is_numbered(const char *name, const char *prefix)
{
	size_t len = strlen(prefix), digits;

	if (strncmp(name, prefix, len) != 0)
		return false;
	digits = strspn(name + len, "0123456789");
	return digits > 0 && name[len + digits] == '\0';
}

/*
 * Puts everything called <kind><number> online that is not. All are tried; the first failure is returned and told in
 * *err. One that vanishes meanwhile, or was put online by somebody else, is no failure.
 */
static int put_online(const char *system, const char *kind, struct err *err)
{
	_autodir_ DIR *dir = NULL;
	char path[PATH_MAX];
	struct dirent *entry;
	int first = 0, r;

	(void)snprintf(path, sizeof(path), "%s/%s", system, kind);
	r = fd_opendir(AT_FDCWD, path, 0, &dir);
	if (r < 0)
		return r == -ENOENT ? 0 : err_set(err, r, "look for what is offline in '%s'", path);
	while ((r = sys_readdir(dir, &entry)) == 1) {
		if (!is_numbered(entry->d_name, kind))
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s/%s/online", system, kind, entry->d_name);
		if (!is_offline(path))
			continue;
		r = write_machine_file(path, "1");
		if (r < 0 && first == 0 && is_offline(path))
			first = err_set(err, r, "put '%s' online", entry->d_name);
	}
	return r < 0 ? err_set(err, r, "look for what is offline in '%s/%s'", system, kind) : first;
}

static int say_late(const char *system, const struct device_online *want, const struct err *why, struct err *err)
{
	int n = count_cpus(system, err);

	if (n < 0)
		return n;
	return err_say(err, ETIMEDOUT, "%d of %u CPUs are online after %u ms%s%s", n, want->cpus, want->timeout_ms,
	               why->num ? ": " : "", why->num ? err_text(why) : "");
}

static int online_cpus(const char *system, const struct device_online *want, int events, struct err *err)
{
	uint64_t now = sys_now(CLOCK_MONOTONIC), end = now + want->timeout_ms * NS_PER_MS;
	struct err why = ERR_INIT;

	for (; now <= end; now = sys_now(CLOCK_MONOTONIC)) {
		int left, n = count_cpus(system, err), failed = 0, r;

		if (n >= 0 && (unsigned)n < want->cpus) {
			why.num = 0;
			failed = put_online(system, "cpu", &why);
			n = count_cpus(system, err);
		}
		if (n < 0)
			return n;
		if ((unsigned)n >= want->cpus)
			return 0;
		left = (int)((end - now) / NS_PER_MS) + 1;
		r = uevent_wait(events, failed < 0 && left > RETRY_MS ? RETRY_MS : left);
		if (r < 0)
			return err_set(err, r, "wait for events of CPUs");
	}
	return say_late(system, want, &why, err);
}

int device_online(const char *system, const struct device_online *want, struct err *err)
{
	_autoclose_ int events = -EBADF;
	int r;

	if (!sys_owns_machine())
		return err_set(err, EPERM, "put CPUs and memory online");
	/* Before the first look, so that what comes right after it is an event. */
	events = uevent_open();
	if (events < 0)
		return err_set(err, events, "listen for events of CPUs");
	r = want->cpus > 0 ? online_cpus(system, want, events, err) : 0;
	return r < 0 || !want->memory ? r : put_online(system, "memory", err);
}

/* The number that the file begins with, behind `key` if there is one; 0 = it says nothing. */
static uint64_t read_number(const char *path, const char *key, int base)
{
	_autofree_ char *text = NULL;
	const char *at;

	if (fd_read_file_at(AT_FDCWD, path, SMALL_MAX, &text, NULL) < 0)
		return 0;
	at = key ? strstr(text, key) : text;
	return at ? strtoull(at + (key ? strlen(key) : 0), NULL, base) : 0;
}

/*
 * The kernel describes each new page in memory that it has already: too many at once, and it kills what runs instead of
 * saying no. What it has no figures of is tried.
 */
static int check_room(const char *system, const char *meminfo, size_t n, struct err *err)
{
	uint64_t block, need, available = read_number(meminfo, "MemAvailable:", 10);
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/memory/block_size_bytes", system);
	block = read_number(path, NULL, 16) / KIB;
	need = block * n / ((uint64_t)sysconf(_SC_PAGESIZE) / KIB) * PAGE_STRUCT_SIZE / KIB;
	if (available == 0 || need <= available)
		return 0;
	return err_say(err, ENOMEM,
	               "add %zu blocks of %" PRIu64 " KiB: to describe their pages takes %" PRIu64 " KiB, %" PRIu64
	               " KiB are available",
	               n, block, need, available);
}

int device_probe_memory(const char *system, const char *meminfo, const uint64_t *addresses, size_t n, struct err *err)
{
	char path[PATH_MAX];
	int room = check_room(system, meminfo, n, err);

	if (room < 0)
		return room;
	(void)snprintf(path, sizeof(path), "%s/memory/probe", system);
	for (size_t i = 0; i < n; i++) {
		char text[32];
		int r;

		(void)snprintf(text, sizeof(text), "0x%llX", (unsigned long long)addresses[i]);
		r = write_machine_file(path, text);
		if (r < 0)
			return err_set(err, r, "write '%s' to '%s'", text, path);
	}
	return 0;
}
