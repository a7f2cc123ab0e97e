/* SPDX-License-Identifier: Apache-2.0 */
/* A boot with a hypervisor that starts nothing and an agent in a thread. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/addr.h"
#include "lib/fd.h"
#include "proto/health.pb-c.h"
#include "proto/pbjson.h"
#include "proto/pbmem.h"
#include "runtime/sandbox.h"
#include "tests/lib/unit.h"
#include "tests/unit/runtime/fakesandbox.h"

#define PATIENCE_MS 30000

/* What the agent does with CreateSandbox. */
enum mood {
	MOOD_WELL,
	MOOD_REFUSES,
	MOOD_HANGS_UP,
	MOOD_SILENT,
	MOOD_NOT_SERVING,
};

struct boot {
	struct fakesandbox *f;
	struct hypervisor_ops ops;
	struct oci_spec spec;
	struct oci_linux linux;
	char address[128];
	int start_rc;
	bool is_started;
	/* What the hypervisor was told. */
	char virtiofsd[64], vsockd[64], params[128];
	bool is_kvm;
	unsigned boot_ms;
	struct loop_timer death; /* of the VM, some time after its start, if wanted */
	bool dies;
	enum mood mood;
	int listener;
	pthread_t thread;
	char asked[2048];
};

static struct boot *booting;

int __real_hypervisor_start(struct loop *loop, const struct hypervisor_spec *spec, hypervisor_gone gone, void *arg,
                            struct hypervisor **ret, struct err *err);
int __wrap_hypervisor_start(struct loop *loop, const struct hypervisor_spec *spec, hypervisor_gone gone, void *arg,
                            struct hypervisor **ret, struct err *err);

int __wrap_hypervisor_start(struct loop *loop, const struct hypervisor_spec *spec, hypervisor_gone gone, void *arg,
                            struct hypervisor **ret, struct err *err)
{
	struct boot *b = booting;

	if (!b)
		return __real_hypervisor_start(loop, spec, gone, arg, ret, err);
	b->is_started = true;
	(void)snprintf(b->virtiofsd, sizeof(b->virtiofsd), "%s", spec->virtiofsd ? spec->virtiofsd : "");
	(void)snprintf(b->vsockd, sizeof(b->vsockd), "%s", spec->vsock_daemon ? spec->vsock_daemon : "");
	(void)snprintf(b->params, sizeof(b->params), "%s", spec->vm.extra_params);
	b->is_kvm = spec->vm.is_kvm;
	b->boot_ms = spec->boot_ms;
	if (b->start_rc < 0)
		return err_say(err, -b->start_rc, "start QEMU: it does not want to");
	*ret = &b->f->vm.base;
	return b->dies ? loop_timer_start(loop, &b->death, 1) : 0;
}

static const char *agent_of(const struct hypervisor *h)
{
	(void)h;
	return booting->address;
}

static int explain(const struct hypervisor *h, struct err *err)
{
	(void)h;
	return err_wrap(err, "explained");
}

static void on_death(struct loop_timer *timer)
{
	struct boot *b = container_of(timer, struct boot, death);

	b->f->vm.is_running = false;
	sandbox_vm_gone(&b->f->sb, 0);
}

static void keep_request(struct boot *b, struct fakesandbox *f)
{
	_autobuf_ struct buf out = BUF_INIT;
	ProtobufCMessage *message;

	if (pb_unpack(&grpc__create_sandbox_request__descriptor, &f->agent.arena, f->heard.envelope.payload,
	              f->heard.envelope.payload_len, &message, NULL) == 0 &&
	    pbjson_format(message, &out, NULL) == 0)
		(void)snprintf(b->asked, sizeof(b->asked), "%s %s", f->heard.envelope.method, buf_str(&out));
}

/* No assert: it is no thread of cmocka's. */
static void *play_agent(void *arg)
{
	Grpc__HealthCheckResponse health = GRPC__HEALTH_CHECK_RESPONSE__INIT;
	struct boot *b = arg;
	struct fakesandbox *f = b->f;
	struct pollfd p = { .fd = b->listener, .events = POLLIN };

	health.status = b->mood == MOOD_NOT_SERVING ? GRPC__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING
	                                            : GRPC__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
	(void)poll(&p, 1, PATIENCE_MS);
	f->agent.fd = accept4(b->listener, NULL, NULL, SOCK_CLOEXEC);
	if (f->agent.fd < 0 || fake_peer_read(&f->agent, &f->heard) != 1)
		return NULL;
	fake_peer_answer(&f->agent, f->heard.stream, &health.base);
	if (fake_peer_read(&f->agent, &f->heard) != 1)
		return NULL;
	keep_request(b, f);
	if (b->mood == MOOD_WELL)
		fake_peer_answer(&f->agent, f->heard.stream, NULL);
	else if (b->mood == MOOD_REFUSES)
		fake_peer_fail(&f->agent, f->heard.stream, RPC_INTERNAL, "no such module");
	else if (b->mood == MOOD_HANGS_UP)
		f->agent.fd = fd_close(f->agent.fd);
	return NULL;
}

static int setup(void **state)
{
	struct boot *b = calloc(1, sizeof(*b));
	struct addr a = { .kind = ADDR_UNIX };
	struct fakesandbox *f;

	if (!b || fakesandbox_setup((void **)&b->f) < 0)
		return -1;
	f = b->f;
	agentlink_close(&f->sb.link);
	f->agent.fd = fd_close(f->agent.fd);
	f->sb.vm = NULL;
	f->sb.is_booted = false;
	b->ops = *f->vm.base.ops;
	b->ops.agent = agent_of;
	b->ops.explain = explain;
	f->vm.base.ops = &b->ops;
	assert_int_equal(config_set(&f->sb.config, "hypervisor", "virtio_fs_daemon", "/fake/virtiofsd", NULL), 0);
	assert_int_equal(config_set(&f->sb.config, "hypervisor", "vhost_user_vsock_daemon", "/fake/vsockd", NULL), 0);
	assert_int_equal(config_set(&f->sb.config, "hypervisor", "vsock_backend", "vhost-user", NULL), 0);
	(void)snprintf(a.path, sizeof(a.path), "%s/boot", f->root);
	(void)snprintf(b->address, sizeof(b->address), "unix://%s", a.path);
	b->listener = addr_listen(&a, 2, NULL);
	assert_true(b->listener >= 0);
	b->spec.linux = &b->linux;
	b->death.expired = on_death;
	booting = b;
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct boot *b = *state;

	booting = NULL;
	loop_timer_stop(&b->death);
	(void)fd_close(b->listener);
	(void)fakesandbox_teardown((void **)&b->f);
	free(b);
	return 0;
}

static int boot(struct boot *b, struct err *err)
{
	int r;

	assert_int_equal(pthread_create(&b->thread, NULL, play_agent, b), 0);
	r = sandbox_boot(&b->f->sb, &b->spec, err);
	/* Whoever was not called stops waiting. */
	(void)shutdown(b->listener, SHUT_RDWR);
	agentlink_close(&b->f->sb.link);
	assert_int_equal(pthread_join(b->thread, NULL), 0);
	return r;
}

static void expect_failure(struct boot *b, int num, const char *text)
{
	struct err err = ERR_INIT;

	assert_int_equal(boot(b, &err), -num);
	assert_string_equal(err_text(&err), text);
	assert_false(b->f->sb.is_booted);
}

static void the_agent_is_told_the_sandbox(void **state)
{
	struct boot *b = *state;
	struct err err = ERR_INIT;

	b->spec.hostname = (char *)"host";
	b->f->sb.is_kvm = true;
	b->f->sb.config.agent.dial_timeout = 7;
	if (boot(b, &err) < 0)
		fail_msg("%s", err_text(&err));
	assert_true(b->f->sb.is_booted);
	assert_string_equal(b->virtiofsd, "/fake/virtiofsd");
	assert_string_equal(b->vsockd, "/fake/vsockd");
	assert_string_equal(b->params, "memhp_default_state=online_movable ");
	assert_true(b->is_kvm);
	assert_int_equal(b->boot_ms, 7000);
	assert_string_equal(
		b->asked,
		"CreateSandbox "
		"{\"hostname\":\"host\",\"storages\":[{\"driver\":\"virtio-fs\",\"source\":\"kataShared\","
		"\"fstype\":\"virtiofs\",\"mount_point\":\"/run/kata-containers/shared/containers/\"},{\"driver\":"
		"\"ephemeral\",\"source\":\"shm\",\"fstype\":\"tmpfs\",\"options\":[\"noexec\",\"nosuid\",\"nodev\","
		"\"mode=1777\",\"size=67108864\"],\"mount_point\":\"/run/kata-containers/sandbox/"
		"shm\"}],\"sandbox_id\":"
		"\"pod\"}");
	/* Somebody else can clean up from what was written down. */
	assert_string_equal(fakesandbox_state(b->f, "processes.0"), "qemu");
}

static void what_is_configured_is_told(void **state)
{
	struct boot *b = *state;
	struct config *c = &b->f->sb.config;

	assert_int_equal(config_set(c, "hypervisor", "shared_fs", "none", NULL), 0);
	c->agent.enable_debug = true;
	c->agent.debug_console_enabled = true;
	c->runtime.static_sandbox_resource_mgmt = true;
	c->agent.kernel_modules.v = (char *[]){ (char *)"e1000 debug=1 x=2", (char *)"veth", NULL };
	c->agent.kernel_modules.n = 2;
	assert_int_equal(boot(b, NULL), 0);
	assert_string_equal(b->virtiofsd, "");
	assert_string_equal(b->params, "agent.log=debug agent.debug_console agent.debug_console_vport=1026 ");
	assert_non_null(strstr(b->asked, "{\"hostname\":\"pod\",\"storages\":[{\"driver\":\"ephemeral\""));
	assert_non_null(strstr(b->asked,
	                       "\"kernel_modules\":[{\"name\":\"e1000\",\"parameters\":[\"debug=1\",\"x=2\"]},"
	                       "{\"name\":\"veth\"}]"));
}

static void a_vm_that_does_not_start_is_the_reason(void **state)
{
	struct boot *b = *state;
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	b->f->sb.root_disk.fd = fds[1];
	b->start_rc = -EIO;
	expect_failure(b, EIO, "start QEMU: it does not want to");
	assert_null(b->f->sb.vm);
	/* The disk's file ends with who would have had it. */
	assert_int_equal(b->f->sb.root_disk.fd, -EBADF);
	assert_int_equal(read(fds[0], fds, sizeof(fds)), 0);
	(void)close(fds[0]);
}

static void an_agent_that_refuses_is_quoted(void **state)
{
	struct boot *b = *state;

	b->mood = MOOD_REFUSES;
	expect_failure(b, EIO, "create 'sandbox': INTERNAL: no such module");
	/* The VM is for the caller to end. */
	assert_ptr_equal(b->f->sb.vm, &b->f->vm.base);
	assert_false(b->f->vm.is_freed);
}

static void an_agent_that_does_not_serve_is_explained(void **state)
{
	struct boot *b = *state;

	b->mood = MOOD_NOT_SERVING;
	expect_failure(b, EAGAIN, "explained: Check: the agent says that it is not serving (2)");
}

static void an_agent_that_hangs_up_ends_the_wait(void **state)
{
	struct boot *b = *state;
	struct err err = ERR_INIT;

	b->mood = MOOD_HANGS_UP;
	assert_int_equal(boot(b, &err), -ENOTCONN);
	assert_non_null(strstr(err_text(&err), "create 'sandbox': UNAVAILABLE: "));
	assert_false(b->f->sb.is_booted);
}

/* The agent will never answer, and nothing of the call may be left that would be answered later. */
static void a_vm_that_dies_ends_the_wait(void **state)
{
	struct boot *b = *state;

	b->mood = MOOD_SILENT;
	b->dies = true;
	expect_failure(b, EIO, "create the agent's sandbox: the VM has gone");
	fakesandbox_turn(b->f);
	assert_true(b->f->vm.is_freed);
	assert_null(b->f->sb.vm);
}

/* The loop turns while the VM boots: a second VM, or the end of the first, is nothing that a request may bring. */
static void another_create_has_to_wait(void **state)
{
	struct boot *b = *state;
	struct fakesandbox *f = b->f;
	static const char *const requests[] = { "{\"id\":\"web\",\"bundle\":\"/bundle\"}",
		                                "{\"id\":\"web\",\"bundle\":\"/nonexistent\"}" };

	(void)fakesandbox_add(f, FAKESANDBOX_ID, CONTAINER_CREATING);
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		_autoclose_ int verb = fakesandbox_ask(f, sandbox_create, requests[i]);

		assert_string_equal(fakesandbox_said(f, verb),
		                    "{\"errno\":11,\"error\":\"create container 'web': sandbox 'pod' is not booted "
		                    "yet\"}");
	}
	assert_false(b->is_started);
	assert_int_equal(f->sb.end, END_NONE);
}

int test_sandbox_boot(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_agent_is_told_the_sandbox, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_configured_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(a_vm_that_does_not_start_is_the_reason, setup, teardown),
		cmocka_unit_test_setup_teardown(an_agent_that_refuses_is_quoted, setup, teardown),
		cmocka_unit_test_setup_teardown(an_agent_that_does_not_serve_is_explained, setup, teardown),
		cmocka_unit_test_setup_teardown(an_agent_that_hangs_up_ends_the_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(a_vm_that_dies_ends_the_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(another_create_has_to_wait, setup, teardown),
	};

	return cmocka_run_group_tests_name("sandbox_boot", tests, NULL, NULL);
}
