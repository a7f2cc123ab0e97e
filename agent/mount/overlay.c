/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mount/overlay.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/sys.h"

#define KEY           "lowerdir="
#define FSCONFIG_TEXT 255
#define NO_SUCH       "/no-such-layer/of-kata-agent"

/* One layer after the other. */
struct walk {
	const char *at;
	bool is_data; /* the layer before it was empty: "::" */
	char path[PATH_MAX];
};

const char *overlay_layers(const char *word)
{
	return strncmp(word, KEY, strlen(KEY)) == 0 ? word + strlen(KEY) : NULL;
}

/* 1 with the path, 0 at the end, -errno. */
static int next_layer(struct walk *w)
{
	size_t n = 0;

	w->is_data = false;
	while (*w->at == ':') {
		w->is_data = w->at[1] == ':' || w->is_data;
		w->at++;
	}
	if (!*w->at)
		return 0;
	for (; *w->at && *w->at != ':'; w->at++) {
		if (*w->at == '\\' && w->at[1])
			w->at++;
		if (n + 1 == sizeof(w->path))
			return -ENAMETOOLONG;
		w->path[n++] = *w->at;
	}
	w->path[n] = '\0';
	return 1;
}

size_t overlay_count(const char *layers)
{
	struct walk w = { .at = layers };
	size_t n = 0;

	while (next_layer(&w) > 0)
		n++;
	return n;
}

/*
 * Who looks for the layer at once knows the word: kernels before 6.5 take any word and look at it later. Asked anew
 * each time: an overlay of that many layers is rare, and the fallback has to be testable.
 */
static bool kernel_takes_layers(void)
{
	_autoclose_ int context = sys_fsopen("overlay", FSOPEN_CLOEXEC);

	return context >= 0 && sys_fsconfig(context, FSCONFIG_SET_STRING, "lowerdir+", NO_SUCH, 0) == -ENOENT;
}

bool overlay_takes_layers(const char *layers)
{
	struct walk w = { .at = layers };
	int r;

	/* For more of them the error is ours, since it has the number. */
	if (overlay_count(layers) > OVERLAY_LAYERS_MAX)
		return false;
	while ((r = next_layer(&w)) > 0)
		if (strlen(w.path) > FSCONFIG_TEXT)
			return false;
	return r == 0 && kernel_takes_layers();
}

int overlay_add_layers(int context, const char *layers)
{
	struct walk w = { .at = layers };
	int r;

	while ((r = next_layer(&w)) > 0) {
		r = sys_fsconfig(context, FSCONFIG_SET_STRING, w.is_data ? "datadir+" : "lowerdir+", w.path, 0);
		if (r < 0)
			return r;
	}
	return r;
}

void overlay_fds_done(struct overlay_fds *fds)
{
	for (size_t i = 0; i < fds->n; i++)
		(void)fd_close(fds->fds[i]);
	free(fds->fds);
	*fds = (struct overlay_fds){ 0 };
}

static char *name_layers(struct arena *arena, const char *layers, struct overlay_fds *fds, struct err *err)
{
	size_t count = overlay_count(layers);
	char *text = arena_strdup(arena, KEY);
	struct walk w = { .at = layers };
	int r = 0;

	if (count > OVERLAY_LAYERS_MAX) {
		(void)err_say(err, E2BIG, "%zu lower directories, the kernel takes %d", count, OVERLAY_LAYERS_MAX);
		return NULL;
	}
	fds->fds = calloc(count + 1, sizeof(*fds->fds));
	while (text && fds->fds && (r = next_layer(&w)) > 0) {
		int fd = sys_openat(AT_FDCWD, w.path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);

		if (fd < 0) {
			(void)err_set(err, fd, "open the lower directory '%s'", w.path);
			return NULL;
		}
		text = arena_printf(arena, "%s%s%d", text, fds->n == 0 ? "" : w.is_data ? "::" : ":", fd);
		fds->fds[fds->n++] = fd;
	}
	if (!text || !fds->fds)
		(void)err_set(err, ENOMEM, "name %zu lower directories", count);
	else if (r < 0)
		(void)err_set(err, r, "a lower directory");
	return fds->fds && r == 0 ? text : NULL;
}

int overlay_name_layers(struct arena *arena, const struct oci_strings *data, struct overlay_fds *ret_fds,
                        struct oci_strings *ret_data, struct err *err)
{
	_cleanup_(overlay_fds_done) struct overlay_fds fds = { 0 };
	char **v = arena_array(arena, data->n + 1, sizeof(*v));

	if (!v)
		return err_set(err, ENOMEM, "name the lower directories");
	for (size_t i = 0; i < data->n; i++) {
		const char *layers = overlay_layers(data->v[i]);

		/* The last one counts, as it does for the kernel. */
		if (layers)
			overlay_fds_done(&fds);
		v[i] = layers ? name_layers(arena, layers, &fds, err) : data->v[i];
		if (!v[i])
			return err && err->num ? -err->num : -ENOMEM;
	}
	*ret_fds = fds;
	fds = (struct overlay_fds){ 0 };
	*ret_data = (struct oci_strings){ .v = v, .n = data->n };
	return 0;
}
