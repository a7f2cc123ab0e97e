/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/command.h"
#include "lib/buf.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "proto/pbjson.h"

#define GLOBALS 5

static void fill_globals(struct ctl *ctl, struct option_spec *table)
{
	table[0] = (struct option_spec){ OPTION_TEXT,
		                         0,
		                         "address",
		                         "ADDR",
		                         &ctl->session.address,
		                         "where the agent listens: vsock://CID:PORT, unix:///PATH, unix://@NAME, "
		                         "hvsock:///PATH:PORT" };
	table[1] =
		(struct option_spec){ OPTION_SECONDS, 0, "timeout", "SECONDS", &ctl->session.timeout_ms, "0 = none" };
	table[2] = (struct option_spec){ OPTION_FLAG, 0, "json", NULL, &ctl->json, "results as JSON" };
	table[3] = (struct option_spec){
		OPTION_TEXT,     'l',
		"log-level",     "LEVEL",
		&ctl->log_level, "of the logs on stderr: critical, error, warning, info, debug, trace"
	};
	table[4] = (struct option_spec){ .kind = OPTION_END };
}

static int apply_log_level(const struct ctl *ctl, struct err *err)
{
	int level = ctl->log_level ? log_level_parse(ctl->log_level) : (int)log_get_level();

	if (level < 0)
		return err_say(err, EINVAL, "option '--log-level': '%s' is no level", ctl->log_level);
	log_set_level((enum log_level)level);
	return 0;
}

int ctl_usage_error(const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	(void)fprintf(stderr, "kata-agent-ctl: %s\n", text);
	return CTL_EXIT_USAGE;
}

static void print_command_help(const struct ctl_command *command, const struct option_spec *options,
                               const struct option_spec *globals)
{
	(void)printf("Usage: kata-agent-ctl %s [OPTION]...%s%s\n%s.\n", command->name, *command->operands ? " " : "",
	             command->operands, command->summary);
	if (command->more)
		(void)printf("%s.\n", command->more);
	if (options->kind != OPTION_END) {
		(void)printf("\n");
		options_print(options, stdout);
	}
	(void)printf("\nFor every command:\n");
	options_print(globals, stdout);
}

bool ctl_parse(struct ctl *ctl, const struct ctl_command *command, const struct option_spec *options, bool stop,
               int *argc, char **argv, int min, int max, int *ret_status)
{
	struct option_spec globals[GLOBALS];
	struct err err = ERR_INIT;
	int operands, r;

	fill_globals(ctl, globals);
	r = options_parse(options, globals, stop, *argc, argv, &operands, &err);
	if (r == OPTION_HELP) {
		print_command_help(command, options, globals);
		*ret_status = CTL_EXIT_OK;
		return false;
	}
	if (r >= 0)
		r = apply_log_level(ctl, &err);
	if (r < 0) {
		*ret_status = ctl_usage_error("%s: %s", command->name, err_text(&err));
		return false;
	}
	if (operands < min || operands > max) {
		*ret_status =
			ctl_usage_error("%s: %s operands, usage: %s [OPTION]... %s", command->name,
		                        operands < min ? "missing" : "too many", command->name, command->operands);
		return false;
	}
	*argc = operands;
	return true;
}

static void print_help(const struct option_spec *globals)
{
	(void)printf("Usage: kata-agent-ctl [OPTION]... COMMAND ...\nTalks to a Kata agent.\n\n");
	options_print(globals, stdout);
	(void)printf("\nThe address is taken from KATA_AGENT_ADDRESS if --address is not given. Commands:\n");
	command_list(stdout);
	(void)printf(
		"\nExit status: 1 the agent answered with an error, 2 bad command line or input, 3 no connection.\n"
		"'kata-agent-ctl COMMAND --help' tells more.\n");
}

bool ctl_parse_global(struct ctl *ctl, int *argc, char **argv, int *ret_status)
{
	static const struct option_spec none = { .kind = OPTION_END };
	struct option_spec globals[GLOBALS];
	struct err err = ERR_INIT;
	int operands, r;

	fill_globals(ctl, globals);
	/* What is behind the subcommand's name is the subcommand's. */
	r = options_parse(globals, &none, true, *argc, argv, &operands, &err);
	if (r == OPTION_HELP) {
		print_help(globals);
		*ret_status = CTL_EXIT_OK;
		return false;
	}
	if (r >= 0)
		r = apply_log_level(ctl, &err);
	if (r < 0 || operands == 0) {
		*ret_status =
			r < 0 ? ctl_usage_error("%s", err_text(&err)) : ctl_usage_error("no command given, see --help");
		return false;
	}
	*argc = operands;
	return true;
}

unsigned ctl_timeout(const struct ctl *ctl, unsigned default_ms)
{
	return session_timeout(&ctl->session, default_ms);
}

int ctl_open(struct ctl *ctl)
{
	return session_open(&ctl->session);
}

void ctl_done(struct ctl *ctl)
{
	session_done(&ctl->session);
}

int ctl_call_quiet(struct ctl *ctl, const char *method, const ProtobufCMessage *request, struct client_reply *ret)
{
	return session_call_quiet(&ctl->session, method, request, ret);
}

int ctl_call(struct ctl *ctl, const char *method, const ProtobufCMessage *request, struct client_reply *ret)
{
	return session_call(&ctl->session, method, request, ret);
}

int ctl_call_empty(struct ctl *ctl, const char *method, const ProtobufCMessage *request)
{
	_autoreply_ struct client_reply reply = { .text = "" };

	return ctl_call(ctl, method, request, &reply);
}

int ctl_print_json(const ProtobufCMessage *message)
{
	_autobuf_ struct buf out = BUF_INIT;
	struct err err = ERR_INIT;
	int r;

	r = pbjson_format_with(message, PBJSON_DEFAULTS, &out, &err);
	if (r < 0) {
		(void)fprintf(stderr, "kata-agent-ctl: %s\n", err_text(&err));
		return CTL_EXIT_FAILED;
	}
	(void)printf("%s\n", buf_str(&out));
	return CTL_EXIT_OK;
}

static int read_all(int fd, struct buf *to)
{
	ssize_t n;
	int r;

	to->max = CTL_PAYLOAD_MAX;
	for (;;) {
		r = buf_reserve(to, 65536);
		if (r < 0)
			return r;
		n = read(fd, to->data + to->len, 65536);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		buf_commit(to, (size_t)n);
	}
}

static int read_operand(const char *operand, struct buf *to)
{
	_autoclose_ int fd = -EBADF;

	if (!operand)
		return buf_add(to, "{}", 2);
	if (strcmp(operand, "-") == 0)
		return read_all(STDIN_FILENO, to);
	if (operand[0] != '@')
		return buf_add(to, operand, strlen(operand));
	fd = open(operand + 1, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : read_all(fd, to);
}

int ctl_read_message(const ProtobufCMessageDescriptor *type, const char *operand, struct arena *arena,
                     ProtobufCMessage **ret)
{
	_autobuf_ struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	int r;

	r = read_operand(operand, &text);
	if (r < 0)
		return ctl_usage_error("read '%s': %s", operand, strerror(-r));
	r = pbjson_parse(type, arena, buf_str(&text), text.len, ret, &err);
	if (r < 0)
		return ctl_usage_error("%s", err_text(&err));
	return CTL_EXIT_OK;
}
