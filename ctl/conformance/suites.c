/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/conformance/suites.h"

/* What makes the sandbox comes first, what ends it last. */
static const struct conform_suite *const suites[] = {
	&conform_suite_health,      &conform_suite_sandbox, &conform_suite_transport,   &conform_suite_container,
	&conform_suite_spec,        &conform_suite_process, &conform_suite_exec,        &conform_suite_stdio,
	&conform_suite_limits,      &conform_suite_network, &conform_suite_machine,     &conform_suite_files,
	&conform_suite_diagnostics, &conform_suite_hooks,   &conform_suite_concurrency, &conform_suite_requests,
	&conform_suite_pods,        &conform_suite_end,
};

const struct conform_suite *conform_suite_at(size_t index)
{
	return index < ARRAY_SIZE(suites) ? suites[index] : NULL;
}
