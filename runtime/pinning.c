/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/pinning.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/fd.h"

#define THREADS_MAX SIZING_CPUS_MAX

void pinning_find(const struct sizing_cpus *set, size_t n, size_t i, struct sizing_cpus *ret)
{
	size_t seen = 0;

	*ret = *set;
	if (sizing_count_cpus(set) != (int64_t)n)
		return;
	memset(ret, 0, sizeof(*ret));
	for (size_t cpu = 0; cpu < SIZING_CPUS_MAX; cpu++) {
		unsigned char bit = (unsigned char)(1u << cpu % 8);

		if (!(set->bits[cpu / 8] & bit) || seen++ != i)
			continue;
		ret->bits[cpu / 8] = bit;
		return;
	}
}

/* QEMU names the threads of its CPUs "CPU 0/TCG" or "CPU 0/KVM"; their number, or -1. */
static int number_of(int task, const char *tid)
{
	_autofree_ char *path = NULL, *name = NULL;
	int number;
	size_t n;

	if (asprintf(&path, "%s/comm", tid) < 0 || fd_read_file_at(task, path, 64, &name, &n) < 0 ||
	    sscanf(name, "CPU %d/", &number) != 1 || number < 0 || number >= THREADS_MAX)
		return -1;
	return number;
}

/* Their ids in the order of their numbers, and how many there are. */
static int find_threads(pid_t vmm, pid_t *tids, size_t *ret_n, struct err *err)
{
	_autofree_ char *path = NULL;
	_autodir_ DIR *dir = NULL;
	struct dirent *entry;
	size_t n = 0;

	if (asprintf(&path, "/proc/%d/task", (int)vmm) < 0)
		return err_set(err, ENOMEM, "list the threads of process %d", (int)vmm);
	dir = opendir(path);
	if (!dir)
		return err_set(err, errno, "list the threads of process %d", (int)vmm);
	while ((entry = readdir(dir)) != NULL) {
		int number = entry->d_name[0] != '.' ? number_of(dirfd(dir), entry->d_name) : -1;

		if (number >= 0)
			tids[number] = (pid_t)strtol(entry->d_name, NULL, 10);
	}
	/* One that was taken out leaves its number free. */
	for (size_t i = 0; i < THREADS_MAX; i++)
		if (tids[i] > 0)
			tids[n++] = tids[i];
	*ret_n = n;
	return 0;
}

int pinning_apply(pid_t vmm, const struct sizing_cpus *set, struct err *err)
{
	_autofree_ pid_t *tids = calloc(THREADS_MAX, sizeof(*tids));
	struct sizing_cpus all = *set, cpus;
	size_t n = 0;
	int r = tids ? find_threads(vmm, tids, &n, err) : err_set(err, ENOMEM, "pin the guest's CPUs");

	if (r < 0)
		return r;
	if (sizing_count_cpus(&all) == 0 && sched_getaffinity(0, sizeof(all.bits), (cpu_set_t *)&all.bits) < 0)
		return err_set(err, errno, "read our own CPUs");
	for (size_t i = 0; i < n; i++) {
		pinning_find(set, n, i, &cpus);
		if (sizing_count_cpus(set) == 0)
			cpus = all;
		if (sched_setaffinity(tids[i], sizeof(cpus.bits), (const cpu_set_t *)&cpus.bits) < 0)
			return err_set(err, errno, "pin the guest's CPU %zu", i);
	}
	return 0;
}
