/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container that joins a VM which runs, without a share: its root is packed, plugged in, its files are copied, the
 * agent asked. Each of these is played, and each fails once: then nothing of the others may stay.
 */
#include "runtime/sandbox_create.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/sys.h"
#include "runtime/place.h"
#include "tests/lib/fakevmm.h"
#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"
#include "tests/unit/runtime/fakesandbox.h"

#define PATIENCE_MS 30000
#define DONE        "{\"result\":null}"
#define SLOT        5

struct fixture {
	struct fakesandbox *f;
	struct hypervisor_ops ops;
	struct fakevmm_role roles[2];
	char bundle[96], file[112], request[256];
	int create;               /* the verb's connection */
	struct disks_spec disk;   /* that was plugged in */
	int plug_rc, n_unplugged; /* what a plug answers at once; what was taken out */
	disks_fn told;            /* of a plug or an unplug; NULL = none is under way */
	void *told_arg;
};

static struct {
	struct fixture *now;
	bool is_full;
} making;

int __real_place_write_state(const char *root, const char *sandbox, struct json_object *state, struct err *err);
int __wrap_place_write_state(const char *root, const char *sandbox, struct json_object *state, struct err *err);

int __wrap_place_write_state(const char *root, const char *sandbox, struct json_object *state, struct err *err)
{
	if (making.is_full)
		return err_set(err, ENOSPC, "write '%s/%s'", root, sandbox);
	return __real_place_write_state(root, sandbox, state, err);
}

/* --- the players ------------------------------------------------------------------------------------------------- */

/* The image is its fd 3. */
static int play_pack(const struct spawn_spec *spec, void *arg)
{
	(void)arg;
	if (strcmp(spec->argv[1], "pack") != 0 || strcmp(spec->argv[3], "rw") != 0)
		return 99;
	return write(3, spec->argv[2], strlen(spec->argv[2])) > 0 ? 0 : 98;
}

static int play_pack_that_fails(const struct spawn_spec *spec, void *arg)
{
	(void)spec;
	(void)arg;
	(void)dprintf(2, "noise\npack: no space left\n");
	return 1;
}

static int play_pack_that_is_killed(const struct spawn_spec *spec, void *arg)
{
	(void)spec;
	(void)arg;
	(void)raise(SIGKILL);
	return 0;
}

static int play_pack_that_hangs(const struct spawn_spec *spec, void *arg)
{
	(void)spec;
	(void)arg;
	return fakevmm_wait();
}

static int fake_plug(struct hypervisor *h, const struct disks_spec *disk, disks_fn fn, void *arg)
{
	struct fixture *t = making.now;

	(void)h;
	if (t->plug_rc < 0)
		return t->plug_rc;
	t->disk = *disk;
	t->told = fn;
	t->told_arg = arg;
	return 0;
}

static int fake_unplug(struct hypervisor *h, int slot, disks_fn fn, void *arg)
{
	struct fixture *t = making.now;

	(void)h;
	assert_int_equal(slot, SLOT);
	t->n_unplugged++;
	t->told = fn;
	t->told_arg = arg;
	return 0;
}

static int fake_name_plugged(const struct hypervisor *h, int slot, struct arena *arena, const char **driver,
                             const char **source)
{
	(void)h;
	*driver = "scsi";
	*source = arena_printf(arena, "0:%d", slot);
	return *source ? 0 : -ENOMEM;
}

/* What was asked of the hypervisor last is done, or not. */
static void tell(struct fixture *t, const char *why_not)
{
	disks_fn fn = t->told;
	struct err err = ERR_INIT;

	assert_non_null(fn);
	t->told = NULL;
	if (why_not)
		(void)err_say(&err, EIO, "%s", why_not);
	fn(t->told_arg, why_not ? -1 : SLOT, why_not ? &err : NULL);
	fakesandbox_turn(t->f);
}

/* --- the fixture ------------------------------------------------------------------------------------------------- */

static void write_bundle(struct fixture *t, const char *mount)
{
	char text[1024];

	(void)snprintf(
		text, sizeof(text),
		"{\"ociVersion\":\"1.0.2\",\"process\":{\"cwd\":\"/\",\"args\":[\"sh\"],\"user\":{\"uid\":0,"
		"\"gid\":0}},\"root\":{\"path\":\"rootfs\"},\"annotations\":{\"io.kubernetes.cri.container-type\":"
		"\"container\",\"io.kubernetes.cri.sandbox-id\":\"pod\"},\"mounts\":[%s],\"linux\":{}}",
		mount);
	tempdir_write(t->f->dir, "bundle/config.json", text);
}

static int setup(void **state)
{
	struct fixture *t = calloc(1, sizeof(*t));
	char path[128], mount[256];

	if (!t || fakesandbox_setup((void **)&t->f) < 0)
		return -1;
	(void)snprintf(t->bundle, sizeof(t->bundle), "%s/bundle", t->f->root);
	(void)snprintf(t->file, sizeof(t->file), "%s/hosts", t->bundle);
	(void)snprintf(path, sizeof(path), "%s/rootfs", t->bundle);
	assert_int_equal(mkdir(t->bundle, 0700) | mkdir(path, 0700), 0);
	tempdir_write(t->f->dir, "bundle/hosts", "127.0.0.1");
	(void)snprintf(mount, sizeof(mount),
	               "{\"destination\":\"/etc/hosts\",\"type\":\"bind\",\"source\":\"%s\",\"options\":[\"bind\"]}",
	               t->file);
	write_bundle(t, mount);
	(void)snprintf(t->request, sizeof(t->request), "{\"verb\":\"create\",\"id\":\"web\",\"bundle\":\"%s\"}",
	               t->bundle);
	t->ops = *t->f->vm.base.ops;
	t->ops.plug = fake_plug;
	t->ops.unplug = fake_unplug;
	t->ops.name_plugged = fake_name_plugged;
	t->f->vm.base.ops = &t->ops;
	assert_int_equal(config_set(&t->f->sb.config, "hypervisor", "shared_fs", "none", NULL), 0);
	assert_int_equal(config_set(&t->f->sb.config, "hypervisor", "path", "/q", NULL), 0);
	t->roles[0] = (struct fakevmm_role){ "/proc/self/exe", play_pack };
	fakevmm_start(t->roles, NULL);
	(void)fakesandbox_add(t->f, FAKESANDBOX_ID, CONTAINER_RUNNING);
	t->create = -EBADF;
	making.now = t;
	making.is_full = false;
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *t = *state;

	making.now = NULL;
	making.is_full = false;
	fakevmm_stop();
	(void)fd_close(t->create);
	(void)fakesandbox_teardown((void **)&t->f);
	free(t);
	return 0;
}

static void begin(struct fixture *t)
{
	t->create = fakesandbox_ask(t->f, sandbox_create, t->request);
}

/* Until the packer has ended and what follows was done: the agent is asked for the VM's size, or it was undone. */
static void pack(struct fixture *t)
{
	int64_t deadline = sys_now_ms() + PATIENCE_MS;
	struct container *c;

	begin(t);
	do {
		(void)loop_turn(t->f->loop, 10);
		c = sandbox_find(&t->f->sb, "web");
	} while (c && sandbox_disk_to_pack(c) && sys_now_ms() < deadline);
	fakesandbox_turn(t->f);
}

static void make_room(struct fixture *t)
{
	pack(t);
	assert_string_equal(fakesandbox_heard(t->f), "GetGuestDetails {\"mem_block_size\":true}");
	fakesandbox_answer(t->f, "{\"mem_block_size_bytes\":\"134217728\",\"support_mem_hotplug_probe\":false}");
}

static void copy(struct fixture *t)
{
	make_room(t);
	tell(t, NULL);
}

static void ask_agent(struct fixture *t)
{
	const char *heard;

	copy(t);
	heard = fakesandbox_heard(t->f);
	assert_memory_equal(heard, "CopyFile {", 10);
	assert_non_null(strstr(heard, "\"data\":\"MTI3LjAuMC4x\""));
	fakesandbox_answer(t->f, "{}");
	heard = fakesandbox_heard(t->f);
	assert_memory_equal(heard, "CreateContainer {\"container_id\":\"web\"", 37);
	assert_non_null(strstr(heard, "\"driver\":\"scsi\",\"source\":\"0:5\",\"fstype\":\"ext4\""));
}

/* It was refused with this text, and nothing but the sandbox's own container is there. */
static void expect_failure(struct fixture *t, const char *text)
{
	const char *said = fakesandbox_said(t->f, t->create);
	char path[128];

	if (!strstr(said, text))
		fail_msg("'%s' is not in '%s'", text, said);
	assert_null(sandbox_find(&t->f->sb, "web"));
	assert_int_equal(t->f->sb.end, END_NONE);
	assert_string_equal(fakesandbox_state(t->f, "containers.1.id"), "");
	(void)snprintf(path, sizeof(path), "%s/pack-web.log", t->f->sb.dir);
	assert_int_equal(access(path, F_OK), -1);
}

/* --- tests ------------------------------------------------------------------------------------------------------- */

static void all_steps_make_a_container(void **state)
{
	struct fixture *t = *state;

	make_room(t);
	/* It has the image for as long as QEMU takes to open it. */
	assert_true(t->disk.fd > 2 && !t->disk.is_device && !t->disk.read_only);
	assert_true(lseek(t->disk.fd, 0, SEEK_END) > 0);
	tell(t, NULL);
	assert_memory_equal(fakesandbox_heard(t->f), "CopyFile {", 10);
	fakesandbox_answer(t->f, "{}");
	assert_memory_equal(fakesandbox_heard(t->f), "CreateContainer {", 17);
	assert_string_equal(fakesandbox_said(t->f, t->create), "");
	fakesandbox_answer(t->f, "{}");
	assert_string_equal(fakesandbox_said(t->f, t->create),
	                    "{\"result\":{\"terminal\":false,\"agent\":\"vsock:\\/\\/7:1024\"}}");
	assert_string_equal(fakesandbox_state(t->f, "containers.1.status"), "created");
	assert_string_equal(fakesandbox_heard(t->f), "WaitProcess {\"container_id\":\"web\",\"exec_id\":\"web\"}");
}

static void packing_that_fails_is_quoted(void **state)
{
	struct fixture *t = *state;

	t->roles[0].play = play_pack_that_fails;
	pack(t);
	expect_failure(t, "\"error\":\"create container 'web': pack: no space left\"");
	(void)fd_close(t->create);
	t->roles[0].play = play_pack_that_is_killed;
	pack(t);
	expect_failure(t, "\"error\":\"create container 'web': packing one of its directories was killed\"");
	assert_null(t->told);
}

/* Both the delete and the create are answered, as soon as the packer was killed. */
static void a_delete_ends_the_packing(void **state)
{
	struct fixture *t = *state;
	int64_t deadline = sys_now_ms() + PATIENCE_MS;
	int verb;

	t->roles[0].play = play_pack_that_hangs;
	begin(t);
	verb = fakesandbox_ask(t->f, sandbox_delete, "{\"verb\":\"delete\",\"id\":\"web\"}");
	while (sandbox_find(&t->f->sb, "web") && sys_now_ms() < deadline)
		(void)loop_turn(t->f->loop, 100);
	assert_string_equal(fakesandbox_said(t->f, verb), DONE);
	expect_failure(t, "create container 'web': ");
	(void)fd_close(verb);
}

static void a_disk_that_does_not_go_in_is_the_reason(void **state)
{
	struct fixture *t = *state;

	make_room(t);
	tell(t, "no such bus");
	expect_failure(t, "create container 'web': plug in the disk of '\\/': no such bus");
	assert_int_equal(t->n_unplugged, 0);
}

static void a_vm_that_is_full_is_the_reason(void **state)
{
	struct fixture *t = *state;

	t->plug_rc = -ENOSPC;
	make_room(t);
	expect_failure(t, "create container 'web': the disk of '\\/': the VM has as many as it can have");
	assert_int_equal(t->n_unplugged, 0);
}

/* A disk that is in goes out before the verb is told. */
static void expect_unplugged(struct fixture *t, const char *text)
{
	assert_int_equal(t->n_unplugged, 1);
	assert_string_equal(fakesandbox_said(t->f, t->create), "");
	tell(t, NULL);
	expect_failure(t, text);
}

static void a_file_that_is_not_taken_is_the_reason(void **state)
{
	struct fixture *t = *state;

	copy(t);
	assert_memory_equal(fakesandbox_heard(t->f), "CopyFile {", 10);
	fakesandbox_refuse(t->f, RPC_INTERNAL, "no room");
	expect_unplugged(t, "INTERNAL: no room");
}

/* It was there when the create began. */
static void a_file_that_has_gone_is_the_reason(void **state)
{
	struct fixture *t = *state;

	make_room(t);
	assert_int_equal(unlink(t->file), 0);
	tell(t, NULL);
	expect_unplugged(t, "into the guest: No such file or directory");
}

static void a_file_that_is_too_large_is_refused(void **state)
{
	struct fixture *t = *state;

	make_room(t);
	assert_int_equal(truncate(t->file, (8 << 20) + 1), 0);
	tell(t, NULL);
	expect_unplugged(t, "only files of up to 8 MiB can be mounted");
}

static void an_agent_that_refuses_is_quoted(void **state)
{
	struct fixture *t = *state;

	ask_agent(t);
	fakesandbox_refuse(t->f, RPC_INTERNAL, "mount '/proc': no");
	expect_unplugged(t, "create container 'web': INTERNAL: mount '\\/proc': no");
}

static void an_agent_that_hangs_up_is_the_reason(void **state)
{
	struct fixture *t = *state;

	ask_agent(t);
	fakesandbox_hang_up(t->f);
	expect_unplugged(t, "create container 'web': UNAVAILABLE: ");
}

/* What cannot be written down is taken back from the guest. */
static void what_cannot_be_known_is_taken_back(void **state)
{
	struct fixture *t = *state;

	ask_agent(t);
	making.is_full = true;
	fakesandbox_answer(t->f, "{}");
	assert_string_equal(fakesandbox_heard(t->f), "RemoveContainer {\"container_id\":\"web\"}");
	fakesandbox_answer(t->f, "{}");
	making.is_full = false;
	expect_unplugged(t, "write '");
}

/* The guest has it already when its delete comes. */
static void a_delete_that_comes_late_takes_it_back(void **state)
{
	struct fixture *t = *state;
	int verb;

	ask_agent(t);
	verb = fakesandbox_ask(t->f, sandbox_delete, "{\"verb\":\"delete\",\"id\":\"web\"}");
	assert_string_equal(fakesandbox_said(t->f, verb), "");
	/* What was asked is answered first. */
	fakesandbox_answer(t->f, "{}");
	assert_string_equal(fakesandbox_heard(t->f), "RemoveContainer {\"container_id\":\"web\"}");
	fakesandbox_answer(t->f, "{}");
	assert_string_equal(fakesandbox_said(t->f, verb), "");
	tell(t, NULL);
	assert_string_equal(fakesandbox_said(t->f, verb), DONE);
	expect_failure(t, "create container 'web': it was deleted meanwhile");
	(void)fd_close(verb);
}

/* Whoever waits is told, and what is under way is forgotten with the loop's sources of it. */
static void a_vm_that_dies_ends_all_steps(void **state)
{
	struct fixture *t = *state;

	t->roles[0].play = play_pack_that_hangs;
	begin(t);
	fakesandbox_vm_ends(t->f);
	assert_string_equal(fakesandbox_said(t->f, t->create), "{\"errno\":104,\"error\":\"sandbox 'pod' has ended\"}");
}

int test_sandbox_create(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_steps_make_a_container, setup, teardown),
		cmocka_unit_test_setup_teardown(packing_that_fails_is_quoted, setup, teardown),
		cmocka_unit_test_setup_teardown(a_delete_ends_the_packing, setup, teardown),
		cmocka_unit_test_setup_teardown(a_disk_that_does_not_go_in_is_the_reason, setup, teardown),
		cmocka_unit_test_setup_teardown(a_vm_that_is_full_is_the_reason, setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_that_is_not_taken_is_the_reason, setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_that_has_gone_is_the_reason, setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_that_is_too_large_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(an_agent_that_refuses_is_quoted, setup, teardown),
		cmocka_unit_test_setup_teardown(an_agent_that_hangs_up_is_the_reason, setup, teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_known_is_taken_back, setup, teardown),
		cmocka_unit_test_setup_teardown(a_delete_that_comes_late_takes_it_back, setup, teardown),
		cmocka_unit_test_setup_teardown(a_vm_that_dies_ends_all_steps, setup, teardown),
	};

	return cmocka_run_group_tests_name("sandbox_create", tests, NULL, NULL);
}
