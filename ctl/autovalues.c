/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/autovalues.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include "ctl/ident.h"
#include "ctl/request.h"
#include "lib/log.h"
#include "proto/agent.pb-c.h"

#define SEED_PREFIX "hex:"

static int make(struct values *values, const char *name, const char *text, struct err *err)
{
	int r = values_set(values, name, text, true);

	if (r < 0)
		return err_set(err, -r, "remember '%s'", name);
	log_info("connect", "Made %s=%s", name, text);
	return 0;
}

/* A name for a field that the message has, unless somebody named it. */
static int make_id(struct values *values, struct json_object *request, const ProtobufCMessageDescriptor *type,
                   const char *field, const char *name, struct err *err)
{
	char id[IDENT_HEX_SIZE];
	int r;

	if (!protobuf_c_message_descriptor_get_field_by_name(type, field) || request_has(request, type, field) ||
	    values_get(values, name))
		return 0;
	r = ident_make_hex(id);
	return r < 0 ? err_set(err, -r, "make %s", name) : make(values, name, id, err);
}

/* An exec cannot have its container's name, which stands for the first process. */
static int make_exec_id(struct values *values, struct json_object *request, struct err *err)
{
	char id[IDENT_SIZE];

	values_forget(values, "exec_id", true);
	if (request_has(request, &grpc__exec_process_request__descriptor, "exec_id") || values_get(values, "exec_id"))
		return 0;
	return make(values, "exec_id", ident_make(id, "exec"), err);
}

int autovalues_make_ids(struct values *values, struct json_object *request, const ProtobufCMessageDescriptor *type,
                        struct err *err)
{
	int r;

	r = make_id(values, request, type, "container_id", "cid", err);
	if (r == 0)
		r = make_id(values, request, type, "sandbox_id", "sid", err);
	if (r == 0 && type == &grpc__exec_process_request__descriptor)
		r = make_exec_id(values, request, err);
	return r;
}

static int add_clock(struct json_object *request, const ProtobufCMessageDescriptor *type, struct err *err)
{
	struct timeval now;
	char text[24];
	int r;

	/* Half of a time that the user gave goes with no half of ours. */
	if (request_has(request, type, "Sec") || request_has(request, type, "Usec"))
		return 0;
	(void)gettimeofday(&now, NULL);
	(void)snprintf(text, sizeof(text), "%lld", (long long)now.tv_sec);
	r = request_add(request, type, "Sec", text, err);
	(void)snprintf(text, sizeof(text), "%lld", (long long)now.tv_usec);
	return r < 0 ? r : request_add(request, type, "Usec", text, err);
}

static int add_seed(struct json_object *request, const ProtobufCMessageDescriptor *type, struct err *err)
{
	char text[sizeof(SEED_PREFIX) + IDENT_HEX_SIZE] = SEED_PREFIX;
	int r = ident_make_hex(text + strlen(SEED_PREFIX));

	return r < 0 ? err_set(err, -r, "make data") : request_add(request, type, "data", text, err);
}

int autovalues_add_defaults(struct json_object *request, const ProtobufCMessageDescriptor *type, struct err *err)
{
	static const struct {
		const ProtobufCMessageDescriptor *type;
		const char *field, *text;
	} rows[] = {
		{ &grpc__guest_details_request__descriptor, "mem_block_size", "true" },
		{ &grpc__guest_details_request__descriptor, "mem_hotplug_probe", "true" },
		{ &grpc__read_stream_request__descriptor, "len", "65536" },
		{ &grpc__signal_process_request__descriptor, "signal", "9" },
	};
	const char *cid = request_text(request, type, "container_id");
	int r = cid ? request_add(request, type, "exec_id", cid, err) : 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(rows); i++) {
		if (rows[i].type == type)
			r = request_add(request, type, rows[i].field, rows[i].text, err);
	}
	if (r == 0 && type == &grpc__set_guest_date_time_request__descriptor)
		r = add_clock(request, type, err);
	if (r == 0 && type == &grpc__reseed_random_dev_request__descriptor)
		r = add_seed(request, type, err);
	return r;
}

int autovalues_remember(struct values *values, struct json_object *request, const ProtobufCMessageDescriptor *type,
                        struct err *err)
{
	static const struct {
		const char *field, *name;
	} rows[] = { { "container_id", "cid" }, { "sandbox_id", "sid" } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *text = request_text(request, type, rows[i].field), *old = values_get(values, rows[i].name);

		if (!text || text[0] == '\0' || (old && strcmp(old, text) == 0))
			continue;
		if (i == 0)
			values_forget(values, "exec_id", true);
		if (values_set(values, rows[i].name, text, false) < 0)
			return err_set(err, ENOMEM, "remember '%s'", rows[i].name);
	}
	return 0;
}
