/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/rpc/convert.h"

#include <errno.h>
#include <string.h>

#include "tests/lib/unit.h"

static char web[] = "web", e2[] = "e2", path[] = "/a/b", empty[] = "", opt[] = "mode=0777";

static void container_with_storages(void **state)
{
	Grpc__Spec spec = GRPC__SPEC__INIT;
	Grpc__Root root = GRPC__ROOT__INIT;
	Grpc__CreateContainerRequest req = GRPC__CREATE_CONTAINER_REQUEST__INIT;
	Grpc__Storage storage = GRPC__STORAGE__INIT, bare = GRPC__STORAGE__INIT, *storages[] = { &storage, &bare };
	Grpc__FSGroup group = GRPC__FSGROUP__INIT;
	Grpc__Device device = GRPC__DEVICE__INIT, *devices[] = { &device };
	char *options[] = { opt };
	struct container_config *c = NULL;
	struct err err = ERR_INIT;

	(void)state;
	root.path = path;
	spec.root = &root;
	group.group_id = 44;
	group.group_change_policy = TYPES__FSGROUP_CHANGE_POLICY__OnRootMismatch;
	storage.driver = web;
	storage.source = e2;
	storage.mount_point = path;
	storage.fstype = empty;
	storage.options = options;
	storage.n_options = 1;
	storage.driver_options = options;
	storage.n_driver_options = 1;
	storage.fs_group = &group;
	storage.shared = true;
	req.container_id = web;
	req.oci = &spec;
	req.storages = storages;
	req.n_storages = 2;
	req.sandbox_pidns = true;
	device.id = e2;
	device.type = opt;
	device.container_path = path;
	device.options = options;
	device.n_options = 1;
	req.devices = devices;
	req.n_devices = 1;
	assert_return_code(rpc_container_config(&req, &c, &err), 0);
	assert_string_equal(c->id, "web");
	assert_ptr_not_equal(c->id, web);
	assert_true(c->sandbox_pidns);
	assert_string_equal(c->spec->root_path, "/a/b");
	assert_int_equal(c->n_storages, 2);
	assert_string_equal(c->storages[0].driver, "web");
	assert_string_equal(c->storages[0].source, "e2");
	assert_string_equal(c->storages[0].mount_point, "/a/b");
	assert_null(c->storages[0].fstype);
	assert_int_equal(c->storages[0].options.n, 1);
	assert_string_equal(c->storages[0].options.v[0], "mode=0777");
	assert_null(c->storages[0].options.v[1]);
	assert_string_equal(c->storages[0].driver_options.v[0], "mode=0777");
	assert_true(c->storages[0].shared);
	assert_true(c->storages[0].has_fs_group);
	assert_int_equal(c->storages[0].fs_group, 44);
	assert_true(c->storages[0].fs_group_on_root_mismatch);
	assert_false(c->storages[1].has_fs_group);
	assert_null(c->storages[1].driver);
	assert_int_equal(c->storages[1].options.n, 0);
	assert_int_equal(c->n_devices, 1);
	assert_string_equal(c->devices[0].id, "e2");
	assert_string_equal(c->devices[0].type, "mode=0777");
	assert_null(c->devices[0].vm_path);
	assert_string_equal(c->devices[0].container_path, "/a/b");
	assert_string_equal(c->devices[0].options.v[0], "mode=0777");
	container_config_free(c);
}

static void bad_spec_is_named(void **state)
{
	Grpc__Spec spec = GRPC__SPEC__INIT;
	Grpc__Linux lin = GRPC__LINUX__INIT;
	Grpc__LinuxNamespace ns = GRPC__LINUX_NAMESPACE__INIT, *namespaces[] = { &ns };
	Grpc__CreateContainerRequest req = GRPC__CREATE_CONTAINER_REQUEST__INIT;
	struct container_config *c = NULL;
	struct err err = ERR_INIT;

	(void)state;
	ns.type = web;
	lin.namespaces = namespaces;
	lin.n_namespaces = 1;
	spec.linux = &lin;
	req.container_id = e2;
	req.oci = &spec;
	assert_int_equal(rpc_container_config(&req, &c, &err), -EINVAL);
	assert_null(c);
	assert_non_null(strstr(err.text, "create container 'e2': "));
	assert_non_null(strstr(err.text, "'web'"));
}

static void exec_takes_the_capabilities_of_its_container(void **state)
{
	struct oci_capabilities own = { .bounding = 7, .effective = 3 };
	struct oci_process init = { .capabilities = &own };
	struct oci_spec spec = { .process = &init };
	Grpc__ExecProcessRequest req = GRPC__EXEC_PROCESS_REQUEST__INIT;
	Grpc__Process process = GRPC__PROCESS__INIT;
	Grpc__LinuxCapabilities capabilities = GRPC__LINUX_CAPABILITIES__INIT;
	struct exec_config *e = NULL;
	struct err err = ERR_INIT;

	(void)state;
	req.container_id = web;
	req.exec_id = e2;
	req.process = &process;
	process.cwd = path;
	assert_return_code(rpc_exec_config(&req, &spec, &e, &err), 0);
	assert_string_equal(e->id, "e2");
	assert_string_equal(e->process->cwd, "/a/b");
	assert_int_equal(e->process->capabilities->bounding, 7);
	assert_int_equal(e->process->capabilities->effective, 3);
	assert_ptr_not_equal(e->process->capabilities, &own);
	exec_config_free(e);
	/* Empty sets that were given are what was asked for. */
	process.capabilities = &capabilities;
	assert_return_code(rpc_exec_config(&req, &spec, &e, &err), 0);
	assert_int_equal(e->process->capabilities->bounding, 0);
	exec_config_free(e);
	process.capabilities = NULL;
	init.capabilities = NULL;
	assert_return_code(rpc_exec_config(&req, &spec, &e, &err), 0);
	assert_null(e->process->capabilities);
	exec_config_free(e);
}

static void sandbox(void **state)
{
	Grpc__CreateSandboxRequest req = GRPC__CREATE_SANDBOX_REQUEST__INIT;
	char *dns[] = { web, e2 };
	struct sandbox_config *s = NULL;
	struct err err = ERR_INIT;

	(void)state;
	req.sandbox_id = web;
	req.hostname = e2;
	req.dns = dns;
	req.n_dns = 2;
	assert_return_code(rpc_sandbox_config(&req, &s, &err), 0);
	assert_string_equal(s->id, "web");
	assert_string_equal(s->hostname, "e2");
	assert_int_equal(s->dns.n, 2);
	assert_string_equal(s->dns.v[1], "e2");
	assert_int_equal(s->n_storages, 0);
	sandbox_config_free(s);
}

int test_convert(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(container_with_storages),
		cmocka_unit_test(bad_spec_is_named),
		cmocka_unit_test(exec_takes_the_capabilities_of_its_container),
		cmocka_unit_test(sandbox),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
