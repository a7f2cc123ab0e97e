/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/net_ip.h"

#include <errno.h>
#include <string.h>

#include "tests/lib/unit.h"

static void texts(void **state)
{
	/* expected: as it is formatted with prefix; NULL = refused */
	static const struct {
		const char *text, *expected;
	} rows[] = {
		{ "10.1.2.3", "10.1.2.3/32" },
		{ "10.1.2.3/24", "10.1.2.3/24" },
		{ "0.0.0.0/0", "0.0.0.0/0" },
		{ "fd00::1", "fd00::1/128" },
		{ "FD00:0:0::1/64", "fd00::1/64" },
		{ "::/0", "::/0" },
		{ "::ffff:1.2.3.4/96", "::ffff:1.2.3.4/96" },
		{ "10.1.2.3/33", NULL },
		{ "10.1.2.3/999999999999", NULL },
		{ "10.1.2.3/", NULL },
		{ "10.1.2.3/-1", NULL },
		{ "10.1.2.3/2 4", NULL },
		{ "10.1.2.3/24/24", NULL },
		{ "10.1.2", NULL },
		{ " 10.1.2.3", NULL },
		{ "fd00::1/129", NULL },
		{ "fd00::1%eth0", NULL },
		{ "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc/64", NULL },
		{ "", NULL },
		{ "/24", NULL },
		{ "host", NULL },
	};
	char text[NET_IP_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct net_ip ip = { 0 };
		struct err err = ERR_INIT;
		int r = net_ip_parse_prefix(rows[i].text, &ip, &err);

		assert_int_equal(r, rows[i].expected ? 0 : -EINVAL);
		assert_string_equal(net_ip_format(&ip, true, text), rows[i].expected ? rows[i].expected : "");
		if (!rows[i].expected)
			assert_non_null(strstr(err.text, "' is no "));
	}
}

static void longest_fits(void **state)
{
	char text[NET_IP_TEXT_MAX];
	struct net_ip ip;

	(void)state;
	assert_int_equal(net_ip_parse("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", &ip, NULL), 0);
	assert_string_equal(net_ip_format(&ip, true, text), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128");
	assert_string_equal(net_ip_format(&ip, false, text), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
}

static void bytes_are_taken(void **state)
{
	const uint8_t bytes[16] = { 10, 0, 0, 1 };
	struct net_ip ip = { 0 };

	(void)state;
	assert_false(net_ip_take(AF_INET, bytes, 16, 24, &ip));
	assert_false(net_ip_take(AF_INET6, bytes, 4, 24, &ip));
	assert_false(net_ip_take(AF_INET, bytes, 4, 33, &ip));
	assert_false(net_ip_take(AF_UNIX, bytes, 4, 24, &ip));
	assert_int_equal(ip.family, AF_UNSPEC);
	assert_false(net_ip_is_any(&ip));
	assert_true(net_ip_take(AF_INET, bytes, 4, 24, &ip));
	assert_false(net_ip_is_any(&ip));
	memset(&ip, 0, sizeof(ip));
	ip.family = AF_INET6;
	assert_true(net_ip_is_any(&ip));
}

int test_net_ip(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),
		cmocka_unit_test(longest_fits),
		cmocka_unit_test(bytes_are_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
