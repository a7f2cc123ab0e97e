/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "lib/spawn.h"
#include "lib/sys.h"
#include "runtime/logline.h"
#include "runtime/place.h"
#include "runtime/sandbox.h"
#include "runtime/wire.h"

#define IDLE_MS 60000 /* without a first request */

struct supervisor {
	struct loop *loop;
	struct sandbox sandbox;
	struct wire wire;
	struct loop_timer idle;
};

static const struct {
	const char *verb;
	void (*serve)(struct sandbox *sb, struct wire_request *request);
} verbs[] = {
	{ "create", sandbox_create }, { "start", sandbox_start },   { "attach", sandbox_attach },
	{ "kill", sandbox_kill },     { "delete", sandbox_delete }, { "exec", sandbox_exec },
	{ "pause", sandbox_pause },   { "resume", sandbox_pause },  { "update", sandbox_update },
	{ "stats", sandbox_stats },   { "ps", sandbox_ps },
};

static void serve(void *arg, struct wire_request *request)
{
	struct supervisor *s = arg;
	const char *verb = wire_text(request, "verb"), *id = wire_text(request, "id");
	struct err err = ERR_INIT;

	loop_timer_stop(&s->idle);
	log_debug("supervisor", "Request '%s' for '%s'", verb ? verb : "", id ? id : "");
	for (size_t i = 0; verb && i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(verbs[i].verb, verb) == 0) {
			verbs[i].serve(&s->sandbox, request);
			return;
		}
	}
	(void)err_say(&err, EOPNOTSUPP, "supervisor: unknown request '%s'", verb ? verb : "");
	wire_fail(request, &err);
}

static void on_idle(struct loop_timer *timer)
{
	loop_stop(container_of(timer, struct supervisor, idle)->loop);
}

static int prepare(struct supervisor *s, const char *root, const char *id, struct err *err)
{
	_autofree_ char *path = place_path(root, id, SUPERVISOR_SOCKET);
	int fd, r;

	s->idle.expired = on_idle;
	r = path ? loop_new(&s->loop) : -ENOMEM;
	if (r < 0)
		return err_set(err, -r, "start the supervisor of '%s'", id);
	r = sandbox_init(&s->sandbox, s->loop, root, id, err);
	if (r == 0)
		r = wire_listen(&s->wire, s->loop, path, serve, s, err);
	if (r < 0)
		return r;
	/* fds 0 to 2 stay taken: nothing else may become them. */
	fd = sys_fcntl(0, F_DUPFD_CLOEXEC, 3);
	r = fd < 0 ? fd : wire_adopt(&s->wire, fd);
	if (r == 0) {
		fd = sys_openat(AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC, 0);
		r = fd < 0 ? fd : sys_dup2(fd, 0, false);
		(void)fd_close(fd);
	}
	if (r >= 0)
		r = loop_timer_start(s->loop, &s->idle, IDLE_MS);
	return r < 0 ? err_set(err, -r, "start the supervisor of '%s'", id) : 0;
}

int supervisor_main(const char *root, const char *sandbox)
{
	static const int ignored[] = { SIGPIPE, SIGHUP, SIGINT, SIGTERM };
	struct supervisor s = { .wire.source.fd = -EBADF };
	struct err err = ERR_INIT;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		(void)signal(ignored[i], SIG_IGN);
	log_set_name("kata-runtime", "runtime");
	log_set_sink(logline_sink, NULL);
	(void)umask(077);
	(void)chdir("/");
	r = prepare(&s, root, sandbox, &err);
	if (r == 0) {
		sandbox_save(&s.sandbox);
		r = loop_run(s.loop);
	}
	/* To the verb that started us, if the wire has not taken its connection over. */
	if (r < 0 && err.num != 0)
		wire_tell_failure(0, &err);
	if (r < 0)
		log_error("supervisor", "%s", err.num != 0 ? err_text(&err) : strerror(-r));
	loop_timer_stop(&s.idle);
	sandbox_done(&s.sandbox);
	if (s.wire.loop)
		wire_done(&s.wire);
	(void)loop_free(s.loop);
	return r < 0;
}

int supervisor_start(const char *root, const char *sandbox, struct err *err)
{
	char *argv[] = { (char *)"kata-runtime", (char *)"--root", (char *)root,
		         (char *)"supervise",    (char *)sandbox,  NULL };
	_autofree_ char *log = place_path(root, sandbox, "supervisor.log");
	_autoclose_ int ours = -EBADF, theirs = -EBADF, out = -EBADF, pidfd = -EBADF;
	struct spawn_spec spec = { .path = "/proc/self/exe", .argv = argv, .env = environ, .new_session = true };
	int fds[2];
	pid_t pid;

	if (!log || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return err_set(err, log ? errno : ENOMEM, "start the supervisor of '%s'", sandbox);
	ours = fds[0];
	theirs = fds[1];
	out = sys_openat(AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (out < 0)
		return err_set(err, -out, "open '%s'", log);
	spec.stdio[0] = theirs;
	spec.stdio[1] = spec.stdio[2] = out;
	pid = spawn_run(&spec, &pidfd, err);
	return pid < 0 ? pid : take_fd(&ours);
}
