/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/rpc/setpolicy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "agent/rpc/call.h"
#include "agent/rpc/handlers.h"
#include "agent/rpc/policy.h"
#include "agent/rpc/server.h"
#include "agent/sandbox.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "proto/agent.pb-c.h"

static void replace(struct rpc_server *server, struct policy *policy)
{
	(void)policy_free(server->policy);
	server->policy = policy;
}

/* What the streams' connections ask is judged as the call that they stand for. */
static int check_gate(struct gate *gate, const char *method, const char *cid, const char *eid, struct err *err)
{
	const struct rpc_server *server = container_of(gate, struct rpc_server, gate);
	Grpc__ReadStreamRequest output = GRPC__READ_STREAM_REQUEST__INIT;
	Grpc__WriteStreamRequest input = GRPC__WRITE_STREAM_REQUEST__INIT;
	const ProtobufCMessage *request = NULL;
	char *id = (char *)(uintptr_t)(cid ? cid : ""), *exec = (char *)(uintptr_t)(eid ? eid : "");

	if (!server->policy)
		return 0;
	output.container_id = input.container_id = id;
	output.exec_id = input.exec_id = exec;
	if (strcmp(method, "WriteStdin") == 0)
		request = &input.base;
	else if (strncmp(method, "Read", 4) == 0)
		request = &output.base;
	return policy_check(server->policy, method, request, err);
}

static int read_file(const char *file, struct policy **ret, struct err *err)
{
	_autofree_ char *text = NULL;
	size_t len;
	int r = fd_read_file_at(AT_FDCWD, file, POLICY_TEXT_MAX, &text, &len);

	if (r < 0)
		return err_set(err, r, "read the policy '%s'", file);
	r = policy_parse(text, len, ret, err);
	return r < 0 ? err_wrap(err, "'%s'", file) : 0;
}

int rpc_policy_load(struct rpc_server *server, const char *file, struct err *err)
{
	static const char *const files[] = { POLICY_FILE, POLICY_FILE_REGO };
	struct policy *policy = NULL;
	int r = -ENOENT;

	server->gate.check = check_gate;
	server->sandbox->gate = &server->gate;
	if (file) {
		r = read_file(file, &policy, err);
	} else {
		for (size_t i = 0; i < ARRAY_SIZE(files) && r == -ENOENT; i++)
			r = read_file(files[i], &policy, err);
		if (r == -ENOENT)
			return 0;
	}
	if (r < 0 && policy_deny_all(err_text(err), &policy) < 0)
		return -ENOMEM;
	replace(server, policy);
	return r;
}

bool rpc_policy_denies(struct rpc_call *call)
{
	const struct policy *policy = call->server->policy;
	const char *name = call->method.descriptor->input->short_name;
	struct err err = ERR_INIT;

	if (!policy || policy_check(policy, call->method.descriptor->name, call->request, &err) == 0)
		return false;
	rpc_fail(call, RPC_PERMISSION_DENIED, "%s is blocked by policy: %s", name, err_text(&err));
	return true;
}

void rpc_set_policy(struct rpc_call *call)
{
	const Grpc__SetPolicyRequest *req = RPC_REQUEST(call, Grpc__SetPolicyRequest);
	struct policy *policy;
	struct err err = ERR_INIT;
	int r = policy_parse(req->policy, strlen(req->policy), &policy, &err);

	if (r < 0) {
		rpc_fail_err(call, r == -ENOMEM ? RPC_RESOURCE_EXHAUSTED : RPC_INVALID_ARGUMENT, &err);
		return;
	}
	replace(call->server, policy);
	log_info("rpc", "Policy of %zu rules set", policy_n_rules(policy));
	rpc_reply_empty(call);
}
