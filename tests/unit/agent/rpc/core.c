/* SPDX-License-Identifier: Apache-2.0 */
/* The fake core below the server under test: it records and answers. Prototypes are the real ones with __wrap_. */
#include <errno.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/cgroups/stats.h"
#include "lib/sys.h"
#include "tests/unit/agent/rpc/fixture.h"

struct fake fake;

static int result(const char *name, struct err *err)
{
	int r = fake.result;

	fake.last = name;
	fake.result = 0;
	return r < 0 ? err_say(err, -r, "fake reason") : 0;
}

static int start(const char *name, struct completion *done, struct err *err)
{
	int r = result(name, err);

	if (r == 0)
		fake.pending = done;
	return r;
}

void fake_complete(int r)
{
	struct completion *done = fake.pending;
	struct err err = ERR_INIT;

	assert_non_null(done);
	fake.pending = NULL;
	if (r < 0)
		(void)err_say(&err, -r, "fake reason");
	done->done(done, r, &err);
}

/* --- lib --------------------------------------------------------------------------------------------------------- */

int __wrap_addr_listen(const struct addr *a, int backlog, struct err *err)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	(void)err;
	memcpy(sun.sun_path, a->path, sizeof(sun.sun_path));
	assert_return_code(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), errno);
	assert_return_code(listen(fd, backlog), errno);
	return fd;
}

int __wrap_addr_check_peer(int fd, struct err *err)
{
	(void)fd;
	return fake.refuse_peers ? err_say(err, EACCES, "fake stranger") : 0;
}

int __real_loop_timer_start(struct loop *loop, struct loop_timer *timer, uint64_t ms);
int __wrap_loop_timer_start(struct loop *loop, struct loop_timer *timer, uint64_t ms)
{
	return __real_loop_timer_start(loop, timer, fake.short_timers ? 20 : ms);
}

int __real_sys_accept(int fd, struct sockaddr *addr, socklen_t *len);
int __wrap_sys_accept(int fd, struct sockaddr *addr, socklen_t *len)
{
	if (fake.no_fds) {
		fake.no_fds = false;
		return -EMFILE;
	}
	return __real_sys_accept(fd, addr, len);
}

int __real_fd_read_file_at(int dirfd, const char *path, size_t max, char **ret, size_t *ret_len);
int __wrap_fd_read_file_at(int dirfd, const char *path, size_t max, char **ret, size_t *ret_len)
{
	if (strcmp(path, "/sys/devices/system/memory/block_size_bytes") != 0)
		return __real_fd_read_file_at(dirfd, path, max, ret, ret_len);
	if (fake.block_size_result < 0)
		return fake.block_size_result;
	if (!fake.block_size)
		return -ENOENT;
	*ret = strdup(fake.block_size);
	if (ret_len)
		*ret_len = strlen(fake.block_size);
	return 0;
}

/* --- sandbox and container --------------------------------------------------------------------------------------- */

struct container *__wrap_sandbox_find(struct sandbox *s, const char *id)
{
	(void)s;
	return strcmp(id, "web") == 0 ? &fake.container : NULL;
}

int __wrap_sandbox_create(struct sandbox *s, struct sandbox_config *config, struct completion *done, struct err *err)
{
	(void)s;
	fake.sandboxed = config;
	return start("sandbox_create", done, err);
}

int __wrap_sandbox_destroy(struct sandbox *s, struct completion *done, struct err *err)
{
	(void)s;
	return start("sandbox_destroy", done, err);
}

struct sandbox_config *__wrap_sandbox_config_free(struct sandbox_config *config)
{
	if (config)
		arena_done(&config->arena);
	free(config);
	return NULL;
}

struct container_config *__wrap_container_config_free(struct container_config *config)
{
	if (config)
		arena_done(&config->arena);
	free(config);
	return NULL;
}

struct exec_config *__wrap_exec_config_free(struct exec_config *config)
{
	if (config)
		arena_done(&config->arena);
	free(config);
	return NULL;
}

const char *__wrap_container_state_name(enum container_state state)
{
	(void)state;
	return "running";
}

const char *__wrap_process_state_name(enum process_state state)
{
	(void)state;
	return "exited";
}

int __wrap_container_create(struct sandbox *s, struct container_config *config, struct completion *done,
                            struct err *err)
{
	(void)s;
	fake.created = config;
	return start("container_create", done, err);
}

int __wrap_container_start(struct container *c, struct completion *done, struct err *err)
{
	assert_ptr_equal(c, &fake.container);
	return start("container_start", done, err);
}

int __wrap_container_exec(struct container *c, struct exec_config *config, struct completion *done, struct err *err)
{
	assert_ptr_equal(c, &fake.container);
	fake.executed = config;
	return start("container_exec", done, err);
}

int __wrap_container_remove(struct container *c, unsigned timeout_s, struct completion *done, struct err *err)
{
	assert_ptr_equal(c, &fake.container);
	fake.timeout = timeout_s;
	return start("container_remove", done, err);
}

int __wrap_container_pause(struct container *c, struct completion *done, struct err *err)
{
	assert_ptr_equal(c, &fake.container);
	return start("container_pause", done, err);
}

int __wrap_container_resume(struct container *c, struct completion *done, struct err *err)
{
	assert_ptr_equal(c, &fake.container);
	return start("container_resume", done, err);
}

int __wrap_container_update(struct container *c, const struct oci_resources *resources, struct completion *done,
                            struct err *err)
{
	assert_ptr_equal(c, &fake.container);
	fake.resources = resources;
	return start("container_update", done, err);
}

int __wrap_container_kill_all(struct container *c, struct err *err)
{
	assert_ptr_equal(c, &fake.container);
	return result("container_kill_all", err);
}

struct process *__wrap_container_find_process(struct container *c, const char *exec_id)
{
	assert_ptr_equal(c, &fake.container);
	if (!exec_id[0] || strcmp(exec_id, "web") == 0)
		return c->init;
	return strcmp(exec_id, "e1") == 0 ? &fake.exec : NULL;
}

const char *const *__wrap_storage_driver_names(void)
{
	static const char *const names[] = { "ephemeral", "local", NULL };

	return names;
}

int __wrap_cgroup_stats_read(const struct cgroup_host *host, const char *path, struct arena *arena,
                             struct cgroup_stats *ret, struct err *err)
{
	(void)host;
	(void)path;
	(void)arena;
	*ret = (struct cgroup_stats){ .cpu_total = 5, .pids_current = 7 };
	return result("cgroup_stats_read", err);
}

/* --- process and streams ----------------------------------------------------------------------------------------- */

void __wrap_process_wait(struct process *p, struct process_waiter *waiter)
{
	(void)p;
	fake.waiter = waiter;
}

void __wrap_process_wait_cancel(struct process_waiter *waiter)
{
	assert_ptr_equal(waiter, fake.waiter);
	fake.waiter = NULL;
	fake.n_cancelled++;
}

int __wrap_process_signal(struct process *p, int sig, struct err *err)
{
	(void)p;
	fake.signal = (unsigned)sig;
	return result("process_signal", err);
}

int __wrap_process_resize(struct process *p, unsigned rows, unsigned columns, struct err *err)
{
	(void)p;
	fake.rows = rows;
	fake.columns = columns;
	return result("process_resize", err);
}

int __wrap_outstream_read(struct outstream *s, struct outstream_reader *reader)
{
	fake.read_from = s;
	fake.reader = reader;
	return result("outstream_read", NULL);
}

void __wrap_outstream_ack(struct outstream_reader *reader, bool delivered)
{
	(void)reader;
	fake.acked = delivered;
	fake.n_acked++;
}

void __wrap_outstream_cancel(struct outstream_reader *reader)
{
	assert_ptr_equal(reader, fake.reader);
	fake.reader = NULL;
	fake.n_cancelled++;
}

int __wrap_instream_write(struct instream *s, struct instream_writer *writer)
{
	int r = result("instream_write", NULL);

	(void)s;
	if (r == 0)
		fake.writer = writer;
	return r;
}

void __wrap_instream_cancel(struct instream_writer *writer)
{
	assert_ptr_equal(writer, fake.writer);
	fake.writer = NULL;
	fake.n_cancelled++;
}

int __wrap_instream_close(struct instream *s)
{
	(void)s;
	fake.closed_stdin++;
	return result("instream_close", NULL);
}

void __wrap_process_counters(const struct process *p, uint64_t *ret_in, struct outstream_counters *ret_out,
                             struct outstream_counters *ret_err)
{
	(void)p;
	*ret_in = 33;
	*ret_out = (struct outstream_counters){ .in = 100, .delivered = 90 };
	*ret_err = (struct outstream_counters){ .in = 50, .delivered = 40 };
}
