/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/net_address.h"

#include <errno.h>
#include <string.h>

#include "tests/lib/fake_rtnetlink.h"
#include "tests/lib/unit.h"

static void built(void **state)
{
	/* expected: family, prefix, flags, scope; index; attributes */
	static const struct {
		const char *text, *expected;
	} rows[] = {
		{ "10.1.0.2/24", "02180000"
		                 "03000000"
		                 "080002000a010002"
		                 "080001000a010002"
		                 "080004000a0100ff" },
		{ "10.1.0.2/0", "02000000"
		                "03000000"
		                "080002000a010002"
		                "080001000a010002"
		                "08000400ffffffff" },
		{ "10.1.0.2/31", "021f0000"
		                 "03000000"
		                 "080002000a010002"
		                 "080001000a010002" },
		{ "fd00::2/64", "0a400200"
		                "03000000"
		                "14000200fd000000000000000000000000000002"
		                "14000100fd000000000000000000000000000002" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct net_address address = { .index = 3 };
		struct netlink_request request;
		const struct nlmsghdr *message;

		assert_int_equal(net_ip_parse_prefix(rows[i].text, &address.ip, NULL), 0);
		message = net_address_build(&request, &address);
		assert_int_equal(message->nlmsg_type, RTM_NEWADDR);
		assert_int_equal(message->nlmsg_flags, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE);
		assert_string_equal(fake_rtnetlink_hex(message) + 2 * sizeof(*message), rows[i].expected);
	}
}

static void listed(void **state)
{
	static const char *const expected[] = { "10.1.0.2/24", "fd00:1::2/64" };
	_autoaddresses_ struct net_addresses addresses = { 0 };
	struct err err = ERR_INIT;
	char text[NET_IP_TEXT_MAX];
	unsigned found = 0;
	size_t n;

	fake_rtnetlink.n_interrupted = 1;
	assert_int_equal(net_addresses_read(*state, &addresses, &err), 0);
	for (size_t i = (net_addresses_all(&addresses, &n), 0); i < n; i++) {
		const struct net_address *a = &net_addresses_all(&addresses, &n)[i];

		(void)net_ip_format(&a->ip, true, text);
		for (size_t k = 0; k < ARRAY_SIZE(expected); k++)
			found += a->index == 3 && strcmp(text, expected[k]) == 0;
	}
	assert_int_equal(n, 4);
	assert_int_equal(found, 2);
}

static void cut_messages(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct nlmsghdr *message = fake_rtnetlink_recorded("addr", i);
		struct net_address address;

		assert_true(net_address_parse(message, &address));
		for (uint32_t len = sizeof(*message); len < message->nlmsg_len; len++) {
			struct nlmsghdr *copy = malloc(len);

			memcpy(copy, message, len);
			copy->nlmsg_len = len;
			if (net_address_parse(copy, &address))
				assert_true(address.ip.prefix <= net_ip_bits(address.ip.family));
			free(copy);
		}
		free(message);
	}
}

static void failure_names_the_address(void **state)
{
	struct net_address address = { .index = 3 };
	struct err err = ERR_INIT;

	assert_int_equal(net_ip_parse_prefix("10.1.0.2/24", &address.ip, NULL), 0);
	assert_int_equal(net_address_add(*state, &address, &err), 0);
	assert_string_equal(fake_rtnetlink.log, "address 3 10.1.0.2/24\n");
	fake_rtnetlink.fail_at = 2;
	fake_rtnetlink.fail_with = EACCES;
	assert_int_equal(net_address_add(*state, &address, &err), -EACCES);
	assert_string_equal(err.text, "add address '10.1.0.2/24': Permission denied");
}

#define T(name) cmocka_unit_test_setup_teardown(name, fake_rtnetlink_setup, fake_rtnetlink_teardown)

int test_net_address(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(built),
		T(listed),
		cmocka_unit_test(cut_messages),
		T(failure_names_the_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
