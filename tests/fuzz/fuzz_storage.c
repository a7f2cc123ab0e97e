/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A storage as hosts send it, a member in each line: driver, source, file system, mount point, container; then options,
 * and driver options behind a "+". What can be planned is to be done at clean absolute paths; else an error says why.
 */
#include <string.h>

#include "agent/mount/options.h"
#include "agent/mount/storage.h"
#include "lib/path.h"
#include "tests/fuzz/fuzz.h"

#define WORDS_MAX 16

struct lists {
	char *options[WORDS_MAX], *driver_options[WORDS_MAX];
};

static void check_plan(const struct step_list *list)
{
	_autobuf_ struct buf out = BUF_INIT;

	for (size_t i = 0; i < list->n; i++) {
		const struct step *step = &list->v[i];
		const char *where = step->target ? step->target : step->source; /* mkfs has no target but a disk */

		FUZZ_CHECK(step->kind && where && path_is_clean(where) && strcmp(where, "/") != 0);
	}
	FUZZ_CHECK(step_list_print(list, &out) == 0);
}

static void check_storage(const struct storage_config *config, const char *cid)
{
	_autoarena_ struct arena arena = { 0 };
	struct step_list list = { 0 }, update = { 0 };
	struct mount_options options;
	struct err err = ERR_INIT;

	if (storage_check_request(config, 1, &err) < 0 || storage_plan(&arena, config, cid, &list, &err) < 0)
		FUZZ_CHECK(err.num > 0 && err.text[0]);
	check_plan(&list);
	err = (struct err)ERR_INIT;
	if (storage_plan_update(&arena, config, 1, &update, &err) < 0)
		FUZZ_CHECK(err.num > 0 && err.text[0] && update.n == 0);
	check_plan(&update);
	err = (struct err)ERR_INIT;
	if (mount_options_parse(&arena, &config->options, &options, &err) < 0)
		FUZZ_CHECK(err.num > 0 && err.text[0]);
}

static void take_words(struct storage_config *config, struct lists *lists, char *text)
{
	char *line;

	config->options.v = lists->options;
	config->driver_options.v = lists->driver_options;
	while ((line = strsep(&text, "\n")) != NULL) {
		struct oci_strings *list = line[0] == '+' ? &config->driver_options : &config->options;

		if (list->n < WORDS_MAX)
			list->v[list->n++] = line[0] == '+' ? line + 1 : line;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct storage_config config = { .has_fs_group = size % 2, .fs_group = (gid_t)size };
	char *text = malloc(size + 1), *p = text, none[] = "", *cid;
	struct lists lists;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	config.driver = strsep(&p, "\n");
	config.source = p ? strsep(&p, "\n") : none;
	config.fstype = p ? strsep(&p, "\n") : none;
	config.mount_point = p ? strsep(&p, "\n") : none;
	cid = p ? strsep(&p, "\n") : none;
	take_words(&config, &lists, p);
	/* Ids are checked long before. */
	check_storage(&config, strchr(cid, '/') || strcmp(cid, "..") == 0 ? "web" : cid);
	free(text);
	return 0;
}
