/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of an agent that breaks the rules of ttrpc, or its word: bad frames, half frames, random bytes, answers that
 * are never read, connections that vanish. A well-behaved neighbour asks for the agent's health all the while. After
 * each test the agent must hold what it held before. Prints "ok" and "not ok" lines.
 *   rawttrpc SOCKET AGENT_PID CONTAINER [SEED]
 * CONTAINER must run `read line; echo hello; exit 3` and have no other client.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/rpc/conn.h"
#include "client/client.h"
#include "client/method.h"
#include "lib/fd.h"
#include "lib/sys.h"
#include "lib/ttrpc.h"
#include "proto/agent.pb-c.h"
#include "proto/health.pb-c.h"
#include "tests/lib/rawconn.h"

#define NEIGHBOUR_MS  2000 /* longest time that a Check may take */
#define SETTLE_MS     10000
#define FRAME_MIN_MS  8000 /* when the agent gives up on a frame: 10 s, and what a loaded machine makes of it */
#define FRAME_MAX_MS  14000
#define CONNS         (RPC_CONNS_MAX + 10)
#define DEAF_MAX      (64u << 20)
#define RANDOM_ROUNDS 400
#define VANISHING     20

#define AGENT  "grpc.AgentService"
#define HEALTH "grpc.Health"

/* The reason of a failure, or NULL. */
typedef const char *verdict;

struct scene {
	const char *path, *container;
	pid_t agent;
	uint64_t random;
	size_t base_fds, base_children;
	char why[1024];
};

static verdict because(struct scene *s, const char *fmt, ...) _printf_(2, 3);

static verdict because(struct scene *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(s->why, sizeof(s->why), fmt, ap);
	va_end(ap);
	return s->why;
}

/* --- answers ------------------------------------------------------------------------------------------------------ */

/* NULL if the next answer is this one. */
static verdict expect(struct scene *s, struct raw *c, uint32_t stream, int code, const char *text)
{
	static const char *const names[] = { "an answer", "the end", "silence", "no valid answer" };
	struct raw_answer a = { .text = "" };
	enum raw_outcome outcome = raw_receive(c, RAW_ANSWER_MS, &a);

	if (outcome != RAW_ANSWERED)
		return because(s, "%s instead of code %d with '%s'", names[outcome], code, text);
	if (a.stream != stream || a.code != code || !strstr(a.text, text))
		return because(s, "stream %u, code %d with '%s' instead of stream %u, code %d with '%s'", a.stream,
		               a.code, a.text, stream, code, text);
	return NULL;
}

static verdict expect_end(struct scene *s, struct raw *c)
{
	struct raw_answer a = { .text = "" };
	enum raw_outcome outcome = raw_receive(c, FRAME_MAX_MS, &a);

	if (outcome == RAW_ENDED)
		return NULL;
	return because(s, "the connection did not end, but %s", outcome == RAW_SILENT ? "stayed silent" : a.text);
}

/* NULL if the connection is as good as new. */
static verdict expect_works(struct scene *s, struct raw *c, uint32_t stream)
{
	Grpc__CheckRequest request = GRPC__CHECK_REQUEST__INIT;

	if (!raw_send_request(c, stream, HEALTH, "Check", &request.base))
		return because(s, "send Check: %s", strerror(errno));
	return expect(s, c, stream, RPC_OK, "");
}

/* --- frames ------------------------------------------------------------------------------------------------------- */

static verdict too_long(struct scene *s)
{
	_autoraw_ struct raw *c = raw_open(s->path);
	verdict v;

	if (!raw_send_long(c, 1, TTRPC_MESSAGE_MAX + 1, TTRPC_MESSAGE_MAX + 1))
		return "the agent does not take the bytes that it has to skip";
	v = expect(s, c, 1, RPC_INVALID_ARGUMENT, "message length 4194305 exceed maximum message size of 4194304");
	return v ? v : expect_works(s, c, 3);
}

static verdict longest_skipped(struct scene *s)
{
	_autoraw_ struct raw *c = raw_open(s->path);
	verdict v;

	if (!raw_send_long(c, 1, TTRPC_DISCARD_MAX, TTRPC_DISCARD_MAX))
		return "the agent does not take the bytes that it has to skip";
	v = expect(s, c, 1, RPC_INVALID_ARGUMENT, "message length 67108864 exceed");
	return v ? v : expect_works(s, c, 3);
}

/* The longest that fits is a request like any other; this one holds zeroes. */
static verdict longest_taken(struct scene *s)
{
	_autoraw_ struct raw *c = raw_open(s->path);
	verdict v;

	if (!raw_send_long(c, 1, TTRPC_MESSAGE_MAX, TTRPC_MESSAGE_MAX))
		return "the agent does not take 4 MiB";
	v = expect(s, c, 1, RPC_INVALID_ARGUMENT, "no valid ttrpc.Request");
	return v ? v : expect_works(s, c, 3);
}

static verdict hopeless(struct scene *s)
{
	static const uint32_t lengths[] = { TTRPC_DISCARD_MAX + 1, 0x7fffffff, 0xffffffff };
	verdict v = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(lengths) && !v; i++) {
		_autoraw_ struct raw *c = raw_open(s->path);

		(void)raw_send_long(c, 1, lengths[i], 100000);
		v = expect(s, c, 1, RPC_INVALID_ARGUMENT, "exceed maximum message size of 4194304");
		v = v ? v : expect_end(s, c);
	}
	return v;
}

static verdict odd_streams(struct scene *s)
{
	static const uint32_t even[] = { 0, 2, 0xfffffffe };
	Grpc__CheckRequest request = GRPC__CHECK_REQUEST__INIT;
	_autoraw_ struct raw *c = raw_open(s->path);
	verdict v = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(even) && !v; i++) {
		(void)raw_send_request(c, even[i], HEALTH, "Check", &request.base);
		v = expect(s, c, even[i], RPC_INVALID_ARGUMENT, "stream id must be odd");
	}
	return v ? v : expect_works(s, c, 0xffffffff);
}

static verdict unknown_names(struct scene *s)
{
	_autoraw_ struct raw *c = raw_open(s->path);
	verdict v;

	(void)raw_send_request(c, 1, "grpc.NoSuch", "Check", NULL);
	v = expect(s, c, 1, RPC_INVALID_ARGUMENT, "grpc.NoSuch service does not exist");
	(void)raw_send_request(c, 3, "", "", NULL);
	v = v ? v : expect(s, c, 3, RPC_INVALID_ARGUMENT, " service does not exist");
	(void)raw_send_request(c, 5, AGENT, "NoSuch", NULL);
	v = v ? v : expect(s, c, 5, RPC_UNIMPLEMENTED, AGENT "/NoSuch");
	(void)raw_send_request(c, 7, HEALTH, "CreateContainer", NULL);
	v = v ? v : expect(s, c, 7, RPC_UNIMPLEMENTED, HEALTH "/CreateContainer");
	return v ? v : expect_works(s, c, 9);
}

static verdict undecodable(struct scene *s)
{
	/* Service and method are right; the payload is a string that is longer than what is there. */
	static const uint8_t bad_payload[] = "\x0a\x0bgrpc.Health\x12\x05"
					     "Check\x1a\x02\x0a\x7f";
	/* A string with a byte that is no UTF-8: not a name of anything, and not in the answer either. */
	static const uint8_t bad_text[] = "\x0a\x03\xff\xfe\xc0\x12\x05"
					  "Check";
	_autoraw_ struct raw *c = raw_open(s->path);
	verdict v;

	(void)raw_send_frame(c, 1, TTRPC_REQUEST, "\x0a\x7fshort", 7);
	v = expect(s, c, 1, RPC_INVALID_ARGUMENT, "no valid ttrpc.Request");
	(void)raw_send_frame(c, 3, TTRPC_REQUEST, "", 0);
	v = v ? v : expect(s, c, 3, RPC_INVALID_ARGUMENT, " service does not exist");
	(void)raw_send_frame(c, 5, TTRPC_REQUEST, bad_payload, sizeof(bad_payload) - 1);
	v = v ? v : expect(s, c, 5, RPC_UNKNOWN, "CheckRequest");
	(void)raw_send_frame(c, 7, TTRPC_REQUEST, bad_text, sizeof(bad_text) - 1);
	v = v ? v : expect(s, c, 7, RPC_INVALID_ARGUMENT, "");
	return v ? v : expect_works(s, c, 9);
}

static verdict other_types(struct scene *s)
{
	static const uint8_t types[] = { 0, TTRPC_RESPONSE, TTRPC_DATA, 77, 255 };
	_autoraw_ struct raw *c = raw_open(s->path);

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		(void)raw_send_frame(c, 1, types[i], "whatever", 8);
	return expect_works(s, c, 1);
}

/* --- time --------------------------------------------------------------------------------------------------------- */

struct half {
	const char *name;
	struct raw *c;
	int64_t ended;
};

/* Up to when everybody is gone; the third sends a byte a second, which buys it no time. */
static void watch_halves(struct half *halves, size_t n, int64_t begin)
{
	int64_t next = begin + 1000;

	while (sys_now_ms() < begin + FRAME_MAX_MS) {
		struct raw_answer a = { .text = "" };
		bool waits = false;

		for (size_t i = 0; i < n; i++) {
			if (!halves[i].ended && raw_receive(halves[i].c, 20, &a) == RAW_ENDED)
				halves[i].ended = sys_now_ms();
			waits |= !halves[i].ended;
		}
		if (!waits)
			return;
		if (sys_now_ms() > next) {
			(void)raw_send(halves[2].c, "x", 1);
			next += 1000;
		}
	}
}

static verdict half_frames(struct scene *s)
{
	struct half halves[] = { { .name = "half a header", .c = raw_open(s->path) },
		                 { .name = "half a payload", .c = raw_open(s->path) },
		                 { .name = "a byte a second", .c = raw_open(s->path) },
		                 { .name = "half of what is skipped", .c = raw_open(s->path) } };
	_autoraw_ struct raw *idle = raw_open(s->path);
	int64_t begin = sys_now_ms();
	verdict v = NULL;
	struct raw_answer a;

	(void)raw_send(halves[0].c, "\0\0\0\x10\0", 5);
	(void)raw_send_long(halves[1].c, 1, 1000, 500);
	(void)raw_send_long(halves[2].c, 1, 1000, 1);
	(void)raw_send_long(halves[3].c, 1, TTRPC_MESSAGE_MAX + 1, 500);
	if (raw_receive(halves[3].c, RAW_ANSWER_MS, &a) != RAW_ANSWERED)
		v = "no answer to a frame that is too long";
	watch_halves(halves, ARRAY_SIZE(halves), begin);
	for (size_t i = 0; i < ARRAY_SIZE(halves); i++) {
		int64_t took = halves[i].ended - begin;

		if (!v && (took < FRAME_MIN_MS || took > FRAME_MAX_MS))
			v = because(s, "%s: ended after %lld ms", halves[i].name, (long long)(took < 0 ? -1 : took));
		raw_free(halves[i].c);
	}
	return v ? v : expect_works(s, idle, 1);
}

/* --- noise -------------------------------------------------------------------------------------------------------- */

static uint32_t draw(struct scene *s, uint32_t below)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return (uint32_t)(s->random >> 16) % below;
}

static uint32_t fill(struct scene *s, uint8_t *data, uint32_t max)
{
	uint32_t n = draw(s, max);

	for (uint32_t i = 0; i < n; i++)
		data[i] = (uint8_t)draw(s, 256);
	return n;
}

/* A real method with a few fields of small numbers, which decode more often than noise does. */
static void send_almost_valid(struct scene *s, struct raw *c)
{
	_autobuf_ struct buf payload = BUF_INIT;
	struct client_method m;
	uint8_t fields[64];
	uint32_t n = 0;

	while (method_at(draw(s, 64), &m) < 0 || strcmp(m.method->name, "DestroySandbox") == 0)
		;
	while (n < sizeof(fields) - 8 && draw(s, 4) > 0) {
		fields[n++] = (uint8_t)((draw(s, 12) << 3) | (draw(s, 2) ? 2 : 0));
		fields[n++] = (uint8_t)draw(s, 5);
		for (uint32_t i = 0; i < fields[n - 1]; i++)
			fields[n + i] = (uint8_t)draw(s, 128);
		n += fields[n - 1];
	}
	(void)buf_printf(&payload, "\x0a%c%s\x12%c%s\x1a%c", (int)strlen(m.service->name), m.service->name,
	                 (int)strlen(m.method->name), m.method->name, (int)n);
	(void)buf_add(&payload, fields, n);
	(void)raw_send_frame(c, 1 + 2 * draw(s, 4), TTRPC_REQUEST, payload.data, (uint32_t)payload.len);
}

static void send_noise(struct scene *s, struct raw *c)
{
	uint8_t data[4096];
	uint32_t n = fill(s, data, sizeof(data));

	switch (draw(s, 4)) {
	case 0:
		(void)raw_send(c, data, n);
		break;
	case 1:
		(void)raw_send_frame(c, 1, TTRPC_REQUEST, data, n);
		break;
	case 2:
		(void)raw_send_long(c, 1, n + draw(s, 1000), n);
		break;
	default:
		for (uint32_t i = 0; i < 8; i++)
			send_almost_valid(s, c);
		break;
	}
}

/* What comes back is valid, and ends when we say that nothing more will come. */
static verdict noise(struct scene *s)
{
	unsigned codes[RPC_CODE_MAX] = { 0 };

	printf("# seed %llu\n", (unsigned long long)s->random);
	for (int i = 0; i < RANDOM_ROUNDS; i++) {
		_autoraw_ struct raw *c = raw_open(s->path);
		struct raw_answer a = { .text = "" };
		enum raw_outcome outcome;

		send_noise(s, c);
		(void)shutdown(c->fd, SHUT_WR);
		while ((outcome = raw_receive(c, RAW_ANSWER_MS, &a)) == RAW_ANSWERED)
			if (a.code >= 0 && a.code < RPC_CODE_MAX)
				codes[a.code]++;
		if (outcome != RAW_ENDED)
			return because(s, "round %d: the connection did not end, outcome %d", i, outcome);
	}
	printf("# answers:");
	for (int i = 0; i < RPC_CODE_MAX; i++)
		if (codes[i] > 0)
			printf(" %s %u", rpc_code_name(i), codes[i]);
	printf("\n");
	return codes[RPC_INVALID_ARGUMENT] == 0 ? "nothing was refused" : NULL;
}

/* --- clients that do not behave ----------------------------------------------------------------------------------- */

/* Sends until the agent takes no more; *ret_sent counts requests, whole ones. */
static verdict fill_up(struct scene *s, struct raw *c, uint32_t *ret_sent, struct buf *rest)
{
	Grpc__GuestDetailsRequest request = GRPC__GUEST_DETAILS_REQUEST__INIT;
	size_t bytes = 0;

	for (uint32_t i = 0; bytes < DEAF_MAX; i++) {
		if (envelope_request_pack(rest, 1 + 2 * i, AGENT, "GetGuestDetails", 0, &request.base) < 0)
			return "out of memory";
		while (rest->len > 0) {
			struct pollfd pfd = { .fd = c->fd, .events = POLLOUT };
			ssize_t n = send(c->fd, rest->data, rest->len, MSG_NOSIGNAL | MSG_DONTWAIT);

			if (n > 0) {
				buf_consume(rest, (size_t)n);
				bytes += (size_t)n;
			} else if (errno != EAGAIN) {
				return because(s, "after %u requests: %s", i, strerror(errno));
			} else if (poll(&pfd, 1, 1000) == 0) {
				*ret_sent = i + 1;
				return NULL;
			}
		}
	}
	return "the agent takes requests without end from a client that reads no answers";
}

/* Whoever reads nothing is not read from; once it reads, every answer is there. */
static verdict deaf(struct scene *s)
{
	_autoraw_ struct raw *c = raw_open(s->path);
	_autobuf_ struct buf rest = BUF_INIT;
	struct raw_answer a = { .text = "" };
	uint32_t sent = 0;
	verdict v = fill_up(s, c, &sent, &rest);

	for (uint32_t i = 0; i < sent && !v; i++) {
		if (raw_receive(c, RAW_ANSWER_MS, &a) != RAW_ANSWERED || a.code != RPC_OK)
			v = because(s, "%u of %u answers came", i, sent);
		/* The agent takes the rest of the last request when it gets to it. */
		if (rest.len > 0) {
			ssize_t n = send(c->fd, rest.data, rest.len, MSG_NOSIGNAL | MSG_DONTWAIT);

			buf_consume(&rest, n > 0 ? (size_t)n : 0);
		}
	}
	return v ? v : expect_works(s, c, 1);
}

static verdict deaf_and_gone(struct scene *s)
{
	_autoraw_ struct raw *c = raw_open(s->path);
	_autobuf_ struct buf rest = BUF_INIT;
	uint32_t sent = 0;

	return fill_up(s, c, &sent, &rest);
}

static void send_waiting(const struct scene *s, struct raw *c)
{
	Grpc__WaitProcessRequest wait = GRPC__WAIT_PROCESS_REQUEST__INIT;
	Grpc__ReadStreamRequest read = GRPC__READ_STREAM_REQUEST__INIT;

	wait.container_id = read.container_id = (char *)(uintptr_t)s->container;
	read.len = 4096;
	(void)raw_send_request(c, 1, AGENT, "WaitProcess", &wait.base);
	(void)raw_send_request(c, 3, AGENT, "ReadStdout", &read.base);
	(void)raw_send_request(c, 5, AGENT, "ReadStderr", &read.base);
}

static verdict too_many_calls(struct scene *s)
{
	Grpc__WaitProcessRequest wait = GRPC__WAIT_PROCESS_REQUEST__INIT;
	_autoraw_ struct raw *c = raw_open(s->path);
	verdict v;

	wait.container_id = (char *)(uintptr_t)s->container;
	(void)raw_send_request(c, 1, AGENT, "WaitProcess", &wait.base);
	(void)raw_send_request(c, 1, AGENT, "WaitProcess", &wait.base);
	v = expect(s, c, 1, RPC_INVALID_ARGUMENT, "stream id is in use");
	for (uint32_t i = 1; i <= RPC_CALLS_MAX; i++)
		(void)raw_send_request(c, 1 + 2 * i, AGENT, "WaitProcess", &wait.base);
	return v ? v : expect(s, c, 1 + 2 * RPC_CALLS_MAX, RPC_RESOURCE_EXHAUSTED, "too many open calls");
}

static verdict too_many_connections(struct scene *s)
{
	struct raw *conns[CONNS];
	unsigned taken = 0;
	verdict v;

	/* One is the neighbour's. */
	for (size_t i = 0; i < CONNS; i++)
		conns[i] = raw_open(s->path);
	v = expect_works(s, conns[0], 1);
	for (size_t i = 0; i < CONNS; i++) {
		struct raw_answer a = { .text = "" };

		if (raw_send_request(conns[i], 3, HEALTH, "Check", NULL) &&
		    raw_receive(conns[i], RAW_ANSWER_MS, &a) == RAW_ANSWERED)
			taken++;
	}
	for (size_t i = 0; i < CONNS; i++)
		raw_free(conns[i]);
	if (!v && (taken != RPC_CONNS_MAX - 1))
		v = because(s, "%u of %d connections were taken", taken, RPC_CONNS_MAX - 1);
	return v;
}

/* What those who vanished were to be told is not lost for the one who stays. */
static verdict vanishing(struct scene *s)
{
	Grpc__WriteStreamRequest write = GRPC__WRITE_STREAM_REQUEST__INIT;
	_autoraw_ struct raw *stays = raw_open(s->path);
	uint8_t line[] = "line\n";
	struct raw_answer a = { .text = "" };
	bool has_said = false, has_ended = false;
	verdict v = expect_works(s, stays, 9);

	for (int i = 0; i < VANISHING; i++) {
		struct raw *c = raw_open(s->path);

		send_waiting(s, c);
		if (i % 2 == 0)
			v = v ? v : expect_works(s, c, 7);
		raw_free(c);
	}
	send_waiting(s, stays);
	write.container_id = (char *)(uintptr_t)s->container;
	write.data = (ProtobufCBinaryData){ .data = line, .len = sizeof(line) - 1 };
	(void)raw_send_request(stays, 7, AGENT, "WriteStdin", &write.base);
	for (int i = 0; i < 4 && !v; i++) {
		if (raw_receive(stays, RAW_ANSWER_MS, &a) != RAW_ANSWERED || a.code != RPC_OK)
			return because(s, "answer %d: code %d, '%s'", i, a.code, a.text);
		has_said |= a.stream == 3 && a.payload_len == 8 && memcmp(a.payload, "\x0a\x06hello\n", 8) == 0;
		has_ended |= a.stream == 1 && a.payload_len == 2 && memcmp(a.payload, "\x08\x03", 2) == 0;
	}
	return v ? v : !has_said ? "what it said is lost" : !has_ended ? "its exit code is wrong" : NULL;
}

/* --- around the tests --------------------------------------------------------------------------------------------- */

/* Checks until the parent closes the pipe; ends with 0 if every Check was answered in time. */
static int be_neighbour(const struct scene *s, int ready, int stop)
{
	Grpc__CheckRequest request = GRPC__CHECK_REQUEST__INIT;
	_autoclient_ struct client *client = NULL;
	struct pollfd pfd = { .fd = stop };
	struct err err = ERR_INIT;
	int64_t slowest = 0;
	unsigned n = 0;
	char address[256];
	struct client_method m;

	(void)snprintf(address, sizeof(address), "unix://%s", s->path);
	if (method_find("Health.Check", &m) < 0 || client_open(&client, address, NEIGHBOUR_MS, &err) < 0)
		return 1;
	do {
		_autoreply_ struct client_reply reply = { .text = "" };
		int64_t begin = sys_now_ms();

		if (client_call(client, &m, &request.base, NEIGHBOUR_MS, &reply) < 0 || reply.code != RPC_OK) {
			printf("# neighbour: Check %u: %s\n", n, reply.text);
			return 1;
		}
		slowest = sys_now_ms() - begin > slowest ? sys_now_ms() - begin : slowest;
		if (n++ == 0)
			(void)!write(ready, "r", 1);
	} while (poll(&pfd, 1, 20) == 0);
	printf("# neighbour: %u checks, slowest %lld ms\n", n, (long long)slowest);
	return 0;
}

static pid_t start_neighbour(const struct scene *s, int *ret_stop)
{
	int ready[2], stop[2];
	char byte;
	pid_t pid;

	if (pipe(ready) < 0 || pipe(stop) < 0 || (pid = fork()) < 0) {
		perror("rawttrpc");
		exit(2);
	}
	if (pid == 0) {
		int r;

		(void)close(stop[1]);
		r = be_neighbour(s, ready[1], stop[0]);
		(void)fflush(stdout);
		_exit(r);
	}
	(void)close(ready[1]);
	(void)close(stop[0]);
	if (read(ready[0], &byte, 1) != 1)
		printf("# neighbour: does not come up\n");
	(void)close(ready[0]);
	*ret_stop = stop[1];
	return pid;
}

static size_t count_fds(const struct scene *s)
{
	char path[64];
	size_t n = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)s->agent);
	dir = opendir(path);
	while (dir && readdir(dir))
		n++;
	if (dir)
		(void)closedir(dir);
	return n;
}

static size_t count_children(const struct scene *s)
{
	_autofree_ char *text = NULL;
	char path[96];
	size_t n = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)s->agent, (int)s->agent);
	if (fd_read_file_at(AT_FDCWD, path, 65536, &text, NULL) < 0)
		return 0;
	for (const char *p = text; *p; p++)
		n += *p == ' ';
	return n;
}

static verdict settled(struct scene *s)
{
	const struct timespec pause = { .tv_nsec = 20 * 1000000 };
	int64_t end = sys_now_ms() + SETTLE_MS;
	size_t fds, children;

	do {
		fds = count_fds(s);
		children = count_children(s);
		/* The container of the last test ends, with what it held. */
		if (fds <= s->base_fds && children <= s->base_children)
			return NULL;
		(void)nanosleep(&pause, NULL);
	} while (sys_now_ms() < end);
	return because(s, "left over: fds %zu -> %zu, children %zu -> %zu", s->base_fds, fds, s->base_children,
	               children);
}

static const struct {
	const char *name;
	verdict (*run)(struct scene *s);
} tests[] = {
	{ "too_long", too_long },
	{ "longest_skipped", longest_skipped },
	{ "longest_taken", longest_taken },
	{ "hopeless", hopeless },
	{ "odd_streams", odd_streams },
	{ "unknown_names", unknown_names },
	{ "undecodable", undecodable },
	{ "other_types", other_types },
	{ "half_frames", half_frames },
	{ "noise", noise },
	{ "deaf", deaf },
	{ "deaf_and_gone", deaf_and_gone },
	{ "too_many_calls", too_many_calls },
	{ "too_many_connections", too_many_connections },
	{ "vanishing", vanishing },
};

static bool run_all(struct scene *s)
{
	bool ok = true;

	for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
		verdict v = tests[i].run(s);

		if (!v)
			v = settled(s);
		printf("%s raw_%s%s%s\n", v ? "not ok" : "ok", tests[i].name, v ? ": " : "", v ? v : "");
		ok &= !v;
	}
	return ok;
}

int main(int argc, char **argv)
{
	struct scene s = { .random = 1 };
	int stop, status = 0;
	pid_t neighbour;
	bool ok;

	if (argc < 4 || argc > 5) {
		fprintf(stderr, "usage: rawttrpc SOCKET AGENT_PID CONTAINER [SEED]\n");
		return 2;
	}
	s.path = argv[1];
	s.agent = atoi(argv[2]);
	s.container = argv[3];
	if (argc == 5)
		s.random = strtoull(argv[4], NULL, 10) | 1;
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	neighbour = start_neighbour(&s, &stop);
	s.base_fds = count_fds(&s);
	s.base_children = count_children(&s);
	ok = run_all(&s);
	(void)close(stop);
	if (waitpid(neighbour, &status, 0) < 0 || status != 0) {
		printf("not ok raw_neighbour: it was not answered in time, or at all\n");
		return 1;
	}
	printf("ok raw_neighbour\n");
	return !ok;
}
