/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/runtime/fakesandbox.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/addr.h"
#include "lib/fd.h"
#include "lib/jsontext.h"
#include "lib/log.h"
#include "proto/health.pb-c.h"
#include "proto/pbjson.h"
#include "proto/pbmem.h"
#include "runtime/place.h"
#include "tests/lib/config.h"
#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"

#define TURNS 12 /* more than anything here needs */

/* --- the hypervisor ----------------------------------------------------------------------------------------------- */

static struct fakevm *fakevm_of(const struct hypervisor *h)
{
	return container_of(h, struct fakevm, base);
}

static int fake_resize(struct hypervisor *h, const struct hotplug_size *want, hotplug_fn fn, void *arg)
{
	struct fakevm *vm = fakevm_of(h);

	vm->n_resizes++;
	vm->want = *want;
	if (vm->resize_rc == 0) {
		vm->resized = fn;
		vm->resized_arg = arg;
	}
	return vm->resize_rc;
}

static void fake_quit(struct hypervisor *h)
{
	fakevm_of(h)->n_quits++;
}

static void fake_kill(struct hypervisor *h)
{
	fakevm_of(h)->n_kills++;
}

static pid_t fake_pid(const struct hypervisor *h)
{
	(void)h;
	return getpid();
}

static bool fake_is_running(const struct hypervisor *h)
{
	return fakevm_of(h)->is_running;
}

static const char *fake_agent(const struct hypervisor *h)
{
	(void)h;
	return "vsock://7:1024";
}

static int fake_list(const struct hypervisor *h, struct json_object *array)
{
	(void)h;
	return json_object_array_add(array, json_object_new_string("qemu"));
}

static const char *fake_panic(const struct hypervisor *h)
{
	return fakevm_of(h)->panic;
}

static void fake_free(struct hypervisor *h)
{
	struct fakevm *vm = fakevm_of(h);

	vm->is_freed = true;
	vm->is_running = false;
	vm->resized = NULL;
}

static const struct hypervisor_ops fake_ops = {
	.name = "fake",
	.resize = fake_resize,
	.quit = fake_quit,
	.kill = fake_kill,
	.pid = fake_pid,
	.is_running = fake_is_running,
	.agent = fake_agent,
	.list = fake_list,
	.panic = fake_panic,
	.free = fake_free,
};

void fakesandbox_resized(struct fakesandbox *f, int64_t vcpus, int64_t memory_mib, const char *why_not)
{
	const struct hotplug_size now = { .vcpus = vcpus, .memory_mib = memory_mib };
	hotplug_fn fn = f->vm.resized;
	struct err err = ERR_INIT;

	assert_non_null(fn);
	f->vm.resized = NULL;
	if (why_not)
		(void)err_say(&err, EIO, "%s", why_not);
	fn(f->vm.resized_arg, &now, why_not ? &err : NULL);
	fakesandbox_turn(f);
}

void fakesandbox_vm_ends(struct fakesandbox *f)
{
	f->vm.is_running = false;
	sandbox_vm_gone(&f->sb, 0);
	fakesandbox_turn(f);
}

/* --- the agent --------------------------------------------------------------------------------------------------- */

static const ProtobufCMethodDescriptor *find_method(const struct envelope_request *e)
{
	return protobuf_c_service_descriptor_get_method_by_name(
		strcmp(e->service, "grpc.Health") == 0 ? &grpc__health__descriptor : &grpc__agent_service__descriptor,
		e->method);
}

/* The client waits for this one. */
static void *answer_check(void *arg)
{
	Grpc__HealthCheckResponse serving = GRPC__HEALTH_CHECK_RESPONSE__INIT;
	struct fakesandbox *f = arg;
	int listener = f->agent.fd;
	struct pollfd p = { .fd = listener, .events = POLLIN };

	(void)poll(&p, 1, 10000);
	serving.status = GRPC__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
	f->agent.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (f->agent.fd >= 0 && fake_peer_read(&f->agent, &f->heard) == 1)
		fake_peer_answer(&f->agent, f->heard.stream, &serving.base);
	(void)close(listener);
	return NULL;
}

static void connect_agent(struct fakesandbox *f)
{
	struct addr a = { .kind = ADDR_UNIX };
	_autofree_ char *address = NULL;
	pthread_t thread;

	(void)snprintf(a.path, sizeof(a.path), "%s/agent", f->root);
	assert_true(asprintf(&address, "unix://%s", a.path) > 0);
	f->agent.fd = addr_listen(&a, 1, NULL);
	assert_true(f->agent.fd >= 0);
	assert_int_equal(pthread_create(&thread, NULL, answer_check, f), 0);
	assert_int_equal(agentlink_open(&f->sb.link, f->loop, address, 10000, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static bool has_request(struct fakesandbox *f)
{
	struct pollfd p = { .fd = f->agent.fd, .events = POLLIN };

	return f->agent.in_pos < f->agent.in_len || poll(&p, 1, 0) == 1;
}

const char *fakesandbox_heard(struct fakesandbox *f)
{
	_autobuf_ struct buf out = BUF_INIT;
	ProtobufCMessage *message;

	fakesandbox_turn(f);
	if (!has_request(f) || fake_peer_read(&f->agent, &f->heard) != 1)
		return "";
	f->method = find_method(&f->heard.envelope);
	assert_non_null(f->method);
	assert_int_equal(pb_unpack(f->method->input, &f->agent.arena, f->heard.envelope.payload,
	                           f->heard.envelope.payload_len, &message, NULL),
	                 0);
	assert_int_equal(buf_printf(&out, "%s ", f->method->name), 0);
	assert_int_equal(pbjson_format(message, &out, NULL), 0);
	(void)snprintf(f->text, sizeof(f->text), "%s", buf_str(&out));
	return f->text;
}

void fakesandbox_answer(struct fakesandbox *f, const char *json)
{
	ProtobufCMessage *reply = NULL;

	assert_int_equal(pbjson_parse(f->method->output, &f->agent.arena, json, strlen(json), &reply, NULL), 0);
	fake_peer_answer(&f->agent, f->heard.stream, reply);
	fakesandbox_turn(f);
}

void fakesandbox_refuse(struct fakesandbox *f, int code, const char *text)
{
	fake_peer_fail(&f->agent, f->heard.stream, code, text);
	fakesandbox_turn(f);
}

void fakesandbox_hang_up(struct fakesandbox *f)
{
	f->agent.fd = fd_close(f->agent.fd);
	fakesandbox_turn(f);
	/* What a lost connection owes comes by a timer. */
	for (int i = 0; i < TURNS; i++)
		assert_int_equal(loop_turn(f->loop, 10), 0);
}

/* --- the verbs --------------------------------------------------------------------------------------------------- */

static void on_request(void *arg, struct wire_request *request)
{
	struct fakesandbox *f = arg;

	f->serve(&f->sb, request);
}

int fakesandbox_ask(struct fakesandbox *f, void (*serve)(struct sandbox *sb, struct wire_request *request),
                    const char *request)
{
	int fds[2];

	f->serve = serve;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(wire_adopt(&f->wire, fds[0]), 0);
	assert_true(dprintf(fds[1], "%s\n", request) > 0);
	fakesandbox_turn(f);
	return fds[1];
}

const char *fakesandbox_said(struct fakesandbox *f, int fd)
{
	ssize_t n;

	fakesandbox_turn(f);
	n = recv(fd, f->text, sizeof(f->text) - 1, MSG_DONTWAIT);
	f->text[n > 0 ? n : 0] = '\0';
	f->text[strcspn(f->text, "\n")] = '\0';
	return f->text;
}

/* --- the sandbox ------------------------------------------------------------------------------------------------- */

void fakesandbox_turn(struct fakesandbox *f)
{
	for (int i = 0; i < TURNS; i++)
		assert_int_equal(loop_turn(f->loop, 0), 0);
}

struct container *fakesandbox_add(struct fakesandbox *f, const char *id, enum container_status status)
{
	struct container *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	list_init(&c->link);
	list_init(&c->disks);
	list_init(&c->volumes);
	c->sandbox = &f->sb;
	c->stdio.fd = -EBADF;
	c->id = strdup(id);
	c->bundle = strdup("/bundle");
	c->annotations = json_object_new_object();
	c->status = status;
	list_append(&f->sb.containers, &c->link);
	return c;
}

const char *fakesandbox_state(struct fakesandbox *f, const char *path)
{
	_autojson_ struct json_object *state = NULL;
	struct json_object *member;

	f->text[0] = '\0';
	if (place_read_state(f->root, FAKESANDBOX_ID, &state, NULL) < 0)
		return f->text;
	member = config_find(state, path);
	if (member)
		(void)snprintf(f->text, sizeof(f->text), "%s", json_object_get_string(member));
	return f->text;
}

static void swallow(void *arg, enum log_level level, const char *line, size_t len)
{
	(void)arg;
	(void)level;
	(void)line;
	(void)len;
}

int fakesandbox_setup(void **state)
{
	const struct sizing_result size = { .vcpus = 1, .memory_mib = 512 };
	struct fakesandbox *f = calloc(1, sizeof(*f));
	const struct tempdir *dir;

	if (!f || tempdir_setup(&f->dir) < 0)
		return -1;
	dir = f->dir;
	(void)snprintf(f->root, sizeof(f->root), "%s", dir->path);
	f->agent.fd = -EBADF;
	log_set_sink(swallow, NULL);
	assert_int_equal(place_make(f->root, FAKESANDBOX_ID, NULL), 0);
	assert_int_equal(loop_new(&f->loop), 0);
	assert_int_equal(sandbox_init(&f->sb, f->loop, f->root, FAKESANDBOX_ID, NULL), 0);
	assert_int_equal(config_init(&f->sb.config, NULL), 0);
	f->sb.config.hypervisor.default_vcpus = 1;
	f->sb.config.hypervisor.default_memory = 512;
	f->sb.config.hypervisor.default_maxvcpus = 4;
	f->sb.config.hypervisor.default_maxmemory = 4096;
	f->wire = (struct wire){ .loop = f->loop, .handler = on_request, .arg = f };
	f->wire.source.fd = -EBADF;
	list_init(&f->wire.incoming);
	f->vm.is_running = true;
	f->vm.base.ops = &fake_ops;
	f->sb.vm = &f->vm.base;
	f->sb.is_booted = true;
	resize_started(&f->sb.resize, &size, false);
	connect_agent(f);
	*state = f;
	return 0;
}

int fakesandbox_teardown(void **state)
{
	struct fakesandbox *f = *state;

	sandbox_done(&f->sb);
	wire_done(&f->wire);
	ttrpc_cutter_done(&f->agent.cutter);
	arena_done(&f->agent.arena);
	(void)fd_close(f->agent.fd);
	(void)loop_free(f->loop);
	log_set_sink(NULL, NULL);
	(void)tempdir_teardown(&f->dir);
	free(f);
	return 0;
}
