/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/network/iptables.h"
#include "tests/unit/agent/rpc/fixture.h"

#define LONG (200 * 1024) /* longer than what a job replies */

/* In the job's process: it knows what was set before it began. */
static size_t rules_size;

int __wrap_net_iptables_save(bool v6, struct err *err);
int __wrap_net_iptables_save(bool v6, struct err *err)
{
	int fd = memfd_create("rules", MFD_CLOEXEC);

	if (v6)
		return err_say(err, ENOENT, "fake reason");
	return ftruncate(fd, (off_t)rules_size) < 0 ? -errno : fd;
}

int __wrap_net_iptables_restore(bool v6, const void *text, size_t n, struct err *err);
int __wrap_net_iptables_restore(bool v6, const void *text, size_t n, struct err *err)
{
	if (!v6 && n == 5 && memcmp(text, "rules", n) == 0)
		return 0;
	return err_say(err, EIO, "fake %d %zu", v6, n);
}

static size_t get(struct fixture *f, int fd)
{
	Grpc__GetIPTablesResponse *reply;
	struct answer a;
	size_t n;

	fixture_send(f, fd, 1, AGENT, "GetIPTables", 0, NULL);
	a = fixture_receive(f, fd);
	assert_int_equal(a.response.code, RPC_OK);
	reply = grpc__get_iptables_response__unpack(NULL, a.response.payload_len, a.response.payload);
	n = reply->data.len;
	grpc__get_iptables_response__free_unpacked(reply, NULL);
	answer_done(&a);
	return n;
}

static void get_tables(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	Grpc__GetIPTablesRequest req = GRPC__GET_IPTABLES_REQUEST__INIT;

	rules_size = 0;
	assert_int_equal(get(f, fd), 0);
	rules_size = LONG;
	assert_int_equal(get(f, fd), LONG);
	rules_size = TTRPC_MESSAGE_MAX + 1;
	fixture_call(f, fd, "GetIPTables", NULL, RPC_INTERNAL, "the rules are longer than a reply may be");
	req.is_ipv6 = true;
	fixture_call(f, fd, "GetIPTables", &req.base, RPC_INTERNAL, "fake reason");
	assert_int_equal(f->server->n_iptables, 0);
	(void)close(fd);
}

static void set_tables(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);
	Grpc__SetIPTablesRequest req = GRPC__SET_IPTABLES_REQUEST__INIT;

	req.data.data = (uint8_t *)(uintptr_t) "rules";
	req.data.len = 5;
	fixture_call(f, fd, "SetIPTables", &req.base, RPC_OK, "");
	req.is_ipv6 = true;
	fixture_call(f, fd, "SetIPTables", &req.base, RPC_INTERNAL, "fake 1 5");
	fixture_call(f, fd, "SetIPTables", NULL, RPC_INTERNAL, "fake 0 0");
	(void)close(fd);
}

static void not_too_many(void **state)
{
	struct fixture *f = *state;
	int fd = fixture_connect(f);

	f->server->n_iptables = RPC_IPTABLES_MAX;
	fixture_call(f, fd, "GetIPTables", NULL, RPC_RESOURCE_EXHAUSTED, "8 calls for iptables run already");
	f->server->n_iptables = 0;
	(void)close(fd);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int test_iptables(void)
{
	const struct CMUnitTest tests[] = { T(get_tables), T(set_tables), T(not_too_many) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
