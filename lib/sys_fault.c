/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sys_fault.h"

#ifdef SYS_FAULT

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/sys.h"

static struct sys_fault_state *map_state(void)
{
	const char *path = getenv("KATA_SYS_FAULT");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *p;

	if (fd < 0)
		return NULL;
	p = mmap(NULL, sizeof(struct sys_fault_state), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)close(fd);
	return p == MAP_FAILED ? NULL : p;
}

int sys_fault(const char *call)
{
	static struct sys_fault_state *state; /* the one global of the fault build: children inherit the mapping */
	static int looked;

	if (!looked) {
		looked = 1;
		state = map_state();
	}
	if (!state || !__atomic_load_n(&state->armed, __ATOMIC_SEQ_CST))
		return 0;
	(void)__atomic_add_fetch(&state->seen, 1, __ATOMIC_SEQ_CST);
	if (__atomic_sub_fetch(&state->countdown, 1, __ATOMIC_SEQ_CST) != 0)
		return 0;
	(void)strncpy(state->failed, call, sizeof(state->failed) - 1);
	return state->errnum ? -state->errnum : -EIO;
}

#endif
