/* SPDX-License-Identifier: Apache-2.0 */
/* GetMetrics, GetDiagnosticData. */
#include <string.h>

#include "ctl/conformance/suites.h"
#include "proto/agent.pb-c.h"

static bool metrics(struct conform *c)
{
	static const char *const families[] = {
		"kata_agent_scrape_count", "kata_agent_threads",     "kata_agent_total_time", "kata_agent_total_vm",
		"kata_agent_total_rss",    "kata_agent_proc_status", "kata_agent_io_stat",    "kata_agent_proc_stat",
		"kata_guest_load",         "kata_guest_tasks",       "kata_guest_cpu_time",   "kata_guest_vm_stat",
		"kata_guest_netdev_stat",  "kata_guest_meminfo"
	};
	const Grpc__Metrics *m = (const Grpc__Metrics *)c->reply.message;

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		if (!conform_check(c, strstr(m->metrics, families[i]) != NULL, "no '%s'", families[i]))
			return false;
	}
	return conform_check(c, strstr(m->metrics, "# TYPE ") != NULL, "no '# TYPE' lines");
}

static unsigned long scrapes(const struct conform *c)
{
	const char *at = strstr(((const Grpc__Metrics *)c->reply.message)->metrics, "\nkata_agent_scrape_count ");

	return at ? strtoul(strchr(at, ' '), NULL, 10) : 0;
}

static bool counts(struct conform *c)
{
	unsigned long first = scrapes(c);

	return conform_call(c, "GetMetrics", IS_OK, "{}") &&
	       conform_check(c, scrapes(c) == first + 1, "scrape_count went from %lu to %lu", first, scrapes(c));
}

static const char *text(const struct conform *c)
{
	return ((const Grpc__GetDiagnosticDataResponse *)c->reply.message)->data;
}

static bool termination(struct conform *c)
{
	return conform_call(c, "CopyFile", IS_OK,
	                    "{\"path\":\"/run/kata-containers/shared/containers/conformance-log\",\"file_mode\":33206,"
	                    "\"file_size\":1,\"data\":\"Cg==\"}") &&
	       conform_run(c,
	                   &(struct conform_spec){
				   .script = "echo out of luck >/dev/termination-log",
				   .mounts = ",{\"destination\":\"/dev/termination-log\",\"type\":\"bind\",\"source\":"
					     "\"/run/kata-containers/shared/containers/"
					     "conformance-log\",\"options\":[\"rbind\",\"rw\"]}",
				   .top = ",\"Annotations\":{\"io.kubernetes.container.terminationMessagePath\":"
					  "\"/dev/termination-log\"}" }) &&
	       conform_exits(c, "", 0) &&
	       conform_call(c, "GetDiagnosticData", IS_OK,
	                    "{\"log_type\":\"termination_log\",\"container_id\":\"$C\"}") &&
	       conform_check(c, strcmp(text(c), "out of luck\n") == 0, "the log is '%.100s'", text(c));
}

static bool nothing_said(struct conform *c)
{
	return conform_check(c, text(c)[0] == '\0', "the log is '%.100s'", text(c));
}

static const struct conform_case diagnostics[] = {
	{ .name = "GetMetrics/families", WORKS, .json = "{}", .codes = IS_OK, .run = metrics },
	{ .name = "GetMetrics/counts", WORKS, .json = "{}", .codes = IS_OK, .run = counts },
	CASE(WORKS, "GetDiagnosticData/termination-log", CONFORM_NOTHING, termination),
	{ .name = "GetDiagnosticData/no-log",
	  WORKS,
	  .state = CONFORM_STANDING,
	  .json = "{\"log_type\":\"termination_log\",\"container_id\":\"$C\"}",
	  .codes = IS_OK,
	  .run = nothing_said },
	CALL(REFUSED, "GetDiagnosticData/unknown-container", CONFORM_NOTHING,
	     "{\"log_type\":\"termination_log\",\"container_id\":\"$C\"}", IS_INVALID, NULL),
	CALL(REFUSED, "GetDiagnosticData/unknown-type", CONFORM_STANDING,
	     "{\"log_type\":\"horoscope\",\"container_id\":\"$C\"}", IS_INVALID, NULL),
};

SUITE(conform_suite_diagnostics, diagnostics);
