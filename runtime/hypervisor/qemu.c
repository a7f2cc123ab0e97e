/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hypervisor/qemu.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "lib/addr.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "lib/spawn.h"
#include "lib/sys.h"
#include "runtime/hypervisor/child.h"
#include "runtime/hypervisor/disks.h"
#include "runtime/hypervisor/hotplug.h"
#include "runtime/hypervisor/lastlines.h"
#include "runtime/hypervisor/logwatch.h"
#include "runtime/hypervisor/patience.h"
#include "runtime/hypervisor/qemu_args.h"
#include "runtime/hypervisor/qmp.h"
#include "runtime/hypervisor/tsc.h"
#include "runtime/hypervisor/vhost_vsock.h"
#include "runtime/hypervisor/virtiofsd_args.h"

#define TURN_MS   50
#define DAEMON_MS 15000 /* until a daemon has made its socket */
#define PROBE_MS  1000  /* between two looks for an agent that does not say that it listens */
#define DAEMON_PROBE_MS                                                                                                \
	20000 /* vhost-device-vsock 0.3.0 is deaf for ever if it is asked before the guest's driver is there */
#define QMP_MS      60000 /* until QEMU has set up its devices */
#define CONSOLE_MAX (256u << 10)
#define GUEST_CID   "3" /* each daemon has a guest of its own, so all may have the same */

struct qemu {
	struct hypervisor base;
	struct loop *loop;
	const struct hypervisor_spec *spec;
	char *dir;
	bool is_kvm;
	struct arena arena; /* of command lines */
	struct child virtiofsd, vsock, qemu;
	struct logwatch vsock_log;
	int vsock_fd; /* the claimed context id */
	char *agent;  /* its address */
	struct qmp *qmp;
	struct hotplug hotplug;
	struct disks disks;
	bool is_ready; /* the monitor has answered */
	struct loop_source console, early;
	int console_log; /* what it says, up to CONSOLE_MAX bytes */
	size_t console_kept;
	struct lastlines lines;
	struct patience patience; /* until the agent listens */
	hypervisor_gone gone;
	void *arg;
};

static const struct qemu *qemu_of(const struct hypervisor *h)
{
	return container_of(h, struct qemu, base);
}

static struct qemu *own(struct hypervisor *h)
{
	return container_of(h, struct qemu, base);
}

static char *file_of(struct qemu *q, const char *name)
{
	return arena_printf(&q->arena, "%s/%s", q->dir, name);
}

static char *log_of(struct qemu *q, const char *name)
{
	return arena_printf(&q->arena, "%s/%s.log", q->dir, name);
}

/* --- daemons ----------------------------------------------------------------------------------------------------- */

static int daemon_failed(struct qemu *q, const struct child *child, struct err *err)
{
	_autofree_ char *line = child_last_line(log_of(q, child->name));

	if (child->is_running)
		return err_say(err, ETIMEDOUT, "start '%s': it makes no socket", child->name);
	return err_say(err, EIO, "start '%s': it ended with status %d: %s", child->name, child->status,
	               line ? line : "it said nothing");
}

/* A daemon is there when its socket is. */
static int start_daemon(struct qemu *q, struct child *child, const char *name, char **argv, const char *socket,
                        struct err *err)
{
	const struct child_spec c = { .name = name, .argv = argv, .log = log_of(q, name), .stdin_fd = -1 };
	int64_t deadline = sys_now_ms() + DAEMON_MS;
	struct stat st;
	int r;

	if (!argv || !c.log)
		return err_set(err, ENOMEM, "start '%s'", name);
	r = child_start(q->loop, child, &c, err);
	if (r < 0)
		return r;
	while (sys_fstatat(AT_FDCWD, socket, &st, 0) < 0) {
		if (!child->is_running || sys_now_ms() > deadline)
			return daemon_failed(q, child, err);
		(void)loop_turn(q->loop, TURN_MS);
	}
	return 0;
}

/* In a bare chroot the root is no mount point, and virtiofsd cannot pivot away from it. */
static bool is_mountpoint_root(void)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	bool found = false;
	char line[4096], point[4];

	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%*d %*d %*s %*s %3s", point) == 1 && strcmp(point, "/") == 0;
	if (f)
		(void)fclose(f);
	return found;
}

static int start_share(struct qemu *q, struct vm_spec *vm, struct err *err)
{
	const struct config_hypervisor *c = vm->config;
	struct virtiofsd_args a = {
		.path = q->spec->virtiofsd,
		.socket = file_of(q, "fs.sock"),
		.dir = q->spec->share_dir,
		.cache = c->virtio_fs_cache,
		.extra = c->virtio_fs_extra_args.v,
		.is_root_mountpoint = is_mountpoint_root(),
	};

	if (!a.path)
		return 0;
	vm->share_socket = a.socket;
	return start_daemon(q, &q->virtiofsd, "virtiofsd", virtiofsd_args(&q->arena, &a), a.socket, err);
}

/* Its thread that moves the bytes is gone, and nobody would ever be answered. */
static void on_vsock_panic(struct logwatch *watch, const char *line)
{
	struct qemu *q = container_of(watch, struct qemu, vsock_log);

	log_error("supervisor", "vhost-device-vsock has failed, so the guest cannot be reached any more: %s", line);
	child_kill(&q->vsock);
}

static int start_vsock_daemon(struct qemu *q, struct vm_spec *vm, struct err *err)
{
	char *socket = file_of(q, "vhost.sock"), *uds = file_of(q, "vsock.sock");
	char *argv[] = { (char *)q->spec->vsock_daemon,
		         (char *)"--guest-cid",
		         (char *)GUEST_CID,
		         (char *)"--socket",
		         socket,
		         (char *)"--uds-path",
		         uds,
		         NULL };
	int r;

	vm->vsock_socket = socket;
	q->agent = arena_printf(&q->arena, "hvsock://%s:%u", uds ? uds : "", q->spec->agent_port);
	r = start_daemon(q, &q->vsock, "vhost-device-vsock", argv, socket, err);
	if (r < 0)
		return r;
	q->vsock_log.path = log_of(q, "vhost-device-vsock");
	q->vsock_log.text = " panicked at ";
	q->vsock_log.found = on_vsock_panic;
	return q->vsock_log.path ? logwatch_start(&q->vsock_log, q->loop, err)
	                         : err_set(err, ENOMEM, "watch the vsock daemon's log");
}

static int start_vsock(struct qemu *q, struct vm_spec *vm, struct err *err)
{
	if (vm->vsock == VM_VSOCK_VHOST_USER)
		return start_vsock_daemon(q, vm, err);
	q->vsock_fd = vhost_vsock_claim(&vm->vsock_cid, err);
	if (q->vsock_fd < 0)
		return q->vsock_fd;
	vm->vsock_fd = q->vsock_fd;
	q->agent = arena_printf(&q->arena, "vsock://%u:%u", vm->vsock_cid, q->spec->agent_port);
	return 0;
}

/* --- console ----------------------------------------------------------------------------------------------------- */

/* The beginning tells how it booted; a guest that talks without end must not fill the host. */
static void keep_console(struct qemu *q, const char *data, size_t n)
{
	size_t left = CONSOLE_MAX - q->console_kept;

	if (q->console_log < 0 || left == 0)
		return;
	if (n > left)
		n = left;
	if (fd_write_all(q->console_log, data, n) < 0)
		q->console_log = fd_close(q->console_log);
	q->console_kept += n;
}

/* True if there may be more. */
static bool read_console(struct qemu *q, struct loop_source *source)
{
	char data[4096];
	ssize_t n = recv(source->fd, data, sizeof(data), MSG_DONTWAIT);

	if (n > 0) {
		lastlines_feed(&q->lines, data, (size_t)n);
		patience_heard(&q->patience, sys_now_ms());
		keep_console(q, data, (size_t)n);
	}
	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return n > 0;
	loop_remove(source);
	source->fd = fd_close(source->fd);
	return false;
}

static int on_console(struct loop_source *source, uint32_t events)
{
	(void)events;
	(void)read_console(container_of(source, struct qemu, console), source);
	return LOOP_KEEP;
}

/* The kernel goes over to the other when it has a driver for it. */
static int on_early(struct loop_source *source, uint32_t events)
{
	(void)events;
	(void)read_console(container_of(source, struct qemu, early), source);
	return LOOP_KEEP;
}

static int connect_unix(struct qemu *q, const char *name, struct err *err)
{
	struct addr a = { .kind = ADDR_UNIX };
	int n = snprintf(a.path, sizeof(a.path), "%s/%s", q->dir, name);

	if (n < 0 || (size_t)n >= sizeof(a.path))
		return err_set(err, ENAMETOOLONG, "connect to '%s/%s'", q->dir, name);
	return addr_connect(&a, DAEMON_MS, err);
}

static int watch_console(struct qemu *q, struct err *err)
{
	int r = connect_unix(q, "console.sock", err);
	const char *log;

	if (r < 0)
		return r;
	log = file_of(q, "console.log");
	if (log)
		q->console_log = sys_openat(AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	q->console = (struct loop_source){ "console", r, EPOLLIN, on_console, NULL };
	r = loop_add(q->loop, &q->console);
	if (r == 0 && q->early.fd >= 0)
		r = loop_add(q->loop, &q->early);
	return r < 0 ? err_set(err, -r, "watch the console") : 0;
}

/* --- QEMU -------------------------------------------------------------------------------------------------------- */

static void on_qemu_ended(struct child *child)
{
	struct qemu *q = container_of(child, struct qemu, qemu);

	if (q->gone)
		q->gone(q->arg, child->status);
}

/* Without its files or its agent a guest is of no use to anybody. */
static void on_daemon_ended(struct child *child)
{
	struct qemu *q = child->owner;

	child_kill(&q->qemu);
}

static void on_ready(void *arg, int rc, struct json_object *result, const struct err *err)
{
	struct qemu *q = arg;

	(void)result;
	(void)err;
	q->is_ready = rc == 0;
}

static int explain(const struct qemu *q, struct err *err)
{
	_autobuf_ struct buf lines = { .max = 600 };
	_autofree_ char *why = strdup(err_text(err));

	(void)lastlines_print(&q->lines, 4, &lines);
	return err_say(err, err->num, "%s; stage reached: %s; likely cause: %s; console:%s",
	               why ? why : "boot the guest", lastlines_stage(&q->lines), lastlines_cause(&q->lines, q->is_kvm),
	               lines.len > 0 ? buf_str(&lines) : " nothing");
}

static int qemu_ended(struct qemu *q, struct err *err)
{
	_autofree_ char *line = child_last_line(log_of(q, "qemu"));

	/* Its end may be seen before the guest's last words, which tell why. */
	while (q->early.fd >= 0 && read_console(q, &q->early))
		;
	while (q->console.fd >= 0 && read_console(q, &q->console))
		;
	if (!line && q->is_ready) {
		(void)err_say(
			err, EIO,
			"boot the guest: it ended before its agent listened, as after a panic (QEMU's status is %d)",
			q->qemu.status);
		return explain(q, err);
	}
	return err_say(err, EIO, "start QEMU: it ended with status %d: %s", q->qemu.status,
	               line ? line : "it said nothing");
}

static void on_event(void *arg, const char *name, struct json_object *data)
{
	struct qemu *q = arg;

	hotplug_event(&q->hotplug, name, data);
	disks_event(&q->disks, name, data);
}

static int open_monitor(struct qemu *q, const struct vm_spec *vm, struct err *err)
{
	const struct qmp_watcher watcher = { on_event, NULL, q };
	int64_t deadline = sys_now_ms() + QMP_MS;
	int r = connect_unix(q, "qmp.sock", err);

	if (r < 0)
		return r;
	r = fd_set_nonblock(r, true) < 0 ? -EIO : qmp_new(q->loop, r, &watcher, &q->qmp);
	if (r == 0)
		r = qmp_command(q->qmp, "query-status", NULL, -1, QMP_MS, on_ready, q);
	if (r < 0)
		return err_set(err, -r, "open QEMU's monitor");
	hotplug_init(&q->hotplug, q->loop, q->qmp, vm);
	disks_init(&q->disks, q->loop, q->qmp, qemu_args_count_disk_bridges(vm));
	while (!q->is_ready && q->qemu.is_running && sys_now_ms() < deadline)
		(void)loop_turn(q->loop, TURN_MS);
	if (!q->qemu.is_running)
		return qemu_ended(q, err);
	return q->is_ready ? 0 : err_say(err, ETIMEDOUT, "start QEMU: its monitor does not answer");
}

/* QEMU's number of an fd that it inherits, or a negative one as it is. */
static int hand_over(struct child_spec *c, int *fds, int fd)
{
	if (fd < 0)
		return fd;
	fds[c->n_fds] = fd;
	c->fds = fds;
	return 3 + (int)c->n_fds++;
}

/* QEMU's end of what tells us the kernel's first words, or negative: a guest boots without. */
static int open_early(struct qemu *q)
{
	int ends[2], r = sys_socketpair(SOCK_STREAM, ends);

	if (r < 0)
		return r;
	q->early = (struct loop_source){ "early console", ends[0], EPOLLIN, on_early, NULL };
	return ends[1];
}

static int start_qemu(struct qemu *q, struct vm_spec *vm, struct err *err)
{
	struct child_spec c = { .name = "qemu", .log = log_of(q, "qemu"), .netns = q->spec->netns };
	struct addr a = { .kind = ADDR_UNIX };
	_autoclose_ int listening = -EBADF, early = -EBADF;
	int fds[SPAWN_FDS_MAX], n, r;

	n = snprintf(a.path, sizeof(a.path), "%s/qmp.sock", q->dir);
	if (n < 0 || (size_t)n >= sizeof(a.path))
		return err_set(err, ENAMETOOLONG, "listen on '%s/qmp.sock'", q->dir);
	listening = addr_listen(&a, 1, err);
	if (listening < 0)
		return listening;
	/* It has nothing to read from us: its stdin is where the monitor is waited for. */
	vm->qmp_fd = 0;
	c.stdin_fd = listening;
	if (vm->disk.fd > 0)
		vm->disk.fd = hand_over(&c, fds, vm->disk.fd);
	if (vm->vsock == VM_VSOCK_VHOST)
		vm->vsock_fd = hand_over(&c, fds, q->vsock_fd);
	for (size_t i = 0; i < vm->n_nics; i++) {
		vm->nics[i].tap_fd = hand_over(&c, fds, vm->nics[i].tap_fd);
		vm->nics[i].vhost_fd = hand_over(&c, fds, vm->nics[i].vhost_fd);
	}
	early = open_early(q);
	vm->early_fd = early >= 0 ? hand_over(&c, fds, early) : 0;
	if (!vm->is_kvm && !qemu_args_has_hotplug(vm))
		vm->tsc_khz = tsc_khz();
	c.argv = qemu_args(&q->arena, vm, err);
	if (!c.argv)
		return -err->num;
	if (!c.log || !q->agent)
		return err_set(err, ENOMEM, "start QEMU");
	r = child_start(q->loop, &q->qemu, &c, err);
	/* QEMU holds it now: its end is the claim's. */
	q->vsock_fd = fd_close(q->vsock_fd);
	if (r < 0)
		return r;
	return open_monitor(q, vm, err);
}

/* True as long as it makes sense to wait. */
static bool is_hopeful(struct qemu *q)
{
	int64_t now = sys_now_ms();
	uint64_t wanted;

	if (patience_wants_work(&q->patience, now) && patience_read_work(q->qemu.pid, &wanted) == 0)
		patience_worked(&q->patience, wanted, now);
	return q->qemu.is_running && !patience_is_over(&q->patience, now);
}

static int wait_agent(struct qemu *q, struct err *err)
{
	int64_t begin = sys_now_ms();
	int64_t probe = begin + (q->vsock.pid > 0 ? DAEMON_PROBE_MS : PROBE_MS);
	bool is_up = false;

	patience_begin(&q->patience, q->spec->boot_ms, begin);
	while (!q->lines.is_listening && !is_up && is_hopeful(q)) {
		(void)loop_turn(q->loop, TURN_MS);
		/* Ours tells its stages and is waited for; asking costs time in which nobody reads the console. */
		if (sys_now_ms() < probe || q->lines.stage[0] != '\0' || !q->spec->is_up)
			continue;
		is_up = q->spec->is_up(q->agent);
		probe = sys_now_ms() + PROBE_MS;
	}
	if (q->lines.is_listening || is_up)
		return 0;
	if (!q->qemu.is_running)
		return qemu_ended(q, err);
	(void)err_say(err, ETIMEDOUT, "boot the guest: the agent does not listen after %d s",
	              (int)((sys_now_ms() - begin) / 1000));
	return explain(q, err);
}

/* One that ends early is no reason for its guest to wait for ever. */
static int check_daemons(struct qemu *q, struct err *err)
{
	if (q->virtiofsd.pid > 0 && !q->virtiofsd.is_running)
		return daemon_failed(q, &q->virtiofsd, err);
	return q->vsock.pid > 0 && !q->vsock.is_running ? daemon_failed(q, &q->vsock, err) : 0;
}

static int start_all(struct qemu *q, struct vm_spec *vm, struct err *err)
{
	int r = start_share(q, vm, err);

	if (r == 0)
		r = start_vsock(q, vm, err);
	if (r == 0)
		r = start_qemu(q, vm, err);
	if (r == 0)
		r = watch_console(q, err);
	if (r == 0)
		r = wait_agent(q, err);
	return r < 0 ? r : check_daemons(q, err);
}

/* --- as sandboxes know it ----------------------------------------------------------------------------------------- */

static void qemu_free(struct hypervisor *h)
{
	struct qemu *q = own(h);

	hotplug_end(&q->hotplug);
	disks_end(&q->disks);
	q->qmp = q->qmp ? qmp_free(q->qmp) : NULL;
	child_done(&q->qemu);
	child_done(&q->virtiofsd);
	logwatch_stop(&q->vsock_log);
	child_done(&q->vsock);
	loop_remove(&q->console);
	loop_remove(&q->early);
	q->console.fd = fd_close(q->console.fd);
	q->early.fd = fd_close(q->early.fd);
	q->vsock_fd = fd_close(q->vsock_fd);
	q->console_log = fd_close(q->console_log);
	arena_done(&q->arena);
	free(q->dir);
	free(q);
}

static int qemu_start(struct loop *loop, const struct hypervisor_spec *spec, hypervisor_gone gone, void *arg,
                      struct hypervisor **ret, struct err *err)
{
	struct qemu *q = calloc(1, sizeof(*q));
	struct vm_spec vm = spec->vm;
	int r;

	if (!q)
		return err_set(err, ENOMEM, "start QEMU");
	q->base.ops = &qemu_ops;
	q->loop = loop;
	q->spec = spec;
	q->is_kvm = vm.is_kvm;
	q->virtiofsd.source.fd = q->vsock.source.fd = q->qemu.source.fd = q->console.fd = q->early.fd = q->vsock_fd =
		q->console_log = -EBADF;
	q->dir = strdup(vm.dir);
	r = q->dir ? start_all(q, &vm, err) : err_set(err, ENOMEM, "start QEMU");
	q->spec = NULL;
	if (r < 0) {
		qemu_free(&q->base);
		return r;
	}
	q->gone = gone;
	q->arg = arg;
	q->qemu.ended = on_qemu_ended;
	q->virtiofsd.owner = q->vsock.owner = q;
	q->virtiofsd.ended = q->vsock.ended = on_daemon_ended;
	*ret = &q->base;
	return 0;
}

static int qemu_resize(struct hypervisor *h, const struct hotplug_size *want, hotplug_fn fn, void *arg)
{
	struct qemu *q = own(h);

	return q->qemu.is_running ? hotplug_resize(&q->hotplug, want, fn, arg) : -ESRCH;
}

static int qemu_plug(struct hypervisor *h, const struct disks_spec *disk, disks_fn fn, void *arg)
{
	struct qemu *q = own(h);

	return q->qemu.is_running ? disks_plug(&q->disks, disk, fn, arg) : -ESRCH;
}

static int qemu_unplug(struct hypervisor *h, int slot, disks_fn fn, void *arg)
{
	struct qemu *q = own(h);

	return q->qemu.is_running ? disks_unplug(&q->disks, slot, fn, arg) : -ESRCH;
}

static int qemu_name_plugged(const struct hypervisor *h, int slot, struct arena *arena, const char **driver,
                             const char **source)
{
	return disks_name(&qemu_of(h)->disks, slot, arena, driver, source);
}

static void qemu_quit(struct hypervisor *h)
{
	struct qemu *q = own(h);

	if (q->qmp)
		(void)qmp_command(q->qmp, "quit", NULL, -1, QMP_MS, NULL, NULL);
}

static void qemu_kill(struct hypervisor *h)
{
	child_kill(&own(h)->qemu);
}

static pid_t qemu_pid(const struct hypervisor *h)
{
	return qemu_of(h)->qemu.pid;
}

static bool qemu_is_running(const struct hypervisor *h)
{
	return qemu_of(h)->qemu.is_running;
}

static const char *qemu_agent(const struct hypervisor *h)
{
	return qemu_of(h)->agent;
}

static int qemu_list(const struct hypervisor *h, struct json_object *array)
{
	const struct qemu *q = qemu_of(h);
	const struct child *all[] = { &q->qemu, &q->virtiofsd, &q->vsock };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		struct json_object *o;

		if (!all[i]->is_running)
			continue;
		o = json_object_new_object();
		if (!o || json_object_object_add(o, "name", json_object_new_string(all[i]->name)) != 0 ||
		    json_object_object_add(o, "pid", json_object_new_int(all[i]->pid)) != 0 ||
		    json_object_object_add(o, "start", json_object_new_uint64(all[i]->start_time)) != 0 ||
		    json_object_array_add(array, o) != 0) {
			(void)json_object_put(o);
			return -ENOMEM;
		}
	}
	return 0;
}

static int qemu_explain(const struct hypervisor *h, struct err *err)
{
	return explain(qemu_of(h), err);
}

static const char *qemu_panic(const struct hypervisor *h)
{
	return lastlines_panic(&qemu_of(h)->lines);
}

static int qemu_name_disk(const struct vm_spec *vm, struct arena *arena, const char **driver, const char **source)
{
	if (qemu_args_has_hotplug(vm)) {
		*driver = "blk";
		*source = arena_printf(arena, "%02x", VM_DISK_SLOT);
	} else {
		/* The image, if the guest boots from one, is the first. */
		*driver = "mmioblk";
		*source = arena_strdup(arena, *vm->config->image ? "/dev/vdb" : "/dev/vda");
	}
	return *source ? 0 : -ENOMEM;
}

const struct hypervisor_ops qemu_ops = {
	.name = "qemu",
	.start = qemu_start,
	.name_disk = qemu_name_disk,
	.resize = qemu_resize,
	.plug = qemu_plug,
	.unplug = qemu_unplug,
	.name_plugged = qemu_name_plugged,
	.quit = qemu_quit,
	.kill = qemu_kill,
	.pid = qemu_pid,
	.is_running = qemu_is_running,
	.agent = qemu_agent,
	.list = qemu_list,
	.explain = qemu_explain,
	.panic = qemu_panic,
	.free = qemu_free,
};
