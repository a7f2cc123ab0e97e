/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "client/attach.h"
#include "ctl/command.h"
#include "ctl/ident.h"
#include "ctl/spec.h"
#include "proto/agent.pb-c.h"

struct exec_options {
	const char *cwd, *user, *id;
	struct option_list env;
	struct attach_spec attach;
	struct arena arena;
};

/* Capabilities and limits are left out: the agent takes the container's. */
static int fill_process(struct exec_options *o, Grpc__Process *process, Grpc__User *user, int argc, char **argv)
{
	static const struct oci_strings none = { 0 };
	struct err err = ERR_INIT;
	struct oci_strings env;

	if (o->user && spec_parse_user(o->user, &user->uid, &user->gid, &err) < 0)
		return ctl_usage_error("exec: %s", err_text(&err));
	if (spec_merge_env(&none, &o->env, o->attach.tty, &o->arena, &env) < 0)
		return ctl_usage_error("exec: out of memory");
	process->terminal = o->attach.tty;
	process->user = user;
	process->cwd = (char *)(o->cwd ? o->cwd : "/");
	process->args = argv;
	process->n_args = (size_t)argc;
	process->env = env.v;
	process->n_env = env.n;
	return CTL_EXIT_OK;
}

static int exec_process(struct ctl *ctl, struct exec_options *o, char *cid, int argc, char **argv)
{
	Grpc__ExecProcessRequest request = GRPC__EXEC_PROCESS_REQUEST__INIT;
	Grpc__Process process = GRPC__PROCESS__INIT;
	Grpc__User user = GRPC__USER__INIT;
	char id[IDENT_SIZE];
	int status;

	o->attach.cid = cid;
	o->attach.eid = o->id ? o->id : ident_make(id, "exec");
	status = fill_process(o, &process, &user, argc, argv);
	if (status != CTL_EXIT_OK)
		return status;
	request.container_id = cid;
	request.exec_id = (char *)o->attach.eid;
	request.process = &process;
	return attach_run(&ctl->session, &o->attach, "ExecProcess", &request.base);
}

static int run(struct ctl *ctl, const struct ctl_command *self, int argc, char **argv)
{
	struct exec_options o = { .cwd = NULL };
	const struct option_spec table[] = {
		ATTACH_OPTIONS(o.attach),
		{ OPTION_LIST, 'e', "env", "K=V", &o.env, "environment" },
		{ OPTION_TEXT, 0, "cwd", "DIR", &o.cwd, "working directory, / by default" },
		{ OPTION_TEXT, 'u', "user", "UID[:GID]", &o.user, "numbers" },
		{ OPTION_TEXT, 0, "id", "EXECID", &o.id, "the process's name" },
		{ .kind = OPTION_END },
	};
	int status, skip;

	if (ctl_parse(ctl, self, table, true, &argc, argv, 2, INT32_MAX, &status)) {
		/* The options end at CID, so "--" behind it is an operand. */
		skip = strcmp(argv[1], "--") == 0 ? 2 : 1;
		status = skip < argc ? exec_process(ctl, &o, argv[0], argc - skip, argv + skip)
		                     : ctl_usage_error("exec: no command given");
	}
	option_list_done(&o.env);
	arena_done(&o.arena);
	return status;
}

const struct ctl_command cmd_exec = {
	.name = "exec",
	.operands = "CID [--] COMMAND [ARG]...",
	.summary = "Run a command in a running container with our stdio",
	.more = "Exit statuses are those of run",
	.run = run,
};
