/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/conformance/suites.h"

#include <stdio.h>
#include <string.h>

#include "client/method.h"
#include "tests/lib/unit.h"

static const struct conform_case *case_at(size_t index)
{
	const struct conform_suite *suite;

	for (size_t s = 0; (suite = conform_suite_at(s)) != NULL; s++) {
		if (index < suite->n)
			return &suite->cases[index];
		index -= suite->n;
	}
	return NULL;
}

static bool is_of(const struct conform_case *k, const char *method)
{
	size_t n = strlen(method);

	return strncmp(k->name, method, n) == 0 && k->name[n] == '/';
}

static void names_are_unique(void **state)
{
	const struct conform_case *a, *b;

	(void)state;
	for (size_t i = 0; (a = case_at(i)) != NULL; i++)
		for (size_t j = i + 1; (b = case_at(j)) != NULL; j++)
			if (strcmp(a->name, b->name) == 0)
				fail_msg("two cases are called '%s'", a->name);
}

static void names_begin_with_a_method(void **state)
{
	const struct conform_case *k;
	struct client_method m;
	char name[128];

	(void)state;
	for (size_t i = 0; (k = case_at(i)) != NULL; i++) {
		(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(k->name, "/"), k->name);
		if (!is_of(k, "ttrpc") && !is_of(k, "pod") && method_find(name, &m) < 0)
			fail_msg("'%s' is of no method", k->name);
	}
}

/* A case that does nothing would always pass. */
static void each_does_something(void **state)
{
	const struct conform_case *k;

	(void)state;
	for (size_t i = 0; (k = case_at(i)) != NULL; i++) {
		if (!k->json && !k->run)
			fail_msg("'%s' does nothing", k->name);
		if (k->json && k->codes == 0)
			fail_msg("'%s' expects no answer", k->name);
		if (k->sign == CONFORM_NEGATIVE && k->json && (k->codes & IS_OK))
			fail_msg("'%s' is negative and may succeed", k->name);
	}
}

static void every_method_both_ways(void **state)
{
	const struct conform_case *k;
	struct client_method m;

	(void)state;
	for (size_t i = 0; method_at(i, &m) == 0; i++) {
		unsigned positive = 0, negative = 0;

		for (size_t j = 0; (k = case_at(j)) != NULL; j++) {
			if (!is_of(k, m.method->name) || k->class != CONFORM_COMPATIBLE)
				continue;
			positive += k->sign == CONFORM_POSITIVE;
			negative += k->sign == CONFORM_NEGATIVE;
		}
		if (positive == 0 || negative == 0)
			fail_msg("'%s' has %u positive and %u negative cases", m.method->name, positive, negative);
	}
}

int test_suites(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_unique),
		cmocka_unit_test(names_begin_with_a_method),
		cmocka_unit_test(each_does_something),
		cmocka_unit_test(every_method_both_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
