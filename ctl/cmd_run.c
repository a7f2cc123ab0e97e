/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "client/attach.h"
#include "ctl/command.h"
#include "ctl/ident.h"
#include "ctl/spec.h"
#include "proto/agent.pb-c.h"
#include "proto/pboci.h"

struct run_options {
	struct spec_options spec;
	const char *share;
	struct option_list storages, sandbox_storages;
	struct attach_spec attach;
	bool detach, remove, keep, no_sandbox;
	struct arena arena;
};

static bool parse(struct ctl *ctl, const struct ctl_command *self, struct run_options *o, int argc, char **argv,
                  int *ret_status)
{
	const struct option_spec table[] = {
		{ OPTION_TEXT, 0, "bundle", "DIR", &o->spec.bundle, "an OCI bundle: DIR/config.json is read here" },
		{ OPTION_TEXT, 0, "rootfs", "DIR", &o->spec.rootfs,
		  "a root file system, with a default specification" },
		{ OPTION_TEXT, 0, "share", "HOST:GUEST", &o->share, "where the guest sees a directory of this host" },
		{ OPTION_TEXT, 0, "id", "ID", &o->spec.id, "the container's name" },
		ATTACH_OPTIONS(o->attach),
		{ OPTION_FLAG, 'd', "detach", NULL, &o->detach, "start it, print its name, leave it running" },
		{ OPTION_FLAG, 0, "rm", NULL, &o->remove, "remove the container afterwards (the default)" },
		{ OPTION_FLAG, 0, "keep", NULL, &o->keep, "do not remove it afterwards" },
		{ OPTION_LIST, 'e', "env", "K=V", &o->spec.env, "environment" },
		{ OPTION_TEXT, 0, "cwd", "DIR", &o->spec.cwd, "working directory" },
		{ OPTION_TEXT, 'u', "user", "UID[:GID]", &o->spec.user, "numbers" },
		{ OPTION_TEXT, 0, "hostname", "NAME", &o->spec.hostname, "instead of the container's name" },
		{ OPTION_BYTES, 'm', "memory", "BYTES", &o->spec.memory, "limit; K, M, G may follow" },
		{ OPTION_NUMBER, 0, "pids", "N", &o->spec.pids, "limit" },
		{ OPTION_TEXT, 0, "cpus", "N", &o->spec.cpus, "limit, as 1.5" },
		{ OPTION_FLAG, 0, "readonly", NULL, &o->spec.readonly, "root file system read-only" },
		{ OPTION_LIST, 0, "storage", "JSON", &o->storages, "a Storage for the container" },
		{ OPTION_LIST, 0, "sandbox-storage", "JSON", &o->sandbox_storages, "a Storage for the sandbox" },
		{ OPTION_FLAG, 0, "no-sandbox", NULL, &o->no_sandbox, "send no CreateSandbox" },
		{ .kind = OPTION_END },
	};

	if (!ctl_parse(ctl, self, table, true, &argc, argv, 0, INT32_MAX, ret_status))
		return false;
	o->spec.args = argv;
	o->spec.tty = o->attach.tty;
	o->spec.n_args = (size_t)argc;
	if (!o->spec.bundle == !o->spec.rootfs)
		*ret_status = ctl_usage_error("run: give either --bundle or --rootfs");
	else if (o->detach && (o->remove || o->attach.interactive))
		*ret_status = ctl_usage_error("run: --detach goes neither with --rm nor with --interactive");
	else if (o->keep && o->remove)
		*ret_status = ctl_usage_error("run: --keep and --rm exclude each other");
	else
		return true;
	return false;
}

static int read_storages(const struct option_list *list, struct arena *arena, size_t *ret_n, Grpc__Storage ***ret)
{
	Grpc__Storage **storages = arena_array(arena, list->n + 1, sizeof(*storages));
	ProtobufCMessage *message;
	int status;

	if (!storages)
		return ctl_usage_error("run: out of memory");
	for (size_t i = 0; i < list->n; i++) {
		status = ctl_read_message(&grpc__storage__descriptor, list->v[i], arena, &message);
		if (status != CTL_EXIT_OK)
			return status;
		storages[i] = (Grpc__Storage *)message;
	}
	*ret_n = list->n;
	*ret = storages;
	return CTL_EXIT_OK;
}

/* An agent that has its sandbox already is what we want. */
static int create_sandbox(struct ctl *ctl, struct run_options *o)
{
	Grpc__CreateSandboxRequest request = GRPC__CREATE_SANDBOX_REQUEST__INIT;
	_autoreply_ struct client_reply reply = { .text = "" };
	int status;

	status = read_storages(&o->sandbox_storages, &o->arena, &request.n_storages, &request.storages);
	if (status != CTL_EXIT_OK)
		return status;
	request.sandbox_id = (char *)o->spec.id;
	request.hostname = (char *)(o->spec.hostname ? o->spec.hostname : o->spec.id);
	status = ctl_call_quiet(ctl, "CreateSandbox", &request.base, &reply);
	if (status == CTL_EXIT_OK || reply.code == RPC_ALREADY_EXISTS || strstr(reply.text, "exists already") ||
	    strstr(reply.text, "already exists"))
		return CTL_EXIT_OK;
	(void)session_print_failure(&reply);
	return CTL_EXIT_CONTAINER;
}

static int create_container(struct ctl *ctl, struct run_options *o, const struct oci_spec *spec)
{
	Grpc__CreateContainerRequest request = GRPC__CREATE_CONTAINER_REQUEST__INIT;
	_autoreply_ struct client_reply reply = { .text = "" };
	struct err err = ERR_INIT;
	int r, status;

	status = read_storages(&o->storages, &o->arena, &request.n_storages, &request.storages);
	if (status != CTL_EXIT_OK)
		return status;
	r = pboci_spec_to_pb(&o->arena, spec, &request.oci, &err);
	if (r < 0)
		return ctl_usage_error("run: %s", err_text(&err));
	request.container_id = (char *)o->spec.id;
	request.exec_id = (char *)o->spec.id;
	if (ctl_call(ctl, "CreateContainer", &request.base, &reply) != CTL_EXIT_OK)
		return attach_exit_status(&reply);
	return CTL_EXIT_OK;
}

static int start_detached(struct ctl *ctl, const struct run_options *o, const Grpc__StartContainerRequest *start)
{
	Grpc__CloseStdinRequest request = GRPC__CLOSE_STDIN_REQUEST__INIT;

	if (ctl_call_empty(ctl, "StartContainer", &start->base) != CTL_EXIT_OK)
		return CTL_EXIT_CONTAINER;
	request.container_id = (char *)o->spec.id;
	request.exec_id = (char *)o->spec.id;
	if (!o->spec.tty && ctl_call_empty(ctl, "CloseStdin", &request.base) != CTL_EXIT_OK)
		return CTL_EXIT_CONTAINER;
	(void)printf("%s\n", o->spec.id);
	return CTL_EXIT_OK;
}

static void remove_container(struct ctl *ctl, const struct run_options *o)
{
	Grpc__RemoveContainerRequest request = GRPC__REMOVE_CONTAINER_REQUEST__INIT;

	request.container_id = (char *)o->spec.id;
	(void)ctl_call_empty(ctl, "RemoveContainer", &request.base);
}

static int run_container(struct ctl *ctl, struct run_options *o, const struct oci_spec *spec)
{
	Grpc__StartContainerRequest start = GRPC__START_CONTAINER_REQUEST__INIT;
	int status;

	if (ctl_open(ctl) != CTL_EXIT_OK)
		return CTL_EXIT_CONTAINER;
	if (!o->no_sandbox) {
		status = create_sandbox(ctl, o);
		if (status != CTL_EXIT_OK)
			return status;
	}
	status = create_container(ctl, o, spec);
	if (status != CTL_EXIT_OK)
		return status;
	start.container_id = (char *)o->spec.id;
	o->attach.cid = o->attach.eid = o->spec.id;
	o->attach.tty = spec->process->terminal;
	if (o->detach)
		return start_detached(ctl, o, &start);
	status = attach_run(&ctl->session, &o->attach, "StartContainer", &start.base);
	if (!o->keep)
		remove_container(ctl, o);
	return status;
}

static int build_and_run(struct ctl *ctl, struct run_options *o)
{
	char id[IDENT_SIZE];
	struct oci_spec *spec = NULL;
	struct err err = ERR_INIT;
	int r = 0;

	if (!o->spec.id)
		o->spec.id = ident_make(id, "ctl");
	if (o->share)
		r = spec_parse_share(o->share, &o->arena, &o->spec, &err);
	if (r == 0)
		r = spec_build(&o->spec, &o->arena, &spec, &err);
	if (r != 0)
		return ctl_usage_error("run: %s", err_text(&err));
	return run_container(ctl, o, spec);
}

static int run(struct ctl *ctl, const struct ctl_command *self, int argc, char **argv)
{
	struct run_options o = { .share = NULL };
	int status;

	if (parse(ctl, self, &o, argc, argv, &status))
		status = build_and_run(ctl, &o);
	option_list_done(&o.storages);
	option_list_done(&o.sandbox_storages);
	option_list_done(&o.spec.env);
	arena_done(&o.arena);
	return status;
}

const struct ctl_command cmd_run = {
	.name = "run",
	.operands = "[--] [COMMAND [ARG]...]",
	.summary = "Create a container, run a command in it with our stdio, remove it",
	.more = "Exits as the command did, or with 125 after an error, 126 if the command may not be executed, 127 if "
		"it\n"
		"is not there. DIR is a path as the agent sees it, unless --share maps it",
	.run = run,
};
