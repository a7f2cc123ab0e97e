/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/conformance/run.h"

#include <fnmatch.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "client/method.h"
#include "ctl/conformance/suites.h"
#include "ctl/ctl.h"
#include "lib/jsontext.h"
#include "lib/sys.h"
#include "proto/health.pb-c.h"

#define METHODS_MAX 64

enum verdict {
	PASS,
	FAIL,
	SKIP,
	VERDICT_MAX,
};

static const char *const verdict_names[VERDICT_MAX] = { "pass", "fail", "skip" };
static const char *const class_names[] = { "compatible", "stricter" };

struct run {
	struct conform *c;
	const struct conform_options *o;
	struct json_object *rows;
	unsigned n[VERDICT_MAX][2]; /* by class */
	bool is_over;               /* the agent does not answer any more */
};

/* --- coverage ---------------------------------------------------------------------------------------------------- */

static struct conform_count *find_count(struct conform *c, const char *method, size_t len)
{
	for (struct conform_count *n = c->counts; n->method.method; n++) {
		if (strlen(n->method.method->name) == len && strncmp(n->method.method->name, method, len) == 0)
			return n;
	}
	return NULL;
}

void conform_count(struct conform *c, const struct client_method *m)
{
	struct conform_count *n = find_count(c, m->method->name, strlen(m->method->name));

	if (n)
		n->calls++;
}

static void count_case(struct conform *c, const struct conform_case *k, enum verdict verdict)
{
	struct conform_count *n = find_count(c, k->name, strcspn(k->name, "/"));

	if (!n || verdict == SKIP)
		return;
	if (k->sign == CONFORM_POSITIVE)
		n->positive++;
	else
		n->negative++;
	n->failed += verdict == FAIL;
}

/* --- one case ---------------------------------------------------------------------------------------------------- */

static void begin_case(struct conform *c)
{
	arena_init(&c->arena, 0);
	c->has_failed = c->is_skipped = false;
	c->why[0] = '\0';
	c->n_made = 0;
	c->current = 0;
	c->pendings = NULL;
	(void)snprintf(c->cid, sizeof(c->cid), "%s", conform_name(c));
}

static void drop_connections(struct conform *c)
{
	for (unsigned i = 0; i < CONFORM_CLIENTS; i++)
		conform_hang_up(c, i);
	for (struct conform_pending *p = c->pendings; p; p = p->next)
		client_reply_done(&p->reply);
	c->pendings = NULL;
	c->current = 0;
}

/* The case's connections go first, so what it left waiting is the agent's to forget. */
static bool end_case(struct conform *c)
{
	char id[CONFORM_ID_SIZE];
	bool lives;

	drop_connections(c);
	/* One that a failed case has used may hold anything. */
	if (c->has_failed && c->standing[0] && strcmp(c->cid, c->standing) == 0 && c->n_made < CONFORM_MADE_MAX) {
		(void)snprintf(c->made[c->n_made++], CONFORM_ID_SIZE, "%s", c->standing);
		c->standing[0] = '\0';
	}
	while (c->n_made > 0) {
		(void)snprintf(id, sizeof(id), "%s", c->made[--c->n_made]);
		(void)conform_call(c, "SignalProcess", IS_ANY, "{\"container_id\":\"%s\",\"signal\":9}", id);
		(void)conform_call(c, "RemoveContainer", IS_ANY, "{\"container_id\":\"%s\"}", id);
	}
	lives = conform_call(c, "Health.Check", IS_OK, "{}");
	if (!lives)
		drop_connections(c);
	client_reply_done(&c->reply);
	arena_done(&c->arena);
	return lives;
}

static void try_case(struct conform *c, const struct conform_case *k)
{
	(void)snprintf(c->method, sizeof(c->method), "%.*s", (int)strcspn(k->name, "/"), k->name);
	c->codes = k->codes;
	if (!conform_enter(c, k->state))
		return;
	if (k->json && !conform_call_json(c, c->method, k->codes, k->json))
		return;
	if (k->json && k->text && c->reply.code != RPC_OK && !conform_says(c, k->text))
		return;
	if (k->run && !k->run(c) && !c->is_skipped)
		(void)conform_fail(c, "it failed without saying why");
}

static void report(struct run *run, const struct conform_case *k, enum verdict verdict, const char *why, long ms)
{
	struct json_object *row;

	run->n[verdict][k->class]++;
	if (!run->o->json) {
		(void)printf("%s %-10s %s%s%s\n", verdict_names[verdict], class_names[k->class], k->name,
		             *why ? ": " : "", why);
		(void)fflush(stdout);
		return;
	}
	row = json_object_new_object();
	(void)json_object_object_add(row, "name", json_object_new_string(k->name));
	(void)json_object_object_add(row, "verdict", json_object_new_string(verdict_names[verdict]));
	(void)json_object_object_add(row, "class", json_object_new_string(class_names[k->class]));
	(void)json_object_object_add(row, "kind",
	                             json_object_new_string(k->sign == CONFORM_POSITIVE ? "positive" : "negative"));
	(void)json_object_object_add(row, "reason", json_object_new_string(why));
	(void)json_object_object_add(row, "ms", json_object_new_int64(ms));
	(void)json_object_array_add(run->rows, row);
}

static void run_case(struct run *run, const struct conform_case *k)
{
	struct conform *c = run->c;
	const int64_t start = sys_now_ms();
	enum verdict verdict;
	char why[sizeof(c->why)];

	begin_case(c);
	try_case(c, k);
	verdict = c->has_failed ? FAIL : c->is_skipped ? SKIP : PASS;
	(void)snprintf(why, sizeof(why), "%s", c->why);
	/* A peer's text may hold anything; a row is a line. */
	for (char *p = why; *p; p++)
		*p = *p == '\n' || *p == '\r' ? ' ' : *p;
	if (!end_case(c)) {
		run->is_over = !c->is_gone;
		if (verdict == PASS && !c->is_gone) {
			verdict = FAIL;
			(void)snprintf(why, sizeof(why), "afterwards the agent does not answer: %.400s", c->why);
		}
	}
	count_case(c, k, verdict);
	report(run, k, verdict, why, sys_now_ms() - start);
}

static void run_all(struct run *run)
{
	const struct conform_suite *suite;

	for (size_t s = 0; (suite = conform_suite_at(s)) != NULL; s++) {
		for (size_t i = 0; i < suite->n && !run->is_over; i++) {
			const struct conform_case *k = &suite->cases[i];

			if (run->o->only && fnmatch(run->o->only, k->name, 0) != 0)
				continue;
			if (run->o->list)
				(void)printf("%-10s %-8s %s\n", class_names[k->class],
				             k->sign == CONFORM_POSITIVE ? "positive" : "negative", k->name);
			else
				run_case(run, k);
		}
	}
	if (run->is_over && !run->o->json)
		(void)printf("The agent does not answer any more; the rest was not tried\n");
}

/* --- the report -------------------------------------------------------------------------------------------------- */

static void print_coverage(const struct conform *c)
{
	(void)printf("\n%-32s %6s %9s %9s %7s\n", "method", "calls", "positive", "negative", "failed");
	for (const struct conform_count *n = c->counts; n->method.method; n++)
		(void)printf("%-32s %6u %9u %9u %7u%s\n", n->method.method->name, n->calls, n->positive, n->negative,
		             n->failed, n->positive && n->negative ? "" : "  not covered");
}

static unsigned count_covered(const struct conform *c, unsigned *ret_methods)
{
	unsigned covered = 0;

	*ret_methods = 0;
	for (const struct conform_count *n = c->counts; n->method.method; n++, ++*ret_methods)
		covered += n->positive && n->negative;
	return covered;
}

static struct json_object *coverage_json(const struct conform *c)
{
	struct json_object *all = json_object_new_array(), *row;

	for (const struct conform_count *n = c->counts; n->method.method; n++) {
		row = json_object_new_object();
		(void)json_object_object_add(row, "method", json_object_new_string(n->method.method->name));
		(void)json_object_object_add(row, "calls", json_object_new_int64(n->calls));
		(void)json_object_object_add(row, "positive", json_object_new_int64(n->positive));
		(void)json_object_object_add(row, "negative", json_object_new_int64(n->negative));
		(void)json_object_object_add(row, "failed", json_object_new_int64(n->failed));
		(void)json_object_array_add(all, row);
	}
	return all;
}

static void print_report(struct run *run)
{
	unsigned methods, covered = count_covered(run->c, &methods);
	_autojson_ struct json_object *o = NULL;

	if (!run->o->json) {
		print_coverage(run->c);
		for (unsigned k = 0; k < ARRAY_SIZE(class_names); k++)
			(void)printf("%s%s: %u passed, %u failed, %u skipped\n", k ? "" : "\n", class_names[k],
			             run->n[PASS][k], run->n[FAIL][k], run->n[SKIP][k]);
		(void)printf("methods with a positive and a negative case: %u of %u\n", covered, methods);
		return;
	}
	o = json_object_new_object();
	(void)json_object_object_add(o, "complete", json_object_new_boolean(!run->is_over));
	(void)json_object_object_add(o, "cases", json_object_get(run->rows));
	(void)json_object_object_add(o, "coverage", coverage_json(run->c));
	for (unsigned k = 0; k < ARRAY_SIZE(class_names); k++) {
		struct json_object *sum = json_object_new_object();

		for (unsigned v = 0; v < VERDICT_MAX; v++)
			(void)json_object_object_add(sum, verdict_names[v], json_object_new_int64(run->n[v][k]));
		(void)json_object_object_add(o, class_names[k], sum);
	}
	(void)printf("%s\n", json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
}

static int prepare(struct conform *c)
{
	bool ready;

	begin_case(c);
	ready = conform_prepare(c);
	(void)end_case(c);
	if (ready)
		return CTL_EXIT_OK;
	(void)fprintf(stderr, "kata-agent-ctl: conformance: prepare the guest: %s\n", c->why);
	return CTL_EXIT_CONNECTION;
}

static int run_and_report(struct run *run)
{
	int status = run->o->list ? CTL_EXIT_OK : prepare(run->c);

	if (status != CTL_EXIT_OK)
		return status;
	run_all(run);
	if (run->o->list)
		return CTL_EXIT_OK;
	if (run->c->standing[0]) {
		begin_case(run->c);
		(void)snprintf(run->c->made[run->c->n_made++], CONFORM_ID_SIZE, "%s", run->c->standing);
		(void)end_case(run->c);
	}
	print_report(run);
	if (run->n[PASS][0] + run->n[PASS][1] + run->n[FAIL][0] + run->n[FAIL][1] == 0)
		return ctl_usage_error("conformance: no case was tried");
	return run->is_over || run->n[FAIL][CONFORM_COMPATIBLE] > 0 ||
	                       (run->o->strict && run->n[FAIL][CONFORM_STRICTER] > 0)
	               ? CTL_EXIT_FAILED
	               : CTL_EXIT_OK;
}

int conform_run_suites(struct conform *c, const struct conform_options *o)
{
	struct conform_count counts[METHODS_MAX] = { 0 };
	struct run run = { .c = c, .o = o, .rows = json_object_new_array() };
	int status;

	for (size_t i = 0; i < METHODS_MAX - 1 && method_at(i, &counts[i].method) == 0; i++)
		;
	c->counts = counts;
	c->reply.text = "";
	status = run_and_report(&run);
	drop_connections(c);
	(void)json_object_put(run.rows);
	return status;
}
