/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU and its daemons are played (fakevmm.h): what is tested is who waits for whom, and what is said when one ends. */
#include "runtime/hypervisor/qemu.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/sys.h"
#include "tests/lib/fakevmm.h"
#include "tests/lib/openfds.h"
#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

#define PATIENCE_MS 30000
#define GREETING    "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n"
#define NOTHING     "{\"return\": {}}\r\n"
#define LISTENING   "kata-agent: boot 0.5 s: listening on vsock://-1:1024\n"

struct fixture {
	void *dir;
	const char *path;
	struct loop *loop;
	struct config config;
	struct hypervisor_spec spec;
	struct hypervisor *vm;
	struct fakevmm_role roles[4];
	int n_fds; /* of ours, before */
	int n_gone, status;
	struct shared {
		pid_t short_pid;
	} * shared; /* with the plays */
};

/* --- the plays --------------------------------------------------------------------------------------------------- */

static int path_of(const struct fixture *f, const char *name, char *ret, size_t n)
{
	return snprintf(ret, n, "%s/%s", f->path, name);
}

static int listen_at(const struct fixture *f, const char *name)
{
	char path[108];

	(void)path_of(f, name, path, sizeof(path));
	return fakevmm_listen(path);
}

static int play_virtiofsd(const struct spawn_spec *spec, void *arg)
{
	(void)spec;
	(void)listen_at(arg, "fs.sock");
	return fakevmm_wait();
}

static int play_vsock(const struct spawn_spec *spec, void *arg)
{
	(void)spec;
	(void)listen_at(arg, "vhost.sock");
	return fakevmm_wait();
}

static int play_failing(const struct spawn_spec *spec, void *arg)
{
	(void)spec;
	(void)arg;
	(void)dprintf(2, "Welcome\nno such share\n");
	return 7;
}

static int play_mute(const struct spawn_spec *spec, void *arg)
{
	(void)spec;
	(void)arg;
	fakevmm_hurry(10000);
	return fakevmm_wait();
}

/* Makes its socket, says who it is, and ends. */
static int play_short(const struct spawn_spec *spec, void *arg)
{
	struct fixture *f = arg;

	(void)spec;
	(void)dprintf(2, "panicked\n");
	f->shared->short_pid = getpid();
	(void)listen_at(f, "fs.sock");
	return 101;
}

/* The monitor's first words; the connection. */
static int open_monitor(void)
{
	int fd = fakevmm_accept(0);

	fakevmm_say(fd, GREETING);
	if (!fakevmm_hear(fd, "qmp_capabilities") || !fakevmm_hear(fd, "}"))
		_exit(110);
	fakevmm_say(fd, NOTHING);
	if (!fakevmm_hear(fd, "query-status") || !fakevmm_hear(fd, "}"))
		_exit(111);
	fakevmm_say(fd, NOTHING);
	return fd;
}

/* A guest that says this, and a QEMU that does what the monitor tells. */
static int boot(struct fixture *f, const char *console, int64_t hurry_ms)
{
	int listener = listen_at(f, "console.sock"), monitor = open_monitor();
	int fd = fakevmm_accept(listener);

	fakevmm_say(fd, console);
	fakevmm_hurry(hurry_ms);
	return fakevmm_hear(monitor, "quit") ? 0 : 112;
}

static int play_qemu(const struct spawn_spec *spec, void *arg)
{
	(void)spec;
	return boot(arg, "Linux version 6.1\n" LISTENING, 0);
}

static int play_qemu_without_stages(const struct spawn_spec *spec, void *arg)
{
	(void)spec;
	return boot(arg, "Linux version 6.1\n", 10000);
}

static int play_qemu_that_refuses(const struct spawn_spec *spec, void *arg)
{
	(void)spec;
	(void)arg;
	(void)dprintf(2, "qemu-system-x86_64: -kernel /k: invalid\n");
	return 1;
}

static int play_qemu_with_bad_monitor(const struct spawn_spec *spec, void *arg)
{
	(void)spec;
	(void)arg;
	fakevmm_say(fakevmm_accept(0), "nonsense\r\n");
	fakevmm_hurry(10000);
	return fakevmm_wait();
}

/* Killed while it answers. */
static int play_qemu_that_is_killed(const struct spawn_spec *spec, void *arg)
{
	int fd = fakevmm_accept(0);

	(void)spec;
	(void)arg;
	fakevmm_say(fd, GREETING "{\"ret");
	(void)raise(SIGKILL);
	return 0;
}

/* The last words of a long story come with its end. */
static int play_qemu_that_panics(const struct spawn_spec *spec, void *arg)
{
	static char story[64 << 10];
	struct fixture *f = arg;
	int listener = listen_at(f, "console.sock"), fd;

	(void)spec;
	memset(story, '\n', sizeof(story));
	(void)strcpy(story + sizeof(story) - 64, "Kernel panic - not syncing: VFS: Unable to mount root fs\n");
	(void)open_monitor();
	fd = fakevmm_accept(listener);
	fakevmm_say(fd, story);
	return 0;
}

static int play_qemu_that_talks(const struct spawn_spec *spec, void *arg)
{
	struct fixture *f = arg;
	int listener = listen_at(f, "console.sock"), monitor = open_monitor(), fd;
	char line[1024];

	(void)spec;
	fd = fakevmm_accept(listener);
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	for (int i = 0; i < 512; i++)
		(void)fd_write_all(fd, line, sizeof(line));
	fakevmm_say(fd, LISTENING);
	return fakevmm_hear(monitor, "quit") ? 0 : 112;
}

/* --- the fixture ------------------------------------------------------------------------------------------------- */

static void on_gone(void *arg, int status)
{
	struct fixture *f = arg;

	f->n_gone++;
	f->status = status;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f || tempdir_setup(&f->dir) < 0)
		return -1;
	f->path = ((const struct tempdir *)f->dir)->path;
	f->n_fds = count_fds();
	f->shared = mmap(NULL, sizeof(*f->shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(f->shared != MAP_FAILED);
	assert_int_equal(loop_new(&f->loop), 0);
	assert_int_equal(config_init(&f->config, NULL), 0);
	assert_int_equal(config_set(&f->config, "hypervisor", "path", "/fake/qemu", NULL), 0);
	assert_int_equal(config_set(&f->config, "hypervisor", "kernel", "/k", NULL), 0);
	assert_int_equal(config_set(&f->config, "hypervisor", "initrd", "/i", NULL), 0);
	f->config.hypervisor.default_maxvcpus = 4;
	f->config.hypervisor.default_maxmemory = 8192;
	f->spec = (struct hypervisor_spec){
		.vm = { .id = "web",
		        .dir = f->path,
		        .config = &f->config.hypervisor,
		        .vcpus = 1,
		        .memory_mib = 2048,
		        .vsock = VM_VSOCK_VHOST_USER,
		        .extra_params = "" },
		.virtiofsd = "/fake/virtiofsd",
		.share_dir = "/share",
		.vsock_daemon = "/fake/vsockd",
		.agent_port = 1024,
		.boot_ms = PATIENCE_MS,
	};
	f->roles[0] = (struct fakevmm_role){ "/fake/virtiofsd", play_virtiofsd };
	f->roles[1] = (struct fakevmm_role){ "/fake/vsockd", play_vsock };
	f->roles[2] = (struct fakevmm_role){ "/fake/qemu", play_qemu };
	fakevmm_start(f->roles, f);
	*state = f;
	return 0;
}

/* Whatever has happened: no child, no fd, nothing on the loop is left. */
static int teardown(void **state)
{
	struct fixture *f = *state;

	f->vm = hypervisor_free(f->vm);
	fakevmm_stop();
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	assert_int_equal(loop_count(f->loop), 0);
	(void)loop_free(f->loop);
	config_done(&f->config);
	assert_int_equal(count_fds(), f->n_fds);
	(void)tempdir_teardown(&f->dir);
	(void)munmap(f->shared, sizeof(*f->shared));
	free(f);
	return 0;
}

static int start(struct fixture *f, struct err *err)
{
	return hypervisor_start(f->loop, &f->spec, on_gone, f, &f->vm, err);
}

/* Without any that fails at the start. */
static void start_well(struct fixture *f)
{
	struct err err = ERR_INIT;
	int r = start(f, &err);

	if (r < 0)
		fail_msg("%s", err_text(&err));
	assert_true(hypervisor_is_running(f->vm));
}

static void expect_failure(struct fixture *f, int num, const char *text)
{
	struct err err = ERR_INIT;

	assert_int_equal(start(f, &err), -num);
	assert_string_equal(err_text(&err), text);
	assert_null(f->vm);
	assert_int_equal(f->n_gone, 0);
}

static void wait_gone(struct fixture *f)
{
	int64_t deadline = sys_now_ms() + PATIENCE_MS;

	while (f->n_gone == 0 && sys_now_ms() < deadline)
		assert_int_equal(loop_turn(f->loop, 100), 0);
	assert_int_equal(f->n_gone, 1);
	assert_false(hypervisor_is_running(f->vm));
}

static pid_t pid_of(struct fixture *f, const char *name)
{
	struct json_object *array = json_object_new_array(), *o, *member;
	pid_t pid = 0;

	assert_int_equal(hypervisor_list(f->vm, array), 0);
	for (size_t i = 0; i < json_object_array_length(array); i++) {
		o = json_object_array_get_idx(array, i);
		if (json_object_object_get_ex(o, "name", &member) && strcmp(json_object_get_string(member), name) == 0)
			pid = json_object_get_int(json_object_object_get(o, "pid"));
	}
	(void)json_object_put(array);
	return pid;
}

/* --- tests ------------------------------------------------------------------------------------------------------- */

static void it_boots_and_quits(void **state)
{
	struct fixture *f = *state;
	char agent[160];

	start_well(f);
	(void)snprintf(agent, sizeof(agent), "hvsock://%s/vsock.sock:1024", f->path);
	assert_string_equal(hypervisor_agent(f->vm), agent);
	assert_int_equal(pid_of(f, "qemu"), hypervisor_pid(f->vm));
	assert_true(pid_of(f, "virtiofsd") > 0);
	assert_true(pid_of(f, "vhost-device-vsock") > 0);
	hypervisor_quit(f->vm);
	wait_gone(f);
	assert_int_equal(f->status, 0);
	/* The daemons are the owner's to end. */
	assert_int_equal(pid_of(f, "qemu"), 0);
	assert_true(pid_of(f, "virtiofsd") > 0);
}

static void without_a_share_there_is_no_daemon_of_it(void **state)
{
	struct fixture *f = *state;

	f->spec.virtiofsd = NULL;
	f->roles[0].play = NULL;
	start_well(f);
	assert_int_equal(pid_of(f, "virtiofsd"), 0);
}

static void a_kill_is_told(void **state)
{
	struct fixture *f = *state;
	const struct hotplug_size size = { .vcpus = 2, .memory_mib = 4096 };

	start_well(f);
	hypervisor_kill(f->vm);
	wait_gone(f);
	assert_int_equal(f->status, 128 + SIGKILL);
	/* What comes too late is refused, and harms nobody. */
	assert_int_equal(hypervisor_resize(f->vm, &size, NULL, NULL), -ESRCH);
	assert_int_equal(hypervisor_plug(f->vm, NULL, NULL, NULL), -ESRCH);
	assert_int_equal(hypervisor_unplug(f->vm, 0, NULL, NULL), -ESRCH);
	hypervisor_quit(f->vm);
	hypervisor_kill(f->vm);
	assert_int_equal(loop_turn(f->loop, 0), 0);
	assert_int_equal(f->n_gone, 1);
}

/* A guest without its files or its agent is ended. */
static void a_daemon_that_is_killed_takes_it_along(void **state)
{
	static const char *const names[] = { "virtiofsd", "vhost-device-vsock" };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		f->n_gone = 0;
		start_well(f);
		assert_int_equal(kill(pid_of(f, names[i]), SIGKILL), 0);
		wait_gone(f);
		assert_int_equal(f->status, 128 + SIGKILL);
		f->vm = hypervisor_free(f->vm);
	}
}

static void a_daemon_that_does_not_start_is_the_reason(void **state)
{
	struct fixture *f = *state;

	f->roles[0].play = play_failing;
	expect_failure(f, EIO, "start 'virtiofsd': it ended with status 7: no such share");
	f->roles[0].play = NULL;
	expect_failure(f, ENOENT, "run '/fake/virtiofsd': No such file or directory");
	f->roles[0].play = play_virtiofsd;
	f->roles[1].play = play_failing;
	expect_failure(f, EIO, "start 'vhost-device-vsock': it ended with status 7: no such share");
}

static void a_daemon_without_a_socket_is_not_waited_for_for_ever(void **state)
{
	struct fixture *f = *state;

	f->roles[0].play = play_mute;
	expect_failure(f, ETIMEDOUT, "start 'virtiofsd': it makes no socket");
}

static void a_qemu_that_refuses_is_quoted(void **state)
{
	struct fixture *f = *state;

	f->roles[2].play = play_qemu_that_refuses;
	expect_failure(f, EIO, "start QEMU: it ended with status 1: qemu-system-x86_64: -kernel /k: invalid");
	f->roles[2].play = play_qemu_that_is_killed;
	(void)unlinkat(((const struct tempdir *)f->dir)->fd, "qemu.log", 0);
	expect_failure(f, EIO, "start QEMU: it ended with status 137: it said nothing");
	f->roles[2].play = NULL;
	expect_failure(f, ENOENT, "run '/fake/qemu': No such file or directory");
}

static void a_monitor_that_is_none_is_no_endless_wait(void **state)
{
	struct fixture *f = *state;

	f->roles[2].play = play_mute;
	expect_failure(f, ETIMEDOUT, "start QEMU: its monitor does not answer");
	fakevmm_hurry(0);
	f->roles[2].play = play_qemu_with_bad_monitor;
	expect_failure(f, ETIMEDOUT, "start QEMU: its monitor does not answer");
}

/* However much it had said before. */
static void a_panic_is_the_cause(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	f->roles[2].play = play_qemu_that_panics;
	assert_int_equal(start(f, &err), -EIO);
	assert_non_null(strstr(err_text(&err),
	                       "boot the guest: it ended before its agent listened, as after a panic (QEMU's status is "
	                       "0); stage reached: the guest's kernel runs, the agent has said nothing; likely cause: "
	                       "Kernel panic - not syncing: VFS: Unable to mount root fs; console:"));
}

static void a_guest_that_says_nothing_more_is_explained(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	f->roles[2].play = play_qemu_without_stages;
	assert_int_equal(start(f, &err), -ETIMEDOUT);
	assert_non_null(strstr(err_text(&err), "boot the guest: the agent does not listen after "));
	assert_non_null(strstr(err_text(&err), "; likely cause: "));
}

static struct {
	int asked, answers_at;
	char address[160];
} probe;

static bool is_up(const char *address)
{
	(void)snprintf(probe.address, sizeof(probe.address), "%s", address);
	return ++probe.asked == probe.answers_at;
}

/* An agent that is not ours says nothing on the console: it is asked. */
static void an_agent_without_stages_is_asked(void **state)
{
	struct fixture *f = *state;

	probe.asked = 0;
	probe.answers_at = 3;
	f->roles[2].play = play_qemu_without_stages;
	f->spec.is_up = is_up;
	f->spec.boot_ms = 600000;
	start_well(f);
	assert_int_equal(probe.asked, 3);
	assert_string_equal(probe.address, hypervisor_agent(f->vm));
}

static const struct shared *daemons;

/* True when that one was reaped. */
static bool is_up_without_daemon(const char *address)
{
	(void)address;
	return kill(daemons->short_pid, 0) < 0;
}

/* It was there when QEMU was started; without it no container could be. */
static void a_daemon_that_ends_in_the_boot_is_the_reason(void **state)
{
	struct fixture *f = *state;

	daemons = f->shared;
	f->roles[0].play = play_short;
	f->roles[2].play = play_qemu_without_stages;
	f->spec.is_up = is_up_without_daemon;
	f->spec.boot_ms = 2000000000;
	expect_failure(f, EIO, "start 'virtiofsd': it ended with status 101: panicked");
}

static void the_console_is_kept_up_to_its_limit(void **state)
{
	struct fixture *f = *state;
	_autofree_ char *text = NULL;
	char path[108];
	size_t n;

	f->roles[2].play = play_qemu_that_talks;
	start_well(f);
	(void)path_of(f, "console.log", path, sizeof(path));
	assert_int_equal(fd_read_file_at(AT_FDCWD, path, 1u << 20, &text, &n), 0);
	assert_int_equal(n, 256u << 10);
}

static void a_directory_with_a_long_name_is_refused(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	char name[108];

	memset(name, 'd', sizeof(name));
	(void)snprintf(name, sizeof(name), "%s/", f->path);
	name[strlen(name)] = 'd';
	name[sizeof(name) - 1] = '\0';
	f->spec.vm.dir = name;
	f->spec.virtiofsd = NULL;
	f->spec.vm.vsock = VM_VSOCK_VHOST_USER;
	f->roles[1].play = NULL;
	assert_true(start(f, &err) < 0);
	assert_null(f->vm);
}

int test_qemu(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_boots_and_quits, setup, teardown),
		cmocka_unit_test_setup_teardown(without_a_share_there_is_no_daemon_of_it, setup, teardown),
		cmocka_unit_test_setup_teardown(a_kill_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(a_daemon_that_is_killed_takes_it_along, setup, teardown),
		cmocka_unit_test_setup_teardown(a_daemon_that_does_not_start_is_the_reason, setup, teardown),
		cmocka_unit_test_setup_teardown(a_daemon_without_a_socket_is_not_waited_for_for_ever, setup, teardown),
		cmocka_unit_test_setup_teardown(a_daemon_that_ends_in_the_boot_is_the_reason, setup, teardown),
		cmocka_unit_test_setup_teardown(a_qemu_that_refuses_is_quoted, setup, teardown),
		cmocka_unit_test_setup_teardown(a_monitor_that_is_none_is_no_endless_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(a_panic_is_the_cause, setup, teardown),
		cmocka_unit_test_setup_teardown(a_guest_that_says_nothing_more_is_explained, setup, teardown),
		cmocka_unit_test_setup_teardown(an_agent_without_stages_is_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(the_console_is_kept_up_to_its_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(a_directory_with_a_long_name_is_refused, setup, teardown),
	};

	return cmocka_run_group_tests_name("qemu", tests, NULL, NULL);
}
