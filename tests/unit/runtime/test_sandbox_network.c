/* SPDX-License-Identifier: Apache-2.0 */
/* The agent is a thread: these calls are waited for. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "lib/fd.h"
#include "runtime/network/plan.h"
#include "runtime/sandbox.h"
#include "tests/lib/tempdir.h"
#include "tests/lib/unit.h"
#include "tests/unit/runtime/fakesandbox.h"

struct fixture {
	struct fakesandbox *f;
	struct arena arena;
	unsigned refused; /* the number of the call that is; 0 = none */
	bool hangs_up;    /* instead */
	char heard[256];
	pthread_t thread;
};

static int setup(void **state)
{
	struct fixture *t = calloc(1, sizeof(*t));

	if (!t || fakesandbox_setup((void **)&t->f) < 0)
		return -1;
	assert_int_equal(netplan_user(&t->arena, "pod", &t->f->sb.network.plan, NULL), 0);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *t = *state;

	t->f->sb.network.plan = (struct netplan){ .n_nics = 0 };
	arena_done(&t->arena);
	(void)fakesandbox_teardown((void **)&t->f);
	free(t);
	return 0;
}

/* Until the connection ends, or it ends it. No assert: it is no thread of cmocka's. */
static void *play_agent(void *arg)
{
	struct fixture *t = arg;
	struct fakesandbox *f = t->f;

	for (unsigned n = 1; fake_peer_read(&f->agent, &f->heard) == 1; n++) {
		(void)strncat(t->heard, f->heard.envelope.method, sizeof(t->heard) - strlen(t->heard) - 2);
		(void)strcat(t->heard, " ");
		if (n != t->refused)
			fake_peer_answer(&f->agent, f->heard.stream, NULL);
		else if (t->hangs_up)
			break;
		else
			fake_peer_fail(&f->agent, f->heard.stream, RPC_INTERNAL, "no such link");
	}
	f->agent.fd = fd_close(f->agent.fd);
	return NULL;
}

static int tell(struct fixture *t, struct err *err)
{
	int r;

	assert_int_equal(pthread_create(&t->thread, NULL, play_agent, t), 0);
	r = sandbox_tell_network(&t->f->sb, err);
	agentlink_close(&t->f->sb.link);
	assert_int_equal(pthread_join(t->thread, NULL), 0);
	return r;
}

static void the_guest_is_told_its_network(void **state)
{
	struct fixture *t = *state;

	assert_int_equal(tell(t, NULL), 0);
	assert_string_equal(t->heard, "UpdateInterface UpdateRoutes ");
}

static void without_a_nic_nothing_is_told(void **state)
{
	struct fixture *t = *state;

	t->f->sb.network.plan.n_nics = 0;
	assert_int_equal(tell(t, NULL), 0);
	assert_string_equal(t->heard, "");
}

/* What comes behind it is not tried. */
static void what_is_refused_is_named(void **state)
{
	struct fixture *t = *state;
	struct err err = ERR_INIT;
	char text[128];

	t->refused = 1;
	assert_int_equal(tell(t, &err), -EIO);
	assert_string_equal(t->heard, "UpdateInterface ");
	(void)snprintf(text, sizeof(text), "give the guest interface '%s': INTERNAL: no such link",
	               t->f->sb.network.plan.nics[0].name);
	assert_string_equal(err_text(&err), text);
}

static void routes_that_are_refused_are_named(void **state)
{
	struct fixture *t = *state;
	struct err err = ERR_INIT;

	t->refused = 2;
	assert_int_equal(tell(t, &err), -EIO);
	assert_string_equal(err_text(&err), "give the guest the routes of 'pod': INTERNAL: no such link");
}

static void an_agent_that_goes_is_not_waited_for(void **state)
{
	struct fixture *t = *state;
	struct err err = ERR_INIT;

	t->refused = 2;
	t->hangs_up = true;
	assert_int_equal(tell(t, &err), -ENOTCONN);
	assert_non_null(strstr(err_text(&err), "give the guest the routes of 'pod': UNAVAILABLE: "));
}

/* Its VM has ended; the answer would never come. */
static void a_vm_that_has_gone_is_not_waited_for(void **state)
{
	struct fixture *t = *state;
	struct err err = ERR_INIT;

	t->f->vm.is_running = false;
	assert_int_equal(sandbox_tell_network(&t->f->sb, &err), -EIO);
	assert_non_null(strstr(err_text(&err), ": the VM has gone"));
	/* The call is forgotten with its connection: nobody's stack is written to. */
	agentlink_close(&t->f->sb.link);
	fakesandbox_turn(t->f);
}

/* The resolv.conf that the container gets, else the one that a VM of its own network needs. */
static void name_servers_come_from_its_mounts(void **state)
{
	struct fixture *t = *state;
	struct sandbox *sb = &t->f->sb;
	char path[128];
	struct oci_mount mounts[] = { { .destination = (char *)"/etc/hosts", .source = (char *)"/nonexistent" },
		                      { .destination = (char *)"/etc/resolv.conf", .source = path } };
	struct oci_spec spec = { .mounts = mounts, .n_mounts = ARRAY_SIZE(mounts) };

	(void)snprintf(path, sizeof(path), "%s/resolv.conf", t->f->root);
	/* One that is not there is as none. */
	sandbox_find_dns(sb, &spec, &t->arena);
	assert_int_equal(sb->n_dns, 0);
	assert_int_equal(config_set(&sb->config, "runtime", "internetworking_model", "user", NULL), 0);
	sandbox_find_dns(sb, &spec, &t->arena);
	assert_int_equal(sb->n_dns, 1);
	assert_string_equal(sb->dns[0], "nameserver 10.0.2.3");
	tempdir_write(t->f->dir, "resolv.conf", "nameserver 192.0.2.1\nsearch example.org\n");
	sandbox_find_dns(sb, &spec, &t->arena);
	assert_int_equal(sb->n_dns, 2);
	assert_string_equal(sb->dns[0], "nameserver 192.0.2.1");
	assert_string_equal(sb->dns[1], "search example.org");
}

int test_sandbox_network(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_guest_is_told_its_network, setup, teardown),
		cmocka_unit_test_setup_teardown(without_a_nic_nothing_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_refused_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(routes_that_are_refused_are_named, setup, teardown),
		cmocka_unit_test_setup_teardown(an_agent_that_goes_is_not_waited_for, setup, teardown),
		cmocka_unit_test_setup_teardown(a_vm_that_has_gone_is_not_waited_for, setup, teardown),
		cmocka_unit_test_setup_teardown(name_servers_come_from_its_mounts, setup, teardown),
	};

	return cmocka_run_group_tests_name("sandbox_network", tests, NULL, NULL);
}
