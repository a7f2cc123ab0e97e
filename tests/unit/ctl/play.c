/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/ctl/play.h"

#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ctl/command.h"
#include "lib/fd.h"
#include "proto/agent.pb-c.h"
#include "proto/health.pb-c.h"
#include "proto/pbjson.h"
#include "proto/pbmem.h"
#include "tests/lib/fake_agent.h"
#include "tests/lib/unit.h"

#define WORDS_MAX 32

static int scratch(void)
{
	int fd = memfd_create("scratch", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static const ProtobufCMethodDescriptor *find_method(const struct fake_request *request)
{
	const ProtobufCServiceDescriptor *service = strcmp(request->envelope.service, "grpc.Health") == 0
	                                                    ? &grpc__health__descriptor
	                                                    : &grpc__agent_service__descriptor;

	return protobuf_c_service_descriptor_get_method_by_name(service, request->envelope.method);
}

static int write_down(const struct play *play, struct fake_peer *peer, const struct fake_request *request,
                      const ProtobufCMethodDescriptor *m)
{
	_autobuf_ struct buf line = BUF_INIT;
	ProtobufCMessage *message;

	if (pb_unpack(m->input, &peer->arena, request->envelope.payload, request->envelope.payload_len, &message,
	              NULL) < 0)
		return -1;
	if (buf_printf(&line, "%s ", m->name) < 0 || pbjson_format(message, &line, NULL) < 0 ||
	    buf_add(&line, "\n", 1) < 0)
		return -1;
	return fd_write_all(play->log, line.data, line.len);
}

static void answer(const struct play *play, struct fake_peer *peer, const struct fake_request *request,
                   const ProtobufCMethodDescriptor *m)
{
	ProtobufCMessage *reply = pb_new(m->output, &peer->arena);

	if (strcmp(m->name, "WaitProcess") == 0)
		((Grpc__WaitProcessResponse *)reply)->status = 5;
	if (strcmp(m->name, "Version") == 0)
		((Grpc__VersionCheckResponse *)reply)->agent_version = (char *)"4.5.6";
	if (strcmp(m->name, "Check") == 0)
		((Grpc__HealthCheckResponse *)reply)->status = GRPC__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
	if (strcmp(m->name, "GetDiagnosticData") == 0)
		((Grpc__GetDiagnosticDataResponse *)reply)->data = (char *)play->diagnostics;
	fake_peer_answer(peer, request->stream, reply);
}

static int script(struct fake_peer *peer, void *arg)
{
	const struct play *play = arg;
	const ProtobufCMethodDescriptor *m;
	struct fake_request request;
	int r;

	while ((r = fake_peer_read(peer, &request)) == 1) {
		m = find_method(&request);
		if (!m || write_down(play, peer, &request, m) < 0)
			return 1;
		if (play->refuse && strcmp(play->refuse, m->name) == 0)
			fake_peer_fail(peer, request.stream, play->code, play->text);
		else
			answer(play, peer, &request, m);
	}
	return r == 0 ? 0 : 2;
}

static void read_back(int fd, char *text)
{
	ssize_t n = pread(fd, text, PLAY_TEXT_SIZE - 1, 0);

	assert_true(n >= 0);
	text[n] = '\0';
}

/* The next word of the line, which ends with a blank; one that begins with a single quote ends with the next. */
static char *next_word(char **rest)
{
	char *word = *rest + strspn(*rest, " ");
	const char *end = *word == '\'' ? "'" : " ";

	if (*word == '\0')
		return NULL;
	word += *word == '\'' ? 1 : 0;
	*rest = word + strcspn(word, end);
	if (**rest != '\0')
		*(*rest)++ = '\0';
	return word;
}

void play_run(struct play *play, const char *line, struct play_result *ret)
{
	_autoclose_ int log = scratch(), out = scratch(), err = scratch(), in = scratch();
	_autofree_ char *copy = strdup(line);
	struct ctl ctl = { .session = { .program = "kata-agent-ctl", .timeout_ms = 5000 } };
	int saved_in = dup(STDIN_FILENO), saved_out = dup(STDOUT_FILENO), saved_err = dup(STDERR_FILENO), argc = 0;
	const struct ctl_command *command;
	struct fake_agent agent;
	char *argv[WORDS_MAX];

	for (char *rest = copy, *word = next_word(&rest); word && argc < WORDS_MAX; word = next_word(&rest))
		argv[argc++] = word;
	assert_int_equal(fd_write_all(in, play->input ? play->input : "", play->input ? strlen(play->input) : 0), 0);
	assert_int_equal(lseek(in, 0, SEEK_SET), 0);
	play->log = log;
	assert_int_equal(fake_agent_start(&agent, script, play), 0);
	ctl.session.client = client_new(take_fd(&agent.fd));
	assert_non_null(ctl.session.client);
	if (play->no_client)
		ctl_done(&ctl);
	command = command_find(argv[0]);
	assert_non_null(command);
	(void)fflush(NULL);
	assert_true(dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 && dup2(err, STDERR_FILENO) >= 0);
	__fpurge(stdin);
	clearerr(stdin);
	ret->status = command->run(&ctl, command, argc - 1, argv + 1);
	(void)fflush(NULL);
	assert_true(dup2(saved_in, STDIN_FILENO) >= 0 && dup2(saved_out, STDOUT_FILENO) >= 0 &&
	            dup2(saved_err, STDERR_FILENO) >= 0);
	(void)close(saved_in);
	(void)close(saved_out);
	(void)close(saved_err);
	ctl_done(&ctl);
	assert_int_equal(fake_agent_stop(&agent), 0);
	read_back(log, ret->log);
	read_back(out, ret->out);
	read_back(err, ret->err);
}
