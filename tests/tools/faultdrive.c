/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drives a container's life through an agent of the fault build, with the k-th kernel call failing, for k = 1, 2, ...
 * until none fails any more; or (-x) an exec with passfd streams, or a session of the debug console. After each run the
 * agent must answer, hold what it held before, have told an error that names its object, and be able to do the same
 * without a fault. Prints "ok" and "not ok" lines.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "client/client.h"
#include "client/method.h"
#include "ctl/spec.h"
#include "lib/fd.h"
#include "lib/sys.h"
#include "lib/sys_fault.h"
#include "proto/agent.pb-c.h"
#include "proto/health.pb-c.h"
#include "proto/pboci.h"
#include "tests/lib/holdings.h"
#include "tests/lib/hostside.h"

#define ID          "fault"
#define RUN_DIR     "/run/kata-containers/" ID
#define SHARE_DIR   "/run/kata-containers/shared/containers"
#define SOURCE_ID   "source" /* it stands all the time, and shares a mount */
#define SOURCE_NAME "io.kubernetes.cri.container-name"
#define DISK        "/dev/fault-disk"
#define POLICY      "{\"version\": 1, \"rules\": [{\"allow\": [\"*\"]}]}"
#define CDI_DIR     "/run/cdi"
#define CDI_FILE                                                                                                       \
	"{\"kind\": \"v.com/c\", \"devices\": [{\"name\": \"0\", \"containerEdits\": {\"deviceNodes\": [{\"path\": "   \
	"\"/dev/cdi\", \"hostPath\": \"/dev/zero\"}]}}]}"
#define EXEC_CODE    7
#define CALL_MS      20000
#define CONNECT_MS   2000
#define SETTLE_MS    10000 /* for everything to be gone after a run */
#define SLOW_MS      6000  /* a run that takes longer waited for something that never came */
#define QUIET_RUNS   3     /* runs without a fault that end a sweep: the number of calls differs from run to run */
#define TEXT_MAX     1200
#define OUTPUT_MAX   65536
#define READ_SIZE    32768
#define PROBLEMS_MAX 500

/* What a failure that nobody noticed would change in a container. HOME is a guess where passwd cannot be read. */
static char describe[] =
	"for p in 1 self; do "
	"grep -E '^(Cap|Seccomp:|NoNewPrivs|Groups|Uid|Gid|Umask|SigBlk|SigIgn|SigCgt)' /proc/$p/status; "
	"cat /proc/$p/limits /proc/$p/oom_score_adj /proc/$p/cgroup; ls /proc/$p/fd; done; "
	"cut -d' ' -f4- /proc/1/mountinfo | sed 's/master:[0-9]*//; s/shared:[0-9]*//'; "
	"cat /proc/sys/kernel/hostname; ls -n /dev | sed 's/[A-Z][a-z][a-z] .*:[0-9][0-9] //'; ip link; "
	"nice; pwd; unset HOME; env; exit 7";

struct drive {
	const char *address, *cgroup, *rootfs, *bundle, *mode;
	pid_t agent;
	int errnum, stride;
	long first, last;
	bool verbose, tty;
	const char *beside; /* -x: "passfd", "console"; NULL = a container's life */
	int host[3];        /* fds of the passfd connections */
	unsigned long n_execs;
	char exec_id[32];
	bool has_exec; /* as far as we know, where the container stays */
	struct sys_fault_state *state;
	struct client *client;
	struct holdings base;
	unsigned problems, refused, survived, lost;
	bool has_container;  /* as far as we know */
	char text[TEXT_MAX]; /* the first failure of this run: "CreateContainer: ..." */
	char difference[TEXT_MAX];
	bool was_lost;
	char output[OUTPUT_MAX + 1], wanted[OUTPUT_MAX + 1]; /* of the exec, this time and without a fault */
	size_t output_len, wanted_len;
};

static void pause_ms(long ms)
{
	const struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	(void)nanosleep(&ts, NULL);
}

static void problem(struct drive *d, long k, const char *what)
{
	d->problems++;
	printf("not ok fault %s %s %ld (%s): %s%s%s\n", d->mode, strerrorname_np(d->errnum), k, d->state->failed, what,
	       d->text[0] ? "; told: " : "", d->text);
}

/* --- what the agent holds ----------------------------------------------------------------------------------------- */

static bool is_base(struct drive *d, struct holdings *ret)
{
	*ret = holdings_count(d->agent, d->cgroup);
	return holdings_are_same(ret, &d->base);
}

static void check_holdings(struct drive *d, long k)
{
	int64_t end = sys_now_ms() + SETTLE_MS;
	struct holdings h;
	char what[256];

	while (!is_base(d, &h)) {
		if (sys_now_ms() < end) {
			pause_ms(2);
			continue;
		}
		(void)snprintf(
			what, sizeof(what),
			"left over: fds %d -> %d, mounts %d -> %d, children %d -> %d, cgroups %d -> %d, files %d -> %d",
			d->base.fds, h.fds, d->base.mounts, h.mounts, d->base.children, h.children, d->base.cgroups,
			h.cgroups, d->base.files, h.files);
		problem(d, k, what);
		d->base = h; /* told once */
		return;
	}
}

/* --- calls -------------------------------------------------------------------------------------------------------- */

static bool connect_agent(struct drive *d)
{
	struct err err = ERR_INIT;

	d->client = client_free(d->client);
	if (client_open(&d->client, d->address, CONNECT_MS, &err) == 0)
		return true;
	d->client = NULL;
	return false;
}

/* True = answered OK; else the first failure is noted. */
static bool call(struct drive *d, const char *name, const void *request, struct client_reply *ret)
{
	struct client_method m;

	*ret = (struct client_reply){ .text = "" };
	if (!d->client || method_find(name, &m) < 0 || client_call(d->client, &m, request, CALL_MS, ret) < 0) {
		d->was_lost = true;
		return false;
	}
	if (ret->code == RPC_OK)
		return true;
	d->was_lost |= ret->is_lost;
	if (d->text[0] == '\0')
		(void)snprintf(d->text, sizeof(d->text), "%s: %s%s", name,
		               ret->is_local && !ret->is_lost ? "(no answer) " : "", ret->text);
	return false;
}

static bool call_empty(struct drive *d, const char *name, const void *request)
{
	_autoreply_ struct client_reply reply = { .text = "" };

	return call(d, name, request, &reply);
}

static struct oci_spec *build_spec(const struct drive *d, struct arena *arena)
{
	static char *sleeper[] = { "sleep", "1000" };
	struct spec_options o = { .id = ID, .tty = d->tty, .args = sleeper, .n_args = 2 };
	struct oci_spec *spec = NULL;
	struct err err = ERR_INIT;

	if (d->bundle)
		o.bundle = d->bundle;
	else
		o.rootfs = RUN_DIR "/rootfs";
	if (spec_build(&o, arena, &spec, &err) < 0) {
		fprintf(stderr, "faultdrive: %s\n", err_text(&err));
		exit(2);
	}
	return spec;
}

/* --- what a container has besides: an annotated device, a disk, a shared mount ------------------------------------ */

static bool prepare_guest(const struct drive *d)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "/proc/%d/root" DISK, (int)d->agent);
	if (mknod(path, S_IFBLK | 0600, makedev(7, 99)) < 0 && errno != EEXIST)
		return false;
	return hostside_write_in_guest(d->agent, CDI_DIR, "fault.json", CDI_FILE);
}

static bool annotate(struct arena *arena, struct oci_spec *spec, const char *key, const char *value)
{
	struct oci_pair *pair = arena_alloc(arena, sizeof(*pair));

	if (!pair)
		return false;
	*pair = (struct oci_pair){ arena_strdup(arena, key), arena_strdup(arena, value) };
	spec->annotations = (struct oci_pairs){ pair, 1 };
	return pair->key && pair->value;
}

/* The number is the host's; the guest's takes its place. */
static bool add_disk(struct arena *arena, struct oci_spec *spec)
{
	struct oci_linux *lin = spec->linux;
	struct oci_device *list = arena_array(arena, lin->n_devices + 1, sizeof(*list));

	if (!list)
		return false;
	if (lin->n_devices > 0)
		memcpy(list, lin->devices, lin->n_devices * sizeof(*list));
	list[lin->n_devices++] =
		(struct oci_device){ .path = arena_strdup(arena, "/dev/xvda"), .type = 'b', .major = 8 };
	lin->devices = list;
	return true;
}

static bool call_id(struct drive *d, const char *name, const char *id)
{
	Grpc__StartContainerRequest request = GRPC__START_CONTAINER_REQUEST__INIT;

	request.container_id = (char *)(uintptr_t)id;
	return call_empty(d, name, &request);
}

/* Without a fault, once. */
static bool start_source(struct drive *d)
{
	static char *sleeper[] = { "sleep", "100000" };
	struct spec_options o = { .id = SOURCE_ID, .rootfs = d->rootfs, .args = sleeper, .n_args = 2 };
	Grpc__CreateContainerRequest request = GRPC__CREATE_CONTAINER_REQUEST__INIT;
	_autoarena_ struct arena arena = { 0 };
	struct oci_spec *spec = NULL;
	struct oci_mount *mounts;
	struct err err = ERR_INIT;

	if (spec_build(&o, &arena, &spec, &err) < 0 || !annotate(&arena, spec, SOURCE_NAME, SOURCE_ID))
		return false;
	mounts = arena_array(&arena, spec->n_mounts + 1, sizeof(*mounts));
	if (!mounts)
		return false;
	memcpy(mounts, spec->mounts, spec->n_mounts * sizeof(*mounts));
	mounts[spec->n_mounts++] = (struct oci_mount){ .destination = arena_strdup(&arena, "/from"),
		                                       .source = arena_strdup(&arena, "tmpfs"),
		                                       .type = arena_strdup(&arena, "tmpfs") };
	spec->mounts = mounts;
	if (pboci_spec_to_pb(&arena, spec, &request.oci, NULL) < 0)
		return false;
	request.container_id = request.exec_id = SOURCE_ID;
	return call_empty(d, "CreateContainer", &request) && call_id(d, "StartContainer", SOURCE_ID);
}

static bool remove_source(struct drive *d)
{
	Grpc__RemoveContainerRequest request = GRPC__REMOVE_CONTAINER_REQUEST__INIT;

	request.container_id = SOURCE_ID;
	return call_empty(d, "RemoveContainer", &request);
}

/* A policy that allows all: what follows is judged by it. */
static bool set_policy(struct drive *d)
{
	Grpc__SetPolicyRequest request = GRPC__SET_POLICY_REQUEST__INIT;

	request.policy = POLICY;
	return call_empty(d, "SetPolicy", &request);
}

static bool create(struct drive *d)
{
	static char *volume_options[] = { "mode=0750", "fsgid=7" };
	char lower[PATH_MAX], *overlay_options[] = { lower, "io.katacontainers.fs-opt.overlay-rw" };
	_autoarena_ struct arena arena = { 0 };
	Grpc__Storage ephemeral = GRPC__STORAGE__INIT, local = GRPC__STORAGE__INIT, overlay = GRPC__STORAGE__INIT;
	Grpc__Storage root = GRPC__STORAGE__INIT, watchable = GRPC__STORAGE__INIT;
	Grpc__Storage *storages[] = { &ephemeral, &local, &overlay, &root, &watchable };
	Grpc__SharedMount shared = GRPC__SHARED_MOUNT__INIT, *shared_mounts[] = { &shared };
	Grpc__Device disk = GRPC__DEVICE__INIT, *devices[] = { &disk };
	struct oci_spec *spec = build_spec(d, &arena);
	char source[PATH_MAX];
	Grpc__CreateContainerRequest request = GRPC__CREATE_CONTAINER_REQUEST__INIT;

	if (!annotate(&arena, spec, "cdi.k8s.io/fault", "v.com/c=0") || !add_disk(&arena, spec) ||
	    pboci_spec_to_pb(&arena, spec, &request.oci, NULL) < 0)
		return false;
	disk.type = "mmioblk";
	disk.vm_path = DISK;
	disk.container_path = "/dev/xvda";
	request.devices = devices;
	request.n_devices = 1;
	ephemeral.driver = "ephemeral";
	ephemeral.source = "tmpfs";
	ephemeral.fstype = "tmpfs";
	ephemeral.mount_point = "/run/kata-containers/sandbox/ephemeral";
	local.driver = "local";
	local.mount_point = "/run/kata-containers/sandbox/local";
	local.options = volume_options;
	local.n_options = 2;
	(void)snprintf(lower, sizeof(lower), "lowerdir=%s", d->rootfs);
	overlay.driver = "overlayfs";
	overlay.source = "none";
	overlay.fstype = "overlay";
	overlay.mount_point = RUN_DIR "/rootfs";
	overlay.options = overlay_options;
	overlay.n_options = 2;
	request.container_id = request.exec_id = ID;
	request.storages = storages;
	request.n_storages = 5;
	root.driver = "local";
	root.mount_point = SHARE_DIR "/watchable";
	watchable.driver = "watchable-bind";
	watchable.source = source;
	watchable.mount_point = SHARE_DIR "/watchable/etc";
	(void)snprintf(source, sizeof(source), "%s/etc", d->rootfs);
	shared.src_ctr = SOURCE_ID;
	shared.src_path = "/from";
	shared.dst_path = "/tmp/shared";
	request.shared_mounts = shared_mounts;
	request.n_shared_mounts = 1;
	d->has_container = true;
	return call_empty(d, "CreateContainer", &request);
}

static bool start(struct drive *d)
{
	Grpc__StartContainerRequest request = GRPC__START_CONTAINER_REQUEST__INIT;

	request.container_id = ID;
	return call_empty(d, "StartContainer", &request);
}

static bool is_beside(const struct drive *d, const char *what)
{
	return d->beside && strcmp(d->beside, what) == 0;
}

static char *container_of_exec(const struct drive *d)
{
	return d->beside ? SOURCE_ID : ID;
}

static void hang_up(struct drive *d)
{
	for (int i = 0; i < 3; i++)
		d->host[i] = fd_close(d->host[i]);
}

/* From the same ports each time: what a run has left without a name is replaced by the next one's. */
static bool call_for_streams(struct drive *d, Grpc__ExecProcessRequest *request)
{
	for (int i = 0; i < 3; i++) {
		d->host[i] = hostside_call_from(d->address, 900 + (uint32_t)i);
		d->was_lost |= d->host[i] < 0;
	}
	request->stdin_port = 900;
	request->stdout_port = 901;
	request->stderr_port = 902;
	return !d->was_lost && shutdown(d->host[0], SHUT_WR) == 0;
}

static bool exec_short(struct drive *d)
{
	static char *args[] = { "sh", "-c", describe };
	_autoarena_ struct arena arena = { 0 };
	Grpc__ExecProcessRequest request = GRPC__EXEC_PROCESS_REQUEST__INIT;
	struct oci_process *process = build_spec(d, &arena)->process;

	process->args = (struct oci_strings){ args, 3 };
	if (pboci_process_to_pb(&arena, process, &request.process, NULL) < 0)
		return false;
	(void)snprintf(d->exec_id, sizeof(d->exec_id), "short-%lu", d->n_execs++);
	request.container_id = container_of_exec(d);
	request.exec_id = d->exec_id;
	if (is_beside(d, "passfd") && !call_for_streams(d, &request))
		return false;
	d->has_exec = true;
	return call_empty(d, "ExecProcess", &request);
}

static bool wait_short(struct drive *d, int *ret)
{
	_autoreply_ struct client_reply reply = { .text = "" };
	Grpc__WaitProcessRequest request = GRPC__WAIT_PROCESS_REQUEST__INIT;

	request.container_id = container_of_exec(d);
	request.exec_id = d->exec_id;
	if (!call(d, "WaitProcess", &request, &reply))
		return false;
	*ret = ((Grpc__WaitProcessResponse *)reply.message)->status;
	return true;
}

static bool read_rest(struct drive *d, const char *method)
{
	Grpc__ReadStreamRequest request = GRPC__READ_STREAM_REQUEST__INIT;

	request.container_id = container_of_exec(d);
	request.exec_id = d->exec_id;
	request.len = READ_SIZE;
	for (;;) {
		_autoreply_ struct client_reply reply = { .text = "" };
		const Grpc__ReadStreamResponse *message;

		if (!call(d, method, &request, &reply))
			return false;
		message = (const Grpc__ReadStreamResponse *)reply.message;
		if (message->data.len == 0)
			return true;
		if (message->data.len > OUTPUT_MAX - d->output_len)
			return false;
		memcpy(d->output + d->output_len, message->data.data, message->data.len);
		d->output_len += message->data.len;
	}
}

/* What a passfd connection did not get out is there for the calls. */
static bool read_short(struct drive *d)
{
	ssize_t n = 0;

	d->output_len = 0;
	if (is_beside(d, "passfd")) {
		if (!read_rest(d, "ReadStderr"))
			return false;
		n = hostside_read(d->host[1], d->output, OUTPUT_MAX, CALL_MS);
	}
	if (n < 0) {
		d->was_lost = true;
		return false;
	}
	d->output_len = (size_t)n;
	if (!read_rest(d, "ReadStdout"))
		return false;
	d->has_exec = false;
	return true;
}

/* Where the container stays, the exec has to be seen off. */
static bool end_exec(struct drive *d)
{
	Grpc__SignalProcessRequest request = GRPC__SIGNAL_PROCESS_REQUEST__INIT;
	int code;

	request.container_id = container_of_exec(d);
	request.exec_id = d->exec_id;
	request.signal = SIGKILL;
	(void)call_empty(d, "SignalProcess", &request);
	(void)wait_short(d, &code);
	d->output_len = 0;
	(void)read_rest(d, "ReadStdout");
	(void)read_rest(d, "ReadStderr");
	d->has_exec = false;
	return !d->was_lost;
}

static bool remove_container(struct drive *d)
{
	Grpc__RemoveContainerRequest request = GRPC__REMOVE_CONTAINER_REQUEST__INIT;

	request.container_id = ID;
	if (!call_empty(d, "RemoveContainer", &request))
		return false;
	d->has_container = false;
	return true;
}

/* --- one run ------------------------------------------------------------------------------------------------------ */

/* The first run says what is right; the first line that is different is kept for the message. */
static bool is_as_wanted(struct drive *d)
{
	size_t i = 0, line = 0;

	if (d->wanted_len == 0) {
		memcpy(d->wanted, d->output, d->output_len);
		d->wanted_len = d->output_len;
	}
	while (i < d->output_len && i < d->wanted_len && d->output[i] == d->wanted[i]) {
		if (d->output[i++] == '\n')
			line = i;
	}
	if (i == d->output_len && i == d->wanted_len)
		return true;
	(void)snprintf(d->difference, sizeof(d->difference), "something differs: '%.*s' instead of '%.*s'",
	               (int)strcspn(d->output + line, "\r\n"), d->output + line, (int)strcspn(d->wanted + line, "\r\n"),
	               d->wanted + line);
	return false;
}

/* True = as it should be; a refusal is for the eyes of whoever sits there. */
static bool use_console(struct drive *d)
{
	static const char refusal[] = "no debug console: ";
	const char *why;
	ssize_t n = hostside_console(d->address, "echo $((6 * 7))-mark; exit\n", d->output, OUTPUT_MAX, CALL_MS);

	if (n >= 0 && strstr(d->output, "42-mark"))
		return true;
	why = n > 0 ? strstr(d->output, refusal) : NULL;
	d->was_lost = !why;
	if (why)
		(void)snprintf(d->text, sizeof(d->text), "%s", why + strlen(refusal));
	return false;
}

static bool live(struct drive *d, int *ret_code)
{
	if (!set_policy(d))
		return false;
	if (!d->beside && !create(d)) {
		/* It was told that there is none; the next one of this name finds out. */
		d->has_container = d->was_lost;
		return false;
	}
	if (!d->beside && !start(d))
		return false;
	if (!exec_short(d) || !wait_short(d, ret_code) || !read_short(d))
		return false;
	return d->beside || remove_container(d);
}

/* NULL if all went well, else what was wrong in spite of answers that said OK; an error answer is in d->text. */
static const char *scenario(struct drive *d)
{
	int code = -1;
	bool done;

	d->text[0] = '\0';
	d->was_lost = d->has_container = false;
	if (!connect_agent(d)) {
		d->was_lost = true;
		return NULL;
	}
	if (is_beside(d, "console")) {
		(void)use_console(d);
		return NULL;
	}
	done = live(d, &code);
	hang_up(d);
	if (!done)
		return NULL;
	if (code != EXEC_CODE)
		return "wrong exit code";
	return is_as_wanted(d) ? NULL : d->difference;
}

/* Removes what is left, as a host would; a create that nobody waits for any more may be under way. */
static bool clean_up(struct drive *d)
{
	int64_t end = sys_now_ms() + SETTLE_MS;

	if (d->was_lost && !connect_agent(d))
		return false;
	if (d->beside && d->has_exec) {
		d->was_lost = false;
		if (!end_exec(d))
			return false;
	}
	while (d->has_container) {
		d->text[0] = '\0';
		if (remove_container(d) || strcasestr(d->text, "invalid container id"))
			d->has_container = false;
		else if (sys_now_ms() > end)
			return false;
		else
			pause_ms(5);
	}
	return true;
}

static bool is_healthy(struct drive *d)
{
	Grpc__CheckRequest request = GRPC__CHECK_REQUEST__INIT;

	return connect_agent(d) && call_empty(d, "Health.Check", &request);
}

/* An error is good if it names its object; where the connection ended there is none. */
static bool names_object(const struct drive *d)
{
	const char *quote = strchr(d->text, '\'');

	return d->was_lost || (quote && strchr(quote + 1, '\''));
}

static void arm(struct drive *d, int64_t k)
{
	memset(d->state, 0, sizeof(*d->state));
	d->state->countdown = k;
	d->state->errnum = d->errnum;
	__atomic_store_n(&d->state->armed, 1, __ATOMIC_SEQ_CST);
}

static bool disarm(struct drive *d)
{
	__atomic_store_n(&d->state->armed, 0, __ATOMIC_SEQ_CST);
	return __atomic_load_n(&d->state->countdown, __ATOMIC_SEQ_CST) <= 0;
}

/* An EIO of a terminal is its end, so what is lost then is no fault of the agent's. */
static bool is_end_of_terminal(const struct drive *d)
{
	return d->tty && d->errnum == EIO && strcmp(d->state->failed, "read") == 0;
}

static void recover(struct drive *d, long k)
{
	char told[TEXT_MAX], what[TEXT_MAX + 64];
	const char *wrong;

	memcpy(told, d->text, sizeof(told));
	if (!clean_up(d)) {
		(void)snprintf(what, sizeof(what), "cannot be removed: %s; before", d->text);
		memcpy(d->text, told, sizeof(told));
		problem(d, k, what);
	}
	if (!is_healthy(d))
		problem(d, k, "Health.Check fails");
	wrong = scenario(d);
	if (wrong || d->text[0] || d->was_lost) {
		(void)snprintf(what, sizeof(what), "does not work afterwards: %s%s; before", wrong ? wrong : "",
		               d->text);
		memcpy(d->text, told, sizeof(told));
		problem(d, k, what);
		(void)clean_up(d);
	}
	d->client = client_free(d->client);
	memcpy(d->text, told, sizeof(told));
	check_holdings(d, k);
}

/* False when the k-th call did not happen. */
static bool run_one(struct drive *d, long k)
{
	int64_t begin = sys_now_ms(), took;
	const char *wrong;
	bool fired;

	arm(d, k);
	wrong = scenario(d);
	fired = disarm(d);
	took = sys_now_ms() - begin;
	if (d->verbose && fired)
		printf("# %ld %s %s: %s (%lld ms)\n", k, strerrorname_np(d->errnum), d->state->failed,
		       d->was_lost  ? "connection lost"
		       : d->text[0] ? d->text
		                    : "survived",
		       (long long)took);
	if (wrong && !is_end_of_terminal(d))
		problem(d, k, wrong);
	if (took > SLOW_MS)
		problem(d, k, "took too long");
	if (d->text[0] && !names_object(d))
		problem(d, k, "the error names no object");
	if (!fired && (d->text[0] || d->was_lost))
		problem(d, k, "failed without a fault");
	d->lost += d->was_lost;
	d->refused += !d->was_lost && d->text[0];
	d->survived += fired && !d->was_lost && !d->text[0];
	recover(d, k);
	return fired;
}

static void sweep(struct drive *d)
{
	unsigned quiet = 0;
	long k, runs = 0, seen;

	arm(d, INT64_MAX);
	(void)scenario(d);
	(void)disarm(d);
	seen = (long)d->state->seen;
	d->client = client_free(d->client);
	for (k = d->first; quiet < QUIET_RUNS && k <= d->last && d->problems < PROBLEMS_MAX; k += d->stride) {
		quiet = run_one(d, k) ? 0 : quiet + 1;
		runs++;
		if (kill(d->agent, 0) < 0) {
			problem(d, k, "the agent has died");
			break;
		}
	}
	printf("# %s %s: %ld calls seen, %ld runs up to call %ld: %u failed, %u survived, %u lost the connection\n",
	       d->mode, strerrorname_np(d->errnum), seen, runs, k - d->stride, d->refused, d->survived, d->lost);
	if (d->problems == 0)
		printf("ok fault %s %s\n", d->mode, strerrorname_np(d->errnum));
	if (seen < (is_beside(d, "console") ? 30 : 150))
		printf("not ok fault %s %s: the seam is too thin\n", d->mode, strerrorname_np(d->errnum));
}

static bool parse(struct drive *d, const char **ret_state, int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "a:p:c:f:r:b:e:s:k:n:x:tv")) >= 0) {
		switch (c) {
		case 'a':
			d->address = optarg;
			break;
		case 'p':
			d->agent = atoi(optarg);
			break;
		case 'c':
			d->cgroup = optarg;
			break;
		case 'f':
			*ret_state = optarg;
			break;
		case 'r':
			d->rootfs = optarg;
			break;
		case 'b':
			d->bundle = optarg;
			break;
		case 'e':
			d->errnum = hostside_errno(optarg);
			break;
		case 's':
			d->stride = atoi(optarg);
			break;
		case 'k':
			d->first = atol(optarg);
			break;
		case 'n':
			d->last = atol(optarg);
			break;
		case 'x':
			d->beside = optarg;
			break;
		case 't':
			d->tty = true;
			break;
		case 'v':
			d->verbose = true;
			break;
		default:
			return false;
		}
	}
	d->mode = d->beside ? d->beside : d->bundle ? "bundle" : d->tty ? "tty" : "pipe";
	return d->address && d->agent > 0 && d->cgroup && *ret_state && d->rootfs && d->errnum > 0 && d->stride > 0 &&
	       d->first > 0;
}

int main(int argc, char **argv)
{
	struct drive d = { .errnum = EIO, .stride = 1, .first = 1, .last = LONG_MAX };
	const char *state = NULL, *wrong;
	int fd;

	if (!parse(&d, &state, argc, argv)) {
		fprintf(stderr, "usage: faultdrive -a ADDRESS -p AGENT_PID -c CGROUP_DIR -f STATE_FILE -r ROOTFS\n"
		                "                  [-b BUNDLE] [-e ERRNO] [-k FIRST] [-n LAST] [-s STRIDE] [-t "
		                "(terminals)] [-v]\n"
		                "                  [-x passfd|console]\n");
		return 2;
	}
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	fd = open(state, O_RDWR | O_CLOEXEC);
	d.state = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*d.state), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (d.state == MAP_FAILED) {
		perror(state);
		return 2;
	}
	for (int i = 0; i < 3; i++)
		d.host[i] = -EBADF;
	if (!prepare_guest(&d) || !connect_agent(&d) || !start_source(&d)) {
		printf("not ok fault %s: the guest cannot be prepared: %s\n", d.mode, d.text);
		return 1;
	}
	wrong = scenario(&d);
	if (wrong || d.text[0] || d.was_lost) {
		printf("not ok fault %s: without a fault: %s%s\n", d.mode, wrong ? wrong : "", d.text);
		return 1;
	}
	d.client = client_free(d.client);
	pause_ms(200);
	d.base = holdings_count(d.agent, d.cgroup);
	sweep(&d);
	if (!connect_agent(&d) || !remove_source(&d))
		problem(&d, 0, "the container that stood all the time cannot be removed");
	d.client = client_free(d.client);
	return d.problems > 0;
}
