/* SPDX-License-Identifier: Apache-2.0 */
#include "client/delivery.h"

#include "lib/fd.h"
#include "proto/agent.pb-c.h"
#include "tests/lib/fake_agent.h"
#include "tests/lib/unit.h"

static int tell_counters(struct fake_peer *peer, void *arg)
{
	Grpc__GetDiagnosticDataResponse reply = GRPC__GET_DIAGNOSTIC_DATA_RESPONSE__INIT;
	struct fake_request request;

	if (fake_peer_read(peer, &request) != 1)
		return 1;
	reply.data = arg;
	if (arg)
		fake_peer_answer(peer, request.stream, &reply.base);
	else
		fake_peer_fail(peer, request.stream, RPC_INVALID_ARGUMENT, "what?");
	return 0;
}

#define PROCESS(out_in, out_out, err_in, in)                                                                           \
	"{\"containers\":[{\"id\":\"web\",\"processes\":[{\"id\":\"web\"},{\"id\":\"e1\",\"stdout_in\":" #out_in       \
	",\"stdout_out\":" #out_out ",\"stderr_in\":" #err_in ",\"stderr_out\":" #err_in ",\"stdin_in\":" #in "}]}]}"

static void disagreement_is_a_failure(void **state)
{
	static const struct {
		const char *data;
		struct delivery d;
		int status;
	} rows[] = {
		{ PROCESS(9, 9, 4, 2), { .out = 9, .err = 4, .in = 2, .has_in = true }, SESSION_EXIT_OK },
		{ PROCESS(9, 9, 4, 2), { .out = 9, .err = 4, .in = 1, .has_in = true }, SESSION_EXIT_FAILED },
		{ PROCESS(9, 9, 4, 2), { .out = 9, .err = 4, .in = 1 }, SESSION_EXIT_OK },
		{ PROCESS(9, 9, 4, 2), { .out = 8, .err = 4 }, SESSION_EXIT_FAILED },
		{ PROCESS(9, 8, 4, 2), { .out = 9, .err = 4 }, SESSION_EXIT_FAILED },
		{ PROCESS(9, 9, 4, 2), { .out = 9, .err = 3 }, SESSION_EXIT_FAILED },
		{ "{\"containers\":[]}", { .out = 0 }, SESSION_EXIT_FAILED },
		{ "{", { .out = 0 }, SESSION_EXIT_FAILED },
		{ NULL, { .out = 5 }, SESSION_EXIT_OK }, /* another project's agent */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct session session = { .program = "kata-agent-ctl", .timeout_ms = SESSION_TIMEOUT_UNSET };
		struct delivery d = rows[i].d;
		struct fake_agent agent;

		d.cid = "web";
		d.eid = "e1";
		assert_return_code(fake_agent_start(&agent, tell_counters, (void *)(uintptr_t)rows[i].data), 0);
		session.client = client_new(take_fd(&agent.fd));
		if (delivery_check(&session, &d) != rows[i].status)
			fail_msg("row %zu", i);
		session_done(&session);
		assert_int_equal(fake_agent_stop(&agent), 0);
	}
}

int test_delivery(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(disagreement_is_a_failure) };

	return cmocka_run_group_tests_name("ctl/delivery", tests, NULL, NULL);
}
