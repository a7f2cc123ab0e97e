/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/netlink.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/fake_rtnetlink.h"
#include "tests/lib/unit.h"

static struct nlmsghdr *change(struct netlink_request *request)
{
	struct nlmsghdr *message = netlink_begin(request, RTM_NEWLINK, NLM_F_CREATE, sizeof(struct ifinfomsg));

	mnl_attr_put_strz(message, IFLA_IFNAME, "eth0");
	return message;
}

static void request_is_begun(void **state)
{
	struct netlink_request request;

	(void)state;
	memset(&request, 0xff, sizeof(request));
	assert_string_equal(fake_rtnetlink_hex(change(&request)), "2c000000"         /* length */
	                                                          "1000"             /* RTM_NEWLINK */
	                                                          "0104"             /* NLM_F_REQUEST | NLM_F_CREATE */
	                                                          "0000000000000000" /* sequence, port */
	                                                          "00000000000000000000000000000000"
	                                                          "090003006574683000000000");
}

static int call(struct netlink *nl, struct err *err)
{
	struct netlink_request request;

	return netlink_call(nl, change(&request), err);
}

static void call_is_acknowledged(void **state)
{
	struct err err = ERR_INIT;

	assert_int_equal(call(*state, &err), 0);
	assert_string_equal(fake_rtnetlink.log, "link 0 name=eth0\n");
	fake_rtnetlink.fail_at = 2;
	fake_rtnetlink.fail_with = EBUSY;
	assert_int_equal(call(*state, &err), -EBUSY);
	assert_string_equal(err.text, "Device or resource busy");
	assert_int_equal(call(*state, &err), 0);
}

static void broken_sockets_are_errors(void **state)
{
	struct err err = ERR_INIT;

	fake_rtnetlink.send_result = -ENOBUFS;
	assert_int_equal(call(*state, &err), -ENOBUFS);
	assert_string_equal(err.text, "send a request: No buffer space available");
	fake_rtnetlink.send_result = 0;
	fake_rtnetlink.receive_result = -ENOMEM;
	assert_int_equal(call(*state, &err), -ENOMEM);
	assert_string_equal(err.text, "take the kernel's answer: Cannot allocate memory");
}

static void no_answer_is_an_error(void **state)
{
	struct err err = ERR_INIT;

	fake_rtnetlink.is_silent = true;
	assert_int_equal(call(*state, &err), -EIO);
}

static void cut_answer_is_an_error(void **state)
{
	struct err err = ERR_INIT;

	fake_rtnetlink.is_cut = true;
	assert_int_equal(call(*state, &err), -EMSGSIZE);
}

/* A container with CAP_NET_ADMIN can send to us. */
static void answers_of_others_do_not_count(void **state)
{
	struct err err = ERR_INIT;

	fake_rtnetlink.is_foreign = true;
	assert_int_equal(call(*state, &err), -EIO);
}

/* --- dumps ------------------------------------------------------------------------------------------------------- */

struct count {
	unsigned n, restarts;
	int result;
};

static int count_one(const struct nlmsghdr *message, void *arg)
{
	struct count *count = arg;

	assert_int_equal(message->nlmsg_type, RTM_NEWLINK);
	count->n++;
	return count->result;
}

static void count_again(void *arg)
{
	struct count *count = arg;

	count->n = 0;
	count->restarts++;
}

static int dump(struct netlink *nl, struct count *count, struct err *err)
{
	struct netlink_request request;
	struct nlmsghdr *message = netlink_begin(&request, RTM_GETLINK, 0, sizeof(struct ifinfomsg));

	return netlink_dump(nl, message, count_one, count_again, count, err);
}

static void dump_tells_all(void **state)
{
	struct err err = ERR_INIT;
	struct count count = { 0 };

	assert_int_equal(dump(*state, &count, &err), 0);
	assert_int_equal(count.n, 3);
	assert_int_equal(count.restarts, 1);
}

static void interrupted_dump_is_told_again(void **state)
{
	struct err err = ERR_INIT;
	struct count count = { 0 };

	fake_rtnetlink.n_interrupted = 2;
	assert_int_equal(dump(*state, &count, &err), 0);
	assert_int_equal(count.n, 3);
	assert_int_equal(count.restarts, 3);
	fake_rtnetlink.n_interrupted = 100;
	assert_int_equal(dump(*state, &count, &err), -EAGAIN);
}

static void dump_ends_with_its_reader(void **state)
{
	struct err err = ERR_INIT;
	struct count count = { .result = -ENOMEM };

	assert_int_equal(dump(*state, &count, &err), -ENOMEM);
	assert_int_equal(count.n, 1);
}

/* --- the kernel's words ------------------------------------------------------------------------------------------ */

/* Feeds one recorded answer to the code behind netlink_call, by way of a socket pair. */
static int answer_of(const struct nlmsghdr *message, size_t len, struct err *err)
{
	struct netlink nl = NETLINK_INIT;
	struct netlink_request request;
	int pair[2], r;

	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	nl.fd = pair[0];
	nl.seq = message->nlmsg_seq - 1;
	nl.answer = malloc(NETLINK_ANSWER_MAX);
	assert_int_equal(send(pair[1], message, len, 0), len);
	r = netlink_call(&nl, change(&request), err);
	netlink_close(&nl);
	assert_null(nl.answer);
	assert_int_equal(nl.fd, -EBADF);
	(void)close(pair[1]);
	return r;
}

static void words_are_passed_on(void **state)
{
	(void)state;
	/* The first is capped, the second has the whole request in it. */
	for (unsigned i = 0; i < 2; i++) {
		struct nlmsghdr *message = fake_rtnetlink_recorded("err", i);
		struct err err = ERR_INIT;

		assert_int_equal(answer_of(message, message->nlmsg_len, &err), -ENETUNREACH);
		assert_string_equal(err.text, "Network is unreachable (Nexthop has invalid gateway)");
		free(message);
	}
}

/* Every shorter length, in the header too: an error of some kind, and nothing is read beyond. */
static void cut_words_do_no_harm(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct nlmsghdr *message = fake_rtnetlink_recorded("err", i);

		for (uint32_t len = message->nlmsg_len - 1; len >= sizeof(*message); len--) {
			struct err err = ERR_INIT;

			message->nlmsg_len = len;
			assert_true(answer_of(message, len, &err) < 0);
			assert_true(err.text[0] != '\0');
		}
		free(message);
	}
}

/* --- attributes -------------------------------------------------------------------------------------------------- */

static void attributes_are_indexed(void **state)
{
	struct nlmsghdr *message = fake_rtnetlink_recorded("link", 2);
	const struct nlattr *a[IFLA_MTU + 1];

	(void)state;
	netlink_attributes(message, sizeof(struct ifinfomsg), a, IFLA_MTU + 1);
	assert_string_equal(mnl_attr_get_str(a[IFLA_IFNAME]), "eth0");
	assert_int_equal(mnl_attr_get_u32(a[IFLA_MTU]), 1400);
	assert_null(a[IFLA_UNSPEC]);
	netlink_attributes(message, 60000, a, IFLA_MTU + 1);
	assert_null(a[IFLA_IFNAME]);
	free(message);
}

static void drain_ends(void **state)
{
	struct netlink *nl = *state;

	assert_int_equal(netlink_drain(nl), 0);
	fake_rtnetlink.receive_result = -ENOMEM;
	assert_int_equal(netlink_drain(nl), -ENOMEM);
	/* It would be there for ever. */
	fake_rtnetlink.receive_result = -ENOBUFS;
	assert_int_equal(netlink_drain(nl), 0);
}

static void opens_and_closes(void **state)
{
	struct netlink nl = NETLINK_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(netlink_open(&nl, RTMGRP_LINK, &err), 0);
	assert_true(nl.fd >= 0);
	netlink_close(&nl);
	netlink_close(&nl);
	assert_int_equal(nl.fd, -EBADF);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fake_rtnetlink_setup, fake_rtnetlink_teardown)

int test_netlink(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_is_begun),
		T(call_is_acknowledged),
		T(broken_sockets_are_errors),
		T(no_answer_is_an_error),
		T(cut_answer_is_an_error),
		T(answers_of_others_do_not_count),
		T(dump_tells_all),
		T(interrupted_dump_is_told_again),
		T(dump_ends_with_its_reader),
		cmocka_unit_test(words_are_passed_on),
		cmocka_unit_test(cut_words_do_no_harm),
		cmocka_unit_test(attributes_are_indexed),
		T(drain_ends),
		cmocka_unit_test(opens_and_closes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
