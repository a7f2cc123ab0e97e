/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/attributes.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "lib/sys.h"
#include "tests/lib/forked.h"
#include "tests/lib/sandboxed.h"

#define CHECK(p, condition)                                                                                            \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			print_error("%s:%d: '%s'; error '%s', output '%s'\n", __FILE__, __LINE__, #condition,          \
			            (p)->err.text, buf_str(&(p)->output));                                             \
			return 1;                                                                                      \
		}                                                                                                      \
	} while (0)

/* process and lin: more members, each with a comma before it. */
#define CONFIG(script, process, namespaces, lin)                                                                       \
	"{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"rootfs\"},\"mounts\":[{\"destination\":\"/proc\","             \
	"\"type\":\"proc\",\"source\":\"proc\"}],\"process\":{\"args\":[\"/bin/sh\",\"-c\",\"" script                  \
	"\"],\"cwd\":\"/\",\"user\":{\"uid\":0,\"gid\":0},\"env\":[\"PATH=/bin\"]" process                             \
	"},\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"mount\"}" namespaces "]" lin "}}"

static const struct {
	const char *process, *lin, *text;
} wrong[] = {
	{ "{\"scheduler\":{\"policy\":\"SCHED_LAZY\"}}", "{}", "process.scheduler.policy: unknown value 'SCHED_LAZY'" },
	{ "{\"scheduler\":{\"policy\":\"SCHED_OTHER\",\"flags\":[\"NO_FLAG\"]}}", "{}",
	  "process.scheduler.flags: unknown value 'NO_FLAG'" },
	{ "{\"ioPriority\":{\"class\":\"IOPRIO_CLASS_NONE\"}}", "{}",
	  "process.ioPriority.class: unknown value 'IOPRIO_CLASS_NONE'" },
	{ "{\"ioPriority\":{\"class\":\"IOPRIO_CLASS_BE\",\"priority\":8}}", "{}",
	  "process.ioPriority.priority '8' is not between 0 and 7" },
	{ "{\"execCPUAffinity\":{\"initial\":\"0-\"}}", "{}",
	  "process.execCPUAffinity.initial '0-' is no list of CPUs" },
	{ "{\"execCPUAffinity\":{\"final\":\"3-1\"}}", "{}", "process.execCPUAffinity.final '3-1' is no list of CPUs" },
	{ "{\"execCPUAffinity\":{\"final\":\"8192\"}}", "{}",
	  "process.execCPUAffinity.final '8192' is no list of CPUs" },
	{ "{\"execCPUAffinity\":{\"final\":\"0,,1\"}}", "{}",
	  "process.execCPUAffinity.final '0,,1' is no list of CPUs" },
	{ "{}", "{\"personality\":{\"domain\":\"SOLARIS\"}}", "linux.personality.domain: unknown value 'SOLARIS'" },
	{ "{}", "{\"personality\":{\"domain\":\"LINUX\",\"flags\":[\"X\"]}}",
	  "linux.personality.flags: unknown value 'X'" },
	{ "{}", "{\"timeOffsets\":{\"boottime\":{\"secs\":1}}}", "linux.timeOffsets needs a new time namespace" },
	{ "{}", "{\"namespaces\":[{\"type\":\"time\",\"path\":\"/x\"}],\"timeOffsets\":{\"monotonic\":{\"secs\":1}}}",
	  "linux.timeOffsets needs a new time namespace" },
	{ "{}",
	  "{\"namespaces\":[{\"type\":\"time\"}],\"timeOffsets\":{\"monotonic\":{\"secs\":1,\"nanosecs\":1000000000}}}",
	  "linux.timeOffsets.monotonic.nanosecs '1000000000' is a second or more" },
};

static void what_makes_no_sense_is_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		_autoarena_ struct arena arena = { 0 };
		struct oci_spec *spec = NULL;
		struct err err = ERR_INIT;
		char json[1024];
		int r;

		(void)snprintf(json, sizeof(json), "{\"process\":%s,\"root\":{\"path\":\"/x\"},\"linux\":%s}",
		               wrong[i].process, wrong[i].lin);
		assert_int_equal(oci_spec_parse(&arena, json, strlen(json), &spec, &err), 0);
		r = attributes_check_process(spec->process, &err);
		r = r < 0 ? r : attributes_check_linux(spec->linux, &err);
		if (r != -EINVAL || strcmp(err.text, wrong[i].text) != 0)
			fail_msg("expected '%s', got %d '%s'", wrong[i].text, r, err.text);
	}
}

static void a_full_spec_survives_printing(void **state)
{
	static const char json[] =
		"{\"process\":{\"scheduler\":{\"policy\":\"SCHED_DEADLINE\",\"nice\":-3,\"priority\":4,"
		"\"flags\":[\"SCHED_FLAG_RESET_ON_FORK\"],\"runtime\":1,\"deadline\":2,\"period\":3},"
		"\"ioPriority\":{\"class\":\"IOPRIO_CLASS_IDLE\",\"priority\":0},"
		"\"execCPUAffinity\":{\"initial\":\"0\",\"final\":\"0-1\"}},\"root\":{\"path\":\"/x\"},\"linux\":{"
		"\"namespaces\":[{\"type\":\"time\"}],\"personality\":{\"domain\":\"LINUX32\"},"
		"\"timeOffsets\":{\"monotonic\":{\"secs\":-5},\"boottime\":{\"secs\":7,\"nanosecs\":9}}}}";
	_autoarena_ struct arena arena = { 0 };
	_autobuf_ struct buf once = BUF_INIT, twice = BUF_INIT;
	struct oci_spec *spec = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(oci_spec_parse(&arena, json, strlen(json), &spec, &err), 0);
	assert_int_equal(attributes_check_process(spec->process, &err), 0);
	assert_int_equal(attributes_check_linux(spec->linux, &err), 0);
	assert_int_equal(oci_spec_format(spec, &once), 0);
	assert_int_equal(oci_spec_parse(&arena, (const char *)once.data, once.len, &spec, &err), 0);
	assert_int_equal(oci_spec_format(spec, &twice), 0);
	assert_string_equal(buf_str(&once), buf_str(&twice));
	assert_int_equal(spec->process->scheduler->nice, -3);
	assert_int_equal(spec->process->scheduler->period, 3);
	assert_int_equal(spec->linux->time_offsets->boottime->nanosecs, 9);
	assert_int_equal(spec->linux->time_offsets->monotonic->secs, -5);
}

static int attributes_of_an_init(void)
{
	struct sandboxed_process p, x;
	int r = sandboxed_container(&p, CONFIG("exec busybox sleep 100",
	                                       ",\"scheduler\":{\"policy\":\"SCHED_BATCH\",\"nice\":7},"
	                                       "\"ioPriority\":{\"class\":\"IOPRIO_CLASS_BE\",\"priority\":6}",
	                                       ",{\"type\":\"time\"}",
	                                       ",\"personality\":{\"domain\":\"LINUX32\"},\"timeOffsets\":"
	                                       "{\"boottime\":{\"secs\":500000000,\"nanosecs\":5}}"));

	CHECK(&p, r == 0);
	CHECK(&p, sandboxed_build(&p) == 0 && sandboxed_release(&p) == 0);
	r = sandboxed_exec(
		&x, &p,
		"{\"args\":[\"/bin/sh\",\"-c\",\"busybox cut -d. -f1 /proc/uptime; busybox grep Cpus_allowed_list "
		"/proc/self/status; busybox awk '{print $19, $41}' /proc/1/stat; busybox ionice -p 1; "
		"busybox awk '{print $19, $41}' /proc/self/stat\"],\"cwd\":\"/\","
		"\"user\":{\"uid\":0,\"gid\":0},\"env\":[\"PATH=/bin\"],"
		"\"execCPUAffinity\":{\"initial\":\"0-1\",\"final\":\"0\"}}");
	CHECK(&x, r == 0);
	CHECK(&x, sandboxed_build(&x) == 0 && sandboxed_release(&x) == 0 && sandboxed_wait(&x) == 0);
	CHECK(&x, strncmp(buf_str(&x.output), "50", 2) == 0);
	CHECK(&x, strstr(buf_str(&x.output), "Cpus_allowed_list:\t0\n"));
	/* What an exec does not say it does not have; of the init it is seen. */
	CHECK(&x, strstr(buf_str(&x.output), "\n7 3\n") && strstr(buf_str(&x.output), "best-effort: prio 6"));
	CHECK(&x, strstr(buf_str(&x.output), "\n0 0\n"));
	sandboxed_done(&x);
	sandboxed_done(&p);
	return 0;
}

static int personality_of_an_init(void)
{
	struct sandboxed_process p;
	int r = sandboxed_whole(&p, CONFIG("busybox uname -m; busybox awk '{print $19}' /proc/self/stat",
	                                   ",\"scheduler\":{\"policy\":\"SCHED_OTHER\",\"nice\":7}", "",
	                                   ",\"personality\":{\"domain\":\"LINUX32\"}"));

	CHECK(&p, r == 0);
#if defined(__x86_64__)
	CHECK(&p, strncmp(buf_str(&p.output), "i686\n7\n", 7) == 0);
#endif
	sandboxed_done(&p);
	return 0;
}

static int wrong_attributes_fail(void)
{
	struct sandboxed_process p;
	int r = sandboxed_whole(
		&p, CONFIG("exit 0", ",\"scheduler\":{\"policy\":\"SCHED_FIFO\",\"priority\":1000}", "", ""));

	CHECK(&p, r == -EINVAL);
	CHECK(&p, strstr(p.err.text, "set scheduler 'SCHED_FIFO': Invalid argument"));
	sandboxed_done(&p);
	return 0;
}

static void processes_get_what_they_ask_for(void **state)
{
	(void)state;
	skip_unless_root();
	assert_int_equal(sandboxed_run(attributes_of_an_init), 0);
	assert_int_equal(sandboxed_run(personality_of_an_init), 0);
	assert_int_equal(sandboxed_run(wrong_attributes_fail), 0);
}

int test_attributes(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_makes_no_sense_is_named),
		cmocka_unit_test(a_full_spec_survives_printing),
		cmocka_unit_test(processes_get_what_they_ask_for),
	};

	return cmocka_run_group_tests_name("attributes", tests, NULL, NULL);
}
