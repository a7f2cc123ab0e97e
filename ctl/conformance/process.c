/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/conformance/process.h"

#include <stdio.h>
#include <string.h>

#include "lib/base64.h"
#include "proto/agent.pb-c.h"

#define READ_LEN   32768
#define OUTPUT_MAX (64u << 20)

#define CAPS                                                                                                           \
	"[\"CAP_CHOWN\",\"CAP_DAC_OVERRIDE\",\"CAP_FOWNER\",\"CAP_KILL\",\"CAP_SETGID\",\"CAP_SETUID\",\"CAP_SYS_"     \
	"CHROOT\"]"

/* As the Go shim leaves a containerd specification: no pid, network, cgroup and time namespaces, no devices. */
#define MOUNTS                                                                                                         \
	"{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\",\"options\":[\"nosuid\",\"noexec\","         \
	"\"nodev\"]},"                                                                                                 \
	"{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"options\":[\"nosuid\",\"strictatime\","   \
	"\"mode=755\",\"size=65536k\"]},"                                                                              \
	"{\"destination\":\"/dev/pts\",\"type\":\"devpts\",\"source\":\"devpts\",\"options\":[\"nosuid\",\"noexec\","  \
	"\"newinstance\",\"ptmxmode=0666\",\"mode=0620\",\"gid=5\"]},"                                                 \
	"{\"destination\":\"/dev/shm\",\"type\":\"tmpfs\",\"source\":\"shm\",\"options\":[\"nosuid\",\"noexec\","      \
	"\"nodev\",\"mode=1777\",\"size=65536k\"]},"                                                                   \
	"{\"destination\":\"/sys\",\"type\":\"sysfs\",\"source\":\"sysfs\",\"options\":[\"nosuid\",\"noexec\","        \
	"\"nodev\",\"ro\"]},"                                                                                          \
	"{\"destination\":\"/tmp\",\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"options\":[\"nosuid\",\"nodev\"]}"

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

/* The text as a JSON string, in the case's arena. */
static const char *quote(struct conform *c, const char *text)
{
	char *out = arena_alloc(&c->arena, strlen(text) * 6 + 3), *p = out;

	if (!out)
		return NULL;
	*p++ = '"';
	for (; *text; text++) {
		if (*text == '"' || *text == '\\') {
			*p++ = '\\';
			*p++ = *text;
		} else if ((unsigned char)*text < ' ') {
			p += sprintf(p, "\\u%04x", (unsigned)*text);
		} else {
			*p++ = *text;
		}
	}
	*p++ = '"';
	*p = '\0';
	return out;
}

const char *conform_name(struct conform *c)
{
	const char *name = arena_printf(&c->arena, "conform-%u", c->n_containers++);

	return name ? name : "";
}

const char *conform_spec_json(struct conform *c, const struct conform_spec *spec)
{
	const char *id = spec->id ? spec->id : c->cid;
	const char *script = quote(c, spec->script ? spec->script : "exec cat"), *json, *cgroup;

	cgroup = spec->has_no_cgroup ? "" : arena_printf(&c->arena, ",\"CgroupsPath\":\"/conformance/%s\"", id);
	if (!script || !cgroup) {
		(void)conform_fail(c, "out of memory");
		return NULL;
	}
	json = arena_printf(
		&c->arena,
		"{\"container_id\":\"%s\",\"exec_id\":\"%s\"%s,\"OCI\":{\"Version\":\"1.1.0\",\"Process\":{"
		"\"Terminal\":%s,"
		"\"User\":{},\"Args\":[\"sh\",\"-c\",%s],\"Env\":[\"PATH=/bin\",\"TERM=xterm\"],\"Cwd\":\"/\","
		"\"Capabilities\":{\"Bounding\":" CAPS ",\"Effective\":" CAPS ",\"Permitted\":" CAPS "}%s},"
		"\"Root\":{\"Path\":\"%s\"},\"Hostname\":\"%s\",\"Mounts\":[" MOUNTS "%s]%s,"
		"\"Linux\":{\"Namespaces\":[{\"Type\":\"ipc\"},{\"Type\":\"uts\"},{\"Type\":\"mount\"}]%s,"
		"\"MaskedPaths\":[\"/proc/kcore\"],\"ReadonlyPaths\":[\"/proc/sys\"]%s}}}",
		id, spec->exec_id ? spec->exec_id : id, or_empty(spec->request), spec->tty ? "true" : "false", script,
		or_empty(spec->process), c->rootfs, id, or_empty(spec->mounts), or_empty(spec->top), cgroup,
		or_empty(spec->linux_));
	if (!json)
		(void)conform_fail(c, "out of memory");
	return json;
}

bool conform_create(struct conform *c, const struct conform_spec *spec)
{
	const char *json = conform_spec_json(c, spec);

	return json && conform_call_json(c, "CreateContainer", IS_OK, json);
}

bool conform_run(struct conform *c, const struct conform_spec *spec)
{
	return conform_create(c, spec) &&
	       conform_call(c, "StartContainer", IS_OK, "{\"container_id\":\"%s\"}", spec->id ? spec->id : c->cid);
}

/* As the Go shim sends it: no capabilities, no limits. */
bool conform_exec(struct conform *c, const char *exec_id, const char *script, const char *more, unsigned codes)
{
	const char *quoted = quote(c, script);

	return quoted &&
	       conform_call(c, "ExecProcess", codes,
	                    "{\"container_id\":\"$C\",\"exec_id\":\"%s\",\"process\":{\"User\":{},\"Args\":[\"sh\","
	                    "\"-c\",%s],\"Env\":[\"PATH=/bin\"],\"Cwd\":\"/\"%s}}",
	                    exec_id, quoted, or_empty(more));
}

bool conform_exits(struct conform *c, const char *exec_id, int status)
{
	int got;

	if (!conform_call(c, "WaitProcess", IS_OK, "{\"container_id\":\"$C\",\"exec_id\":\"%s\"}", exec_id))
		return false;
	got = ((const Grpc__WaitProcessResponse *)c->reply.message)->status;
	return conform_check(c, got == status, "WaitProcess: status %d instead of %d", got, status);
}

/* One read of at most `len` bytes. */
static bool read_once(struct conform *c, const char *method, const char *exec_id, size_t len, struct buf *out)
{
	const Grpc__ReadStreamResponse *reply;

	if (!conform_call(c, method, IS_OK, "{\"container_id\":\"$C\",\"exec_id\":\"%s\",\"len\":%zu}", exec_id, len))
		return false;
	reply = (const Grpc__ReadStreamResponse *)c->reply.message;
	if (!conform_check(c, reply->data.len <= len, "%s: %zu bytes where %zu were asked for", method, reply->data.len,
	                   len))
		return false;
	return buf_add(out, reply->data.data, reply->data.len) == 0 || conform_fail(c, "out of memory");
}

bool conform_read(struct conform *c, const char *method, const char *exec_id, struct buf *out)
{
	while (out->len < OUTPUT_MAX) {
		size_t before = out->len;

		if (!read_once(c, method, exec_id, READ_LEN, out))
			return false;
		if (out->len == before)
			return true;
	}
	return conform_fail(c, "%s: no end after %zu bytes", method, out->len);
}

static bool is_printed(struct conform *c, struct buf *out, const char *want)
{
	return conform_check(c, conform_same(buf_str(out), out->len, want), "stdout is '%.200s' instead of '%.200s'",
	                     buf_str(out), want);
}

bool conform_prints(struct conform *c, const char *exec_id, const char *want)
{
	_autobuf_ struct buf out = BUF_INIT;

	return conform_read(c, "ReadStdout", exec_id, &out) && is_printed(c, &out, want);
}

bool conform_prints_first(struct conform *c, const char *exec_id, const char *want)
{
	_autobuf_ struct buf out = BUF_INIT;
	size_t before;

	do {
		before = out.len;
		if (!read_once(c, "ReadStdout", exec_id, strlen(want) - before, &out))
			return false;
	} while (out.len > before && out.len < strlen(want));
	return is_printed(c, &out, want);
}

bool conform_write(struct conform *c, const char *exec_id, const void *data, size_t n)
{
	_autofree_ char *text = malloc(base64_encoded_size(n) + 1);
	uint32_t taken;

	if (!text)
		return conform_fail(c, "out of memory");
	base64_encode(data, n, text);
	if (!conform_call(c, "WriteStdin", IS_OK, "{\"container_id\":\"$C\",\"exec_id\":\"%s\",\"data\":\"%s\"}",
	                  exec_id, text))
		return false;
	taken = ((const Grpc__WriteStreamResponse *)c->reply.message)->len;
	return conform_check(c, taken == n, "WriteStdin: %u bytes taken of %zu", taken, n);
}

bool conform_remove(struct conform *c, const char *id)
{
	return conform_call(c, "SignalProcess", IS_ANY, "{\"container_id\":\"%s\",\"signal\":9}", id) &&
	       conform_call(c, "RemoveContainer", IS_OK, "{\"container_id\":\"%s\"}", id);
}

bool conform_script(struct conform *c, const struct conform_spec *spec, const char *want)
{
	_autobuf_ struct buf why = BUF_INIT;

	if (!conform_run(c, spec))
		return false;
	if (!conform_prints(c, "", want)) {
		/* What the script itself has to say about it is worth more. */
		if (!c->is_skipped && conform_read(c, "ReadStderr", "", &why) && why.len > 0) {
			size_t len = strlen(c->why);

			(void)snprintf(c->why + len, sizeof(c->why) - len, "; stderr: '%.150s'", buf_str(&why));
		}
		return false;
	}
	return conform_exits(c, "", 0);
}

/* --- states ------------------------------------------------------------------------------------------------------ */

static bool stands(struct conform *c)
{
	if (c->standing[0]) {
		(void)snprintf(c->cid, sizeof(c->cid), "%s", c->standing);
		if (conform_call(c, "StatsContainer", IS_ANY, "{\"container_id\":\"$C\"}") && c->reply.code == RPC_OK)
			return true;
	}
	(void)snprintf(c->cid, sizeof(c->cid), "%s", conform_name(c));
	if (!conform_run(c, &(struct conform_spec){ .script = "while :; do sleep 1000; done" }))
		return false;
	(void)snprintf(c->standing, sizeof(c->standing), "%s", c->cid);
	c->n_made--; /* it is not this case's to remove */
	return true;
}

static bool ended(struct conform *c)
{
	return conform_run(c, &(struct conform_spec){ .script = "exit 7" });
}

bool conform_enter(struct conform *c, enum conform_state state)
{
	const struct conform_spec cat = { .script = "exec cat" }, tty = { .script = "exec cat", .tty = true };

	switch (state) {
	case CONFORM_NOTHING:
		return true;
	case CONFORM_STANDING:
		return stands(c);
	case CONFORM_CREATED:
		return conform_create(c, &cat);
	case CONFORM_RUNNING:
		return conform_run(c, &cat);
	case CONFORM_TERMINAL:
		return conform_run(c, &tty);
	case CONFORM_PAUSED:
		return conform_run(c, &cat) && conform_call(c, "PauseContainer", IS_OK, "{\"container_id\":\"$C\"}");
	case CONFORM_EXITED:
		/* Both outputs have ended: it is as good as gone. */
		return ended(c) && conform_prints(c, "", "");
	case CONFORM_WAITED:
		return ended(c) && conform_exits(c, "", 7);
	case CONFORM_REMOVED:
		return conform_create(c, &cat) && conform_remove(c, c->cid);
	}
	return conform_fail(c, "unknown state");
}
