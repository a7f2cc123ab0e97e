/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/passfd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/fd.h"
#include "tests/unit/agent/plane.h"

struct claimant {
	struct passfd_claim claim;
	struct passfd_streams streams;
	struct passfd_claim *to_cancel;
	int calls, r;
	char text[ERR_TEXT_MAX];
};

static struct passfd *port;

static void claimed(struct passfd_claim *claim, int r, struct passfd_streams *streams, const struct err *err)
{
	struct claimant *c = container_of(claim, struct claimant, claim);

	c->calls++;
	c->r = r;
	c->streams = passfd_streams_take(streams);
	if (err)
		(void)snprintf(c->text, sizeof(c->text), "%s", err_text(err));
	if (c->to_cancel)
		passfd_claim_cancel(c->to_cancel);
}

static int setup(void **state)
{
	struct addr addr = { .kind = ADDR_UNIX };
	struct err err = ERR_INIT;
	struct plane *f;

	assert_int_equal(plane_setup(state), 0);
	f = *state;
	(void)snprintf(addr.path, sizeof(addr.path), "@kata-passfd-test-%d", (int)getpid());
	assert_return_code(passfd_new(f->loop, &addr, &port, &err), 0);
	return 0;
}

static int teardown(void **state)
{
	port = passfd_free(port);
	return plane_teardown(state);
}

/* A host's connection from the port; 0 = from nowhere that has a number. Nobody has looked yet. */
static int knock_from(uint32_t number)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int n = snprintf(un.sun_path + 1, sizeof(un.sun_path) - 1, "kata-host-%d_%u", (int)getpid(), number);
	socklen_t head = offsetof(struct sockaddr_un, sun_path) + 1;

	assert_return_code(fd, errno);
	if (number)
		assert_return_code(bind(fd, (struct sockaddr *)&un, head + (socklen_t)n), errno);
	n = snprintf(un.sun_path + 1, sizeof(un.sun_path) - 1, "kata-passfd-test-%d", (int)getpid());
	assert_return_code(connect(fd, (struct sockaddr *)&un, head + (socklen_t)n), errno);
	assert_return_code(fd_set_nonblock(fd, true), 0);
	return fd;
}

static int call_from(struct plane *f, uint32_t number)
{
	int fd = knock_from(number);

	assert_return_code(loop_turn(f->loop, 0), 0);
	return fd;
}

static int claim(struct claimant *c, uint32_t in, uint32_t out, uint32_t error)
{
	struct err err = ERR_INIT;
	int r;

	*c = (struct claimant){ .claim = { .ports = { in, out, error }, .done = claimed } };
	r = passfd_claim(port, &c->claim, &c->streams, &err);
	if (r < 0)
		(void)snprintf(c->text, sizeof(c->text), "%s", err_text(&err));
	return r;
}

static void wait_for(struct plane *f, const struct claimant *c)
{
	for (int left = 400; c->calls == 0 && left > 0; left--)
		assert_return_code(loop_turn(f->loop, 5), 0);
	assert_int_equal(c->calls, 1);
}

/* What a host that failed has left behind may still be here when it tries again from the same ports. */
static void the_newest_from_a_port_is_taken(void **state)
{
	struct plane *f = *state;
	struct claimant c;
	int in, out;

	(void)fd_close(call_from(f, 12));
	assert_int_equal(passfd_count_unnamed(port), 1);
	in = knock_from(11);
	out = knock_from(12);
	assert_int_equal(claim(&c, 11, 12, 0), 1);
	assert_int_equal(passfd_count_unnamed(port), 0);
	assert_int_equal(write(c.streams.v[KSTR_STDOUT]->fd, "x", 1), 1);
	plane_receive(f, out, &(char){ 0 }, 1);
	passfd_streams_done(&c.streams);
	(void)fd_close(in);
	(void)fd_close(out);
}

/* … also if the claim came first: it is served when all that came together are here. */
static void a_claim_that_waits_gets_the_newest(void **state)
{
	struct plane *f = *state;
	struct claimant c;
	int in, out;

	(void)fd_close(call_from(f, 12));
	assert_int_equal(claim(&c, 11, 12, 0), 0);
	in = knock_from(11);
	out = knock_from(12);
	wait_for(f, &c);
	assert_int_equal(c.r, 0);
	assert_int_equal(write(c.streams.v[KSTR_STDOUT]->fd, "x", 1), 1);
	plane_receive(f, out, &(char){ 0 }, 1);
	passfd_streams_done(&c.streams);
	(void)fd_close(in);
	(void)fd_close(out);
}

static void what_is_there_is_taken_at_once(void **state)
{
	struct plane *f = *state;
	unsigned sources = loop_count(f->loop);
	int in = call_from(f, 11), err = call_from(f, 13);
	struct claimant c;

	assert_int_equal(passfd_count_unnamed(port), 2);
	assert_int_equal(claim(&c, 11, 0, 13), 1);
	/* No timer stays behind. */
	assert_int_equal(loop_count(f->loop), sources);
	assert_int_equal(passfd_count_unnamed(port), 0);
	assert_int_equal(c.streams.v[KSTR_STDIN]->port, 11);
	assert_null(c.streams.v[KSTR_STDOUT]);
	assert_int_equal(c.streams.v[KSTR_STDERR]->port, 13);
	assert_int_equal(write(c.streams.v[KSTR_STDIN]->fd, "x", 1), 1);
	plane_receive(f, in, &(char){ 0 }, 1);
	passfd_streams_done(&c.streams);
	plane_expect_end(f, in);
	plane_expect_end(f, err);
	assert_int_equal(c.calls, 0);
	(void)close(in);
	(void)close(err);
}

static void a_claim_waits_for_all_of_its_connections(void **state)
{
	struct plane *f = *state;
	int first = call_from(f, 22), second;
	struct claimant c;

	assert_int_equal(claim(&c, 21, 22, 0), 0);
	plane_turns(f);
	assert_int_equal(c.calls, 0);
	second = call_from(f, 21);
	wait_for(f, &c);
	assert_int_equal(c.r, 0);
	assert_int_equal(c.streams.v[KSTR_STDIN]->port, 21);
	assert_int_equal(c.streams.v[KSTR_STDOUT]->port, 22);
	passfd_streams_done(&c.streams);
	(void)close(first);
	(void)close(second);
}

/* The first who asks gets it; a claim may be cancelled from within another one's end. */
static void claims_are_served_in_their_order(void **state)
{
	struct plane *f = *state;
	struct claimant a, b, c;
	int fds[2];

	assert_int_equal(claim(&a, 0, 31, 0), 0);
	assert_int_equal(claim(&b, 0, 32, 0), 0);
	assert_int_equal(claim(&c, 0, 31, 0), 0);
	a.to_cancel = &b.claim;
	fds[0] = call_from(f, 31);
	fds[1] = call_from(f, 32);
	wait_for(f, &a);
	assert_int_equal(a.r, 0);
	assert_int_equal(b.calls, 0);
	wait_for(f, &c);
	assert_int_equal(c.r, -EBUSY);
	assert_string_equal(c.text, "stdout_port '31': its connection is another stream's already");
	passfd_streams_done(&a.streams);
	assert_int_equal(passfd_count_unnamed(port), 1);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void errors_name_the_port(void **state)
{
	struct plane *f = *state;
	int fd = call_from(f, 41);
	struct claimant c;

	assert_int_equal(claim(&c, 42, 41, 41), -EINVAL);
	assert_string_equal(c.text, "stderr_port '41': it is named as stdout_port too");
	assert_int_equal(claim(&c, 41, 0, 43), 0);
	wait_for(f, &c);
	assert_int_equal(c.r, -ENOENT);
	assert_string_equal(c.text, "stderr_port '43': no connection has come from there within 300 ms");
	/* All or none. */
	assert_int_equal(passfd_count_unnamed(port), 1);
	plane_expect_silence(f, fd);
	(void)close(fd);
}

/* Its old connection must be gone, or the kernel would not have given the port away. */
static void the_newest_connection_of_a_port_counts(void **state)
{
	struct plane *f = *state;
	int old = call_from(f, 51), new;
	struct claimant c;

	(void)close(old);
	new = call_from(f, 51);
	assert_int_equal(passfd_count_unnamed(port), 1);
	assert_int_equal(claim(&c, 51, 0, 0), 1);
	assert_int_equal(write(c.streams.v[KSTR_STDIN]->fd, "y", 1), 1);
	plane_receive(f, new, &(char){ 0 }, 1);
	passfd_streams_done(&c.streams);
	(void)close(new);
}

static void strangers_and_too_many_are_refused(void **state)
{
	struct plane *f = *state;
	int fds[PASSFD_UNNAMED_MAX + 1], stranger = call_from(f, 0);

	plane_expect_end(f, stranger);
	for (unsigned i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = call_from(f, 1000 + i);
	assert_int_equal(passfd_count_unnamed(port), PASSFD_UNNAMED_MAX);
	plane_expect_end(f, fds[PASSFD_UNNAMED_MAX]);
	plane_expect_silence(f, fds[0]);
	passfd_close_unnamed(port);
	assert_int_equal(passfd_count_unnamed(port), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(fds); i++) {
		plane_expect_end(f, fds[i]);
		(void)close(fds[i]);
	}
	(void)close(stranger);
}

static void what_nobody_names_is_closed_after_a_time(void **state)
{
	struct plane *f = *state;
	int fd;

	plane_short_timers = true;
	fd = call_from(f, 61);
	/* The timer says that it is over, the clock that it is not: it waits on. */
	plane_expect_silence(f, fd);
	assert_int_equal(passfd_count_unnamed(port), 1);
	plane_later_ms = PASSFD_UNNAMED_MS;
	plane_expect_end(f, fd);
	assert_int_equal(passfd_count_unnamed(port), 0);
	(void)close(fd);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int test_passfd(void)
{
	const struct CMUnitTest tests[] = {
		T(the_newest_from_a_port_is_taken),          T(a_claim_that_waits_gets_the_newest),
		T(what_is_there_is_taken_at_once),           T(a_claim_waits_for_all_of_its_connections),
		T(claims_are_served_in_their_order),         T(errors_name_the_port),
		T(the_newest_connection_of_a_port_counts),   T(strangers_and_too_many_are_refused),
		T(what_nobody_names_is_closed_after_a_time),
	};

	return cmocka_run_group_tests_name("passfd", tests, NULL, NULL);
}
