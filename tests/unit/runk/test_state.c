/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/procstart.h"
#include "runk/state.h"
#include "runk/statefile.h"
#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

static struct runk runk;
static char root[256];

static int setup(void **state)
{
	int r = tempdir_setup(state);
	const struct tempdir *dir = *state;

	if (r == 0)
		(void)snprintf(root, sizeof(root), "%s/deep/state", dir->path);
	runk.root = root;
	return r;
}

static void make(const char *id)
{
	_autostate_ struct state s = STATE_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(state_create(&runk, id, &s, &err), 0);
	s.bundle = "/b";
	s.rootfs = "/b/rootfs";
	s.created = "2026-01-01T00:00:00Z";
	s.cgroup = "/x/y";
	s.pid = getpid();
	assert_int_equal(proc_start_time(s.pid, &s.start_time), 0);
	assert_int_equal(state_save(&s, &err), 0);
}

static void there_and_back(void **state)
{
	_autostate_ struct state s = STATE_INIT, other = STATE_INIT;
	struct err err = ERR_INIT;

	(void)state;
	make("a");
	assert_int_equal(state_create(&runk, "a", &other, &err), -EEXIST);
	assert_non_null(strstr(err.text, "container with given ID already exists: 'a'"));
	assert_int_equal(state_open(&runk, "a", true, &s, &err), 0);
	assert_string_equal(s.bundle, "/b");
	assert_string_equal(s.cgroup, "/x/y");
	assert_int_equal(s.pid, getpid());
	assert_int_equal(state_status(&s), STATE_RUNNING);
	s.paused = true;
	assert_int_equal(state_status(&s), STATE_PAUSED);
	assert_int_equal(mknodat(s.dir, STATE_FIFO, S_IFIFO | 0600, 0), 0);
	assert_int_equal(state_status(&s), STATE_PAUSED); /* a created one that is paused waits twice */
	s.paused = false;
	assert_int_equal(state_status(&s), STATE_CREATED);
	s.start_time++;
	assert_int_equal(state_status(&s), STATE_STOPPED);
	assert_int_equal(state_open_pid(&s), -ESRCH);
	assert_int_equal(state_remove(&s, &err), 0);
	assert_int_equal(state_open(&runk, "a", false, &other, &err), -ENOENT);
	assert_non_null(strstr(err.text, "container does not exist: 'a'"));
}

/* Its maker died before it had saved anything. */
static void half_made(void **state)
{
	_autostate_ struct state s = STATE_INIT, watcher = STATE_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(state_create(&runk, "half", &s, &err), 0);
	assert_int_equal(state_open(&runk, "half", false, &watcher, &err), 0);
	assert_int_equal(state_status(&watcher), STATE_CREATING);
	state_unlock(&s);
	assert_int_equal(state_status(&watcher), STATE_STOPPED);
	state_done(&s);
	s = (struct state)STATE_INIT;
	state_done(&watcher);
	watcher = (struct state)STATE_INIT;
	assert_int_equal(state_open(&runk, "half", true, &s, &err), 0);
	assert_int_equal(state_remove(&s, &err), 0);
}

static int collect(const struct runk *r, const char *id, void *arg)
{
	(void)r;
	(void)strcat(arg, id);
	return 0;
}

static void listing(void **state)
{
	char names[64] = "";
	struct err err = ERR_INIT;

	(void)state;
	make("c");
	make("b");
	assert_int_equal(state_list(&runk, collect, names, &err), 0);
	assert_string_equal(names, "bc");
	runk.root = "/nonexistent/runk";
	assert_int_equal(state_list(&runk, collect, names, &err), 0);
	runk.root = root;
}

static void ids(void **state)
{
	static const char *const bad[] = { "", ".", "..", "a/b", "a b", "a\n", "\xc3\xa4" };
	char longest[300];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(state_check_id(bad[i], NULL), -EINVAL);
	(void)memset(longest, 'x', sizeof(longest));
	longest[256] = '\0';
	assert_int_equal(state_check_id(longest, NULL), -EINVAL);
	longest[255] = '\0';
	assert_int_equal(state_check_id(longest, NULL), 0);
	assert_int_equal(state_check_id("A-z_0.9+", NULL), 0);
}

static void forged_files(void **state)
{
	static const char *const bad[] = { "", "{", "[]", "{}", "{\"pid\":\"1\"}", "{\"pid\":1,\"startTime\":1}" };
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_autostate_ struct state s = STATE_INIT;

		s.id = "x";
		assert_int_equal(statefile_parse(bad[i], strlen(bad[i]), &s, &err), -EINVAL);
		assert_non_null(strstr(err.text, "state of container 'x'"));
	}
}

static void a_pid_of_nobody_is_not_told(void **state)
{
	struct oci_pair pair = { "k", "v" };
	const struct state s = { .id = "x", .pid = 5, .bundle = "/b", .annotations = { &pair, 1 } };
	_autobuf_ struct buf text = BUF_INIT;

	(void)state;
	assert_int_equal(statefile_format(&s, STATE_STOPPED, STATEFILE_PLAIN, &text), 0);
	assert_string_equal(buf_str(&text),
	                    "{\"ociVersion\":\"1.2.0\",\"id\":\"x\",\"pid\":0,\"status\":\"stopped\","
	                    "\"bundle\":\"/b\",\"rootfs\":\"\",\"created\":\"\",\"annotations\":{\"k\":\"v\"},"
	                    "\"owner\":\"root\"}");
}

int test_state(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back), cmocka_unit_test(half_made),
		cmocka_unit_test(listing),        cmocka_unit_test(ids),
		cmocka_unit_test(forged_files),   cmocka_unit_test(a_pid_of_nobody_is_not_told),
	};

	return cmocka_run_group_tests_name("state", tests, setup, tempdir_teardown);
}
