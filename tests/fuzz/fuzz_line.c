/* SPDX-License-Identifier: Apache-2.0 */
/* A command of `connect`: its line, its words, and a request made from them. */
#include <string.h>

#include "client/method.h"
#include "ctl/api.h"
#include "ctl/line.h"
#include "ctl/request.h"
#include "lib/jsontext.h"
#include "tests/fuzz/fuzz.h"

static void make_request(const char *name, const struct line_pair *pairs, size_t n)
{
	const struct api_command *command = api_find(name);
	_autojson_ struct json_object *json = json_object_new_object();
	struct values values = { 0 };
	struct err err = ERR_INIT;
	struct client_method m;

	for (size_t i = 0; i < n; i++)
		FUZZ_CHECK(values_set(&values, pairs[i].name, pairs[i].value, false) == 0);
	for (size_t i = 0; i < n; i++)
		FUZZ_CHECK(values_get(&values, pairs[i].name));
	if (command && json && method_find(command->method ? command->method : command->name, &m) == 0 &&
	    request_fill(json, m.method->input, &values, &err) == 0)
		FUZZ_CHECK(json_object_to_json_string(json));
	values_done(&values);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_autoarena_ struct arena arena = { 0 };
	_autofree_ char *text = calloc(1, size + 1);
	struct line_pair *pairs = NULL;
	struct err err = ERR_INIT;
	struct line line;
	size_t n = 0;

	if (!text || size > FUZZ_INPUT_MAX)
		return 0;
	if (size > 0)
		memcpy(text, data, size);
	if (line_parse(&line, &arena, text, &err) < 0) {
		FUZZ_CHECK(strlen(err_text(&err)) > 0);
		return 0;
	}
	FUZZ_CHECK(strpbrk(line.name, " \t\n") == NULL);
	if (line.form == LINE_WORDS && line_parse_pairs(line.rest, &arena, &pairs, &n, &err) == 0)
		make_request(line.name, pairs, n);
	return 0;
}
