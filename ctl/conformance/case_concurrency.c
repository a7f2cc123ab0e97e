/* SPDX-License-Identifier: Apache-2.0 */
/* Several calls at once, on one connection and on several. */
#include <stdio.h>
#include <string.h>

#include "ctl/conformance/suites.h"
#include "proto/agent.pb-c.h"

#define MANY 10

/* Sends a call for each of the containers, on two connections in turn, and awaits them all. */
static bool for_all(struct conform *c, const char *const ids[MANY], const char *method)
{
	struct conform_pending *p[MANY];

	for (unsigned i = 0; i < MANY; i++) {
		p[i] = conform_use(c, i % 2) ? conform_send(c, 0, method, "{\"container_id\":\"%s\"}", ids[i]) : NULL;
		if (!p[i])
			return false;
	}
	for (unsigned i = 0; i < MANY; i++) {
		int want = (int)i + 20, got;

		if (!conform_await(c, p[i], IS_OK))
			return false;
		if (strcmp(method, "WaitProcess") != 0)
			continue;
		got = ((const Grpc__WaitProcessResponse *)c->reply.message)->status;
		if (!conform_check(c, got == want, "container %u: status %d instead of %d", i, got, want))
			return false;
	}
	return true;
}

static bool many_containers(struct conform *c)
{
	const char *ids[MANY], *json;
	struct conform_pending *p[MANY];
	char script[32];

	for (unsigned i = 0; i < MANY; i++) {
		ids[i] = conform_name(c);
		(void)snprintf(script, sizeof(script), "exit %u", i + 20);
		json = conform_spec_json(c, &(struct conform_spec){ .id = ids[i], .script = script });
		p[i] = json && conform_use(c, i % 2) ? conform_send(c, 0, "CreateContainer", "%s", json) : NULL;
		if (!p[i])
			return false;
	}
	for (unsigned i = 0; i < MANY; i++) {
		if (!conform_await(c, p[i], IS_OK))
			return false;
	}
	return for_all(c, ids, "StartContainer") && for_all(c, ids, "WaitProcess") &&
	       for_all(c, ids, "RemoveContainer");
}

static bool same_id(struct conform *c)
{
	const char *json = conform_spec_json(c, &(struct conform_spec){ .script = "exit 9" });
	struct conform_pending *p[4];
	unsigned made = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = json && conform_use(c, i % 2) ? conform_send(c, 0, "CreateContainer", "%s", json) : NULL;
		if (!p[i])
			return false;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(p); i++) {
		if (!conform_await(c, p[i], IS_ANY))
			return false;
		made += c->reply.code == RPC_OK;
	}
	return conform_check(c, made == 1, "%u of 4 creations of one id succeeded", made) &&
	       conform_call(c, "StartContainer", IS_OK, JSON_C) && conform_exits(c, "", 9);
}

static bool remove_at_once(struct conform *c)
{
	struct conform_pending *a = conform_send(c, 0, "RemoveContainer", JSON_C), *b;

	b = a && conform_use(c, 1) ? conform_send(c, 0, "RemoveContainer", JSON_C) : NULL;
	return b && conform_await(c, a, IS_ANY) && conform_await(c, b, IS_ANY) &&
	       conform_call(c, "RemoveContainer", IS_INTERNAL, JSON_C);
}

static bool many_execs(struct conform *c)
{
	char id[16], script[64], want[32];

	for (unsigned i = 0; i < MANY; i++) {
		(void)snprintf(id, sizeof(id), "many%u", i);
		(void)snprintf(script, sizeof(script), "read x; echo $x from %u; exit %u", i, i);
		if (!conform_use(c, i % 2) || !conform_exec(c, id, script, NULL, IS_OK))
			return false;
	}
	for (unsigned i = MANY; i-- > 0;) {
		(void)snprintf(id, sizeof(id), "many%u", i);
		(void)snprintf(want, sizeof(want), "hello from %u\n", i);
		if (!conform_use(c, i % 2) || !conform_write(c, id, "hello\n", 6) || !conform_prints(c, id, want) ||
		    !conform_exits(c, id, (int)i))
			return false;
	}
	return true;
}

/* Each step over another connection. */
static bool two_clients(struct conform *c)
{
	return conform_create(c, &(struct conform_spec){ .script = "cat; exit 2" }) && conform_use(c, 1) &&
	       conform_call(c, "StartContainer", IS_OK, JSON_C) && conform_use(c, 2) &&
	       conform_write(c, "", "abc", 3) && conform_use(c, 0) && conform_call(c, "CloseStdin", IS_OK, JSON_C) &&
	       conform_use(c, 1) && conform_prints(c, "", "abc") && conform_use(c, 2) && conform_exits(c, "", 2);
}

/* Remove while execs run, are read, and are waited for: everybody is told something. */
static bool remove_busy(struct conform *c)
{
	struct conform_pending *wait, *read;

	if (!conform_exec(c, "one", "sleep 1000", NULL, IS_OK))
		return false;
	wait = conform_send(c, 0, "WaitProcess", "{\"container_id\":\"$C\",\"exec_id\":\"one\"}");
	read = conform_send(c, 0, "ReadStdout", "{\"container_id\":\"$C\",\"exec_id\":\"one\",\"len\":10}");
	return wait && read && conform_still_waits(c, read, 50) && conform_remove(c, c->cid) &&
	       conform_await(c, wait, IS_ANY) && conform_await(c, read, IS_ANY);
}

/* More than the pipes hold, there and back at the same time. */
static bool both_ways(struct conform *c)
{
	struct conform_pending *p;
	_autobuf_ struct buf out = BUF_INIT;
	_autofree_ char *text = malloc((1 << 20) + 1);

	if (!text)
		return conform_fail(c, "out of memory");
	memset(text, 'Q', 1 << 20); /* base64 of 786432 bytes */
	text[1 << 20] = '\0';
	p = conform_send(c, 0, "WriteStdin", "{\"container_id\":\"$C\",\"exec_id\":\"\",\"data\":\"%s\"}", text);
	while (p && out.len < 786432) {
		const Grpc__ReadStreamResponse *r;

		if (!conform_call(c, "ReadStdout", IS_OK, "{\"container_id\":\"$C\",\"exec_id\":\"\",\"len\":65536}"))
			return false;
		r = (const Grpc__ReadStreamResponse *)c->reply.message;
		if (!conform_check(c, r->data.len > 0, "the output ends after %zu bytes", out.len) ||
		    buf_add(&out, r->data.data, r->data.len) < 0)
			return false;
	}
	if (!p || !conform_await(c, p, IS_OK) || !conform_call(c, "CloseStdin", IS_OK, JSON_C))
		return false;
	/* "QQQQ" is 0x41 0x04 0x10 */
	for (size_t i = 0; i < out.len; i++) {
		if (out.data[i] != (i % 3 == 0 ? 0x41 : i % 3 == 1 ? 0x04 : 0x10))
			return conform_fail(c, "byte %zu came back as 0x%02x", i, out.data[i]);
	}
	return conform_exits(c, "", 0);
}

static const struct conform_case concurrency[] = {
	CASE(WORKS, "CreateContainer/ten-at-once", CONFORM_NOTHING, many_containers),
	CASE(REFUSED_STRICT, "CreateContainer/one-id-at-once", CONFORM_NOTHING, same_id),
	CASE(WORKS, "RemoveContainer/twice-at-once", CONFORM_RUNNING, remove_at_once),
	CASE(WORKS, "RemoveContainer/busy", CONFORM_RUNNING, remove_busy),
	CASE(WORKS, "ExecProcess/ten-at-once", CONFORM_STANDING, many_execs),
	CASE(WORKS, "ttrpc/three-clients", CONFORM_NOTHING, two_clients),
	CASE(WORKS, "WriteStdin/both-ways", CONFORM_RUNNING, both_ways),
};

SUITE(conform_suite_concurrency, concurrency);
