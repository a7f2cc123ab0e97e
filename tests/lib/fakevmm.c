/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/fakevmm.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/addr.h"
#include "lib/fd.h"
#include "lib/sys.h"
#include "tests/lib/unit.h"

#define PREFIX       "/fake/"
#define PLAY_SECONDS 60
#define AWAY         100 /* fds are put there before they get their numbers */

static const struct fakevmm_role *cast;
static void *cast_arg;
static int64_t clock_ahead;
static volatile int64_t *clock_step; /* shared with the plays; NULL = no play */

pid_t __real_spawn_run(const struct spawn_spec *spec, int *ret_pidfd, struct err *err);
pid_t __wrap_spawn_run(const struct spawn_spec *spec, int *ret_pidfd, struct err *err);
int64_t __real_sys_now_ms(void);
int64_t __wrap_sys_now_ms(void);

void fakevmm_start(const struct fakevmm_role *roles, void *arg)
{
	cast = roles;
	cast_arg = arg;
	clock_step = mmap(NULL, sizeof(*clock_step), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(clock_step != MAP_FAILED);
}

void fakevmm_stop(void)
{
	cast = NULL;
	(void)munmap((void *)(uintptr_t)clock_step, sizeof(*clock_step));
	clock_step = NULL;
}

void fakevmm_hurry(int64_t ms)
{
	*clock_step = ms;
}

int64_t __wrap_sys_now_ms(void)
{
	clock_ahead += clock_step ? *clock_step : 0;
	return __real_sys_now_ms() + clock_ahead;
}

static void place_fds(const struct spawn_spec *spec)
{
	int n = 3 + (int)spec->n_fds, fds[3 + SPAWN_FDS_MAX];

	for (int i = 0; i < n; i++) {
		int fd = i < 3 ? spec->stdio[i] : spec->fds[i - 3];

		fds[i] = fd < 0 ? open("/dev/null", O_RDWR) : fcntl(fd, F_DUPFD, AWAY);
	}
	for (int i = 0; i < n; i++)
		if (dup2(fds[i], i) < 0)
			_exit(120);
	(void)syscall(SYS_close_range, n, ~0u, 0);
}

static pid_t play(const struct fakevmm_role *role, const struct spawn_spec *spec, int *ret_pidfd)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)alarm(PLAY_SECONDS);
		place_fds(spec);
		_exit(role->play(spec, cast_arg));
	}
	*ret_pidfd = sys_pidfd_open(pid);
	assert_true(*ret_pidfd >= 0);
	return pid;
}

pid_t __wrap_spawn_run(const struct spawn_spec *spec, int *ret_pidfd, struct err *err)
{
	const struct fakevmm_role *role = cast;

	while (role && role->path && strcmp(role->path, spec->path) != 0)
		role++;
	if (role && role->play)
		return play(role, spec, ret_pidfd);
	if (strncmp(spec->path, PREFIX, strlen(PREFIX)) == 0)
		return err_set(err, ENOENT, "run '%s'", spec->path);
	return __real_spawn_run(spec, ret_pidfd, err);
}

int fakevmm_listen(const char *path)
{
	struct addr a = { .kind = ADDR_UNIX };
	int fd;

	if (strlen(path) >= sizeof(a.path))
		_exit(121);
	memcpy(a.path, path, strlen(path) + 1);
	fd = addr_listen(&a, 4, NULL);
	if (fd < 0)
		_exit(122);
	return fd;
}

int fakevmm_accept(int listener)
{
	int fd;

	(void)fd_set_nonblock(listener, false);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		_exit(123);
	return fd;
}

void fakevmm_say(int fd, const char *text)
{
	if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		_exit(124);
}

bool fakevmm_hear(int fd, const char *text)
{
	char line[4096];
	size_t len = 0;

	while (len < sizeof(line) - 1) {
		ssize_t n = read(fd, line + len, 1);

		if (n <= 0)
			return false;
		line[++len] = '\0';
		if (strstr(line, text))
			return true;
	}
	_exit(125);
}

int fakevmm_wait(void)
{
	for (;;)
		(void)pause();
}
