/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/fd.h"
#include "lib/spawn.h"
#include "lib/sys.h"

#define KILLED_MS 1000 /* how long a killed hook may take to die before it is left to the reaper */

static const struct {
	const char *name;
	size_t offset;
} kinds[HOOK_KIND_MAX] = {
	[HOOK_PRESTART] = { "prestart", offsetof(struct oci_hooks, prestart) },
	[HOOK_CREATE_RUNTIME] = { "createRuntime", offsetof(struct oci_hooks, create_runtime) },
	[HOOK_CREATE_CONTAINER] = { "createContainer", offsetof(struct oci_hooks, create_container) },
	[HOOK_START_CONTAINER] = { "startContainer", offsetof(struct oci_hooks, start_container) },
	[HOOK_POSTSTART] = { "poststart", offsetof(struct oci_hooks, poststart) },
	[HOOK_POSTSTOP] = { "poststop", offsetof(struct oci_hooks, poststop) },
};

const char *hooks_name(enum hook_kind kind)
{
	return kind >= 0 && kind < HOOK_KIND_MAX ? kinds[kind].name : "invalid";
}

const struct oci_hook_list *hooks_of(const struct oci_spec *spec, enum hook_kind kind)
{
	static const struct oci_hook_list none;

	if (!spec->hooks || kind < 0 || kind >= HOOK_KIND_MAX)
		return &none;
	return (const struct oci_hook_list *)((const char *)spec->hooks + kinds[kind].offset);
}

struct oci_hook_list *hooks_find(struct oci_hooks *hooks, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return (struct oci_hook_list *)((char *)hooks + kinds[i].offset);
	return NULL;
}

bool hooks_stop_before_pivot(const struct oci_spec *spec)
{
	return hooks_of(spec, HOOK_PRESTART)->n > 0 || hooks_of(spec, HOOK_CREATE_RUNTIME)->n > 0 ||
	       hooks_of(spec, HOOK_CREATE_CONTAINER)->n > 0;
}

static unsigned timeout_of(const struct oci_hook *hook, unsigned default_s)
{
	if (hook->timeout <= 0)
		return default_s;
	return hook->timeout > HOOKS_TIMEOUT_MAX ? HOOKS_TIMEOUT_MAX : (unsigned)hook->timeout;
}

unsigned hooks_budget_ms(const struct oci_hook_list *list, unsigned default_s)
{
	unsigned sum = 0;

	for (size_t i = 0; i < list->n && sum < HOOKS_TIMEOUT_MAX; i++)
		sum += timeout_of(&list->v[i], default_s);
	return (sum > HOOKS_TIMEOUT_MAX ? HOOKS_TIMEOUT_MAX : sum) * 1000;
}

/* --- one hook ----------------------------------------------------------------------------------------------------- */

/* What a hook says on stderr; only its end is kept. */
struct last_words {
	char text[HOOKS_STDERR_BYTES + 1];
	size_t n;
};

static void keep_words(struct last_words *words, const char *data, size_t n)
{
	size_t old;

	if (n > HOOKS_STDERR_BYTES) {
		data += n - HOOKS_STDERR_BYTES;
		n = HOOKS_STDERR_BYTES;
	}
	old = words->n + n > HOOKS_STDERR_BYTES ? HOOKS_STDERR_BYTES - n : words->n;
	memmove(words->text, words->text + words->n - old, old);
	memcpy(words->text + old, data, n);
	words->n = old + n;
}

/* One line of printable text. */
static const char *last_words(struct last_words *words)
{
	for (size_t i = 0; i < words->n; i++)
		if ((unsigned char)words->text[i] < ' ' || (unsigned char)words->text[i] > '~')
			words->text[i] = ' ';
	while (words->n > 0 && words->text[words->n - 1] == ' ')
		words->n--;
	words->text[words->n] = '\0';
	return words->text;
}

/* False at the end, or if there is nothing at the moment. */
static bool read_words(int fd, struct last_words *words, bool *ret_ended)
{
	char chunk[1024];
	ssize_t n;

	do {
		n = sys_read(fd, chunk, sizeof(chunk));
	} while (n == -EINTR);
	if (n > 0)
		keep_words(words, chunk, (size_t)n);
	*ret_ended = n == 0 || (n < 0 && n != -EAGAIN);
	return n > 0;
}

static int time_left(uint64_t end)
{
	uint64_t now = sys_now(CLOCK_MONOTONIC);

	if (end == 0)
		return -1;
	return now >= end ? 0 : (int)((end - now) / 1000000) + 1;
}

/* Until the hook has ended: its exit status, or -ETIMEDOUT. What its children still say is nobody's. */
static int watch(int pidfd, int words_fd, unsigned timeout_s, struct last_words *words)
{
	uint64_t end = timeout_s ? sys_now(CLOCK_MONOTONIC) + (uint64_t)timeout_s * 1000000000 : 0;
	struct pollfd polls[] = { { .fd = pidfd, .events = POLLIN }, { .fd = words_fd, .events = POLLIN } };
	bool ended = false;
	int r;

	do {
		r = sys_poll(polls, ARRAY_SIZE(polls), time_left(end));
		if (r == 0)
			return -ETIMEDOUT;
		if (r < 0 && r != -EINTR)
			return r;
		if (r > 0 && polls[1].revents)
			(void)read_words(words_fd, words, &ended);
		if (ended)
			polls[1].fd = -1;
	} while (r < 0 || !polls[0].revents);
	while (!ended && read_words(words_fd, words, &ended))
		;
	return spawn_wait(pidfd, 0);
}

/* With its children: the hook leads a session of its own. */
static void kill_hook(pid_t pid, int pidfd)
{
	(void)sys_kill(-pid, SIGKILL);
	(void)sys_pidfd_send_signal(pidfd, SIGKILL);
	(void)spawn_wait(pidfd, KILLED_MS);
}

/* A file, not a pipe: a hook that does not read it cannot make us wait, nor kill us. */
static int open_state(const struct buf *state)
{
	_autoclose_ int fd = sys_memfd_create("state", MFD_CLOEXEC);
	int r = fd < 0 ? fd : fd_write_all(fd, state->data, state->len);

	if (r >= 0)
		r = (int)sys_lseek(fd, 0, SEEK_SET);
	return r < 0 ? r : take_fd(&fd);
}

static int open_pipe(int *ret_ours, int *ret_theirs)
{
	int fds[2], r = sys_pipe2(fds, O_CLOEXEC);

	if (r < 0)
		return r;
	*ret_ours = fds[0];
	*ret_theirs = fds[1];
	return fd_set_nonblock(fds[0], true);
}

static int start(const struct oci_hook *hook, const struct buf *state, int words_fd, int *ret_pidfd, struct err *err)
{
	char *const bare[] = { hook->path, NULL };
	_autoclose_ int in = open_state(state), out = -EBADF;
	struct spawn_spec spec = {
		.path = hook->path,
		.argv = hook->args.n > 0 ? hook->args.v : bare,
		.env = hook->env.n > 0 ? hook->env.v : NULL,
		.death_signal = true,
		.new_session = true,
	};

	if (in < 0)
		return err_set(err, in, "make its stdin");
	/* A container need not have a /dev/null. */
	out = sys_openat(AT_FDCWD, "/dev/null", O_WRONLY | O_CLOEXEC | O_NOCTTY, 0);
	spec.stdio[0] = in;
	spec.stdio[1] = out >= 0 ? out : words_fd;
	spec.stdio[2] = words_fd;
	return spawn_run(&spec, ret_pidfd, err);
}

static int judge(int status, unsigned timeout_s, struct last_words *words, struct err *err)
{
	const char *said = last_words(words), *colon = said[0] ? ": " : "";

	if (status == 0)
		return 0;
	if (status == -ETIMEDOUT)
		return err_say(err, ETIMEDOUT, "killed, for it had not ended after %u s%s%s", timeout_s, colon, said);
	if (status < 0)
		return err_set(err, status, "wait for it");
	return err_say(err, ECHILD, "exit status %d%s%s", status, colon, said);
}

static int run_hook(const struct oci_hook *hook, const struct buf *state, unsigned default_s, struct err *err)
{
	unsigned timeout_s = timeout_of(hook, default_s);
	_autoclose_ int words_fd = -EBADF, theirs = -EBADF, pidfd = -EBADF;
	struct last_words words = { .n = 0 };
	int status, r = open_pipe(&words_fd, &theirs);
	pid_t pid;

	if (r < 0)
		return err_set(err, r, "make its stderr");
	pid = start(hook, state, theirs, &pidfd, err);
	if (pid < 0)
		return pid;
	fd_closep(&theirs);
	status = watch(pidfd, words_fd, timeout_s, &words);
	if (status < 0)
		kill_hook(pid, pidfd);
	return judge(status, timeout_s, &words, err);
}

/* --- lists -------------------------------------------------------------------------------------------------------- */

static int run_named(const struct oci_hook *hook, enum hook_kind kind, const struct buf *state, unsigned default_s,
                     struct err *err)
{
	int r = run_hook(hook, state, default_s, err);

	return r < 0 ? err_wrap(err, "%s hook '%s'", hooks_name(kind), hook->path) : 0;
}

int hooks_run(const struct oci_hook_list *list, enum hook_kind kind, const struct oci_state *state, unsigned default_s,
              struct err *err)
{
	_autobuf_ struct buf text = BUF_INIT;
	struct err own = ERR_INIT; /* err_wrap needs one, and ours may be NULL */
	int r = list->n > 0 ? oci_state_format(state, &text) : 0;

	if (r < 0)
		return err_set(err, r, "describe the container to its %s hooks", hooks_name(kind));
	for (size_t i = 0; i < list->n; i++) {
		r = run_named(&list->v[i], kind, &text, default_s, &own);
		if (r < 0)
			return err_copy(err, &own);
	}
	return 0;
}

int hooks_run_all(const struct oci_hook_list *list, enum hook_kind kind, const struct oci_state *state,
                  unsigned default_s, struct buf *warnings)
{
	_autobuf_ struct buf text = BUF_INIT;
	int r = list->n > 0 ? oci_state_format(state, &text) : 0;

	for (size_t i = 0; r == 0 && i < list->n; i++) {
		struct err err = ERR_INIT;

		/* One that there is no room for is lost; the hooks behind it run all the same. */
		if (run_named(&list->v[i], kind, &text, default_s, &err) < 0)
			(void)buf_printf(warnings, "%s\n", err.text);
	}
	return r;
}

/* --- guest hooks -------------------------------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_executable(int dir, const char *name)
{
	struct stat st;

	return sys_fstatat(dir, name, &st, 0) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111);
}

static int collect(DIR *list, int dir, struct arena *arena, char **names, size_t *ret_n)
{
	struct dirent *entry;
	int r;

	while ((r = sys_readdir(list, &entry)) == 1) {
		if (!is_executable(dir, entry->d_name))
			continue;
		if (*ret_n == HOOKS_SCANNED_MAX)
			return -E2BIG;
		names[*ret_n] = arena_strdup(arena, entry->d_name);
		if (!names[(*ret_n)++])
			return -ENOMEM;
	}
	return r;
}

static int list_names(struct arena *arena, int dir, char **names, size_t *ret_n)
{
	DIR *list = NULL;
	int r, copy = sys_fcntl(dir, F_DUPFD_CLOEXEC, 3);

	if (copy < 0)
		return copy;
	r = sys_fdopendir(copy, &list);
	if (r < 0) {
		(void)fd_close(copy);
		return r;
	}
	r = collect(list, dir, arena, names, ret_n);
	(void)closedir(list);
	return r;
}

static int make_hook(struct arena *arena, const char *dir, enum hook_kind kind, char *name, struct oci_hook *ret)
{
	char **args = arena_array(arena, 3, sizeof(*args));

	ret->path = arena_printf(arena, "%s/%s/%s", dir, hooks_name(kind), name);
	if (!args || !ret->path)
		return -ENOMEM;
	args[0] = name;
	args[1] = arena_strdup(arena, hooks_name(kind));
	ret->args = (struct oci_strings){ .v = args, .n = 2 };
	return args[1] ? 0 : -ENOMEM;
}

int hooks_scan(struct arena *arena, const char *dir, enum hook_kind kind, struct oci_hook_list *ret, struct err *err)
{
	_autoclose_ int base = sys_openat(AT_FDCWD, dir, O_PATH | O_DIRECTORY | O_CLOEXEC, 0), sub = -EBADF;
	struct oci_hook_list hooks = { 0 };
	char *names[HOOKS_SCANNED_MAX];
	int r = base;

	if (r >= 0) {
		sub = sys_openat(base, hooks_name(kind), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
		r = sub == -ENOENT ? 0 : sub;
	}
	if (sub >= 0)
		r = list_names(arena, sub, names, &hooks.n);
	if (r < 0)
		return err_set(err, r, "look for %s hooks in '%s'", hooks_name(kind), dir);
	qsort(names, hooks.n, sizeof(names[0]), compare_names);
	hooks.v = arena_array(arena, hooks.n, sizeof(*hooks.v));
	r = hooks.v || hooks.n == 0 ? 0 : -ENOMEM;
	for (size_t i = 0; r == 0 && i < hooks.n; i++)
		r = make_hook(arena, dir, kind, names[i], &hooks.v[i]);
	if (r < 0)
		return err_set(err, r, "list the %s hooks in '%s'", hooks_name(kind), dir);
	*ret = hooks;
	return 0;
}
