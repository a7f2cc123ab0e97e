/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands of `connect` that call the agent, by upstream's names: which method each calls, and the little that some
 * of them do besides. What every command has (values, JSON, printing) is script.h's.
 */
#pragma once

#include <json-c/json.h>
#include <protobuf-c/protobuf-c.h>

#include "ctl/ctl.h"
#include "ctl/values.h"

/* A command under way. */
struct api_call {
	struct ctl *ctl;
	const ProtobufCMessageDescriptor *type; /* of the request */
	struct json_object *json;               /* the request so far */
	ProtobufCMessage *message;              /* made from it, in the arena */
	const struct values *values;
	const char *bundle_dir; /* or NULL */
	bool auto_values;
	struct arena *arena;
};

struct api_command {
	const char *name;
	const char *method; /* NULL: of the same name */
	const char *summary;
	int (*prepare)(struct api_call *call, struct err *err); /* changes json, before values are filled in */
	int (*finish)(struct api_call *call, struct err *err);  /* changes message, before it is sent */
	int (*run)(struct api_call *call);                      /* does all of it; an exit status */
};

/* The command of that name, whatever its case; NULL if there is none. */
const struct api_command *api_find(const char *name);

/* The command of that index, NULL behind the last one. */
const struct api_command *api_at(size_t index);

/* CopyFile with "src": sends a file in pieces, or a directory (itself alone), or a symlink. In copyfile.c. */
int copyfile_run(struct api_call *call);
