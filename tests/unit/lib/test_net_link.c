/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/net_link.h"

#include <errno.h>
#include <net/if_arp.h>
#include <string.h>

#include "tests/lib/fake_rtnetlink.h"
#include "tests/lib/unit.h"

static void hardware_addresses(void **state)
{
	/* expected: as it is formatted; NULL = refused */
	static const struct {
		const char *text, *expected;
	} rows[] = {
		{ "02:00:00:00:00:01", "02:00:00:00:00:01" },
		{ "aB:cD:ef:00:11:22", "AB:CD:EF:00:11:22" },
		{ "80:00:02:08:fe:80:00:00:00:00:00:00:00:02:c9:03:00:00:10:39",
		  "80:00:02:08:FE:80:00:00:00:00:00:00:00:02:C9:03:00:00:10:39" },
		{ "7f", "7F" },
		{ "", NULL },
		{ "2:0:0:0:0:1", NULL },
		{ "02:00:00:00:00:", NULL },
		{ "02:00:00:00:00:1", NULL },
		{ "02-00-00-00-00-01", NULL },
		{ "0200", NULL },
		{ "02:0g", NULL },
		{ "\x10\x11", NULL },
		{ "00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00",
		  NULL },
	};
	char text[NET_MAC_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct net_mac mac = { .len = 0 };
		struct err err = ERR_INIT;

		assert_int_equal(net_mac_parse(rows[i].text, &mac, &err), rows[i].expected ? 0 : -EINVAL);
		assert_string_equal(net_mac_format(&mac, text), rows[i].expected ? rows[i].expected : "");
		if (!rows[i].expected)
			assert_non_null(strstr(err.text, "is no hardware address"));
	}
}

static void parsed(void **state)
{
	struct nlmsghdr *message = fake_rtnetlink_recorded("link", 2);
	struct net_link link;
	char text[NET_MAC_TEXT_MAX];

	(void)state;
	assert_true(net_link_parse(message, &link));
	assert_string_equal(link.name, "eth0");
	assert_string_equal(link.kind, "veth");
	assert_int_equal(link.type, ARPHRD_ETHER);
	assert_int_equal(link.index, 3);
	assert_int_equal(link.mtu, 1400);
	assert_true(link.flags & IFF_UP);
	assert_string_equal(net_mac_format(&link.mac, text), "02:00:00:00:00:01");
	message->nlmsg_type = RTM_DELLINK;
	assert_false(net_link_parse(message, &link));
	free(message);
}

/* Whatever is cut off: no crash, and a link only with a name. */
static void cut_messages(void **state)
{
	struct nlmsghdr *message = fake_rtnetlink_recorded("link", 2);
	uint32_t whole = message->nlmsg_len;
	struct net_link link;
	unsigned parsed_ones = 0;

	(void)state;
	for (uint32_t len = sizeof(*message); len < whole; len++) {
		struct nlmsghdr *copy = malloc(len);

		memcpy(copy, message, len);
		copy->nlmsg_len = len;
		if (net_link_parse(copy, &link)) {
			assert_string_equal(link.name, "eth0");
			parsed_ones++;
		}
		free(copy);
	}
	assert_true(parsed_ones > 1000 && parsed_ones < whole);
	free(message);
}

static void listed_and_found(void **state)
{
	_autolinks_ struct net_links links = { 0 };
	struct net_mac mac, none = { .len = 0 };
	struct err err = ERR_INIT;
	size_t n;

	/* An interrupted dump leaves nothing twice. */
	fake_rtnetlink.n_interrupted = 1;
	assert_int_equal(net_links_read(*state, &links, &err), 0);
	assert_string_equal(net_links_all(&links, &n)[0].name, "lo");
	assert_int_equal(n, 3);
	assert_int_equal(net_links_find(&links, "eth0")->index, 3);
	assert_null(net_links_find(&links, "eth"));
	assert_int_equal(net_mac_parse("02:00:00:00:00:02", &mac, NULL), 0);
	assert_string_equal(net_links_find_mac(&links, &mac)->name, "p0");
	mac.len = 5;
	assert_null(net_links_find_mac(&links, &mac));
	assert_null(net_links_find_mac(&links, &none));
	assert_string_equal(net_links_find_index(&links, 1)->name, "lo");
	assert_null(net_links_find_index(&links, 0));
	fake_rtnetlink.send_result = -EPERM;
	assert_int_equal(net_links_read(*state, &links, &err), -EPERM);
	assert_string_equal(err.text, "list the links: send a request: Operation not permitted");
}

static void changes_are_built(void **state)
{
	const struct net_mac mac = { { 2, 0, 0, 0, 0, 1 }, 6 };
	const struct {
		struct net_link_change change;
		const char *expected; /* behind the netlink header */
	} rows[] = {
		{ { .index = 3, .mask = IFF_UP },
		  "00000000"
		  "03000000"
		  "00000000"
		  "01000000" },
		{ { .index = 3, .mask = IFF_UP, .flags = IFF_UP | IFF_NOARP },
		  "00000000"
		  "03000000"
		  "01000000"
		  "01000000" },
		{ { .index = 258, .name = "net0", .mtu = 1400 },
		  "00000000"
		  "02010000"
		  "00000000"
		  "00000000"
		  "090003006e65743000000000"
		  "0800040078050000" },
		{ { .index = 3, .mac = &mac },
		  "00000000"
		  "03000000"
		  "00000000"
		  "00000000"
		  "0a00010002000000"
		  "00010000" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct netlink_request request;
		const struct nlmsghdr *message = net_link_build(&request, &rows[i].change);

		assert_int_equal(message->nlmsg_type, RTM_NEWLINK);
		assert_int_equal(message->nlmsg_flags, NLM_F_REQUEST);
		assert_string_equal(fake_rtnetlink_hex(message) + 2 * sizeof(*message), rows[i].expected);
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, fake_rtnetlink_setup, fake_rtnetlink_teardown)

int test_net_link(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hardware_addresses), cmocka_unit_test(parsed),
		cmocka_unit_test(cut_messages),       T(listed_and_found),
		cmocka_unit_test(changes_are_built),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
