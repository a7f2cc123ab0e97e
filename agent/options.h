/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel command line and the environment tell the agent (agent-behaviour 2.7). Unknown agent.* words are
 * counted, bad values are reported and the default stays. The strings live as long as the struct.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/arena.h"
#include "lib/log.h"

struct options {
	enum log_level log_level;
	const char *server_addr;
	bool debug_console, dev_mode, trace;
	uint32_t debug_console_vport, log_vport, ready_vport, passfd_port, stream_vport; /* 0 = off */
	uint32_t container_pipe_size; /* bytes, 0 = the kernel's default */
	uint32_t hotplug_timeout_s, cdi_timeout_s;
	bool unified;            /* cgroup v2; false only when the command line asks for v1 */
	bool no_v1;              /* the kernel gives no controller to cgroup v1, whatever was asked */
	const char *policy_file; /* NULL = the image's */
	const char *config_file; /* options_parse_file is due; NULL = none was named */
	unsigned unknown;        /* agent.* words that nobody knows */
	struct arena arena;
};

/* Fills the defaults. */
void options_init(struct options *o);

/* Frees the strings. */
void options_done(struct options *o);

/* Applies the words of a kernel command line; complaints go to `complain` (never NULL), one call each. */
void options_parse_cmdline(struct options *o, const char *cmdline, void (*complain)(const char *text));

/* Sets one word to a value, flags to true or false; -ENOENT if nobody knows it, -EINVAL. */
int options_set(struct options *o, const char *name, const char *value);

/*
 * Applies a configuration file in TOML: keys are the words without "agent." (dev_mode, log_level and tracing have names
 * of their own), timeouts may be {secs = S, nanos = N}. Of TOML it reads what such a file has: one value a line, which
 * is a string, a number, true, false or such a table. Tables and unknown keys are left out; complaints as above.
 */
void options_parse_file(struct options *o, const char *text, void (*complain)(const char *text));

/* Applies KATA_AGENT_SERVER_ADDR, KATA_AGENT_LOG_LEVEL, …; getenv-like lookups go through `get`. */
void options_parse_env(struct options *o, char *(*get)(const char *name), void (*complain)(const char *text));
