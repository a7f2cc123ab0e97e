/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hypervisor/lastlines.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/unit.h"

static void feed(struct lastlines *l, const char *text)
{
	/* A byte at a time: lines come in any pieces. */
	for (; *text; text++)
		lastlines_feed(l, text, 1);
}

static void keeps_the_last_lines(void **state)
{
	struct lastlines l = { .n = 0 };
	_autobuf_ struct buf out = BUF_INIT;
	char line[32];

	(void)state;
	for (int i = 0; i < 30; i++) {
		(void)snprintf(line, sizeof(line), "line %d\r\n", i);
		feed(&l, line);
	}
	assert_int_equal(lastlines_print(&l, 2, &out), 0);
	assert_string_equal(buf_str(&out), " | line 28 | line 29");
	buf_done(&out);
	assert_int_equal(lastlines_print(&l, 100, &out), 0);
	assert_int_equal(strncmp(buf_str(&out), " | line 18 | ", 13), 0);
}

static void tells_stage_and_cause(void **state)
{
	static const struct {
		const char *text;
		bool is_kvm, is_listening;
		const char *stage, *cause;
	} table[] = {
		{ "", false, false, "has said nothing", "emulation is slow" },
		{ "", true, false, "has said nothing", "KVM cannot boot" },
		{ "[ 0.1] Linux\n", true, false, "kernel runs", "has no agent" },
		{ "\033c\033[?7l\033[2J\033[0mSeaBIOS (version 1)\nBooting from ROM...\n", false, false,
		  "the firmware runs, the guest's kernel has said nothing", "emulation is slow" },
		{ "[ 1.2] Initramfs unpacking failed: x\n[ 1.3] Kernel panic - not syncing: VFS: x\n", true, false,
		  "kernel runs", "Initramfs unpacking failed: x" },
		{ "[ 0.1] Kernel panic - not syncing: VFS: x\nmore\n", true, false, "kernel runs", "Kernel panic" },
		{ "\033[0mkata-agent: boot   12.0 ms (+1.0) modules\n", true, false, "modules", "did not finish" },
		{ "kata-agent: boot 12.0 ms (+1.0) listening on vsock://-1:1024\n", true, true, "listening", "answer" },
		{ "kata-agent: boot 12.0 ms (+1.0) listening on vs", true, false, "kernel runs", "no agent" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct lastlines l = { .n = 0 };

		feed(&l, table[i].text);
		if (l.is_listening != table[i].is_listening || !strstr(lastlines_stage(&l), table[i].stage) ||
		    !strstr(lastlines_cause(&l, table[i].is_kvm), table[i].cause))
			fail_msg("row %zu: '%s', '%s'", i, lastlines_stage(&l), lastlines_cause(&l, table[i].is_kvm));
	}
}

static void cuts_long_lines(void **state)
{
	struct lastlines l = { .n = 0 };
	_autobuf_ struct buf out = BUF_INIT;

	(void)state;
	for (int i = 0; i < 5000; i++)
		feed(&l, "x");
	feed(&l, "\nshort\n\n");
	assert_int_equal(l.n, 2);
	assert_int_equal(lastlines_print(&l, 1, &out), 0);
	assert_string_equal(buf_str(&out), " | short");
	assert_int_equal(strlen(l.lines[0]), LASTLINES_LINE_MAX);
}

static void what_follows_a_panic_is_not_kept(void **state)
{
	const char text[] =
		"init: no such file\nK[    8.36] Kernel panic - not syncing: no init\nCall Trace:\n dump_stack\n";
	struct lastlines l = { .n = 0 };
	_autobuf_ struct buf out = { .max = 1000 };

	(void)state;
	assert_null(lastlines_panic(&l));
	lastlines_feed(&l, text, sizeof(text) - 1);
	assert_int_equal(lastlines_print(&l, 4, &out), 0);
	assert_string_equal(buf_str(&out), " | init: no such file | K[    8.36] Kernel panic - not syncing: no init");
	assert_string_equal(lastlines_cause(&l, true), "Kernel panic - not syncing: no init");
	assert_string_equal(lastlines_panic(&l), "Kernel panic - not syncing: no init");
}

static void sequences_of_a_terminal_are_dropped(void **state)
{
	struct lastlines l = { .n = 0 };
	_autobuf_ struct buf out = BUF_INIT;

	(void)state;
	feed(&l, "\033c\033[?7l\033[2JPoking\033[0m KASLR\nopen \033[3\nnext\n[  0.5] [x] Out of memory: y\n");
	assert_int_equal(lastlines_print(&l, 9, &out), 0);
	assert_string_equal(buf_str(&out), " | Poking KASLR | open  | next | [  0.5] [x] Out of memory: y");
	assert_string_equal(lastlines_cause(&l, true), "[x] Out of memory: y");
}

int test_lastlines(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_the_last_lines),
		cmocka_unit_test(tells_stage_and_cause),
		cmocka_unit_test(cuts_long_lines),
		cmocka_unit_test(sequences_of_a_terminal_are_dropped),
		cmocka_unit_test(what_follows_a_panic_is_not_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
