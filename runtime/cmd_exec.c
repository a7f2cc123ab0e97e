/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "lib/jsontext.h"
#include "lib/oci_exec.h"
#include "runtime/ask.h"
#include "runtime/bundle.h"
#include "runtime/command.h"
#include "runtime/guestconsole.h"
#include "runtime/stdio.h"
#include "runtime/view.h"

#define ASK_MS 70000

struct exec_options {
	const char *console_socket, *console, *pid_file, *cgroup;
	struct oci_exec_options process;
	struct flag_number preserve_fds;
	bool detach, ignore_paused, no_subreaper;
};

#define TO(member) offsetof(struct exec_options, member)

static const struct flag options[] = {
	{ "console-socket", 0, FLAG_TEXT, TO(console_socket), "unix socket that receives the terminal's master" },
	{ "console", 0, FLAG_TEXT, TO(console), "refused: give --console-socket" },
	{ "pid-file", 0, FLAG_TEXT, TO(pid_file), "file for the process id" },
	{ "detach", 'd', FLAG_BOOL, TO(detach), "do not wait for its end" },
	OCI_EXEC_FLAGS(TO(process)),
	{ "apparmor", 0, FLAG_TEXT, TO(process.apparmor), "accepted; the guest has none" },
	{ "process-label", 0, FLAG_TEXT, TO(process.label), "accepted; the guest has none" },
	{ "preserve-fds", 0, FLAG_NUMBER, TO(preserve_fds), "refused above 0: fds do not reach into a VM" },
	{ "ignore-paused", 0, FLAG_BOOL, TO(ignore_paused), "also in a paused container, where it will wait" },
	{ "no-subreaper", 0, FLAG_BOOL, TO(no_subreaper), "accepted" },
	{ "cgroup", 0, FLAG_TEXT, TO(cgroup), "refused: the cgroups are the guest's" },
	{ 0 },
};

static int check_options(const struct exec_options *o, struct err *err)
{
	if (o->console)
		return err_say(err, EOPNOTSUPP, "--console: give --console-socket");
	if (o->cgroup)
		return err_say(err, EOPNOTSUPP, "--cgroup: the cgroups are the guest's");
	if (o->preserve_fds.value != 0)
		return err_say(err, EOPNOTSUPP, "--preserve-fds: fds do not reach into a VM");
	if (o->console_socket && !o->detach)
		return err_say(err, EINVAL, "--console-socket needs --detach");
	return 0;
}

static int check_status(const char *id, const struct view *v, const struct exec_options *o, struct err *err)
{
	if (strcmp(v->status, "running") == 0 || strcmp(v->status, "created") == 0)
		return 0;
	if (strcmp(v->status, "paused") != 0)
		return err_say(err, ESRCH, "cannot exec in a stopped container: '%s' is %s", id, v->status);
	if (o->ignore_paused)
		return 0;
	return err_say(err, EBUSY, "cannot exec in a paused container (use --ignore-paused to override): '%s'", id);
}

/* The container's own specification says what the options do not. */
static int make_process(struct arena *arena, const struct view *v, const struct exec_options *o, int argc, char **argv,
                        struct oci_process **ret, struct err *err)
{
	struct oci_spec *spec = NULL;
	int r = o->process.file ? 0 : bundle_read(arena, jsontext_text(v->container, "bundle"), &spec, err);

	if (r == 0 && !o->process.file && !spec->process)
		r = err_say(err, EINVAL, "the container's specification has no process");
	return r < 0 ? r : oci_exec_make(arena, spec, &o->process, argc, argv, NULL, ret, err);
}

static int ask_exec(struct stdio *s, const struct view *v, const struct oci_process *process,
                    struct json_object **ret_answer, struct err *err)
{
	_autojson_ struct json_object *request = ask_new("exec", s->cid);
	_autobuf_ struct buf text = BUF_INIT;
	int r = oci_process_format(process, &text);

	if (r == 0)
		r = jsontext_add(request, "process", json_object_new_string(buf_str(&text)));
	if (r < 0)
		return err_set(err, -r, "exec in container '%s'", s->cid);
	r = view_ask(s->root, v, request, ASK_MS, ret_answer, err);
	if (r < 0)
		return r;
	s->eid = jsontext_text(*ret_answer, "exec");
	return stdio_take_answer(s, *ret_answer, err);
}

static int exec(struct stdio *s, const struct view *v, const struct exec_options *o, int argc, char **argv,
                struct err *err)
{
	_autoarena_ struct arena arena = { .max = 0 };
	_autojson_ struct json_object *answer = NULL;
	struct oci_process *process = NULL;
	int r = make_process(&arena, v, o, argc, argv, &process, err);

	if (r < 0)
		return r;
	s->is_terminal = process->terminal;
	s->is_foreground = !o->detach;
	r = stdio_reserve_pid_file(s, o->pid_file, err);
	if (r == 0)
		r = stdio_open_terminal(s, o->console_socket, err);
	if (r == 0)
		r = ask_exec(s, v, process, &answer, err);
	if (r == 0)
		r = stdio_start(s, v, err);
	if (r == 0)
		r = stdio_write_pid_file(s, err);
	return r < 0 || o->detach ? r : stdio_wait(s);
}

static int exec_in_container(const struct runtime *rt, struct exec_options *o, int argc, char **argv, struct err *err)
{
	_autostdio_ struct stdio stdio = STDIO_INIT;
	_autoview_ struct view v = { .sandbox = NULL };
	int r = check_options(o, err);

	stdio.root = rt->root;
	stdio.cid = argv[0];
	if (r == 0)
		r = view_open(rt->root, argv[0], &v, err);
	if (r == 0)
		r = check_status(argv[0], &v, o, err);
	if (r == 0)
		r = exec(&stdio, &v, o, argc - 1, argv + 1, err);
	flag_list_done(&o->process.env);
	flag_list_done(&o->process.gids);
	flag_list_done(&o->process.caps);
	if (r >= 0)
		return r;
	(void)err_wrap(err, "exec failed");
	runtime_log_error(rt, err);
	return RUNTIME_EXIT_EXEC;
}

static int run(const struct runtime *rt, void *arg, int argc, char **argv, struct err *err)
{
	struct exec_options *o = arg;

	/* Nothing to run in a container: the utility's exec, a shell of the guest itself. */
	if (argc == 1 && !o->process.file)
		return guest_console(rt, argv[0], err);
	return exec_in_container(rt, o, argc, argv, err);
}

const struct command cmd_exec = {
	"exec",
	"<container-id> [command [args...]]",
	"run another process in a container; without a command, a shell of the guest (debug console)",
	1,
	-2,
	options,
	sizeof(struct exec_options),
	run,
};
