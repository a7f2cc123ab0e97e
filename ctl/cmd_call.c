/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "client/method.h"
#include "ctl/command.h"

/* These end when something happens in the guest, which may be never. */
static const char *const waiting[] = { "WaitProcess", "ReadStdout", "ReadStderr", "GetOOMEvent" };

static unsigned default_timeout(const char *method)
{
	for (size_t i = 0; i < ARRAY_SIZE(waiting); i++) {
		if (strcmp(waiting[i], method) == 0)
			return 0;
	}
	return CTL_TIMEOUT_MS;
}

static int unknown_method(const char *name)
{
	const char *close[5];
	char list[256] = "";
	size_t n = method_close_names(name, close, ARRAY_SIZE(close)), len = 0;

	for (size_t i = 0; i < n && len < sizeof(list); i++)
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", i > 0 ? ", " : "", close[i]);
	if (n == 0)
		return ctl_usage_error("call: unknown method '%s', see kata-agent-ctl methods", name);
	return ctl_usage_error("call: unknown method '%s', is it one of: %s", name, list);
}

static int run(struct ctl *ctl, const struct ctl_command *self, int argc, char **argv)
{
	static const struct option_spec none[] = { { .kind = OPTION_END } };
	_autoreply_ struct client_reply reply = { .text = "" };
	_autoarena_ struct arena arena = { 0 };
	ProtobufCMessage *request;
	struct client_method m;
	int r, status;

	if (!ctl_parse(ctl, self, none, false, &argc, argv, 1, 2, &status))
		return status;
	r = method_find(argv[0], &m);
	if (r < 0)
		return unknown_method(argv[0]);
	status = ctl_read_message(m.method->input, argc > 1 ? argv[1] : NULL, &arena, &request);
	if (status != CTL_EXIT_OK)
		return status;
	status = ctl_open(ctl);
	if (status != CTL_EXIT_OK)
		return status;
	r = client_call(ctl->session.client, &m, request, ctl_timeout(ctl, default_timeout(m.method->name)), &reply);
	if (r < 0) {
		(void)fprintf(stderr, "%s: %s\n", m.method->name, strerror(-r));
		return CTL_EXIT_FAILED;
	}
	return reply.code == RPC_OK ? ctl_print_json(reply.message) : session_print_failure(&reply);
}

const struct ctl_command cmd_call = {
	.name = "call",
	.operands = "METHOD [JSON | @FILE | -]",
	.summary = "Call a method; request and answer are JSON with the field names of the protocol",
	.run = run,
};
