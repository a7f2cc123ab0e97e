/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/delivery.h"

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
static int compare(const char *name, uint64_t have, uint64_t in, uint64_t out)
{
	bool good = have == in && out == in;

	(void)fprintf(stderr, "kata-agent-ctl: %s: delivered %" PRIu64 " of %" PRIu64 " bytes%s", name, have, in,
	              good ? "\n" : "");
	if (!good)
		(void)fprintf(stderr, ": BYTES ARE MISSING (the agent delivered %" PRIu64 ")\n", out);
	return good ? CTL_EXIT_OK : CTL_EXIT_FAILED;
}

static int compare_all(const struct delivery *d, json_object *p)
{
	int status = compare("stdout", d->out, number_of(p, "stdout_in"), number_of(p, "stdout_out"));
	uint64_t taken = number_of(p, "stdin_in");

	if (compare("stderr", d->err, number_of(p, "stderr_in"), number_of(p, "stderr_out")) != CTL_EXIT_OK)
		status = CTL_EXIT_FAILED;
	if (d->has_in && compare("stdin", d->in, taken, taken) != CTL_EXIT_OK)
		status = CTL_EXIT_FAILED;
	return status;
}

int delivery_check(struct ctl *ctl, const struct delivery *d)
{
	Grpc__GetDiagnosticDataRequest request = GRPC__GET_DIAGNOSTIC_DATA_REQUEST__INIT;
	_autoreply_ struct client_reply reply = { .text = "" };
	_autojson_ json_object *root = NULL;
	json_object *p;
	const char *data;

	request.log_type = (char *)"containers";
	request.container_id = (char *)d->cid;
	if (ctl_call_quiet(ctl, "GetDiagnosticData", &request.base, &reply) != CTL_EXIT_OK) {
		(void)fprintf(stderr, "kata-agent-ctl: this agent has no counters, nothing to compare with\n");
		return CTL_EXIT_OK;
	}
	data = ((const Grpc__GetDiagnosticDataResponse *)reply.message)->data;
	p = jsontext_parse(data, strlen(data), &root, NULL) < 0 ? NULL : find(root, "containers", d->cid);
	p = p ? find(p, "processes", d->eid) : NULL;
	if (p)
		return compare_all(d, p);
	(void)fprintf(stderr, "kata-agent-ctl: the agent has no counters of '%s'\n", d->eid);
	return CTL_EXIT_FAILED;
}
