/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/hookjob.h"

#include <errno.h>
#include <string.h>

#include "agent/container.h"
#include "agent/sandbox.h"
#include "lib/fd.h"
#include "lib/hooks.h"
#include "lib/log.h"
#include "lib/path.h"
#include "lib/sys.h"

#define MARGIN_MS 5000 /* for the job, over what its hooks may take */

static const enum hook_kind own_kinds[][2] = {
	[HOOK_STAGE_CREATE] = { HOOK_PRESTART, HOOK_CREATE_RUNTIME },
	[HOOK_STAGE_START] = { HOOK_POSTSTART, HOOK_KIND_INVALID },
	[HOOK_STAGE_STOP] = { HOOK_POSTSTOP, HOOK_KIND_INVALID },
};

static const char *const statuses[] = {
	[HOOK_STAGE_CREATE] = "creating",
	[HOOK_STAGE_START] = "running",
	[HOOK_STAGE_STOP] = "stopped",
};

static const char *guest_dir(const struct container *c)
{
	const struct sandbox_config *config = c->sandbox->config;

	return config ? config->guest_hook_path : NULL;
}

bool hookjob_is_needed(const struct container *c, enum hook_stage stage)
{
	const struct oci_spec *spec = c->config->spec;

	return guest_dir(c) || hooks_of(spec, own_kinds[stage][0])->n > 0 || hooks_of(spec, own_kinds[stage][1])->n > 0;
}

bool hookjob_stops_before_pivot(const struct container *c)
{
	return guest_dir(c) || hooks_stop_before_pivot(c->config->spec);
}

unsigned hookjob_child_budget_ms(const struct container *c)
{
	const struct oci_spec *spec = c->config->spec;

	return hooks_budget_ms(hooks_of(spec, HOOK_CREATE_CONTAINER), HOOKS_DEFAULT_S) +
	       hooks_budget_ms(hooks_of(spec, HOOK_START_CONTAINER), HOOKS_DEFAULT_S);
}

/* --- in the job --------------------------------------------------------------------------------------------------- */

static int run_guest_hooks(const struct hookjob *h, const struct oci_state *state, struct buf *warnings)
{
	static const enum hook_kind kinds[] = {
		[HOOK_STAGE_CREATE] = HOOK_PRESTART,
		[HOOK_STAGE_START] = HOOK_POSTSTART,
		[HOOK_STAGE_STOP] = HOOK_POSTSTOP,
	};
	_autoarena_ struct arena arena = { 0 };
	struct oci_hook_list hooks = { 0 };
	struct err err = ERR_INIT;

	if (!guest_dir(h->c))
		return 0;
	if (hooks_scan(&arena, guest_dir(h->c), kinds[h->stage], &hooks, &err) < 0)
		return buf_printf(warnings, "%s\n", err.text);
	return hooks_run_all(&hooks, kinds[h->stage], state, HOOKS_DEFAULT_S, warnings);
}

static int run_own_hooks(const struct hookjob *h, const struct oci_state *state, struct buf *warnings, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(own_kinds[0]); i++) {
		enum hook_kind kind = own_kinds[h->stage][i];
		const struct oci_hook_list *list = hooks_of(h->c->config->spec, kind);

		if (h->stage == HOOK_STAGE_CREATE)
			r = hooks_run(list, kind, state, HOOKS_DEFAULT_S, err);
		else
			r = hooks_run_all(list, kind, state, HOOKS_DEFAULT_S, warnings);
	}
	return r;
}

/* The reply is the text of what is only to be logged. */
static int run_hooks(void *arg, struct job_reply *reply, struct err *err)
{
	const struct hookjob *h = arg;
	const struct container *c = h->c;
	_autoarena_ struct arena arena = { 0 };
	const struct oci_state state = {
		.id = c->id,
		.status = statuses[h->stage],
		.pid = h->stage != HOOK_STAGE_STOP && c->init ? c->init->pid : 0,
		.bundle = arena_printf(&arena, SANDBOX_RUN_DIR "/%s", c->id),
		.annotations = &c->config->spec->annotations,
	};
	int r = state.bundle ? 0 : -ENOMEM;

	r = r < 0 ? r : run_own_hooks(h, &state, &reply->data, err);
	r = r < 0 ? r : run_guest_hooks(h, &state, &reply->data);
	return r < 0 && err->num == 0 ? err_set(err, r, "run the hooks of '%s'", c->id) : r;
}

/* --- in the agent ------------------------------------------------------------------------------------------------- */

static void log_warnings(const struct container *c, const struct buf *warnings)
{
	const char *text = buf_str(warnings);

	for (size_t n; *text; text += n + (text[n] == '\n')) {
		n = strcspn(text, "\n");
		log_warning("hooks", "Container '%s': %.*s, ignoring", c->id, (int)n, text);
	}
}

static void on_done(struct job *job, int r, struct job_reply *reply, const struct err *err)
{
	struct hookjob *h = container_of(job, struct hookjob, job);

	if (r >= 0)
		log_warnings(h->c, &reply->data);
	else if (h->stage != HOOK_STAGE_CREATE)
		log_warning("hooks", "Container '%s': %s, ignoring", h->c->id, err_text(err));
	h->done(h, r, err);
}

static unsigned budget(const struct container *c, enum hook_stage stage)
{
	unsigned ms = MARGIN_MS;

	for (size_t i = 0; i < ARRAY_SIZE(own_kinds[0]); i++)
		ms += hooks_budget_ms(hooks_of(c->config->spec, own_kinds[stage][i]), HOOKS_DEFAULT_S);
	return guest_dir(c) ? ms + HOOKS_SCANNED_MAX * HOOKS_DEFAULT_S * 1000 : ms;
}

int hookjob_start(struct hookjob *h, const struct container *c, enum hook_stage stage, hookjob_done done,
                  struct err *err)
{
	h->c = c;
	h->stage = stage;
	h->done = done;
	h->job = (struct job){
		.name = "hooks",
		.run = run_hooks,
		.arg = h,
		.done = on_done,
		.deadline_ms = budget(c, stage),
	};
	return job_start(&c->sandbox->env, &h->job, err);
}

void hookjob_cancel(struct hookjob *h)
{
	job_cancel(&h->job);
}

/* --- the bundle --------------------------------------------------------------------------------------------------- */

static int write_file(int dir, const struct buf *text)
{
	_autoclose_ int fd =
		sys_openat(dir, "config.json", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

	return fd < 0 ? fd : fd_write_all(fd, text->data, text->len);
}

int hookjob_write_config(const struct container *c, const char *root, struct err *err)
{
	_autobuf_ struct buf text = BUF_INIT;
	_autoclose_ int base = -EBADF, dir = -EBADF;
	_autoarena_ struct arena arena = { 0 };
	struct oci_spec spec = *c->config->spec;
	const char *path;
	int r;

	if (!guest_dir(c) && !spec.hooks)
		return 0;
	spec.root_path = (char *)root;
	/* Without CreateSandbox the directory is not there yet. */
	base = sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	path = arena_printf(&arena, SANDBOX_RUN_DIR "/%s", c->id);
	if (base < 0 || !path)
		return err_set(err, base < 0 ? base : -ENOMEM, "make the bundle of '%s'", c->id);
	dir = path_make_dirs_in(base, path, 0755, err);
	if (dir < 0)
		return dir;
	r = oci_spec_format(&spec, &text);
	r = r < 0 ? r : write_file(dir, &text);
	return r < 0 ? err_set(err, r, "write config.json of '%s'", c->id) : 0;
}
