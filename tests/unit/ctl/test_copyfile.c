/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/ctl.h"
#include "proto/envelope.h"
#include "tests/lib/tempdir.h"
#include "tests/unit/ctl/play.h"

/* Big files, which go in pieces, are tests/integration/connect.sh's. */
static void files_directories_and_links_are_sent(void **state)
{
	static const struct {
		const char *name, *words[5];
	} rows[] = {
		{ "file",
		  { "\"path\":\"/to\"", "\"file_size\":\"3\",\"file_mode\":33184", "\"dir_mode\":493",
		    "\"data\":\"YWJj\"" } },
		{ "empty", { "\"path\":\"/to\",\"file_mode\":33184" } },
		{ "dir", { "\"path\":\"/to\",\"file_mode\":16872" } },
		{ "link", { "\"file_size\":\"4\",\"file_mode\":41471", "\"data\":\"ZmlsZQ==\"" } },
	};
	const struct tempdir *dir = *state;
	struct play_result *result = calloc(1, sizeof(*result));
	char line[512];

	assert_non_null(result);
	tempdir_write(dir, "file", "abc");
	tempdir_write(dir, "empty", "");
	assert_int_equal(fchmodat(dir->fd, "file", 0640, 0), 0);
	assert_int_equal(fchmodat(dir->fd, "empty", 0640, 0), 0);
	assert_int_equal(mkdirat(dir->fd, "dir", 0750), 0);
	assert_int_equal(fchmodat(dir->fd, "dir", 0750, 0), 0);
	assert_int_equal(symlinkat("file", dir->fd, "link"), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		(void)snprintf(line, sizeof(line), "connect -c 'CopyFile json://{\"src\":\"%s/%s\",\"dest\":\"/to\"}'",
		               dir->path, rows[i].name);
		play_run(&(struct play){ 0 }, line, result);
		assert_int_equal(result->status, 0);
		assert_string_equal(result->out, "{}\n");
		for (size_t k = 0; rows[i].words[k]; k++) {
			if (!strstr(result->log, rows[i].words[k]))
				fail_msg("no %s in %s", rows[i].words[k], result->log);
		}
		assert_null(strchr(strchr(result->log, '\n') + 1, '\n'));
	}
	free(result);
}

static void other_kinds_are_refused(void **state)
{
	struct play_result *result = calloc(1, sizeof(*result));

	(void)state;
	assert_non_null(result);
	play_run(&(struct play){ 0 }, "connect -c 'CopyFile src=/dev/null dest=/to'", result);
	assert_int_equal(result->status, CTL_EXIT_USAGE);
	assert_non_null(strstr(result->err, "'/dev/null' is neither a file nor"));
	assert_string_equal(result->log, "");
	free(result);
}

static void the_agents_refusal_is_told(void **state)
{
	struct play play = { .refuse = "CopyFile", .code = RPC_INTERNAL, .text = "not below the share" };
	struct play_result *result = calloc(1, sizeof(*result));

	(void)state;
	assert_non_null(result);
	play_run(&play, "connect -c 'CopyFile src=/etc/passwd dest=/to'", result);
	assert_int_equal(result->status, CTL_EXIT_FAILED);
	assert_string_equal(result->err, "CopyFile: INTERNAL: not below the share\n");
	assert_string_equal(result->out, "");
	free(result);
}

/* Without a source the request is the user's own. */
static void a_raw_request_goes_as_it_is(void **state)
{
	struct play_result *result = calloc(1, sizeof(*result));

	(void)state;
	assert_non_null(result);
	play_run(&(struct play){ 0 }, "connect -c 'CopyFile json://{\"path\":\"/x\",\"data\":\"YWJj\"}'", result);
	assert_int_equal(result->status, 0);
	assert_string_equal(result->log, "CopyFile {\"path\":\"/x\",\"data\":\"YWJj\"}\n");
	free(result);
}

int test_copyfile(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(files_directories_and_links_are_sent, tempdir_setup, tempdir_teardown),
		cmocka_unit_test(other_kinds_are_refused),
		cmocka_unit_test(the_agents_refusal_is_told),
		cmocka_unit_test(a_raw_request_goes_as_it_is),
	};

	return cmocka_run_group_tests_name("ctl/copyfile", tests, NULL, NULL);
}
