/* SPDX-License-Identifier: Apache-2.0 */
/* UpdateContainer, StatsContainer, GetOOMEvent. */
#include <inttypes.h>
#include <string.h>

#include "ctl/conformance/suites.h"
#include "proto/agent.pb-c.h"

#define MIB (1ull << 20)

static const Grpc__CgroupStats *stats(const struct conform *c)
{
	return ((const Grpc__StatsContainerResponse *)c->reply.message)->cgroup_stats;
}

#define LIMITLESS "the guest has no memory controller"

static bool look(struct conform *c)
{
	return conform_call(c, "StatsContainer", IS_OK, JSON_C) &&
	       conform_check(c, stats(c) != NULL, "no cgroup_stats");
}

/* --- StatsContainer ---------------------------------------------------------------------------------------------- */

static uint64_t cpu_time(const struct conform *c)
{
	return stats(c)->cpu_stats && stats(c)->cpu_stats->cpu_usage ? stats(c)->cpu_stats->cpu_usage->total_usage : 0;
}

static bool cpu_grows(struct conform *c)
{
	uint64_t before;

	if (!look(c))
		return false;
	before = cpu_time(c);
	if (!conform_exec(c, "busy", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done", NULL, IS_OK) ||
	    !conform_exits(c, "busy", 0) || !look(c))
		return false;
	/* Nanoseconds: that loop takes some milliseconds of any machine. */
	return conform_check(c, cpu_time(c) > before + 1000000 && cpu_time(c) < before + 600000000000ull,
	                     "CPU time went from %" PRIu64 " to %" PRIu64 " ns", before, cpu_time(c));
}

static bool figures(struct conform *c)
{
	const Grpc__CgroupStats *s;

	if (!c->has_limits)
		return conform_skip(c, LIMITLESS);
	if (!conform_run(c, &(struct conform_spec){ .linux_ = ",\"Resources\":{\"Memory\":{\"Limit\":67108864}}" }) ||
	    !look(c))
		return false;
	s = stats(c);
	return conform_check(c, s->memory_stats->usage->limit == 64 * MIB, "memory limit %" PRIu64 " instead of 64 MiB",
	                     s->memory_stats->usage->limit) &&
	       conform_check(c, s->memory_stats->usage->usage < 64 * MIB, "memory usage %" PRIu64,
	                     s->memory_stats->usage->usage) &&
	       conform_check(c, s->memory_stats->n_stats > 5, "%zu figures of memory.stat", s->memory_stats->n_stats) &&
	       conform_check(c, s->pids_stats && s->pids_stats->current == 1, "%" PRIu64 " pids instead of 1",
	                     s->pids_stats ? s->pids_stats->current : 0);
}

/* --- UpdateContainer --------------------------------------------------------------------------------------------- */

static bool update_memory(struct conform *c)
{
	if (!c->has_limits)
		return conform_skip(c, LIMITLESS);
	return conform_call(c, "UpdateContainer", IS_OK,
	                    "{\"container_id\":\"$C\",\"resources\":{\"Memory\":{\"Limit\":50331648}}}") &&
	       look(c) &&
	       conform_check(c, stats(c)->memory_stats->usage->limit == 48 * MIB,
	                     "memory limit %" PRIu64 " instead of 48 MiB", stats(c)->memory_stats->usage->limit);
}

/* Upstream never sets it. */
static bool update_pids(struct conform *c)
{
	if (!c->has_limits)
		return conform_skip(c, LIMITLESS);
	return conform_call(c, "UpdateContainer", IS_OK,
	                    "{\"container_id\":\"$C\",\"resources\":{\"Pids\":{\"Limit\":55}}}") &&
	       look(c) &&
	       conform_check(c, stats(c)->pids_stats && stats(c)->pids_stats->limit == 55,
	                     "pids limit %" PRIu64 " instead of 55",
	                     stats(c)->pids_stats ? stats(c)->pids_stats->limit : 0);
}

/* --- GetOOMEvent ------------------------------------------------------------------------------------------------- */

static bool oom(struct conform *c)
{
	struct conform_pending *p;

	if (!c->has_limits)
		return conform_skip(c, LIMITLESS);
	if (!conform_create(c,
	                    &(struct conform_spec){
				    .script = "read x; exec tail /dev/zero",
				    .linux_ = ",\"Resources\":{\"Memory\":{\"Limit\":16777216,\"Swap\":16777216}}" }))
		return false;
	p = conform_send(c, 0, "GetOOMEvent", "{}");
	return p && conform_call(c, "StartContainer", IS_OK, JSON_C) && conform_still_waits(c, p, 100) &&
	       conform_write(c, "", "\n", 1) && conform_await(c, p, IS_OK) &&
	       conform_check(c, strcmp(((const Grpc__OOMEvent *)c->reply.message)->container_id, c->cid) == 0,
	                     "the event is of '%s'", ((const Grpc__OOMEvent *)c->reply.message)->container_id) &&
	       conform_exits(c, "", 137);
}

/* One that was not asked for when it happened is told later. */
static bool oom_later(struct conform *c)
{
	if (!c->has_limits)
		return conform_skip(c, LIMITLESS);
	if (!conform_run(c,
	                 &(struct conform_spec){
				 .script = "read x; exec tail /dev/zero",
				 .linux_ = ",\"Resources\":{\"Memory\":{\"Limit\":16777216,\"Swap\":16777216}}" }) ||
	    !look(c))
		return false;
	return conform_write(c, "", "\n", 1) && conform_exits(c, "", 137) &&
	       conform_call(c, "GetOOMEvent", IS_OK, "{}") &&
	       conform_check(c, strcmp(((const Grpc__OOMEvent *)c->reply.message)->container_id, c->cid) == 0,
	                     "the event is of '%s'", ((const Grpc__OOMEvent *)c->reply.message)->container_id);
}

static bool no_oom(struct conform *c)
{
	struct conform_pending *p = conform_send(c, 0, "GetOOMEvent", "{}");

	/* Death is not lack of memory. */
	return p && conform_call(c, "SignalProcess", IS_OK, "{\"container_id\":\"$C\",\"signal\":9}") &&
	       conform_exits(c, "", 137) && conform_still_waits(c, p, 200) &&
	       conform_call(c, "Health.Check", IS_OK, "{}");
}

static const struct conform_case limits[] = {
	CASE(WORKS, "StatsContainer/cpu", CONFORM_STANDING, cpu_grows),
	CASE(WORKS, "StatsContainer/memory-and-pids", CONFORM_NOTHING, figures),
	CALL(WORKS, "StatsContainer/created", CONFORM_CREATED, JSON_C, IS_OK, NULL),
	CALL(WORKS, "StatsContainer/after-exit", CONFORM_WAITED, JSON_C, IS_OK, NULL),
	CALL(REFUSED, "StatsContainer/unknown", CONFORM_NOTHING, JSON_C, IS_INVALID, "invalid container id"),
	CALL(REFUSED, "StatsContainer/removed", CONFORM_REMOVED, JSON_C, IS_INVALID, "invalid container id"),

	CALL(WORKS, "UpdateContainer/nothing", CONFORM_STANDING, JSON_C, IS_OK, NULL),
	CALL(WORKS, "UpdateContainer/empty", CONFORM_STANDING, "{\"container_id\":\"$C\",\"resources\":{}}", IS_OK,
	     NULL),
	CASE(WORKS, "UpdateContainer/memory", CONFORM_RUNNING, update_memory),
	CASE(WORKS_STRICT, "UpdateContainer/pids", CONFORM_RUNNING, update_pids),
	CALL(REFUSED, "UpdateContainer/unknown", CONFORM_NOTHING, "{\"container_id\":\"$C\",\"resources\":{}}",
	     IS_INVALID, "invalid container id"),
	CALL(REFUSED, "UpdateContainer/removed", CONFORM_REMOVED, "{\"container_id\":\"$C\",\"resources\":{}}",
	     IS_INVALID, "invalid container id"),
	CALL(REFUSED_STRICT, "UpdateContainer/after-exit", CONFORM_WAITED,
	     "{\"container_id\":\"$C\",\"resources\":{\"CPU\":{\"Shares\":512}}}", IS_INTERNAL, NULL),

	CASE(WORKS, "GetOOMEvent/told", CONFORM_NOTHING, oom),
	CASE(WORKS, "GetOOMEvent/kept", CONFORM_NOTHING, oom_later),
	CASE(REFUSED, "GetOOMEvent/only-that", CONFORM_RUNNING, no_oom),
};

SUITE(conform_suite_limits, limits);
