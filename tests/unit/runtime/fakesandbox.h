/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sandbox for unit tests of sandbox*.c: on a loop that the test turns, with an agent that is the test itself (it
 * reads what was asked as text and answers), verbs that are lines on a socket, and a hypervisor that only writes down
 * what it was told. Files are in a directory of the test's own. A setup/teardown pair; *state is a struct fakesandbox.
 */
#pragma once

#include "runtime/sandbox.h"
#include "tests/lib/fake_agent.h"

#define FAKESANDBOX_ID "pod"

/* What a hypervisor would have done. */
struct fakevm {
	struct hypervisor base;
	bool is_running, is_freed;
	unsigned n_quits, n_kills, n_resizes;
	struct hotplug_size want; /* of the last resize */
	hotplug_fn resized;       /* NULL when it has been told */
	void *resized_arg;
	int resize_rc;     /* what a resize answers */
	const char *panic; /* what the guest's kernel said last */
};

struct fakesandbox {
	void *dir; /* a struct tempdir */
	char root[64];
	struct loop *loop;
	struct sandbox sb;
	struct fakevm vm;
	struct wire wire;
	void (*serve)(struct sandbox *sb, struct wire_request *request); /* what the next verb is for */
	struct fake_peer agent;
	struct fake_request heard; /* the last */
	const ProtobufCMethodDescriptor *method;
	char text[4096]; /* of what was heard or said last */
};

/* A booted sandbox with the agent's connection, 1 CPU and 512 MiB that may grow, and no container. */
int fakesandbox_setup(void **state);
int fakesandbox_teardown(void **state);

/* Adds a container as it is after its create. */
struct container *fakesandbox_add(struct fakesandbox *f, const char *id, enum container_status status);

/* Lets everything happen that can. */
void fakesandbox_turn(struct fakesandbox *f);

/* What the agent is asked next as "SignalProcess {"containerId":…}", "" for nothing. */
const char *fakesandbox_heard(struct fakesandbox *f);

/* The agent's answer to what was heard last, as JSON, or its refusal. */
void fakesandbox_answer(struct fakesandbox *f, const char *json);
void fakesandbox_refuse(struct fakesandbox *f, int code, const char *text);

/* Hangs up, as a guest that has gone does. */
void fakesandbox_hang_up(struct fakesandbox *f);

/* A verb asks; the fd is the caller's, fakesandbox_said tells what came back on it ("" = no answer yet). */
int fakesandbox_ask(struct fakesandbox *f, void (*serve)(struct sandbox *sb, struct wire_request *request),
                    const char *request);
const char *fakesandbox_said(struct fakesandbox *f, int fd);

/* The hypervisor has done what it was told last. */
void fakesandbox_resized(struct fakesandbox *f, int64_t vcpus, int64_t memory_mib, const char *why_not);

/* The VM has ended. */
void fakesandbox_vm_ends(struct fakesandbox *f);

/* The member of state.json at "containers.0.status", as text; "" if there is none. */
const char *fakesandbox_state(struct fakesandbox *f, const char *path);
