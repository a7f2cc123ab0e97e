/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "ctl/command.h"
#include "lib/jsontext.h"
#include "proto/agent.pb-c.h"

#define TEXT_MAX 64

/* A member as text that a terminal can bear; "-" if it is absent. */
static const char *text_of(json_object *object, const char *key, char out[TEXT_MAX])
{
	json_object *value;

	if (!json_object_object_get_ex(object, key, &value) || !value)
		return "-";
	(void)snprintf(out, TEXT_MAX, "%s", json_object_get_string(value));
	for (char *p = out; *p != '\0'; p++) {
		if (iscntrl((unsigned char)*p))
			*p = '?';
	}
	return out;
}

static void print_process(json_object *container, json_object *process)
{
	static const char *const columns[] = { "stdin_in", "stdout_in", "stdout_out", "stderr_in", "stderr_out" };
	char cid[TEXT_MAX], id[TEXT_MAX], pid[TEXT_MAX], state[TEXT_MAX], code[TEXT_MAX], text[TEXT_MAX];

	(void)printf("%-24s %-24s %8s %-10s %4s", text_of(container, "id", cid), text_of(process, "id", id),
	             text_of(process, "pid", pid), text_of(process, "state", state),
	             text_of(process, "exit_code", code));
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		(void)printf(" %11s", text_of(process, columns[i], text));
	(void)printf("\n");
}

static int print_table(json_object *root)
{
	json_object *containers, *processes;

	if (!json_object_object_get_ex(root, "containers", &containers) ||
	    !json_object_is_type(containers, json_type_array)) {
		(void)fprintf(stderr, "kata-agent-ctl: the answer holds no list of containers\n");
		return CTL_EXIT_FAILED;
	}
	(void)printf("%-24s %-24s %8s %-10s %4s %11s %11s %11s %11s %11s\n", "CONTAINER", "PROCESS", "PID", "STATE",
	             "EXIT", "STDIN", "STDOUT-IN", "STDOUT-OUT", "STDERR-IN", "STDERR-OUT");
	for (size_t i = 0; i < json_object_array_length(containers); i++) {
		json_object *container = json_object_array_get_idx(containers, i);

		if (!json_object_object_get_ex(container, "processes", &processes) ||
		    !json_object_is_type(processes, json_type_array))
			continue;
		for (size_t k = 0; k < json_object_array_length(processes); k++)
			print_process(container, json_object_array_get_idx(processes, k));
	}
	return CTL_EXIT_OK;
}

static int show(const struct ctl *ctl, const char *data)
{
	_autojson_ json_object *root = NULL;
	struct err err = ERR_INIT;

	if (jsontext_parse(data, strlen(data), &root, &err) < 0) {
		(void)fprintf(stderr, "kata-agent-ctl: the answer is no JSON: %s\n", err_text(&err));
		return CTL_EXIT_FAILED;
	}
	if (!ctl->json)
		return print_table(root);
	(void)printf("%s\n", json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY));
	return CTL_EXIT_OK;
}

static int run(struct ctl *ctl, const struct ctl_command *self, int argc, char **argv)
{
	static const struct option_spec none[] = { { .kind = OPTION_END } };
	Grpc__GetDiagnosticDataRequest request = GRPC__GET_DIAGNOSTIC_DATA_REQUEST__INIT;
	_autoreply_ struct client_reply reply = { .text = "" };
	int status;

	if (!ctl_parse(ctl, self, none, false, &argc, argv, 0, 0, &status))
		return status;
	status = ctl_open(ctl);
	if (status != CTL_EXIT_OK)
		return status;
	request.log_type = (char *)"containers";
	status = ctl_call_quiet(ctl, "GetDiagnosticData", &request.base, &reply);
	/* The list is an extension of this project's agent. */
	if (status != CTL_EXIT_OK && (reply.code == RPC_INVALID_ARGUMENT || reply.code == RPC_UNIMPLEMENTED)) {
		(void)fprintf(stderr, "kata-agent-ctl: this agent cannot list containers\n");
		return CTL_EXIT_FAILED;
	}
	if (status != CTL_EXIT_OK)
		return session_print_failure(&reply);
	return show(ctl, ((const Grpc__GetDiagnosticDataResponse *)reply.message)->data);
}

const struct ctl_command cmd_ps = {
	.name = "ps",
	.operands = "",
	.summary = "List the containers and their processes",
	.run = run,
};
