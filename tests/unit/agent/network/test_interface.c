/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/network/interface.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/lib/fake_rtnetlink.h"
#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

/* The recording: lo is 1, p0 is 2 with …:02, eth0 is 3 with …:01; all are up. */
static const struct net_address_config addresses[] = { { "10.1.0.2", "24" }, { "fd00:1::2", "64" } };

static const struct row {
	const char *name;
	struct net_interface_config config;
	bool no_ipv6;
	unsigned fail_at; /* with EBUSY */
	int result;
	const char *expected; /* the changes, or the error */
} rows[] = {
	{ "plain",
	  { "net0", "02:00:00:00:00:01", 1400, 0, addresses, 2 },
	  false,
	  0,
	  0,
	  "link 3 flags=0/1\nlink 3 flags=0/80 name=net0 mtu=1400\n"
	  "address 3 10.1.0.2/24\naddress 3 fd00:1::2/64\nlink 3 flags=1/1\n" },
	{ "no IPv6",
	  { "net0", "02:00:00:00:00:01", 0, 0, addresses, 2 },
	  true,
	  0,
	  0,
	  "link 3 flags=0/1\nlink 3 flags=0/80 name=net0\naddress 3 10.1.0.2/24\nlink 3 flags=1/1\n" },
	{ "own name, NOARP",
	  { "eth0", "02:00:00:00:00:01", 0, 0xffff, NULL, 0 },
	  false,
	  0,
	  0,
	  "link 3 flags=0/1\nlink 3 flags=80/80 name=eth0\nlink 3 flags=1/1\n" },
	{ "no name",
	  { "", "02:00:00:00:00:01", 0, 0, NULL, 0 },
	  false,
	  0,
	  0,
	  "link 3 flags=0/1\nlink 3 flags=0/80\nlink 3 flags=1/1\n" },
	{ "by name alone",
	  { "p0", "", 0, 0, NULL, 0 },
	  false,
	  0,
	  0,
	  "link 2 flags=0/1\nlink 2 flags=0/80 name=p0\nlink 2 flags=1/1\n" },
	{ "swap",
	  { "p0", "02:00:00:00:00:01", 0, 0, NULL, 0 },
	  false,
	  0,
	  0,
	  "link 3 flags=0/1\nlink 2 name=p0_temp\nlink 3 flags=0/80 name=p0\nlink 2 name=eth0\nlink 3 flags=1/1\n" },
	{ "swap before Linux 6.2",
	  { "p0", "02:00:00:00:00:01", 0, 0, NULL, 0 },
	  false,
	  2,
	  0,
	  "link 3 flags=0/1\nlink 2 name=p0_temp\nlink 2 flags=0/1\nlink 2 name=p0_temp\nlink 2 flags=1/1\n"
	  "link 3 flags=0/80 name=p0\nlink 2 name=eth0\nlink 3 flags=1/1\n" },
	{ "swap undone",
	  { "p0", "02:00:00:00:00:01", 0, 0, NULL, 0 },
	  false,
	  3,
	  -EBUSY,
	  "link 3 flags=0/1\nlink 2 name=p0_temp\nlink 3 flags=0/80 name=p0\nlink 2 name=p0\nlink 3 flags=1/1\n" },
	{ "address fails, it goes up again",
	  { "eth0", "02:00:00:00:00:01", 0, 0, addresses, 2 },
	  false,
	  3,
	  -EBUSY,
	  "link 3 flags=0/1\nlink 3 flags=0/80 name=eth0\naddress 3 10.1.0.2/24\nlink 3 flags=1/1\n" },
	{ "new address is not taken",
	  { "eth0", "02:00:00:00:00:99", 0, 0, NULL, 0 },
	  false,
	  0,
	  -ENODEV,
	  "link 3 flags=0/1\nlink 3 mac=02..99\nlink 3 flags=1/1\n" },
};

static void changes(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = ERR_INIT;
		int r;

		memset(&fake_rtnetlink, 0, sizeof(fake_rtnetlink));
		fake_rtnetlink.fail_at = rows[i].fail_at;
		fake_rtnetlink.fail_with = EBUSY;
		r = net_interface_update(*state, &rows[i].config, !rows[i].no_ipv6, &err);
		if (r != rows[i].result || strcmp(fake_rtnetlink.log, rows[i].expected) != 0)
			fail_msg("%s: %d (%s)\n%s", rows[i].name, r, err.text, fake_rtnetlink.log);
	}
}

static void refused_before_anything_changes(void **state)
{
	static const struct net_address_config bad_address[] = { { "10.1.0", "24" } },
					       bad_mask[] = { { "10.1.0.2", "" } };
	static const struct {
		struct net_interface_config config;
		const char *expected;
	} cases[] = {
		{ { "none", "02:00:00:00:00:77", 0, 0, NULL, 0 }, "Link not found (Address: 02:00:00:00:00:77)" },
		{ { "none", "", 0, 0, NULL, 0 }, "Link not found (Name: none)" },
		{ { "", "", 0, 0, NULL, 0 }, "Link not found (Name: )" },
		{ { "eth0", "02:zz", 0, 0, NULL, 0 }, "'02:zz' is no hardware address" },
		{ { "sixteen-letters.", "02:00:00:00:00:01", 0, 0, NULL, 0 },
		  "'sixteen-letters.' is too long for a name" },
		{ { "eth0", "02:00:00:00:00:01", 1ull << 32, 0, NULL, 0 }, "4294967296 is no MTU" },
		{ { "eth0", "02:00:00:00:00:01", 0, 0, bad_address, 1 },
		  "address '10.1.0/24': '10.1.0' is no IP address" },
		{ { "eth0", "02:00:00:00:00:01", 0, 0, bad_mask, 1 },
		  "address '10.1.0.2/': '' is no prefix length of an IPv4 address" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err err = ERR_INIT;

		assert_true(net_interface_update(*state, &cases[i].config, true, &err) < 0);
		assert_string_equal(err.text, cases[i].expected);
		assert_string_equal(fake_rtnetlink.log, "");
	}
}

/* Each change fails in its turn: always an error, and the link is up at the end whenever it could be. */
static void every_change_fails_once(void **state)
{
	const struct net_interface_config config = { "p0", "02:00:00:00:00:01", 1400, 0, addresses, 2 };
	unsigned k = 1;
	int r;

	do {
		struct err err = ERR_INIT;

		memset(&fake_rtnetlink, 0, sizeof(fake_rtnetlink));
		fake_rtnetlink.fail_at = k;
		fake_rtnetlink.fail_with = EINVAL;
		r = net_interface_update(*state, &config, true, &err);
		assert_true(r == 0 || (r == -EINVAL && strstr(err.text, ": Invalid argument")));
		if (r < 0 && k > 1)
			assert_string_equal(fake_rtnetlink.log + strlen(fake_rtnetlink.log) - 17, "link 3 flags=1/1\n");
	} while (r < 0 && ++k < 100);
	assert_int_equal(k, 8);
}

static void address_set(void **state)
{
	struct err err = ERR_INIT;

	assert_int_equal(net_interface_set_mac(*state, "eth0", "02:00:00:00:00:01", &err), 0);
	assert_string_equal(fake_rtnetlink.log, "");
	assert_int_equal(net_interface_set_mac(*state, "eth0", "02:00:00:00:00:05", &err), 0);
	assert_string_equal(fake_rtnetlink.log, "link 3 flags=0/1\nlink 3 mac=02..05\nlink 3 flags=1/1\n");
	assert_int_equal(net_interface_set_mac(*state, "eth7", "02:00:00:00:00:05", &err), -ENODEV);
	assert_int_equal(net_interface_set_mac(*state, "eth0", "x", &err), -EINVAL);
}

static void ipv6_switch(void **state)
{
	const struct tempdir *dir = *state;
	static const char *const dirs[] = { "sys",
		                            "sys/net",
		                            "sys/net/ipv6",
		                            "sys/net/ipv6/conf",
		                            "sys/net/ipv6/conf/all",
		                            "sys/net/ipv6/conf/default" };

	assert_false(net_has_ipv6(dir->fd));
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		assert_int_equal(mkdirat(dir->fd, dirs[i], 0755), 0);
	tempdir_write(dir, "sys/net/ipv6/conf/all/disable_ipv6", "1\n");
	tempdir_write(dir, "sys/net/ipv6/conf/default/disable_ipv6", "1\n");
	assert_false(net_has_ipv6(dir->fd));
	tempdir_write(dir, "sys/net/ipv6/conf/default/disable_ipv6", "0\n");
	assert_true(net_has_ipv6(dir->fd));
	tempdir_write(dir, "sys/net/ipv6/conf/all/disable_ipv6", "0\n");
	tempdir_write(dir, "sys/net/ipv6/conf/default/disable_ipv6", "1\n");
	assert_true(net_has_ipv6(dir->fd));
}

#define T(name) cmocka_unit_test_setup_teardown(name, fake_rtnetlink_setup, fake_rtnetlink_teardown)

int test_interface(void)
{
	const struct CMUnitTest tests[] = {
		T(changes),
		T(refused_before_anything_changes),
		T(every_change_fails_once),
		T(address_set),
		cmocka_unit_test_setup_teardown(ipv6_switch, tempdir_setup, tempdir_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
