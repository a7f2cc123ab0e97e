/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the subcommands share: the global options, the one connection, how an answer or an error is shown, the exit
 * status. Results go to stdout, everything else to stderr. The struct is main's.
 */
#pragma once

#include <stdbool.h>

#include "client/session.h"
#include "lib/options.h"

#define CTL_TIMEOUT_MS    SESSION_TIMEOUT_MS
#define CTL_TIMEOUT_UNSET SESSION_TIMEOUT_UNSET
#define CTL_PAYLOAD_MAX   (64u << 20) /* of a JSON file or a config.json */

/* Exit statuses: those of client/session.h. */
enum ctl_exit {
	CTL_EXIT_OK = SESSION_EXIT_OK,
	CTL_EXIT_FAILED = SESSION_EXIT_FAILED,
	CTL_EXIT_USAGE = SESSION_EXIT_USAGE,
	CTL_EXIT_CONNECTION = SESSION_EXIT_CONNECTION,
	CTL_EXIT_CONTAINER = SESSION_EXIT_CONTAINER,
};

struct ctl {
	struct session session;
	const char *log_level; /* NULL = not given */
	bool json;
};

/* A subcommand; argv does not hold its name. */
struct ctl_command {
	const char *name, *operands, *summary;
	const char *more; /* for its help, may be NULL */
	int (*run)(struct ctl *ctl, const struct ctl_command *self, int argc, char **argv);
};

/*
 * Parses a subcommand's options (and the global ones) and checks that min to max operands are left at the front of
 * argv. False = the command ends with *ret_status: help was printed, or one line about what is wrong.
 */
bool ctl_parse(struct ctl *ctl, const struct ctl_command *command, const struct option_spec *options, bool stop,
               int *argc, char **argv, int min, int max, int *ret_status);

/* Parses the options before the subcommand; otherwise as ctl_parse. */
bool ctl_parse_global(struct ctl *ctl, int *argc, char **argv, int *ret_status);

/* Prints one line "kata-agent-ctl: ..." on stderr and returns CTL_EXIT_USAGE. */
int ctl_usage_error(const char *fmt, ...) _printf_(1, 2);

/* Connects unless it has; an exit status, 0 after success. */
int ctl_open(struct ctl *ctl);

/* The timeout the user gave, or else the default. */
unsigned ctl_timeout(const struct ctl *ctl, unsigned default_ms);

/* Calls and fills *ret (client_reply_done, after failures too). An exit status; what went wrong has been printed. */
int ctl_call(struct ctl *ctl, const char *method, const ProtobufCMessage *request, struct client_reply *ret);

/* As ctl_call on a connection that ctl_open made; prints nothing. */
int ctl_call_quiet(struct ctl *ctl, const char *method, const ProtobufCMessage *request, struct client_reply *ret);

/* As ctl_call, for calls whose answer holds nothing. */
int ctl_call_empty(struct ctl *ctl, const char *method, const ProtobufCMessage *request);

/* Prints a message as JSON on stdout; an exit status. */
int ctl_print_json(const ProtobufCMessage *message);

/* Reads "JSON", "@file" or "-" (stdin), NULL = "{}", as a message; an exit status. The message is in the arena. */
int ctl_read_message(const ProtobufCMessageDescriptor *type, const char *operand, struct arena *arena,
                     ProtobufCMessage **ret);

/* Closes the connection. */
void ctl_done(struct ctl *ctl);
