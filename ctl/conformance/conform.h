/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conformance kit: judges any Kata agent by what it answers. This header is what the cases see: how a case is
 * written down (a row of a table), and the steps it is made of. A step returns false when the agent did not do what
 * was expected; the first such step has said why, and the case has failed. So a case is a chain of steps joined by &&.
 * Runs nothing itself (run.h), makes no verdict of its own beyond that. The struct is the command's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "client/client.h"
#include "lib/buf.h"

#define CONFORM_CLIENTS  4
#define CONFORM_MADE_MAX 64
#define CONFORM_ID_SIZE  64

enum conform_class {
	CONFORM_COMPATIBLE, /* upstream's agent does so, and hosts rely on it */
	CONFORM_STRICTER,   /* upstream's agent does worse or otherwise */
};

enum conform_sign {
	CONFORM_POSITIVE,
	CONFORM_NEGATIVE,
};

/* What $C is when the case begins. */
enum conform_state {
	CONFORM_NOTHING,  /* no container of that name */
	CONFORM_STANDING, /* a running container that other cases have used too */
	CONFORM_CREATED,
	CONFORM_RUNNING,  /* `cat`: ends with its input */
	CONFORM_TERMINAL, /* `cat` on a terminal */
	CONFORM_PAUSED,
	CONFORM_EXITED,  /* with 7, not waited for */
	CONFORM_WAITED,  /* with 7, waited for */
	CONFORM_REMOVED, /* was there, is not */
};

/* Sets of status codes. */
#define CONFORM_CODE(c) (1u << (c))
enum conform_codes {
	IS_OK = CONFORM_CODE(RPC_OK),
	IS_UNKNOWN = CONFORM_CODE(RPC_UNKNOWN),
	IS_INVALID = CONFORM_CODE(RPC_INVALID_ARGUMENT),
	IS_DEADLINE = CONFORM_CODE(RPC_DEADLINE_EXCEEDED),
	IS_NOT_FOUND = CONFORM_CODE(RPC_NOT_FOUND),
	IS_EXHAUSTED = CONFORM_CODE(RPC_RESOURCE_EXHAUSTED),
	IS_UNIMPLEMENTED = CONFORM_CODE(RPC_UNIMPLEMENTED),
	IS_INTERNAL = CONFORM_CODE(RPC_INTERNAL),
	IS_UNAVAILABLE = CONFORM_CODE(RPC_UNAVAILABLE),
	IS_REFUSED = IS_INVALID | IS_INTERNAL | IS_NOT_FOUND, /* an error by a handler, whichever */
	IS_ANY = CONFORM_CODE(RPC_CODE_MAX) - 1,
};

struct conform;

/*
 * One row. `name` is "METHOD/what", or "ttrpc/what", "pod/what". With `json`, the method is called with it ($C is the
 * case's container, $R the root file system) and must answer one of `codes`, with `text` in the error if it is not
 * NULL. `run` does the rest, and may look at c->reply.
 */
struct conform_case {
	const char *name;
	enum conform_sign sign;
	enum conform_class class;
	enum conform_state state;
	const char *json;
	unsigned codes;
	const char *text;
	bool (*run)(struct conform *c);
};

struct conform_suite {
	const struct conform_case *cases;
	size_t n;
};

/* A call that waits; the kit's. */
struct conform_pending {
	struct conform_pending *next;
	bool done;
	struct client_reply reply;
};

struct conform {
	/* of the run */
	const char *address;
	const char *rootfs;       /* as the guest sees it */
	const char *program_file; /* the static busybox that is put there, NULL = the rootfs is the user's */
	const char *share_tag;    /* of a virtio-fs device, NULL = none */
	const char *swap_path;    /* a device with swap space on it, NULL = none */
	const char *swap_pci;     /* the PCI path of another one, slots as "3" or "2,1" */
	unsigned timeout_ms;      /* for each call */
	bool keep;                /* do not destroy the sandbox */
	unsigned n_containers;    /* for names */
	char standing[CONFORM_ID_SIZE];
	struct conform_count *counts; /* per method; run.c's */
	bool has_sandbox;             /* this run made it */
	bool is_gone;                 /* the agent was asked to end */
	bool has_limits;              /* the guest has memory, cpu and pids controllers */

	/* of the case */
	char method[CONFORM_ID_SIZE]; /* of its name */
	unsigned codes;               /* of its row */
	char cid[CONFORM_ID_SIZE];
	struct client *clients[CONFORM_CLIENTS];
	unsigned current; /* the client that calls use */
	struct conform_pending *pendings;
	struct client_reply reply; /* of the last call */
	struct arena arena;
	char made[CONFORM_MADE_MAX][CONFORM_ID_SIZE]; /* containers to be removed afterwards */
	size_t n_made;
	bool has_failed, is_skipped;
	char why[512];
};

/* --- verdicts ------------------------------------------------------------------------------------------------- */

/* Says why the case has failed, unless something was said before. */
void conform_say(struct conform *c, const char *fmt, ...) _printf_(2, 3);

/* The same; false. */
#define conform_fail(c, ...) (conform_say(c, __VA_ARGS__), false)

/* Says why the case cannot be tried here. Returns false. */
bool conform_skip(struct conform *c, const char *fmt, ...) _printf_(2, 3);

/* Fails unless the condition holds. */
#define conform_check(c, holds, ...) ((holds) || conform_fail(c, __VA_ARGS__))

/* True if the bytes are the text's. */
bool conform_same(const void *data, size_t n, const char *text);

/* --- calls ---------------------------------------------------------------------------------------------------- */

/* Calls with a request that is formatted, $C and $R replaced; the code must be in `codes`. The answer is c->reply. */
bool conform_call(struct conform *c, const char *method, unsigned codes, const char *fmt, ...) _printf_(4, 5);

/* The same with a request as it stands. */
bool conform_call_json(struct conform *c, const char *method, unsigned codes, const char *json);

/* The last answer must be an error that contains the text. */
bool conform_says(struct conform *c, const char *text);

/* Sends a call and goes on; NULL = the case has failed. timeout_ms 0 = none. */
struct conform_pending *conform_send(struct conform *c, unsigned timeout_ms, const char *method, const char *fmt, ...)
	_printf_(4, 5);

/* Waits for it: the code must be in `codes`; the answer becomes c->reply. */
bool conform_await(struct conform *c, struct conform_pending *p, unsigned codes);

/* Waits for it: an answer of any kind, or the end of its connection; it is in p->reply. */
bool conform_ends(struct conform *c, struct conform_pending *p);

/* It must not be answered for so long. */
bool conform_still_waits(struct conform *c, struct conform_pending *p, unsigned ms);

/* Makes connection i the one that calls use, opening it if need be. */
bool conform_use(struct conform *c, unsigned i);

/* Closes connection i; calls that wait on it are forgotten. */
void conform_hang_up(struct conform *c, unsigned i);

/* Counts a call that was made by hand, for the coverage. */
void conform_count(struct conform *c, const struct client_method *m);
