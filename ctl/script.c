/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/script.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "client/method.h"
#include "ctl/api.h"
#include "ctl/autovalues.h"
#include "ctl/duration.h"
#include "ctl/line.h"
#include "ctl/request.h"
#include "lib/addr.h"
#include "lib/fd.h"
#include "lib/jsontext.h"
#include "lib/log.h"
#include "lib/sys.h"
#include "proto/pbjson.h"

#define CONNECT_MS 3000 /* how long to wait for a guest that does not listen yet */
#define PAUSE_NS   10000000L

struct builtin {
	const char *name, *summary;
	int (*run)(struct script *s, const char *rest);
};

/* --- built-ins --------------------------------------------------------------------------------------------------- */

static int run_echo(struct script *s, const char *rest)
{
	(void)s;
	(void)printf("%s\n", rest);
	return CTL_EXIT_OK;
}

static int run_list(struct script *s, const char *rest)
{
	(void)s;
	(void)rest;
	script_list(stdout, false);
	return CTL_EXIT_OK;
}

static int run_quit(struct script *s, const char *rest)
{
	(void)rest;
	s->is_over = true;
	return CTL_EXIT_OK;
}

static int run_repeat(struct script *s, const char *rest)
{
	char *end;
	long long n;

	errno = 0;
	n = strtoll(rest, &end, 10);
	if (rest[0] == '\0' || *end != '\0' || errno != 0 || n < -1)
		return ctl_usage_error("repeat: '%s' is no number of times (-1 = for ever)", rest);
	s->repeat = n;
	return CTL_EXIT_OK;
}

static int run_sleep(struct script *s, const char *rest)
{
	struct err err = ERR_INIT;
	struct timespec left;
	uint64_t ns;

	(void)s;
	if (duration_parse(rest, false, &ns, &err) < 0)
		return ctl_usage_error("sleep: %s", err_text(&err));
	left = (struct timespec){ .tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000) };
	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
	return CTL_EXIT_OK;
}

static const struct builtin builtins[] = {
	{ "echo", "Print text: echo TEXT", run_echo },
	{ "help", "Print this list", run_list },
	{ "list", "Print this list", run_list },
	{ "quit", "End this program", run_quit },
	{ "repeat", "Run the next command N times (-1 = for ever): repeat N", run_repeat },
	{ "sleep", "Wait: sleep 250ms, sleep 1m 30s", run_sleep },
};

static const struct builtin *find_builtin(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(builtins); i++) {
		if (strcmp(builtins[i].name, name) == 0)
			return &builtins[i];
	}
	return NULL;
}

const char *script_name_at(size_t index)
{
	const struct api_command *command;

	if (index < ARRAY_SIZE(builtins))
		return builtins[index].name;
	command = api_at(index - ARRAY_SIZE(builtins));
	return command ? command->name : NULL;
}

void script_list(FILE *to, bool names_only)
{
	const struct api_command *command;
	const char *name;

	if (names_only) {
		for (size_t i = 0; (name = script_name_at(i)) != NULL; i++)
			(void)fprintf(to, "  %s\n", name);
		return;
	}
	(void)fprintf(to, "Built-in commands:\n");
	for (size_t i = 0; i < ARRAY_SIZE(builtins); i++)
		(void)fprintf(to, "  %-31s %s\n", builtins[i].name, builtins[i].summary);
	(void)fprintf(to, "Calls of the agent, with NAME=VALUE words, json://{...} or file:///PATH behind them:\n");
	for (size_t i = 0; (command = api_at(i)) != NULL; i++)
		(void)fprintf(to, "  %-31s %s\n", command->name, command->summary);
}

/* --- connecting -------------------------------------------------------------------------------------------------- */

/* Only a guest that boots is worth waiting for: nobody listens at its port yet. */
static bool may_come(const char *address, int r)
{
	struct addr addr;

	return addr_parse(&addr, address, NULL) == 0 && addr.kind == ADDR_VSOCK &&
	       (r == -ECONNREFUSED || r == -ECONNRESET || r == -ENODEV || r == -ETIMEDOUT);
}

int script_open(struct script *s)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	int64_t deadline = sys_now_ms() + CONNECT_MS;
	struct err err = ERR_INIT;
	int r;

	if (s->ctl->session.client)
		return CTL_EXIT_OK;
	for (;;) {
		int64_t left = deadline - sys_now_ms();

		r = client_open(&s->ctl->session.client, s->ctl->session.address, left > 1 ? (unsigned)left : 1, &err);
		if (r == 0) {
			log_debug("connect", "Connected to '%s'", s->ctl->session.address);
			return CTL_EXIT_OK;
		}
		if (!may_come(s->ctl->session.address, r) || sys_now_ms() >= deadline)
			break;
		(void)nanosleep(&pause, NULL);
	}
	(void)fprintf(stderr, "kata-agent-ctl: %s\n", err_text(&err));
	return CTL_EXIT_CONNECTION;
}

/* --- calls ------------------------------------------------------------------------------------------------------- */

static bool is_known_name(const ProtobufCMessageDescriptor *type, const char *name)
{
	static const char *const known[] = { "cid", "sid", "exec_id", "spec", "src", "dest", "policy_file" };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (strcasecmp(known[i], name) == 0)
			return true;
	}
	for (unsigned i = 0; i < type->n_fields; i++) {
		if (strcasecmp(type->fields[i].name, name) == 0)
			return true;
	}
	return false;
}

/* A process of the container before is not one of this container. */
static int remember_words(struct script *s, struct api_call *call, const char *rest, struct err *err)
{
	struct line_pair *pairs;
	size_t n;
	int r;

	r = line_parse_pairs(rest, call->arena, &pairs, &n, err);
	for (size_t i = 0; r == 0 && i < n; i++) {
		const char *cid = values_get(&s->values, "cid");

		if (!is_known_name(call->type, pairs[i].name))
			log_write(LOG_LEVEL_WARNING, "connect", NULL, "'%s' has no field '%s', remembered only",
			          call->type->name, pairs[i].name);
		if (strcmp(pairs[i].name, "cid") == 0 && cid && strcmp(cid, pairs[i].value) != 0)
			values_forget(&s->values, "exec_id", true);
		r = values_set(&s->values, pairs[i].name, pairs[i].value, false);
		if (r < 0)
			(void)err_set(err, -r, "remember '%s'", pairs[i].name);
	}
	return r;
}

static int parse_json(const char *text, size_t len, struct json_object **ret, struct err *err)
{
	int r = jsontext_parse(text, len, ret, err);

	if (r == 0 && !json_object_is_type(*ret, json_type_object))
		return err_say(err, EINVAL, "parse JSON: that is no object");
	return r;
}

/* The JSON that the request begins with; words are remembered and leave it empty. */
static int read_line(struct script *s, struct api_call *call, const struct line *line, struct err *err)
{
	_autofree_ char *text = NULL;
	size_t len;
	int r;

	switch (line->form) {
	case LINE_JSON:
		return parse_json(line->rest, strlen(line->rest), &call->json, err);
	case LINE_FILE:
		r = fd_read_file_at(AT_FDCWD, line->rest, CTL_PAYLOAD_MAX, &text, &len);
		if (r < 0)
			return err_set(err, -r, "read '%s'", line->rest);
		r = parse_json(text, len, &call->json, err);
		return r < 0 ? err_wrap(err, "'%s'", line->rest) : 0;
	case LINE_WORDS:
		r = remember_words(s, call, line->rest, err);
		if (r < 0)
			return r;
		break;
	case LINE_NONE:
		break;
	}
	call->json = json_object_new_object();
	return call->json ? 0 : err_set(err, ENOMEM, "make a request");
}

static int build_message(struct api_call *call, const struct api_command *command, struct script *s, struct err *err)
{
	const char *text;
	int r = 0;

	if (s->auto_values)
		r = autovalues_make_ids(&s->values, call->json, call->type, err);
	if (r == 0)
		r = request_fill(call->json, call->type, &s->values, err);
	if (r == 0 && s->auto_values)
		r = autovalues_add_defaults(call->json, call->type, err);
	if (r < 0)
		return r;
	text = json_object_to_json_string_ext(call->json, JSON_C_TO_STRING_NOSLASHESCAPE);
	if (!text)
		return err_set(err, ENOMEM, "make a request");
	log_debug("connect", "%s %s", command->name, text);
	r = pbjson_parse(call->type, call->arena, text, strlen(text), &call->message, err);
	if (r == 0 && command->finish)
		r = command->finish(call, err);
	return r == 0 ? autovalues_remember(&s->values, call->json, call->type, err) : r;
}

static int send_message(struct script *s, const struct client_method *m, const ProtobufCMessage *message)
{
	_autoreply_ struct client_reply reply = { .text = "" };
	int r;

	r = client_call(s->ctl->session.client, m, message, s->ctl->session.timeout_ms, &reply);
	if (r < 0)
		return ctl_usage_error("%s: %s", m->method->name, strerror(-r));
	if (reply.code == RPC_OK)
		return ctl_print_json(reply.message);
	return session_print_failure(&reply);
}

static int run_call(struct script *s, const struct api_command *command, const struct line *line)
{
	_autoarena_ struct arena arena = { 0 };
	_autojson_ struct json_object *json = NULL;
	struct api_call call = {
		.ctl = s->ctl,
		.values = &s->values,
		.bundle_dir = s->bundle_dir,
		.auto_values = s->auto_values,
		.arena = &arena,
	};
	struct err err = ERR_INIT;
	struct client_method m;
	int r, status;

	r = method_find(command->method ? command->method : command->name, &m);
	if (r < 0)
		return ctl_usage_error("%s: no such method", command->name);
	call.type = m.method->input;
	r = read_line(s, &call, line, &err);
	json = call.json;
	if (r == 0 && command->prepare)
		r = command->prepare(&call, &err);
	if (r == 0 && !command->run)
		r = build_message(&call, command, s, &err);
	if (r < 0)
		return ctl_usage_error("%s: %s", command->name, err_text(&err));
	status = script_open(s);
	if (status != CTL_EXIT_OK)
		return status;
	return command->run ? command->run(&call) : send_message(s, &m, call.message);
}

/* --- lines ------------------------------------------------------------------------------------------------------- */

static int run_once(struct script *s, const struct line *line)
{
	const struct builtin *builtin = find_builtin(line->name);
	const struct api_command *command = builtin ? NULL : api_find(line->name);
	const char *close[3];
	int status;

	if (builtin)
		return builtin->run(s, line->rest);
	if (!command) {
		size_t n = method_close_names(line->name, close, ARRAY_SIZE(close));

		return ctl_usage_error("unknown command '%s', %s%s", line->name, n > 0 ? "is it " : "see list",
		                       n > 0 ? close[0] : "");
	}
	status = run_call(s, command, line);
	if (status == CTL_EXIT_CONNECTION)
		s->is_over = true;
	if (status == CTL_EXIT_OK && strcmp(command->name, "DestroySandbox") == 0)
		s->is_over = true;
	return status;
}

int script_run(struct script *s, const char *text)
{
	_autoarena_ struct arena arena = { 0 };
	struct err err = ERR_INIT;
	int64_t times = s->repeat;
	int status = CTL_EXIT_OK;
	struct line line;

	if (line_parse(&line, &arena, text, &err) < 0)
		return ctl_usage_error("%s", err_text(&err));
	if (line.name[0] == '\0')
		return CTL_EXIT_OK;
	s->repeat = 1;
	for (int64_t i = 0; (times < 0 || i < times) && !s->is_over; i++) {
		log_debug("connect", "Command '%s', time %lld of %lld", line.name, (long long)i + 1, (long long)times);
		status = run_once(s, &line);
		/* Whoever reads the results sees each at once; nobody reading them any more ends this. */
		if (fflush(stdout) != 0 || ferror(stdout)) {
			s->is_over = true;
			return CTL_EXIT_FAILED;
		}
		if (status != CTL_EXIT_OK && !s->ignore_errors)
			break;
	}
	return status;
}

int script_run_all(struct script *s, const char *const *lines, size_t n)
{
	int status;

	for (size_t i = 0; i < n && !s->is_over; i++) {
		status = script_run(s, lines[i]);
		/* Without a connection there is nothing to go on with. */
		if (status != CTL_EXIT_OK && (!s->ignore_errors || s->is_over))
			return status;
	}
	return CTL_EXIT_OK;
}

void script_done(struct script *s)
{
	values_done(&s->values);
}
