/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/cgroup_scope.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/cgroupfs.h"
#include "lib/fd.h"
#include "lib/spawn.h"
#include "lib/sys.h"

#define START_TIMEOUT_MS 30000
#define END_TIMEOUT_MS   5000
#define ARGV_MAX         (2 * CGROUP_SCOPE_PROPERTIES + 16)
#define TEXT_MAX         512

/* --- names ------------------------------------------------------------------------------------------------------- */

static bool is_unit_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr(":-_.\\@", c));
}

static bool is_unit_name(const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < n; i++)
		if (!is_unit_char(name[i]))
			return false;
	return n > 0 && n < 256;
}

/* "a-b.slice" lies in "a.slice": "/a.slice/a-b.slice". "-.slice" is the root. */
static char *slice_path(struct arena *arena, const char *slice)
{
	size_t len = strlen(slice) - strlen(".slice");
	char *path = arena_strdup(arena, "");

	if (strcmp(slice, "-.slice") == 0)
		return path;
	for (size_t i = 1; i <= len && path; i++)
		if (i == len || slice[i] == '-')
			path = arena_printf(arena, "%s/%.*s.slice", path, (int)i, slice);
	return path;
}

static bool is_slice(const char *name)
{
	size_t n = strlen(name), end = strlen(".slice");

	if (n <= end || strcmp(name + n - end, ".slice") != 0 || !is_unit_name(name))
		return false;
	if (strcmp(name, "-.slice") == 0)
		return true;
	/* Each part between dashes is a slice of its own and has a name. */
	return name[0] != '-' && name[n - end - 1] != '-' && !strstr(name, "--");
}

int cgroup_scope_parse(struct arena *arena, const char *cgroups_path, const char *cid, bool user,
                       struct cgroup_scope *ret, struct err *err)
{
	char *text = arena_strdup(arena, cgroups_path && *cgroups_path ? cgroups_path : "::");
	char *prefix = text ? strchr(text, ':') : NULL, *name = prefix ? strchr(prefix + 1, ':') : NULL;
	struct cgroup_scope scope = { 0 };
	const char *parents;

	if (!text)
		return err_say(err, ENOMEM, "plan the scope of container '%s': out of memory", cid);
	if (!name || strchr(name + 1, ':'))
		return err_say(err, EINVAL, "cgroup path '%s' of container '%s' is not 'slice:prefix:name'", text, cid);
	*prefix++ = *name++ = '\0';
	scope.slice = *text ? text : user ? "user.slice" : "system.slice";
	if (!is_slice(scope.slice))
		return err_say(err, EINVAL, "slice '%s' of container '%s' is not valid", scope.slice, cid);
	name = *name ? name : arena_strdup(arena, cid);
	scope.unit = name && *prefix ? arena_printf(arena, "%s-%s.scope", prefix, name)
	                             : arena_printf(arena, "%s.scope", name ? name : "");
	parents = slice_path(arena, scope.slice);
	scope.path = parents && scope.unit ? arena_printf(arena, "%s/%s", parents, scope.unit) : NULL;
	if (!name || !scope.path)
		return err_say(err, ENOMEM, "plan the scope of container '%s': out of memory", cid);
	if (!is_unit_name(scope.unit))
		return err_say(err, EINVAL, "unit '%s' of container '%s' is not valid", scope.unit, cid);
	*ret = scope;
	return 0;
}

/* --- properties -------------------------------------------------------------------------------------------------- */

struct properties {
	struct arena *arena;
	const char **list;
	size_t n;
	int r;
};

_printf_(2, 3) static void add(struct properties *p, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0 || n >= TEXT_MAX || p->n == CGROUP_SCOPE_PROPERTIES) {
		p->r = -E2BIG;
		return;
	}
	p->list[p->n] = arena_strdup(p->arena, text);
	if (!p->list[p->n])
		p->r = -ENOMEM;
	else
		p->n++;
}

static void add_bytes(struct properties *p, const char *name, int64_t bytes)
{
	if (bytes == -1)
		add(p, "%s=infinity", name);
	else if (bytes > 0)
		add(p, "%s=%" PRId64, name, bytes);
}

static void add_memory(struct properties *p, const struct oci_memory *m, bool unified)
{
	add_bytes(p, unified ? "MemoryMax" : "MemoryLimit", m->limit);
	if (!unified)
		return;
	add_bytes(p, "MemoryLow", m->reservation);
	if (m->swap == -1)
		add(p, "MemorySwapMax=infinity");
	else if (m->swap > 0 && m->limit > 0 && m->swap >= m->limit)
		add(p, "MemorySwapMax=%" PRId64, m->swap - m->limit);
}

static void add_cpu(struct properties *p, const struct oci_cpu *cpu, bool unified)
{
	uint64_t period = cpu->period ? cpu->period : 100000;

	if (cpu->shares && unified)
		add(p, "CPUWeight=%" PRIu64, cgroupfs_weight_of_shares(cpu->shares));
	else if (cpu->shares)
		add(p, "CPUShares=%" PRIu64, cgroupfs_clamp_shares(cpu->shares));
	if (cpu->period)
		add(p, "CPUQuotaPeriodSec=%" PRIu64 "us", cpu->period);
	/* systemd knows percent, and takes them up to the next one; none is an empty word. */
	if (cpu->quota == -1)
		add(p, "CPUQuota=");
	else if (cpu->quota > 0)
		add(p, "CPUQuota=%" PRIu64 "%%", ((uint64_t)cpu->quota * 100 + period - 1) / period);
	if (unified && cpu->cpus && *cpu->cpus)
		add(p, "AllowedCPUs=%s", cpu->cpus);
	if (unified && cpu->mems && *cpu->mems)
		add(p, "AllowedMemoryNodes=%s", cpu->mems);
}

static void add_limits(struct properties *p, const struct oci_resources *res, bool unified)
{
	if (res && res->memory)
		add_memory(p, res->memory, unified);
	if (res && res->cpu)
		add_cpu(p, res->cpu, unified);
	if (!res || !res->has_pids)
		return;
	if (res->pids_limit > 0)
		add(p, "TasksMax=%" PRId64, res->pids_limit);
	else
		add(p, "TasksMax=infinity");
}

int cgroup_scope_properties(struct arena *arena, const struct oci_resources *res, bool unified, const char **list,
                            size_t *n, struct err *err)
{
	struct properties p = { .arena = arena, .list = list };

	add(&p, "Delegate=yes");
	add(&p, "DefaultDependencies=no");
	add(&p, "CollectMode=inactive-or-failed");
	add(&p, "TasksAccounting=yes");
	add(&p, "MemoryAccounting=yes");
	add(&p, "CPUAccounting=yes");
	if (!res || !res->has_pids)
		add(&p, "TasksMax=infinity"); /* not systemd's own default */
	add_limits(&p, res, unified);
	*n = p.n;
	return p.r < 0 ? err_set(err, p.r, "plan the properties of a scope") : 0;
}

/* --- the keeper -------------------------------------------------------------------------------------------------- */

static int make_argv(struct arena *arena, const char *program, const struct cgroup_scope *scope,
                     const struct oci_resources *res, bool unified, bool user, char **argv, struct err *err)
{
	const char *properties[CGROUP_SCOPE_PROPERTIES];
	size_t n = 0, argc = 0;
	int r = cgroup_scope_properties(arena, res, unified, properties, &n, err);

	if (r < 0)
		return r;
	argv[argc++] = (char *)(uintptr_t)program;
	argv[argc++] = (char *)(uintptr_t)(user ? "--user" : "--system");
	argv[argc++] = (char *)(uintptr_t) "--scope";
	argv[argc++] = (char *)(uintptr_t) "--quiet";
	argv[argc++] = (char *)(uintptr_t) "--no-ask-password";
	argv[argc++] = arena_printf(arena, "--unit=%s", scope->unit);
	argv[argc++] = arena_printf(arena, "--slice=%s", scope->slice);
	for (size_t i = 0; i < n; i++)
		argv[argc++] = arena_printf(arena, "--property=%s", properties[i]);
	/* In the scope: repeats the byte that asks whether it is there, and ends with its input. */
	argv[argc++] = (char *)(uintptr_t) "--";
	argv[argc++] = (char *)(uintptr_t) "cat";
	argv[argc] = NULL;
	for (size_t i = 0; i < argc; i++)
		if (!argv[i])
			return err_say(err, ENOMEM, "start scope '%s': out of memory", scope->unit);
	return 0;
}

/* Ends the text of n bytes (or none, negative) with its first line. */
static void first_line(char *text, ssize_t n)
{
	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
}

/* What systemd-run said when it ended without a scope. */
static int say_failed(const struct cgroup_scope *scope, int said, struct err *err)
{
	char text[TEXT_MAX];

	first_line(text, sys_read(said, text, sizeof(text) - 1));
	return err_say(err, EIO, "start scope '%s' in '%s': %s", scope->unit, scope->slice,
	               *text ? text : "systemd-run ended without a word");
}

static int ask(int in)
{
	char byte = '\n';
	struct iovec iov = { &byte, 1 };
	const struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n = sys_sendmsg(in, &msg, 0);

	return n < 0 ? (int)n : 0;
}

static int wait_for_echo(const struct cgroup_scope *scope, int out, int said, struct err *err)
{
	struct pollfd p = { .fd = out, .events = POLLIN };
	char byte;
	int r = sys_poll(&p, 1, START_TIMEOUT_MS);

	if (r == 0)
		return err_say(err, ETIMEDOUT, "start scope '%s' in '%s': systemd does not answer", scope->unit,
		               scope->slice);
	if (r < 0)
		return err_set(err, r, "wait for scope '%s'", scope->unit);
	return sys_read(out, &byte, 1) == 1 ? 0 : say_failed(scope, said, err);
}

struct pipes {
	int in[2], out[2], said[2];
};

static void pipes_done(struct pipes *p)
{
	int *all[] = { p->in, p->out, p->said };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		all[i][0] = fd_close(all[i][0]);
		all[i][1] = fd_close(all[i][1]);
	}
}

static int make_pipes(struct pipes *p)
{
	int r = sys_socketpair(SOCK_STREAM, p->in); /* no signal when it is gone already */

	r = r < 0 ? r : sys_pipe2(p->out, O_CLOEXEC);
	return r < 0 ? r : sys_pipe2(p->said, O_CLOEXEC);
}

int cgroup_scope_start(const char *program, const struct cgroup_scope *scope, const struct oci_resources *res,
                       bool unified, bool user, struct cgroup_scope_keeper *ret, struct err *err)
{
	_cleanup_(pipes_done) struct pipes p = { { -EBADF, -EBADF }, { -EBADF, -EBADF }, { -EBADF, -EBADF } };
	_cleanup_(cgroup_scope_release) struct cgroup_scope_keeper keeper = CGROUP_SCOPE_KEEPER_INIT;
	_autoarena_ struct arena arena = { 0 };
	char *argv[ARGV_MAX];
	struct spawn_spec spec = { .path = program, .argv = argv, .env = environ, .death_signal = true };
	int r = make_argv(&arena, program, scope, res, unified, user, argv, err);

	if (r < 0)
		return r;
	r = make_pipes(&p);
	if (r < 0)
		return err_set(err, r, "start scope '%s'", scope->unit);
	spec.stdio[0] = p.in[0];
	spec.stdio[1] = p.out[1];
	spec.stdio[2] = p.said[1];
	r = spawn_run(&spec, &keeper.pidfd, err);
	if (r < 0)
		return err_wrap(err, "start scope '%s'", scope->unit);
	keeper.in = take_fd(&p.in[1]);
	p.in[0] = fd_close(p.in[0]);
	p.out[1] = fd_close(p.out[1]);
	p.said[1] = fd_close(p.said[1]);
	r = ask(keeper.in);
	r = r < 0 ? say_failed(scope, p.said[0], err) : wait_for_echo(scope, p.out[0], p.said[0], err);
	if (r < 0)
		return r;
	*ret = keeper;
	keeper = (struct cgroup_scope_keeper)CGROUP_SCOPE_KEEPER_INIT;
	return 0;
}

void cgroup_scope_release(struct cgroup_scope_keeper *keeper)
{
	keeper->in = fd_close(keeper->in);
	if (keeper->pidfd < 0)
		return;
	(void)spawn_wait_or_kill(keeper->pidfd, END_TIMEOUT_MS);
	keeper->pidfd = fd_close(keeper->pidfd);
}

/* --- changes ----------------------------------------------------------------------------------------------------- */

static const char *unit_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/*
 * Runs a program and has the first line of its fd 1 or 2 in `text`. That goes to a file, not a pipe: the deadline is
 * for the program, whether it speaks or not. Its status, or -errno.
 */
static int run_and_listen(const char *program, char *const argv[], int fd, char text[static TEXT_MAX], struct err *err)
{
	struct spawn_spec spec = { .path = program, .argv = argv, .env = environ, .stdio = { -EBADF, -EBADF, -EBADF } };
	_autoclose_ int pidfd = -EBADF, said = sys_memfd_create("said", MFD_CLOEXEC);
	int r;

	if (said < 0)
		return err_set(err, said, "run '%s'", program);
	spec.stdio[fd] = said;
	r = spawn_run(&spec, &pidfd, err);
	if (r < 0)
		return r;
	r = spawn_wait_or_kill(pidfd, START_TIMEOUT_MS);
	first_line(text, sys_pread(said, text, TEXT_MAX - 1, 0));
	return r < 0 ? err_set(err, r, "wait for '%s'", program) : r;
}

/* The same for one that has something to say only when it fails. */
static int run_for(const char *what, const char *unit, const char *program, char *const argv[], struct err *err)
{
	char text[TEXT_MAX];
	int r = run_and_listen(program, argv, STDERR_FILENO, text, err);

	if (r < 0)
		return err_wrap(err, "%s unit '%s'", what, unit);
	return r == 0 ? 0
	              : err_say(err, EIO, "%s unit '%s': %s", what, unit, *text ? text : "it failed without a word");
}

int cgroup_scope_update(const char *program, const char *path, const struct oci_resources *res, bool unified, bool user,
                        struct err *err)
{
	_autoarena_ struct arena arena = { 0 };
	const char *list[CGROUP_SCOPE_PROPERTIES];
	struct properties p = { .arena = &arena, .list = list };
	char *argv[CGROUP_SCOPE_PROPERTIES + 8];
	size_t argc = 0;

	add_limits(&p, res, unified);
	if (p.r < 0)
		return err_set(err, p.r, "plan the properties of unit '%s'", unit_of(path));
	if (p.n == 0)
		return 0;
	argv[argc++] = (char *)(uintptr_t)program;
	argv[argc++] = (char *)(uintptr_t)(user ? "--user" : "--system");
	argv[argc++] = (char *)(uintptr_t) "--no-ask-password";
	argv[argc++] = (char *)(uintptr_t) "--runtime";
	argv[argc++] = (char *)(uintptr_t) "set-property";
	argv[argc++] = (char *)(uintptr_t)unit_of(path);
	for (size_t i = 0; i < p.n; i++)
		argv[argc++] = (char *)(uintptr_t)list[i];
	argv[argc] = NULL;
	return run_for("change", unit_of(path), program, argv, err);
}

void cgroup_scope_stop(const char *program, const char *path, bool user)
{
	char *argv[] = { (char *)(uintptr_t)program,
		         (char *)(uintptr_t)(user ? "--user" : "--system"),
		         (char *)(uintptr_t) "--no-ask-password",
		         (char *)(uintptr_t) "--quiet",
		         (char *)(uintptr_t) "stop",
		         (char *)(uintptr_t)unit_of(path),
		         NULL };

	(void)run_for("stop", unit_of(path), program, argv, NULL);
}

/* --- a user's systemd --------------------------------------------------------------------------------------------- */

int cgroup_scope_place(const char *program, struct arena *arena, struct cgroup_scope *scope, struct err *err)
{
	char *argv[] = { (char *)(uintptr_t)program,    (char *)(uintptr_t) "--user",
		         (char *)(uintptr_t) "show",    (char *)(uintptr_t) "--property=ControlGroup",
		         (char *)(uintptr_t) "--value", NULL };
	char text[TEXT_MAX];
	int r = run_and_listen(program, argv, STDOUT_FILENO, text, err);

	if (r < 0)
		return err_wrap(err, "ask the user's systemd for its cgroup");
	if (r > 0 || text[0] != '/')
		return err_say(err, EIO,
		               "ask the user's systemd for its cgroup: it does not answer (XDG_RUNTIME_DIR is '%s')",
		               getenv("XDG_RUNTIME_DIR") ? getenv("XDG_RUNTIME_DIR") : "");
	scope->path = arena_printf(arena, "%s%s", text, scope->path);
	return scope->path ? 0 : err_set(err, ENOMEM, "name the cgroup of scope '%s'", scope->unit);
}

int cgroup_scope_attach(const char *program, const char *path, pid_t pid, bool user, struct err *err)
{
	char number[16];
	char *argv[] = { (char *)(uintptr_t)program,
		         (char *)(uintptr_t)(user ? "--user" : "--system"),
		         (char *)(uintptr_t) "--quiet",
		         (char *)(uintptr_t) "call",
		         (char *)(uintptr_t) "org.freedesktop.systemd1",
		         (char *)(uintptr_t) "/org/freedesktop/systemd1",
		         (char *)(uintptr_t) "org.freedesktop.systemd1.Manager",
		         (char *)(uintptr_t) "AttachProcessesToUnit",
		         (char *)(uintptr_t) "ssau",
		         (char *)(uintptr_t)unit_of(path),
		         (char *)(uintptr_t) "",
		         (char *)(uintptr_t) "1",
		         number,
		         NULL };

	(void)snprintf(number, sizeof(number), "%d", (int)pid);
	return run_for("move a process into", unit_of(path), program, argv, err);
}
