/* SPDX-License-Identifier: Apache-2.0 */
#include "client/delivery.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/jsontext.h"
#include "proto/agent.pb-c.h"

static uint64_t number_of(json_object *object, const char *key)
{
	json_object *value;

	return json_object_object_get_ex(object, key, &value) ? json_object_get_uint64(value) : 0;
}

/* The element of an array member whose "id" is this; NULL if there is none. */
static json_object *find(json_object *parent, const char *key, const char *id)
{
	json_object *array, *name;

	if (!json_object_object_get_ex(parent, key, &array) || !json_object_is_type(array, json_type_array))
		return NULL;
	for (size_t i = 0; i < json_object_array_length(array); i++) {
		json_object *element = json_object_array_get_idx(array, i);

		if (json_object_object_get_ex(element, "id", &name) && strcmp(json_object_get_string(name), id) == 0)
			return element;
	}
	return NULL;
}

/* `in` bytes came from the process, `out` of them reached a client as the agent sees it. */
static int compare(const struct session *s, const char *name, uint64_t have, uint64_t in, uint64_t out)
{
	bool good = have == in && out == in;

	(void)fprintf(stderr, "%s: %s: delivered %" PRIu64 " of %" PRIu64 " bytes%s", s->program, name, have, in,
	              good ? "\n" : "");
	if (!good)
		(void)fprintf(stderr, ": BYTES ARE MISSING (the agent delivered %" PRIu64 ")\n", out);
	return good ? SESSION_EXIT_OK : SESSION_EXIT_FAILED;
}

static int compare_all(const struct session *s, const struct delivery *d, json_object *p)
{
	int status = compare(s, "stdout", d->out, number_of(p, "stdout_in"), number_of(p, "stdout_out"));
	uint64_t taken = number_of(p, "stdin_in");

	if (compare(s, "stderr", d->err, number_of(p, "stderr_in"), number_of(p, "stderr_out")) != SESSION_EXIT_OK)
		status = SESSION_EXIT_FAILED;
	if (d->has_in && compare(s, "stdin", d->in, taken, taken) != SESSION_EXIT_OK)
		status = SESSION_EXIT_FAILED;
	return status;
}

int delivery_check(struct session *session, const struct delivery *d)
{
	Grpc__GetDiagnosticDataRequest request = GRPC__GET_DIAGNOSTIC_DATA_REQUEST__INIT;
	_autoreply_ struct client_reply reply = { .text = "" };
	_autojson_ json_object *root = NULL;
	json_object *p;
	const char *data;

	request.log_type = (char *)"containers";
	request.container_id = (char *)d->cid;
	if (session_call_quiet(session, "GetDiagnosticData", &request.base, &reply) != SESSION_EXIT_OK) {
		(void)fprintf(stderr, "%s: this agent has no counters, nothing to compare with\n", session->program);
		return SESSION_EXIT_OK;
	}
	data = ((const Grpc__GetDiagnosticDataResponse *)reply.message)->data;
	p = jsontext_parse(data, strlen(data), &root, NULL) < 0 ? NULL : find(root, "containers", d->cid);
	p = p ? find(p, "processes", d->eid) : NULL;
	if (p)
		return compare_all(session, d, p);
	(void)fprintf(stderr, "%s: the agent has no counters of '%s'\n", session->program, d->eid);
	return SESSION_EXIT_FAILED;
}
