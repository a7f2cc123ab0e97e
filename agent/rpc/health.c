/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/rpc/handlers.h"
#include "proto/health.pb-c.h"

#define API_VERSION "0.0.1" /* of upstream's protocol; hosts print it */

void rpc_health_check(struct rpc_call *call)
{
	Grpc__HealthCheckResponse reply = GRPC__HEALTH_CHECK_RESPONSE__INIT;

	reply.status = GRPC__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
	rpc_reply(call, &reply.base);
}

void rpc_health_version(struct rpc_call *call)
{
	char api_version[] = API_VERSION, agent_version[] = KATA_VERSION;
	Grpc__VersionCheckResponse reply = GRPC__VERSION_CHECK_RESPONSE__INIT;

	reply.grpc_version = api_version;
	reply.agent_version = agent_version;
	rpc_reply(call, &reply.base);
}
