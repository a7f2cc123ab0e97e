/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of cases, one per group of methods, in the order in which they run, and how their rows are written. No
 * state.
 */
#pragma once

#include "ctl/conformance/process.h"

/* What a row tells: that something works, or is refused; as upstream does, or stricter. */
#define WORKS          .sign = CONFORM_POSITIVE, .class = CONFORM_COMPATIBLE
#define REFUSED        .sign = CONFORM_NEGATIVE, .class = CONFORM_COMPATIBLE
#define WORKS_STRICT   .sign = CONFORM_POSITIVE, .class = CONFORM_STRICTER
#define REFUSED_STRICT .sign = CONFORM_NEGATIVE, .class = CONFORM_STRICTER

/* One call, and what it must answer. */
#define CALL(kind, name_, state_, json_, codes_, text_)                                                                \
	{                                                                                                              \
		.name = name_, kind, .state = state_, .json = json_, .codes = codes_, .text = text_                    \
	}

/* More than one call. */
#define CASE(kind, name_, state_, run_)                                                                                \
	{                                                                                                              \
		.name = name_, kind, .state = state_, .run = run_                                                      \
	}

#define SUITE(name_, cases_) const struct conform_suite name_ = { cases_, ARRAY_SIZE(cases_) }

/* Requests that many methods share. */
#define JSON_C       "{\"container_id\":\"$C\"}"
#define JSON_INIT    "{\"container_id\":\"$C\",\"exec_id\":\"$C\"}"
#define JSON_NO_EXEC "{\"container_id\":\"$C\",\"exec_id\":\"nobody\"}"

extern const struct conform_suite conform_suite_health, conform_suite_transport, conform_suite_sandbox,
	conform_suite_container, conform_suite_spec, conform_suite_process, conform_suite_exec, conform_suite_stdio,
	conform_suite_limits, conform_suite_network, conform_suite_machine, conform_suite_files,
	conform_suite_diagnostics, conform_suite_hooks, conform_suite_concurrency, conform_suite_requests,
	conform_suite_pods, conform_suite_end;

/* The suite of that index in the order in which they run, NULL behind the last one. */
const struct conform_suite *conform_suite_at(size_t index);
